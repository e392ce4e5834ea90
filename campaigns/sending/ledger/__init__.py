"""Every SQL statement that changes MailingLog, and the leases that guard it.

Locks are always taken in the order chunk, log rows, attempt, mailing.
"""
