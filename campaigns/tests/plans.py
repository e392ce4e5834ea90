"""How PostgreSQL reads its tables: the plans of what an action runs, without running them twice."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

LEDGER = "campaigns_mailinglog"


@dataclass(frozen=True)
class Scan:
    """How a statement reads a table: all of it, or by an index, and with which condition on the index."""

    table: str
    node: str
    index: str = ""
    condition: str = ""


def scans_of(action: Callable[[], Any], table: str = LEDGER) -> list[Scan]:
    """How the statements that the action runs read the table."""
    plans: list[Any] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.strip("( \n").startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")):
            plans.append(_explained(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        action()
    return _scans(plans, table)


def scans_of_prepared(sql: str, params: dict[str, Any], table: str = LEDGER) -> list[Scan]:
    """How a prepared statement reads the table: planned for these parameters, and once for any."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", sql)
    execute = f"EXECUTE prepared ({', '.join(['%s'] * len(names))})"
    plans = []
    with connection.cursor() as cursor:
        cursor.execute("PREPARE prepared AS " + numbered.replace("%%", "%"))
        for mode in ("force_custom_plan", "force_generic_plan"):
            cursor.execute("SELECT set_config('plan_cache_mode', %s, true)", [mode])
            plans.append(_explained(execute, [params[name] for name in names]))
        cursor.execute("DEALLOCATE prepared")
    return _scans(plans, table)


def _explained(sql: str, params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql, params)
        return cursor.fetchone()[0][0]["Plan"]


def _scans(plans: list[Any], table: str) -> list[Scan]:
    return [
        Scan(table, node["Node Type"], _index(node), node.get("Index Cond", node.get("Recheck Cond", "")))
        for plan in plans
        for node in _nodes(plan)
        if node.get("Relation Name") == table and "Scan" in node["Node Type"]
    ]


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes({**child, "Node Type": "Limited Scan"} if _is_limited(node, child) else child)


def _is_limited(node: Any, child: Any) -> bool:
    """Whether the child reads just as many rows as the node wants, and not its table."""
    return node["Node Type"] == "Limit" and child["Node Type"] == "Seq Scan" and "Filter" not in child


def _index(node: Any) -> str:
    if node["Node Type"] == "Bitmap Heap Scan":
        return " ".join(child["Index Name"] for child in _nodes(node) if "Index Name" in child)
    return str(node.get("Index Name", ""))


def assert_by_index(scans: list[Scan], *indexes_: str) -> None:
    assert indexes(scans) == set(indexes_)
    assert all(scan.condition for scan in scans), scans


def indexes(scans: list[Scan]) -> set[str]:
    return {scan.index or scan.node for scan in scans}
