"""What to correct in a Compose file, from what an action changes."""

from __future__ import annotations

import pytest

from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Joined,
    Namespace,
    Recreate,
    Restart,
    SetRestartPolicy,
)
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.snapshot import Publication
from linkdoctor.model.topology import Topology
from linkdoctor.model.variables import Variable
from linkdoctor.rulekit.compose import compose_keys, to_correct
from linkdoctor.rulekit.world import World

PUBLISHED = (Publication(port=Port(80), host_address="", host_port=8080),)
PRESENT = StoredLink("app", "app")


def of_compose(service: str, project: str = "shop") -> dict[str, str]:
    return {"com.docker.compose.project": project, "com.docker.compose.service": service}


def world() -> World:
    return (
        World()
        .network("shop_back")
        .run("app", labels=of_compose("app"), expose=[80])
        .run("db", labels=of_compose("db"))
        .run("other", labels=of_compose("other", "else"))
        .run("alone")
        .run("web", link="app:app", labels=of_compose("web"))
        .run("api", network="shop_back", labels=of_compose("api"))
    )


def keys(action: Action) -> tuple[str, ...]:
    topology = Topology([world().snapshot()])
    container = topology.container_named("host1", action.container)
    assert container is not None
    return compose_keys(topology, "host1", container, action)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Recreate(container="web"), ()),
        (Recreate(container="web", links=(PRESENT,)), ()),
        (Recreate(container="web", links=(PRESENT, StoredLink("db", "db"))), ("links",)),
        (Recreate(container="web", links=()), ("links",)),
        (
            Recreate(container="web", links=(PRESENT, StoredLink("other", "db"))),
            ("external_links",),
        ),
        (
            Recreate(container="web", links=(StoredLink("alone", "app"),)),
            ("external_links", "links"),
        ),
        (Recreate(container="web", publish=PUBLISHED), ("ports",)),
        (Recreate(container="web", published=PUBLISHED), ("ports",)),
        (Recreate(container="web", published=PUBLISHED, pinned=PUBLISHED), ()),
        (Recreate(container="web", expose=(Port(80),)), ("expose",)),
        (
            Recreate(container="web", extra_hosts=(HostsLine(address="::1", names=("x",)),)),
            ("extra_hosts",),
        ),
        (Recreate(container="web", drop_extra_hosts=("x",)), ("extra_hosts",)),
        (Recreate(container="web", network="bridge"), ("network_mode",)),
        (Recreate(container="web", network="shop_back"), ("networks",)),
        (Recreate(container="api", aliases=("x",)), ("networks.back.aliases",)),
        (
            Recreate(container="web", network="wide", aliases=("x",)),
            ("networks.wide.aliases",),
        ),
        (
            Recreate(container="web", environment=(Variable(name="A", value="tcp://a:1"),)),
            ("environment",),
        ),
        (Recreate(container="web", dns_search=(".",)), ("dns_search",)),
        (
            Recreate(
                container="web", joins=(Joined(namespace=Namespace.NETWORK, container="app"),)
            ),
            (),
        ),
        (SetRestartPolicy(container="web", policy="always"), ("restart",)),
        (ConnectNetwork(container="web", network="shop_back"), ("networks",)),
        (
            ConnectNetwork(container="web", network="shop_back", aliases=("x",)),
            ("networks.back.aliases",),
        ),
        (Restart(container="web"), ()),
    ],
)
def test_compose_keys_are_those_of_the_fields_that_change(
    action: Action, expected: tuple[str, ...]
) -> None:
    assert keys(action) == expected


def test_all_keys_are_named_in_one_clause() -> None:
    topology = Topology([world().snapshot()])
    web = topology.container_named("host1", "web")
    assert web is not None
    action = Recreate(container="web", links=(), expose=(Port(80),), dns_search=(".",))
    assert to_correct(topology, "host1", web, action) == (
        "correct the links, expose and dns_search in the Compose file"
    )
    assert to_correct(topology, "host1", web, Recreate(container="web")) == ""
