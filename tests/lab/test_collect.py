"""How linkdoctor looks at a real engine: reading only, near and from afar, and never too long."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from linkdoctor.api import Examination, Url
from linkdoctor.fix.use_cases import Scope, plan
from linkdoctor.model.evidence import Known, Unknown
from linkdoctor.model.report import Completeness, Finding, Report, Verdict
from linkdoctor.model.snapshot import Container

from .examining import codes, diagnose, leaks, look, open_descriptors, report
from .passing import Passing
from .situations import Lab

SECRET = "s3cr3t-marker"
CANARY = "#!/bin/sh\nexec dial $CANARY_PORT_5432_TCP_ADDR\n"
SOON = 6.0
"""Seconds within which an examination with a timeout of two must have ended."""

Answered = Callable[[str], bool]


class Proxy(Passing):
    """Passes the requests of linkdoctor on to an engine, one after another, and notes them.

    `let` sees each request's path first and may hold it back for ever.
    """

    def __init__(self, engine: Path, url: str, listener: socket.socket, let: Answered) -> None:
        self.url = url
        self.requests: list[tuple[str, str]] = []
        self.bodies = 0
        self._engine = engine
        self._let = let
        super().__init__(listener)

    @property
    def methods(self) -> set[str]:
        """The methods of all requests so far."""
        return {method for method, _ in self.requests}

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        self._open.add(server)
        server.connect(str(self._engine))
        self._spawn(self._requests, client, server)
        self._spawn(self._answers, server, client)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        received = b""
        with contextlib.suppress(OSError):
            while more := client.recv(1 << 16):
                received += more
                while b"\r\n\r\n" in received:
                    head, _, received = received.partition(b"\r\n\r\n")
                    method, path, _ = head.decode().split("\r\n")[0].split(" ")
                    self.requests.append((method, path))
                    self.bodies += b"content-length" in head.lower()
                    self.bodies += b"transfer-encoding" in head.lower()
                    if self._let(path):
                        server.sendall(head + b"\r\n\r\n")
            server.shutdown(socket.SHUT_WR)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(1 << 16):
                client.sendall(answer)
            client.shutdown(socket.SHUT_WR)


def always(_: str) -> bool:
    """Every request is passed on."""
    return True


@contextmanager
def near(lab: Lab, directory: Path, let: Answered = always) -> Iterator[Proxy]:
    """A proxy on a unix socket: its engine is on this machine."""
    path = directory / "p.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    proxy = Proxy(lab.engine.socket, f"unix://{path}", listener, let)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def afar(lab: Lab, let: Answered = always) -> Iterator[Proxy]:
    """A proxy on TCP: for all that one knows, its engine is far away."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    proxy = Proxy(lab.engine.socket, url, listener, let)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def linked(lab: Lab) -> Lab:
    """`web`, which is linked to `app` as `helloapp`."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    return lab


@pytest.fixture
def trouble(lab: Lab) -> Lab:
    """Stale variables, a ghost and a wrong hosts line, and one healthy link."""
    lab.run("queue", listen=5672)
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("cache", listen=6379)
    lab.run("crawler", link="queue:queue")
    lab.run("web", link=["app:helloapp", "cache:cache"], env={"REDIS_HOST": "cache"})
    lab.run("report", link="db:db")
    lab.recreate("db")
    lab.move("app")
    lab.disconnect("bridge", "queue")
    lab.run("squatter")
    lab.connect("bridge", "queue")
    return lab


TROUBLE = ["LD302 crawler/queue", "LD102 report/db", "LD201 web/helloapp"]


def gist(report: Report) -> list[tuple[str, ...]]:
    """What a report finds, without the places where the proof was read."""

    def proofs(finding: Finding) -> tuple[str, ...]:
        return tuple(f"{each.what}: {each.observed}/{each.expected}" for each in finding.evidence)

    return [
        (
            *(each.code, each.severity, each.target, each.alias, each.message),
            *each.consequences,
            *proofs(each),
            # linkdoctor's own command names the engine as it was asked.
            *(
                command.partition(" -H ")[0] if command.startswith("linkdoctor ") else command
                for fix in each.fixes
                for command in fix.commands
            ),
        )
        for each in report.findings
    ]


def container(examination: Examination, name: str) -> Container:
    """One container of the only snapshot."""
    (snapshot,) = examination.snapshots
    (found,) = (each for each in snapshot.containers if each.name == name)
    return found


# Reading only


def test_near_the_engine_is_asked_by_get_and_once_for_each_container(
    trouble: Lab, tmp_path: Path
) -> None:
    with near(trouble, tmp_path) as proxy:
        examination = look(proxy.url)
    assert codes(report(examination)) == TROUBLE
    assert (proxy.methods, proxy.bodies) == ({"GET"}, 0)
    paths = [path for _, path in proxy.requests]
    inspects = [path for path in paths if re.search(r"/[0-9a-f]{64}/json$", path)]
    (snapshot,) = examination.snapshots
    assert len(inspects) == len(set(inspects)) == len(snapshot.containers)
    assert not [path for path in paths if "/top" in path or "/archive" in path]


def test_a_plan_is_made_by_get_only(trouble: Lab, tmp_path: Path) -> None:
    with near(trouble, tmp_path) as proxy:
        found = plan(Scope(engines=(Url(proxy.url),)), environment={})
    made = {(each.action.container, each.safety.value) for each in found.steps}
    assert made == {("crawler", "restart"), ("report", "recreate"), ("web", "restart")}
    assert (proxy.methods, proxy.bodies) == ({"GET"}, 0)


def test_looking_changes_nothing_and_leaves_no_descriptor_open(linked: Lab) -> None:
    before = [linked.inspect(name) for name in ("app", "web")]
    diagnose(linked)
    descriptors = open_descriptors()
    for _ in range(3):
        look(linked)
    assert open_descriptors() == descriptors
    assert [linked.inspect(name) for name in ("app", "web")] == before


# Near and from afar


def test_from_afar_the_same_is_found_by_get_only_as_near(trouble: Lab) -> None:
    with afar(trouble) as proxy:
        there = diagnose(proxy.url)
    here = diagnose(trouble)
    assert codes(here) == TROUBLE
    assert gist(there) == gist(here)
    assert (proxy.methods, proxy.bodies) == ({"GET"}, 0)
    asked = " ".join(path for _, path in proxy.requests)
    assert "/archive?path=" in asked
    assert "/top?ps_args=" in asked
    assert here.skipped == ()
    near_only = {"listening sockets", "link strings on the engine's disk"}
    near_only |= {"routes", "firewall rules"}
    assert {each.missing.partition(" of ")[0] for each in there.skipped} == near_only
    stored = {"LD108", "LD109", "LD110", "LD305"}
    assert {each.code for each in there.skipped} == {
        *("LD406", "LD407", "LD502", "LD503", "LD513", "LD514", "LD604"),
        *stored,
    }
    assert "web/cache" in {each.subject for each in there.skipped}
    assert there.hosts[0].evidence is Completeness.PARTIAL


def test_from_afar_a_healthy_host_is_incomplete_and_not_healthy(linked: Lab) -> None:
    with afar(linked) as proxy:
        examination = look(proxy.url)
    assert isinstance(container(examination, "app").listeners, Unknown)
    there = report(examination)
    assert (there.findings, there.summary.verdict) == ((), Verdict.INCOMPLETE)


def test_from_afar_the_evidence_of_a_linked_container_is_that_from_near(lab: Lab) -> None:
    script = "#!/bin/sh\nwget -q -O /tmp/p http://$HELLOAPP_PORT_5000_TCP_ADDR/; exec sleep 99999\n"
    image = lab.image(
        "lab:script", files={"/start.sh": script}, entrypoint=["/start.sh"], command=None
    )
    lab.run("app", listen=5000)
    lab.run("web", image=image, command=[], link="app:helloapp", env={"COLOUR": "light blue"})
    with afar(lab) as proxy:
        there = container(look(proxy.url), "web")
    here = container(look(lab), "web")
    for field in ("hosts_file", "script_reads"):
        seen_there, seen_here = getattr(there, field), getattr(here, field)
        assert isinstance(seen_here, Known)
        assert isinstance(seen_there, Known)
        assert seen_there.value == seen_here.value
    assert isinstance(there.process_environment, Known)
    assert isinstance(here.process_environment, Known)
    mine = {each for each in here.process_environment.value if each.name.startswith("HELLOAPP_")}
    assert mine <= set(there.process_environment.value)


def test_from_afar_the_resolver_is_read_where_links_are_looked_up_with_it(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", listen=5000, network="back")
    lab.run("web", network="back", link="app:helloapp")
    lab.run("db", listen=5432)
    lab.run("old", link="db:db")
    with afar(lab) as proxy:
        there = look(proxy.url)
    here = container(look(lab), "web").resolver
    seen = container(there, "web").resolver
    assert isinstance(here, Known)
    assert isinstance(seen, Known)
    assert seen.value == here.value
    assert isinstance(container(there, "old").resolver, Unknown)


# Secrets


@pytest.fixture
def confidant(lab: Lab) -> Lab:
    """Containers that carry a secret wherever one may stand."""
    lab.network("back")
    env = {
        "PASSWORD": SECRET,
        "DB_PORT": f"tcp://{SECRET}:5432",
        "API_KEY": f"{SECRET}:1234",
        "X_ENV_NAME": f"/{SECRET}/x",
        "DATABASE_URL": f"postgres://{SECRET}:{SECRET}@db:5432/{SECRET}?password={SECRET}",
    }
    words = [f"--password={SECRET}", "--dsn", f"mysql://root:{SECRET}@db/{SECRET}", SECRET]
    lab.run("app", listen=5000, env=env, labels={"token": SECRET, SECRET: "label"})
    lab.run(
        "web",
        link=["app:helloapp", "app:db"],
        env=env,
        labels={"com.docker.compose.project.working_dir": f"/srv/{SECRET}"},
        command=["sh", "-c", "exec sleep 100000", *words],
        health=f"echo {SECRET}; false",
        extra_hosts=["helper:10.0.0.9"],
    )
    lab.run("failed", network="back", command=[f"--password={SECRET}", *words], refused=True)
    lab.run("absent", network="back", command=[f"/srv/{SECRET}", *words], refused=True)
    lab.run("shop", network="back", link=["failed:failed", "absent:absent"], env=env)
    lab.wait_for(lambda: bool(lab.inspect("web")["State"]["Health"]["Log"]))
    lab.move("app")
    return lab


def test_a_secret_reaches_neither_snapshot_nor_report(confidant: Lab) -> None:
    examination = look(confidant)
    found = report(examination)
    assert {"LD201 web/helloapp", "LD101 shop/failed", "LD101 shop/absent"} <= set(codes(found))
    for name in ("failed", "absent"):
        assert SECRET in confidant.error(name)
        details = container(examination, name).details
        assert isinstance(details, Known)
        assert 'exec: "…": ' in details.value.error
    assert leaks(examination, SECRET) == []
    assert leaks(found, SECRET) == []


def test_a_secret_reaches_neither_snapshot_nor_report_from_afar(confidant: Lab) -> None:
    with afar(confidant) as proxy:
        examination = look(proxy.url)
    assert "LD201 web/helloapp" in codes(report(examination))
    assert leaks(examination, SECRET) == []
    assert leaks(report(examination), SECRET) == []


# What changes meanwhile


@pytest.mark.parametrize("gone", ["app", "web", "idle"])
@pytest.mark.parametrize("where", ["near", "afar"])
def test_a_container_that_vanishes_while_it_is_examined_is_left_out(
    lab: Lab, tmp_path: Path, gone: str, where: str
) -> None:
    identity = {name: lab.run(name, listen=5000) for name in ("app", "idle")}
    identity["web"] = lab.run("web", link="app:helloapp", env={"API_URL": "http://app:5000"})

    def let(path: str) -> bool:
        if path.endswith(f"/{identity[gone]}/json"):
            with contextlib.suppress(Exception):
                lab.remove(gone)
        return True

    with near(lab, tmp_path, let) if where == "near" else afar(lab, let) as proxy:
        examination = look(proxy.url)
    (snapshot,) = examination.snapshots
    assert examination.unreachable == ()
    assert gone not in {each.name for each in snapshot.containers}
    assert "LD001" not in {each.code for each in report(examination).findings}


@pytest.mark.parametrize("step", ["archive", "top"])
def test_a_container_that_vanishes_between_two_questions_is_no_crash(
    linked: Lab, step: str
) -> None:
    def let(path: str) -> bool:
        if f"/{step}?" in path:
            with contextlib.suppress(Exception):
                linked.remove("web")
        return True

    with afar(linked, let) as proxy:
        examination = look(proxy.url)
    assert examination.unreachable == ()
    assert "LD001" not in {each.code for each in report(examination).findings}


# Engines that keep silent


def test_an_engine_that_never_answers_ends_in_time_beside_one_that_does(
    linked: Lab, tmp_path: Path
) -> None:
    linked.stop("app")
    with near(linked, tmp_path, lambda path: False) as silent:
        began = time.monotonic()
        examination = look(silent.url, linked, timeout=2.0)
        assert time.monotonic() - began < SOON
    (unreachable,) = examination.unreachable
    assert unreachable.endpoint == silent.url
    found = report(examination)
    assert codes(found) == ["LD101 web/helloapp"]
    assert [(each.code, each.host) for each in found.skipped] == [("LD002", silent.url)]


@pytest.mark.parametrize("silence", ["/info", "/containers/json", "/json", "/networks"])
def test_an_engine_that_falls_silent_midway_ends_in_time(
    linked: Lab, tmp_path: Path, silence: str
) -> None:
    with near(linked, tmp_path, lambda path: silence not in path) as proxy:
        began = time.monotonic()
        examination = look(proxy.url, timeout=2.0)
        assert time.monotonic() - began < SOON
    found = report(examination)
    assert found.hosts[0].evidence is Completeness.PARTIAL
    if silence != "/networks":  # what only the networks tell changes no verdict of a link here
        assert found.summary.verdict is Verdict.INCOMPLETE


def test_a_frozen_engine_is_unreachable_and_the_other_is_still_seen(
    two_hosts: tuple[Lab, Lab],
) -> None:
    first, second = two_hosts
    first.run("web")
    os.kill(second.engine.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        examination = look(first, second, timeout=2.0)
        assert time.monotonic() - began < SOON
    finally:
        os.kill(second.engine.pid, signal.SIGCONT)
    assert [each.endpoint for each in examination.unreachable] == [second.url]
    assert [each.host for each in examination.snapshots] == ["host1"]


# Containers that mean harm


def plant(lab: Lab, name: str, script: str) -> None:
    """A container whose entry-point script replaces itself as soon as it runs."""
    image = lab.image(
        f"lab:{name}",
        files={"/start.sh": f"#!/bin/sh\nrm /start.sh; {script}; exec sleep 100000\n"},
        entrypoint=["sh", "/start.sh"],
        command=None,
    )
    lab.run(name, image=image, command=[], link="app:helloapp")
    lab.wait_for(lambda: b"sleep" in Path(f"/proc/{lab.pid(name)}/cmdline").read_bytes())


@pytest.mark.parametrize("where", ["near", "afar"])
def test_a_script_that_is_a_link_out_of_the_container_leaks_nothing(
    lab: Lab, tmp_path: Path, where: str
) -> None:
    canary = tmp_path / "canary.sh"
    canary.write_text(CANARY)
    up = "../" * 12
    lab.run("app", listen=5000)
    plant(lab, "absolute", f"ln -s {canary} /start.sh")
    plant(lab, "relative", f"ln -s {up}{str(canary)[1:]} /start.sh")
    plant(lab, "through-proc", f"ln -s /proc/1/root{up}{str(canary)[1:]} /start.sh")
    plant(lab, "shadow", "ln -s /etc/shadow /start.sh")
    with afar(lab) if where == "afar" else contextlib.nullcontext(lab) as there:
        examination = look(there if isinstance(there, Lab) else there.url)
    for name in ("absolute", "relative", "through-proc", "shadow"):
        reads = container(examination, name).script_reads
        assert isinstance(reads, Unknown) or reads.value == ()
    assert leaks(examination, "CANARY", "canary") == []
    assert examination.unreachable == ()


@pytest.mark.parametrize("where", ["near", "afar"])
def test_a_script_that_is_a_pipe_or_a_loop_holds_nothing_up(lab: Lab, where: str) -> None:
    lab.run("app", listen=5000)
    plant(lab, "pipe", "mkfifo /start.sh")
    plant(lab, "loop", "ln -s /start.sh /start.sh")
    plant(lab, "endless", "ln -s /dev/zero /start.sh")
    with afar(lab) if where == "afar" else contextlib.nullcontext(lab) as there:
        began = time.monotonic()
        examination = look(there if isinstance(there, Lab) else there.url)
        assert time.monotonic() - began < SOON
    assert examination.unreachable == ()
    for name in ("pipe", "loop", "endless"):
        assert isinstance(container(examination, name).hosts_file, Known)


@pytest.mark.parametrize("where", ["near", "afar"])
def test_a_hosts_file_that_is_a_link_out_of_the_container_leaks_nothing(
    lab: Lab, tmp_path: Path, where: str
) -> None:
    canary = tmp_path / "hosts"
    canary.write_text("10.66.66.66 canary\n")
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    inside = ["nsenter", f"--target={lab.pid('web')}", "--mount", "--root", "--wd=/"]
    turn = f"umount /etc/hosts && rm /etc/hosts && ln -s {canary} /etc/hosts"
    subprocess.run([*inside, "/bin/sh", "-c", turn], env={"PATH": "/bin"}, check=True, timeout=10)
    with afar(lab) if where == "afar" else contextlib.nullcontext(lab) as there:
        examination = look(there if isinstance(there, Lab) else there.url)
    assert leaks(examination, "10.66.66.66") == []
    assert examination.unreachable == ()
