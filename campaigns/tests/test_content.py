"""What a message becomes when it is launched."""

import socket
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import lifecycle, placeholders
from campaigns.models import Message
from campaigns.sending.letters import content
from campaigns.sending.letters.content import Content, NotFrozen
from campaigns.tests import factories

RED = "<style>p { color: red }</style>"


def frozen(html: str, text: str = "") -> Content:
    return content.freeze(Message(subject="News", body=text, body_html=html))


def in_braces(text: str) -> list[str]:
    return [braces[0] for braces in placeholders.BRACES.finditer(text)]


def test_a_style_sheet_becomes_style_attributes() -> None:
    assert '<p style="color: red;">Hello</p>' in frozen(f"{RED}<p>Hello</p>").body_html


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<p>Hello",
        "<P CLASS='a'>Tom & Jerry &copy; <br/>\r\n\t<td>{{ full_name }}",
        '<p style="color: red">Hello</p>',
        "<!--[if mso]><style>p { color: red }</style><![endif]--><p>Hello",
        '<link rel="stylesheet" href="https://fonts.example/a.css"><p>Hello',
        "<b>" * 20_000,
    ],
)
def test_html_without_a_style_sheet_stays_byte_for_byte(html: str) -> None:
    assert frozen(html, "text").body_html == html


@pytest.mark.parametrize(
    "rule",
    [
        "@media (max-width: 600px) { p { width: 100% } }",
        "@font-face{font-family:Fira;src:url(https://fonts.example/fira.woff2)}",
        "p:hover { color: blue; }",
        "p::before { content: 'x'; }",
    ],
)
def test_a_rule_that_no_attribute_can_hold_stays_in_the_style_sheet(rule: str) -> None:
    html = frozen(f"<style>p {{ color: red }} {rule}</style><p>Hello</p>").body_html
    assert "".join(rule.split()) in "".join(html.replace('"', "'").split())
    assert 'style="color: red;"' in html


@pytest.mark.parametrize(("medium", "inlined"), [("print", False), ("(max-width: 9px)", False), ("screen", True)])
def test_the_styles_of_another_medium_are_not_those_of_the_screen(medium: str, inlined: bool) -> None:
    html = frozen(f'<style type="text/css" media="{medium}">p {{ color: red }}</style><p>Hello</p>').body_html
    assert ('style="color: red;"' in html) == inlined
    assert ("p { color: red }" in html) != inlined
    assert "data-css-inline" not in html


def test_no_style_sheet_is_loaded_from_a_file(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.css"
    sheet.write_text("p { color: blue }")
    for address in (sheet, sheet.as_uri()):
        link = f'<link rel="stylesheet" href="{address}">'
        html = frozen(f"{link}<style>@import '{address}'; p {{ margin: 0 }}</style><p>Hello</p>").body_html
        assert "blue" not in html
        assert link in html


def test_no_style_sheet_is_loaded_from_a_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = "http://{}:{}/a.css".format(*server.getsockname())
        frozen(f'<link rel="stylesheet" href="{address}"><style>@import "{address}";</style>{RED}<p>Hello</p>')
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "html",
    [
        "<p>Dear {{ full_name }}</p>",
        """<p>Dear {{ full_name|default:"friend" }}, {{ comment | default: '<b>' }}{{ email }}</p>""",
        """<p title="{{ full_name|default:"friend" }}" class='{{ attributes.kind|default:'a b' }}'>x</p>""",
        '<a href="https://{{ attributes.host }}/u/{{ attributes.token }}?a=%20&amp;b={{ email }}">x</a>',
        '<p style="color: {{ attributes.colour|default:"red" }}">x</p>',
        "<!-- {{ comment }} --><p {{ comment }}>x</p>",
        "{{ email }}<table>{{ full_name }}<tr><td>x</table>",
    ],
)
def test_placeholders_come_through_unharmed(html: str) -> None:
    result = frozen(RED + html).body_html
    assert sorted(in_braces(result)) == sorted(in_braces(html))


def test_a_placeholder_in_a_style_sheet_gets_to_where_the_style_is() -> None:
    html = frozen('<style>p { color: {{ attributes.colour|default:"red" }} }</style><p>Hello</p>').body_html
    assert """<p style="color: {{ attributes.colour|default:"red" }};">Hello</p>""" in html


def test_what_looks_like_a_stand_in_for_a_placeholder_stays() -> None:
    result = frozen(f"{RED}<p>placeholder0x {{{{ full_name }}}}</p>")
    assert "placeholder0x {{ full_name }}" in result.body_html
    assert result.body == "placeholder0x {{ full_name }}"


def test_neither_becomes_one_what_html_writes_in_small_letters() -> None:
    assert frozen(f"{RED}<p PLACEHOLDER0X>{{{{ email }}}}</p>").body_html.count("{{ email }}") == 1


@pytest.mark.parametrize(
    "html", ["<p>&#123;&#123; email }}</p>", "<p>{<b>{ email }}</b></p>", "<p>&lbrace;{{ email }}</p>"]
)
def test_braces_that_are_no_placeholder_do_not_become_one(html: str) -> None:
    result = frozen(RED + html)
    known = set(placeholders.parse(html))
    for part in (result.body, result.body_html):
        assert {piece for piece in placeholders.parse(part) if not isinstance(piece, str)} <= known


def test_a_placeholder_left_open_stays_open() -> None:
    result = frozen(f"{RED}<p>Dear {{{{ full_name</p>")
    assert "{{ full_name" in result.body_html
    assert "{{ full_name" in result.body


def test_what_is_meant_for_outlook_and_the_doctype_stay() -> None:
    doctype = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">'
    )
    only = "<!--[if mso]><table><tr><td><![endif]-->"
    html = frozen(f"{doctype}<html><head>{RED}</head><body>{only}<p>Hello</p></body></html>").body_html
    assert html.startswith(f"{doctype}<html>")
    assert only in html


def test_more_tags_than_the_inliner_survives_are_refused_with_a_sentence() -> None:
    with pytest.raises(NotFrozen, match=r"5001 tags.* at most 5000"):
        frozen(RED + "<b>" * content.MOST_TAGS)


def test_as_many_tags_as_are_taken_may_all_be_nested() -> None:
    html = frozen(RED + "<table><td>" * (content.MOST_TAGS // 2 - 1) + "<p>x", "text").body_html
    assert html.count("<td") == content.MOST_TAGS // 2 - 1


def test_half_a_character_is_refused_with_a_sentence() -> None:
    with pytest.raises(NotFrozen, match="style sheet"):
        frozen(f"{RED}<p>\ud800</p>")


def test_the_authors_text_is_not_touched() -> None:
    assert frozen(f"{RED}<p>Hello</p>", " Hello \r\n\n\n\nyou ").body == " Hello \r\n\n\n\nyou "


@pytest.mark.parametrize("text", ["", " \r\n"])
def test_html_without_a_text_gets_one(text: str) -> None:
    assert frozen("<p>Hello &amp; good-bye</p>", text).body == "Hello & good-bye"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>One</h1><p>two<br>three</p><hr><p>four", "One\n\ntwo\nthree\n\nfour"),
        ('<p>Read <a href="https://a.example/?a=1&amp;b=2">more</a>.', "Read [more](https://a.example/?a=1&b=2)."),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example"),
        ('<a href="mailto:a@a.example">a@a.example</a>', "a@a.example"),
        ('<a href="https://a.example"><img src="a.png" alt="Shop"></a>', "[[Shop]](https://a.example)"),
        ("<ul><li>one<li>two</ul><ol><li>three</ol>", "  * one\n  * two\n 1. three"),
        ("<table><tr><td>Tea<td>2 €<tr><td>Coffee<td>13 €</table>", "Tea     2 €\nCoffee  13 €"),
        ("<style>.p { display: none }</style><p class=p>preview</p><p>Hello</p>", "Hello"),
        ("<title>News</title><style>p { color: red }</style><script>x()</script><p>Hello", "Hello"),
        ("<p>" + "word " * 100, ("word " * 100).strip()),
        ("<div>one<div>two</div></div>", "one\ntwo"),
        ('<img src="a.png">', ""),
        ("a<p></p><p>&nbsp;</p><p></p><br><br><br><br>b", "a\n\nb"),
    ],
)
def test_the_text_says_what_the_html_says(html: str, text: str) -> None:
    assert frozen(html).body == text


def test_placeholders_in_the_text_made_are_those_of_the_html() -> None:
    html = (
        """<p>Dear {{ full_name|default:"you & <me>" }},</p><p><a href="https://a.example/{{ email }}">stop</a></p>"""
    )
    assert frozen(html).body == ('Dear {{ full_name|default:"you & <me>" }},\n\n[stop](https://a.example/{{ email }})')


markup = st.sampled_from(
    [
        *(
            "<style>",
            "</style>",
            "p{color:red}",
            "@media x{",
            "}",
            "<style media=x>",
            "<!--",
            "-->",
            "'",
            '"',
            "<",
            ">",
        ),
        *(
            "<p>",
            "</p>",
            "<table>",
            "<td colspan=9>",
            "</table>",
            "<ul>",
            "<li value=9>",
            "<pre>",
            "<a href=x>",
            "</a>",
        ),
        *(
            "<img alt='[x](y)'>",
            "<div style='margin:9em;white-space:pre'>",
            "<svg>",
            "<template>",
            "<title>",
            "<!DOCTYPE",
        ),
        *(
            "&amp;",
            "&#0;",
            "&#xd800;",
            "<?xml version='1.0'?>",
            "<![CDATA[",
            "\0",
            "\n",
            "é😀",
            "=",
            "<html>",
            "<body>",
        ),
        *("{{ email }}", "{{ full_name|default:'<b>' }}", "{{ comment|default:”x” }}", "}}", "{", "&#123;"),
    ]
)


def is_valid(text: str) -> bool:
    try:
        placeholders.validate(text)
    except ValidationError:
        return False
    return True


@settings(deadline=None, derandomize=True, max_examples=250)
@given(st.lists(markup).map("".join).filter(is_valid))
def test_no_html_however_broken_is_an_error_or_breaks_a_placeholder(html: str) -> None:
    result = frozen(html)
    assert is_valid(result.body)
    assert is_valid(result.body_html)
    assert {*in_braces(result.body), *in_braces(result.body_html)} <= set(in_braces(html))


@pytest.mark.django_db
@pytest.mark.parametrize("dry_run", [False, True])
def test_an_attempt_real_or_rehearsed_has_the_content_frozen(dry_run: bool) -> None:
    mailing = factories.mailing(body="", body_html=f"{RED}<p>Hello {{{{ full_name }}}}</p>")
    attempt = lifecycle.launch(mailing, None, dry_run=dry_run)
    assert '<p style="color: red;">Hello {{ full_name }}</p>' in attempt.body_html
    assert (attempt.subject, attempt.body) == ("News", "Hello {{ full_name }}")
