"""LD108, LD109, LD110, LD202 and LD305 on real engines: what was typed, and what is.

An engine is never restarted while links lead in a circle: it may hang for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import Examination
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.links import StoredLink
from linkdoctor.model.report import Safety, Severity

from .engine import Engine
from .examining import advised, apply, codes, diagnose, look, only_fault, report, told, words
from .fixing import fixed
from .situations import Lab

CLIENT = "lab:web"


@pytest.fixture
def linked(lab: Lab) -> Lab:
    """`web`, which is linked to `app` as `helloapp` and brings its own command."""
    lab.image(CLIENT, command=["sleep", "100000"])
    lab.run("app", listen=5000)
    lab.run("web", image=CLIENT, command=[], link="app:helloapp")
    return lab


@pytest.fixture
def own_lab(possible: None, tree: Path | None) -> Iterator[Lab]:
    """A lab on an engine that may be restarted, since nobody else uses it."""
    engine = Engine("restarted", tree=tree)
    engine.start()
    try:
        with Lab(engine) as lab:
            lab.image(CLIENT, command=["sleep", "100000"])
            yield lab
    finally:
        engine.stop()


@pytest.fixture
def living_lab(possible: None, tree: Path | None) -> Iterator[Lab]:
    """A lab on an engine whose containers outlive its restarts (`--live-restore`)."""
    if tree is not None:
        pytest.skip("an engine in a tree of its own loses its containers' mounts at a restart")
    engine = Engine("living", flags=["--live-restore"], tree=tree)
    engine.start()
    try:
        with Lab(engine) as lab:
            lab.image(CLIENT, command=["sleep", "100000"])
            yield lab
            lab.clean()
    finally:
        engine.stop()


def stored(lab: Lab) -> dict[str, tuple[StoredLink, ...]]:
    """The links that linkdoctor read from the engine's disk, by container."""
    (snapshot,) = look(lab).snapshots
    found = {}
    for container in snapshot.containers:
        assert isinstance(container.stored_links, Known), container.stored_links
        found[container.name] = container.stored_links.value
    return found


def without_the_disk(examination: Examination) -> Examination:
    """What one sees who may not read the engine's disk."""
    denied = Unknown(gap=Gap.DENIED, detail="no permission to read it; run as root")
    (snapshot,) = examination.snapshots
    containers = tuple(
        msgspec.structs.replace(each, stored_links=denied) for each in snapshot.containers
    )
    blind = msgspec.structs.replace(snapshot, containers=containers)
    return msgspec.structs.replace(examination, snapshots=(blind,))


# What is read


def test_links_are_read_as_typed_of_containers_in_every_state(linked: Lab) -> None:
    linked.network("back")
    identity = linked.inspect("app")["Id"]
    linked.run("by-id", link=[f"{identity[:12]}:zz", "app:aa", "app"])
    linked.run("never-started", link="app:helloapp", start=False)
    linked.run("ended", link="app:helloapp")
    linked.stop("ended")
    linked.run("beside", network_mode="container:app")
    linked.run("on-the-host", network_mode="host")
    linked.run("named", network="back")
    linked.run("networked", network="back", link="named:alias")
    assert stored(linked) == {
        "app": (),
        "web": (StoredLink("app", "helloapp"),),
        "by-id": (
            StoredLink(identity[:12], "zz"),
            StoredLink("app", "aa"),
            StoredLink("app", "app"),
        ),
        "never-started": (StoredLink("app", "helloapp"),),
        "ended": (StoredLink("app", "helloapp"),),
        "beside": (),
        "on-the-host": (),
        "named": (),
        "networked": (StoredLink("named", "alias"),),
    }
    assert codes(diagnose(linked)) == []


# LD110


def test_a_renamed_source_is_warned_of_and_its_old_name_fixes_it(linked: Lab) -> None:
    linked.rename("app", "app2")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD110", "web", "helloapp")
    assert (found.severity, found.source) == (Severity.WARNING, "app2")
    assert found.evidence[0].where.endswith("/hostconfig.json")
    assert words(advised(found, Safety.SAFE)) == [["docker", "rename", "app2", "app"]]
    apply(linked, advised(found, Safety.SAFE))
    outcome = diagnose(linked)
    assert (told(outcome), outcome.skipped) == ([], ())


def test_a_renamed_source_is_found_under_its_new_name_by_a_recreated_target(linked: Lab) -> None:
    linked.rename("app", "app2")
    apply(linked, advised(only_fault(diagnose(linked)), Safety.RECREATE))
    assert linked.stored_links("web") == ["app2:helloapp"]
    outcome = diagnose(linked)
    assert (codes(outcome), outcome.skipped) == ([], ())
    assert linked.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_the_old_name_is_not_offered_where_another_took_it(linked: Lab) -> None:
    linked.rename("app", "app2")
    linked.run("app", listen=5000)
    found = only_fault(diagnose(linked))
    assert (found.code, found.source) == ("LD110", "app2")
    assert "links helloapp to the current app instead" in found.message
    assert [fix.safety for fix in found.fixes] == [Safety.RECREATE, Safety.RECREATE]


def test_the_old_name_is_not_offered_where_a_link_was_typed_with_the_new_one(linked: Lab) -> None:
    linked.rename("app", "app2")
    linked.run("shop", link="app2:backend")
    found = only_fault(diagnose(linked))
    assert (found.code, found.target) == ("LD110", "web")
    assert [fix.safety for fix in found.fixes] == [Safety.RECREATE, Safety.RECREATE]


@pytest.mark.parametrize("length", [64, 12, 7])
def test_a_link_typed_with_an_id_survives_a_rename_of_its_source(lab: Lab, length: int) -> None:
    identity = lab.run("app", listen=5000)
    lab.run("web", link=f"{identity[:length]}:helloapp")
    lab.rename("app", "app2")
    outcome = diagnose(lab)
    assert (told(outcome), outcome.skipped) == ([], ())


def test_a_link_by_way_of_a_shared_network_is_no_rename(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("sidecar", network_mode="container:app")
    lab.run("web", link="sidecar:helloapp")
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.stored_links("web") == ["sidecar:helloapp"]
    outcome = diagnose(lab)
    assert (told(outcome), outcome.skipped) == ([], ())


def test_a_renamed_source_on_a_user_defined_network_is_no_matter_of_the_disk(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    lab.rename("app", "app2")
    assert "LD110" not in {each.code for each in diagnose(lab).findings}


# LD109


def test_a_link_removed_from_the_engine_alone_is_dropped_and_recreation_fixes_it(
    linked: Lab,
) -> None:
    linked.api.remove_container("web/helloapp", link=True)
    assert linked.hosts_lines("web", "helloapp") == []
    found = only_fault(diagnose(linked))
    assert (found.code, found.target, found.alias) == ("LD109", "web", "helloapp")
    assert (found.severity, found.source) == (Severity.ERROR, "app")
    shown = [each.what for each in found.evidence]
    assert shown == ["link helloapp of web in inspect", "HELLOAPP_NAME"]
    apply(linked, advised(found, Safety.RECREATE))
    outcome = diagnose(linked)
    assert (codes(outcome), outcome.skipped) == ([], ())
    assert linked.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_the_links_that_are_left_stay_as_they_are(linked: Lab) -> None:
    linked.run("db", listen=5432)
    linked.run("shop", image=CLIENT, command=[], link=["app:helloapp", "db:db", "db:second"])
    linked.api.remove_container("shop/db", link=True)
    outcome = diagnose(linked)
    # Engine 28.5 takes the lines of the links that are left out of the hosts file too.
    others = [each for each in codes(outcome) if not each.startswith("LD303 shop/")]
    assert others == ["LD109 shop/db"]
    found = next(each for each in outcome.findings if each.code == "LD109")
    apply(linked, advised(found, Safety.RECREATE))
    assert linked.links("shop") == ["/app:/shop/helloapp", "/db:/shop/db", "/db:/shop/second"]
    assert codes(diagnose(linked)) == []


def test_a_source_renamed_before_an_engine_restart_drops_all_links_of_its_target(
    own_lab: Lab,
) -> None:
    lab = own_lab
    lab.run("app", listen=5000, restart="always")
    lab.run("other", listen=80, restart="always")
    links = ["app:helloapp", "other:second"]
    lab.run("web", image=CLIENT, command=[], link=links, restart="always")
    lab.rename("app", "app2")
    found = only_fault(diagnose(lab))
    assert found.code == "LD110"
    assert "and also second" in found.message
    lab.restart_engine()
    lab.wait_for(lambda: all(lab.pid(name) for name in ("app2", "other", "web")))
    lab.wait_listening("app2", 5000)
    assert lab.links("web") is None
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD109", "web", "helloapp")
    assert "nothing called app" in found.message
    assert "second" in found.message
    assert [fix.safety for fix in found.fixes] == [Safety.MANUAL, Safety.RECREATE]
    lab.rename("app2", "app")
    outcome = diagnose(lab)
    assert codes(outcome) == ["LD109 web/helloapp", "LD109 web/second"]
    apply(lab, advised(outcome.findings[0], Safety.RECREATE))
    outcome = diagnose(lab)
    assert (codes(outcome), outcome.skipped) == ([], ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert lab.fetch("web", "http://second/") == (0, "other\n")


def test_a_target_that_outlives_the_engine_keeps_the_traces_of_its_dropped_link(
    living_lab: Lab,
) -> None:
    run_pair(living_lab)
    living_lab.rename("app", "app2")
    living_lab.restart_engine()
    assert living_lab.links("web") is None
    found = only_fault(diagnose(living_lab))
    assert (found.code, found.target, found.alias) == ("LD109", "web", "helloapp")
    shown = [each.what for each in found.evidence]
    assert shown == ["link helloapp of web in inspect", "HELLOAPP_NAME", "hosts line of helloapp"]


def test_without_the_disk_the_traces_tell_of_a_dropped_link(living_lab: Lab) -> None:
    run_pair(living_lab)
    living_lab.rename("app", "app2")
    living_lab.restart_engine()
    seen = without_the_disk(look(living_lab))
    found = next(each for each in report(seen).findings if each.code == "LD109")
    assert (found.target, found.alias, found.source) == ("web", "helloapp", "app2")
    apply(living_lab, advised(found, Safety.RECREATE))
    assert living_lab.links("web") == ["/app2:/web/helloapp"]
    assert codes(diagnose(living_lab)) == []


def test_variables_that_the_user_or_the_image_set_are_no_dropped_link(lab: Lab) -> None:
    image = lab.image("lab:named", env={"APP_NAME": "/web/app"}, command=["sleep", "100000"])
    lab.run("web", image=image, command=[], env={"DB_NAME": "/web/db"})
    outcome = diagnose(lab)
    assert (told(outcome), outcome.skipped) == ([], ())


def test_a_renamed_target_has_its_link(linked: Lab) -> None:
    linked.rename("web", "shop")
    assert "LD109" not in {each.code for each in diagnose(linked).findings}


def test_a_target_off_the_bridge_has_its_link_printed(linked: Lab) -> None:
    linked.network("back")
    linked.connect("back", "web")
    linked.disconnect("bridge", "web")
    assert codes(diagnose(linked)) == ["LD112 web/helloapp"]


def test_a_link_on_a_user_defined_network_is_on_disk_and_not_dropped(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:helloapp")
    assert stored(lab)["web"] == (StoredLink("app", "helloapp"),)
    outcome = diagnose(lab)
    assert (told(outcome), outcome.skipped) == ([], ())


# LD305


def test_of_two_sources_for_one_alias_one_is_dropped_and_another_alias_fixes_it(lab: Lab) -> None:
    lab.image(CLIENT, command=["sleep", "100000"])
    lab.run("app", listen=5000)
    lab.run("app9", listen=5009)
    lab.run("web", image=CLIENT, command=[], link=["app:same", "app9:same"])
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD305", "web", "same")
    assert (found.severity, found.source) == (Severity.ERROR, "app9")
    apply(lab, advised(found, Safety.RECREATE))
    assert lab.links("web") == ["/app9:/web/app9", "/app:/web/same"]
    outcome = diagnose(lab)
    assert (codes(outcome), outcome.skipped) == ([], ())
    assert lab.fetch("web", "http://same:5000/") == (0, "app\n")
    assert lab.fetch("web", "http://app9:5009/") == (0, "app9\n")


def test_many_aliases_of_one_source_and_one_link_typed_twice_are_no_duplicates(lab: Lab) -> None:
    identity = lab.run("app", listen=5000)
    lab.run("web", link=["app:one", "app:two", "app:one", f"{identity[:12]}:two"])
    outcome = diagnose(lab)
    assert (told(outcome), outcome.skipped) == ([], ())


# LD108


def test_a_target_that_took_the_name_of_its_source_leads_to_itself(linked: Lab) -> None:
    linked.rename("app", "app-old")
    linked.rename("web", "app")
    outcome = diagnose(linked)
    (found,) = [each for each in outcome.findings if each.code == "LD108"]
    assert codes(outcome)[0] == "LD108 app/helloapp"
    assert "LD110" not in {each.code for each in outcome.findings}
    assert found.consequences == ("LD110",)
    assert "(app → app)" in found.message
    apply(linked, advised(found, Safety.RECREATE))
    assert linked.stored_links("app") == ["app-old:helloapp"]
    outcome = diagnose(linked)
    assert (codes(outcome), outcome.skipped) == ([], ())
    assert linked.fetch("app", "http://helloapp:5000/") == (0, "app\n")


def test_two_that_are_linked_to_each_other_are_one_circle(lab: Lab) -> None:
    serve = ["httpd", "-f", "-p", "6000", "-h", "/srv"]
    page = {"/srv/index.html": "bb\n"}
    server = lab.image("lab:bb", expose=[6000], command=serve, files=page)
    client = lab.image(CLIENT, command=["sleep", "100000"])
    lab.run("aa", listen=5000)
    lab.run("bb", image=server, command=[], link="aa:x")
    lab.wait_listening("bb", 6000)
    lab.rename("aa", "older")
    lab.run("aa", image=client, command=[], link="bb:y")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD108", "bb", "x")
    assert found.consequences == ("LD110",)
    assert "(bb → aa → bb)" in found.message
    apply(lab, advised(found, Safety.RECREATE))
    lab.wait_listening("bb", 6000)
    assert (lab.stored_links("bb"), lab.stored_links("aa")) == (["older:x"], ["bb:y"])
    outcome = diagnose(lab)
    assert (codes(outcome), outcome.skipped) == ([], ())
    assert lab.fetch("bb", "http://x:5000/") == (0, "aa\n")
    assert lab.fetch("aa", "http://y:6000/") == (0, "bb\n")


def test_a_chain_is_no_circle(lab: Lab) -> None:
    lab.run("aa", listen=5000)
    lab.run("bb", listen=5000, link="aa:x")
    lab.run("cc", link=["bb:y", "aa:x"])
    outcome = diagnose(lab)
    assert (told(outcome), outcome.skipped) == ([], ())


# LD202


def run_pair(lab: Lab, hostname: str | None = None) -> None:
    """`web`, linked to `app`, which exposes 5000; with a hostname no hosts line holds its id."""
    lab.run("app", listen=5000, hostname=hostname)
    lab.run("web", image=CLIENT, command=[], link="app:helloapp")


def come_back_with(lab: Lab, port: int, hostname: str | None = None) -> None:
    """A new `app` that exposes another port, and an engine that looks it up anew."""
    lab.remove("app")
    lab.run("app", listen=port, hostname=hostname)
    lab.restart_engine()
    lab.wait_listening("app", port)


def test_a_source_that_came_back_with_another_port_leaves_the_old_one_in_the_process(
    living_lab: Lab,
) -> None:
    run_pair(living_lab, "stable")
    process = living_lab.pid("web")
    come_back_with(living_lab, 6000, "stable")
    assert living_lab.pid("web") == process
    assert living_lab.inspect("web/helloapp")["Id"] == living_lab.inspect("app")["Id"]
    assert living_lab.address("app") == "172.17.0.2"
    found = only_fault(diagnose(living_lab))
    assert (found.code, found.target, found.alias) == ("LD202", "web", "helloapp")
    assert found.severity is Severity.ERROR
    assert "5000/tcp" in found.message
    assert "6000/tcp" in found.message
    apply(living_lab, advised(found, Safety.RESTART))
    assert "HELLOAPP_PORT_6000_TCP" in living_lab.process_environment("web")
    outcome = diagnose(living_lab)
    assert (told(outcome), outcome.skipped) == ([], ())


def test_old_ports_are_fixed_by_a_restart_through_fix(living_lab: Lab, tmp_path: Path) -> None:
    run_pair(living_lab, "stable")
    come_back_with(living_lab, 6000, "stable")
    assert codes(diagnose(living_lab)) == ["LD202 web/helloapp"]
    fixed(living_lab, tmp_path, "restart")
    assert told(diagnose(living_lab)) == []
    assert living_lab.fetch("web", "http://helloapp:6000/") == (0, "app\n")


def test_a_hosts_line_with_the_old_id_explains_the_old_port(living_lab: Lab) -> None:
    run_pair(living_lab)
    come_back_with(living_lab, 6000)
    found = only_fault(diagnose(living_lab))
    assert (found.code, found.consequences) == ("LD302", ("LD202",))
    apply(living_lab, advised(found, Safety.RESTART))
    assert codes(diagnose(living_lab)) == []


def test_a_stale_address_explains_the_old_port(living_lab: Lab) -> None:
    run_pair(living_lab, "stable")
    living_lab.remove("app")
    living_lab.run("squatter")
    living_lab.run("app", listen=6000, hostname="stable")
    living_lab.restart_engine()
    living_lab.wait_listening("app", 6000)
    found = only_fault(diagnose(living_lab))
    assert "LD202" in found.consequences
    apply(living_lab, advised(found, Safety.RESTART))
    assert codes(diagnose(living_lab)) == []


def test_the_same_ports_on_a_new_source_are_not_stale(living_lab: Lab) -> None:
    run_pair(living_lab, "stable")
    come_back_with(living_lab, 5000, "stable")
    outcome = diagnose(living_lab)
    assert "LD202" not in {each.code for each in outcome.findings}


def test_ranges_and_ports_of_udp_are_told_as_they_are(lab: Lab) -> None:
    lab.run("app", listen=8080, expose=["8080-8083", "53/udp", 9000])
    lab.run("web", link="app:helloapp")
    outcome = diagnose(lab)
    assert "LD202" not in {each.code for each in outcome.findings}
