"""Postfix, Exim and aiosmtpd as processes of their own, with TLS and login, and the product sending to them.

A server that is not installed is skipped; `.ci/mail-servers` installs Postfix and Exim on Debian and its kin.
"""
