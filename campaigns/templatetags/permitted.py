from typing import Any

from django import template
from django.db.models import Model

from campaigns import access

register = template.Library()


@register.simple_tag(takes_context=True)
def may(context: Any, verb: access.Verb, obj: Model) -> bool:
    """Whether the person who sees the page may do that with the object."""
    return access.can(context["request"].user, verb, obj)
