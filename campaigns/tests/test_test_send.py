"""A letter to an address that was typed in: delivered like any other, and no part of what the mailing is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.lifecycle import BadAddress, NobodyToSendTo, NotNow, SendingStopped
from campaigns.models import Mailing, MailingAttempt, Message
from campaigns.models.log import Status
from campaigns.reports import progress
from campaigns.sending import stop
from campaigns.sending.ledger import audience, resolution
from campaigns.tests import factories, mail_server
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.limited import Unit, limit
from campaigns.tests.mail_server import HANG_UP, MailServer
from campaigns.tests.processes import somebody_waits_for_a_lock, wait_until
from campaigns.tests.scene import logged_in, sentences
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)

TYPED = "me@office.example"


def queued(mailing: Mailing, address: str = TYPED) -> MailingAttempt:
    """A test of the mailing, as to the first of its audience, that no worker has seen yet."""
    return lifecycle.send_test(mailing, mailing.owner, address, mailing.recipients.earliest("pk"))


def sent(mailing: Mailing, address: str = TYPED) -> MailingAttempt:
    """The same, after a worker has done what it could."""
    attempt = queued(mailing, address)
    work()
    attempt.refresh_from_db()
    return attempt


def status(mailing: Mailing) -> str:
    return Mailing.objects.get(pk=mailing.pk).status


# The letter


def test_the_typed_address_gets_the_letter_that_the_recipient_would_get(server: MailServer) -> None:
    owner = factories.user()
    ann = factories.recipient(owner, "ann@example.com", full_name="Ann", attributes={"city": "Rome"})
    sent(factories.mailing(owner, [ann], subject="For {{ full_name }}", body="{{ attributes.city }}"))
    assert server.addresses == {TYPED: 1}
    letter = server.letter(TYPED)
    assert (letter["Subject"], letter.get_content().strip()) == ("For Ann", "Rome")


def test_it_is_written_as_to_the_recipient_who_was_chosen(server: MailServer) -> None:
    owner = factories.user()
    people = [factories.recipient(owner, full_name=name) for name in ("Ann", "Bob")]
    mailing = factories.mailing(owner, people, subject="For {{ full_name }}")
    lifecycle.send_test(mailing, owner, TYPED, people[1])
    work()
    assert server.letter(TYPED)["Subject"] == "For Bob"


def test_it_has_one_row_of_the_ledger_with_the_typed_address_and_the_servers_reply(server: MailServer) -> None:
    mailing = factories.mailing()
    attempt = sent(mailing)
    row = attempt.logs.get()
    assert (attempt.test, attempt.status, attempt.total, attempt.sent) == (True, "success", 1, 1)
    assert (row.recipient_id, row.email, row.status) == (mailing.recipients.get().pk, TYPED, Status.SENT)
    assert row.detail.startswith("250")


def test_it_leaves_as_it_was_when_the_button_was_pressed(server: MailServer) -> None:
    mailing = factories.mailing(subject="Before")
    queued(mailing)
    Message.objects.update(subject="After")
    work()
    assert server.letter(TYPED)["Subject"] == "Before"


# What it is no part of


def test_the_mailing_and_its_figures_stay_as_they_are(server: MailServer) -> None:
    mailing = factories.mailing()
    sent(mailing)
    mailing.refresh_from_db()
    stats = mailing.stats_dict()
    assert (mailing.status, mailing.last_sent_at, mailing.next_run_at) == ("draft", None, None)
    assert (stats["attempts"], stats["total"], stats["sent"]) == (0, 0, 0)


def test_who_was_only_tested_as_is_still_new(server: MailServer) -> None:
    mailing = factories.mailing(audience=2)
    sent(mailing)
    assert audience.count_letters(mailing.pk, new_only=True) == 2


def test_the_progress_of_the_mailing_is_that_of_its_last_other_attempt(server: MailServer) -> None:
    mailing = factories.mailing()
    assert progress.of_mailing(mailing).attempt is None
    real = lifecycle.launch(mailing, None)
    queued(mailing)
    assert progress.of_mailing(mailing).attempt == real
    work()


def test_a_failed_test_is_not_what_is_retried(server: MailServer) -> None:
    server.at_rcpt[TYPED] = ["550 no such user"]
    mailing = factories.mailing()
    lifecycle.launch(mailing, None)
    work()
    sent(mailing)
    with pytest.raises(NotNow, match="no such letters"):
        lifecycle.retry_failed(mailing)


def test_several_tests_and_a_real_attempt_go_side_by_side(server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    real = lifecycle.launch(mailing, None)
    tests = [queued(mailing), queued(mailing), queued(mailing, "you@office.example")]
    work()
    assert {attempt.status for attempt in MailingAttempt.objects.all()} == {"success"}
    assert len(tests) == MailingAttempt.objects.filter(test=True).count()
    assert (server.addresses[TYPED], server.addresses.total()) == (2, 6)
    assert (status(mailing), MailingAttempt.objects.get(pk=real.pk).sent) == ("finished", 3)


# What goes wrong


def test_a_refused_test_has_failed_with_the_servers_words_and_the_mailing_is_not_touched(server: MailServer) -> None:
    server.at_rcpt[TYPED] = ["550 5.1.1 no such user"]
    attempt = sent(mailing := factories.mailing())
    row = attempt.logs.get()
    assert (attempt.status, row.status, row.detail) == ("fail", Status.ERROR, "550 5.1.1 no such user")
    assert status(mailing) == "draft"


def test_a_test_lost_on_its_way_is_unconfirmed(server: MailServer) -> None:
    server.at_data[TYPED] = [HANG_UP]
    attempt = sent(factories.mailing())
    assert (attempt.status, attempt.unconfirmed) == ("fail", 1)


def unreachable(use_smtp: UseMailServer) -> None:
    with mail_server.running() as gone:
        port = gone.port
    use_smtp(port)


def test_without_a_mail_server_a_test_ends_with_the_reason(use_smtp: UseMailServer) -> None:
    unreachable(use_smtp)
    attempt = sent(mailing := factories.mailing())
    row = attempt.logs.get()
    assert (attempt.status, row.status, status(mailing)) == ("fail", Status.ERROR, "draft")
    assert "127.0.0.1" in row.detail
    assert attempt.finished_at


def test_a_test_that_fails_beside_a_real_attempt_does_not_pause_it(use_smtp: UseMailServer) -> None:
    unreachable(use_smtp)
    mailing = factories.mailing()
    Mailing.objects.update(status=Mailing.Status.RUNNING)
    sent(mailing)
    assert status(mailing) == "running"


def test_content_of_which_no_letter_can_be_made_ends_a_test_with_the_reason(server: MailServer) -> None:
    attempt = sent(factories.mailing(body="{{ nonsense }}"))
    assert attempt.status == "fail"
    assert "No letter can be written" in attempt.logs.get().detail


# What refuses it


@pytest.mark.parametrize(
    "address", ["", "nobody", "a b@example.com", "a@b", "a@example.com\n", "x" * 250 + "@a.example"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    mailing = factories.mailing()
    with pytest.raises(BadAddress, match="is not a valid e-mail address"):
        queued(mailing, address)
    assert not MailingAttempt.objects.exists()


def test_a_mailing_without_an_audience_is_refused() -> None:
    mailing = factories.mailing(audience=0)
    with pytest.raises(NobodyToSendTo, match="has no recipients"):
        lifecycle.send_test(mailing, mailing.owner, TYPED, factories.recipient(mailing.owner))


def test_a_recipient_outside_the_audience_is_refused() -> None:
    mailing = factories.mailing()
    with pytest.raises(NotNow, match="is not among the recipients"):
        lifecycle.send_test(mailing, mailing.owner, TYPED, factories.recipient(mailing.owner))


def test_a_disabled_mailing_is_refused() -> None:
    mailing = factories.mailing()
    lifecycle.disable(mailing)
    with pytest.raises(NotNow, match="has been disabled"):
        queued(mailing)


def test_disabling_the_mailing_cancels_its_tests(server: MailServer) -> None:
    mailing = factories.mailing()
    attempt = queued(mailing)
    lifecycle.disable(mailing)
    work()
    attempt.refresh_from_db()
    assert (attempt.status, server.addresses.total()) == ("cancelled", 0)


def test_a_test_that_began_beside_the_disabling_is_cancelled_too() -> None:
    mailing = factories.mailing()
    begun, go_on = Event(), Event()

    def begin() -> None:
        with transaction.atomic():
            queued(mailing)
            begun.set()
            assert go_on.wait(60)
        connections.close_all()

    def disable() -> None:
        lifecycle.disable(mailing)
        connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        deeds = [threads.submit(begin)]
        assert begun.wait(60)
        deeds.append(threads.submit(disable))
        wait_until(somebody_waits_for_a_lock)
        go_on.set()
        for deed in deeds:
            deed.result()
    assert MailingAttempt.objects.get().status == "cancelled"


def test_nothing_is_tested_after_the_end() -> None:
    mailing = factories.mailing(end_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises(NotNow, match="is over"):
        queued(mailing)


def test_the_end_cancels_a_test_that_still_waits() -> None:
    mailing = factories.mailing()
    attempt = queued(mailing)
    Mailing.objects.update(end_at=timezone.now() - timedelta(minutes=1))
    resolution.end_overdue()
    attempt.refresh_from_db()
    assert (attempt.status, status(mailing)) == ("cancelled", "draft")
    assert "Its time was over" in attempt.server_response


def test_nothing_is_tested_while_all_sending_is_stopped() -> None:
    mailing = factories.mailing()
    stop.press(factories.user(MANAGER), "wrong prices")
    with pytest.raises(SendingStopped, match="wrong prices"):
        queued(mailing)


def test_the_stop_switch_holds_a_test_and_leaves_its_mailing(server: MailServer) -> None:
    mailing = factories.mailing()
    queued(mailing)
    stop.press(factories.user(MANAGER), "wrong prices")
    work()
    assert (server.addresses.total(), status(mailing)) == (0, "draft")
    _stop, mailings_that_go_on = stop.lift(factories.user(MANAGER))
    assert mailings_that_go_on == 0
    work()
    assert (server.addresses, status(mailing)) == ({TYPED: 1}, "draft")


def test_a_mailing_that_was_paused_by_hand_stays_so_when_its_test_goes_on_after_a_stop() -> None:
    mailing = factories.mailing()
    lifecycle.launch(mailing, None)
    lifecycle.pause(mailing)
    queued(mailing)
    stop.press(factories.user(MANAGER), "wrong prices")
    stop.lift(factories.user(MANAGER))
    assert status(mailing) == "paused"


def test_limits_hold_for_the_domain_of_the_typed_address(server: MailServer) -> None:
    limit(1, Unit.HOUR, "office.example")
    mailing = factories.mailing()
    tests = [queued(mailing), queued(mailing)]
    work(until=lambda: server.addresses.total() == 1 and MailingAttempt.objects.unfinished().count() == 1)
    assert sorted(test.logs.get().status for test in tests) == [Status.PENDING, Status.SENT]


# The button


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR, email="olga@office.example")


def url(mailing: Mailing) -> str:
    return reverse("admin:campaigns_mailing_test_send", args=[mailing.pk])


def press(person: User, mailing: Mailing, address: str = TYPED, recipient: str = "", **headers: Any) -> Any:
    data = {"_form_submitted": "True", "address": address, "recipient": recipient}
    return logged_in(person).post(url(mailing), data, headers=headers)


def told(page: Any) -> str:
    """What the dialog objects to."""
    errors: dict[str, list[str]] = page.context["form"].errors
    return " ".join(sentence for found in errors.values() for sentence in found)


def test_the_dialog_offers_the_own_address_and_the_first_recipient(operator: User) -> None:
    mailing = factories.mailing(operator, [factories.recipient(operator, "ann@example.com")])
    page = logged_in(operator).get(url(mailing)).content.decode()
    assert 'value="olga@office.example"' in page
    assert 'value="ann@example.com"' in page
    assert not MailingAttempt.objects.exists()


def test_the_button_sends_a_test_and_the_page_leads_to_what_becomes_of_it(operator: User) -> None:
    mailing = factories.mailing(operator, 2)
    response = press(operator, mailing)
    attempt = MailingAttempt.objects.get()
    (sentence,) = sentences(response)
    assert sentence.startswith(f"Test letter to {TYPED}: queued.")
    assert reverse("admin:campaigns_mailingattempt_change", args=[attempt.pk]) in sentence
    assert (attempt.test, attempt.triggered_by) == (True, operator)
    assert LogEntry.objects.filter(object_id=mailing.pk, change_message=f"Test letter to {TYPED}.").exists()


def test_a_dialog_leads_back_to_the_mailing(operator: User) -> None:
    mailing = factories.mailing(operator)
    response = press(operator, mailing, **{"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == reverse("admin:campaigns_mailing_change", args=[mailing.pk])


def test_the_page_of_the_test_shows_the_servers_reply(server: MailServer, operator: User) -> None:
    server.at_rcpt[TYPED] = ["550 5.1.1 no such user"]
    attempt = sent(factories.mailing(operator))
    page = logged_in(operator).get(reverse("admin:campaigns_mailingattempt_change", args=[attempt.pk]))
    assert f"{TYPED} – Error – 550 5.1.1 no such user" in page.content.decode()


def test_lists_mark_it_as_a_test(operator: User) -> None:
    attempt = queued(factories.mailing(operator, name="Spring"))
    client = logged_in(operator)
    attempts = client.get(reverse("admin:campaigns_mailingattempt_changelist"), {"kind": "test"})
    log = client.get(reverse("admin:campaigns_mailinglog_changelist"))
    for page in (attempts, log):
        assert f"Test {attempt.pk}" in page.content.decode()


@pytest.mark.parametrize("address", ["", "nobody", "a b@example.com"])
def test_the_dialog_refuses_what_is_no_address_with_a_sentence(address: str, operator: User) -> None:
    page = press(operator, factories.mailing(operator), address)
    assert told(page) in ("This field is required.", f"“{address}” is not a valid e-mail address.")
    assert not MailingAttempt.objects.exists()


def test_the_dialog_says_that_there_is_no_audience(operator: User) -> None:
    assert "This mailing has no recipients" in told(press(operator, factories.mailing(operator, 0)))


def test_the_recipient_is_found_by_the_address_in_any_letter_case(operator: User) -> None:
    ann, bob = (factories.recipient(operator, f"{name}@example.com") for name in ("ann", "bob"))
    press(operator, factories.mailing(operator, [ann, bob]), recipient="BOB@example.com")
    assert MailingAttempt.objects.get().logs.get().recipient_id == bob.pk


@pytest.mark.parametrize("typed", ["", "theirs@example.com"])
def test_nobody_whom_the_person_may_not_see_is_written_as_to(typed: str, operator: User) -> None:
    owner = factories.user(OPERATOR)
    mailing = factories.mailing(owner, [factories.recipient(owner, "theirs@example.com")])
    factories.share(mailing, "send", to=operator)
    page = press(operator, mailing, recipient=typed)
    assert "you may see none of this mailing's" in told(page)
    assert "theirs@example.com" not in logged_in(operator).get(url(mailing)).content.decode()
    assert not MailingAttempt.objects.exists()


def test_a_refusal_is_told_on_the_mailings_page(operator: User) -> None:
    mailing = factories.mailing(operator, name="Spring")
    lifecycle.disable(mailing)
    assert sentences(press(operator, mailing)) == ["“Spring” has been disabled."]


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_who_may_not_send_the_mailing_finds_nothing(role: str, operator: User) -> None:
    mailing = factories.mailing(operator)
    someone = factories.user(role)
    factories.share(mailing, "view", to=someone)
    assert press(someone, mailing).status_code == 404
    page = logged_in(someone).get(reverse("admin:campaigns_mailing_change", args=[mailing.pk]))
    assert url(mailing) not in page.content.decode()
    assert not MailingAttempt.objects.exists()


def test_who_may_send_a_shared_mailing_may_test_it(operator: User) -> None:
    owner = factories.user(OPERATOR)
    person = factories.recipient(owner)
    mailing = factories.mailing(owner, [person])
    factories.share(mailing, "send", to=operator)
    factories.share(person, "view", to=operator)
    press(operator, mailing)
    assert MailingAttempt.objects.get().triggered_by == operator
