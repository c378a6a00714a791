"""A real Docker engine in network and UTS namespaces of its own."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import leftovers, releases

UP_WITHIN = 45.0
DOWN_WITHIN = 20.0
LONGEST_SOCKET_PATH = 107
PROGRAMS = ("dockerd", "containerd", "ip", "nsenter", "unshare", "hostname", "iptables", "busybox")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class EngineFailedError(RuntimeError):
    """The engine did not come up; the message ends with the tail of its log."""


def unavailable() -> str | None:
    """Why no engine can be started here, or None when one can."""
    if os.geteuid() != 0:
        return "the engine lab needs root"
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCH_PATH) is None]
    return f"the engine lab needs {', '.join(missing)}" if missing else None


class Engine:
    """One dockerd: `start()` it, use `url`, `stop()` it. Nothing of it outlives the process.

    `name` is the host name that the engine sees (`docker info` calls it Name), `flags` are more
    flags for dockerd, `tcp` (`"127.0.0.1:2375"`) is one more address to listen on, inside the
    namespace, `environment` is added to dockerd's otherwise bare environment, `settings` go into
    its `daemon.json`, and `tree` is the root of another Debian release whose dockerd it is.
    The namespace has a loopback device and no route to anywhere, and the machine's resolvers are
    not used: unless a flag names others, a name that the engine does not know is asked of nobody.
    """

    def __init__(
        self,
        name: str = "lab",
        *,
        flags: Sequence[str] = (),
        tcp: str | None = None,
        environment: Mapping[str, str] | None = None,
        settings: Mapping[str, object] | None = None,
        tree: Path | None = None,
    ) -> None:
        self.name = name
        self.flags = tuple(flags)
        self.tcp = tcp
        self.environment = dict(environment or {})
        self.settings = dict(settings or {})
        self.tree = tree
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """The directory that holds all of the engine's files."""
        if self._home is None:
            raise RuntimeError(f"engine {self.name} is not started")
        return self._home

    @property
    def data_root(self) -> Path:
        """Where the engine keeps containers and images (`containers/<id>/hostconfig.json` …)."""
        return self.home / "data"

    @property
    def socket(self) -> Path:
        """The engine's unix socket."""
        return self.home / "d.sock"

    @property
    def url(self) -> str:
        """The engine's address, as `DOCKER_HOST` takes it."""
        return f"unix://{self.socket}"

    @property
    def namespace(self) -> str:
        """The name of the engine's network namespace, as `ip netns` shows it."""
        return self.home.name

    @property
    def pid(self) -> int:
        """The pid of the running dockerd."""
        if self._process is None:
            raise RuntimeError(f"engine {self.name} is not running")
        return self._process.pid

    def start(self) -> None:
        """Make namespace and directory, start dockerd, wait until it answers."""
        if self._home is not None:
            raise RuntimeError(f"engine {self.name} is started already")
        atexit.register(self._stop_in, os.getpid())
        self._home = leftovers.claim()
        try:
            if len(os.fsencode(self.socket)) > LONGEST_SOCKET_PATH:
                raise EngineFailedError(f"too long for a unix socket: {self.socket}")
            leftovers.command("ip", "netns", "add", self.namespace)
            leftovers.command("ip", "-n", self.namespace, "link", "set", "lo", "up")
            self.boot()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Take everything down: processes, mounts, namespace, files. Harmless when stopped."""
        if self._home is None:
            return
        atexit.unregister(self._stop_in)
        self.halt()
        leftovers.demolish(self._home)
        self._home = None

    def restart(self) -> None:
        """Stop dockerd as a shutdown does and start it again on the same files."""
        self.halt()
        self.boot()

    def halt(self) -> None:
        """End dockerd, which stops its containers first; files and namespace stay."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(DOWN_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(DOWN_WITHIN)
        self._process = None

    def crash(self) -> None:
        """Kill dockerd where it stands, and its containerd; what they had begun stays as it is."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(DOWN_WITHIN)
        self._process = None
        # Where nobody reaps orphans, a dead containerd would be taken for one that runs.
        noted = self.home / "exec" / "containerd" / "containerd.pid"
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(noted.read_text()), signal.SIGKILL)
        noted.unlink(missing_ok=True)

    def boot(self) -> None:
        """Start dockerd and wait until it answers; restart policies apply."""
        (self.home / "daemon.json").write_text(json.dumps(self.settings))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command_line(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": SEARCH_PATH, **self.environment},
                start_new_session=True,
            )
        process = self._process
        leftovers.wait_until(lambda: process.poll() is not None or self._answers(), UP_WITHIN)
        if process.poll() is not None or not self._answers():
            raise EngineFailedError(f"engine {self.name} did not come up:\n{self.log_tail()}")

    def inside(self, *argv: str, timeout: float = 20.0) -> str:
        """Run a program of the machine inside the engine's network namespace; its output."""
        return leftovers.command(*self._entering(), *argv, timeout=timeout)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that dockerd printed."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def _log(self) -> Path:
        return self.home / "log"

    def _stop_in(self, owner: int) -> None:
        """What runs at exit: a forked child must not take down its parent's engine."""
        if os.getpid() == owner:
            self.stop()

    def _entering(self) -> list[str]:
        return ["nsenter", f"--net={leftovers.NAMESPACES / self.namespace}", "--"]

    def _command_line(self) -> list[str]:
        """Every step but the last replaces itself, so that dockerd has the pid that we started."""
        set_name = 'hostname "$1" && shift && exec "$@"'
        argv = [*self._entering(), "unshare", "--uts", "sh", "-c", set_name, "sh", self.name]
        if self.tree is None:
            argv.append(str(shutil.which("dockerd", path=SEARCH_PATH)))
        else:
            argv += ["unshare", "--mount", "--propagation=private", "sh", "-c", releases.ENTER]
            argv += ["sh", str(self.tree), str(self.home), "dockerd"]
        argv.append("--storage-driver=overlay2")
        argv += ["--data-root", str(self.data_root), "--exec-root", str(self.home / "exec")]
        argv += ["--pidfile", str(self.home / "pid"), "--host", self.url]
        argv += ["--config-file", str(self.home / "daemon.json")]
        if not any(flag.startswith("--dns=") for flag in self.flags):
            argv.append("--dns=127.0.0.1")
        if self.tcp is not None:
            argv += ["--host", f"tcp://{self.tcp}"]
            if not any(flag.startswith("--tls") for flag in self.flags):
                argv.append("--tls=false")  # said aloud, or dockerd waits 15 s to make its point
        return [*argv, *self.flags]

    def _answers(self) -> bool:
        """Whether the engine answers a ping."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2.0)
            try:
                client.connect(str(self.socket))
                client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in client.recv(64)
            except OSError:
                return False


def join(first: Engine, second: Engine) -> None:
    """Lay a cable between two engines' hosts: 10.77.0.1 and 10.77.0.2, and no other route."""
    spaces = (first.namespace, second.namespace)
    ends = ("name", "cable", "netns", spaces[0]), ("name", "cable", "netns", spaces[1])
    leftovers.command("ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1])
    for number, space in enumerate(spaces, start=1):
        leftovers.command("ip", "-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", "cable")
        leftovers.command("ip", "-n", space, "link", "set", "cable", "up")
