from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Cast, Coalesce


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
