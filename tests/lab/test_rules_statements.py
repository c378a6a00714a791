"""What is said of a link is so: the statements that were once found to be false."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker.types import EndpointSpec

from linkdoctor.model.report import Report, Safety

from . import images
from .examining import advised, apply, codes, diagnose, look, only_fault, told
from .leftovers import wait_until
from .nameserver import nameserver
from .situations import Lab

SHOP = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"


def of_shop(service: str) -> dict[str, str]:
    return {SHOP: "shop", SERVICE: service}


def waiting(lab: Lab) -> str:
    """Make an image that waits without a command, since printed commands do not hold one."""
    return lab.image("lab:waiting", command=["sleep", "100000"])


def made_up(lab: Lab, name: str) -> str:
    """Return a container the name that a failed attempt of Compose v1 leaves; gives that name."""
    new = f"{str(lab.inspect(name)['Id'])[:12]}_{name}"
    lab.rename(name, new)
    return new


# LD102, LD103


def test_a_source_that_compose_renamed_and_recreated_is_a_ghost_not_gone(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", image=waiting(lab), command=[])
    old = made_up(lab, "app")
    lab.run("app", listen=5000)
    lab.remove(old)
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD102", "web", "helloapp")
    assert found.source == "app"
    assert old not in found.message
    apply(lab, advised(found, Safety.RECREATE))
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    lab.remove("web-before")
    assert codes(diagnose(lab)) == []


def test_a_source_that_was_renamed_by_hand_before_its_removal_is_a_ghost(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.rename("app", "app-old")
    lab.run("app", listen=5000)
    lab.remove("app-old")
    found = only_fault(diagnose(lab))
    assert (found.code, found.source) == ("LD102", "app")


def test_a_source_that_compose_renamed_and_that_is_gone_is_called_by_its_true_name(
    lab: Lab,
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.remove(made_up(lab, "app"))
    found = only_fault(diagnose(lab))
    assert (found.code, found.source) == ("LD103", "app")
    assert "web is linked to app as helloapp, but app was removed" in found.message


# LD301


def test_a_container_that_compose_left_under_another_name_gets_it_back(lab: Lab) -> None:
    lab.network("back")
    lab.run("db", network="back", listen=5432)
    lab.run("web", network="back", env={"DB_HOST": "db", "DB_PORT": "5432"})
    assert codes(diagnose(lab)) == []
    made_up(lab, "db")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD301", "web", "db")
    apply(lab, advised(found, Safety.SAFE))
    assert lab.fetch("web", "http://db:5432/")[0] == 0
    assert codes(diagnose(lab)) == []


def test_a_service_on_another_network_is_connected_not_created(lab: Lab) -> None:
    lab.network("front")
    lab.network("back")
    lab.run("shop-db-1", network="back", aliases=["db"], listen=5432, labels=of_shop("db"))
    lab.run("shop-web-1", network="front", env={"DB_HOST": "db"}, labels=of_shop("web"))
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.source) == ("LD301", "shop-web-1", "shop-db-1")
    assert "create" not in found.fixes[0].title
    apply(lab, advised(found, Safety.SAFE))
    assert lab.fetch("shop-web-1", "http://db:5432/")[0] == 0
    assert codes(diagnose(lab)) == []


def test_several_that_may_be_meant_are_named_without_a_command(lab: Lab) -> None:
    lab.network("front")
    lab.network("back")
    for name in ("shop-db-1", "shop-db-2"):
        lab.run(name, network="back", aliases=["db"], listen=5432, labels=of_shop("db"))
    lab.run("shop-web-1", network="front", env={"DB_HOST": "db"}, labels=of_shop("web"))
    found = only_fault(diagnose(lab))
    assert found.code == "LD301"
    assert "shop-db-1 or shop-db-2" in found.fixes[0].title
    assert [each.commands for each in found.fixes] == [()]


def test_a_source_with_the_hosts_network_is_dialled_at_the_host(lab: Lab) -> None:
    lab.network("back")
    lab.run("db", network_mode="host", listen=15432, expose=[])
    settings = {"DB_HOST": "db", "DB_PORT": "15432"}
    lab.run("web", network="back", env=settings, image=waiting(lab), command=[])
    with nameserver(lab, "web", {"other": "10.9.9.9"}):
        found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.source) == ("LD301", "web", "db")
    assert "has the network of the host" in found.message
    assert not any("network connect" in text for each in found.fixes for text in each.commands)
    apply(lab, advised(found, Safety.RECREATE))
    assert lab.fetch("web", "http://db:15432/") == (0, "db\n")
    lab.remove("web-before")
    assert codes(diagnose(lab)) == []


def test_a_name_on_the_hosts_network_is_nobodys(lab: Lab) -> None:
    lab.run("db", network_mode="host", listen=15432, expose=[])
    lab.run("web", network_mode="host", env={"DB_URL": "tcp://db:15432"})
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD301", "web", "db")
    assert "dial db at localhost" in found.fixes[0].title


# LD306, LD402


def test_a_dangling_link_hides_the_alias_of_another_container(lab: Lab) -> None:
    lab.network("back")
    lab.run("shop_db_1", network="back", aliases=["db"], listen=5432, labels=of_shop("db"))
    lab.run("shop_web_1", network="back", link="shop_db_1:db", labels=of_shop("web"))
    lab.run("shop_db_2", network="back", aliases=["db"], listen=5432, labels=of_shop("db"))
    lab.remove("shop_db_1")
    assert lab.fetch("shop_web_1", "http://db:5432/")[0] != 0
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD306", "shop_web_1", "db")
    assert "instead of shop_db_1" in found.fixes[0].title
    assert "create" not in found.fixes[0].title.replace("recreate", "")


def test_a_link_to_a_source_with_the_hosts_network_leads_to_the_host(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network_mode="host", listen=15000, expose=[])
    lab.run("web", network="back", link="app:helloapp", image=waiting(lab), command=[])
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD402", "web", "helloapp")
    assert "has the network of the host" in found.message
    apply(lab, advised(found, Safety.RECREATE))
    assert lab.fetch("web", "http://helloapp:15000/") == (0, "app\n")
    lab.remove("web-before")
    assert codes(diagnose(lab)) == []


# swarm


@pytest.fixture
def swarm(two_hosts: tuple[Lab, Lab]) -> Iterator[tuple[Lab, Lab]]:
    """Two engines in one swarm, with the attachable overlay network `wide`."""
    first, second = two_hosts
    first.api.init_swarm("10.77.0.1", listen_addr="10.77.0.1")
    try:
        token = first.client.swarm.attrs["JoinTokens"]["Worker"]
        second.api.join_swarm(["10.77.0.1:2377"], token, "10.77.0.2", "10.77.0.2")
        first.api.create_network("wide", driver="overlay", attachable=True)
        yield first, second
    finally:
        for each in (second, first):
            leave(each)


def leave(lab: Lab) -> None:
    """Take an engine out of the swarm, with all that the swarm brought."""
    lab.remove(*(str(each["Id"]) for each in lab.api.containers(all=True)))
    lab.api.leave_swarm(force=True)
    assert wait_until(lambda: not lab.api.networks(filters={"scope": "swarm"}), 30)
    for network in lab.api.networks(names=["docker_gwbridge"]):
        for end in lab.api.inspect_network(network["Id"])["Containers"]:
            lab.api.disconnect_container_from_network(end, network["Id"], force=True)
        lab.api.remove_network(network["Id"])


def test_a_link_on_an_overlay_network_reaches_another_engine(swarm: tuple[Lab, Lab]) -> None:
    first, second = swarm
    second.run("app", network="wide", listen=5000)
    first.run("web", network="wide", link="app:helloapp")
    assert first.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    both = diagnose(first, second)
    assert (told(both), both.skipped) == ([], ())
    alone = diagnose(first)
    assert (told(alone), alone.skipped) == ([], ())


def test_a_link_on_an_overlay_network_to_nobody_is_a_fault(swarm: tuple[Lab, Lab]) -> None:
    first, _ = swarm
    first.run("web", network="wide", link="app:helloapp")
    with nameserver(first, "web", {"other": "10.9.9.9"}):
        found = only_fault(diagnose(first))
    assert (found.code, found.target) == ("LD306", "web")
    assert "the network's DNS knows of none elsewhere" in found.message


def test_the_task_of_a_service_has_no_links_whatever_its_mode_says(
    swarm: tuple[Lab, Lab],
) -> None:
    first, _ = swarm
    service = first.client.services.create(  # type: ignore[no-untyped-call]
        images.BASE,
        command=["sleep", "100000"],
        name="shop",
        networks=["wide"],
        constraints=["node.role == manager"],
        endpoint_spec=EndpointSpec(mode="dnsrr"),
    )
    try:
        assert wait_until(
            lambda: any(each["State"] == "running" for each in first.api.containers()), 30
        )
        (snapshot,) = look(first).snapshots
        (task,) = snapshot.containers
        assert any(each.name == "com.docker.swarm.task.id" for each in task.labels)
        seen: Report = diagnose(first)
        assert (told(seen), seen.skipped) == ([], ())
    finally:
        service.remove()
        assert wait_until(lambda: not first.api.containers(all=True), 30)
