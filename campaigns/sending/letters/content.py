"""A message as it is frozen at launch: its styles inlined, and a text made of the HTML where it has none.

The libraries read HTML, in which placeholders mean nothing; while they work, a plain word stands for each.
"""

import re
from typing import NamedTuple

import css_inline
from django.utils.translation import gettext as _

from campaigns.models import Message
from campaigns.placeholders import BRACES

# The inliner walks the HTML by recursion, and an overflow of the stack ends the process. With the 8 MB of a thread
# it took 10,000 levels, and one tag opens at most two (<td> in a <table>).
MOST_TAGS = 5000
_TAG = re.compile(r"<[a-z]", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
_STYLE = re.compile(r"<style(?=[\s/>])", re.IGNORECASE)
# The inliner would take the styles of one medium for those of all.
_STYLE_OF_MEDIUM = re.compile(r"<style(?=[\s/][^<>]*\bmedia\s*=\s*+(?![\"']?(?:all|screen)[\s\"'/>]))", re.IGNORECASE)
_NOT_INLINED = ' data-css-inline="ignore"'
# “[https://example.com](https://example.com)”
_LINK_TO_ITSELF = re.compile(r"\[([^\[\]]+)\]\((?:mailto:|tel:)?\1\)")
_BLANK_LINES = re.compile(r"\n{3,}")


class NotFrozen(Exception):
    """The message can not be sent as it is; the text says why."""


class Content(NamedTuple):
    """What is sent, with its placeholders."""

    subject: str
    body: str
    body_html: str


def freeze(message: Message) -> Content:
    """The content that letters are written from. Nothing is ever loaded from elsewhere. Raises NotFrozen.

    HTML without a style sheet stays as it is, byte for byte. Rules that no style attribute can hold (media queries,
    :hover, fonts) stay in the style sheet. A text part that the author has written is never touched.
    """
    stand_ins = _StandIns(message.body_html)
    html = _inlined(stand_ins.html)
    body = message.body if message.body.strip() else stand_ins.resolved(_text(html), brace="{ ")
    return Content(message.subject, body, stand_ins.resolved(html, brace="&#123;"))


class _StandIns:
    """HTML with a plain word for each placeholder, which every part of HTML, CSS and addresses leaves as it is."""

    def __init__(self, html: str) -> None:
        self._placeholders: list[str] = []
        self._word = "placeholder"
        while self._word in html.lower():
            self._word += "z"
        self.html = BRACES.sub(self._stand_in, html)

    def resolved(self, text: str, brace: str) -> str:
        """The text with the placeholders back in their places.

        Braces that the library has made, of &#123; for example, are written as `brace`, and so begin none. Where the
        author has left a placeholder open, all stays as it is, for the composer to refuse.
        """
        word = self._word + r"(\d+)x"
        if "{{" not in self.html:
            text = re.sub(r"\{(?=\{|" + word + ")", brace, text)
        return re.sub(word, lambda found: self._placeholders[int(found[1])], text)

    def _stand_in(self, braces: re.Match[str]) -> str:
        self._placeholders.append(braces[0])
        return f"{self._word}{len(self._placeholders) - 1}x"


def _inlined(html: str) -> str:
    if not _STYLE.search(_COMMENT.sub("", html)):
        return html
    if (tags := len(_TAG.findall(html))) > MOST_TAGS:
        raise NotFrozen(
            _(
                "The HTML has %(tags)s tags. Its style sheet can be used with at most %(most)s: "
                "write the styles into style attributes, or shorten the message."
            )
            % {"tags": tags, "most": MOST_TAGS}
        )
    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False, keep_link_tags=True, keep_style_tags=True, remove_inlined_selectors=True
    )
    try:
        inlined = inliner.inline(_STYLE_OF_MEDIUM.sub(rf"\g<0>{_NOT_INLINED}", html))
    except ValueError as error:
        raise NotFrozen(_("The style sheet of the HTML can not be used: %s") % error) from error
    return _with_doctype_of(html, inlined.replace(_NOT_INLINED, ""))


def _with_doctype_of(html: str, inlined: str) -> str:
    """The inliner shortens what is before the HTML, and mail programs choose by it how they draw tables."""
    doctype = _DOCTYPE.match(html)
    return _DOCTYPE.sub(lambda _short: doctype[0], inlined, count=1) if doctype else inlined


def _text(html: str) -> str:
    # Workers import this file and never call it: the library would cost each of them 10 MB.
    from inscriptis import get_text
    from inscriptis.css_profiles import STRICT_CSS_PROFILE
    from inscriptis.model.config import ParserConfig

    text = get_text(html, ParserConfig(css=STRICT_CSS_PROFILE, display_links=True, display_images=True))
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", _LINK_TO_ITSELF.sub(r"\1", lines)).strip("\n")
