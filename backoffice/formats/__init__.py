"""Dates as Django writes them in each language, but for what is said here."""
