#!/bin/sh
# Launches due mailings until it is stopped. Arguments go to manage.py run_scheduler.
exec sh "$(dirname -- "$(readlink -f -- "$0")")/manage.sh" run_scheduler "$@"
