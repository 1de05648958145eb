"""A laboratory of hosts on one machine: network namespaces, a veth pair each, and a bridge between them.

    with Lab(3) as lab:
        lab.check()
        node = lab[0].popen(["p2pnode", "run", "--listen", "/ip4/0.0.0.0/tcp/4001"], env={"P2PNODE_HOME": …})
        lab[1].run(["p2pnode", "join", f"/ip4/{lab[0].ipv4}/tcp/4001/p2p/…"], env=…)

Only the network is apart: files, Unix sockets and process ids are the machine's. Nothing is done to the namespace that
the tests run in, and nothing is left in /run/netns: each namespace belongs to a process of ours that waits for the end
of its input, so all of them vanish with the process that runs the tests, however it ends. Without root the whole
laboratory lies inside a user namespace (`unshare --user --map-root-user`), where the kernel allows that.

See network_namespaces(7), unshare(1), nsenter(1), ip-link(8).
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import IO, Any, Self

NETWORK4 = "10.77.0"
NETWORK6 = "fd77:7032:706e::"  # a unique local prefix (RFC 4193)
MAX_HOSTS = 64
START_SECONDS = 10.0
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

_REACH = """
import socket, sys, threading, time
mine, others = sys.argv[1].split(","), sys.argv[2].split(",")
servers = []
for address in mine:
    server = socket.create_server((address, 7077), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    def serve(server=server):
        while True:
            connection, _ = server.accept()
            connection.sendall(b"reached")
            connection.close()
    threading.Thread(target=serve, daemon=True).start()
failed = []
for address in others:
    for attempt in range(50):
        try:
            with socket.create_connection((address, 7077), timeout=2) as connection:
                if connection.recv(7) == b"reached":
                    break
        except OSError:
            time.sleep(0.1)
    else:
        failed.append(address)
print(*failed, flush=True)
sys.stdin.read()
"""


class LabUnavailable(Exception):
    """Network namespaces cannot be made here; says why."""


class Host:
    """One host. ipv4, ipv6: its addresses on the bridge; it also has a loopback interface of its own."""

    def __init__(self, lab: "Lab", index: int, holder: int) -> None:
        self.name = f"host{index}"
        self.ipv4 = f"{NETWORK4}.{index + 1}"
        self.ipv6 = f"{NETWORK6}{index + 1:x}"
        self._lab = lab
        self._holder = holder
        self._port = f"port{index}"

    @property
    def namespace(self) -> str:
        """The file of its network namespace."""
        return f"/proc/{self._holder}/ns/net"

    @property
    def prefix(self) -> list[str]:
        """The words before a command that make it run on this host."""
        return self._lab._inside(self._holder)

    def popen(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any) -> Any:
        """Start a program on this host. `env` is added to the environment. It leads a process group of its own;
        what is left of it when the laboratory closes is killed. Other options: those of `subprocess.Popen`."""
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(
            [*self._lab._inside(self._holder), *command],
            env={**os.environ, **(env or {})},
            start_new_session=True,
            **options,
        )
        self._lab._started.append(process)
        return process

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        check: bool = True,
        text_in: str = "",
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program on this host to its end (`timeout` in seconds) and return its output and status."""
        process = self.popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, err = process.communicate(text_in, timeout)
        finally:
            _kill(process)
            self._lab._started.remove(process)
        done = subprocess.CompletedProcess(list(command), process.returncode, out, err)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {command} ended with {done.returncode}\n{out}{err}")
        return done

    def unplug(self) -> None:
        """Cut this host off from the others. It keeps its addresses and is told nothing, as by a dead switch."""
        self._lab._ip(self._lab._switch, "link", "set", self._port, "nomaster")

    def plug(self) -> None:
        """Undo `unplug`."""
        self._lab._ip(self._lab._switch, "link", "set", self._port, "master", "bridge")


class Lab:
    """`count` hosts that can reach one another over IPv4 and IPv6. A context manager; `LabUnavailable` on entering."""

    def __init__(self, count: int) -> None:
        if not 1 <= count <= MAX_HOSTS:
            raise ValueError(f"1 to {MAX_HOSTS} hosts")
        self.hosts: list[Host] = []
        self._count = count
        self._user = os.geteuid() != 0
        self._holders: list[subprocess.Popen[bytes]] = []
        self._started: list[subprocess.Popen[Any]] = []
        self._switch = 0

    def __getitem__(self, index: int) -> Host:
        return self.hosts[index]

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts)

    def __len__(self) -> int:
        return len(self.hosts)

    def __enter__(self) -> Self:
        for tool in ("ip", "unshare", "nsenter"):
            if shutil.which(tool, path=_PATH) is None:
                raise LabUnavailable(f"{tool} is not installed (Debian: iproute2, util-linux)")
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what runs in the namespaces of this laboratory, and nothing else; then the namespaces go with their
        holders. May be called twice."""
        for process in self._started:
            _kill(process)
        self._started.clear()
        self._kill_strays()
        for holder in reversed(self._holders):
            assert holder.stdin is not None
            with suppress(OSError):
                holder.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                holder.wait(5)
            _kill(holder)
        self._holders.clear()
        self.hosts.clear()

    def _kill_strays(self) -> None:
        """Kill what has left the group it was started in. That it is ours shows by the namespace that it is in."""
        ours = {space for holder in self._holders if (space := _network_of(holder.pid))} - {_network_of(os.getpid())}
        holders = {holder.pid for holder in self._holders}
        for _ in range(100):  # a dying process may have started one more
            strays = [pid for pid in _processes() if pid not in holders and _network_of(pid) in ours]
            if not strays:
                return
            for pid in strays:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def check(self) -> None:
        """Every host reaches every address of every other one by TCP. `AssertionError` names those that do not."""
        probes = []
        for host in self.hosts:
            others = [a for other in self.hosts if other is not host for a in (other.ipv4, other.ipv6)]
            if others:
                command = [sys.executable, "-c", _REACH, f"{host.ipv4},{host.ipv6}", ",".join(others)]
                options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
                probes.append((host, host.popen(command, **options)))
        failed = {host.name: process.stdout.readline().split() for host, process in probes}
        for _, process in probes:
            _kill(process)
            self._started.remove(process)
        assert not any(failed.values()), f"not reached: { {k: v for k, v in failed.items() if v} }"

    def _build(self) -> None:
        self._switch = self._hold(None)
        self._ip(self._switch, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        self._ip(self._switch, "link", "set", "bridge", "up")
        for index in range(self._count):
            host = Host(self, index, self._hold(self._switch))
            end = ("type", "veth", "peer", "name", "eth0", "netns", str(host._holder))
            self._ip(self._switch, "link", "add", host._port, *end)
            self._ip(self._switch, "link", "set", host._port, "master", "bridge", "up")
            self._ip(host._holder, "link", "set", "lo", "up")
            self._ip(host._holder, "link", "set", "eth0", "up")
            self._ip(host._holder, "address", "add", f"{host.ipv4}/24", "dev", "eth0")
            # nodad: without it an address cannot be bound during the first two seconds (RFC 4862, 5.4)
            self._ip(host._holder, "address", "add", f"{host.ipv6}/64", "dev", "eth0", "nodad")
            # Debian binds only what has a route; a default route makes these ordinary hosts
            self._ip(host._holder, "route", "add", "default", "dev", "eth0")
            self.hosts.append(host)

    def _hold(self, parent: int | None) -> int:
        """The process id of a new namespace's holder. `parent`: the holder whose user namespace it shares."""
        command = ["unshare", "--net"]
        if self._user and parent is None:
            command += ["--user", "--map-root-user"]
        elif self._user:
            command = [*self._inside(parent or 0), *command]
        script = "echo ready; cat >/dev/null"
        holder = subprocess.Popen(
            [*command, "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal must not take the network away before the clean-up
            env={**os.environ, "PATH": _PATH},
        )
        self._holders.append(holder)
        line = _read_line(holder.stdout)
        if line != b"ready\n":
            holder.kill()
            said = holder.communicate()[1].decode(errors="replace").strip()
            raise LabUnavailable(f"no network namespace may be made here: {said or 'unshare failed'}")
        return holder.pid

    def _inside(self, holder: int) -> list[str]:
        nsenter = shutil.which("nsenter", path=_PATH) or "nsenter"
        user = ["--user", "--preserve-credentials"] if self._user else []
        return [nsenter, "--target", str(holder), "--net", *user, "--"]

    def _ip(self, holder: int, *arguments: str) -> None:
        run = subprocess.run(
            [*self._inside(holder), "ip", *arguments],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
            env={**os.environ, "PATH": _PATH},
        )
        if run.returncode != 0:
            raise LabUnavailable(f"ip {' '.join(arguments)}: {run.stderr.strip()}")


@cache
def unavailable() -> str | None:
    """Why a laboratory cannot be had here, or None: tried once, with two hosts."""
    try:
        with Lab(2) as lab:
            lab.check()
    except (LabUnavailable, AssertionError, OSError) as e:
        return f"no network namespaces: {e}"
    return None


def _read_line(stream: IO[bytes] | None) -> bytes:
    assert stream is not None
    return stream.readline()


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _network_of(pid: int) -> str | None:
    """The name of the network namespace of a process; None if it is gone, ending, or not ours to look at."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def _kill(process: "subprocess.Popen[Any]") -> None:
    """Kill the group that this process of ours leads, while the leader is there to keep the id from being reused."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(START_SECONDS)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
