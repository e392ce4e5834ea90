# Launches due mailings until it is stopped. Arguments go to manage.py run_scheduler.
& (Join-Path $PSScriptRoot 'manage.ps1') run_scheduler @args
exit $LASTEXITCODE
