"""The pages of the messages, and of letters as somebody gets them."""
