import pytest

from campaigns.models.log import Status
from campaigns.sending import outcomes


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (250, Status.SENT),
        (251, Status.SENT),
        (421, Status.DEFERRED),
        (451, Status.DEFERRED),
        (550, Status.ERROR),
        (354, Status.UNCONFIRMED),
        (-1, Status.UNCONFIRMED),
    ],
)
def test_a_reply_to_the_letter_decides_by_its_first_digit(code: int, status: Status) -> None:
    assert outcomes.reply(code, b"text").status == status


@pytest.mark.parametrize("code", [200, 252, 354, 421, 450, 0, -1])
def test_an_unwanted_reply_before_the_letter_is_tried_again_and_never_counts_as_sent(code: int) -> None:
    assert outcomes.refusal(code, b"text").status == Status.DEFERRED


def test_a_final_refusal_before_the_letter_is_an_error() -> None:
    assert outcomes.refusal(550, b"5.1.1 no such user").status == Status.ERROR


def test_a_connection_lost_before_the_letter_left_is_tried_again() -> None:
    assert outcomes.lost(body_was_sent=False, reason="reset").status == Status.DEFERRED


def test_a_connection_lost_after_the_letter_left_is_in_doubt() -> None:
    assert outcomes.lost(body_was_sent=True, reason="reset").status == Status.UNCONFIRMED


def test_the_detail_is_one_line_with_the_servers_code_and_text() -> None:
    assert outcomes.reply(550, b"5.1.1 no\n such user").detail == "550 5.1.1 no such user"


def test_the_detail_is_cut_at_a_length_that_lists_can_show() -> None:
    assert len(outcomes.reply(550, b"x" * 10_000).detail) == outcomes.DETAIL_LENGTH


def test_the_detail_can_be_stored_whatever_bytes_the_server_sent() -> None:
    assert outcomes.reply(550, b"bo\xeete \x00pleine").detail == "550 bo\ufffdte pleine"
