"""The pages of a file on its way in."""
