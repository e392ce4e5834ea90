"""Who knocks, and at which addresses: everybody whom permissions tell apart, and every address of the admin."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR, role
from campaigns.admin.reports import urls
from campaigns.imports import work
from campaigns.models import BulkJob, DomainSlowdown, ImportJob, Mailing, SendingLimit, SendingStop
from campaigns.models.bulk_job import Deed
from campaigns.models.import_job import Mode
from campaigns.models.shares import SHARED_VERBS
from campaigns.tests import factories
from campaigns.tests.scene import SECRET, Scene, logged_in, scene

# Colleagues are called by what all objects of the scene are shared with them for; the group's is to view.
PEOPLE = ("owner", "view", "change", "send", "group", "stranger", "manager", "superuser", "staff", "anonymous")
# A word in all that the people of PEOPLE own, by which it is told from the owner's.
OWN_WORD = "plugh"


@dataclass(frozen=True)
class Page:
    """An address of the admin: its name (or one made of its route), and where the objects stand that it is for."""

    name: str
    route: str
    # Those of the reports stand beside the admin's.
    root: str = ""

    @property
    def has_object(self) -> bool:
        return "<path:object_id>" in self.route or "<id>" in self.route

    def address(self, keys: dict[str, Any]) -> str:
        """The address, with the key of the object that the scene has for it."""
        if self.name == "app_list":
            return reverse("admin:app_list", args=["campaigns"])
        if self.name == "catch_all":
            return reverse("admin:index") + "nothing/here/"
        if self.name == "view_on_site":
            noun, key = ContentType.objects.get_for_model(Mailing).pk, keys["campaigns/mailing/"]
            return reverse("admin:view_on_site", args=[noun, key])
        return self.with_key(keys["/".join([*self.route.split("/")[:2], ""])] if self.has_object else "")

    def with_key(self, key: Any) -> str:
        return (self.root or reverse("admin:index")) + re.sub(r"<[^>]+>", str(key), self.route)


def pages() -> Iterator[Page]:
    """Every address that the admin answers at."""
    for entry in admin.site.get_urls():
        for pattern in entry.url_patterns if isinstance(entry, URLResolver) else [entry]:
            assert isinstance(pattern, URLPattern)
            route = str(entry.pattern) if entry is pattern else f"{entry.pattern}{pattern.pattern}"
            yield Page(pattern.name or _made_of(route), route)
    for report in urls.urlpatterns:
        yield Page(f"{urls.app_name}_{report.name}", str(report.pattern), "/mailings/")


def _made_of(route: str) -> str:
    """`<path:object_id>/`, an old address of changes, and what takes all others have no names."""
    return "catch_all" if route.startswith("(?P<url>") else "_".join([*route.split("/")[:2], "old"])


@dataclass(frozen=True)
class House:
    """The owner's objects, something in each other table that has pages, and everybody who knocks."""

    made: Scene
    people: dict[str, User | None]
    keys: dict[str, Any]


def house() -> House:
    made = scene()
    return House(made, {name: knocker(name, made) for name in PEOPLE}, _keys(made))


def knocker(name: str, made: Scene) -> User | None:
    """Who is called so in PEOPLE. Operators and managers have objects of their own, so that lists are not empty."""
    if name in ("owner", "anonymous"):
        return made.owner if name == "owner" else None
    if name == "superuser":
        return factories.user(is_superuser=True)
    if name == "staff":
        return factories.user()
    someone = factories.user(MANAGER if name == "manager" else OPERATOR, full_name=f"{OWN_WORD} {name}")
    scene(someone, f"{OWN_WORD}{someone.pk}")
    if name == "group":
        team, _made = Group.objects.get_or_create(name="team")
        someone.groups.add(team)
        _share_all(made, "view", team)
    elif name not in ("stranger", "manager"):
        _share_all(made, name, someone)
    return someone


def _share_all(made: Scene, verb: str, to: User | Group) -> None:
    for obj in (made.mailing, made.message, made.recipient, made.list):
        if verb in SHARED_VERBS[type(obj)]:
            factories.share(obj, verb, to=to)


def _keys(made: Scene) -> dict[str, Any]:
    """The key of the object that the pages under each path are opened for."""
    job = DjangoJob.objects.create(id="tick", next_run_time=timezone.now(), job_state=b"")
    run = DjangoJobExecution.objects.create(job=job, status="Executed", run_time=timezone.now())
    slowdown = DomainSlowdown.objects.create(
        domain="a.example", until=timezone.now(), step=1, reason="421", updated_at=timezone.now()
    )
    return {
        "campaigns/mailing/": made.mailing.pk,
        "campaigns/message/": made.message.pk,
        "campaigns/recipient/": made.recipient.pk,
        "campaigns/recipientlist/": made.list.pk,
        "campaigns/suppression/": made.suppression.pk,
        "campaigns/mailingattempt/": made.attempt.pk,
        "campaigns/mailinglog/": made.log.pk,
        "campaigns/sendinglimit/": SendingLimit.objects.create(maximum=1000, unit=SendingLimit.Unit.HOUR).pk,
        "campaigns/domainslowdown/": slowdown.pk,
        "campaigns/sendingstop/": SendingStop.objects.create(reason="Prices", ended_at=timezone.now()).pk,
        "campaigns/importjob/": import_of(made.owner).pk,
        "campaigns/bulkjob/": bulk_job_of(made.owner).pk,
        "accounts/user/": made.owner.pk,
        "auth/group/": role(OPERATOR).pk,
        "procrastinate/procrastinatejob/": _first("SELECT min(id) FROM procrastinate_jobs"),
        "procrastinate/procrastinateworker/": _first("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"),
        "django_apscheduler/djangojob/": job.pk,
        "django_apscheduler/djangojobexecution/": run.pk,
    }


def bulk_job_of(owner: User) -> BulkJob:
    return BulkJob.objects.create(owner=owner, deed=Deed.ADD_TO_LIST, target_name=SECRET)


def import_of(owner: User) -> ImportJob:
    """A file that was checked, and waits to be confirmed."""
    rows = [["email", "name"], [f"{SECRET}.file@example.com", f"{SECRET} in a file"]]
    text = "\n".join(",".join(row) for row in rows)
    job = work.receive(owner, f"{SECRET}.csv", BytesIO(text.encode()))
    work.choose(job, job.mapping, Mode.ADD_AND_UPDATE)
    work.carry_out(job.pk, watched=False)
    job.refresh_from_db()
    return job


def _first(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def client_of(someone: User | None) -> Client:
    client = logged_in(someone) if someone else Client()
    client.raise_request_exception = False
    return client


def undone[T](ask: Callable[[], T]) -> T:
    """What `ask()` answers; what it did to the database is undone, and an error of the database does not stay."""
    with transaction.atomic():
        answer = ask()
        transaction.set_rollback(True)
    return answer


def written() -> dict[str, int]:
    """How many rows each table had inserted, updated and deleted in this transaction, undone or not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables")
        return {table: count for table, count in cursor.fetchall() if count}
