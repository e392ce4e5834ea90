"""Every page of the admin, for everybody; a page that is added and has no row in matrix.py fails."""

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import reverse

from backoffice.tests.inline import inline
from campaigns.tests import factories
from campaigns.tests.doors import OWN_WORD, PEOPLE, House, Page, client_of, house, pages, undone, written
from campaigns.tests.matrix import Way, table
from campaigns.tests.matrix_bodies import bodies
from campaigns.tests.scene import SECRET

pytestmark = pytest.mark.django_db

REFUSED = ("in", "403", "404", "405")
# No object has this key.
MISSING = 999_999_999


@dataclass(frozen=True)
class Answer:
    """What one of PEOPLE got at a page."""

    who: str
    page: str
    way: Way
    code: str
    has_secret: bool
    # Whether it says something of the owner's recipient that is in no ledger.
    has_comment: bool
    # The words of other people's objects on it.
    others: frozenset[str]
    # By table, how many rows the request wrote.
    wrote: dict[str, int]
    # What the page holds that its Content-Security-Policy refuses.
    refused_by_policy: list[str]

    def __str__(self) -> str:
        return f"{self.who}: {self.way} {self.page} → {self.code}"


@pytest.fixture
def answers() -> tuple[Answer, ...]:
    return all_answers()


@cache
def all_answers() -> tuple[Answer, ...]:
    """Everybody at every page in every way, in one scene, once; what a request did is undone before the next."""
    return undone(lambda: tuple(ask_all(house())))


def ask_all(there: House) -> Iterator[Answer]:
    forms = bodies(there)
    for who, someone in there.people.items():
        client, own = client_of(someone), f"{OWN_WORD}{someone.pk if someone else 0}"
        cookies = deepcopy(client.cookies)
        for page in pages():
            for way, data in ways(page, forms):
                client.cookies = deepcopy(cookies)  # some pages end the session
                yield ask(client, who, page, way, page.address(there.keys), data, own)


def ways(page: Page, forms: dict[str, Any]) -> Iterator[tuple[Way, Any]]:
    yield "get", None
    yield "empty", {}
    if page.name in forms:
        for value in forms[page.name].values():
            if hasattr(value, "seek"):
                value.seek(0)  # the one before has read the file
        yield "form", forms[page.name]


def ask(client: Client, who: str, page: Page, way: Way, address: str, data: Any, own: str) -> Answer:
    before = Counter(written())
    with pytest.MonkeyPatch.context() as patch:
        if way != "get" and who != "superuser":  # the status is known without the page, which takes the most time
            patch.setattr(SimpleTemplateResponse, "rendered_content", "")
        response = undone(lambda: client.get(address) if way == "get" else client.post(address, data))
    sent_to_login = response.headers.get("Location", "").startswith(reverse("admin:login"))
    text = "" if response.streaming else response.content.decode()
    return Answer(
        who=who,
        page=page.name,
        way=way,
        code="in" if sent_to_login else str(response.status_code),
        has_secret=SECRET in text,
        has_comment=f"{SECRET} comment" in text,
        others=frozenset(re.findall(rf"{OWN_WORD}\d+", text)) - {own},
        wrote=dict(Counter(written()) - before),
        refused_by_policy=refused_by_its_policy(response, text),
    )


def refused_by_its_policy(answer: Any, text: str) -> list[str]:
    if "Content-Security-Policy" not in answer.headers:
        return ["it has none"]
    # The letter in a frame is whatever somebody wrote: its policy lets nothing of it run.
    is_letter = "sandbox" in answer.headers["Content-Security-Policy"]
    return [] if is_letter or "html" not in answer.headers.get("Content-Type", "") else inline(text)


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    there, rows = {page.name for page in pages()}, {page for page, _way in table()}
    assert there - rows == set(), "Add these pages, and what each of PEOPLE gets there, to campaigns/tests/matrix.py"
    assert rows - there == set(), "Nothing has these names any more: take their rows out of campaigns/tests/matrix.py"


def test_every_form_has_a_line_and_every_line_a_form() -> None:
    forms, lines = set(bodies(house())), {page for page, way in table() if way == "form"}
    assert forms & {page.name for page in pages()} == lines, (
        "A line `form` in matrix.py wants a body in matrix_bodies.py"
    )


def test_every_line_has_an_answer_for_each_person() -> None:
    assert {line for line, expected in table().items() if len(expected) != len(PEOPLE)} == set()


@pytest.mark.parametrize("who", PEOPLE)
def test_who_gets_what_at_which_page(who: str, answers: tuple[Answer, ...]) -> None:
    expected = {line: codes[PEOPLE.index(who)] for line, codes in table().items()}
    wrong = [
        f"{answer}, and not {expected[answer.page, answer.way]}"
        for answer in answers
        if answer.who == who and answer.code != expected.get((answer.page, answer.way), answer.code)
    ]
    assert wrong == []


def test_no_page_fails_for_anybody(answers: tuple[Answer, ...]) -> None:
    assert [str(answer) for answer in answers if answer.code.startswith("5")] == []


def test_a_get_changes_nothing(answers: tuple[Answer, ...]) -> None:
    assert [(str(answer), answer.wrote) for answer in answers if answer.way == "get" and answer.wrote] == []


def test_what_is_refused_changes_nothing(answers: tuple[Answer, ...]) -> None:
    assert [(str(answer), answer.wrote) for answer in answers if answer.code in REFUSED and answer.wrote] == []


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_a_refusal_does_not_tell_whether_the_object_exists(who: str) -> None:
    there = house()
    client, forms = client_of(there.people[who]), bodies(there)
    telling = [
        (page.name, way)
        for page in pages()
        if page.has_object
        for way, data in ways(page, forms)
        if status(client, page.address(there.keys), data) != status(client, page.with_key(MISSING), data)
    ]
    assert telling == []


def status(client: Client, address: str, data: Any) -> int:
    ask = partial(client.get, address) if data is None else partial(client.post, address, data)
    return int(undone(ask).status_code)


@pytest.mark.parametrize("who", ["stranger", "staff", "anonymous"])
def test_who_has_no_share_reads_nothing_of_it_at_any_page(who: str, answers: tuple[Answer, ...]) -> None:
    assert [str(answer) for answer in answers if answer.who == who and answer.has_secret] == []


@pytest.mark.parametrize("who", ["owner", "view", "change", "send", "group", "stranger"])
def test_nobody_reads_what_others_did_not_share(who: str, answers: tuple[Answer, ...]) -> None:
    assert [(str(answer), answer.others) for answer in answers if answer.who == who and answer.others] == []


def test_who_has_a_share_of_the_mailing_reads_nothing_of_its_recipients(answers: tuple[Answer, ...]) -> None:
    assert [str(answer) for answer in answers if answer.who == "send" and answer.has_comment] == []


def test_an_owner_reads_the_own_words_on_the_pages_of_the_own(answers: tuple[Answer, ...]) -> None:
    """So that what the strangers' tests look for is there to be found."""
    own = [answer for answer in answers if answer.who == "owner" and answer.way == "get" and answer.code == "200"]
    silent = {answer.page for answer in own if answer.page.endswith(("_change", "_history")) and not answer.has_secret}
    assert silent == set()


def test_no_page_needs_what_its_policy_refuses(answers: tuple[Answer, ...]) -> None:
    there = [answer for answer in answers if answer.who == "superuser" and answer.refused_by_policy]
    assert [(str(answer), answer.refused_by_policy) for answer in there] == []


def test_the_login_page_opens_for_everybody() -> None:
    assert Client().get(reverse("admin:login")).status_code == 200


# Bad addresses


BAD_KEYS = (
    "0",
    "999999999",
    "9" * 30,
    "-1",
    "abc",
    "1.5",
    "%20",
    "%00",
    "1_2F2",
    "a/b",
    "%D0%B6%F0%9F%92%8C",
    "%C2%B2",
)
BAD_QUERIES = (
    "page=x&p=x",
    "p=0",
    "p=99999",
    "o=999",
    "o=-1.x",
    "q=%00",
    "q=%27%22%3C",
    "q=%F0%9F%92%8C%C2%B2",
    "all=",
    "e=1",
    "nonsense=1",
    "id__exact=abc",
    "id__exact=%C2%B2",
    "id__in=1,x",
    "owner__id__exact=abc",
    "owner__password__startswith=a",
    "status__exact=%00",
    "status__exact=nonsense",
    "mailings__id__exact=abc",
    "mailings__id__exact=" + "9" * 30,
    "mailings__id__exact=%C2%B2",
    "lists__id__exact=abc",
    "lists__id__exact=" + "9" * 30,
    "lists__id__exact=%00",
    "lists__id__exact=%C2%B2",
    "lists__id__exact=1&lists__id__exact=x",
    "lists__id__in=1,x",
    "lists__id__isnull=maybe",
    "lists__name__startswith=a",
    "excluded_lists__id__exact=abc",
    "p=after-x-",
    "p=after-" + "9" * 30 + "-x",
    "p=before-1-%00",
    "p=before-%C2%B2-x",
    "attempt__id__exact=abc",
    "attempt__id__exact=" + "9" * 30,
    "attempt__mailing__owner__password__startswith=a",
    "attempt__mailing__id__exact=%C2%B2",
    "dry_run__exact=maybe",
    "created_at__year=abc",
    "created_at__year=0",
    "created_at__year=2024&created_at__month=99",
    "start_at_from_0=abc&start_at_from_1=x",
    "created_at_to_0=2024-13-99&created_at_to_1=99:99",
    "_changelist_filters=%00",
    "_changelist_filters=x%26%3D%C2%B2",
    "_popup=1",
    "_to_field=password",
    "s=%00",
    "s=x&page=x",
    "s=x&page=999",
    "s=x&page=%C2%B2",
    "term=%00&app_label=campaigns&model_name=mailing&field_name=message",
    "term=x&app_label=campaigns&model_name=mailing&field_name=message&page=x",
    "term=x&app_label=campaigns&model_name=nonsense&field_name=message",
    "term=x&app_label=campaigns&model_name=mailing&field_name=name",
    "message=abc&add_recipients=abc&owner=%00&start_at=%00",
    "message=%C2%B2&add_recipients=" + "9" * 30,
    "as=abc&q=%C2%B2",
    "as=%C2%B2",
    "as=" + "9" * 30,
)


@pytest.fixture
def superuser() -> Client:
    return client_of(factories.user(is_superuser=True))


def failures(client: Client, addresses: list[str]) -> set[str]:
    return {url for url in addresses if undone(partial(client.get, url)).status_code >= 500}


def test_no_page_breaks_for_an_object_that_can_not_be(superuser: Client) -> None:
    addresses = [page.with_key(key) for page in pages() if page.has_object for key in BAD_KEYS]
    assert failures(superuser, addresses) == set()


def test_nothing_that_is_posted_for_an_object_that_can_not_be_breaks(superuser: Client) -> None:
    addresses = [page.with_key(key) for page in pages() if page.has_object for key in BAD_KEYS[1:9]]
    answered = {url: undone(partial(superuser.post, url, {"post": "yes"})).status_code for url in addresses}
    assert {url for url, code in answered.items() if code >= 500} == set()


def test_no_page_breaks_for_a_strange_query(superuser: Client) -> None:
    there = house()
    asks = ("changelist", "export", "autocomplete", "search", "campaigns_mailing_add", "preview", "as_sent")
    lists = [page.address(there.keys) for page in pages() if page.name.endswith(asks)]
    assert failures(superuser, [f"{url}?{query}" for url in lists for query in BAD_QUERIES]) == set()
