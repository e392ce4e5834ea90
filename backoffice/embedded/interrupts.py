"""The signals that end a process, made to wait and to unwind."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let the signals wait for the end of the block: what is half started cannot be stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda got, _: arrived.append(got)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


@contextmanager
def termination_unwinds() -> Iterator[None]:
    """Make SIGTERM and a closed terminal leave through the `finally` blocks, as Ctrl-C does."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    deadly = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL and in_main_thread]
    for number in deadly:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in deadly:
            signal.signal(number, signal.SIG_DFL)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
