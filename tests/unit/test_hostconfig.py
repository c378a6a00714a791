"""The engine's own files: where they are, what is taken out of them, what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.collect.answers import ContainerAnswer
from linkdoctor.collect.hostconfig import (
    Damaged,
    directory_of,
    opened,
    parse_host_config,
    read_stored_links,
)
from linkdoctor.collect.procfs import Proc
from linkdoctor.model.evidence import Gap, MissingEvidence, Unknown
from linkdoctor.model.links import StoredLink
from linkdoctor.model.snapshot import Container
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.cycles import CycleLink, cycles, leads_to
from linkdoctor.rulekit.next_start import LinkOutcome, registrations
from linkdoctor.rulekit.world import World

MARKER = "s3cr3t-marker"
ID = "ab" * 32
OTHER = "cd" * 32


def inspected(**changes: object) -> ContainerAnswer:
    answer: dict[str, object] = {
        "Id": ID,
        "Name": "/web",
        "State": {"Status": "running", "Pid": 7},
        "Config": {},
        "HostConfig": {},
        "NetworkSettings": {},
    }
    return msgspec.convert({**answer, **changes}, ContainerAnswer)


# --- where the file is ----------------------------------------------------------------------------


def test_the_directory_is_that_of_the_files_mounted_into_the_container() -> None:
    hosts = inspected(HostsPath=f"/data/containers/{ID}/hosts")
    resolver = inspected(ResolvConfPath=f"/data/containers/{ID}/resolv.conf")
    assert directory_of(hosts) == directory_of(resolver) == f"/data/containers/{ID}"


@pytest.mark.parametrize(
    "path",
    [
        "",
        f"/data/containers/{OTHER}/hosts",
        f"data/containers/{ID}/hosts",
        f"/data/../etc/{ID}/hosts",
        f"/data/\0/{ID}/hosts",
        f"/data/containers/{ID[:12]}/hosts",
    ],
)
def test_a_path_that_is_not_the_containers_is_not_taken(path: str) -> None:
    answer = inspected(HostsPath=path)
    assert directory_of(answer) is None
    assert directory_of(answer, "/data") == f"/data/containers/{ID}"
    assert directory_of(answer, "data") is None


@pytest.mark.parametrize("identity", ["", "web", "../../etc", ID[:-1], ID.upper()])
def test_without_a_full_id_there_is_no_directory(identity: str) -> None:
    answer = inspected(Id=identity, HostsPath=f"/data/containers/{identity}/hosts")
    assert directory_of(answer, "/data") is None


# --- what is read of it ---------------------------------------------------------------------------


def test_links_are_read_in_the_files_order_and_in_each_form() -> None:
    content = json.dumps({"Links": ["db:b", "app:a", "app", "/x:/web/y", ":", "app:a"]}).encode()
    assert parse_host_config(content) == (
        StoredLink("db", "b"),
        StoredLink("app", "a"),
        StoredLink("app", "app"),
        StoredLink("x", "y"),
        StoredLink("app", "a"),
    )


@pytest.mark.parametrize("content", [b'{"Links": null}', b"{}", b'{"Links": []}'])
def test_no_links_are_known_to_be_none(content: bytes) -> None:
    assert parse_host_config(content) == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"Links": "app:a"}', b'{"Links": [1]}', b'{"Links": ["a', b"\xff", b"[" * 9999],
)
def test_a_damaged_file_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(Damaged, match=r"^its hostconfig\.json is damaged$"):
        parse_host_config(content)


def test_only_links_leave_the_file() -> None:
    secret = {"Binds": [f"/{MARKER}:/x"], "LogConfig": {"Config": {"token": MARKER}}}
    whole = {**secret, "Links": ["app:a"], "ExtraHosts": [MARKER]}
    assert MARKER not in str(parse_host_config(json.dumps(whole).encode()))
    with pytest.raises(Damaged) as refused:
        parse_host_config(json.dumps({**secret, "Links": MARKER}).encode())
    assert MARKER not in str(refused.value)


@given(st.binary(max_size=300))
def test_no_file_crashes_the_reader(content: bytes) -> None:
    try:
        parse_host_config(content)
    except Damaged:
        pass


# --- the engine's root ----------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[Proc, Path]]:
    """A directory that stands for the root of the engine's process."""
    root = tmp_path / "proc" / "root"
    (root / "data" / "containers" / ID).mkdir(parents=True)
    descriptor = os.open(tmp_path / "proc", os.O_RDONLY | os.O_DIRECTORY)
    yield Proc(1, descriptor), root
    os.close(descriptor)


def test_the_file_is_read_through_the_engines_own_root(engine: tuple[Proc, Path]) -> None:
    held, root = engine
    (root / "data" / "containers" / ID / "hostconfig.json").write_text('{"Links": ["app:a"]}')
    (root / "var").symlink_to("/data")
    assert read_stored_links(held, f"/var/containers/{ID}") == (StoredLink("app", "a"),)


def test_a_link_out_of_the_engines_root_is_not_followed(engine: tuple[Proc, Path]) -> None:
    held, root = engine
    (root.parent / "outside.json").write_text('{"Links": ["app:a"]}')
    file = root / "data" / "containers" / ID / "hostconfig.json"
    file.symlink_to("../../../../outside.json")
    with pytest.raises(FileNotFoundError):
        read_stored_links(held, f"/data/containers/{ID}")


def test_a_file_that_is_too_large_is_refused(engine: tuple[Proc, Path]) -> None:
    held, root = engine
    file = root / "data" / "containers" / ID / "hostconfig.json"
    file.write_text('{"Links": ["app:a"]' + " " * (1 << 20) + "}")
    with pytest.raises(Damaged, match="larger than 1 MiB"):
        read_stored_links(held, f"/data/containers/{ID}")


def test_an_engine_that_cannot_be_seen_is_none(tmp_path: Path) -> None:
    with opened(None) as nobody, opened(0) as outside, opened(7, tmp_path) as ended:
        assert (nobody, outside, ended) == (None, None, None)
    (tmp_path / "7").mkdir()
    with opened(7, tmp_path) as held:
        assert held is not None
        assert held.pid == 7


# --- what the next start makes of it --------------------------------------------------------------


def futures(world: World, name: str) -> list[tuple[str, LinkOutcome, str]]:
    topology = Topology([world.snapshot()])
    target = topology.container_named("host1", name)
    assert target is not None
    return [
        (each.link.alias, each.fate, each.source.name if each.source else "")
        for each in registrations(topology, "host1", target)
    ]


def two() -> World:
    return World().run("one", expose=[80]).run("two", expose=[81]).run("web", link="one:a")


def test_at_the_first_name_that_is_not_found_the_rest_is_lost() -> None:
    world = two().retype("web", "one:a", "gone:b", "two:c")
    assert futures(world, "web") == [
        ("a", LinkOutcome.KEPT, "one"),
        ("b", LinkOutcome.FAILED, ""),
        ("c", LinkOutcome.LOST, "two"),
    ]


def test_of_two_links_with_one_alias_the_first_is_kept() -> None:
    world = two().retype("web", "one:a", "two:a", "two:b")
    assert [fate for _, fate, _ in futures(world, "web")] == [
        LinkOutcome.KEPT,
        LinkOutcome.TAKEN,
        LinkOutcome.KEPT,
    ]


def test_a_source_is_found_by_id_by_name_and_by_the_beginning_of_an_id() -> None:
    world = two().retype("web", f"{1:012x}{1:052x}:a", "two:b", f"{0:011x}:c")
    assert futures(world, "web") == [
        ("a", LinkOutcome.KEPT, "one"),
        ("b", LinkOutcome.KEPT, "two"),
        ("c", LinkOutcome.FAILED, ""),  # three ids begin like that
    ]


def test_the_beginning_of_one_id_is_enough() -> None:
    snapshot = two().retype("web", "abab:a", "cd:b").snapshot()
    identities = {"one": ID, "two": OTHER, "web": "ef" * 32}
    containers = tuple(
        msgspec.structs.replace(each, id=identities[each.name]) for each in snapshot.containers
    )
    topology = Topology([msgspec.structs.replace(snapshot, containers=containers)])
    found = [
        topology.resolve_reference("host1", each)
        for each in ("abab", "cd", "e", "a0", "", "ef" * 33)
    ]
    assert [each.name if each else None for each in found] == [
        *("one", "two", "web"),
        *(None, None, None),
    ]


def test_a_source_with_the_hosts_network_cannot_be_linked_to() -> None:
    world = two().run("bare", mode="host").retype("web", "bare:a", "one:b")
    assert [fate for _, fate, _ in futures(world, "web")] == [LinkOutcome.FAILED, LinkOutcome.LOST]


def test_a_source_that_shares_a_network_leads_to_its_owner() -> None:
    world = two().run("sidecar", mode="container:two").retype("web", "sidecar:a")
    assert futures(world, "web") == [("a", LinkOutcome.KEPT, "two")]


def test_on_a_user_defined_network_nothing_is_looked_up() -> None:
    world = World().network("back").run("web", network="back").retype("web", "app:a")
    assert futures(world, "web") == []


def test_without_the_disk_nothing_is_told() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="no permission to read it; run as root")
    with pytest.raises(MissingEvidence):
        futures(two().unknown("web", "stored_links", denied), "web")


# --- cycles --------------------------------------------------------------------------------------

UNSEEN = Unknown(gap=Gap.NOT_COLLECTED, detail="of no matter here")


def steps(*links: tuple[str, str]) -> dict[str, list[CycleLink]]:
    """Links from one name to another, sorted as in a snapshot; an id is the name here."""
    containers = {
        name: Container(
            id=name,
            name=name,
            details=UNSEEN,
            process_environment=UNSEEN,
            hosts_file=UNSEEN,
            resolver=UNSEEN,
            listeners=UNSEEN,
            script_reads=UNSEEN,
        )
        for link in links
        for name in link
    }
    found: dict[str, list[CycleLink]] = {name: [] for name in sorted(containers)}
    for target, source in links:
        step = CycleLink(
            target=containers[target], alias=source, typed=source, source=containers[source]
        )
        found[target].append(step)
    return found


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ("ab bc ac", []),
        ("aa", ["aa"]),
        ("ba ab", ["aba"]),
        ("ab bc ca cd de", ["abca"]),
        ("ab bc ca ba", ["aba"]),
        ("ab ba cd dc ca", ["aba", "cdc"]),
        ("xa ab ba bx", ["aba"]),
    ],
)
def test_each_knot_of_links_gives_one_shortest_circle(links: str, expected: list[str]) -> None:
    found = cycles(steps(*((link[0], link[1]) for link in links.split())))
    chains = (
        "".join((*(each.target.name for each in cycle), cycle[0].target.name)) for cycle in found
    )
    assert sorted(chains) == expected


def test_a_long_circle_needs_no_deep_recursion() -> None:
    names = [f"c{number:05}" for number in range(20_000)]
    chain = list(pairwise(names))
    assert list(cycles(steps(*chain))) == []
    (cycle,) = cycles(steps(*chain, (names[-1], names[0])))
    assert len(cycle) == len(names)


def test_what_links_lead_to_is_found() -> None:
    of = steps(("a", "b"), ("b", "c"), ("c", "b"))
    assert leads_to("c", ["a"], of)
    assert leads_to("a", ["a"], of)
    assert not leads_to("a", ["b"], of)
