"""A page that is made once and given many times, to the one person for whom it was made.

What each answer has of its own, the nonce of its policy and the token of its forms, is a blank in the page that is
kept, and filled in when it is given.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csp import get_nonce
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

# Of all that is on a page, only templates write "<" as it stands: nobody's text can be taken for a blank.
NONCE, TOKEN = SafeString("<blank-nonce>"), SafeString("<blank-token>")


def make(request: HttpRequest, template: str, context: dict[str, Any]) -> str:
    """The template's page, with blanks."""
    blanks = {"csp_nonce": NONCE, "csrf_token": TOKEN}
    return str(render_to_string(template, {**context, **blanks}, request))


def answer(request: HttpRequest, page: str) -> HttpResponse:
    """The page for this request, with its blanks filled in."""
    return HttpResponse(page.replace(NONCE, str(get_nonce(request))).replace(TOKEN, get_token(request)))
