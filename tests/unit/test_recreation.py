"""The order for a new container, from what inspect tells of the old one."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linkdoctor.fix.recreation import (
    Surroundings,
    is_copy_of,
    owner,
    recreation,
    unrepeatable,
)
from linkdoctor.model.actions import Recreate
from linkdoctor.model.links import HostsLine, Port, StoredLink
from linkdoctor.model.snapshot import Publication
from linkdoctor.model.variables import Variable

ID = "0123456789ab" + "c" * 52
IMAGE = "sha256:" + "1" * 64
OLD = Surroundings(api=(1, 41), host_name="host1", name_leads_to=IMAGE)
NEW = Surroundings(api=(1, 51), host_name="host1", name_leads_to=IMAGE)
SAME = Recreate(container="web")


def inspected(**given: Any) -> dict[str, Any]:
    """What inspect tells of a plain container; `config`, `host` and `networks` add to it."""
    raw: dict[str, Any] = {
        "Id": ID,
        "Name": "/web",
        "Image": IMAGE,
        "State": {"Status": "running", "Running": True},
        "Config": {
            "Hostname": ID[:12],
            "Image": "shop/web:1",
            "Env": ["A=1"],
            "Cmd": ["serve"],
            "Entrypoint": None,
            "Labels": {},
            **given.pop("config", {}),
        },
        "HostConfig": {
            "NetworkMode": "default",
            "Binds": None,
            "Links": None,
            "PortBindings": {},
            **given.pop("host", {}),
        },
        "Mounts": given.pop("mounts", []),
        "NetworkSettings": {
            "Networks": given.pop("networks", {"bridge": {"IPAddress": "172.17.0.2"}})
        },
    }
    assert not given
    return raw


def body_of(
    raw: dict[str, Any], action: Recreate = SAME, around: Surroundings = NEW
) -> dict[str, Any]:
    before = copy.deepcopy(raw)
    body = recreation(raw, action, around).body
    assert raw == before, "the description itself stays as it is"
    return body


def endpoints_of(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    return found


# Names and images


def test_a_name_that_the_engine_chose_is_left_out() -> None:
    assert "Hostname" not in body_of(inspected())
    assert body_of(inspected(config={"Hostname": "shop"}))["Hostname"] == "shop"


@pytest.mark.parametrize(
    ("mode", "hostname"), [("host", "host1"), ("container:abc", "other"), ("container:abc", "")]
)
def test_a_borrowed_host_name_is_left_out(mode: str, hostname: str) -> None:
    config = {"Hostname": hostname, "Domainname": "example.test"}
    body = body_of(inspected(config=config, host={"NetworkMode": mode}, networks={}))
    assert "Hostname" not in body
    assert "Domainname" not in body


def test_a_chosen_name_on_the_hosts_network_stays() -> None:
    raw = inspected(config={"Hostname": "mine"}, host={"NetworkMode": "host"}, networks={})
    assert body_of(raw)["Hostname"] == "mine"


def test_the_image_is_taken_by_id_where_its_name_moved_on() -> None:
    assert body_of(inspected())["Image"] == "shop/web:1"
    for leads_to in (None, "sha256:other"):
        around = Surroundings(api=(1, 51), name_leads_to=leads_to)
        assert body_of(inspected(), around=around)["Image"] == IMAGE


def test_no_entry_point_is_said_where_the_image_has_one() -> None:
    image = {"Config": {"Entrypoint": ["/start"]}}
    around = Surroundings(api=(1, 51), name_leads_to=IMAGE, image=image)
    assert body_of(inspected(), around=around)["Entrypoint"] == [""]
    assert "Entrypoint" not in body_of(inspected())
    kept = inspected(config={"Entrypoint": ["/mine"]})
    assert body_of(kept, around=around)["Entrypoint"] == ["/mine"]


# Volumes


def volume(destination: str, name: str = "", **more: Any) -> dict[str, Any]:
    found = {"Type": "volume", "Destination": destination, "RW": True, "Mode": "", **more}
    return {**found, "Name": name} if name else found


def test_anonymous_volumes_are_taken_by_name() -> None:
    raw = inspected(
        config={"Volumes": {"/image": {}}},
        host={
            "Binds": ["named:/named:ro", "/bare/", "/host:/bound"],
            "Mounts": [
                {"Type": "volume", "Target": "/mounted"},
                {"Type": "volume", "Source": "mine", "Target": "/mine"},
                {"Type": "tmpfs", "Target": "/fast"},
            ],
            "Tmpfs": {"/scratch": ""},
        },
        mounts=[
            volume("/image", "v1"),
            volume("/named", "named"),
            volume("/bare", Source="/data/volumes/v2/_data", Mode="z"),
            volume("/mounted", "v3"),
            volume("/mine", "mine"),
            {"Type": "bind", "Source": "/host", "Destination": "/bound", "RW": True},
            {"Type": "tmpfs", "Source": "", "Destination": "/fast", "RW": True},
            volume("/lent", "v4", RW=False),
            {
                "Type": "bind",
                "Source": "/lent-too",
                "Destination": "/lent-too",
                "RW": True,
                "Propagation": "rslave",
            },
        ],
    )
    host = body_of(raw)["HostConfig"]
    assert host["Binds"] == [
        "named:/named:ro",
        "v2:/bare:nocopy,z",
        "/host:/bound",
        "v1:/image:nocopy",
        "v4:/lent:ro,nocopy",
        "/lent-too:/lent-too:rslave",
    ]
    assert [each.get("Source") for each in host["Mounts"]] == ["v3", "mine", None]
    assert host["Tmpfs"] == {"/scratch": ""}


def test_a_volume_without_any_name_is_refused() -> None:
    raw = inspected(mounts=[volume("/odd", Source="/somewhere")])
    with pytest.raises(ValueError, match="/odd has no name"):
        recreation(raw, SAME, NEW)


def test_a_lender_that_is_gone_is_left_out() -> None:
    raw = inspected(host={"VolumesFrom": ["here:ro", "gone"]})
    around = Surroundings(api=(1, 51), gone=frozenset({"gone"}))
    assert body_of(raw, around=around)["HostConfig"]["VolumesFrom"] == ["here:ro"]


# Networks


def test_what_the_engine_chose_at_an_endpoint_is_left_out() -> None:
    chosen = {"IPAMConfig": {}, "IPAddress": "10.0.0.2", "MacAddress": "02:42:0a:00:00:02"}
    networks = {"shop": {**chosen, "Aliases": [ID[:12], "front"], "NetworkID": "n" * 64}}
    body = body_of(inspected(host={"NetworkMode": "n" * 64}, networks=networks))
    assert body["HostConfig"]["NetworkMode"] == "shop"
    assert endpoints_of(body) == {"shop": {"Aliases": ["front"]}}
    assert endpoints_of(body_of(inspected())) == {}


def test_what_was_asked_for_at_an_endpoint_stays() -> None:
    asked = {
        "IPAMConfig": {"IPv4Address": "10.0.0.9", "IPv6Address": ""},
        "Links": ["app:helloapp", "db-linkdoctor-old:db"],
        "DriverOpts": {"a": "b"},
        "GwPriority": 5,
        "IPAddress": "10.0.0.9",
        "MacAddress": "02:42:0a:00:00:09",
    }
    raw = inspected(
        config={"MacAddress": "02:42:0a:00:00:09"},
        host={"NetworkMode": "shop"},
        networks={
            "shop": asked,
            "back": {"IPAddress": "10.1.0.2", "MacAddress": "ee:00:00:00:00:01"},
        },
    )
    expected = {
        "IPAMConfig": {"IPv4Address": "10.0.0.9"},
        "Links": ["app:helloapp", "db:db"],
        "DriverOpts": {"a": "b"},
        "GwPriority": 5,
    }
    mac = {"MacAddress": "02:42:0a:00:00:09"}
    new = recreation(raw, SAME, NEW)
    assert endpoints_of(new.body) == {"shop": {**expected, **mac}}
    assert "MacAddress" not in new.body
    assert new.connect == (("back", {"MacAddress": "ee:00:00:00:00:01"}),)
    old = recreation(raw, SAME, OLD)
    assert endpoints_of(old.body) == {"shop": expected}
    assert old.body["MacAddress"] == "02:42:0a:00:00:09"
    assert old.connect == (("back", {}),)


def test_a_container_that_left_its_own_network_is_made_on_another() -> None:
    raw = inspected(host={"Links": ["/app:/web/helloapp"]}, networks={"zoo": {}, "shop": {}})
    order = recreation(raw, SAME, NEW)
    assert order.body["HostConfig"]["NetworkMode"] == "shop"
    assert endpoints_of(order.body) == {"shop": {"Links": ["app:helloapp"]}}
    assert order.connect == (("zoo", {}),)
    alone = inspected(networks={})
    assert body_of(alone)["HostConfig"]["NetworkMode"] == "none"


def test_ports_of_the_image_are_not_given_to_a_borrower_of_a_network() -> None:
    raw = inspected(
        config={"ExposedPorts": {"80/tcp": {}}}, host={"NetworkMode": "container:x"}, networks={}
    )
    assert body_of(raw)["ExposedPorts"] == {}


# Links


def test_links_are_written_as_they_are_typed() -> None:
    host = {"Links": ["/db:/web/db", "/app-linkdoctor-old:/web/helloapp"]}
    order = recreation(inspected(host=host), SAME, NEW)
    assert order.body["HostConfig"]["Links"] == ["app:helloapp", "db:db"]
    assert order.needs == ("app", "db")


def test_links_of_the_action_take_the_place_of_all() -> None:
    links = (StoredLink("app", "helloapp"), StoredLink("new", "cache"))
    action = Recreate(container="web", links=links)
    legacy = recreation(inspected(host={"Links": ["/gone:/web/helloapp"]}), action, NEW)
    assert legacy.body["HostConfig"]["Links"] == ["app:helloapp", "new:cache"]
    networks = {"back": {"Links": ["old:helloapp"]}, "shop": {"Links": ["x:gone"]}}
    raw = inspected(host={"NetworkMode": "shop"}, networks=networks)
    order = recreation(raw, action, NEW)
    assert endpoints_of(order.body) == {"shop": {"Links": ["new:cache"]}}
    assert order.connect == (("back", {"Links": ["app:helloapp"]}),)
    assert order.body["HostConfig"]["Links"] == []
    assert order.needs == ()


def test_a_move_to_a_network_takes_links_and_aliases_along() -> None:
    action = Recreate(container="web", network="shop", aliases=("front",))
    raw = inspected(
        host={"Links": ["/app:/web/helloapp"]},
        networks={
            "bridge": {},
            "back": {"Aliases": ["b", ID[:12]], "IPAMConfig": {"IPv4Address": "1.1.1.1"}},
        },
    )
    order = recreation(raw, action, NEW)
    assert order.body["HostConfig"]["NetworkMode"] == "shop"
    assert order.body["HostConfig"]["Links"] == []
    assert endpoints_of(order.body) == {
        "shop": {"Aliases": ["b", "front"], "Links": ["app:helloapp"]}
    }
    assert order.connect == ()


# Additions


def test_ports_and_hosts_are_added() -> None:
    raw = inspected(
        config={"ExposedPorts": {"80/tcp": {}}},
        host={
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}], "90/tcp": None},
            "ExtraHosts": ["db:10.0.0.1", "six=fd00::1", "dbx:10.0.0.2"],
        },
    )
    fixed = Publication(port=Port(80), host_address="127.0.0.1", host_port=8080)
    free = Publication(port=Port(53, "udp"), host_address="", host_port=0, ephemeral=True)
    action = Recreate(
        container="web",
        publish=(fixed, free, free),
        expose=(Port(7000),),
        extra_hosts=(HostsLine(address="10.0.0.9", names=("new", "newer")),),
        drop_extra_hosts=("db", "six"),
    )
    body = body_of(raw, action)
    assert body["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
        "90/tcp": [],
        "53/udp": [{"HostIp": "", "HostPort": ""}],
    }
    assert set(body["ExposedPorts"]) == {"80/tcp", "53/udp", "7000/tcp"}
    extra = ["dbx:10.0.0.2", "new:10.0.0.9", "newer:10.0.0.9"]
    assert body["HostConfig"]["ExtraHosts"] == extra


def test_what_newer_engines_forgot_is_left_out() -> None:
    host = body_of(inspected(host={"KernelMemory": 0, "KernelMemoryTCP": 0}))["HostConfig"]
    assert "KernelMemory" not in host
    assert "KernelMemoryTCP" not in host


# What is left alone


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            {"com.docker.compose.project": "p", "com.docker.compose.service": "s"},
            ("Compose", "p", "s"),
        ),
        (
            {"com.docker.swarm.service.name": "s", "com.docker.stack.namespace": "n"},
            ("swarm", "n", "s"),
        ),
        ({"com.docker.swarm.task.id": "1"}, ("swarm", "", "")),
        ({"io.kubernetes.pod.name": "x"}, ("Kubernetes", "", "")),
    ],
)
def test_owners_are_known_by_their_labels(
    labels: dict[str, str], expected: tuple[str, str, str]
) -> None:
    found = owner(inspected(config={"Labels": labels}))
    assert found is not None
    assert (found.kind, found.project, found.service) == expected


def test_a_container_made_by_hand_has_no_owner() -> None:
    assert owner(inspected(config={"Labels": None})) is None
    assert owner(inspected(config={"Labels": {"com.example": "1"}})) is None


def test_what_cannot_be_repeated_is_said() -> None:
    assert unrepeatable(inspected()) is None
    assert "--rm" in str(unrepeatable(inspected(host={"AutoRemove": True})))
    paused = inspected()
    paused["State"]["Paused"] = True
    assert "paused" in str(unrepeatable(paused))
    dead = inspected()
    dead["State"]["Dead"] = True
    assert "removed" in str(unrepeatable(dead))


def test_a_copy_is_known_by_what_no_action_changes() -> None:
    assert is_copy_of(inspected(config={"Labels": None}), inspected())
    assert not is_copy_of(inspected(config={"Env": ["A=2"]}), inspected())
    other = inspected()
    other["Image"] = "sha256:other"
    assert not is_copy_of(other, inspected())


# What takes the place of what was asked for


def published(*found: str, ephemeral: bool = False) -> tuple[Publication, ...]:
    """Bindings as they are seen: `0.0.0.0:8080:80`."""
    parts = [each.rsplit(":", 2) for each in found]
    return tuple(
        Publication(
            port=Port(int(port)),
            host_address=address,
            host_port=int(host_port),
            ephemeral=ephemeral,
        )
        for address, host_port, port in parts
    )


def asked(*found: str) -> dict[str, list[dict[str, str]]]:
    """Bindings as they were asked for."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for each in found:
        address, host_port, port = each.rsplit(":", 2)
        bindings.setdefault(f"{port}/tcp", []).append({"HostIp": address, "HostPort": host_port})
    return bindings


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        (
            asked(":8080:80"),
            published("0.0.0.0:8080:80", ":::8080:80"),
            asked(":8080:80"),
        ),
        (
            asked("0.0.0.0:8080:80"),
            published("0.0.0.0:8080:80"),
            asked("0.0.0.0:8080:80"),
        ),
        (
            asked("127.0.0.1:8080:80", ":9090:90"),
            published(":8080:80", "0.0.0.0:9090:90", ":::9090:90"),
            asked(":8080:80", ":9090:90"),
        ),
        (
            asked("::80"),
            published("0.0.0.0:32768:80", ":::32768:80"),
            asked(":32768:80"),
        ),
        (
            asked("::80", ":9000-9009:90"),
            published("0.0.0.0:32768:80", "0.0.0.0:9003:90", ephemeral=True),
            asked("::80", ":9000-9009:90"),
        ),
        (
            asked("127.0.0.1:8080:80", "10.0.0.1:8080:80"),
            published("127.0.0.1:8081:80", "10.0.0.1:8080:80"),
            asked("127.0.0.1:8081:80", "10.0.0.1:8080:80"),
        ),
        ({}, published(":8080:80"), asked(":8080:80")),
        (asked(":8080:80"), (), {}),
    ],
)
def test_published_ports_are_replaced_in_the_words_that_were_used(
    before: dict[str, Any], wanted: tuple[Publication, ...], after: dict[str, Any]
) -> None:
    raw = inspected(host={"PortBindings": before})
    body = body_of(raw, Recreate(container="web", published=wanted))
    assert body["HostConfig"]["PortBindings"] == after
    assert set(body["ExposedPorts"]) >= set(after)


def test_a_port_of_the_engines_choice_is_pinned_beside_others_that_it_goes_on_to_choose() -> None:
    raw = inspected(host={"PublishAllPorts": True})
    wanted = (
        *published("0.0.0.0:32768:80", ":::32768:80"),
        *published("0.0.0.0:32769:90", ephemeral=True),
    )
    host = body_of(raw, Recreate(container="web", published=wanted))["HostConfig"]
    assert host["PortBindings"] == asked(":32768:80")
    assert host["PublishAllPorts"] is True


def test_search_domains_are_replaced_only_if_that_is_wanted() -> None:
    raw = inspected(host={"DnsSearch": ["corp.example"]})
    assert body_of(raw)["HostConfig"]["DnsSearch"] == ["corp.example"]
    bare = body_of(raw, Recreate(container="web", dns_search=(".",)))
    assert bare["HostConfig"]["DnsSearch"] == ["."]


def test_variables_are_added_and_take_the_place_of_others_of_their_name() -> None:
    raw = inspected(config={"Env": ["A=1", "DB_PORT=old", "B=2=3"]})
    action = Recreate(
        container="web", environment=(Variable(name="DB_PORT", value="tcp://db:5432"),)
    )
    assert body_of(raw, action)["Env"] == ["A=1", "B=2=3", "DB_PORT=tcp://db:5432"]
    assert body_of(raw)["Env"] == ["A=1", "DB_PORT=old", "B=2=3"]


def test_a_copy_may_have_further_variables() -> None:
    old = inspected()
    assert is_copy_of(inspected(config={"Env": ["A=1", "B=2"]}), old)
    assert not is_copy_of(inspected(config={"Env": ["B=2"]}), old)
