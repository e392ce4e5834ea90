@echo off
rem Launches due mailings until it is stopped. Arguments go to manage.py run_scheduler.
"%~dp0manage.bat" run_scheduler %*
