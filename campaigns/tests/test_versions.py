"""Two people edit the same: nobody overwrites unknowingly, and nothing that was typed is lost."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.urls import reverse
from django.utils import timezone
from lxml import html  # type: ignore[import-untyped]

from accounts.models import User
from accounts.roles import OPERATOR
from campaigns import lifecycle
from campaigns.admin import versions
from campaigns.admin.versions import Outdated
from campaigns.models import Mailing, Message, Recipient
from campaigns.tests import factories
from campaigns.tests.scene import logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.user(OPERATOR, full_name="Olga Owner")


@pytest.fixture
def colleague() -> User:
    return factories.user(OPERATOR, full_name="Carl Colleague")


def editable(model: Any, owner: User, colleague: User) -> Any:
    """An object of the owner's that the colleague may change."""
    mailing = factories.mailing(owner)
    obj = {Mailing: mailing, Message: mailing.message, Recipient: mailing.recipients.get()}[model]
    factories.share(obj, "change", to=colleague)
    return obj


def url(obj: Any) -> str:
    return reverse(f"admin:campaigns_{obj._meta.model_name}_change", args=[obj.pk])


class Form:
    """The page of an object in somebody's browser, as it was when they opened it."""

    def __init__(self, person: User, obj: Any) -> None:
        self._client, self._url, self._id = logged_in(person), url(obj), f"{obj._meta.model_name}_form"
        self._read(self._client.get(self._url))

    def save(self, **typed: Any) -> Any:
        """Press Save; when the form comes back, it is what is saved next."""
        self.fields |= typed
        answer = self._client.post(self._url, {name: value for name, value in self.fields.items() if value is not None})
        if answer.status_code == 200:
            self._read(answer)
        return answer

    def _read(self, page: Any) -> None:
        form = html.fromstring(page.content).get_element_by_id(self._id)
        self.fields: dict[str, Any] = defaultdict(list)
        for name, value in form.form_values():
            self.fields[name].append(value)


def errors(page: Any) -> list[str]:
    found: list[str] = page.context["adminform"].form.non_field_errors()
    return found


# Each noun with a field that a person types in.
NOUNS = [(Mailing, "name"), (Message, "subject"), (Recipient, "full_name")]


@pytest.mark.parametrize(("model", "field"), NOUNS)
def test_a_save_raises_the_version(model: Any, field: str, owner: User) -> None:
    obj = editable(model, owner, factories.user(OPERATOR))
    assert Form(owner, obj).save(**{field: "New"}).status_code == 302
    obj.refresh_from_db()
    assert (getattr(obj, field), obj.version) == ("New", 2)


@pytest.mark.parametrize(("model", "field"), NOUNS)
def test_the_second_of_two_is_not_saved_and_reads_what_is_saved_beside_what_was_typed(
    model: Any, field: str, owner: User, colleague: User
) -> None:
    obj = editable(model, owner, colleague)
    mine, theirs = Form(owner, obj), Form(colleague, obj)
    assert theirs.save(**{field: "Theirs"}).status_code == 302
    page = mine.save(**{field: "Mine"})
    obj.refresh_from_db()
    assert (getattr(obj, field), obj.version) == ("Theirs", 2)
    assert errors(page) == ["It was not saved: somebody has changed it since you opened it."]
    assert [(difference.saved, difference.typed) for difference in page.context["differences"]] == [("Theirs", "Mine")]
    assert page.context["adminform"].form[field].value() == "Mine"


def test_the_page_tells_who_has_changed_what_meanwhile(owner: User, colleague: User) -> None:
    message = editable(Message, owner, colleague)
    Form(owner, message).save(body="Long ago")
    LogEntry.objects.update(action_time=timezone.now() - timedelta(hours=1))
    mine = Form(owner, message)
    Form(colleague, message).save(subject="Theirs")
    (entry,) = mine.save(subject="Mine").context["meanwhile"]
    assert (str(entry.user), entry.get_change_message()) == ("Carl Colleague", "Changed Subject.")


def test_a_change_that_no_history_knows_is_told_all_the_same(owner: User) -> None:
    recipient = factories.recipient(owner)
    mine = Form(owner, recipient)
    Recipient.objects.update(full_name="Imported", version=2)
    assert "perhaps an import" in mine.save(full_name="Mine").content.decode()


@pytest.mark.parametrize(("model", "field"), NOUNS)
def test_saving_again_from_there_overwrites(model: Any, field: str, owner: User, colleague: User) -> None:
    obj = editable(model, owner, colleague)
    mine, theirs = Form(owner, obj), Form(colleague, obj)
    theirs.save(**{field: "Theirs"})
    mine.save(**{field: "Mine"})
    assert mine.save().status_code == 302
    obj.refresh_from_db()
    assert (getattr(obj, field), obj.version) == ("Mine", 3)


def test_saving_again_is_refused_when_a_third_was_faster(owner: User, colleague: User) -> None:
    message = editable(Message, owner, colleague)
    mine, theirs = Form(owner, message), Form(colleague, message)
    theirs.save(subject="Theirs")
    mine.save(subject="Mine")
    Form(colleague, message).save(subject="Once more")
    assert errors(mine.save())
    message.refresh_from_db()
    assert message.subject == "Once more"


def test_what_is_overwritten_is_told_also_where_nothing_was_typed(owner: User, colleague: User) -> None:
    message = editable(Message, owner, colleague)
    mine, theirs = Form(owner, message), Form(colleague, message)
    theirs.save(body="Theirs")
    page = mine.save(subject="Mine")
    told = {difference.label: (difference.saved, difference.typed) for difference in page.context["differences"]}
    assert told == {"Subject": ("News", "Mine"), "Text": ("Theirs", "Hello!")}


def test_values_of_all_kinds_are_told_as_people_read_them(owner: User, colleague: User) -> None:
    mailing = editable(Mailing, owner, colleague)
    mine = Form(owner, mailing)
    start = timezone.now() + timedelta(days=1)
    other = factories.message(owner, subject="Another message")
    Mailing.objects.filter(pk=mailing.pk).update(start_at=start, repetition="daily", message=other, version=2)
    page = mine.save(name="Mine")
    told = {difference.label: (difference.saved, difference.typed) for difference in page.context["differences"]}
    assert told["Repetition"] == ("Every day", "Once")
    assert told["Message"] == ("Another message", "News")
    assert told["Start"][1] == "—"


def test_a_field_that_is_wrong_is_told_with_the_conflict(owner: User, colleague: User) -> None:
    recipient = editable(Recipient, owner, colleague)
    mine = Form(owner, recipient)
    Form(colleague, recipient).save(full_name="Theirs")
    page = mine.save(email="nobody", full_name="Mine")
    assert set(page.context["adminform"].form.errors) == {"email", "__all__"}


def test_a_double_click_on_save_is_no_conflict(owner: User) -> None:
    message = factories.message(owner)
    form = Form(owner, message)
    assert form.save(subject="Mine").status_code == 302
    assert form.save().status_code == 302
    message.refresh_from_db()
    assert message.version == 2


def test_a_save_that_changes_nothing_leaves_the_version(owner: User) -> None:
    message = factories.message(owner)
    Form(owner, message).save()
    message.refresh_from_db()
    assert message.version == 1


def test_save_and_continue_shows_the_new_version(owner: User) -> None:
    message = factories.message(owner)
    answer = Form(owner, message).save(subject="Mine", _continue="1")
    assert answer.headers["Location"] == url(message)
    assert Form(owner, message).fields[versions.VERSION] == ["2"]


def test_only_what_was_edited_is_written(owner: User) -> None:
    mailing = factories.mailing(owner, start_at=timezone.now() + timedelta(days=1))
    form = Form(owner, mailing)
    lifecycle.schedule(mailing)
    assert form.save(name="Mine").status_code == 302
    mailing.refresh_from_db()
    assert (mailing.name, mailing.status) == ("Mine", "scheduled")


# The audience


def test_an_audience_that_grew_meanwhile_is_no_conflict(owner: User) -> None:
    mailing = factories.mailing(owner, 0)
    one, two = factories.recipients(owner, 2)
    mine, theirs = Form(owner, mailing), Form(owner, mailing)
    theirs.save(add_recipients=[one.pk])
    assert mine.save(name="Mine", add_recipients=[two.pk]).status_code == 302
    assert set(mailing.recipients.all()) == {one, two}


def test_recipients_are_added_from_a_form_that_overwrites_nothing(owner: User, colleague: User) -> None:
    mailing = factories.mailing(owner, 0)
    person = factories.recipient(owner)
    mine = Form(owner, mailing)
    Mailing.objects.update(version=2)
    assert mine.save(add_recipients=[person.pk]).status_code == 302
    assert set(mailing.recipients.all()) == {person}


def test_recipients_that_were_chosen_are_still_chosen_after_a_conflict(owner: User) -> None:
    mailing = factories.mailing(owner, 0)
    person = factories.recipient(owner)
    mine, theirs = Form(owner, mailing), Form(owner, mailing)
    theirs.save(name="Theirs")
    assert errors(mine.save(name="Mine", add_recipients=[person.pk]))
    assert not mailing.recipients.exists()
    mine.save()
    assert set(mailing.recipients.all()) == {person}


# Forged forms


@pytest.mark.parametrize("version", [None, "", "abc", "-1", "0", "2", "1.0", "9" * 5000, "\0"])
@pytest.mark.parametrize(("model", "field"), NOUNS)
def test_a_form_without_a_version_that_can_be_is_refused(
    model: Any, field: str, version: str | None, owner: User
) -> None:
    obj = editable(model, owner, factories.user(OPERATOR))
    page = Form(owner, obj).save(**{versions.VERSION: version, field: "Forged"})
    assert errors(page)
    obj.refresh_from_db()
    assert (getattr(obj, field) != "Forged", obj.version) == (True, 1)


@pytest.mark.parametrize("opened", ["", "abc", "-1", "9" * 10, "9" * 5000])
def test_a_forged_time_of_opening_breaks_nothing(opened: str, owner: User, colleague: User) -> None:
    message = editable(Message, owner, colleague)
    mine = Form(owner, message)
    Form(colleague, message).save(subject="Theirs")
    assert errors(mine.save(subject="Mine", **{versions.OPENED: opened}))


# At the same moment


def test_what_was_read_before_somebody_saved_is_not_written(owner: User) -> None:
    message = factories.message(owner)
    read = Message.objects.get(pk=message.pk)
    Message.objects.filter(pk=message.pk).update(subject="Theirs", version=2)
    read.subject = "Mine"
    with pytest.raises(Outdated):
        versions.save(read, ["subject"])
    message.refresh_from_db()
    assert message.subject == "Theirs"


@pytest.mark.django_db(transaction=True)
def test_of_two_that_save_at_the_same_moment_one_is_told(
    owner: User, colleague: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = editable(Message, owner, colleague)
    forms = [Form(person, message) for person in (owner, colleague)]
    both_have_read = Barrier(2)
    save, waits = versions.save, [True, True]

    def when_both_have_read(obj: Any, columns: Any, **options: Any) -> None:
        if waits:
            waits.pop()
            both_have_read.wait(60)
        save(obj, columns, **options)

    monkeypatch.setattr(versions, "save", when_both_have_read)

    def press(form: Form) -> tuple[str, Any]:
        try:
            subject = f"By {id(form)}"
            return subject, form.save(subject=subject)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        answers = dict(threads.map(press, forms))
    message.refresh_from_db()
    by_status = {answer.status_code: subject for subject, answer in answers.items()}
    assert set(by_status) == {302, 200}
    assert (message.subject, message.version) == (by_status[302], 2)
    refused = answers[by_status[200]]
    assert [(d.saved, d.typed) for d in refused.context["differences"]] == [(by_status[302], by_status[200])]
