"""Figures for Prometheus, all from the database and Redis: every web process tells the same.

Nothing here counts rows of the ledger but the deferred ones, which an index finds. With 5,500,000 rows of it, 5,000
attempts, 50,000 minutes with letters and 2,500 jobs, all figures took 28 to 50 ms on a busy machine of two cores; what
makes it grow is the number of minutes.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, F, Sum
from django.db.models.functions import Now, TruncMinute
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from backoffice import answers, pulse
from campaigns.models import Chunk, ImportJob, MailingAttempt, MailingLog, Tally
from campaigns.models.import_job import COUNTERS as IMPORT_COUNTERS

# What no press of a button takes back. Errors and unconfirmed letters are not among them: Retry and Resend open them
# again, and Prometheus takes a counter that falls for one that begins anew.
ONLY_RISING = {"sent": "sent", "skipped": "skipped", "cancelled": "cancelled", "dry_runs": "dry_run"}
DOUBTFUL = {"errors": "error", "unconfirmed": "unconfirmed"}
# Deferred letters are counted up to so many, which takes some 5 ms.
MOST_DEFERRED = 10_000
RATE_MINUTES = 2
TROUBLE_LATELY = timedelta(days=1)

_open_letters = F("total") - sum((F(name) for name in DOUBTFUL), sum((F(name) for name in ONLY_RISING), 0))


class Campaigns(Collector):
    """What prometheus_client asks at each scrape. `takers` are the entries that one worker has in the queue's table."""

    def __init__(self, takers: int) -> None:
        self._takers = takers

    def collect(self) -> Iterator[Metric]:
        """Raises django.db.Error."""
        yield from _letters()
        yield from _under_way()
        yield from _trouble()
        yield from _queue()
        yield from _processes(self._takers)
        yield from _imports()
        yield from _cache()
        yield from _reports()


def _letters() -> Iterator[Metric]:
    # The attempts have the same counters, and fill a page each.
    counted = Tally.objects.aggregate(**{name: Sum(name) for name in (*ONLY_RISING, *DOUBTFUL)})
    ended = CounterMetricFamily("autosend_letters", "Letters by their outcome.", labels=["outcome"])
    for name, outcome in ONLY_RISING.items():
        ended.add_metric([outcome], counted[name] or 0)
    yield ended
    doubtful = GaugeMetricFamily(
        "autosend_letters_in_trouble", "Letters that failed or are in doubt, of all attempts.", labels=["outcome"]
    )
    for name, outcome in DOUBTFUL.items():
        doubtful.add_metric([outcome], counted[name] or 0)
    yield doubtful
    minute = TruncMinute(Now())
    recent = Tally.objects.filter(minute__gte=minute - timedelta(minutes=RATE_MINUTES), minute__lt=minute)
    sent = recent.aggregate(sent=Sum("sent"))["sent"] or 0
    yield GaugeMetricFamily(
        "autosend_sent_per_second", "Letters sent a second, in the last two full minutes.", sent / (60 * RATE_MINUTES)
    )


def _under_way() -> Iterator[Metric]:
    attempts = MailingAttempt.objects.unfinished()
    counted = attempts.values_list("status").annotate(number=Count("pk"), letters=Sum(_open_letters)).order_by()
    by_status = {status: number for status, number, _open in counted}
    family = GaugeMetricFamily("autosend_attempts_under_way", "Attempts that have not ended.", labels=["status"])
    for status in ("queued", "running", "paused", "cancelled"):
        family.add_metric([status], by_status.get(status, 0))
    yield family
    letters = sum(letters for _status, _number, letters in counted)
    yield GaugeMetricFamily("autosend_letters_open", "Letters of attempts under way without an outcome.", letters)
    chunks = Chunk.objects.filter(closed_at=None, attempt__in=attempts)
    in_flight = chunks.aggregate(letters=Sum("in_flight__len"))["letters"]
    yield GaugeMetricFamily("autosend_letters_in_flight", "Letters that may be on their way now.", in_flight or 0)
    deferred = MailingLog.objects.filter(attempt__in=attempts, attention=MailingLog.Status.DEFERRED)
    yield GaugeMetricFamily(
        "autosend_letters_deferred",
        f"Letters that are tried again later, counted up to {MOST_DEFERRED}.",
        deferred.order_by()[:MOST_DEFERRED].count(),
    )


def _trouble() -> Iterator[Metric]:
    lately = Tally.objects.filter(minute__gte=Now() - TROUBLE_LATELY)
    counted = lately.aggregate(**{name: Sum(name) for name in DOUBTFUL})
    family = GaugeMetricFamily(
        "autosend_letters_wanting_a_person",
        "Letters that failed or are in doubt since yesterday, and that nobody has sent again or confirmed.",
        labels=["outcome"],
    )
    for name, outcome in DOUBTFUL.items():
        family.add_metric([outcome], counted[name] or 0)
    yield family


def _queue() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("autosend_jobs_waiting", "Jobs that are due and wait for a worker.", labels=["queue"])
    oldest = GaugeMetricFamily("autosend_job_oldest_seconds", "Since when the oldest has waited.", labels=["queue"])
    doing = GaugeMetricFamily("autosend_jobs_running", "Jobs that workers are at.", labels=["queue"])
    found = {queue.name: queue for queue in pulse.queues()}
    for name in {"sending", "imports", "bulk", *found}:
        queue = found.get(name, pulse.Queue(name, 0, 0, 0))
        waiting.add_metric([name], queue.waiting)
        oldest.add_metric([name], queue.oldest)
        doing.add_metric([name], queue.doing)
    yield from (waiting, oldest, doing)


def _processes(takers: int) -> Iterator[Metric]:
    workers = pulse.workers()
    yield GaugeMetricFamily(
        "autosend_workers_alive", "Workers that have lately shown that they live.", -(-workers.alive // takers)
    )
    if workers.last_sign is not None:
        yield GaugeMetricFamily("autosend_worker_last_sign_seconds", "Since the last sign of any.", workers.last_sign)
    late = pulse.scheduler_late()
    if late is not None:
        yield GaugeMetricFamily(
            "autosend_scheduler_late_seconds", "By which a look for due mailings is overdue.", max(late, 0)
        )


def _imports() -> Iterator[Metric]:
    done = ImportJob.objects.filter(state=ImportJob.State.DONE).order_by()
    counted = done.aggregate(**{name: Sum(name) for name in IMPORT_COUNTERS})
    family = CounterMetricFamily("autosend_import_rows", "Rows of imported files.", labels=["outcome"])
    for name in IMPORT_COUNTERS:
        family.add_metric([name], counted[name] or 0)
    yield family


def _cache() -> Iterator[Metric]:
    """The server's own counters: who else uses it counts in."""
    client: Any = getattr(cache, "_cache", None)
    if not hasattr(client, "get_client"):
        return
    up = GaugeMetricFamily("autosend_cache_up", "Whether Redis answers.")
    try:
        figures = client.get_client(None).info("stats")
    except RedisError:
        up.add_metric([], 0)
        yield up
        return
    up.add_metric([], 1)
    yield up
    family = CounterMetricFamily("autosend_cache_lookups", "Look-ups in the cache server.", labels=["result"])
    family.add_metric(["hit"], figures["keyspace_hits"])
    family.add_metric(["miss"], figures["keyspace_misses"])
    yield family


def _reports() -> Iterator[Metric]:
    """Counted in the cache, by all processes together; without Redis each tells its own."""
    family = CounterMetricFamily("autosend_report_answers", "Reports, by what the cache had.", labels=["result"])
    for outcome, number in answers.counted().items():
        family.add_metric([outcome], number)
    yield family
