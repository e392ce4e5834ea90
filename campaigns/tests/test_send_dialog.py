"""What is read, and typed, before letters leave. The delay after it is test_undo.py's."""

import random
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle, preflight
from campaigns.admin.verbs import outgoing
from campaigns.admin.verbs.send_dialog import refuse_another_number
from campaigns.models import Mailing, MailingAttempt, Recipient
from campaigns.models.log import Status as Log
from campaigns.preflight import Finding
from campaigns.sending.ledger import audience, chunks, entries
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

CHANGELIST = "/admin/campaigns/mailing/"
CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR, full_name="Olga Operator")


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the preflight is made to find."""
    findings: list[Finding] = []
    monkeypatch.setattr(preflight, "findings", lambda mailing, *, new_only=False: findings)
    return findings


def url(mailing: Mailing, verb: str = "send") -> str:
    return f"{CHANGELIST}{mailing.pk}/{verb}/"


def dialog(client: Client, mailing: Mailing, verb: str = "send", **query: str) -> str:
    return client.get(url(mailing, verb), query).content.decode()


def press(client: Client, mailing: Mailing, verb: str = "send", **typed: str) -> Any:
    return client.post(url(mailing, verb), {**CONFIRMED, **typed})


def is_sent(mailing: Mailing) -> bool:
    return mailing.attempts.unfinished().exists()


def shared(owner: User, other: User) -> Mailing:
    """Three addresses, one of which two owners' recipients share."""
    people = [factories.recipient(owner, "same@example.com"), *factories.recipients(owner, 2)]
    return factories.mailing(owner, [*people, factories.recipient(other, "SAME@example.com")])


def ended(mailing: Mailing, outcome: Log = Log.SENT) -> MailingAttempt:
    attempt = lifecycle.launch(Mailing.objects.get(pk=mailing.pk), None)
    for chunk in attempt.chunks.all():
        lease = chunks.take(chunk.pk)
        assert lease
        settled = [Settlement(row.to.row, outcome) for row in chunks.ready(lease)]
        entries.write({lease: Entries(settlements=settled)})
        chunks.close(lease)
    return attempt


# How many


def test_an_address_that_two_owners_share_is_one_letter(operator: User, client: Client) -> None:
    mailing = shared(operator, factories.user())
    assert "<strong>3</strong>" in dialog(client, mailing)


@pytest.mark.parametrize("seed", range(12))
def test_the_count_is_that_of_the_ledger_of_a_launch(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    owners = [factories.user() for _ in range(3)]
    everybody = [
        factories.recipient(owner, dice.choice([str.lower, str.upper])(f"{name}@example.com"))
        for owner in owners
        for name in dice.sample("abcdefgh", 5)
    ]
    mailing = factories.mailing(owners[0], dice.sample(everybody, 8))
    ended(mailing)
    # Somebody who got the letter may be in the audience no more.
    mailing.recipients.remove(*dice.sample(list(mailing.recipients.all()), 3))
    mailing.recipients.add(*dice.sample(everybody, 6))
    for new_only in (True, False):
        counted = audience.count_letters(mailing.pk, new_only=new_only)
        if new_only and not audience.has_newcomers(mailing.pk):
            continue
        attempt = lifecycle.launch(Mailing.objects.get(pk=mailing.pk), None, new_only=new_only)
        assert counted == attempt.total - attempt.skipped
        assert counted == attempt.logs.filter(status=Log.PENDING).count()
        if counted:
            lifecycle.cancel(mailing)


def test_who_is_not_new_is_left_out_of_the_number_of_new_ones(operator: User, client: Client) -> None:
    mailing = shared(operator, factories.user())
    ended(mailing)
    mailing.recipients.add(*factories.recipients(operator, 2))
    assert "<strong>2</strong>" in dialog(client, mailing, "send-new")
    assert "<strong>5</strong>" in dialog(client, mailing)


@pytest.mark.parametrize(("verb", "outcome"), [("retry-failed", Log.ERROR), ("resend-unconfirmed", Log.UNCONFIRMED)])
def test_letters_that_are_sent_again_are_those_of_the_last_attempt(
    verb: str, outcome: Log, operator: User, client: Client
) -> None:
    mailing = factories.mailing(operator, 3, subject="Spring for {{ email }}")
    ended(mailing, outcome)
    mailing.message.subject = "Autumn"
    mailing.message.save()
    page = dialog(client, mailing, verb)
    assert "<strong>3</strong>" in page
    assert f"Spring for {mailing.recipients.earliest('pk').email}" in page
    assert "Autumn" not in page
    press(client, mailing, verb)
    assert is_sent(mailing)


# What, from whom, when


def test_the_dialog_names_subject_sender_and_delay(operator: User, client: Client, settings: Settings) -> None:
    settings.SENDING_UNDO_SECONDS, settings.DEFAULT_FROM_EMAIL = 30, "News <news@office.example>"
    page = dialog(client, factories.mailing(operator, 3, subject="Spring is here"))
    assert "Spring is here" in page
    assert "News &lt;news@office.example&gt;" in page
    assert "30 seconds after you press the button" in page


def test_without_a_delay_it_says_at_once(operator: User, client: Client) -> None:
    assert "At once." in dialog(client, factories.mailing(operator))


def test_the_launch_waits_for_the_delay_and_says_so(operator: User, client: Client, settings: Settings) -> None:
    settings.SENDING_UNDO_SECONDS = 30
    mailing = factories.mailing(operator, 3, name="Spring")
    [sentence] = sentences(press(client, mailing))
    assert sentence == (
        "“Spring” is on its way to 3 recipients. The first letter leaves in 30 seconds; until then you can undo it."
    )
    assert mailing.attempts.get().held_until


# Samples


def samples(page: str) -> list[str]:
    return [part.split("</summary>")[0].strip() for part in page.split("<summary>")[1:]]


def test_the_first_the_middle_and_the_last_letter_are_shown(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 41, body="Dear {{ full_name }}")
    people = [str(person) for person in mailing.recipients.order_by("pk")]
    page = dialog(client, mailing)
    first, middle, last = (people.index(unescape(sample)) for sample in samples(page))
    assert (first, last) == (0, 40)
    assert 10 < middle < 30
    for number in (first, middle, last):
        assert f"Dear Person {number}" in page


def test_who_is_suppressed_is_not_shown(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, [factories.recipient(operator, f"{name}@example.com") for name in "abc"])
    factories.suppression(operator, "C@example.com")
    assert samples(dialog(client, mailing)) == ["a@example.com", "b@example.com"]


def test_nobody_is_shown_twice(operator: User, client: Client) -> None:
    assert len(samples(dialog(client, factories.mailing(operator, 1)))) == 1


def test_samples_for_new_recipients_are_of_new_ones(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 3)
    ended(mailing)
    mailing.recipients.add(factories.recipient(operator, "late@example.com"))
    assert samples(dialog(client, mailing, "send-new")) == ["late@example.com"]


def test_only_recipients_whom_the_person_may_see_are_shown(operator: User) -> None:
    colleague = factories.user(OPERATOR)
    own = factories.recipient(colleague, "own@example.com")
    mailing = factories.mailing(operator, [factories.recipient(operator, "secret@example.com"), own])
    factories.share(mailing, "send", to=colleague)
    page = dialog(logged_in(colleague), mailing)
    assert samples(page) == ["own@example.com"]
    assert "secret@example.com" not in page


def test_who_may_see_none_of_them_sees_sample_values(operator: User) -> None:
    colleague = factories.user(OPERATOR)
    mailing = factories.mailing(operator, 3, body="Dear {{ full_name }}")
    factories.share(mailing, "send", to=colleague)
    page = dialog(logged_in(colleague), mailing)
    assert samples(page) == ["With sample values"]
    assert "Dear Jane Doe" in page


def test_where_no_letter_can_be_written_the_reason_is_shown(
    operator: User, client: Client, found: list[Finding]
) -> None:
    mailing = factories.mailing(operator, body="Dear {{ attributes.city }}")
    assert "attributes.city" in dialog(client, mailing).split("autosend-samples")[1]


# The number


@pytest.fixture
def few(settings: Settings) -> None:
    settings.SENDING_CONFIRM_ROWS = 2


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("typed", ["3", " 3 "])
def test_a_large_number_of_letters_is_sent_when_it_is_typed(typed: str, operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 3)
    assert 'name="number"' in dialog(client, mailing)
    press(client, mailing, number=typed)
    assert is_sent(mailing)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("typed", ["", "4", "three", "33"])
def test_another_number_is_refused_and_stays_typed(typed: str, operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 3)
    page = press(client, mailing, number=typed).content.decode()
    assert "It is 3 letters: type this number." in page
    assert not typed or f'value="{typed}"' in page
    assert not is_sent(mailing)


@pytest.mark.parametrize("typed", ["12,345", "12 345", "12\u202f345", "12’345", "12.345", "12345"])
def test_thousands_may_be_separated(typed: str) -> None:
    refuse_another_number(typed, 12345)


def test_a_small_number_need_not_be_typed(operator: User, client: Client, settings: Settings) -> None:
    settings.SENDING_CONFIRM_ROWS = 3
    mailing = factories.mailing(operator, 3)
    assert 'name="number"' not in dialog(client, mailing)
    press(client, mailing)
    assert is_sent(mailing)


@pytest.mark.usefixtures("few")
def test_of_several_mailings_the_sum_is_typed(operator: User, client: Client) -> None:
    one, two = factories.mailing(operator, 2), factories.mailing(operator, 1)
    chosen = {"action": "send_selected", "_selected_action": [one.pk, two.pk], "confirmed": "yes"}
    page = client.post(CHANGELIST, {**chosen, "number": "2"}).content.decode()
    assert "It is 3 letters: type this number." in page
    assert not is_sent(one)
    client.post(CHANGELIST, {**chosen, "number": "3"})
    assert is_sent(one)
    assert is_sent(two)


# What a preflight has found

BLOCKS = Finding("no-city", True, "7 recipients have no city.", 7)
WARNS = Finding("long", False, "The subject is long.")


def test_what_was_found_is_shown(operator: User, client: Client, found: list[Finding]) -> None:
    found += [BLOCKS, WARNS]
    page = dialog(client, factories.mailing(operator))
    assert BLOCKS.sentence in page
    assert WARNS.sentence in page
    assert "autosend-blocked" in page


def test_what_blocks_refuses_the_send_with_the_sentence(operator: User, client: Client, found: list[Finding]) -> None:
    found.append(BLOCKS)
    mailing = factories.mailing(operator)
    assert BLOCKS.sentence in press(client, mailing).content.decode()
    assert not is_sent(mailing)


def test_what_does_not_block_refuses_nothing(operator: User, client: Client, found: list[Finding]) -> None:
    found.append(WARNS)
    mailing = factories.mailing(operator)
    press(client, mailing)
    assert is_sent(mailing)


def test_what_blocks_refuses_it_in_a_selection_too(operator: User, client: Client, found: list[Finding]) -> None:
    found.append(BLOCKS)
    mailing = factories.mailing(operator, name="Spring")
    chosen = {"action": "send_selected", "_selected_action": [mailing.pk], "confirmed": "yes"}
    assert sentences(client.post(CHANGELIST, chosen)) == ["“Spring” was not sent. 7 recipients have no city."]
    assert not is_sent(mailing)


def test_what_is_sent_again_is_not_looked_at_again(operator: User, client: Client, found: list[Finding]) -> None:
    found.append(BLOCKS)
    mailing = factories.mailing(operator)
    ended(mailing, Log.ERROR)
    assert BLOCKS.sentence not in dialog(client, mailing, "retry-failed")
    press(client, mailing, "retry-failed")
    assert is_sent(mailing)


# Quickly


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two recipients are many."""
    monkeypatch.setattr(outgoing, "COUNTED_AT_ONCE", 1)
    monkeypatch.setattr(outgoing, "CHECKED_AT_ONCE", 1)


@pytest.mark.usefixtures("large")
def test_the_slow_parts_of_a_large_one_are_loaded_afterwards(
    operator: User, client: Client, found: list[Finding]
) -> None:
    found.append(WARNS)
    mailing = factories.mailing(operator, 3)
    page = dialog(client, mailing)
    assert WARNS.sentence not in page
    assert "<strong>3</strong>" not in page
    for part in ("letters", "findings"):
        assert f'hx-get="{url(mailing)}?part={part}"' in page
    assert "<strong>3</strong>" in dialog(client, mailing, part="letters")
    assert WARNS.sentence in dialog(client, mailing, part="findings")


@pytest.mark.usefixtures("large")
def test_what_was_not_loaded_yet_is_asked_for_all_the_same(
    operator: User, client: Client, found: list[Finding], settings: Settings
) -> None:
    settings.SENDING_CONFIRM_ROWS = 2
    found.append(BLOCKS)
    mailing = factories.mailing(operator, 3)
    page = press(client, mailing).content.decode()
    assert "It is 3 letters: type this number." in page
    assert BLOCKS.sentence in page
    assert not is_sent(mailing)


@pytest.mark.parametrize("part", ["letters", "findings"])
def test_a_stranger_finds_no_part_of_it(part: str, operator: User) -> None:
    mailing = factories.mailing(operator)
    for person in (factories.user(OPERATOR), factories.user(MANAGER)):
        assert logged_in(person).get(url(mailing), {"part": part}).status_code == 404


def test_nothing_is_worked_out_twice(operator: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(name: str, work: Any) -> Any:
        def work_and_note(*args: Any, **options: Any) -> Any:
            asked.append(name)
            return work(*args, **options)

        return work_and_note

    monkeypatch.setattr(audience, "count_letters", noted("count", audience.count_letters))
    monkeypatch.setattr(preflight, "findings", noted("look", preflight.findings))
    mailing = factories.mailing(operator, 3)
    dialog(client, mailing)
    assert sorted(asked) == ["count", "look"]
    press(client, mailing)
    assert sorted(asked) == ["count", "count", "look", "look"]


def test_the_dialog_of_100_000_recipients_opens_without_reading_all_of_them(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO campaigns_recipient (owner_id, email, full_name, comment, attributes, created_at, updated_at)
               SELECT %s, 'user' || n || '@example.com', 'Person ' || n, '', '{}', now(), now()
               FROM generate_series(1, 100000) n""",
            [operator.pk],
        )
    mailing.add_to_audience(Recipient.objects.filter(owner=operator))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns_recipient, campaigns_mailing_recipients")  # as in a database at work
    before = _rows_read()
    assert "hx-get" in dialog(client, mailing)
    assert _rows_read() - before < 2 * outgoing.COUNTED_AT_ONCE
    assert "<strong>100,000</strong>" in dialog(client, mailing, part="letters")


def _rows_read() -> int:
    """How many rows the statements of this transaction have read so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables")
        return int(cursor.fetchone()[0])


# Undo, on the page


@pytest.fixture
def held(operator: User) -> Mailing:
    mailing = factories.mailing(operator, 3, name="Spring")
    lifecycle.launch(mailing, operator, undo_seconds=60)
    return mailing


def page_of(client: Client, mailing: Mailing, part: str = "change") -> str:
    return client.get(f"{CHANGELIST}{mailing.pk}/{part}/").content.decode()


@pytest.mark.parametrize("part", ["change", "progress"])
def test_during_the_delay_the_page_offers_to_undo(part: str, client: Client, held: Mailing) -> None:
    page = page_of(client, held, part)
    assert f'action="{url(held, "undo")}"' in page
    assert 'id="undo-launch"' in page
    assert "seconds. No letter has left yet." in page


def test_who_may_not_send_reads_that_it_waits_and_finds_no_button(held: Mailing) -> None:
    page = page_of(logged_in(factories.user(MANAGER)), held, "progress")
    assert "No letter has left yet." in page
    assert "undo-launch" not in page


def test_after_the_delay_there_is_no_undo(client: Client, held: Mailing) -> None:
    MailingAttempt.objects.update(held_until="2020-01-01T00:00Z")
    assert "undo-launch" not in page_of(client, held, "progress")


def test_a_pressed_undo_takes_the_launch_back_and_is_recorded(operator: User, client: Client, held: Mailing) -> None:
    response = client.post(url(held, "undo"))
    held.refresh_from_db()
    assert held.status == "draft"
    assert held.attempts.get().server_response == "Undone by Olga Operator."
    assert response.headers["Location"] == url(held, "change")
    [sentence] = sentences(response)
    assert sentence == "The launch of “Spring” was undone, and nothing was sent. State: Draft."
    assert LogEntry.objects.get().get_change_message() == sentence


def test_an_undo_that_comes_too_late_says_so(client: Client, held: Mailing) -> None:
    MailingAttempt.objects.update(held_until="2020-01-01T00:00Z")
    assert sentences(client.post(url(held, "undo"))) == ["The first letters have left; pause or cancel it."]
    assert not LogEntry.objects.exists()


def test_an_undo_is_a_post(client: Client, held: Mailing) -> None:
    assert client.get(url(held, "undo")).status_code == 405
    assert is_sent(held)


def test_others_do_not_undo_it(operator: User, held: Mailing) -> None:
    viewer = factories.user(OPERATOR)
    factories.share(held, "view", to=viewer)
    for person in (factories.user(OPERATOR), factories.user(MANAGER), viewer):
        assert logged_in(person).post(url(held, "undo")).status_code == 404
    assert is_sent(held)
