#!/bin/sh
# Runs a command of manage.py with the project's own Python, from any folder; its exit status is the command's.
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
  echo "There is no Python in $root/.venv: run python3 scripts/quickstart.py once, or see docs/operations.md." >&2
  exit 127
fi
exec "$python" "$root/manage.py" "$@"
