"""Two actions on one container made into one, or told to contradict each other."""

from __future__ import annotations

import msgspec
import pytest

from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Joined,
    Namespace,
    Recreate,
    Rename,
    SetRestartPolicy,
)
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.snapshot import Publication
from linkdoctor.rulekit.merging import Contradiction, merged

APP, DB, CACHE = StoredLink("app", "app"), StoredLink("db", "db"), StoredLink("cache", "cache")


def at(host_port: int, port: int = 80) -> Publication:
    return Publication(port=Port(port), host_address="", host_port=host_port)


def test_what_two_recreations_add_and_remove_is_joined() -> None:
    one = Recreate(container="web", links=(APP, DB, CACHE), expose=(Port(80),))
    other = Recreate(container="web", links=(DB,), publish=(at(8080),), aliases=("shop",))
    both = merged(one, other, present=(APP, DB))
    assert both == Recreate(
        container="web",
        links=(CACHE, DB),
        expose=(Port(80),),
        publish=(at(8080),),
        aliases=("shop",),
    )
    assert merged(other, one, present=(APP, DB)) == both


def test_a_recreation_without_changes_changes_nothing() -> None:
    changed = Recreate(container="web", links=(APP,), network="back")
    assert merged(changed, Recreate(container="web")) == changed


WEB = Joined(namespace=Namespace.NETWORK, container="web")
OTHER = Joined(namespace=Namespace.NETWORK, container="other")
PROCESSES = Joined(namespace=Namespace.PID, container="other")


def test_namespaces_of_different_owners_are_joined() -> None:
    one = Recreate(container="side", joins=(WEB,))
    both = merged(one, Recreate(container="side", joins=(PROCESSES,)))
    assert isinstance(both, Recreate)
    assert both.joins == (WEB, PROCESSES)
    assert merged(both, Recreate(container="side")) == both


def test_what_a_fix_wants_to_run_does_not_stay_down() -> None:
    down = Recreate(container="side", joins=(WEB,), stays_down=True)
    assert merged(down, msgspec.structs.replace(down, aliases=("a",))) == msgspec.structs.replace(
        down, aliases=("a",)
    )
    up = merged(down, Recreate(container="side", aliases=("a",)))
    assert isinstance(up, Recreate)
    assert (up.stays_down, up.joins) == (False, (WEB,))


def test_aliases_on_one_network_are_joined() -> None:
    one = ConnectNetwork(network="back", container="app", aliases=("a",))
    other = ConnectNetwork(network="back", container="app", aliases=("b", "a"))
    assert merged(one, other) == ConnectNetwork(network="back", container="app", aliases=("a", "b"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            Recreate(container="web", links=(StoredLink("app", "x"),)),
            Recreate(container="web", links=(StoredLink("db", "x"),)),
        ),
        (Recreate(container="web", network="a"), Recreate(container="web", network="b")),
        (
            Recreate(container="web", publish=(at(8080, 80),)),
            Recreate(container="web", publish=(at(8080, 81),)),
        ),
        (
            Recreate(container="web", published=(at(1),)),
            Recreate(container="web", published=(at(2),)),
        ),
        (
            Recreate(container="web", extra_hosts=(HostsLine(address="10.0.0.1", names=("x",)),)),
            Recreate(container="web", extra_hosts=(HostsLine(address="10.0.0.2", names=("x",)),)),
        ),
        (
            SetRestartPolicy(container="app", policy="always"),
            SetRestartPolicy(container="app", policy="no"),
        ),
        (Rename(container="app", to="a"), Rename(container="app", to="b")),
        (Recreate(container="side", joins=(WEB,)), Recreate(container="side", joins=(OTHER,))),
    ],
)
def test_what_cannot_both_be_done_is_told(one: Action, other: Action) -> None:
    with pytest.raises(Contradiction):
        merged(one, other)
