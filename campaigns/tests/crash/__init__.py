"""The promise of docs/sending.md, held against real faults.

`reconciler.py` compares what the mail server took with what the ledger says. Where each fault is tested:

| fault | test |
|---|---|
| killed before the claim, after it, during DATA, after the 250, before and after a commit | test_failpoints |
| killed while the audience is written | test_failpoints |
| killed at random moments | test_workers; for as long as wanted: scripts/bench/chaos.py |
| SIGTERM drains; SIGSTOP past the lease, then SIGCONT; two workers; two on one chunk | test_workers |
| one of three hosts cut off from the network, and back again; the leading scheduler's host | test_hosts |
| mail server slower than the lease; mail server killed | test_mail_server |
| PostgreSQL restarted at once; sessions ended in a loop; PostgreSQL away for longer than the lease | test_database |
| two schedulers and cron; the leading scheduler killed | test_schedulers |
| Redis gone; disk full for the logs; a clock a day ahead or behind | test_surroundings |
| connection dropped at each step; a byte now and then for a reply; 421 flood of one domain | test_protocol |
| connection refused; 451, then 250; 550 at RCPT in a pipeline; 5xx after DATA | ../test_engine, ../test_smtp |
"""
