"""Letters shown before they are sent and after: as whom, exactly as what, and to whom not."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, Message, Recipient
from campaigns.sending.letters import comparison, preview
from campaigns.sending.letters.comparison import Mark
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.scene import logged_in
from campaigns.tests.worker import work

# What a launch gives a letter, and a preview can not know.
GIVEN = re.compile(rb"^(Message-ID|Date|X-Mailing-Attempt): .*\r\n", re.MULTILINE)
CONTENT = {
    "subject": "Hello {{ full_name }}",
    "body": "You live in {{ attributes.city }}.",
    "body_html": "<style>p { color: red }</style><p>You live in {{ attributes.city }}.</p>",
}


@pytest.fixture
def owner() -> User:
    return factories.user(OPERATOR)


def citizen(owner: User, name: str, **fields: Any) -> Recipient:
    return factories.recipient(
        owner, f"{name.lower()}@example.com", full_name=name, attributes={"city": f"{name} & Co"}, **fields
    )


def to(owner: User, *names: str, **fields: Any) -> Mailing:
    return factories.mailing(owner, [citizen(owner, name) for name in names], **{**CONTENT, **fields})


def url(obj: Any, part: str = "", **query: Any) -> str:
    name = obj._meta.model_name
    action = "as_sent" if isinstance(obj, MailingAttempt) else "preview"
    return reverse(f"admin:campaigns_{name}_{action}{part}", args=[obj.pk], query=query)


def page(user: User, obj: Any, **query: Any) -> Any:
    response: Any = logged_in(user).get(url(obj, **query))
    assert response.status_code == 200
    return response


def shown(response: Any) -> str:
    return str(response.content.decode())


def shared(obj: Any) -> User:
    """A colleague who may see that object and nothing else."""
    colleague = factories.user(OPERATOR)
    factories.share(obj, "view", to=colleague)
    return colleague


def framed(client: Client, obj: Any) -> Any:
    return client.get(url(obj, "_html"))


# Exactly what is sent


@pytest.mark.django_db(transaction=True)
def test_a_preview_is_the_letter_that_is_sent(server: MailServer, owner: User) -> None:
    mailing = to(owner, "Ann")
    before = preview.of_message(mailing.message, mailing.recipients.get(), mailing)
    lifecycle.launch(mailing, owner)
    work()
    ((_address, sent),) = server.taken
    assert GIVEN.sub(b"", before.source.encode()).rstrip() == GIVEN.sub(b"", sent).rstrip()


@pytest.mark.django_db(transaction=True)
def test_as_sent_is_the_letter_that_was_sent(server: MailServer, owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann"), owner)
    work()
    ((_address, sent),) = server.taken
    after = preview.as_sent(attempt, attempt.logs.get()).source.encode()
    date = re.compile(rb"^Date: .*\r\n", re.MULTILINE)
    assert date.sub(b"", after).rstrip() == date.sub(b"", sent).rstrip()


@pytest.mark.django_db
def test_a_preview_is_read_back_from_the_letter(owner: User) -> None:
    letter = preview.of_message(to(owner, "Анна").message, Recipient.objects.get())
    assert (letter.subject, letter.to) == ("Hello Анна", "Анна <анна@example.com>")
    assert letter.text == "You live in Анна & Co."
    assert letter.html is not None
    assert '<p style="color: red;">You live in Анна &amp; Co.</p>' in letter.html
    assert dict(letter.headers)["From"] == letter.sender
    assert letter.size == len(letter.source.encode())


@pytest.mark.django_db
def test_a_preview_writes_nothing(owner: User) -> None:
    mailing = to(owner, "Ann")
    page(owner, mailing)
    mailing.refresh_from_db()
    assert (mailing.status, mailing.attempts.count()) == ("draft", 0)


@pytest.mark.django_db
def test_sample_values_stand_for_every_placeholder(owner: User) -> None:
    body = "{{ attributes.city }} {{ comment }} {{ email }}"
    message = factories.message(owner, subject="{{ full_name }}", body=body)
    letter = preview.of_message(message, None)
    assert (letter.subject, letter.text) == ("Jane Doe", "city a comment jane.doe@example.com")


# As whom


@pytest.mark.django_db
def test_a_mailing_is_shown_as_the_first_of_its_audience(owner: User) -> None:
    citizen(owner, "Outside")
    assert "Hello Ann" in shown(page(owner, to(owner, "Ann", "Bob")))


@pytest.mark.django_db
def test_next_and_previous_go_through_the_audience_only(owner: User) -> None:
    mailing = to(owner, "Ann")
    citizen(owner, "Outside")
    bob, cid = citizen(owner, "Bob"), citizen(owner, "Cid")
    mailing.recipients.add(bob, cid)
    ann = Recipient.objects.get(full_name="Ann")
    found = [page(owner, mailing, **{"as": one.pk}).context["addressees"] for one in (ann, bob, cid)]
    assert [(one.previous, one.next) for one in found] == [(None, bob), (ann, cid), (bob, None)]


@pytest.mark.django_db
def test_a_recipient_is_found_by_name_or_address_in_the_audience_only(owner: User) -> None:
    mailing = to(owner, "Ann", "Bob")
    citizen(owner, "Anna")
    found = [page(owner, mailing, q=term).context["addressees"].found for term in ("ANN", "bob@", "@nobody")]
    assert [[one.full_name for one in people] for people in found] == [["Ann"], ["Bob"], []]


@pytest.mark.django_db
def test_a_message_is_shown_as_any_own_recipient(owner: User) -> None:
    message, ann = factories.message(owner, **CONTENT), citizen(owner, "Ann")
    assert "Hello Ann" in shown(page(owner, message, **{"as": ann.pk}))


@pytest.mark.django_db
def test_without_recipients_a_message_is_shown_with_sample_values(owner: User) -> None:
    assert "Hello Jane Doe" in shown(page(owner, factories.message(owner, **CONTENT)))


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["0", "-1", "x", "9" * 30, "1.5", "²"])
@pytest.mark.parametrize("part", ["", "_html"])
def test_a_key_that_can_not_be_is_not_found(owner: User, key: str, part: str) -> None:
    assert logged_in(owner).get(url(to(owner, "Ann"), part, **{"as": key})).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["", "_html"])
def test_who_is_not_in_the_audience_is_not_found(owner: User, part: str) -> None:
    mailing, outsider = to(owner, "Ann"), citizen(owner, "Outside")
    assert logged_in(owner).get(url(mailing, part, **{"as": outsider.pk})).status_code == 404


# To whom not


@pytest.mark.django_db
def test_who_sees_a_mailing_and_not_its_recipients_sees_sample_values_and_counts(owner: User) -> None:
    mailing = to(owner, "Ann", "Bob")
    seen = shown(page(shared(mailing), mailing, q="ann"))
    assert "Hello Jane Doe" in seen
    assert "The audience has 2 recipients, 0 of them yours." in seen
    assert "Ann" not in seen


@pytest.mark.django_db
def test_who_sees_some_of_the_recipients_sees_it_as_those(owner: User) -> None:
    mailing = to(owner, "Ann", "Bob")
    colleague = shared(mailing)
    factories.share(Recipient.objects.get(full_name="Bob"), "view", to=colleague)
    seen = shown(page(colleague, mailing))
    assert "Hello Bob" in seen
    assert "Ann" not in seen


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["", "_html"])
def test_a_letter_to_a_recipient_of_others_is_not_found(owner: User, part: str) -> None:
    mailing = to(owner, "Ann")
    asked = url(mailing, part, **{"as": mailing.recipients.get().pk})
    assert logged_in(shared(mailing)).get(asked).status_code == 404


@pytest.mark.django_db
def test_the_letter_of_a_row_is_shown_to_those_who_see_its_recipient(owner: User) -> None:
    mailing = to(owner, "Ann")
    attempt = lifecycle.launch(mailing, owner)
    colleague = shared(mailing)
    assert page(owner, attempt).context["letter"].subject == "Hello Ann"
    seen = page(colleague, attempt)
    assert "This recipient is not shared with you" in seen.context["reason"]
    assert "Ann" not in shown(seen)
    assert framed(logged_in(colleague), attempt).status_code == 404
    factories.share(Recipient.objects.get(), "view", to=colleague)
    assert page(colleague, attempt).context["letter"].subject == "Hello Ann"


@pytest.mark.django_db
def test_who_sees_no_recipient_sees_what_was_sent_with_sample_values(owner: User) -> None:
    mailing = to(owner, "Ann")
    attempt = lifecycle.launch(mailing, owner)
    letter = page(shared(mailing), attempt, **{"as": "sample"}).context["letter"]
    assert (letter.subject, letter.text) == ("Hello Jane Doe", "You live in city.")


@pytest.mark.django_db
def test_who_sees_all_recipients_is_told_nothing_of_others(owner: User) -> None:
    seen = shown(page(factories.user(is_superuser=True), to(owner, "Ann")))
    assert "of them yours" not in seen


@pytest.mark.django_db
def test_a_row_of_another_attempt_is_not_found(owner: User) -> None:
    one, other = (lifecycle.launch(to(owner, name), owner) for name in ("Ann", "Bob"))
    asked = url(one, **{"as": str(other.logs.get().pk)})
    assert logged_in(owner).get(asked).status_code == 404


# Where there is no letter


@pytest.mark.django_db
def test_a_missing_value_is_told_in_place_of_the_letter(owner: User) -> None:
    seen = page(owner, to(owner, "Ann", body="{{ attributes.street }}"))
    assert "The recipient has no “attributes.street”" in seen.context["reason"]
    assert "There is no letter to show." in shown(seen)


@pytest.mark.django_db
def test_an_address_that_is_none_is_told_in_place_of_the_letter(owner: User) -> None:
    mailing = to(owner, "Ann")
    Recipient.objects.update(email="ann@")
    assert page(owner, mailing).context["reason"] == "“ann@” is not a valid e-mail address."


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["", "sample"])
def test_a_placeholder_that_is_none_is_told_in_place_of_the_letter(owner: User, asked: str) -> None:
    mailing = to(owner, "Ann")
    Message.objects.update(body="{{ nonsense }}")
    assert "is not known" in page(owner, mailing, **{"as": asked}).context["reason"]


@pytest.mark.django_db
def test_a_message_that_can_not_be_frozen_is_told_in_place_of_the_letter(owner: User) -> None:
    mailing = to(owner, "Ann", body_html="<style>p { color: red }</style>" + "<p>" * 6000)
    assert "tags" in page(owner, mailing).context["reason"]


@pytest.mark.django_db
def test_there_is_no_frame_where_there_is_no_letter(owner: User) -> None:
    mailing = to(owner, "Ann", body="{{ attributes.street }}")
    assert logged_in(owner).get(url(mailing, "_html")).status_code == 404


@pytest.mark.django_db
def test_a_letter_without_html_has_no_frame(owner: User) -> None:
    mailing = to(owner, "Ann", body_html="")
    assert "<iframe" not in shown(page(owner, mailing))
    assert logged_in(owner).get(url(mailing, "_html")).status_code == 404


# The frame


@pytest.mark.django_db
def test_the_frame_holds_the_html_as_it_is_sent(owner: User) -> None:
    mailing = to(owner, "Ann", body_html="<b>{{ full_name }}</b><script>alert(1)</script>")
    html = framed(logged_in(owner), mailing).content.decode()
    assert html == '<b>Ann</b><script>alert(1)</script><base target="_blank">'


@pytest.mark.django_db
def test_nothing_in_the_frame_runs_or_is_loaded_from_elsewhere(owner: User) -> None:
    headers = framed(logged_in(owner), to(owner, "Ann")).headers
    assert headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    ]
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.django_db
def test_the_frame_is_sandboxed_and_only_this_page_may_have_one(owner: User) -> None:
    mailing = to(owner, "Ann")
    with_frame = page(owner, mailing)
    other = logged_in(owner).get(reverse("admin:campaigns_mailing_change", args=[mailing.pk]))
    assert "<iframe sandbox src=" in shown(with_frame)
    assert "frame-src 'self'" in with_frame.headers["Content-Security-Policy"]
    assert "frame-src" not in other.headers["Content-Security-Policy"]


# As sent, for ever


@pytest.mark.django_db
def test_what_was_sent_stays_when_the_message_changes(owner: User) -> None:
    mailing = to(owner, "Ann")
    attempt = lifecycle.launch(mailing, owner)
    Message.objects.update(subject="Good bye {{ full_name }}", body="Gone", body_html="")
    letter = page(owner, attempt).context["letter"]
    assert (letter.subject, letter.text) == ("Hello Ann", "You live in Ann & Co.")


@pytest.mark.django_db
def test_what_was_sent_is_shown_when_the_recipient_is_gone(owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann", body="To {{ email }}", body_html=""), owner)
    Recipient.objects.all().delete()
    assert page(owner, attempt).context["letter"].text == "To ann@example.com"


@pytest.mark.django_db
def test_what_was_sent_has_the_address_of_then(owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann"), owner)
    Recipient.objects.update(email="new@example.com")
    assert page(owner, attempt).context["letter"].to == "Ann <ann@example.com>"


@pytest.mark.django_db
def test_what_was_sent_has_the_date_of_its_outcome(owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann"), owner)
    moment = timezone.now().replace(year=2020, month=1, day=2, hour=3, minute=4, second=5)
    attempt.logs.update(settled_at=moment)
    assert dict(page(owner, attempt).context["letter"].headers)["Date"] == "Thu, 02 Jan 2020 03:04:05 +0000"


@pytest.mark.django_db
def test_the_changes_since_are_shown_line_by_line(owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann", body="Same\nOld\nEnd", body_html=""), owner)
    Message.objects.update(body="Same\nNew\nEnd")
    (change,) = comparison.since_launch(MailingAttempt.objects.get())
    assert change.part == "Text"
    assert [tuple(line) for line in change.lines] == [
        (Mark.SAME, "Same"),
        (Mark.REMOVED, "Old"),
        (Mark.ADDED, "New"),
        (Mark.SAME, "End"),
    ]
    seen = shown(page(owner, attempt))
    assert '<del data-mark="−">Old</del><ins data-mark="+">New</ins>' in seen


@pytest.mark.django_db
def test_lines_that_are_far_from_a_change_are_left_out(owner: User) -> None:
    lines = [str(number) for number in range(30)]
    lifecycle.launch(to(owner, "Ann", body="\n".join(lines), body_html=""), owner)
    Message.objects.update(body="\n".join(["first", *lines, "last"]))
    (change,) = comparison.since_launch(MailingAttempt.objects.get())
    assert [line.text for line in change.lines] == ["first", "0", "1", "", "28", "29", "last"]


@pytest.mark.django_db
def test_a_message_that_is_as_it_was_has_no_changes(owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann", body=""), owner)
    assert "Nothing has changed since." in shown(page(owner, attempt))


@pytest.mark.django_db
def test_very_long_parts_are_not_compared_line_by_line(owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann", body_html=""), owner)
    Message.objects.update(body="line\n" * (comparison.MOST_LINES + 1))
    assert "too long to be compared" in shown(page(owner, attempt))


@pytest.mark.django_db
def test_a_message_of_today_that_can_not_be_sent_is_said_to_be_so(owner: User) -> None:
    attempt = lifecycle.launch(to(owner, "Ann"), owner)
    Message.objects.update(body_html="<style>p { color: red }</style>" + "<p>" * 6000)
    seen = page(owner, attempt)
    assert seen.context["letter"].subject == "Hello Ann"
    assert "tags" in seen.context["incomparable"]


# The way there


@pytest.mark.django_db
def test_each_page_has_a_button_for_it(owner: User) -> None:
    mailing = to(owner, "Ann")
    attempt = lifecycle.launch(mailing, owner)
    for obj in (mailing, mailing.message, attempt):
        change = reverse(f"admin:campaigns_{obj._meta.model_name}_change", args=[obj.pk])
        assert f'href="{url(obj)}"' in shown(logged_in(owner).get(change))


@pytest.mark.django_db
def test_the_sender_is_the_one_of_the_settings(owner: User, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "News <news@office.example>"
    assert preview.of_message(to(owner, "Ann").message, None).sender == "News <news@office.example>"
