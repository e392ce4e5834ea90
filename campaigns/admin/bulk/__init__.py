"""What is done with many recipients at once: actions, what they ask, and how far they are."""
