"""What the answers to MAIL, RCPT and DATA come to."""

import asyncio
from typing import cast

import pytest

from campaigns.sending.letters.composer import Letter
from campaigns.sending.smtp.envelope import BODY, EMPTY_BODY, MAIL, RCPT, RESET, Envelope
from campaigns.sending.smtp.handshake import Session

LETTER = Letter("office@example.com", "ann@example.com", b"Hello\r\n")


def envelope(*answers: int, reset: bool = False, pipelining: bool = True) -> Envelope:
    """The envelope after those answers."""
    made = Envelope(LETTER, Session(cast(asyncio.Transport, None), pipelining), reset=reset)
    for code in answers:
        made.answered(code, b"")
    return made


def test_an_envelope_that_is_taken_is_complete_with_the_go_ahead() -> None:
    assert not envelope(250, 250).complete
    taken = envelope(250, 250, 354)
    assert (taken.complete, taken.refusal) == (True, None)


@pytest.mark.parametrize("answers", [(421,), (250, 421), (250, 250, 421)])
@pytest.mark.parametrize("reset", [False, True])
def test_a_server_that_closes_has_taken_nothing(answers: tuple[int, ...], reset: bool) -> None:
    closed = envelope(*answers, reset=reset)
    assert closed.complete
    assert closed.refusal
    assert closed.refusal[:2] == (len(answers) - 1 + (RESET if reset else MAIL), 421)


def test_the_first_unwanted_answer_is_the_reason() -> None:
    refused = envelope(250, 550, 554)
    assert refused.complete
    assert refused.refusal == (RCPT, 550, b"")


def test_a_go_ahead_for_nobody_is_answered_with_an_empty_body() -> None:
    refused = envelope(250, 550)
    assert refused.answered(354, b"") == EMPTY_BODY
    assert not refused.complete
    refused.answered(554, b"")
    assert refused.complete


def test_a_go_ahead_after_a_strange_answer_leaves_the_connection_in_doubt() -> None:
    strange = envelope(250, 252, 354)
    assert (strange.complete, strange.half_taken) == (True, True)


def test_without_pipelining_each_answer_leads_to_the_next_command() -> None:
    asked = envelope(pipelining=False, reset=True)
    assert asked.opening() == (b"RSET\r\n", 1)
    following = [asked.answered(code, b"") for code in (250, 250, 250)]
    assert following == [b"MAIL FROM:<office@example.com>\r\n", b"RCPT TO:<ann@example.com>\r\n", b"DATA\r\n"]
    asked.answered(354, b"")
    assert asked.complete


def test_without_pipelining_a_refusal_ends_it_at_once() -> None:
    refused = envelope(250, 550, pipelining=False)
    assert refused.complete
    assert refused.refusal
    assert refused.refusal[0] == RCPT != BODY
