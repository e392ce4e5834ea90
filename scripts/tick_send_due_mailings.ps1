# Launches what is due now and delivers it: for cron and Windows Task Scheduler. Arguments go to manage.py send_due_mailings.
& (Join-Path $PSScriptRoot 'manage.ps1') send_due_mailings @args
exit $LASTEXITCODE
