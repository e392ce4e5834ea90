"""The pages of the mailings: the list, the form, and what has become of each."""
