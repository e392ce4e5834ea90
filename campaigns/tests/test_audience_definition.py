"""Whom a mailing is for: what each part of its audience adds and takes away, and that the ledger has just those."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from campaigns import lifecycle
from campaigns.audience import Audience, may_have
from campaigns.models import Mailing, MailingAttempt, MailingLog, Recipient
from campaigns.models.conditions import MOST, parse
from campaigns.sending.ledger import audience
from campaigns.tests import factories
from campaigns.tests.doors import undone

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.user()


def people(owner: User, *names: str, **fields: Any) -> list[Recipient]:
    return [factories.recipient(owner, f"{name}@example.com", **fields) for name in names]


def named(mailing: Mailing) -> list[str]:
    """Who is in the audience, by each way to ask for it, which all have to agree."""
    said = Audience.of(Mailing.objects.get(pk=mailing.pk))
    found = sorted(said.ids())
    assert found == sorted(said.recipients().values_list("pk", flat=True))
    assert found == said.first(100) == said.last(100)[::-1]
    assert said.count() == len(found)
    emails = Recipient.objects.filter(pk__in=found).values_list("email", flat=True)
    return sorted(email.partition("@")[0] for email in emails)


def asking(owner: User, *conditions: dict[str, Any]) -> Mailing:
    return factories.mailing(owner, 0, conditions=list(conditions))


def where(field: str, operator: str, value: Any = "") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


# The parts


def test_who_was_chosen_and_who_is_in_a_list_are_in_it_once(owner: User) -> None:
    ann, bob, cat = people(owner, "ann", "bob", "cat")
    mailing = factories.mailing(owner, [ann, bob])
    mailing.lists.set([factories.recipient_list(owner, [bob]), factories.recipient_list(owner, [bob, cat])])
    assert named(mailing) == ["ann", "bob", "cat"]


def test_who_is_in_an_excluded_list_is_not_in_it_however_it_came_there(owner: User) -> None:
    ann, bob, cat, _dan = people(owner, "ann", "bob", "cat", "dan")
    mailing = factories.mailing(owner, [ann, bob], conditions=[where("email", "begins", "cat")])
    mailing.lists.add(factories.recipient_list(owner, [bob]))
    mailing.excluded_lists.set([factories.recipient_list(owner, [bob]), factories.recipient_list(owner, [cat])])
    assert named(mailing) == ["ann"]


def test_what_a_list_has_later_is_in_it_too(owner: User) -> None:
    ann, bob = people(owner, "ann", "bob")
    mailing = factories.mailing(owner, 0)
    mailing.lists.add(here := factories.recipient_list(owner, [ann]))
    here.members.add(bob)
    assert named(mailing) == ["ann", "bob"]


def test_conditions_find_recipients_of_the_mailings_owner_only(owner: User) -> None:
    people(owner, "ann")
    people(factories.user(), "anna")
    assert named(asking(owner, where("email", "contains", "ann"))) == ["ann"]


def test_no_conditions_find_nobody(owner: User) -> None:
    people(owner, "ann")
    assert named(factories.mailing(owner, 0)) == []


def test_all_conditions_have_to_hold(owner: User) -> None:
    people(owner, "ann", "anna", "bob")
    assert named(asking(owner, where("email", "begins", "an"), where("email", "lacks", "anna"))) == ["ann"]


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        ("contains", "ERLIN", ["one", "two"]),
        ("lacks", "berlin", ["four", "three"]),
        ("is", "BERLIN", ["one"]),
        ("is_not", "Berlin", ["four", "three", "two"]),
        ("begins", "east", ["two"]),
        ("ends", "lin", ["one", "two"]),
        ("empty", "", ["four"]),
        ("filled", "", ["one", "three", "two"]),
        ("contains", "%", ["three"]),
        ("contains", "_", []),
        ("contains", "\\", []),
        ("contains", "'; --", []),
    ],
)
@pytest.mark.parametrize(
    "field", ["full_name", "comment", "attributes.home town", "attributes.2024", "attributes.a__b"]
)
def test_texts_are_compared_without_their_case(
    field: str, operator: str, value: str, found: list[str], owner: User
) -> None:
    for name, text in {"one": "Berlin", "two": "East Berlin", "three": "100% Paris", "four": ""}.items():
        holder = {"attributes": {field.partition(".")[2]: text} if text else {}}
        people(owner, name, **(holder if "." in field else {field: text}))
    assert named(asking(owner, where(field, operator, value))) == found


def test_numbers_and_attributes_that_are_no_object_are_compared_too(owner: User) -> None:
    people(owner, "ann", attributes={"plan": 5})
    people(owner, "bob", attributes=["plan"])
    assert named(asking(owner, where("attributes.plan", "is", "5"))) == ["ann"]
    assert named(asking(owner, where("attributes.plan", "is_not", "5"))) == ["bob"]


def test_lists_can_be_asked_for_and_against(owner: User) -> None:
    ann, bob, _cat = people(owner, "ann", "bob", "cat")
    one, other = factories.recipient_list(owner, [ann, bob]), factories.recipient_list(owner, [bob])
    assert named(asking(owner, where("list", "in", one.pk), where("list", "in", other.pk))) == ["bob"]
    assert named(asking(owner, where("list", "in", one.pk), where("list", "not_in", other.pk))) == ["ann"]


def test_days_are_those_of_the_owners_time_zone(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(time_zone="Asia/Tokyo")
    for name, hour in (("ann", 14), ("bob", 15)):  # in Tokyo the day ends between
        [person] = people(owner, name)
        Recipient.objects.filter(pk=person.pk).update(created_at=datetime(2026, 3, 1, hour, 30, tzinfo=UTC))
    assert named(asking(owner, where("created_at", "since", "2026-03-02"))) == ["bob"]
    assert named(asking(owner, where("created_at", "before", "2026-03-02"))) == ["ann"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        "email",
        [1],
        [{}],
        [{"field": "email"}],
        [where("email", "contains")],
        [where("email", "contains", 5)],
        [where("email", "contains", "\x00")],
        [where("email", "contains", "x" * 201)],
        [where("email", "since", "2026-01-01")],
        [where("owner", "is", "1")],
        [where("attributes.", "is", "1")],
        [where("owner__password", "begins", "a")],
        [where(5, "is", "1")],  # type: ignore[arg-type]
        [where("list", "in", "1")],
        [where("list", "in", True)],
        [where("list", "in", 2**63)],
        [where("list", "contains", "1")],
        [where("created_at", "since", "yesterday")],
        [where("created_at", "since", 20260101)],
        [where("created_at", "since", "0001-01-01")],
        [{**where("email", "is", "a"), "extra": 1}],
        [where("email", "is", "a")] * (MOST + 1),
    ],
)
def test_what_are_no_conditions_is_refused_with_a_sentence(given: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(given)
    assert all(refused.value.messages)


# The ledger


def rows(mailing: Mailing, **options: Any) -> list[tuple[str, str]]:
    attempt = lifecycle.launch(Mailing.objects.get(pk=mailing.pk), None, **options)
    found = attempt.logs.order_by("email").values_list("email", "status", "detail")
    return [
        (email.partition("@")[0], detail if status == MailingLog.Status.SKIPPED else "")
        for email, status, detail in found
    ]


def finish(mailing: Mailing) -> None:
    """As if all letters had been sent."""
    mailing.attempts.update(status="success", finished_at=datetime.now(UTC))
    Mailing.objects.filter(pk=mailing.pk).update(status=Mailing.Status.FINISHED)


def test_who_comes_into_a_list_late_is_new(owner: User) -> None:
    ann, bob = people(owner, "ann", "bob")
    mailing = factories.mailing(owner, 0)
    mailing.lists.add(here := factories.recipient_list(owner, [ann]))
    rows(mailing)
    finish(mailing)
    here.members.add(bob)
    assert audience.count_letters(mailing.pk, new_only=True) == 1
    assert rows(mailing, new_only=True) == [("bob", "")]


def test_who_matches_late_is_new(owner: User) -> None:
    people(owner, "ann")
    mailing = asking(owner, where("email", "ends", "example.com"))
    rows(mailing)
    finish(mailing)
    people(owner, "bob")
    assert rows(mailing, new_only=True) == [("bob", "")]


def test_an_attempt_keeps_what_the_mailing_said_when_it_was_launched(owner: User, settings: Any) -> None:
    settings.SENDING_INLINE_ROWS = 1
    ann, bob, cat = people(owner, "ann", "bob", "cat")
    mailing = factories.mailing(owner, 0, conditions=[where("email", "begins", "cat")])
    mailing.lists.add(factories.recipient_list(owner, [ann, bob]))
    mailing.excluded_lists.add(factories.recipient_list(owner, [bob]))
    attempt = lifecycle.launch(mailing, None)
    mailing.lists.clear()
    mailing.excluded_lists.clear()
    Mailing.objects.filter(pk=mailing.pk).update(conditions=[])
    write_all(attempt.pk)
    assert set(attempt.logs.values_list("recipient", flat=True)) == {ann.pk, cat.pk}


def write_all(attempt: int, rows: int = 2) -> None:
    """Slice by slice."""
    among = audience.owners(attempt)
    while MailingAttempt.objects.filter(pk=attempt, expanded_at=None).exists():
        audience.expand(attempt, among, rows, 1000)


def test_a_mailing_with_an_empty_list_has_no_recipients(owner: User) -> None:
    mailing = factories.mailing(owner, 0)
    mailing.lists.add(factories.recipient_list(owner, []))
    with pytest.raises(lifecycle.NobodyToSendTo):
        lifecycle.launch(mailing, None)


def test_the_mailings_that_may_have_somebody_are_found(owner: User) -> None:
    [ann] = people(owner, "ann")
    chosen, listed, asked, other = (factories.mailing(owner, [ann]), *(factories.mailing(owner, 0) for _ in range(3)))
    listed.lists.add(factories.recipient_list(owner, [ann]))
    Mailing.objects.filter(pk=asked.pk).update(conditions=[where("email", "is", "x")])
    assert set(may_have([ann.pk])) == {chosen, listed, asked}
    assert other not in may_have([ann.pk])


# Any audience: of two owners with eight addresses each, of which some are the same


EMAILS = [f"{name}@example.com" for name in "abcdefgh"]
some = st.sets(st.integers(0, 15), max_size=8)
condition = st.one_of(
    st.builds(where, st.just("email"), st.sampled_from(["begins", "is_not", "lacks"]), st.sampled_from("abcdefgh")),
    st.builds(where, st.just("list"), st.sampled_from(["in", "not_in"]), st.integers(0, 1)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chosen=some,
    lists=st.lists(some, min_size=2, max_size=2),
    excluded=st.one_of(st.just(set[int]()), some),
    conditions=st.lists(condition, max_size=2),
    suppressed=st.sets(st.sampled_from(EMAILS), max_size=3),
    rows=st.integers(1, 9),
    sent_before=st.booleans(),
    late=some,
)
def test_the_ledger_has_the_number_of_letters_that_was_counted(
    chosen: set[int],
    lists: list[set[int]],
    excluded: set[int],
    conditions: list[dict[str, Any]],
    suppressed: set[str],
    rows: int,
    *,
    sent_before: bool,
    late: set[int],
) -> None:
    def compare() -> None:
        owner, other = factories.user(), factories.user()
        both = [factories.recipient(owner, email) for email in EMAILS]
        both += [factories.recipient(other, email.upper()) for email in EMAILS]
        mailing = made(owner, both, chosen, lists, excluded, conditions)
        known = letters(mailing, 5) if sent_before else frozenset()
        mailing.add_to_audience(Recipient.objects.filter(pk__in=[both[number].pk for number in late]))
        for email in suppressed:
            factories.suppression(owner, email)
        counted = audience.count_letters(mailing.pk, new_only=sent_before)
        sent = letters(mailing, rows, new_only=sent_before)
        assert counted == len(sent)
        assert not sent & (known | suppressed)

    undone(compare)


def made(
    owner: User,
    both: list[Recipient],
    chosen: Iterable[int],
    lists: list[set[int]],
    excluded: Iterable[int],
    conditions: list[dict[str, Any]],
) -> Mailing:
    mailing = factories.mailing(owner, [both[number] for number in chosen])
    there = [factories.recipient_list(owner, [both[number] for number in members]) for members in lists]
    mailing.lists.set(there[:1])
    mailing.excluded_lists.add(factories.recipient_list(owner, [both[number] for number in excluded]))
    mailing.conditions = [
        one | {"value": there[one["value"]].pk} if one["field"] == "list" else one for one in conditions
    ]
    mailing.save()
    return mailing


def letters(mailing: Mailing, rows: int, *, new_only: bool = False) -> frozenset[str]:
    """The addresses of the letters that an attempt would send, which are all different."""
    said = Audience.of(mailing).frozen()
    attempt = mailing.attempts.create(new_only=new_only, audience=said)
    write_all(attempt.pk, rows)
    finish(mailing)
    emails = [email.lower() for email in attempt.logs.filter(status=0).values_list("email", flat=True)]
    assert len(emails) == len(set(emails))
    return frozenset(emails)


def test_slices_have_no_gaps_and_no_overlap(owner: User) -> None:
    everybody = factories.recipients(owner, 40)
    mailing = factories.mailing(owner, everybody[::4], conditions=[where("email", "contains", "1")])
    mailing.lists.set(
        [factories.recipient_list(owner, everybody[::3]), factories.recipient_list(owner, everybody[::5])]
    )
    said, after, found = Audience.of(mailing), 0, list[int]()
    while after < 2**63 - 1:
        upto = said.end_of_slice(after, 7)
        part = sorted(said.ids(after, upto))
        assert len(part) <= 7
        found += part
        after = upto
    assert found == sorted(said.ids())


def test_a_zone_that_is_not_there_is_that_of_the_world() -> None:
    assert Audience.of_attempt(factories.mailing().attempts.create()).zone == ZoneInfo("UTC")
