"""The readers of what others wrote, each with what must hold for any bytes at all.

A target raises nothing but AssertionError. Its seeds are what is really there, for fuzzers to
spoil. A new reader is added to TARGETS; that it is tried by every fuzzer follows.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

import msgspec

from linkdoctor import files
from linkdoctor.api import Examination, SnapshotError, load_rules, report_on, snapshot_bytes
from linkdoctor.collect import events, netlink_answers, procfs
from linkdoctor.collect.answers import (
    ContainerAnswer,
    InfoAnswer,
    ListAnswer,
    NetworkAnswer,
    TopAnswer,
    VersionAnswer,
)
from linkdoctor.collect.engine import EngineError
from linkdoctor.collect.engine_files import Unreadable, environment_from_top, first_file
from linkdoctor.collect.environment import pairs
from linkdoctor.collect.firewall import Unlisted, parse_filter_table
from linkdoctor.collect.hostconfig import Damaged, parse_host_config
from linkdoctor.collect.logs import lines_of_log
from linkdoctor.collect.nftables import parse_bridges_table
from linkdoctor.collect.nsswitch import parse_nsswitch
from linkdoctor.collect.resolver import parse_resolver
from linkdoctor.collect.translate import (
    details_of,
    labels_of,
    network_of,
    program_of,
    script_places,
)
from linkdoctor.config import ConfigError, read_config
from linkdoctor.files import BaselineError, baseline_bytes, read_baseline
from linkdoctor.fix.carrying import _Contents, _Layer, _selected
from linkdoctor.fix.journal import (
    SCHEMA,
    Before,
    Call,
    Entry,
    Event,
    JournalError,
    _entries,
    steps,
)
from linkdoctor.model.actions import Restart
from linkdoctor.model.baseline import Baseline, baseline_of
from linkdoctor.model.links import (
    HostsLine,
    parse_hosts,
    parse_link_name,
    parse_refusal,
    parse_stored_link,
)
from linkdoctor.model.redact import redact
from linkdoctor.model.snapshot import NameLookup, Resolver, Snapshot
from linkdoctor.reading.command_lines import references_in_arguments
from linkdoctor.reading.log_complaints import complaints_in
from linkdoctor.reading.scripts import references_in_script
from linkdoctor.reading.settings import references_in_environment
from linkdoctor.reading.variable_reads import link_variables_read
from linkdoctor.rulekit.host_ports import parse_port_conflict
from linkdoctor.rulekit.world import World
from tests.replay import situations

RULES = load_rules()
GHOST = situations()["ghost"]
ID = b"f" * 64
ODD_ROUTE = b"\x02\x20\0\0\xfe\0\0\x01\0\0\0\0\x05\0\x01\0\x0a\0\0\0"
"""A route of the main table, to a destination of one byte."""
T = TypeVar("T")
LINK_SHAPED = re.compile(
    r"[0-9a-fA-F.:]*|tcp|udp|sctp|[0-9]{1,5}|(tcp|udp|sctp)://[][0-9a-fA-F.:]*:[0-9]{1,5}"
    r"|/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"
)
"""The only forms of a value that may be known outside the collector."""


@dataclass(frozen=True)
class Target:
    """One reader."""

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    largest: int = 1 << 16
    """Bytes up to which its time is measured: what its caller passes on at most, or less."""


def tried(read: Callable[[], T], refusal: type[Exception], longest: int) -> T | None:
    """What a reader gives, or nothing if it refuses in no more characters than that."""
    try:
        return read()
    except refusal as error:
        words = str(error)
    assert len(words) <= longest
    return None


def text(content: bytes) -> str:
    """Bytes as the collector takes them for text."""
    return content.decode("utf-8", "replace")


# Files of containers


def hosts(content: bytes) -> None:
    lines = parse_hosts(text(content))
    assert sum(len(each.names) + 1 for each in lines) <= len(content)
    again = "\n".join(" ".join((each.address, *each.names)) for each in lines)
    assert parse_hosts(again) == lines
    assert all(isinstance(each, HostsLine) and each.names for each in lines)


def nsswitch(content: bytes) -> None:
    assert isinstance(parse_nsswitch(text(content)), NameLookup)


def resolver(content: bytes) -> None:
    found = parse_resolver(text(content))
    assert len(found.nameservers) <= 8
    assert len(found.search) <= 8
    assert 0 <= found.ndots <= 15
    again = "".join(f"nameserver {each}\n" for each in found.nameservers)
    again += f"search {' '.join(found.search)}\noptions ndots:{found.ndots}\n"
    assert (
        parse_resolver(again)
        == found
        == Resolver(nameservers=found.nameservers, search=found.search, ndots=found.ndots)
    )


def script(content: bytes) -> None:
    given = text(content)
    assert len(link_variables_read(given, given)) <= 64
    for each in (*references_in_script(given, given), *references_in_script(given, "/x")):
        assert each.where.isprintable()
        assert len(each.host) <= 253
        assert each.host.isprintable()


# Processes


def environment(content: bytes) -> None:
    entries = text(content).split("\0")
    for each in redact(pairs(entries)):
        assert each.value is None or LINK_SHAPED.fullmatch(each.value), each
    assert len(references_in_environment(pairs(entries))) <= 32
    assert len(references_in_arguments(entries)) <= 32


def top(content: bytes) -> None:
    answer = TopAnswer(Titles=["PID", "COMMAND"], Processes=[["7", text(content)]])
    found = environment_from_top(answer, 7)
    assert len(found) <= text(content).count("=")
    for name, value in found:
        assert f"{name}={value}" in text(content)


def top_answer(content: bytes) -> None:
    answer = _decoded(content, TopAnswer)
    if answer is not None:
        try:
            environment_from_top(answer, 7)
        except Unreadable:
            pass


def mounts(content: bytes) -> None:
    proven = procfs._mounts_name(content, ID) or procfs._group_names(content, ID)
    assert not proven or re.search(rb"[ /:-]%s([/. \n]|$)" % ID, content)


def netlink(content: bytes) -> None:
    for payload in (content, content[1:]):
        listener = netlink_answers.listener(payload, "tcp")
        if listener is not None:
            ip_address(listener.address)
            assert 0 <= listener.port < 1 << 16
        netlink_answers.inode(payload)
        netlink_answers.numbered_interface(payload)
        for address in netlink_answers.addresses(payload):
            assert ip_address(str(address)) == address
        for route in netlink_answers.routes(payload, {1: "eth0"}):
            assert route.gateway == "" or ip_address(route.gateway)
        assert len(list(netlink_answers.attributes(payload, 0))) <= len(payload) // 4 + 1


# The engine's answers


def archive(content: bytes) -> None:
    found = tried(lambda: first_file(content, "/etc/hosts"), Unreadable, 100)
    assert found is None or found in content


def layer(content: bytes) -> None:
    """An archive of a container's files, read piece by piece; what is passed on is one as well."""
    what = _Layer(
        wanted=frozenset({"/srv", "/srv/file", "/srv/link"}),
        deleted=frozenset({"/gone"}),
        hidden=frozenset(),
        made=frozenset(),
    )

    def passed_on(archive: bytes) -> tuple[bytes, _Contents]:
        found = _Contents()
        pieces = _selected(_Pieces(archive), what, found, time.monotonic() + 60)
        return b"".join(pieces), found

    copied = tried(lambda: passed_on(content), EngineError, 100)
    if copied is not None:
        again = passed_on(copied[0])
        assert again[1].entries == copied[1].entries


class _Pieces:
    """An answer of an engine."""

    status = 200

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self) -> bytes:
        """Some bytes of it."""
        return self._file.read(4096)


def firewall(content: bytes) -> None:
    try:
        chains, rules = parse_filter_table(text(content), ("docker0",))
    except Unlisted:
        return
    assert len(chains) + len(rules) <= text(content).count("\n") + 1
    for each in rules:
        assert each.source_port is None or each.source_port >= 0


def nftables(content: bytes) -> None:
    found = tried(lambda: parse_bridges_table(content), Unlisted, 400)
    assert found is None or len(found[1]) <= len(content)


def link(content: bytes) -> None:
    given = text(content)
    found = tried(lambda: parse_stored_link(given), ValueError, 500)
    if found is not None:
        assert found.source
        assert "/" not in found.alias
        if ":" not in found.source and not found.source.startswith("/"):
            assert parse_stored_link(f"{found.source}:{found.alias}") == found
    named = parse_link_name(given)
    assert named is None or "/" not in "".join(named)
    parse_refusal(given)
    conflict = parse_port_conflict(given)
    assert conflict is None or 0 < conflict.port < 1 << 16


def log(content: bytes) -> None:
    lines = lines_of_log(content)
    assert sum(len(time) + len(line) for time, line in lines) <= len(content) * 3
    found = complaints_in(lines, {"db", "10.0.0.9"})
    assert len(found) <= 50
    assert {each.host for each in found} <= {"", "db", "10.0.0.9"}


def past(content: bytes) -> None:
    for each in events._events(content):
        assert len(each.container) <= 256
        assert len(each.container_id) <= 256


def stored(content: bytes) -> None:
    links = tried(lambda: parse_host_config(content), Damaged, 100)
    assert len(links or ()) <= len(content)


def answers(content: bytes) -> None:
    answer = _decoded(content, ContainerAnswer)
    if answer is not None:
        details = details_of(answer)
        for each in details.environment:
            assert each.value is None or LINK_SHAPED.fullmatch(each.value), each
        assert len(details.error) <= 4096
        labels_of(answer.Config.Labels)
        assert len(script_places(program_of(answer), answer.Config.Env or ())) <= 8
    network = _decoded(content, NetworkAnswer)
    if network is not None:
        network_of(network)
    for kind in (list[ListAnswer], InfoAnswer, VersionAnswer):
        _decoded(content, kind)
    information = _decoded(content, InfoAnswer)
    if information is not None:
        events._seconds(information.SystemTime)


def _decoded(content: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # what EngineClient.get makes an EngineError of


# Files of users


def snapshot(content: bytes) -> None:
    found = tried(lambda: _kept(content), SnapshotError, 1000)
    if found is None:
        return
    assert _kept(snapshot_bytes(found)) == found
    report = report_on(Examination(snapshots=(found,)), RULES)
    assert "LD001" not in {each.code for each in report.findings}


def _kept(content: bytes) -> Snapshot:
    return files._decode_snapshot(files._plain(content, "file"), "file")


def journal(content: bytes) -> None:
    entries = tried(lambda: tuple(_entries(Path("file"), content)), JournalError, 200)
    if entries is not None:
        assert len(entries) <= content.count(b"\n")
        steps(entries)


def baseline(content: bytes) -> None:
    found = tried(lambda: _known(content), BaselineError, 1000)
    if found is not None:
        assert _known(baseline_bytes(found)) == found


def _known(content: bytes) -> Baseline:
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_baseline(Path(file.name))


def configuration(content: bytes) -> None:
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        tried(lambda: read_config(Path(file.name)), ConfigError, 1000)


NFTABLES = (
    {"chain": {"name": "filter-FORWARD", "hook": "forward"}},
    {"chain": {"name": "filter-forward-in__docker0"}},
    {
        "map": {
            "name": "m",
            "elem": [["docker0", {"jump": {"target": "filter-forward-in__docker0"}}]],
        }
    },
    {
        "rule": {
            "chain": "filter-FORWARD",
            "handle": 1,
            "expr": [{"vmap": {"key": {"meta": {"key": "oifname"}}, "data": "@m"}}],
        }
    },
    {
        "rule": {
            "chain": "filter-forward-in__docker0",
            "handle": 2,
            "expr": [
                {
                    "match": {
                        "op": "==",
                        "left": {"payload": {"protocol": "ip", "field": "saddr"}},
                        "right": {"prefix": {"addr": "172.17.0.0", "len": 16}},
                    }
                },
                {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new"]}},
                {"accept": None},
            ],
        }
    },
)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def world() -> World:
    return World().run("app", expose=[5000], listen=[5000]).run("web", link="app:helloapp")


def _journal() -> tuple[bytes, ...]:
    first = Entry(
        schema=SCHEMA,
        time="2026-01-01T00:00:00Z",
        step=1,
        event=Event.BEGIN,
        action=Restart(container="web"),
        before=Before(id="f", name="web"),
    )
    then = Entry(time="", step=1, event=Event.BEFORE, call=Call.RESTART, container="f")
    lines = [msgspec.json.encode(each) + b"\n" for each in (first, then)]
    return (lines[0], b"".join(lines), lines[0] + lines[1] * 3 + b"{")


def _archive_of_files() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in (
            ("srv", tarfile.DIRTYPE, b""),
            ("srv/file", tarfile.REGTYPE, b"x" * 600),
            ("srv/link", tarfile.LNKTYPE, b""),
            ("gone/" + "long" * 60, tarfile.REGTYPE, b"y"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(content), "srv/file"
            member.pax_headers = {"SCHILY.xattr.user.a": "b"}
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


SEVERAL = (
    b"\x00",
    b"\n",
    b" ",
    b"\xff\xfe",
    b"A=1",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"9" * 5000,
    b"[" * 3000,
)
"""Pieces that are trouble somewhere."""

TARGETS = (
    Target(
        "nsswitch", nsswitch, (b"passwd: files\nhosts: files mdns [NOTFOUND=return] dns # x\n",)
    ),
    Target(
        "hosts",
        hosts,
        (b"127.0.0.1 localhost\n::1 ip6-localhost # x\n172.17.0.2\thelloapp 0123456789ab app\n",),
    ),
    Target(
        "resolver",
        resolver,
        (b"# made\nnameserver 127.0.0.11\nsearch a.example b\noptions ndots:0 edns0\ndomain .\n",),
    ),
    Target(
        "script",
        script,
        (
            b'#!/bin/sh\nset -e\nwait-for-it "$DB_PORT_5432_TCP_ADDR:5432" -- nc -z db 5432\n'
            b"curl http://user:pw@app:5000/x | mysql -h ${DB_HOST:-db} -P 3306\n",
        ),
    ),
    Target(
        "environment",
        environment,
        (
            b"DB_PORT=tcp://172.17.0.2:5432\0DB_PORT_5432_TCP_ADDR=172.17.0.2\0DB_NAME=/web/db\0"
            b"DATABASE_URL=postgres://u:p@db:5432/x\0X_PORT_1_TCP_ADDR=fe80::1%zone\0JAVA_OPTS=-Da.host=b",
        ),
    ),
    Target("top", top, (b"sh -c x A=1 DB_PORT=tcp://172.17.0.2:5432 A=2 B-C.d=3",)),
    Target(
        "top answer", top_answer, (_json({"Titles": ["PID", "CMD"], "Processes": [["7", "a"]]}),)
    ),
    Target(
        "mounts",
        mounts,
        (
            b"1 2 0:1 /var/lib/docker/containers/" + ID + b"/hosts /etc/hosts rw - ext4 x rw\n",
            b"0::/system.slice/docker-" + ID + b".scope\n12:pids:/docker/" + ID + b"\n",
        ),
    ),
    Target("netlink", netlink, (bytes(range(72)), b"\x02\x0a\x01\x00" + bytes(68), ODD_ROUTE)),
    Target(
        "archive",
        archive,
        (
            b"hosts".ljust(100, b"\0")
            + b"0000644\0" * 3
            + b"00000000011\0" * 2
            + b"        0"
            + bytes(355)
            + b"127.0.0.1".ljust(1024, b"\0"),
        ),
    ),
    Target("layer", layer, (_archive_of_files(),)),
    Target(
        "firewall",
        firewall,
        (
            b"*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n-A FORWARD -o docker0 -j DOCKER\n"
            b"-A DOCKER -s 172.17.0.2/32 -d 172.17.0.3/32 ! -i docker0 -o docker0 -p tcp -m tcp "
            b'--sport 5000 -m comment --comment "a \\" x" -m conntrack --ctstate NEW -j ACCEPT\n',
        ),
    ),
    Target("nftables", nftables, (_json({"nftables": list(NFTABLES)}),)),
    Target(
        "link",
        link,
        (
            b"app:helloapp",
            b"/app:/web/helloapp",
            b"web/helloapp",
            b"Cannot link to a non running container: /app AS /web/helloapp",
            b"driver failed programming external connectivity on endpoint web (0): Bind for "
            b"0.0.0.0:80 failed: port is already allocated",
        ),
        largest=1 << 14,
    ),
    Target(
        "log",
        log,
        (
            b"\x02\0\0\0\0\0\0\x432026-11-24T07:55:09Z dial tcp: lookup db on 127.0.0.11:53: no "
            b"such host\n",
            b"2026-11-24T07:55:09.123456789Z connect ECONNREFUSED 10.0.0.9:5432\n",
        ),
    ),
    Target(
        "events",
        past,
        (
            _json({"Action": "start", "Actor": {"ID": "f", "Attributes": {"name": "a"}}, "time": 1})
            + b"\n{}\n",
        ),
    ),
    Target("stored links", stored, (b'{"Links": ["app:helloapp", "db"], "Binds": null}',)),
    Target(
        "answers",
        answers,
        (
            _json(GHOST["inspect"]["web"]),
            _json(GHOST["containers"]),
            _json(GHOST["networks"][0]),
            _json(GHOST["info"]),
            _json(GHOST["version"]),
        ),
    ),
    Target(
        "snapshot",
        snapshot,
        (
            b'{"schema": "linkdoctor.snapshot/' + b"9" * 5000 + b'"}',
            msgspec.json.encode(world().snapshot()),
            snapshot_bytes(world().move("app").snapshot()),
        ),
    ),
    Target(
        "journal",
        journal,
        _journal(),
    ),
    Target(
        "baseline",
        baseline,
        (
            b'{"schema": "linkdoctor.baseline/' + b"9" * 5000 + b'", "entries": []}',
            baseline_bytes(
                baseline_of(
                    report_on(Examination(snapshots=(world().move("app").snapshot(),)), RULES)
                )
            ),
        ),
    ),
    Target(
        "configuration",
        configuration,
        (
            b'fail-on = "warning"\nhosts = ["unix:///x"]\ntimeout = 3\nselect = ["LD2"]\n'
            b'[[container]]\nname = "db"\npublishes = [5432]\n',
        ),
        largest=1 << 14,
    ),
)
"""All readers. What reads a file or an answer of a new kind is added here."""
