"""What is done with many recipients at once: deeds.py and lists.py say what, work.py how far, jobs.py when.

A few rows are done in the request, all or nothing; many by a worker, slice by slice. Each slice is a transaction that
also moves the job's position: whoever is killed leaves whole slices, and who comes next goes on there. A list is
deleted as a whole.
"""
