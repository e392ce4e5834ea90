"""One way to take recipients out, timed: ways_out.py NAME ROWS. The last line that it writes is JSON."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

django.setup()

import large_lists  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from import_export import resources  # noqa: E402
from process import peak_mb  # noqa: E402

from accounts.models import User  # noqa: E402
from campaigns.models import Recipient  # noqa: E402

COPY = """COPY (SELECT email, full_name, comment, attributes FROM campaigns_recipient WHERE owner_id = %s ORDER BY id)
TO STDOUT (FORMAT csv)"""
EXPORT = "/admin/campaigns/recipient/export/"

type Run = Callable[[], Iterator[bytes]]


def pure_copy(owner: User) -> Run:
    """The rows as they are stored: the limit."""

    def run() -> Iterator[bytes]:
        with connection.cursor() as cursor, cursor.copy(COPY, [owner.pk]) as found:
            yield from found

    return run


def autosend(kind: str) -> Callable[[User], Run]:
    """The product: the whole request, as a server that has answered one before makes it."""

    def way(owner: User) -> Run:
        client = Client()
        client.force_login(owner)
        client.get(EXPORT)
        return lambda: cast(Any, client.post(EXPORT, {"format": kind, "resource": ""})).streaming_content

    return way


class Plain(resources.ModelResource):
    class Meta:
        model = Recipient
        fields = ("email", "full_name", "comment", "attributes")


def import_export(owner: User) -> Run:
    return lambda: iter([Plain().export(owner.recipients.order_by("pk")).export("csv").encode()])


WAYS: "dict[str, Callable[[User], Run]]" = {
    "pure COPY TO": pure_copy,
    "autosend, CSV": autosend("0"),
    "autosend, XLSX": autosend("1"),
    "import-export": import_export,
}


def main() -> None:
    name, rows = sys.argv[1], int(sys.argv[2])
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # nothing was collected
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        figures = timed(WAYS[name](large_lists.one_owner(rows)), rows)
    print(json.dumps(figures))


def timed(run: Run, rows: int) -> "dict[str, float]":
    """In milliseconds: until the first byte."""
    began, first = time.monotonic(), 0.0
    for _piece in run():
        first = first or time.monotonic() - began
    seconds = time.monotonic() - began
    return {"per_second": rows / seconds, "peak_mb": peak_mb(os.getpid()), "milliseconds": 1000 * first}


if __name__ == "__main__":
    main()
