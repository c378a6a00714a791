"""The link card of one container."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.render.card import Card, CardList, card_of, render_cards
from linkdoctor.render.layout import TextStyle, width_of
from linkdoctor.rulekit.world import World

DENIED = Unknown(gap=Gap.DENIED, detail="not permitted")


def world() -> World:
    return (
        World()
        .run("app", expose=[5000], listen=[5000], publish={5000: 8080}, env={"PASSWORD": "secret"})
        .run("web", link="app:helloapp")
    )


def card(of: World | Snapshot, name: str = "web") -> Card:
    snapshot = of.snapshot() if isinstance(of, World) else of
    topology = Topology([snapshot])
    container = topology.container_named(snapshot.host, name)
    assert container is not None
    return card_of(topology, snapshot.host, container)


def text(of: World | Snapshot, name: str = "web", width: int = 100) -> str:
    return render_cards(CardList(cards=(card(of, name),)), TextStyle(width=width))


def test_a_healthy_link() -> None:
    shown = text(world())
    assert "helloapp → app (legacy link), 172.17.0.2: live" in shown
    assert "≠" not in shown
    assert "  172.17.0.2  helloapp " in shown


def test_values_that_were_not_kept_are_said_to_be_set() -> None:
    line = next(line for line in text(world()).splitlines() if "_ENV_PASSWORD" in line)
    assert line.count("(set; value not kept)") == 2
    assert "secret" not in text(world())


def test_a_stale_environment_is_marked_line_by_line() -> None:
    marked = [line for line in text(world().move("app")).splitlines() if "≠" in line]
    assert len(marked) == 3
    assert "172.17.0.2" in marked[0]
    assert "172.17.0.4" in marked[0]


def test_a_ghost() -> None:
    shown = text(world().recreate("app"))
    assert "ghost: another container has the name now" in shown


def test_a_source_that_is_gone() -> None:
    shown = text(world().remove("app"))
    assert "ghost: source is gone" in shown


def test_a_source_that_stopped() -> None:
    shown = text(world().stop("app"))
    assert "no address: source exited" in shown


def test_links_to_a_container() -> None:
    shown = text(world(), "app")
    assert "linked from\n  web as helloapp (legacy): live" in shown


def test_ports() -> None:
    shown = text(world(), "app")
    assert "exposed    5000/tcp" in shown
    assert "published  0.0.0.0:8080 → 5000/tcp" in shown
    assert "listening  0.0.0.0:5000/tcp" in shown


def test_a_link_on_a_network() -> None:
    there = World().network("net").run("app", network="net")
    shown = text(there.run("web", network="net", link="app:db"))
    assert "db → app (network link on net)" in shown
    assert "variables" not in shown


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("process_environment", "variables not compared: not permitted"),
        ("hosts_file", "hosts file not seen: not permitted"),
        ("listeners", "listening  not seen: not permitted"),
        ("details", "state not known: not permitted"),
    ],
)
def test_evidence_that_could_not_be_had_is_said_so(field: str, said: str) -> None:
    snapshot = world().snapshot()
    containers = tuple(
        msgspec.structs.replace(each, **{field: DENIED}) if each.name == "web" else each
        for each in snapshot.containers
    )
    shown = text(msgspec.structs.replace(snapshot, containers=containers))
    assert said in shown
    assert "≠" not in shown


def test_what_is_not_known_is_not_shown_as_not_set() -> None:
    shown = text(world().unknown("web", "process_environment", DENIED))
    assert "(not set)" not in shown


def test_no_links_is_said() -> None:
    assert "no links from or to it" in text(World().run("web"))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_fits(width: int) -> None:
    lines = text(world().move("app"), width=width).splitlines()
    assert all(width_of(line) <= width for line in lines)


def test_hostile_names_are_harmless() -> None:
    hostile = "\x1b[31mevil\u202e\n"
    there = World().run(hostile, expose=[1]).run("web", link=f"{hostile}:{hostile}")
    shown = text(there)
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "\\x1b[31mevil" in shown
