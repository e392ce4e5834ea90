"""What can be done with a mailing from its page and from the list, and who is refused."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns import lifecycle
from campaigns.admin import versions
from campaigns.admin.verbs.buttons import VERBS
from campaigns.models import Mailing, MailingAttempt, Message, Recipient
from campaigns.models.log import Status as Log
from campaigns.models.mailing import Status
from campaigns.sending.ledger import chunks, entries
from campaigns.tests import factories
from campaigns.tests.scene import logged_in, sentences

pytestmark = pytest.mark.django_db

CHANGELIST = "/admin/campaigns/mailing/"
CONFIRMED = {"_form_submitted": "True"}
# A state in which each verb can be done.
STARTS = {
    "send": Status.DRAFT,
    "dry_run": Status.DRAFT,
    "schedule": Status.DRAFT,
    "unschedule": Status.SCHEDULED,
    "pause": Status.RUNNING,
    "cancel": Status.RUNNING,
    "resume": Status.PAUSED,
    "disable": Status.DRAFT,
    "enable": Status.DISABLED,
    "retry_failed": Status.FINISHED,
    "resend_unconfirmed": Status.FINISHED,
    "confirm_unconfirmed": Status.FINISHED,
    "send_new": Status.FINISHED,
}
ENDS = {
    "send": Status.RUNNING,
    "dry_run": Status.DRAFT,
    "schedule": Status.SCHEDULED,
    "unschedule": Status.DRAFT,
    "pause": Status.PAUSED,
    "cancel": Status.FINISHED,
    "resume": Status.RUNNING,
    "disable": Status.DISABLED,
    "enable": Status.DRAFT,
    "retry_failed": Status.RUNNING,
    "resend_unconfirmed": Status.RUNNING,
    "confirm_unconfirmed": Status.FINISHED,
    "send_new": Status.RUNNING,
}


@pytest.fixture
def operator() -> User:
    return factories.user(OPERATOR, full_name="Olga Operator")


@pytest.fixture
def client(operator: User) -> Client:
    return logged_in(operator)


def mailing_in(status: Status, owner: User, **fields: Any) -> Mailing:
    """The owner's mailing to three people, brought into that state as a person would."""
    mailing = factories.mailing(owner, 3, start_at=timezone.now() + timedelta(days=1), **fields)
    if status == Status.SCHEDULED:
        lifecycle.schedule(mailing)
    if status in Mailing.ACTIVE:
        lifecycle.launch(mailing, owner)
    if status == Status.PAUSED:
        lifecycle.pause(mailing)
    if status == Status.DISABLED:
        lifecycle.disable(mailing)
    if status == Status.FINISHED:
        end(lifecycle.launch(mailing, owner))
        mailing.recipients.add(factories.recipient(owner, full_name="Lucy Late"))
    mailing.refresh_from_db()
    return mailing


def end(attempt: MailingAttempt) -> None:
    """One letter was sent, one failed, and one is in doubt."""
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    became = zip(range(lease.first, lease.last + 1), (Log.SENT, Log.ERROR, Log.UNCONFIRMED), strict=True)
    entries.write({lease: entries.Entries(settlements=[entries.Settlement(row, state) for row, state in became])})
    chunks.close(lease)


def who_may(verb: str, owner: User) -> User:
    return owner if verb not in ("disable", "enable") else factories.user(MANAGER)


def url(verb: str, mailing: Mailing) -> str:
    return reverse(f"admin:campaigns_mailing_{verb}", args=[mailing.pk])


def press(client: Client, verb: str, mailing: Mailing, **headers: Any) -> Any:
    return client.post(url(verb, mailing), CONFIRMED, headers=headers)


def on_list(client: Client, action: str, *selected: Mailing, query: str = "", **data: Any) -> Any:
    post = {"action": action, "_selected_action": [mailing.pk for mailing in selected], **data}
    return client.post(f"{CHANGELIST}{query}", post)


def states(*mailings: Mailing) -> list[str]:
    found = dict(Mailing.objects.filter(pk__in=[mailing.pk for mailing in mailings]).values_list("pk", "status"))
    return [found[mailing.pk] for mailing in mailings]


# On one mailing


def test_there_is_a_case_for_each_verb() -> None:
    assert set(STARTS) == set(ENDS) == {verb.name for verb in VERBS}


@pytest.mark.parametrize("verb", STARTS)
def test_a_confirmed_verb_is_done_and_leads_back_to_the_mailing(verb: str, operator: User) -> None:
    mailing = mailing_in(STARTS[verb], operator)
    response = press(logged_in(who_may(verb, operator)), verb, mailing)
    assert states(mailing) == [ENDS[verb]]
    assert (response.status_code, response.headers["Location"]) == (302, f"{CHANGELIST}{mailing.pk}/change/")


def test_a_cancelled_attempt_is_cancelled(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.RUNNING, operator)
    press(client, "cancel", mailing)
    assert mailing.attempts.get().status == MailingAttempt.Status.CANCELLED


@pytest.mark.parametrize("verb", STARTS)
def test_opening_the_dialog_changes_nothing(verb: str, operator: User) -> None:
    mailing = mailing_in(STARTS[verb], operator)
    before = MailingAttempt.objects.count()
    assert logged_in(who_may(verb, operator)).get(url(verb, mailing)).status_code == 200
    assert states(mailing) == [STARTS[verb]]
    assert MailingAttempt.objects.count() == before


@pytest.mark.parametrize("name", ["send", "test-send", "clone"])
def test_a_dialog_that_is_opened_in_a_tab_of_its_own_stands_on_a_page(
    name: str, operator: User, client: Client
) -> None:
    address = reverse("admin:campaigns_mailing_change", args=[factories.mailing(operator).pk]).replace("change", name)
    in_place, alone = (client.get(address, headers=headers).content for headers in ({"HX-Request": "true"}, {}))
    assert (b"<html" in in_place, b"<html" in alone) == (False, True)
    assert b'id="dialog"' in in_place and b'id="dialog"' in alone


@pytest.mark.parametrize("verb", STARTS)
def test_a_post_that_was_not_confirmed_changes_nothing(verb: str, operator: User) -> None:
    mailing = mailing_in(STARTS[verb], operator)
    before = MailingAttempt.objects.count()
    logged_in(who_may(verb, operator)).post(url(verb, mailing), {"anything": "1"})
    assert states(mailing) == [STARTS[verb]]
    assert MailingAttempt.objects.count() == before


def test_a_post_from_another_site_is_refused(operator: User) -> None:
    mailing = mailing_in(Status.DRAFT, operator)
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator, "django.contrib.auth.backends.ModelBackend")
    assert press(client, "send", mailing).status_code == 403
    assert states(mailing) == [Status.DRAFT]


@pytest.mark.parametrize("verb", STARTS)
@pytest.mark.parametrize("role", [OPERATOR, None])
def test_a_strangers_post_finds_nothing(verb: str, role: str | None, operator: User) -> None:
    mailing = mailing_in(STARTS[verb], operator)
    assert press(logged_in(factories.user(role)), verb, mailing).status_code == 404
    assert states(mailing) == [STARTS[verb]]


@pytest.mark.parametrize("verb", [verb for verb in STARTS if verb not in ("disable", "enable")])
def test_a_manager_does_nothing_else_with_what_is_anothers(verb: str, operator: User) -> None:
    mailing = mailing_in(STARTS[verb], operator)
    assert press(logged_in(factories.user(MANAGER)), verb, mailing).status_code == 404
    assert states(mailing) == [STARTS[verb]]


@pytest.mark.parametrize("verb", ["disable", "enable"])
def test_only_who_may_disable_can(verb: str, operator: User, client: Client) -> None:
    mailing = mailing_in(STARTS[verb], operator)
    assert press(client, verb, mailing).status_code == 404
    assert states(mailing) == [STARTS[verb]]


def test_an_owner_who_lost_the_role_can_not_send() -> None:
    owner = factories.user()
    mailing = mailing_in(Status.DRAFT, owner)
    assert press(logged_in(owner), "send", mailing).status_code == 404
    assert states(mailing) == [Status.DRAFT]


@pytest.mark.parametrize("verb", ["send", "dry_run", "schedule"])
def test_the_dialog_says_how_many_get_which_mail(verb: str, operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator, subject="Spring is here")
    page = client.get(url(verb, mailing)).content.decode()
    assert "<strong>3</strong>" in page
    assert "Spring is here" in page


def test_the_dialog_says_how_many_are_new(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.FINISHED, operator)
    assert "<strong>1</strong>" in client.get(url("send_new", mailing)).content.decode()


def test_sending_to_new_recipients_says_to_how_many_it_goes(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.FINISHED, operator, name="Spring")
    assert sentences(press(client, "send_new", mailing)) == ["“Spring” is on its way to 1 recipient."]


def test_a_large_audience_is_not_counted_to_send_to_new_recipients(
    operator: User, client: Client, settings: Settings
) -> None:
    mailing = mailing_in(Status.FINISHED, operator, name="Spring")
    settings.SENDING_INLINE_ROWS = 1
    assert sentences(press(client, "send_new", mailing)) == ["“Spring” is on its way to its new recipients."]


def test_sending_to_new_recipients_when_there_are_none_is_refused_with_a_sentence(
    operator: User, client: Client
) -> None:
    mailing = mailing_in(Status.FINISHED, operator, name="Spring")
    mailing.recipients.remove(mailing.recipients.latest("pk"))
    told = sentences(press(client, "send_new", mailing))
    assert told == ["“Spring” has no new recipients: everybody is in an earlier attempt."]
    assert states(mailing) == [Status.FINISHED]


def test_the_attempt_says_that_it_went_to_new_recipients_only(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.FINISHED, operator)
    press(client, "send_new", mailing)
    attempt = mailing.attempts.latest("pk")
    assert (
        "Real, new recipients only"
        in client.get(f"/admin/campaigns/mailingattempt/{attempt.pk}/change/").content.decode()
    )


def test_sending_says_to_how_many_it_goes(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator, name="Spring")
    assert sentences(press(client, "send", mailing)) == ["“Spring” is on its way to 3 recipients."]


def test_a_second_send_is_refused_with_a_sentence(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator, name="Spring")
    press(client, "send", mailing)
    told = sentences(press(client, "send", mailing))
    assert told[-1] == "“Spring” is being sent already; wait for it, or cancel it."
    assert mailing.attempts.count() == 1


def test_a_send_to_nobody_is_refused_with_a_sentence(operator: User, client: Client) -> None:
    mailing = factories.mailing(operator, 0, name="Spring")
    assert sentences(press(client, "send", mailing)) == ["“Spring” has no recipients."]
    assert not mailing.attempts.exists()


@pytest.mark.parametrize("verb", [verb for verb in STARTS if verb not in ("dry_run", "disable", "enable")])
def test_what_does_not_fit_the_state_is_refused_with_a_sentence(verb: str, operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DISABLED, operator, name="Spring")
    [sentence] = sentences(press(client, verb, mailing))
    assert "Spring" in sentence
    assert states(mailing) == [Status.DISABLED]


def test_a_dialog_of_the_page_is_left_by_a_redirect_that_htmx_follows(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator)
    response = press(client, "send", mailing, **{"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == f"{CHANGELIST}{mailing.pk}/change/"
    assert response.status_code == 200


@pytest.mark.parametrize("verb", STARTS)
def test_the_history_says_who_did_what(verb: str, operator: User) -> None:
    mailing = mailing_in(STARTS[verb], operator)
    actor = who_may(verb, operator)
    response = press(logged_in(actor), verb, mailing)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (actor, str(mailing.pk))
    assert [entry.get_change_message()] == sentences(response)


def test_what_was_refused_is_not_in_the_history(operator: User, client: Client) -> None:
    press(client, "send", mailing_in(Status.DISABLED, operator))
    assert not LogEntry.objects.exists()


def test_the_attempt_says_who_launched_it_and_in_which_request(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator)
    press(client, "send", mailing, **{"X-Request-ID": "a-request-of-mine"})
    attempt = mailing.attempts.get()
    assert (attempt.triggered_by, attempt.request_id) == (operator, "a-request-of-mine")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.DRAFT, {"send", "dry_run", "schedule"}),
        (Status.SCHEDULED, {"send", "dry_run", "unschedule"}),
        (Status.RUNNING, {"dry_run", "pause", "cancel"}),
        (Status.PAUSED, {"dry_run", "resume", "cancel"}),
        (
            Status.FINISHED,
            {"send", "send_new", "dry_run", "schedule", "retry_failed", "resend_unconfirmed", "confirm_unconfirmed"},
        ),
        (Status.DISABLED, set()),
    ],
)
def test_the_page_offers_the_owner_what_fits_the_state(
    status: Status, expected: set[str], operator: User, client: Client
) -> None:
    mailing = mailing_in(status, operator)
    page = client.get(f"{CHANGELIST}{mailing.pk}/change/").content.decode()
    assert {verb for verb in STARTS if url(verb, mailing) in page} == expected


def test_the_page_offers_a_manager_only_to_disable(operator: User) -> None:
    mailing = mailing_in(Status.DRAFT, operator)
    page = logged_in(factories.user(MANAGER)).get(f"{CHANGELIST}{mailing.pk}/change/").content.decode()
    assert {verb for verb in STARTS if url(verb, mailing) in page} == {"disable"}


# On a selection


def test_a_list_action_asks_first_and_says_how_many_letters(operator: User, client: Client) -> None:
    one, two = mailing_in(Status.DRAFT, operator), mailing_in(Status.DRAFT, operator)
    response = on_list(client, "send_selected", one, two)
    assert (len(response.context["mailings"]), response.context["letters"]) == (2, 6)
    assert states(one, two) == [Status.DRAFT, Status.DRAFT]


@pytest.mark.parametrize("verb", STARTS)
def test_a_confirmed_list_action_is_done_with_each(verb: str, operator: User) -> None:
    one, two = mailing_in(STARTS[verb], operator), mailing_in(STARTS[verb], operator)
    on_list(logged_in(who_may(verb, operator)), f"{verb}_selected", one, two, confirmed="yes")
    assert states(one, two) == [ENDS[verb]] * 2


def test_the_confirmation_carries_the_selection(operator: User, client: Client) -> None:
    one, two, other = (mailing_in(Status.DRAFT, operator) for _ in range(3))
    page = on_list(client, "send_selected", one, two).content.decode()
    for mailing in (one, two):
        assert f'name="_selected_action" value="{mailing.pk}"' in page
    assert f'name="_selected_action" value="{other.pk}"' not in page


def test_all_of_the_filtered_list_are_taken_and_no_other(operator: User, client: Client) -> None:
    spring = [mailing_in(Status.DRAFT, operator, name=f"Spring {n}") for n in range(3)]
    autumn = mailing_in(Status.DRAFT, operator, name="Autumn")
    on_list(client, "send_selected", spring[0], query="?q=Spring", confirmed="yes", select_across="1")
    assert states(*spring, autumn) == [Status.RUNNING] * 3 + [Status.DRAFT]


def test_all_of_the_list_are_the_own_only(operator: User, client: Client) -> None:
    mine, theirs = mailing_in(Status.DRAFT, operator), mailing_in(Status.DRAFT, factories.user(OPERATOR))
    on_list(client, "send_selected", mine, confirmed="yes", select_across="1")
    assert states(mine, theirs) == [Status.RUNNING, Status.DRAFT]


def test_a_strangers_selection_is_left_alone(operator: User) -> None:
    theirs, mine = mailing_in(Status.DRAFT, operator), factories.user(OPERATOR)
    on_list(logged_in(mine), "send_selected", theirs, confirmed="yes")
    assert states(theirs) == [Status.DRAFT]


def test_rows_that_do_not_allow_it_are_left_and_reported(operator: User, client: Client) -> None:
    draft, running = mailing_in(Status.DRAFT, operator), mailing_in(Status.RUNNING, operator)
    asked = on_list(client, "send_selected", draft, running)
    assert asked.context["refused"] == 1
    told = sentences(on_list(client, "send_selected", draft, running, confirmed="yes"))
    assert states(draft, running) == [Status.RUNNING, Status.RUNNING]
    assert running.attempts.count() == 1
    assert any(sentence.startswith("1 of the selected mailings was left") for sentence in told)


def test_a_managers_selection_leaves_others_mailings(operator: User) -> None:
    manager = factories.user(MANAGER)
    mine, theirs = mailing_in(Status.DRAFT, manager), mailing_in(Status.DRAFT, operator)
    on_list(logged_in(manager), "send_selected", mine, theirs, confirmed="yes")
    assert states(mine, theirs) == [Status.RUNNING, Status.DRAFT]


def test_a_selection_of_nothing_that_allows_it_is_reported_at_once(operator: User, client: Client) -> None:
    running = mailing_in(Status.RUNNING, operator)
    [sentence] = sentences(on_list(client, "send_selected", running))
    assert sentence.startswith("1 of the selected mailings was left")


def test_the_list_offers_disabling_to_those_who_may(operator: User, client: Client) -> None:
    mailing_in(Status.DRAFT, operator)
    assert "disable_selected" not in client.get(CHANGELIST).content.decode()
    assert "disable_selected" in logged_in(factories.user(MANAGER)).get(CHANGELIST).content.decode()


def test_a_forged_list_action_disables_nothing(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator)
    on_list(client, "disable_selected", mailing, confirmed="yes")
    assert states(mailing) == [Status.DRAFT]


def test_a_forged_selection_that_is_no_number_changes_nothing(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator)
    data = {"action": "send_selected", "_selected_action": ["abc"], "confirmed": "yes"}
    assert client.post(CHANGELIST, data).status_code < 500
    assert states(mailing) == [Status.DRAFT]


# Writing


def form(**changes: Any) -> dict[str, Any]:
    """The mailing's form as a browser posts it."""
    empty = {"start_at_0": "", "start_at_1": "", "end_at_0": "", "end_at_1": "", "repetition": "once"}
    return {"name": "Spring", **empty, **changes}


def test_a_new_mailing_is_the_persons_own_draft(operator: User, client: Client) -> None:
    message = factories.message(operator)
    client.post(f"{CHANGELIST}add/", form(message=message.pk))
    mailing = Mailing.objects.get()
    assert (mailing.owner, mailing.status, mailing.message) == (operator, Status.DRAFT, message)


def test_owner_and_state_can_not_be_posted(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.DRAFT, operator)
    stranger = factories.user(OPERATOR)
    forged = {"owner": stranger.pk, "status": "running", "next_run_at": "2020-01-01 00:00"}
    data = form(message=mailing.message_id, version=mailing.version, **forged)
    client.post(f"{CHANGELIST}{mailing.pk}/change/", data)
    mailing.refresh_from_db()
    assert (mailing.name, mailing.owner, mailing.status, mailing.next_run_at) == ("Spring", operator, "draft", None)


def test_a_message_of_another_owner_is_refused(operator: User, client: Client) -> None:
    theirs = factories.message(factories.user(OPERATOR))
    response = client.post(f"{CHANGELIST}add/", form(message=theirs.pk))
    assert "message" in response.context["adminform"].form.errors
    assert not Mailing.objects.exists()


def test_an_end_before_the_start_is_refused_with_a_sentence(operator: User, client: Client) -> None:
    dates = {"start_at_0": "2030-01-02", "start_at_1": "10:00", "end_at_0": "2030-01-01", "end_at_1": "10:00"}
    response = client.post(f"{CHANGELIST}add/", form(message=factories.message(operator).pk, **dates))
    assert "The end must be after the start." in response.content.decode()
    assert not Mailing.objects.exists()


@pytest.mark.parametrize("model", [Mailing, Message, Recipient])
@pytest.mark.parametrize("page", ["change", "delete"])
def test_a_managers_post_to_what_is_anothers_is_refused(model: Any, page: str, operator: User) -> None:
    mailing_in(Status.DRAFT, operator)
    theirs = model.objects.first()
    data = form(subject="Mine", email="mine@example.com", post="yes")
    address = reverse(f"admin:campaigns_{model._meta.model_name}_{page}", args=[theirs.pk])
    assert logged_in(factories.user(MANAGER)).post(address, data).status_code == 403
    assert model.objects.filter(pk=theirs.pk, updated_at=theirs.updated_at).exists()


@pytest.mark.parametrize("model", [Mailing, Message, Recipient])
def test_a_manager_deletes_nothing_of_others_from_the_list(model: Any, operator: User) -> None:
    factories.recipient(operator)
    factories.message(operator)
    factories.mailing(operator, 0)
    theirs = model.objects.first()
    data = {"action": "delete_selected", "_selected_action": [theirs.pk], "post": "yes"}
    logged_in(factories.user(MANAGER)).post(reverse(f"admin:campaigns_{model._meta.model_name}_changelist"), data)
    assert model.objects.filter(pk=theirs.pk).exists()


def test_who_may_look_at_a_shared_mailing_does_not_delete_it_from_the_list(operator: User) -> None:
    mailing, colleague = factories.mailing(operator, 0), factories.user(OPERATOR)
    factories.share(mailing, "view", to=colleague)
    on_list(logged_in(colleague), "delete_selected", mailing, post="yes")
    assert Mailing.objects.exists()


def test_an_owner_deletes_the_own_from_the_list(operator: User, client: Client) -> None:
    one, two = factories.mailing(operator, 2), factories.mailing(operator, 2)
    on_list(client, "delete_selected", one, two, post="yes")
    assert not Mailing.objects.exists()


def test_what_keeps_a_message_from_being_deleted_is_counted_not_named(operator: User, client: Client) -> None:
    message, colleague = factories.message(operator), factories.user(OPERATOR)
    factories.mailing(colleague, 0, message=message, name="A colleague's secret plan")
    page = client.get(reverse("admin:campaigns_message_delete", args=[message.pk])).content.decode()
    assert "secret plan" not in page
    assert "1 mailing" in page


def test_a_mailing_that_was_sent_is_not_deleted(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.RUNNING, operator)
    client.post(f"{CHANGELIST}{mailing.pk}/delete/", {"post": "yes"})
    assert Mailing.objects.exists()


def save_start(client: Client, mailing: Mailing, start: datetime | None) -> None:
    local = ("", "") if start is None else (f"{start:%Y-%m-%d}", f"{start:%H:%M:%S}")
    form = {"name": mailing.name, "message": mailing.message_id, "start_at_0": local[0], "start_at_1": local[1]}
    data = {**form, "repetition": "once", "version": mailing.version}
    response = client.post(f"/admin/campaigns/mailing/{mailing.pk}/change/", data)
    assert response.status_code == 302


def test_a_scheduled_mailing_whose_start_is_edited_goes_out_then(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.SCHEDULED, operator)
    start = (timezone.now() + timedelta(days=5)).replace(microsecond=0)
    save_start(client, mailing, start)
    mailing.refresh_from_db()
    assert (mailing.status, mailing.next_run_at) == (Status.SCHEDULED, start)


def test_a_scheduled_mailing_whose_start_is_taken_away_is_a_draft_again(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.SCHEDULED, operator)
    save_start(client, mailing, None)
    mailing.refresh_from_db()
    assert (mailing.status, mailing.next_run_at) == (Status.DRAFT, None)


@pytest.mark.parametrize(
    ("before", "meanwhile"), [(Status.DRAFT, Status.SCHEDULED), (Status.SCHEDULED, Status.RUNNING)]
)
def test_what_a_mailing_became_while_its_start_was_saved_decides_when_it_goes_out(
    before: Status, meanwhile: Status, operator: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = mailing_in(before, operator)
    planned = timezone.now() + timedelta(days=1)
    start = (timezone.now() + timedelta(days=5)).replace(microsecond=0)
    save = versions.save

    def slow(*args: Any, **kwargs: Any) -> None:
        Mailing.objects.filter(pk=mailing.pk).update(status=meanwhile, next_run_at=planned)
        save(*args, **kwargs)

    monkeypatch.setattr(versions, "save", slow)
    save_start(client, mailing, start)
    mailing.refresh_from_db()
    expected = start if meanwhile == Status.SCHEDULED else planned
    assert (mailing.status, mailing.start_at, mailing.next_run_at) == (meanwhile, start, expected)


def test_nothing_is_offered_for_failures_that_are_none(operator: User, client: Client) -> None:
    mailing = mailing_in(Status.FINISHED, operator)
    MailingAttempt.objects.update(sent=3, errors=0, unconfirmed=0)
    page = client.get(f"{CHANGELIST}{mailing.pk}/change/").content.decode()
    assert not [verb for verb in VERBS if verb.resolves and url(verb.name, mailing) in page]
