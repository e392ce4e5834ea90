"""What a preflight finds, and that a dry run finds the same."""

from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, MailingLog, Recipient
from campaigns.models.log import Status
from campaigns.preflight import Finding, addresses, findings
from campaigns.sending.letters.composer import Composer
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db

WRONG = (
    *("no address", "a b@example.com", "a@b@example.com", "@example.com", "a@b", "a@example.c0m", "a@b_c.example"),
    *("a..b@example.com", ".a@example.com", "a.@example.com", "a@example..com", "a@-b.example.com", "a@b-.example"),
    f"a@{'b' * 64}.com",
)
RIGHT = (
    *("Ann.Berg+x@mail-1.example.com", "анна@example.com", "a@bücher.example", '"a(b"@example.com', "a@[127.0.0.1]"),
    *("o'hara@example.com", "a@localhost", "a-@example.com", "a+.b@example.com", f"x@{'y' * 63}.example"),
)


@pytest.fixture
def owner() -> User:
    return factories.user()


def people(owner: User, *attributes: Any) -> list[Recipient]:
    return [factories.recipient(owner, attributes=one) for one in attributes]


def to(owner: User, audience: Any = 1, **content: Any) -> Mailing:
    return factories.mailing(owner, audience, **{"subject": "News", "body": "Hello!", **content})


def found(mailing: Mailing, **how: bool) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings(mailing, **how) if finding.code != "not-composed"}


def named(finding: Finding) -> list[Recipient]:
    assert finding.rows is not None
    rows = list(finding.rows)
    assert finding.count == len(rows)
    return rows


# Values


def test_nothing_is_found_where_nothing_is_wrong(owner: User) -> None:
    body = 'You live in {{ attributes.city }}, {{ full_name }}{{ attributes.plan|default:"" }}.'
    assert found(to(owner, people(owner, {"city": "Rome"}, {"city": None}, {"city": ""}), body=body)) == {}


@pytest.mark.parametrize("attributes", [{}, {"City": "Rome"}, ["city"], "city", 1])
def test_a_missing_value_is_found(owner: User, attributes: Any) -> None:
    has, has_not = people(owner, {"city": "Rome"}, attributes)
    result = found(to(owner, [has, has_not], body="{{ attributes.city }}"))
    assert set(result) == {"missing-attributes.city"}
    assert named(result["missing-attributes.city"]) == [has_not]


def test_each_placeholder_has_a_finding_of_its_own(owner: User) -> None:
    audience = people(owner, {"2024": "x"}, {"имя.a-b": "x"}, {"2024": "x", "имя.a-b": "x"})
    result = found(to(owner, audience, subject="{{ attributes.2024 }}", body_html="<b>{{ attributes.имя.a-b }}</b>"))
    assert {code: named(finding) for code, finding in result.items()} == {
        "missing-attributes.2024": [audience[1]],
        "missing-attributes.имя.a-b": [audience[0]],
    }


def test_a_default_helps_only_where_it_stands(owner: User) -> None:
    (nobody,) = people(owner, {})
    body = '{{ attributes.city|default:"your city" }}'
    assert found(to(owner, [nobody], body=body)) == {}
    assert set(found(to(owner, [nobody], body=f"{body} {{{{ attributes.city }}}}"))) == {"missing-attributes.city"}


def test_a_value_that_all_lack_blocks_and_comes_first(owner: User) -> None:
    mailing = to(owner, people(owner, {"plan": "x"}, {}), subject="{{ attributes.plan }}", body="{{ attributes.city }}")
    first, second, _hint = findings(mailing)
    assert (first.code, first.blocking) == ("missing-attributes.city", True)
    assert (second.code, second.blocking) == ("missing-attributes.plan", False)
    assert first.sentence == "None of the 2 recipients has attributes.city: nobody gets a letter."


def test_it_blocks_when_nobody_gets_a_letter_though_for_various_reasons(owner: User) -> None:
    audience = people(owner, {"plan": "x"}, {"city": "x"})
    wrong = factories.recipient(owner, "wrong", attributes={"city": "x", "plan": "x"})
    mailing = to(owner, [*audience, wrong], body="{{ attributes.city }} {{ attributes.plan }}")
    assert [code for code, finding in found(mailing).items() if finding.blocking] == ["no-letters"]
    mailing.recipients.add(*people(owner, {"city": "x", "plan": "x"}))
    assert "no-letters" not in found(mailing)


@pytest.mark.parametrize(
    ("subject", "blank"),
    [
        ("{{ full_name }}", [0, 1]),
        (" {{ full_name }} {{ attributes.city }}", [0]),
        ('{{ full_name|default:"you" }}', [1]),
        ('{{ full_name|default:" " }}', [0, 1]),
        ("Hello {{ full_name }}", []),
    ],
)
def test_a_subject_that_is_blank_when_it_is_filled_is_found(owner: User, subject: str, blank: list[int]) -> None:
    audience = [
        factories.recipient(owner, full_name=name, attributes={"city": city})
        for name, city in (("", " "), (" \t", "x"), ("Ann", None))
    ]
    result = found(to(owner, audience, subject=subject))
    assert (named(result["no-subject"]) if result else []) == [audience[number] for number in blank]


def test_html_that_leaves_nothing_as_text_is_found(owner: User) -> None:
    assert set(found(to(owner, body="", body_html="<img src='https://example.com/x.png'>"))) == {"no-text"}
    assert set(found(to(owner, body=" "))) == {"no-text"}


def test_a_text_that_is_empty_for_some_is_found(owner: User) -> None:
    audience = [factories.recipient(owner, comment=comment) for comment in ("", "x")]
    assert named(found(to(owner, audience, body="{{ comment }}"))["no-text"]) == audience[:1]


# Addresses


def test_addresses_are_judged_as_the_composer_judges_them(owner: User) -> None:
    audience = [factories.recipient(owner, email) for email in (*RIGHT, *WRONG)]
    wrong = named(found(to(owner, audience))["addresses"])
    assert [recipient.email for recipient in wrong] == list(WRONG)


def test_of_many_unusual_addresses_some_are_left_to_the_dry_run(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MOST", 3)
    audience = [factories.recipient(owner, f"я{number}@example.com") for number in range(5)]
    assert found(to(owner, audience))["addresses-unread"].count == 2


def test_an_address_of_several_owners_is_passed_over_as_the_ledger_does_it(owner: User) -> None:
    others = [factories.user(), factories.user()]
    first = factories.recipient(others[0], "Same@example.com")
    second, third = factories.recipient(owner, "same@EXAMPLE.com"), factories.recipient(others[1], "same@example.com")
    mailing = to(owner, [second, first, third, factories.recipient(owner)], body="{{ attributes.city }}")
    result = found(mailing)
    assert named(result["repeated"]) == [second, third]
    assert result["missing-attributes.city"].count == 2
    assert skipped(lifecycle.launch(mailing, owner, dry_run=True)) == {second.pk, third.pk}


def test_to_new_recipients_only_looks_at_no_others(owner: User) -> None:
    old, same = factories.recipient(owner, "old@example.com"), factories.recipient(factories.user(), "OLD@example.com")
    mailing = to(owner, [old], body="{{ attributes.city }}")
    lifecycle.launch(mailing, owner)
    MailingAttempt.objects.update(status="success", started_at=timezone.now(), finished_at=timezone.now())
    Mailing.objects.update(status="finished")
    assert set(found(mailing, new_only=True)) == {"nobody"}
    mailing.recipients.add(same, *people(owner, {"city": "Rome"}))
    result = found(mailing, new_only=True)
    assert {code: named(finding) for code, finding in result.items()} == {"repeated": [same]}
    assert skipped(lifecycle.launch(mailing, owner, dry_run=True, new_only=True)) == {same.pk}


def skipped(attempt: MailingAttempt) -> set[int]:
    return set(attempt.logs.filter(status=Status.SKIPPED).values_list("recipient_id", flat=True))


# Links


@pytest.mark.parametrize(
    "html",
    [
        '<a href="">x</a>',
        "<a href>x</a>",
        '<a href="#">x</a>',
        '<a href="#nowhere">x</a>',
        '<a href="http:///">x</a>',
        '<a href="https://">x</a>',
        '<a href="/x/{{ email }}">x</a>',
        '<a href="example.com/x">x</a>',
        '<a href="example.com:8080/x">x</a>',
        '<a href="//example.com/x">x</a>',
        '<a href="mailto:">x</a>',
        '<a href="javascript:void(0)">x</a>',
        '<a href="http://[x">x</a>',
        '<img src="logo.png">',
    ],
)
def test_a_link_that_leads_nowhere_is_found(owner: User, html: str) -> None:
    finding = found(to(owner, body_html=f"<p>Hello</p>{html}"))["links"]
    assert finding.sentence.startswith("1 link leads nowhere: ")


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.com">x</a>',
        '<a href=" HTTP://example.com/?a=1&amp;b=2 ">x</a>',
        '<a href="{{ attributes.url|default:"https://example.com/" }}">x</a>',
        '<a href="https://{{ attributes.shop|default:"a" }}.example.com/{{ email }}">x</a>',
        '<a href="mailto:ann@example.com">x</a>',
        '<a href="tel:+4930123">x</a>',
        '<a href="#there">x</a><p id="there">y</p>',
        '<img src="data:image/png;base64,AAAA">',
        "<!-- <a href='#'> -->",
        "<a name=x>x</a>",
    ],
)
def test_a_link_that_leads_somewhere_is_not(owner: User, html: str) -> None:
    assert found(to(owner, body_html=f"<p>Hello</p>{html}")) == {}


def test_links_of_the_text_are_read_too(owner: User) -> None:
    body = "Read https:///news, http://, and https://example.com/{{ email }}. Or http: as such, and /x."
    assert found(to(owner, body=body))["links"].sentence == "2 links lead nowhere: “https:///news”, “http://”"


# The mailing as a whole


def test_an_empty_audience_blocks(owner: User) -> None:
    assert [(finding.code, finding.blocking) for finding in findings(to(owner, 0))] == [("nobody", True)]


def test_a_mailing_whose_end_has_passed_blocks(owner: User) -> None:
    assert found(to(owner, end_at=timezone.now()))["over"].blocking


@pytest.mark.parametrize(
    "content",
    [
        {"body": "{{ attributes }}"},
        {"body": "{{ city }}"},
        {"body": "{{ email"},
        {"body_html": "<style>p{}</style>" + "<p>" * 5001},
    ],
)
def test_content_of_which_no_letter_can_be_made_blocks(owner: User, content: Any) -> None:
    result = found(to(owner, **content))
    assert {code for code, finding in result.items() if finding.blocking} == {"no-letter"}


def test_a_sender_that_is_no_address_blocks(owner: User, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "nobody"
    assert found(to(owner))["no-letter"].sentence == "No letter can be written. “nobody” is not a valid e-mail address."


# Size


def test_letters_that_are_too_large_for_anybody_block(owner: User, settings: Settings) -> None:
    settings.SENDING_MAX_LETTER_BYTES = 2000
    finding = found(to(owner, body="x" * 2000))["too-large"]
    assert (finding.blocking, finding.count) == (True, 1)


def test_the_recipient_whose_values_make_it_too_large_is_found(owner: User, settings: Settings) -> None:
    settings.SENDING_MAX_LETTER_BYTES = 2000
    small, quoted, large = people(owner, {"x": "a"}, {"x": '"' * 400}, {"x": "a" * 3000})
    mailing = to(owner, [small, quoted], body="", body_html="<p>{{ attributes.x }}{{ comment }}</p>")
    assert named(found(mailing)["too-large"]) == [quoted]
    mailing.recipients.add(large)
    finding = found(mailing)["too-large"]
    assert (finding.blocking, named(finding)) == (False, [large])


def test_the_largest_letter_is_as_large_as_it_is_said(owner: User, settings: Settings) -> None:
    (large,) = people(owner, {"x": "ы\n" * 999})
    mailing = to(owner, [large], subject="{{ attributes.x }}", body="{{ attributes.x }}")
    attempt = MailingAttempt(pk=0, mailing=mailing, from_email="a@example.com", subject="", body="{{ attributes.x }}")
    settings.SENDING_MAX_LETTER_BYTES = 5000
    assert Composer(attempt)
    assert "too-large" in found(mailing)


# The dry run


@pytest.mark.django_db(transaction=True)
def test_a_mixed_audience_gets_the_errors_that_were_foretold(owner: User, server: MailServer) -> None:
    other = factories.user()
    values: list[Any] = [{}, {"city": "x"}, {"city": None, "plan": "y"}, {"city": "x", "plan": ""}, ["city"], "plan"]
    audience = [
        factories.recipient(whose, f"{number}{email}", attributes=attributes)
        for whose in (owner, other)
        for number, attributes in enumerate(values)
        for email in ("a@example.com", "я@example.com", "not an address", f"{whose.pk}@example.com", "a..b@example.com")
    ]
    mailing = to(owner, audience, subject="{{ attributes.city }}", body='{{ attributes.plan }}{{ comment|default:"" }}')
    result = found(mailing)
    foretold = {row.pk for code, one in result.items() if code.startswith(("missing-", "addr")) for row in named(one)}
    attempt = lifecycle.launch(mailing, owner, dry_run=True)
    work()
    rows = MailingLog.objects.filter(attempt=attempt)
    assert foretold == set(rows.filter(status=Status.ERROR).values_list("recipient_id", flat=True))
    assert {row.pk for row in named(result["repeated"])} == skipped(attempt)
    assert 0 < len(foretold) < len(audience) - len(skipped(attempt))
    # It has composed them all, and has nothing to add.
    assert [finding.sentence for finding in findings(mailing)] == [finding.sentence for finding in result.values()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "change",
    [
        lambda mailing: type(mailing.message).objects.update(subject="Other news"),
        lambda mailing: mailing.recipients.add(factories.recipient(mailing.owner)),
        lambda mailing: mailing.recipients.get().save(),
        lambda mailing: mailing.recipients.set(Recipient.objects.filter(mailings=None)),
    ],
)
def test_a_dry_run_holds_until_something_changes(owner: User, change: Any) -> None:
    factories.recipient(owner)  # somebody who is not in the audience
    mailing = to(owner)
    assert [finding.code for finding in findings(mailing)] == ["not-composed"]
    lifecycle.launch(mailing, owner, dry_run=True)
    work()
    assert findings(mailing) == []
    change(mailing)
    mailing = Mailing.objects.get(pk=mailing.pk)
    assert [finding.sentence for finding in findings(mailing)] == [
        "The message or its recipients have changed since the last dry run."
    ]


def test_what_only_the_dry_run_has_found_is_told_by_its_reasons(owner: User) -> None:
    audience = people(owner, {}, {"city": "x"}, {"city": "x"}, {"city": "x"})
    mailing = to(owner, audience, body="{{ attributes.city }}")
    attempt = lifecycle.launch(mailing, owner, dry_run=True)
    for recipient, reason in zip(audience, ("No city.", "Odd.", "Strange.", "Odd."), strict=True):
        attempt.logs.filter(recipient=recipient).update(status=Status.ERROR, attention=Status.ERROR, detail=reason)
    MailingAttempt.objects.update(status="fail", errors=4, finished_at=timezone.now())
    _missing, odd, strange = findings(mailing)
    assert (odd.sentence, named(odd)) == ("The dry run could not compose 2 letters. Odd.", [audience[1], audience[3]])
    assert (strange.sentence, named(strange)) == ("The dry run could not compose 1 letter. Strange.", [audience[2]])


# How much is asked


@pytest.mark.parametrize("size", [1, 200])
def test_the_statements_are_as_many_for_any_audience(owner: User, size: int, django_assert_num_queries: Any) -> None:
    mailing = Mailing.objects.get(pk=to(owner, size, body="{{ attributes.city }}", subject="{{ full_name }}").pk)
    mailing.message  # noqa: B018
    with django_assert_num_queries(12):
        findings(mailing)


def test_nothing_is_written(owner: User) -> None:
    mailing = to(owner, people(owner, {}), body="{{ attributes.city }}")
    with connection.execute_wrapper(refuse_writing):
        findings(mailing)


def refuse_writing(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert not sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")), sql
    return execute(sql, params, many, context)
