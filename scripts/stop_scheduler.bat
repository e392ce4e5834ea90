@echo off
rem Stops the scheduler of this machine. Arguments go to manage.py stop_scheduler.
"%~dp0manage.bat" stop_scheduler %*
