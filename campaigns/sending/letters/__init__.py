"""From a message and a recipient to the bytes of a letter, and back for a person to look at."""
