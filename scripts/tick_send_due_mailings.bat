@echo off
rem Launches what is due now and delivers it: for cron and Windows Task Scheduler. Arguments go to manage.py send_due_mailings.
"%~dp0manage.bat" send_due_mailings %*
