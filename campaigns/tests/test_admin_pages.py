"""Every page of the admin, for everybody; a page that is added and has no row here fails."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from django_apscheduler.models import DjangoJob, DjangoJobExecution
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from accounts.models import User
from accounts.roles import MANAGER, OPERATOR, role
from backoffice.tests.inline import inline
from campaigns.admin.verbs import VERBS
from campaigns.models import DomainSlowdown, Mailing, SendingLimit, SendingStop
from campaigns.tests import factories
from campaigns.tests.scene import SECRET, Scene, logged_in, scene

pytestmark = pytest.mark.django_db

PEOPLE = ("owner", "stranger", "manager", "superuser", "without permissions")

# What each of PEOPLE gets for a GET. OWN: an object of the owner's.
EVERYBODY = (200, 200, 200, 200, 200)
NOBODY = (403, 403, 403, 403, 403)
LISTED = (200, 200, 200, 200, 403)
OWN = (200, 404, 200, 200, 404)
OWN_TO_DELETE = (200, 404, 403, 200, 404)
OWN_READ_ONLY = (403, 404, 403, 403, 404)
SUPERUSER = (403, 403, 403, 200, 403)
MANAGERS = (403, 403, 200, 200, 403)

PAGES: dict[str, tuple[int, ...]] = {
    "index": EVERYBODY,
    "search": EVERYBODY,
    "login": (302, 302, 302, 302, 302),
    "logout": (405, 405, 405, 405, 405),
    "password_change": EVERYBODY,
    "password_change_done": EVERYBODY,
    "profile": EVERYBODY,
    "jsi18n": EVERYBODY,
    "autocomplete": NOBODY,  # without parameters; with them see below
    "view_on_site": (404, 404, 404, 404, 404),
    "app_list": (200, 200, 200, 200, 404),
}


def _noun(name: str, changelist: Any, add: Any, change: Any, delete: Any, history: Any) -> None:
    for page, expected in (
        ("changelist", changelist),
        ("add", add),
        ("change", change),
        ("delete", delete),
        ("history", history),
    ):
        PAGES[f"{name}_{page}"] = expected


for _name in ("campaigns_recipient", "campaigns_message", "campaigns_mailing"):
    _noun(_name, LISTED, LISTED, OWN, OWN_TO_DELETE, OWN)
for _name in ("campaigns_mailingattempt", "campaigns_mailinglog"):
    _noun(_name, LISTED, NOBODY, OWN, OWN_READ_ONLY, OWN)
for _name in ("accounts_user", "auth_group"):
    _noun(_name, SUPERUSER, SUPERUSER, SUPERUSER, SUPERUSER, SUPERUSER)
for _name in (
    "procrastinate_procrastinatejob",
    "procrastinate_procrastinateworker",
    "django_apscheduler_djangojob",
    "django_apscheduler_djangojobexecution",
):
    _noun(_name, SUPERUSER, NOBODY, SUPERUSER, NOBODY, SUPERUSER)
_noun("campaigns_sendinglimit", MANAGERS, MANAGERS, MANAGERS, MANAGERS, MANAGERS)
for _name in ("campaigns_domainslowdown", "campaigns_sendingstop"):
    _noun(_name, MANAGERS, NOBODY, MANAGERS, NOBODY, MANAGERS)
PAGES |= {
    "stop_sending": MANAGERS,
    "auth_user_password_change": SUPERUSER,
    "campaigns_recipient_import": LISTED,
    "campaigns_recipient_export": LISTED,
    "campaigns_recipient_process_import": (405, 405, 405, 405, 405),
    "campaigns_mailing_progress": OWN,
    **{
        f"campaigns_{page}{part}": OWN
        for page in ("message_preview", "mailing_preview", "mailingattempt_as_sent")
        for part in ("", "_html")
    },
    # Who sees the object and may not share it does not find the page.
    **{f"campaigns_{noun}_share": (200, 404, 404, 200, 404) for noun in ("recipient", "message", "mailing")},
    # Who sees the mailing and may not send it does not find the page.
    **{
        f"campaigns_mailing_{verb}": (200, 404, 404, 200, 404)
        for verb in [verb.name for verb in VERBS if verb.permission == "send"]
    },
    "campaigns_mailing_disable": (404, 404, 200, 200, 404),
    "campaigns_mailing_enable": (404, 404, 200, 200, 404),
}


@pytest.fixture
def made() -> Scene:
    """The owner's objects, and beside them a job, a worker, runs of the scheduler, and what governs sending."""
    job = DjangoJob.objects.create(id="tick", next_run_time=timezone.now(), job_state=b"")
    DjangoJobExecution.objects.create(job=job, status="Executed", run_time=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    SendingLimit.objects.create(maximum=1000, unit=SendingLimit.Unit.HOUR)
    DomainSlowdown.objects.create(
        domain="a.example", until=timezone.now(), step=1, reason="421", updated_at=timezone.now()
    )
    SendingStop.objects.create(reason="Wrong prices", ended_at=timezone.now())
    return scene()


def somebody(name: str, made: Scene) -> User:
    if name == "owner":
        return made.owner
    if name == "without permissions":
        return factories.user()
    if name == "superuser":
        return factories.user(is_superuser=True)
    person = factories.user(MANAGER if name == "manager" else OPERATOR)
    scene(person, word=f"own{person.pk}")
    return person


def urls() -> Iterator[tuple[str, str]]:
    """The names of all pages, with their routes."""
    for entry in admin.site.get_urls():
        patterns = entry.url_patterns if isinstance(entry, URLResolver) else [entry]
        for pattern in patterns:
            assert isinstance(pattern, URLPattern)
            if pattern.name:
                yield pattern.name, str(entry.pattern) if entry is pattern else f"{entry.pattern}{pattern.pattern}"


def pk(name: str, made: Scene) -> Any:
    """The object that the page of that name is opened for."""
    noun = name.split("_")[1] if name.startswith("campaigns") else name.rpartition("_")[0]
    if (found := getattr(made, {"mailingattempt": "attempt", "mailinglog": "log"}.get(noun, noun), None)) is not None:
        return found.pk
    governing = {"sendinglimit": SendingLimit, "domainslowdown": DomainSlowdown, "sendingstop": SendingStop}
    if model := governing.get(noun):
        return model._default_manager.values_list("pk", flat=True).first()
    return {
        "accounts_user": made.owner.pk,
        "auth_user_password": made.owner.pk,
        "auth_group": Group.objects.get(name=OPERATOR).pk,
        "procrastinate_procrastinatejob": ProcrastinateJob.objects.values_list("pk", flat=True).first(),
        "procrastinate_procrastinateworker": ProcrastinateWorker.objects.values_list("pk", flat=True).first(),
        "django_apscheduler_djangojob": "tick",
        "django_apscheduler_djangojobexecution": DjangoJobExecution.objects.values_list("pk", flat=True).first(),
    }[noun]


def address(name: str, route: str, made: Scene) -> str:
    if name == "app_list":
        return reverse("admin:app_list", args=["campaigns"])
    if name == "view_on_site":
        return reverse("admin:view_on_site", args=[ContentType.objects.get_for_model(Mailing).pk, made.mailing.pk])
    return reverse(f"admin:{name}", args=[pk(name, made)] if "<" in route else [])


def open_all(client: Client, made: Scene) -> dict[str, int]:
    client.raise_request_exception = False
    return {name: client.get(address(name, route, made)).status_code for name, route in urls()}


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    assert set(PAGES) == {name for name, _route in urls()}


@pytest.mark.parametrize("name", PEOPLE)
def test_who_may_open_which_page(name: str, made: Scene) -> None:
    role(OPERATOR)
    opened = open_all(logged_in(somebody(name, made)), made)
    expected = {page: statuses[PEOPLE.index(name)] for page, statuses in PAGES.items()}
    assert {page: status for page, status in opened.items() if status != expected[page]} == {}


def test_anonymous_is_sent_to_the_login_from_every_page(made: Scene) -> None:
    client = Client()
    opened = {name: client.get(address(name, route, made)) for name, route in urls() if name not in ("login", "logout")}
    login = reverse("admin:login")
    assert {name for name, page in opened.items() if not page.headers.get("Location", "").startswith(login)} == set()


def test_the_login_page_opens_for_everybody() -> None:
    assert Client().get(reverse("admin:login")).status_code == 200


def refused_by_its_policy(answer: Any) -> list[str]:
    """What the page holds that its Content-Security-Policy refuses."""
    if "Content-Security-Policy" not in answer.headers:
        return ["it has none"]
    # The letter in a frame is whatever somebody wrote: its policy lets nothing of it run.
    is_letter = "sandbox" in answer.headers["Content-Security-Policy"]
    return [] if is_letter or "html" not in answer.headers["Content-Type"] else inline(answer.content.decode())


def test_no_page_needs_what_its_policy_refuses(made: Scene) -> None:
    client = logged_in(factories.user(is_superuser=True))
    client.raise_request_exception = False
    found = {name: refused_by_its_policy(client.get(address(name, route, made))) for name, route in urls()}
    assert {name: refused for name, refused in found.items() if refused} == {}


# What a stranger reads


def autocomplete(model: str, field: str, **query: str) -> str:
    parameters = {"app_label": "campaigns", "model_name": model, "field_name": field, "term": SECRET[:3], **query}
    return reverse("admin:autocomplete", query=parameters)


def doors(made: Scene) -> list[str]:
    """Where else than on the page of an object its words could be read."""
    lists = [f"admin:campaigns_{noun}_changelist" for noun in ("recipient", "message", "mailing")]
    histories = [f"admin:campaigns_{noun}_changelist" for noun in ("mailingattempt", "mailinglog")]
    recipients = "admin:campaigns_recipient_changelist"
    return [
        *(reverse(name) for name in (*lists, *histories, "admin:index", "admin:campaigns_mailing_add")),
        *(reverse(name, query={"all": ""}) for name in (*lists, *histories)),
        *(reverse(name, query={"q": SECRET[:3]}) for name in (*lists, *histories)),
        *(reverse(name, query={"owner__id__exact": made.owner.pk}) for name in lists),
        reverse(recipients, query={"mailings__id__exact": made.mailing.pk}),
        reverse("admin:campaigns_mailinglog_changelist", query={"attempt__id__exact": made.attempt.pk}),
        reverse("admin:campaigns_mailing_add", query={"message": made.message.pk, "add_recipients": made.recipient.pk}),
        reverse("admin:search", query={"s": SECRET[:3]}),
        reverse("admin:campaigns_recipient_export"),
        autocomplete("mailing", "message"),
        autocomplete("mailing", "recipients"),
        autocomplete("mailing", "owner"),
        autocomplete("mailingattempt", "mailing"),
        autocomplete("mailingattempt", "triggered_by"),
        autocomplete("mailinglog", "attempt"),
        autocomplete("mailinglog", "recipient"),
        autocomplete("recipient", "mailings"),
        autocomplete("mailingusershare", "content_object"),
    ]


def where_it_is_read(client: Client, made: Scene) -> set[str]:
    client.raise_request_exception = False
    addresses = [*(address(name, route, made) for name, route in urls()), *doors(made)]
    return {url for url in addresses if SECRET in client.get(url).content.decode()}


def test_an_owner_reads_the_own_words_on_every_page_that_has_them(made: Scene) -> None:
    read = where_it_is_read(logged_in(made.owner), made)
    pages = [(name, route) for name, route in urls() if PAGES[name] == OWN]
    assert {address(name, route, made) for name, route in pages} - read == set()


@pytest.mark.parametrize("name", ["stranger", "without permissions"])
def test_a_stranger_reads_nothing_of_it_anywhere(name: str, made: Scene) -> None:
    assert where_it_is_read(logged_in(somebody(name, made)), made) == set()


# Bad addresses


BAD_KEYS = ("0", "999999999", "9" * 30, "-1", "abc", "1.5", "%20", "%00", "1_2F2", "a/b")
BAD_QUERIES = (
    "page=x&p=x",
    "p=0",
    "p=99999",
    "o=999",
    "o=-1.x",
    "q=%00",
    "q=%27%22%3C",
    "all=",
    "e=1",
    "nonsense=1",
    "id__exact=abc",
    "id__in=1,x",
    "owner__id__exact=abc",
    "owner__password__startswith=a",
    "status__exact=%00",
    "status__exact=nonsense",
    "mailings__id__exact=abc",
    "mailings__id__exact=" + "9" * 30,
    "attempt__id__exact=abc",
    "attempt__mailing__owner__password__startswith=a",
    "dry_run__exact=maybe",
    "created_at__year=abc",
    "created_at__year=0",
    "created_at__year=2024&created_at__month=99",
    "start_at_from_0=abc&start_at_from_1=x",
    "created_at_to_0=2024-13-99&created_at_to_1=99:99",
    "_changelist_filters=%00",
    "_popup=1",
    "_to_field=password",
    "s=%00",
    "s=x&page=x",
    "s=x&page=999",
    "term=%00&app_label=campaigns&model_name=mailing&field_name=message",
    "term=x&app_label=campaigns&model_name=mailing&field_name=message&page=x",
    "term=x&app_label=campaigns&model_name=nonsense&field_name=message",
    "message=abc&add_recipients=abc&owner=%00&start_at=%00",
)


def failures(client: Client, addresses: list[str]) -> set[str]:
    client.raise_request_exception = False
    return {url for url in addresses if fails(client, url)}


def fails(client: Client, url: str) -> bool:
    with transaction.atomic():
        failed = client.get(url).status_code >= 500
        transaction.set_rollback(True)  # an error of the database does not fail the pages after it
    return failed


def test_no_page_breaks_for_an_object_that_can_not_be(made: Scene) -> None:
    routes = [route for _name, route in urls() if "<" in route and "app_label" not in route]
    paths = [route.replace("<path:object_id>", "{0}").replace("<id>", "{0}") for route in routes]
    paths = [path.replace("<path:content_type_id>", "{0}") for path in paths]
    addresses = [reverse("admin:index") + path.format(key) for path in paths for key in BAD_KEYS]
    assert failures(logged_in(factories.user(is_superuser=True)), addresses) == set()


def test_no_list_breaks_for_a_strange_query(made: Scene) -> None:
    asks = ("changelist", "export", "autocomplete", "search", "campaigns_mailing_add")
    lists = [address(name, route, made) for name, route in urls() if name.endswith(asks)]
    asked = [f"{url}?{query}" for url in lists for query in BAD_QUERIES]
    assert failures(logged_in(factories.user(is_superuser=True)), asked) == set()
