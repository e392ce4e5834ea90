#!/bin/sh
# Stops the scheduler of this machine. Arguments go to manage.py stop_scheduler.
exec sh "$(dirname -- "$(readlink -f -- "$0")")/manage.sh" stop_scheduler "$@"
