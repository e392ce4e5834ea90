"""The distributed engine: Procrastinate's jobs deliver chunks. No other room of the project imports it."""
