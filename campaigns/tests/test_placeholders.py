from html import escape

import pytest
from django.core.exceptions import ValidationError

from campaigns import placeholders
from campaigns.placeholders import MissingValue

VALUES = {"email": "a@example.com", "full_name": "Ann", "comment": "", "attributes.city": "Łódź"}


def rendered(text: str) -> str:
    return placeholders.render(placeholders.parse(text), VALUES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("no braces", "no braces"),
        ("Dear {{ full_name }},", "Dear Ann,"),
        ("{{full_name}}{{ email }}", "Anna@example.com"),
        ("{{ attributes.city }}", "Łódź"),
        ("a { b } c }} d", "a { b } c }} d"),
        ("{{ attributes.plan|default:“free” }}", "free"),
        ("{{ attributes.plan | default: 'free' }}", "free"),
        ('{{ comment|default:"none" }}', "none"),
        ('{{ full_name|default:"you" }}', "Ann"),
        ('{{ attributes.plan|default:"" }}!', "!"),
        ("{{ comment }}!", "!"),
        ("{{\nfull_name\n}}", "Ann"),
    ],
)
def test_a_text_is_filled_with_the_recipients_values(text: str, expected: str) -> None:
    assert rendered(text) == expected


def test_what_a_value_contains_is_not_read_as_a_placeholder() -> None:
    parts = placeholders.parse("{{ full_name }}")
    assert placeholders.render(parts, {"full_name": "{{ email }}"}) == "{{ email }}"


@pytest.mark.parametrize(
    "text",
    [
        "{{ password }}",
        "{{ full_name.__class__ }}",
        "{{ attributes. }}",
        "{{ }}",
        "{{ full_name|upper }}",
        "{{ 1 + 1 }}",
        "{{ attributes['city'] }}",
    ],
)
def test_anything_else_in_braces_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        placeholders.validate(text)
    assert text.strip("{}") in refused.value.messages[0]


def test_an_attribute_that_the_recipient_lacks_is_an_error_that_names_it() -> None:
    with pytest.raises(MissingValue, match=r"attributes\.plan"):
        rendered("{{ attributes.plan }}")


def test_only_values_are_escaped_not_the_authors_text() -> None:
    parts = placeholders.parse("<b>{{ full_name }}</b>")
    assert placeholders.render(parts, {"full_name": "<i>"}, escape) == "<b>&lt;i&gt;</b>"


def test_a_default_is_escaped_too() -> None:
    parts = placeholders.parse("{{ comment|default:'a & b' }}")
    assert placeholders.render(parts, {}, escape) == "a &amp; b"


@pytest.mark.parametrize(
    "text",
    [
        "{{ full_name",
        "Dear {{ full_name }}, {{ email",
        "{{",
        "{{ full_name, {{ email }}",
        pytest.param("{{" * 50_000, id="100 kB of them"),
    ],
)
def test_braces_that_are_not_closed_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="not closed"):
        placeholders.parse(text)


def test_closing_braces_alone_are_text_as_style_sheets_have_them() -> None:
    assert placeholders.parse("@media print{p{margin:0}}") == ["@media print{p{margin:0}}"]


@pytest.mark.parametrize("written", ["{{ attributes.City }}", "{{ Attributes.CITY }}", "{{ attributes.city }}"])
def test_an_attribute_is_found_whatever_its_letter_case(written: str) -> None:
    assert placeholders.render(placeholders.parse(written), {"attributes.city": "Rome"}) == "Rome"


@pytest.mark.parametrize("written", ["{{ E-mail }}", "{{ Attributes. }}"])
def test_letter_case_makes_no_name_of_what_is_none(written: str) -> None:
    with pytest.raises(ValidationError):
        placeholders.parse(written)
