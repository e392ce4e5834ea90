"""The Content-Security-Policy of every answer, and templates that need nothing it refuses."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from backoffice.tests.inline import inline

HEADER = "Content-Security-Policy"


def policy(response: Any) -> dict[str, str]:
    """The directives of the answer with their values."""
    parts = (part.partition(" ") for part in response.headers[HEADER].split("; "))
    return {name: values for name, _space, values in parts}


def test_templates_hold_no_script_and_no_style_without_a_nonce() -> None:
    files = list((settings.BASE_DIR / "templates").rglob("*.html"))
    refused = {path.name: found for path in files if (found := inline(path.read_text(encoding="utf-8")))}
    assert (bool(files), refused) == (True, {})


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<script>x()</script>", ["<script>"]),
        ('<script type="module">x()</script>', ["<script>"]),
        ('<script src="/x.js" defer></script>', []),
        ('<script type="application/json">{}</script>', []),
        ("<style>p { color: red }</style>", ["<style>"]),
        ('<style nonce="n">p { color: red }</style>', []),
        ('<p ONCLICK="x()" x-on:click="x()">', ["onclick"]),
        ('<a href=" JavaScript:x()">', ["href"]),
    ],
)
def test_what_counts_as_inline(html: str, found: list[str]) -> None:
    assert inline(html) == found


@pytest.mark.django_db
def test_a_page_runs_scripts_of_our_own_files_only() -> None:
    page = policy(Client().get(reverse("admin:login")))
    assert (page["default-src"], page["script-src"]) == ("'none'", "'self' 'unsafe-eval'")


@pytest.mark.django_db
def test_a_style_element_needs_the_nonce_of_its_page() -> None:
    client = Client()
    pages = [client.get(reverse("admin:login")) for _time in range(2)]
    written = [re.findall(r'<style nonce="([^"]+)"', page.content.decode()) for page in pages]
    assert [policy(page)["style-src"] for page in pages] == [f"'self' 'nonce-{nonce}'" for (nonce,) in written]
    assert written[0] != written[1]


@pytest.mark.django_db
def test_the_theme_colours_are_in_the_style_that_the_browser_takes() -> None:
    page = Client().get(reverse("admin:login")).content.decode()
    style = page.partition('<style nonce="')[2].partition("</style>")[0]
    assert settings.UNFOLD["COLORS"]["primary"]["600"] in style
    assert f"--border-radius: {settings.UNFOLD['BORDER_RADIUS']}" in style


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/nowhere/", "/admin/", "/admin/nowhere/", "/health/live"])
def test_redirects_errors_and_probes_have_a_policy(address: str) -> None:
    assert policy(Client().get(address))["default-src"] == "'none'"


@pytest.mark.django_db
def test_a_refused_host_name_has_a_policy() -> None:
    answer = Client().get("/admin/login/", headers={"host": "elsewhere.example"})
    assert (answer.status_code, policy(answer)["default-src"]) == (400, "'none'")
