"""The model of an engine that rules' fixes are proved on, held against a real engine.

What was seen before goes into the model with an action; what comes out is compared with what is
seen once a real engine has carried that action out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Recreate,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import Known
from linkdoctor.model.links import Port, StoredLink
from linkdoctor.model.snapshot import Container, Details, Publication, Snapshot
from linkdoctor.model.variables import Variable
from linkdoctor.rulekit.engine_actions import EngineRefusal, apply_to
from linkdoctor.rulekit.engine_recreates import EMBEDDED_DNS

from .examining import look
from .fixing import fix
from .situations import Lab


def seen(lab: Lab) -> Snapshot:
    (snapshot,) = look(lab).snapshots
    return snapshot


def told(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """What of each container is to be the same, ids by the names of those that have them."""
    ids = {each.id[:12]: each.name for each in snapshot.containers}
    namespaces: dict[int, list[str]] = {}
    for each in snapshot.containers:
        if isinstance(each.namespaces, Known):
            namespaces.setdefault(each.namespaces.value.network, []).append(each.name)
    return {
        each.name: _of(each, each.details.value, ids, list(namespaces.values()))
        for each in snapshot.containers
        if isinstance(each.details, Known)
    }


def _of(
    container: Container, details: Details, ids: dict[str, str], shared: list[list[str]]
) -> dict[str, Any]:
    hosts, process = container.hosts_file, container.process_environment
    endpoints = [
        {
            "network": each.network,
            "address": each.address,
            "links": each.links,
            "answers to": sorted({ids.get(name, name) for name in each.aliases} | {container.name})
            if each.network != "bridge"
            else [],
        }
        for each in details.endpoints
    ]
    ghosts = sorted(
        each.alias
        for each in container.link_answers
        if isinstance(each.container_id, Known) and each.container_id.value is None
    )
    return {
        "status": details.status.value,
        "policy": details.restart_policy,
        "names": sorted(container.names),
        "links": details.stored_links,
        "links on disk": container.stored_links.value
        if isinstance(container.stored_links, Known)
        else None,
        "ghosts": ghosts,
        "endpoints": sorted(endpoints, key=lambda each: str(each["network"])),
        "exposed": details.exposed,
        "published": {(each.port, each.host_port) for each in details.published},
        "hosts": {
            (line.address, tuple(ids.get(name, name) for name in line.names))
            for line in hosts.value
            if line.names[0] not in ("localhost", "ip6-localhost")
            and not line.address.startswith(("f", "::"))
        }
        if isinstance(hosts, Known)
        else None,
        "variables": {
            (each.name, each.value)
            for each in process.value
            if "_PORT" in each.name or each.name.endswith("_NAME")
        }
        if isinstance(process, Known)
        else None,
        "listens": {each.port for each in container.listeners.value if each.address != EMBEDDED_DNS}
        if isinstance(container.listeners, Known)
        else None,
        "shares a network namespace with": next(
            (sorted({*names} - {container.name}) for names in shared if container.name in names),
            [],
        ),
    }


def as_modelled(lab: Lab, action: Action, home: Path) -> dict[str, dict[str, Any]]:
    """Compare what an engine has after an action with what the model says.

    What could not be seen before, since the container did not run, is not said by the model.
    """
    expected = told(apply_to(seen(lab), action))
    fix(lab, action, home / "journal")
    found = told(seen(lab))
    assert _differences(found, expected) == []
    return found


def _differences(
    found: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]
) -> list[str]:
    return [
        f"{name}: {what}: observed {found.get(name, {}).get(what)}, expected {value}"
        for name, each in expected.items()
        for what, value in each.items()
        if value is not None and found.get(name, {}).get(what) != value
    ]


def test_a_restarted_target_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    as_modelled(lab, Restart(container="web"), tmp_path)


def test_a_started_source_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.stop("app")
    lab.run("squatter")
    found = as_modelled(lab, Start(container="app"), tmp_path)
    assert found["squatter"]["endpoints"][0]["address"] == "172.17.0.2"


def test_an_unpaused_source_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.pause("app")
    as_modelled(lab, Unpause(container="app"), tmp_path)


def test_a_renamed_source_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.network("back")
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.connect("back", "app", aliases=["db"])
    as_modelled(lab, Rename(container="app", to="app2"), tmp_path)


def test_a_renamed_target_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    as_modelled(lab, Rename(container="web", to="web2"), tmp_path)


def test_a_policy_is_set_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    as_modelled(lab, SetRestartPolicy(container="app", policy="always"), tmp_path)


def test_a_connected_source_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.network("back")
    lab.run("app", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    as_modelled(lab, ConnectNetwork(network="back", container="app", aliases=("db",)), tmp_path)


def test_a_source_that_comes_back_to_the_bridge_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.network("back")
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.connect("back", "app")
    lab.disconnect("bridge", "app")
    lab.run("squatter")
    as_modelled(lab, ConnectNetwork(network="bridge", container="app"), tmp_path)


def test_a_replaced_target_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", expose=[80])
    lab.recreate("app")
    changed = Recreate(
        container="web",
        links=(StoredLink("app", "db"), StoredLink("app", "helloapp")),
        publish=(Publication(port=Port(80), host_address="", host_port=18080),),
        expose=(Port(90),),
        # One that is not of a link: what it is set to is not kept.
        environment=(
            Variable(name="OTHER_PORT_1_TCP_ADDR", value="172.17.0.9"),
            Variable(name="DB_PORT_1_TCP_ADDR", value="172.17.0.9"),
        ),
    )
    as_modelled(lab, changed, tmp_path)


def test_a_replaced_source_is_as_modelled(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    # By hand: linkdoctor keeps the old one under another name for a while, which inspect prints
    # afterwards, and recreates the target as well.
    expected = told(apply_to(seen(lab), Recreate(container="app")))
    lab.recreate("app")
    assert _differences(told(seen(lab)), expected) == []
    assert expected["web"]["ghosts"] == ["helloapp"]


def test_a_target_that_is_replaced_on_a_network_is_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.network("back")
    lab.run("app", listen=5000, network="back")
    lab.run("web")
    links = (StoredLink("app", "helloapp"),)
    changed = Recreate(container="web", network="back", links=links, aliases=("www",))
    as_modelled(lab, changed, tmp_path)


def test_a_restarted_owner_and_sharer_are_as_modelled(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=None)
    lab.run("side", network_mode=f"container:{lab.inspect('app')['Id']}", command=["sleep", "100"])
    as_modelled(lab, Restart(container="side"), tmp_path)


@pytest.mark.parametrize("what", ["stopped", "ghost", "off the bridge"])
def test_a_start_is_refused_in_the_words_of_the_model(lab: Lab, what: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.stop("web")
    if what == "stopped":
        lab.stop("app")
    elif what == "ghost":
        lab.recreate("app")
    else:
        lab.network("back")
        lab.connect("back", "app")
        lab.disconnect("bridge", "app")
    _refused_alike(lab, Start(container="web"))


def test_a_taken_port_is_refused_in_the_words_of_the_model(lab: Lab) -> None:
    lab.run("app", listen=5000, publish={5000: 18000})
    lab.stop("app")
    lab.run("db", publish={5000: 18000})
    _refused_alike(lab, Start(container="app"))


def _refused_alike(lab: Lab, action: Start) -> None:
    with pytest.raises(EngineRefusal) as modelled:
        apply_to(seen(lab), action)
    with pytest.raises(APIError) as real:
        lab.api.start(action.container)
    assert str(modelled.value) in str(real.value.explanation)
