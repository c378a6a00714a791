"""Reading the table of an engine with nftables, with the real `nft` in a namespace of the lab.

No engine of the lab has that backend (28.5 has none in Debian), so the table is made by hand in the
form that a 29-series engine was recorded to give it.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from linkdoctor.collect import firewall as listing
from linkdoctor.collect import sockets
from linkdoctor.collect.firewall import Unlisted
from linkdoctor.collect.nftables import nftables_here
from linkdoctor.diagnosis import evaluate
from linkdoctor.model.evidence import Known
from linkdoctor.model.snapshot import Endpoint, Firewall
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.rulekit.firewall import chains_in_place, ways_on
from linkdoctor.rulekit.world import World

from .engine import SEARCH_PATH, Engine

TABLE = """
table ip docker-bridges {
  map filter-forward-in-jumps { type ifname : verdict; elements = {
    "docker0" : jump filter-forward-in__docker0 } }
  map filter-forward-out-jumps { type ifname : verdict; elements = {
    "docker0" : jump filter-forward-out__docker0 } }
  chain filter-forward-in__docker0 {
    ct state established,related counter accept
    ip saddr 172.17.0.3 ip daddr 172.17.0.2 tcp dport 5000 counter accept
    ip saddr 172.17.0.2 tcp sport 5000 ip daddr 172.17.0.3 counter accept
    iifname "docker0" counter drop comment "ICC"
    counter drop comment "UNPUBLISHED PORT DROP"
  }
  chain filter-forward-out__docker0 {
    ct state established,related counter accept
    counter accept comment "OUTGOING"
  }
  chain filter-FORWARD {
    type filter hook forward priority filter; policy accept;
    oifname vmap @filter-forward-in-jumps
    iifname vmap @filter-forward-out-jumps
  }
}
"""

pytestmark = pytest.mark.skipif(
    shutil.which("nft", path=SEARCH_PATH) is None, reason="the program nft is not installed"
)


@pytest.fixture
def table(quiet_engine: Engine, tmp_path: Path) -> Iterator[Engine]:
    """The engine whose namespace has such a table too."""
    file = tmp_path / "table.nft"
    file.write_text(TABLE)
    quiet_engine.inside("nft", "-f", str(file))
    try:
        yield quiet_engine
    finally:
        quiet_engine.inside("nft", "add table ip docker-bridges; delete table ip docker-bridges")


def read(engine: Engine) -> Firewall:
    namespace = Path("/run/netns") / engine.namespace
    found: Firewall = sockets.in_namespace(namespace, nftables_here)
    return found


def test_the_table_is_read_as_recorded(table: Engine) -> None:
    firewall = read(table)
    assert chains_in_place(firewall)
    (way,) = ways_on(firewall, "docker0")
    assert (way.target, way.source) == ("172.17.0.3", "172.17.0.2")


def test_a_flushed_and_a_deleted_table_are_told_from_one_in_place(table: Engine) -> None:
    table.inside("nft", "flush", "table", "ip", "docker-bridges")
    assert read(table).chains == ("DOCKER",)
    assert not chains_in_place(read(table))
    table.inside("nft", "delete", "table", "ip", "docker-bridges")
    assert read(table).chains == ()


def test_the_deletion_that_is_shown_takes_exactly_the_stale_pair(table: Engine) -> None:
    world = World(icc=False).run("app", expose=[5000]).run("web", link="app:helloapp")
    world.change("app", endpoints=(Endpoint(network="bridge", address="172.17.0.4"),))
    before = read(table)
    snapshot = msgspec.structs.replace(world.snapshot(), firewall=Known(before, "nft"))
    rules = [each.rule for each in load_rules() if each.rule.code == "LD602"]
    (found,) = evaluate(Topology([snapshot]), rules).findings
    for command in found.fixes[-1].commands:
        table.inside(*shlex.split(command))
    after = read(table)
    assert ways_on(after, "docker0") == ()
    assert len(after.rules) == len(before.rules) - 2


def test_without_the_program_it_is_unknown(
    table: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(listing, "_SEARCHED", str(tmp_path))
    with pytest.raises(Unlisted, match="no program nft"):
        read(table)
