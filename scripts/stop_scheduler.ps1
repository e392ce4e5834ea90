# Stops the scheduler of this machine. Arguments go to manage.py stop_scheduler.
& (Join-Path $PSScriptRoot 'manage.ps1') stop_scheduler @args
exit $LASTEXITCODE
