"""The jobs of an attempt, with the names of who launched it."""

from campaigns.models import Chunk, MailingAttempt
from campaigns.sending.queue import jobs


def enqueue_open(attempt: MailingAttempt) -> None:
    chunks = Chunk.objects.filter(attempt=attempt, closed_at=None).order_by("pk").values_list("pk", flat=True)
    enqueue(list(chunks), attempt, urgent=True)


def enqueue(chunks: list[int], attempt: MailingAttempt, *, urgent: bool = False) -> None:
    jobs.enqueue(chunks, attempt.request_id, email_of(attempt), urgent=urgent, held_until=attempt.held_until)


def enqueue_expansion(attempt: MailingAttempt) -> None:
    jobs.enqueue_expansion(attempt.pk, attempt.request_id, email_of(attempt), held_until=attempt.held_until)


def email_of(attempt: MailingAttempt) -> str:
    return attempt.triggered_by.email if attempt.triggered_by else "-"
