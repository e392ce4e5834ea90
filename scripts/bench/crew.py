"""The processes that chaos breaks, kept in number whatever happens to them."""

import signal
import time
from collections import Counter
from random import Random

from campaigns.tests.crash.cluster import end_sessions
from campaigns.tests.crash.process import Process
from campaigns.tests.crash.rig import CONNECTIONS, STALLED_SECONDS, Rig

SCHEDULERS = 2


class Crew:
    """Workers, schedulers and a mail server.

    `faults` counts what was done to them, `may_be_in_doubt` how many letters that may leave in doubt: those that were
    on their way, one for each connection to the mail server.
    """

    def __init__(self, rig: Rig, seed: int, workers: int) -> None:
        self.faults: Counter[str] = Counter()
        self.may_be_in_doubt = 0
        # The exit statuses of workers that ended unasked, or not as they should.
        self.fallen: list[int] = []
        self._rig, self._number = rig, workers
        # Apart, so that a seed gives the same faults in the same order, whatever else chance decides.
        self._which, self._random = Random(seed), Random(seed)  # noqa: S311
        self._workers: list[Process] = []
        self._schedulers: list[Process] = []
        self._asleep: list[tuple[float, Process]] = []
        self._leaving: list[Process] = []
        self._sink = rig.sink()

    def break_something(self) -> None:
        """One fault, chosen at random."""
        faults = {
            self._kill_worker: 5,
            self._put_worker_to_sleep: 3,
            self._ask_worker_to_stop: 2,
            self._kill_scheduler: 1,
            self._kill_mail_server: 1,
            self._end_sessions: 2,
            self._restart_database: 2,
        }
        [fault] = self._which.choices(list(faults), list(faults.values()))
        fault()

    def repair(self) -> None:
        """Wake those that have slept enough, and replace those that are gone."""
        for at, worker in list(self._asleep):
            if at <= time.monotonic():
                self._wake(at, worker)
        left = [worker for worker in self._leaving if not worker.runs]
        self._leaving = [worker for worker in self._leaving if worker.runs]
        self._see_off(left)
        self.fallen += [worker.status() for worker in self._workers if not worker.runs]
        self._workers = [worker for worker in self._workers if worker.runs]
        # A scheduler ends by itself when it loses the database: whoever watches over it starts it again.
        self._schedulers = [scheduler for scheduler in self._schedulers if scheduler.runs]
        while len(self._workers) < self._number:
            self._workers.append(self._rig.worker())
        while len(self._schedulers) < SCHEDULERS:
            self._schedulers.append(self._rig.scheduler())

    def wake_all(self) -> None:
        for at, worker in list(self._asleep):
            self._wake(at, worker)

    def stop(self) -> None:
        """Ask all workers to stop, and wait until they have."""
        for worker in self._workers:
            worker.ask_to_stop()
        self._see_off(self._workers + self._leaving)

    # What breaks

    def _kill_worker(self) -> None:
        self._note("workers killed", in_doubt=CONNECTIONS)
        self._take_one().kill()

    def _ask_worker_to_stop(self) -> None:
        self._note("workers asked to stop")
        worker = self._take_one()
        worker.ask_to_stop()
        self._leaving.append(worker)

    def _put_worker_to_sleep(self) -> None:
        self._note("workers put to sleep", in_doubt=CONNECTIONS)
        worker = self._take_one()
        worker.freeze()
        seconds = self._random.uniform(0.2, 3) * STALLED_SECONDS
        self._asleep.append((time.monotonic() + seconds, worker))

    def _kill_scheduler(self) -> None:
        self._note("schedulers killed")
        self._random.choice(self._schedulers).kill()

    def _kill_mail_server(self) -> None:
        clients = len(self._workers) + len(self._asleep) + len(self._leaving)
        self._note("mail servers killed", in_doubt=CONNECTIONS * clients)
        self._sink.kill()
        time.sleep(self._random.uniform(0, 1))
        self._sink = self._rig.sink()

    def _end_sessions(self) -> None:
        self._note("times all sessions ended")
        end_sessions()

    def _restart_database(self) -> None:
        self._note("PostgreSQL restarts")
        with self._rig.cluster.away():
            time.sleep(self._random.choice((0, 0, 1, STALLED_SECONDS + 1)))

    def _note(self, fault: str, in_doubt: int = 0) -> None:
        self.faults[fault] += 1
        self.may_be_in_doubt += in_doubt

    def _take_one(self) -> Process:
        return self._workers.pop(self._random.randrange(len(self._workers)))

    def _wake(self, at: float, worker: Process) -> None:
        self._asleep.remove((at, worker))
        worker.thaw()
        self._workers.append(worker)

    def _see_off(self, workers: list[Process]) -> None:
        # One that was asked before it could listen ends so, and has done nothing yet.
        asked_early = (-signal.SIGTERM, 130)
        self.fallen += [status for worker in workers if (status := worker.status()) not in (0, *asked_early)]
