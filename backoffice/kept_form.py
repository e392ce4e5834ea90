"""A form that was posted when its person's login had ended: the login's page keeps it, until the same person is back.

Nothing is stored on the server. The form travels in the login's page, signed together with whose it was; after the
login that person is asked once more, and posts it again with a new token. Anybody else's login throws it away.

Whose it was says a cookie that outlives the session. It can be believed: a login makes the tokens of all pages before
it void, so whoever logged in last in this browser has opened the page with the form, or the token check has refused it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

NAME = "kept_form"
_PERSON = "person"
_SALT = "backoffice.kept_form"
# A login's request may not be larger than any other, and has more than this form in it.
_LARGEST = 2_000_000
_OF_THE_REQUEST = ("csrfmiddlewaretoken",)


class KeptForm(NamedTuple):
    """Whose it was (the primary key as text), where it is posted, and its fields in order."""

    person: str
    address: str
    fields: list[tuple[str, str]]

    def signed(self) -> str:
        return signing.dumps(self, salt=_SALT, compress=True)


def remember(response: HttpResponse, person: Any) -> None:
    """Whose the forms are that this browser posts from now on."""
    response.set_signed_cookie(
        _PERSON,
        str(person.pk),
        salt=_SALT,
        max_age=settings.CSRF_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def posted(request: HttpRequest) -> KeptForm | None:
    """The form of a request whose token has been checked.

    None where it is nobody's, and where it can not be posted again as it was: a form with a file, or with a password,
    which is written into no page; or one too large for the login.
    """
    person = request.get_signed_cookie(_PERSON, default="", salt=_SALT)
    fields = [(name, value) for name, values in request.POST.lists() for value in values if name not in _OF_THE_REQUEST]
    if not person or request.FILES or any("password" in name for name, _value in fields):
        return None
    form = KeptForm(person, request.get_full_path(), fields)
    return form if len(form.signed()) <= _LARGEST else None


def returned(request: HttpRequest) -> KeptForm | None:
    """The form that came with the login's; None where there is none, or it is not as this site has written it."""
    try:
        person, address, fields = signing.loads(request.POST.get(NAME, ""), salt=_SALT)
    except signing.BadSignature:
        return None
    return KeptForm(person, address, [(name, value) for name, value in fields])
