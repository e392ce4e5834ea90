"""The list of recipients, each page timed: listing.py ROWS RUNS. The last line that it writes is JSON."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

django.setup()

import large_lists  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client, override_settings  # noqa: E402

from campaigns.models import Recipient, RecipientList  # noqa: E402

LIST = "/admin/campaigns/recipient/"


def pages(middle: int, half: RecipientList) -> "dict[str, str]":
    return {
        "first page": "",
        "deep page": f"?p=after-{middle}-",
        "search, part of an address": "?q=ser1234",
        "search, part of a name": "?q=chlo",
        "search, nothing found": "?q=nosuchword",
        "filter by list": f"?lists__id__exact={half.pk}",
    }


def timed(client: Client, address: str) -> "tuple[float, float]":
    """The page's milliseconds, and those that its statements took."""
    sql = 0.0

    def clock(execute: Any, *args: Any) -> Any:
        nonlocal sql
        began = time.perf_counter()
        try:
            return execute(*args)
        finally:
            sql += time.perf_counter() - began

    began = time.perf_counter()
    with connection.execute_wrapper(clock):
        answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.status_code} {answer.headers.get('Location', '')}")
    return 1000 * (time.perf_counter() - began), 1000 * sql


def main() -> None:
    rows, runs = int(sys.argv[1]), int(sys.argv[2])
    people, half = large_lists.hundred_owners(rows)
    middle = Recipient.objects.order_by("pk").values_list("pk", flat=True)[rows // 2]
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # nothing was collected
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        print(json.dumps(list(found(people, pages(middle, half), runs))))


def found(people: "dict[str, Any]", addresses: "dict[str, str]", runs: int) -> "Iterator[dict[str, Any]]":
    for role, person in people.items():
        client = Client()
        client.force_login(person)
        own = {} if role == "operator" else {"filter by owner": f"?owner__id__exact={people['operator'].pk}"}
        for name, query in {**addresses, **own}.items():
            client.get(LIST + query)
            times = [timed(client, LIST + query) for _ in range(runs)]
            page, sql = (median(column) for column in zip(*times, strict=True))
            yield {"name": f"list, {role}: {name}", "milliseconds": round(page, 1), "sql_milliseconds": round(sql, 1)}


if __name__ == "__main__":
    main()
