#!/bin/sh
# Launches what is due now and delivers it: for cron and Windows Task Scheduler. Arguments go to manage.py send_due_mailings.
exec sh "$(dirname -- "$(readlink -f -- "$0")")/manage.sh" send_due_mailings "$@"
