"""The languages in which the pages can be read: those that have a catalogue (docs/settings.md)."""

from django.conf import settings


def offered() -> list[tuple[str, str]]:
    """Code and name of each."""
    return [(code, str(name)) for code, name in settings.LANGUAGES]


def are_a_choice() -> bool:
    """Whether there is more than one: a person with no choice is not asked."""
    return len(settings.LANGUAGES) > 1
