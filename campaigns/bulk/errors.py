"""What keeps a bulk change from being done. It carries a sentence for the person who wants it."""


class BulkRefused(Exception):
    """It can not be done, or not any more."""
