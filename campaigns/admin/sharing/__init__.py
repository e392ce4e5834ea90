"""Sharing objects with colleagues and groups."""
