"""Imports into recipient lists: who comes in, who is taken out, and whose lists they may be."""

from typing import Any

import pytest

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR
from campaigns.imports import merge, work
from campaigns.imports.errors import UnusableFile
from campaigns.imports.lists import Into
from campaigns.models import ImportJob, Recipient, RecipientList, Suppression
from campaigns.models.import_job import Mode
from campaigns.tests import factories
from campaigns.tests.importing import carried_out, received

pytestmark = pytest.mark.django_db

State = ImportJob.State
FILE = "email,full_name\nanna@example.com,Anna\nbob@example.com,Bob\n"


@pytest.fixture
def owner() -> User:
    return factories.user(OPERATOR)


@pytest.fixture
def news(owner: User) -> RecipientList:
    return RecipientList.objects.create(owner=owner, name="News")


def checked(owner: User, into: Into, content: str = FILE, mode: str = Mode.ADD_AND_UPDATE) -> ImportJob:
    job = received(owner, content)
    work.choose(job, job.mapping, mode, into)
    return carried_out(job)


def imported(owner: User, into: Into, content: str = FILE, mode: str = Mode.ADD_AND_UPDATE) -> ImportJob:
    job = checked(owner, into, content, mode)
    assert job.state == State.PREVIEWED, job.reason
    work.confirm(job, owner)
    return carried_out(job)


def members(chosen: RecipientList) -> set[str]:
    return set(chosen.members.values_list("email", flat=True))


def put(chosen: RecipientList, *people: Recipient) -> None:
    chosen.members.add(*people)


def moves(job: ImportJob) -> tuple[int, int]:
    return job.joined, job.taken_out


def test_new_and_known_recipients_of_the_file_come_into_the_lists(owner: User, news: RecipientList) -> None:
    factories.recipient(owner, "Anna@example.com", full_name="Anna")
    other = RecipientList.objects.create(owner=owner, name="Other")
    job = imported(owner, Into([news, other]))
    assert (job.added, job.unchanged, moves(job)) == (1, 1, (4, 0))
    assert members(news) == members(other) == {"Anna@example.com", "bob@example.com"}


def test_a_check_counts_what_the_import_does_and_writes_nothing(owner: User, news: RecipientList) -> None:
    put(news, factories.recipient(owner, "anna@example.com"), factories.recipient(owner, "gone@example.com"))
    into = Into([news], "Fresh", takes_out=True)
    job = checked(owner, into)
    assert moves(job) == (3, 1)
    assert members(news) == {"anna@example.com", "gone@example.com"}
    assert not RecipientList.objects.filter(name="Fresh").exists()
    assert moves(imported(owner, into)) == (3, 1)


def test_the_same_file_again_changes_nothing_of_the_lists(owner: User, news: RecipientList) -> None:
    into = Into([news], takes_out=True)
    imported(owner, into)
    before = list(news.memberships.order_by("pk").values_list("pk", flat=True))
    assert moves(imported(owner, into)) == (0, 0)
    assert list(news.memberships.order_by("pk").values_list("pk", flat=True)) == before


def test_whoever_is_not_in_the_file_is_taken_out_and_stays_a_recipient(owner: User, news: RecipientList) -> None:
    put(news, factories.recipient(owner, "gone@example.com"), factories.recipient(owner, "BOB@example.com"))
    job = imported(owner, Into([news], takes_out=True))
    assert moves(job) == (1, 1)
    assert members(news) == {"anna@example.com", "BOB@example.com"}
    assert owner.recipients.filter(email="gone@example.com").exists()


def test_nobody_is_taken_out_unless_that_was_chosen(owner: User, news: RecipientList) -> None:
    put(news, factories.recipient(owner, "gone@example.com"))
    imported(owner, Into([news]))
    assert "gone@example.com" in members(news)


def test_a_list_that_was_not_chosen_is_left_alone(owner: User, news: RecipientList) -> None:
    other = RecipientList.objects.create(owner=owner, name="Other")
    put(other, factories.recipient(owner, "gone@example.com"))
    imported(owner, Into([news], takes_out=True))
    assert members(other) == {"gone@example.com"}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(Mode.ADD, {"anna@example.com", "bob@example.com"}), (Mode.UPDATE, {"anna@example.com"})],
)
def test_a_mode_says_who_can_come_in(mode: Mode, expected: set[str], owner: User, news: RecipientList) -> None:
    factories.recipient(owner, "anna@example.com", full_name="Old")
    job = imported(owner, Into([news]), mode=mode)
    assert members(news) == expected
    assert job.joined == len(expected)


def test_a_new_list_is_made_when_the_import_is_confirmed(owner: User) -> None:
    into = Into(new="Spring fair")
    assert checked(owner, into).joined == 2
    assert not RecipientList.objects.exists()
    job = imported(owner, into)
    made = RecipientList.objects.get(owner=owner)
    assert (made.name, list(job.lists.all())) == ("Spring fair", [made])
    assert members(made) == {"anna@example.com", "bob@example.com"}


def test_a_new_list_whose_name_the_owner_has_is_that_list(owner: User, news: RecipientList) -> None:
    imported(owner, Into(new="NEWS"))
    assert members(news) == {"anna@example.com", "bob@example.com"}
    assert owner.recipient_lists.count() == 1


def test_a_new_list_may_be_named_as_a_colleagues(owner: User) -> None:
    theirs = RecipientList.objects.create(owner=factories.user(OPERATOR), name="News")
    imported(owner, Into(new="News"))
    assert members(theirs) == set()
    assert len(members(owner.recipient_lists.get())) == 2


def test_a_refused_row_counts_as_not_in_the_file(owner: User, news: RecipientList) -> None:
    put(news, factories.recipient(owner, "anna@example.com"))
    job = imported(
        owner, Into([news], takes_out=True), f"email,full_name\nanna@example.com,{'x' * 201}\nbob@example.com,\n"
    )
    assert (job.refused, moves(job)) == (1, (1, 1))
    assert members(news) == {"bob@example.com"}


def test_a_failed_import_leaves_the_lists_as_they_were(owner: User, news: RecipientList) -> None:
    put(news, factories.recipient(owner, "gone@example.com"))
    job = received(owner, FILE)
    work.confirm_unseen(job, Mode.ADD_AND_UPDATE, Into([news], "Fresh", takes_out=True))
    ImportJob.objects.filter(pk=job.pk).update(mapping=["full_name", "skip"])
    with pytest.raises(KeyError):
        carried_out(job)
    assert members(news) == {"gone@example.com"}
    assert not RecipientList.objects.filter(name="Fresh").exists()


# Whose lists


@pytest.mark.parametrize("role", [OPERATOR, MANAGER])
def test_a_list_of_somebody_elses_can_not_be_filled(role: str, news: RecipientList) -> None:
    stranger = factories.user(role)
    job = received(stranger, FILE)
    with pytest.raises(UnusableFile, match="You may not change the list “News”"):
        work.choose(job, job.mapping, Mode.ADD, Into([news]))
    job.refresh_from_db()
    assert (job.state, list(job.lists.all())) == (State.UPLOADED, [])


def test_a_list_that_is_shared_to_be_viewed_can_not_be_filled(news: RecipientList) -> None:
    colleague = factories.user(OPERATOR)
    factories.share(news, "view", to=colleague)
    job = received(colleague, FILE)
    with pytest.raises(UnusableFile):
        work.choose(job, job.mapping, Mode.ADD, Into([news]))


def test_a_list_that_is_shared_to_be_changed_gets_the_importers_recipients(owner: User, news: RecipientList) -> None:
    put(news, factories.recipient(owner, "gone@example.com"))
    colleague = factories.user(OPERATOR)
    factories.share(news, "change", to=colleague)
    imported(colleague, Into([news], takes_out=True))
    assert set(news.members.values_list("owner", "email")) == {
        (colleague.pk, "anna@example.com"),
        (colleague.pk, "bob@example.com"),
    }
    assert owner.recipients.count() == 1


def test_a_share_that_ends_before_the_import_is_done_stops_it(news: RecipientList) -> None:
    colleague = factories.user(OPERATOR)
    factories.share(news, "change", to=colleague)
    job = checked(colleague, Into([news]))
    news.user_shares.all().delete()
    work.confirm(job, colleague)
    assert (carried_out(job).state, job.reason) == (State.FAILED, "You may not change the list “News”.")
    assert (members(news), colleague.recipients.count()) == (set(), 0)


def test_a_list_that_is_deleted_before_the_import_is_done_stops_it(owner: User, news: RecipientList) -> None:
    job = checked(owner, Into([news]))
    news.delete()
    work.confirm(job, owner)
    assert (carried_out(job).state, owner.recipients.count()) == (State.FAILED, 0)
    assert job.reason == "A list that was chosen has been deleted: import the file again."


def test_another_choice_of_lists_forgets_the_former(owner: User, news: RecipientList) -> None:
    other = RecipientList.objects.create(owner=owner, name="Other")
    job = checked(owner, Into([news, other]))
    work.choose(job, job.mapping, Mode.ADD_AND_UPDATE, Into([other]))
    assert carried_out(job).state == State.PREVIEWED
    work.confirm(job, owner)
    assert (carried_out(job).state, members(news), len(members(other))) == (State.DONE, set(), 2)


# Suppressions


def test_suppressed_addresses_are_counted_and_stay_suppressed(owner: User) -> None:
    for address in ("ANNA@example.com", "elsewhere@example.com"):
        Suppression.objects.create(owner=owner, email=address)
    assert checked(owner, Into()).suppressed == 1
    job = imported(owner, Into())
    assert (job.suppressed, job.added) == (1, 2)
    assert Suppression.objects.count() == 2


# Whoever is there meanwhile


def test_whom_somebody_adds_by_hand_meanwhile_comes_into_the_lists(
    owner: User, news: RecipientList, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = checked(owner, Into([news]))
    work.confirm(job, owner)
    write = merge.write

    def write_late(*args: Any) -> Any:
        factories.recipient(owner, "Anna@example.com")
        return write(*args)

    monkeypatch.setattr(merge, "write", write_late)
    assert (carried_out(job).added, job.joined) == (1, 2)
    assert members(news) == {"Anna@example.com", "bob@example.com"}


# Lists that are large


def test_lists_are_filled_slice_by_slice(owner: User, news: RecipientList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.merge.SLICE_PAGES", 1)
    content = "email\n" + "".join(f"user{n}@example.com\n" for n in range(2000))
    imported(owner, Into(), content.replace("user1", "person"))
    assert imported(owner, Into([news]), content).joined == news.members.count() == 2000
