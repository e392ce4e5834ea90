"""The page: a list of what was caught, a mail, its HTML in a sandbox, its source; the list and the counts as JSON."""

import json
import re
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from .mailbox import Mail, Mailbox
from .reading import Letter, read, subject_of

HOST = "127.0.0.1"
PAGE_SIZE = 50
STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")

OUR_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Answer:
    body: str
    kind: str = "text/html"
    policy: str = OUR_POLICY
    status: int = 200


NOT_FOUND = Answer("There is no such page.", "text/plain", status=404)
NOT_KEPT = Answer("There is no such mail, or it is no longer kept.", "text/plain", status=404)
# A page on the internet that lets its own name point to 127.0.0.1 could read the mails otherwise.
WRONG_NAME = Answer(f"Open this page by the address {HOST}.", "text/plain", status=421)


class Site:
    """Answers requests from a mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def answer(self, target: str) -> Answer:
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match url.path.strip("/").split("/"):
            case [""]:
                return Answer(_list_page(self._mailbox, query))
            case ["style.css"]:
                return Answer(STYLE, "text/css")
            case ["api", "messages"]:
                return _as_json(_listed(self._mailbox, query))
            case ["api", "accepted"]:
                return _as_json(self._mailbox.accepted(query.get("attempt", "")))
            case ["message", number, *view]:
                return self._mail(number, "/".join(view))
        return NOT_FOUND

    def _mail(self, number: str, view: str) -> Answer:
        mail = self._mailbox.find(_number(number))
        if mail is None:
            return NOT_KEPT
        match view:
            case "":
                return Answer(_mail_page(mail, read(mail.source)))
            case "html":
                return Answer(read(mail.source).html, policy=MAIL_POLICY)
            case "source":
                return Answer(mail.source.decode("utf-8", "replace"), "text/plain", MAIL_POLICY)
        return NOT_FOUND


def web_server(port: int, mailbox: Mailbox) -> ThreadingHTTPServer:
    return ThreadingHTTPServer((HOST, port), _handler(Site(mailbox)))


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
            answer = site.answer(self.path) if name in (HOST, "localhost") else WRONG_NAME
            body = answer.body.encode("utf-8", "replace")
            self.send_response(answer.status)
            self.send_header("Content-Type", f"{answer.kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", answer.policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """The log is for what goes wrong."""

    return Handler


def _as_json(content: dict[str, Any]) -> Answer:
    return Answer(json.dumps(content), "application/json")


def _listed(mailbox: Mailbox, query: dict[str, str]) -> dict[str, Any]:
    found = mailbox.search(wanted := query.get("q", "").strip())
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(max(1, _number(query.get("page", ""))), pages)
    mails = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return {"q": wanted, "total": len(found), "page": page, "pages": pages, "messages": list(map(_summary, mails))}


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else 0


def _summary(mail: Mail) -> dict[str, Any]:
    return {
        "number": mail.number,
        "recipients": mail.recipients,
        "subject": subject_of(mail.source),
        "accepted_at": mail.accepted_at.isoformat(timespec="seconds"),
    }


def _list_page(mailbox: Mailbox, query: dict[str, str]) -> str:
    listed = _listed(mailbox, query)
    nothing = "No mail to such an address." if listed["q"] else "Nothing caught yet. Mail appears here when it is sent."
    rows = "".join(map(_row, listed["messages"]))
    return _page(
        "Caught mail",
        f"""<header><h1><a href="/">Caught mail</a></h1><span class="quiet">{listed["total"]:,}</span>
        <form><input type="search" name="q" value="{escape(listed["q"])}" placeholder="Recipient"
        aria-label="Recipient"><button>Search</button></form></header>
        {f'<ul class="mails">{rows}</ul>' if rows else f'<p class="empty">{nothing}</p>'}{_pager(listed)}""",
    )


def _row(mail: dict[str, Any]) -> str:
    return f"""<li><a href="/message/{mail["number"]}"><span>{escape(", ".join(mail["recipients"]))}</span>
    <span class="subject">{escape(mail["subject"]) or "(no subject)"}</span>
    <time class="quiet">{mail["accepted_at"][11:19]}</time></a></li>"""


def _pager(listed: dict[str, Any]) -> str:
    def link(page: int, text: str) -> str:
        query = urlencode({"q": listed["q"], "page": page})
        return f'<a href="/?{escape(query)}">{text}</a>' if 1 <= page <= listed["pages"] else ""

    place = f'<span class="quiet">{listed["page"]} of {listed["pages"]}</span>'
    links = f"{link(listed['page'] - 1, '← Newer')}{place}{link(listed['page'] + 1, 'Older →')}"
    return f"<nav>{links}</nav>" if listed["pages"] > 1 else ""


def _mail_page(mail: Mail, letter: Letter) -> str:
    subject = escape(letter.header("Subject")) or "(no subject)"
    headers = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in letter.headers)
    sections: list[tuple[str, str]] = [
        ("HTML", f'<iframe sandbox src="/message/{mail.number}/html" title="The HTML"></iframe>' * bool(letter.html)),
        ("Text", f"<pre>{escape(letter.text)}</pre>" * bool(letter.text)),
        ("Attachments", escape(", ".join(letter.attachments))),
        ("Headers", f"<dl>{headers}</dl>"),
    ]
    shown = "".join(f"<section><h2>{title}</h2>{content}</section>" for title, content in sections if content)
    return _page(
        subject,
        f"""<header><a href="/">← Caught mail</a><a href="/message/{mail.number}/source">Source</a></header>
        <h1>{subject}</h1><p class="quiet">To {escape(", ".join(mail.recipients))},
        accepted at {mail.accepted_at:%H:%M:%S} UTC</p>{shown}""",
    )


def _page(title: str, content: str) -> str:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,"></head><body>{content}</body></html>"""
