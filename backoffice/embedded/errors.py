class EmbeddedServerError(Exception):
    """The servers cannot run here; the text is a sentence for the person who asked for them."""
