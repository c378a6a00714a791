"""One row for each kind of evidence, and something that reads it."""

from __future__ import annotations

import inspect
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
import pytest

from linkdoctor.api import Url, examine
from linkdoctor.collect.collector import CollectOptions
from linkdoctor.collect.host import Host
from linkdoctor.collect.process_evidence import READERS
from linkdoctor.model import setup, snapshot
from linkdoctor.model.coverage import coverage_of, evidence_of_container, evidence_of_host
from linkdoctor.model.evidence import Evidence, Gap, Known, Need, Unknown
from linkdoctor.model.evidence_kinds import (
    CONTAINER_EVIDENCE,
    HOST_EVIDENCE,
    EvidenceKind,
    evidence_fields,
)
from linkdoctor.model.snapshot import Container, DnsAnswer, LinkAnswer, Snapshot
from linkdoctor.rulekit.world import World
from tests.replay import replayed, situations

KINDS = (*HOST_EVIDENCE, *CONTAINER_EVIDENCE)
ROWS = [(each.holder, each.field) for each in KINDS]
READ_APART = {
    (Snapshot, "networks"),
    (Snapshot, "events"),
    (Container, "details"),
    (Container, "stored_links"),
    (Container, "probes"),
    (Container, "complaints"),
    (LinkAnswer, "container_id"),
    (DnsAnswer, "addresses"),
    (snapshot.Details, "setup"),
}
"""What is read neither of a process nor of the host's namespace: each has a module of its own."""

Row: TypeAlias = tuple[type[msgspec.Struct], str]


def name_of(kind: EvidenceKind) -> str:
    return f"{kind.holder.__name__}.{kind.field}"


def structs(module: types.ModuleType) -> Iterator[type[msgspec.Struct]]:
    for _, each in inspect.getmembers(module, inspect.isclass):
        if issubclass(each, msgspec.Struct) and each.__module__ == module.__name__:
            yield each


def may_be_unknown(kind: object) -> bool:
    return Unknown in get_args(kind) and any(
        (get_origin(each) or each) is Known for each in get_args(kind)
    )


def fields_of_evidence() -> list[Row]:
    """Every field of the snapshot's structs that is Known or Unknown."""
    return [
        (struct, field)
        for module in (snapshot, setup)
        for struct in structs(module)
        for field, kind in get_type_hints(struct).items()
        if may_be_unknown(kind)
    ]


def read_of_a_process() -> list[Row]:
    return [(Container, field) for reader in READERS for field in reader.fields]


def read_of_the_host() -> list[Row]:
    return [(Snapshot, field) for field in Host.__struct_fields__]


# --- the table ------------------------------------------------------------------------------------


def test_every_field_that_may_be_unknown_has_one_row() -> None:
    assert Counter(ROWS) == Counter(fields_of_evidence())


def test_every_row_has_one_reader_and_every_reader_a_row() -> None:
    assert Counter(ROWS) == Counter([*read_of_a_process(), *read_of_the_host(), *READ_APART])


def test_every_need_has_a_row() -> None:
    assert {each.need for each in KINDS} - {None} == set(Need)


def test_labels_are_unique() -> None:
    for table in (HOST_EVIDENCE, CONTAINER_EVIDENCE):
        assert len({each.label for each in table}) == len(table)


def test_evidence_on_demand_stands_unasked_until_its_option_is_given() -> None:
    for each in KINDS:
        default = {field.name: field.default for field in msgspec.structs.fields(each.holder)}
        unasked = each.on_demand.unasked if each.on_demand else None
        assert (default[each.field] == unasked) is (unasked is not None), name_of(each)


def test_a_need_leads_to_its_fields() -> None:
    assert evidence_fields(Need.HOSTS_FILE, Container) == ("hosts_file",)
    assert evidence_fields(Need.HOSTS_FILE, Snapshot) == ()
    assert evidence_fields(Need.DNS_ANSWER, DnsAnswer) == ("addresses",)


# --- what is driven by it -------------------------------------------------------------------------


def everything_read(directory: Path, name: str) -> Snapshot:
    with replayed(situations()[name], directory / "engine"):
        (seen,) = examine(
            [Url(f"unix://{directory / 'engine'}")],
            timeout=5.0,
            environment={},
            further=CollectOptions(logs=True, probe=True),
        ).snapshots
    return seen


def test_the_collector_leaves_no_kind_of_evidence_out(tmp_path: Path) -> None:
    seen = everything_read(tmp_path, "ghost")
    left = {each.what for each in evidence_of_host(seen) if each.evidence == snapshot._NOT_LOOKED}
    for container in seen.containers:
        left |= {
            each.what
            for each in evidence_of_container(container)
            if each.evidence == snapshot._NOT_LOOKED
        }
        assert isinstance(container.details, Known)
        assert container.details.value.setup != snapshot._NOT_LOOKED
    assert left == set()


def test_world_has_every_kind_of_evidence_that_is_read_unasked() -> None:
    seen = World.tutorial().snapshot()
    items = [
        *evidence_of_host(seen),
        *(i for c in seen.containers for i in evidence_of_container(c)),
    ]
    missing = {each.kind.field for each in items if isinstance(each.evidence, Unknown)}
    assert missing == {each.field for each in KINDS if each.on_demand}


LOST = Unknown(gap=Gap.DENIED, detail="lost by the test")


def without(seen: Snapshot, kind: EvidenceKind) -> Snapshot:
    lost: dict[str, Any] = {kind.field: LOST}
    if kind.holder is Snapshot:
        return msgspec.structs.replace(seen, **lost)
    answer = LinkAnswer(alias="db", container_id=LOST)
    change = lost if kind.holder is Container else {"link_answers": (answer,)}
    containers = tuple(msgspec.structs.replace(each, **change) for each in seen.containers)
    return msgspec.structs.replace(seen, containers=containers)


@pytest.mark.parametrize("kind", [each for each in KINDS if each.counted], ids=name_of)
def test_coverage_counts_what_was_lost(kind: EvidenceKind) -> None:
    seen = without(World.tutorial().snapshot(), kind)
    (counted,) = (
        each
        for each in coverage_of(seen)
        if (each.what, each.of_host) == (kind.label, kind.holder is Snapshot)
    )
    assert (counted.had, counted.need) == (0, kind.need)
    assert [each.reason for each in counted.hindrances] == [LOST.detail]


@pytest.mark.parametrize("kind", [each for each in KINDS if each.on_demand], ids=name_of)
def test_coverage_names_the_option_that_was_not_given(kind: EvidenceKind) -> None:
    assert kind.on_demand is not None
    (counted,) = (
        each for each in coverage_of(World.tutorial().snapshot()) if each.what == kind.label
    )
    assert (counted.option, counted.of) == (kind.on_demand.option, 0)


def evidence(of: Evidence[Any]) -> str:
    return "" if isinstance(of, Known) else of.detail


def test_hosts_in_a_script_that_was_not_read_are_not_told_apart() -> None:
    (container, *_) = World.tutorial().snapshot().containers
    blind = msgspec.structs.replace(container, script_reads=LOST, script_hosts=LOST)
    told = [each.what for each in evidence_of_container(blind) if evidence(each.evidence)]
    assert "script" in told
    assert "hosts in the script" not in told
