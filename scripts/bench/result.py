"""What one run of one contender came to."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    messages: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    # Further figures that are worth a line of their own, by name.
    more: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        return 1_000_000 * self.cpu_seconds / self.messages


class Failed(Exception):
    """A run that does not count, because it did not do what it should; the text says what."""
