"""The pages of the reports, and the files made of them."""
