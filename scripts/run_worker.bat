@echo off
rem Delivers what was launched until it is stopped. Arguments go to manage.py run_worker.
"%~dp0manage.bat" run_worker %*
