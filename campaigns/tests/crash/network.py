"""Hosts on a network of the test's own: Linux's network namespaces, which are gone when their processes are."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from campaigns.tests.crash.rig import wait_until

# For PostgreSQL and the mail server. The range is the documentation's (RFC 5737): no machine has such an address.
SERVERS = "198.51.100.1"
RANGE = "198.51.100.0/24"
SWITCH = "switch"
PROGRAMS = ("ip", "nsenter", "unshare")
TRIAL = "ip link add switch type bridge && ip link add cable type veth peer name plug"


def refusal() -> str:
    """Why there can be no such network on this machine; empty: there can."""
    if sys.platform != "linux":
        return "Network namespaces are Linux's."
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        return f"{', '.join(missing)} not found: network namespaces want iproute2 and util-linux."
    tried = subprocess.run(["unshare", "--net", "sh", "-c", TRIAL], capture_output=True, text=True)
    return f"No network namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


class Host:
    """A machine with one address and one cable, that runs what is started with `prefix`."""

    def __init__(self, number: int, holder: subprocess.Popen[bytes]) -> None:
        self._cable, self._holder = f"host{number}", holder
        _run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        _run("ip", "link", "set", self._cable, "master", SWITCH, "up")
        for command in ("link set lo up", f"addr add 198.51.100.{10 + number}/24 dev eth0", "link set eth0 up"):
            _run(*self.prefix, "ip", *command.split())

    @property
    def prefix(self) -> Sequence[str]:
        """What comes before a command that is to run there."""
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")

    def pull_cable(self) -> None:
        """Nothing passes from now on, and neither end is told: its processes live, and so do their connections."""
        _run("ip", "link", "set", self._cable, "down")

    def plug_in(self) -> None:
        _run("ip", "link", "set", self._cable, "up")


@contextmanager
def own_network() -> Iterator[None]:
    """Take this thread, and every process that it starts, to a network that leads nowhere else."""
    with Path("/proc/thread-self/ns/net").open() as before:
        os.unshare(os.CLONE_NEWNET)
        try:
            _run("ip", "link", "set", "lo", "up")
            _run("ip", "link", "add", SWITCH, "type", "bridge")
            _run("ip", "addr", "add", f"{SERVERS}/24", "dev", SWITCH)
            _run("ip", "link", "set", SWITCH, "up")
            yield
        finally:
            os.setns(before.fileno(), os.CLONE_NEWNET)


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Machines on this thread's own network."""
    with ExitStack() as held:
        yield [Host(number, held.enter_context(_holder())) for number in range(count)]


@contextmanager
def _holder() -> Iterator[subprocess.Popen[bytes]]:
    """The first process on a machine. It ends with its input, and so with us, whatever ends us."""
    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE) as holder:
        wait_until(lambda: _network_of(holder.pid) != _network_of("thread-self"))
        yield holder


def _network_of(process: int | str) -> Path:
    return Path(f"/proc/{process}/ns/net").readlink()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
