# Runs a command of manage.py with the project's own Python, from any folder; its exit status is the command's.
$root = Split-Path -Parent $PSScriptRoot
$python = Join-Path $root '.venv\Scripts\python.exe'
if (-not (Test-Path -LiteralPath $python)) {
    [Console]::Error.WriteLine("There is no Python in $root\.venv: run py scripts\quickstart.py once, or see docs\operations.md.")
    exit 127
}
& $python (Join-Path $root 'manage.py') @args
exit $LASTEXITCODE
