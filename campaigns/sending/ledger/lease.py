from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Lease:
    """The right to write the ledger rows of a chunk, until somebody takes a newer one.

    Each is only equal to itself: it is looked up three times a letter, and hashing its fields would cost 8 µs.
    """

    chunk: int
    number: int
    attempt: int
    first: int
    last: int
    # Whether the attempt ran when the chunk was taken.
    attempt_runs: bool
