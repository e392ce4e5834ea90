"""The pages of the recipients, their lists, and addresses that get no mail."""
