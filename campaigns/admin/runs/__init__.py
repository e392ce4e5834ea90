"""The pages of what runs and ran: attempts, the log, and a run as it goes on."""
