"""How fast, and over how many connections: rules that hold across all workers, because PostgreSQL keeps the counts."""
