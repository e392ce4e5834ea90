@echo off
rem Stops the scheduler of this machine. Arguments go to manage.py stop_scheduler.
call "%~dp0manage.bat" stop_scheduler %*
exit /b %ERRORLEVEL%
