# Delivers what was launched until it is stopped. Arguments go to manage.py run_worker.
& (Join-Path $PSScriptRoot 'manage.ps1') run_worker @args
exit $LASTEXITCODE
