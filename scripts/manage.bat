@echo off
rem Runs a command of manage.py with the project's own Python, from any folder; its exit status is the command's.
setlocal
set "ROOT=%~dp0.."
set "PYTHON=%ROOT%\.venv\Scripts\python.exe"
if not exist "%PYTHON%" goto missing
"%PYTHON%" "%ROOT%\manage.py" %*
exit /b %ERRORLEVEL%

:missing
echo There is no Python in "%ROOT%\.venv": run py scripts\quickstart.py once, or see docs\operations.md. 1>&2
exit /b 127
