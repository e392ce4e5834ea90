#!/bin/sh
# Delivers what was launched until it is stopped. Arguments go to manage.py run_worker.
exec sh "$(dirname -- "$(readlink -f -- "$0")")/manage.sh" run_worker "$@"
