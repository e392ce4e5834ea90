from typing import Any

from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Cast, Coalesce


def with_lower_names(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes by names in lower case, as placeholders and conditions ask; of two, the one that had it."""
    lower = {name.lower(): value for name, value in attributes.items()}
    return lower | {name: value for name, value in attributes.items() if name in lower}


class Attribute(Func):
    """A recipient's attribute by its name, NULL where there is none; also where the attributes are no JSON object.

    The operator is PostgreSQL's: `->` for JSON, `->>` for text.
    """

    template = "(%(expressions)s)"
    output_field = TextField()

    def __init__(self, name: str, operator: str = "->>") -> None:
        super().__init__(F("attributes"), Cast(Value(name), TextField()), arg_joiner=f" {operator} ")


def text_of(name: str) -> Coalesce:
    """The attribute as text, empty where there is none."""
    return Coalesce(Attribute(name), Value(""), output_field=TextField())
