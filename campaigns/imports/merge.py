"""The statements that bring a table of rows into one owner's recipients.

Measured with a million rows: one COPY and one sort reach 82 % of a pure COPY into the same indexed table, ON CONFLICT
for every row 57 %, bulk_create(update_conflicts) 22 %, a row at a time 0.5 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from campaigns.imports.errors import OwnerBusy
from campaigns.imports.rows import Record
from campaigns.models.import_job import Mode

# An arbitrary number that names the imports among PostgreSQL's advisory locks; the owner is the other half.
OWNER_LOCK = 1_190_113_003
PIECE_ROWS, COPY_ROWS = 2000, 50_000
# Pages of the sorted table that one statement writes: some 20,000 rows, between two of which the bar moves.
SLICE_PAGES = 300

# What Python's strip() takes away, and what files lose: spaces around a text, and kinds of ends of lines.
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))


class Verdict(NamedTuple):
    """How many of the rows that can be stored are what."""

    new: int
    differing: int
    same: int
    duplicates: int


class Written(NamedTuple):
    """How many recipients were added and changed, and how many entries of lists were made."""

    added: int
    changed: int
    joined: int


class Fields(NamedTuple):
    """Which columns the file has. One that it does not have leaves what is stored as it is."""

    full_name: bool
    comment: bool


def prepare() -> None:
    """Make room for the rows; part of the caller's transaction, and gone with it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute("DROP TABLE IF EXISTS pg_temp.import_raw, pg_temp.import_row")
        cursor.execute(_RAW)


def copy(records: Iterable[Record], told: Callable[[int], None]) -> int:
    """Send the rows to the database as they come; tells after each piece how many there are by then."""
    # One COPY for all would let the client's buffer grow with the file whenever the database is the slower of the two.
    count, records = 0, iter(records)
    with connection.cursor() as cursor:
        while batch := list(islice(records, PIECE_ROWS)):
            with connection.wrap_database_errors, cursor.copy(_COPY) as rows:
                for piece in chain([batch], _pieces(islice(records, COPY_ROWS))):
                    rows.write("".join(map(_line, piece)))
                    count += len(piece)
                    told(count)
    return count


def _pieces(records: Iterator[Record]) -> Iterator[list[Record]]:
    while piece := list(islice(records, PIECE_ROWS)):
        yield piece


def _line(record: Record) -> str:
    """As COPY's text format has it. A csv.writer takes three times as long."""
    line, email, full_name, comment, attributes = record
    text = f"{line}\t{email}\t{full_name}\t{comment}\t{attributes}\n"
    if comment.isprintable() and "\\" not in text:
        return text
    return "\t".join(str(value).translate(_ESCAPES) for value in record) + "\n"


def lock(owner: int, *, wait: bool = True) -> None:
    """One import at a time for each owner, until the transaction ends. Raises OwnerBusy rather than wait."""
    timeout = f"{settings.STALLED_WORKER_SECONDS * 1000 // 2}"
    with connection.cursor() as cursor:
        # The session of a frozen process ends, and lets go of the lock, before another process takes the import over.
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [timeout])
        if wait:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [OWNER_LOCK, owner % 2**31])
            return
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [OWNER_LOCK, owner % 2**31])
        if cursor.fetchone() == (False,):
            raise OwnerBusy


def classify(owner: int, fields: Fields, copied: int) -> Verdict:
    """Sort the rows, keep the last of each address, and find who is there already and differs."""
    with connection.cursor() as cursor:
        cursor.execute(_CLASSIFY, {**_given(fields), "owner": owner})
        cursor.execute(_VERDICT)
        new, differing, same = cursor.fetchone()
    return Verdict(new, differing, same, copied - new - differing - same)


def verdicts(up_to_line: int) -> dict[int, str]:
    """What each of the first rows is, by its line: added, changed or unchanged; one that is not there is repeated."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [up_to_line])
        return dict(cursor.fetchall())


def write(owner: int, mode: str, fields: Fields, lists: Sequence[int], told: Callable[[int, int], None]) -> Written:
    """Write what the mode allows, slice by slice, and put all whom the owner has by then into the lists.

    Tells after each slice how many of how many pages are done.
    """
    written = Written(0, 0, 0)
    given = {**_given(fields), "owner": owner, "lists": list(lists)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('pg_temp.import_row') / current_setting('block_size')::int")
        [pages] = cursor.fetchone()
        for page in range(0, pages, SLICE_PAGES):
            there: dict[str, Any] = {"first": f"({page},0)", "next": f"({page + SLICE_PAGES},0)"}
            written = Written(*map(sum, zip(written, _slice(cursor, mode, given | there), strict=True)))
            told(min(page + SLICE_PAGES, pages), pages)
    return written


def _slice(cursor: Any, mode: str, given: dict[str, Any]) -> Written:
    added = changed = joined = 0
    if mode != Mode.ADD:
        cursor.execute(_UPDATE, given)
        changed = cursor.rowcount
    if given["lists"]:
        cursor.execute(_JOIN, given)
        joined = cursor.rowcount
    if mode != Mode.UPDATE:
        added, by_hand = _inserted(cursor, given)
        joined += added * len(given["lists"]) + by_hand
    return Written(added, changed, joined)


def _inserted(cursor: Any, given: dict[str, Any]) -> tuple[int, int]:
    """How many were added, and how many entries of lists were made for those whom somebody added by hand.

    Whom somebody adds between classify() and this statement stays as added by hand. ON CONFLICT costs a third more, for
    every row, so it is asked for only where there is a conflict.
    """
    sql = _INSERT_AND_JOIN if given["lists"] else _INSERT
    try:
        with transaction.atomic():
            cursor.execute(sql.format(unless=""), given)
    except IntegrityError:
        cursor.execute(sql.format(unless="ON CONFLICT DO NOTHING"), given)
        added = cursor.rowcount
        cursor.execute(_JOIN_BY_ADDRESS, given)
        return added, cursor.rowcount
    return cursor.rowcount, 0


def _given(fields: Fields) -> dict[str, Any]:
    return {"has_name": fields.full_name, "has_comment": fields.comment, "spaces": _SPACES}


_RAW = """
CREATE TEMPORARY TABLE import_raw (
    line bigint, email text, full_name text, comment text, attributes jsonb
) ON COMMIT DROP
"""

_COPY = "COPY import_raw FROM STDIN"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _differs(name: str) -> str:
    """A condition: the file says something else there. Spaces around, and kinds of ends of lines, are no change."""
    return (
        f"(k.{name} <> r.{name} AND (%(has_{name.removeprefix('full_')})s OR k.{name} <> '')"
        f" AND k.{name} <> btrim(replace(replace(r.{name}, E'\\r\\n', E'\\n'), E'\\r', E'\\n'), %(spaces)s))"
    )


# Sorted byte by byte, which takes a third of the time of a sort by a language's rules, and is the same as to equality.
_CLASSIFY = f"""
CREATE TEMPORARY TABLE import_row ON COMMIT DROP AS
SELECT k.*, r.id AS known,
       {_differs("full_name")} OR {_differs("comment")} OR r.attributes || k.attributes <> r.attributes AS differs
FROM (SELECT DISTINCT ON (lower(email) COLLATE "C") * FROM import_raw ORDER BY lower(email) COLLATE "C", line DESC) k
LEFT JOIN campaigns_recipient r ON r.owner_id = %(owner)s AND lower(r.email) = lower(k.email)
"""  # noqa: S608 - only our own constants

_VERDICT = """
SELECT count(*) FILTER (WHERE known IS NULL),
       count(*) FILTER (WHERE differs),
       count(*) FILTER (WHERE NOT differs AND known IS NOT NULL)
FROM import_row
"""

_FIRST = """
SELECT line, CASE WHEN known IS NULL THEN 'added' WHEN differs THEN 'changed' ELSE 'unchanged' END
FROM import_row WHERE line <= %s
"""

_SLICE = "k.ctid >= %(first)s::tid AND k.ctid < %(next)s::tid"

_UPDATE = f"""
UPDATE campaigns_recipient r
SET full_name = CASE WHEN {_differs("full_name")} THEN k.full_name ELSE r.full_name END,
    comment = CASE WHEN {_differs("comment")} THEN k.comment ELSE r.comment END,
    attributes = r.attributes || k.attributes,
    version = r.version + 1,
    updated_at = statement_timestamp()
FROM import_row k WHERE r.id = k.known AND r.owner_id = %(owner)s AND k.differs AND {_SLICE}
"""  # noqa: S608 - only our own constants

_INSERT = f"""
INSERT INTO campaigns_recipient (owner_id, email, full_name, comment, attributes, version, created_at, updated_at)
SELECT %(owner)s, k.email, k.full_name, k.comment, k.attributes, 1, statement_timestamp(), statement_timestamp()
FROM import_row k WHERE k.known IS NULL AND {_SLICE} {{unless}}
"""  # noqa: S608 - only our own constants

# The lock keeps whoever comes into a list from being deleted by hand before this transaction ends.
_JOIN = f"""
INSERT INTO campaigns_membership (list_id, recipient_id)
SELECT l.id, r.id FROM import_row k JOIN campaigns_recipient r ON r.id = k.known
CROSS JOIN unnest(%(lists)s::bigint[]) AS l(id)
WHERE {_SLICE} FOR KEY SHARE OF r
ON CONFLICT DO NOTHING
"""  # noqa: S608 - only our own constants

_JOIN_BY_ADDRESS = f"""
INSERT INTO campaigns_membership (list_id, recipient_id)
SELECT l.id, r.id FROM import_row k
JOIN campaigns_recipient r ON r.owner_id = %(owner)s AND lower(r.email) = lower(k.email)
CROSS JOIN unnest(%(lists)s::bigint[]) AS l(id)
WHERE k.known IS NULL AND {_SLICE} FOR KEY SHARE OF r
ON CONFLICT DO NOTHING
"""  # noqa: S608 - only our own constants

_INSERT_AND_JOIN = f"""
WITH made AS ({_INSERT} RETURNING id), joined AS (
    INSERT INTO campaigns_membership (list_id, recipient_id)
    SELECT l.id, made.id FROM made CROSS JOIN unnest(%(lists)s::bigint[]) AS l(id)
)
SELECT FROM made
"""  # noqa: S608 - only our own constants
