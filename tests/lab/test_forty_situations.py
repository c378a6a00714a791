"""Faults and their look-alikes side by side on one host: each fault is named, and nothing else.

A secret stands in the environment of every container, in some arguments, labels, health checks
and logs. It must not stand in anything that linkdoctor says.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from linkdoctor.api import (
    CollectOptions,
    Examination,
    add_snapshots,
    redact_names,
    snapshot_bytes,
)
from linkdoctor.fix.plan import plan
from linkdoctor.model.report import Finding, Report, Severity
from linkdoctor.model.topology import Topology
from linkdoctor.privacy.fields import KINDS
from linkdoctor.privacy.inventory import AGAINST, inventory
from linkdoctor.privacy.known_words import WORDS
from linkdoctor.privacy.redaction import KEPT, without_setups
from linkdoctor.render.as_json import render_json
from linkdoctor.render.once import ALL_IN_ORDER
from tests.deploy.programs import bin_with_linkdoctor

from .engine import SEARCH_PATH, Engine, join
from .examining import look, report
from .situations import Lab

SECRET = "Xq7-planted-Zw9"
WORD = "planted"
KEY = b"a key of the tests"
URL = f"https://user:{SECRET}@shop.example.org/{SECRET}?key={SECRET}"
PLANTED = {"NOTE": SECRET, "REMOTE": URL, "MOTTO": f"say {SECRET} twice"}
STARTING = 11.0
"""Seconds; a container that has only just started is not blamed for what it does not do yet."""
READS = ["sh", "-c", 'address="$DB_PORT_5432_TCP_ADDR"; sleep 100000']


class PlantingLab(Lab):
    """A lab in which every container has secrets."""

    def run(self, name: str, *, env: Mapping[str, str] | None = None, **more: Any) -> str:
        labels = {"org.example.note": SECRET, **(more.pop("labels", None) or {})}
        return super().run(name, env={**PLANTED, **(env or {})}, labels=labels, **more)


class Situation(NamedTuple):
    """How a situation is made with names that begin with a prefix, and what is to be found."""

    name: str
    make: Callable[[Lab, str], object]
    found: tuple[str, ...] = ()
    """Codes with target and alias, without the prefix."""


def linked(lab: Lab, p: str, **web: Any) -> None:
    """The classic pair."""
    lab.run(f"{p}app", listen=5000)
    lab.run(f"{p}web", link=f"{p}app:helloapp", **web)


def write_hosts(lab: Lab, name: str, edit: str) -> None:
    """Change a running container's hosts file, which is a mount, in place."""
    code, said = lab.exec(name, f"{edit} /etc/hosts > /tmp/h && cat /tmp/h > /etc/hosts")
    assert code == 0, said


# --- faults -----------------------------------------------------------------------------------


def moved(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.move(f"{p}app")


def hosts_changed(lab: Lab, p: str) -> None:
    linked(lab, p)
    write_hosts(lab, f"{p}web", "sed s/^172.*helloapp/172.17.0.250\\\\thelloapp/")


def hosts_line_gone(lab: Lab, p: str) -> None:
    linked(lab, p)
    write_hosts(lab, f"{p}web", "grep -v helloapp")


def stopped(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.stop(f"{p}app")


def recreated(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.recreate(f"{p}app")


def gone(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.remove(f"{p}app")


def refused(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    lab.stop(f"{p}app")
    lab.run(f"{p}web", link=f"{p}app:helloapp", refused=True)


def paused(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.pause(f"{p}app")


def unhealthy(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000, health=f"echo {SECRET}; exit 1")
    lab.run(f"{p}web", link=f"{p}app:helloapp")
    lab.wait_for(lambda: lab.inspect(f"{p}app")["State"]["Health"]["Status"] == "unhealthy", 20)


def boot_order(lab: Lab, p: str) -> None:
    linked(lab, p, restart="always")


def dropped(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.api.remove_container(f"{p}web/helloapp", link=True)


def renamed_source(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.rename(f"{p}app", f"{p}app2")


def renamed_target(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.rename(f"{p}web", f"{p}shop")


def left_the_bridge(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.network(f"{p}net")
    lab.connect(f"{p}net", f"{p}web")
    lab.disconnect("bridge", f"{p}web")


def without_variables(lab: Lab, p: str) -> None:
    lab.network(f"{p}net")
    lab.run(f"{p}pg", network=f"{p}net", listen=5432)
    lab.run(f"{p}web", network=f"{p}net", link=f"{p}pg:db", command=READS)


def one_prefix(lab: Lab, p: str) -> None:
    lab.run(f"{p}one", listen=80)
    lab.run(f"{p}two", listen=81)
    lab.run(f"{p}web", link=[f"{p}one:a-2", f"{p}two:a_2"])


def exposed_secret(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000, env={"DB_PASSWORD": SECRET, "API_TOKEN": SECRET})
    lab.run(f"{p}web", link=f"{p}app:helloapp")


def literal_address(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    where = f"http://user:{SECRET}@{lab.address(f'{p}app')}:5000/"
    lab.run(f"{p}web", env={"APP_URL": where})


def other_alias(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    lab.run(f"{p}web", link=f"{p}app:app", labels={"linkdoctor.expects": "helloapp"})


def shadowed(lab: Lab, p: str) -> None:
    linked(lab, p, extra_hosts=["helloapp:10.9.9.9"])


def alias_twice(lab: Lab, p: str) -> None:
    lab.run(f"{p}one", listen=80)
    lab.run(f"{p}two", listen=81)
    lab.run(f"{p}web", link=[f"{p}one:db", f"{p}two:db"])


def never_there(lab: Lab, p: str) -> None:
    lab.network(f"{p}net")
    lab.run(f"{p}web", network=f"{p}net", link=f"{p}nobody:db")


def alias_localhost(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    lab.run(f"{p}web", link=f"{p}app:localhost")


def hosts_mounted(lab: Lab, p: str) -> None:
    mine = lab.engine.home / f"{p}hosts"
    mine.write_text("127.0.0.1 localhost\n")
    linked(lab, p, binds=[f"{mine}:/etc/hosts"])


def apart(lab: Lab, p: str) -> None:
    lab.network(f"{p}net")
    lab.network(f"{p}other")
    lab.run(f"{p}app", network=f"{p}other", listen=5000)
    lab.run(f"{p}web", network=f"{p}net", link=f"{p}app:helloapp")


def no_network(lab: Lab, p: str) -> None:
    linked(lab, p, network_mode="none")


def nothing_exposed(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000, expose=[])
    lab.run(f"{p}web", link=f"{p}app:helloapp")


def closed(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", expose=[5000], command=["sh", "-c", f": {SECRET}; sleep 100000"])
    lab.run(f"{p}web", link=f"{p}app:helloapp")


def on_loopback(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000, listen_on="127.0.0.1")
    lab.run(f"{p}web", link=f"{p}app:helloapp")


def unpublished(lab: Lab, p: str) -> None:
    lab.run(f"{p}web", listen=8080, labels={"linkdoctor.publish": "8080"})


def published_on_loopback(lab: Lab, p: str) -> None:
    lab.run(
        f"{p}web",
        listen=8080,
        publish={8080: "127.0.0.1:18081"},
        labels={"linkdoctor.publish": "8080"},
    )


def dead_publication(lab: Lab, p: str) -> None:
    lab.run(f"{p}web", publish={8080: 18082})


def port_conflict(lab: Lab, p: str) -> None:
    lab.run(f"{p}old", listen=8080, publish={8080: 18083})
    lab.run(f"{p}web", listen=8080, publish={8080: 18083}, refused=True)


def host_port_dialled(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000, publish={5000: 15000})
    lab.run(
        f"{p}web", link=f"{p}app:helloapp", env={"APP_URL": f"http://u:{SECRET}@helloapp:15000/"}
    )


FAULTS = (
    # Those that need an address to be taken come before those that set addresses free.
    Situation("stale-env", moved, ("LD201 web/helloapp",)),
    Situation("hosts-mismatch", hosts_changed, ("LD302 web/helloapp",)),
    Situation("hosts-missing", hosts_line_gone, ("LD303 web/helloapp",)),
    Situation("source-paused", paused, ("LD105 web/helloapp",)),
    Situation("source-not-ready", unhealthy, ("LD106 web/helloapp",)),
    Situation("boot-order", boot_order, ("LD107 web/helloapp",)),
    Situation("dropped-link", dropped, ("LD109 web/helloapp",)),
    Situation("renamed-source", renamed_source, ("LD110 web/helloapp",)),
    Situation("renamed-target", renamed_target, ("LD111 shop/helloapp",)),
    Situation("link-without-effect", left_the_bridge, ("LD112 web/helloapp",)),
    Situation("env-missing", without_variables, ("LD203 web/db",)),
    Situation("env-collision", one_prefix, ("LD206 web/a_2", "LD308 web/a_2")),
    Situation("secret-exposure", exposed_secret, ("LD207 web/helloapp",)),
    Situation("literal-address", literal_address, ("LD208 web/",)),
    Situation("missing-alias", other_alias, ("LD301 web/helloapp",)),
    Situation("alias-shadowed", shadowed, ("LD304 web/helloapp",)),
    Situation("duplicate-alias", alias_twice, ("LD305 web/db",)),
    Situation("unresolvable-alias", never_there, ("LD306 web/db",)),
    Situation("odd-hostname", alias_localhost, ("LD308 web/localhost",)),
    Situation("hosts-file-mounted", hosts_mounted, ("LD309 web/helloapp",)),
    Situation("no-shared-network", apart, ("LD402 web/helloapp",)),
    Situation("network-mode", no_network, ("LD404 web/helloapp",)),
    Situation("no-exposed-port", nothing_exposed, ("LD501 web/helloapp",)),
    Situation("not-listening", closed, ("LD502 web/helloapp",)),
    Situation("loopback-listener", on_loopback, ("LD503 web/helloapp",)),
    Situation("unpublished-port", unpublished, ("LD505 web/",)),
    Situation("loopback-published", published_on_loopback, ("LD506 web/",)),
    Situation("dead-publication", dead_publication, ("LD507 web/",)),
    Situation("host-port-conflict", port_conflict, ("LD508 web/",)),
    Situation("host-port-dialled", host_port_dialled, ("LD509 web/helloapp",)),
    Situation("ghost-link", recreated, ("LD102 web/helloapp",)),
    Situation("source-not-running", stopped, ("LD101 web/helloapp",)),
    Situation("source-gone", gone, ("LD103 web/helloapp",)),
    Situation("refused-link", refused, ("LD104 web/helloapp",)),
)


# --- look-alikes ------------------------------------------------------------------------------


def own_variable(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    lab.run(f"{p}web", link=f"{p}app:db", env={"DB_HOST": "db", "DB_NAME": SECRET})


def moved_and_restarted(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.move(f"{p}app")
    lab.restart(f"{p}web")


def recreated_on_a_network(lab: Lab, p: str) -> None:
    lab.network(f"{p}net")
    lab.run(f"{p}app", network=f"{p}net", listen=5000)
    lab.run(f"{p}web", network=f"{p}net", link=f"{p}app:helloapp")
    lab.recreate(f"{p}app")


def finished_job(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    lab.run(f"{p}job", link=f"{p}app:helloapp", command=["true"])
    lab.wait_for(lambda: not lab.pid(f"{p}job"))
    lab.stop(f"{p}app")


def many_aliases(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    lab.run(f"{p}web", link=[f"{p}app:db", f"{p}app:cache", f"{p}app:db"])


def loopback_in_one_namespace(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000)
    lab.run(
        f"{p}side",
        network_mode=f"container:{p}app",
        command=["nc", "-lk", "-s", "127.0.0.1", "-p", "6000", "-e", "true"],
    )
    lab.run(f"{p}web", link=f"{p}app:helloapp")


def on_both_networks(lab: Lab, p: str) -> None:
    linked(lab, p)
    lab.network(f"{p}net")
    lab.connect(f"{p}net", f"{p}web")


def agreeing_policies(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000, restart="always")
    lab.run(f"{p}web", link=f"{p}app:helloapp", restart="always")


def equal_ports(lab: Lab, p: str) -> None:
    lab.run(f"{p}app", listen=5000, publish={5000: 15001}, health="true")
    lab.run(
        f"{p}web",
        link=f"{p}app:helloapp",
        env={"APP_URL": f"http://u:{SECRET}@helloapp:5000/", "TZ": "Europe/Paris", "AT": "12:30"},
    )
    lab.wait_for(lambda: lab.inspect(f"{p}app")["State"]["Health"]["Status"] == "healthy", 20)


def by_alias_on_the_network(lab: Lab, p: str) -> None:
    lab.network(f"{p}net")
    lab.run(f"{p}db", network=f"{p}net", listen=5432, aliases=["postgres"])
    lab.run(
        f"{p}web",
        network=f"{p}net",
        labels={"linkdoctor.expects": "postgres"},
        env={"DATABASE_URL": f"postgres://u:{SECRET}@postgres:5432/db"},
    )


LOOK_ALIKES = (
    Situation("own-variable", own_variable),
    Situation("moved-and-restarted", moved_and_restarted),
    Situation("recreated-on-a-network", recreated_on_a_network),
    Situation("finished-job", finished_job),
    Situation("many-aliases", many_aliases),
    Situation("loopback-in-one-namespace", loopback_in_one_namespace),
    Situation("on-both-networks", on_both_networks),
    Situation("agreeing-policies", agreeing_policies),
    Situation("equal-ports", equal_ports),
    Situation("by-alias-on-the-network", by_alias_on_the_network),
)


def prefix(number: int, name: str) -> str:
    """What tells the containers of one situation from those of another."""
    return f"s{number:02}-{name}-"


@pytest.fixture(scope="module")
def host(tree: Path | None) -> Iterator[Lab]:
    """The host with every situation side by side, the look-alikes that move sources first."""
    engine = Engine("forty", tree=tree, tcp="0.0.0.0:2375")
    engine.start()
    try:
        with PlantingLab(engine) as lab:
            for number, situation in enumerate((*LOOK_ALIKES, *FAULTS)):
                situation.make(lab, prefix(number, situation.name))
            yield lab
    finally:
        engine.stop()


@pytest.fixture(scope="module")
def diagnosis(host: Lab) -> Report:
    """What linkdoctor says of the host, with everything that it can be asked to read."""
    return report(look(host, further=CollectOptions(logs=True, probe=True)))


def test_there_are_forty_and_more(host: Lab) -> None:
    assert len(FAULTS) >= 30
    assert len(LOOK_ALIKES) >= 10
    assert len({each.name for each in (*FAULTS, *LOOK_ALIKES)}) == len(FAULTS) + len(LOOK_ALIKES)


@pytest.mark.parametrize(
    ("number", "situation"),
    list(enumerate((*LOOK_ALIKES, *FAULTS))),
    ids=[each.name for each in (*LOOK_ALIKES, *FAULTS)],
)
def test_each_fault_is_named_and_nothing_beside_it(
    number: int, situation: Situation, diagnosis: Report
) -> None:
    mine = prefix(number, situation.name)
    found = [
        f"{each.code} {each.target.removeprefix(mine)}/{each.alias}"
        for each in diagnosis.findings
        # From 28.4 on every legacy link is said to be deprecated.
        if each.target.startswith(mine) and each.code != "LD605"
    ]
    assert found == list(situation.found)


def test_nothing_is_found_of_the_host_itself(diagnosis: Report) -> None:
    assert [each.code for each in diagnosis.findings if not each.target] == []


def test_nothing_was_left_unseen(diagnosis: Report) -> None:
    assert diagnosis.skipped == ()


def test_no_secret_is_in_any_output(host: Lab, tmp_path: Path) -> None:
    snapshot = tmp_path / "host.json.gz"
    everything = ("--probe", "--logs", "-H", host.url)
    commands: Sequence[Sequence[str]] = (
        ("check", *everything),
        ("check", "--verbose", *everything),
        ("check", "--quiet", *everything),
        ("check", "--format", "json", *everything),
        ("snapshot", *everything, "-o", str(snapshot)),
        ("check", "--verbose", "--snapshot", str(snapshot)),
        *(
            ("show", prefix(number, each.name) + name, *flags, "--snapshot", str(snapshot))
            for number, each in enumerate((*LOOK_ALIKES, *FAULTS))
            for name in ("web",)
            if each.name in ("stale-env", "secret-exposure", "literal-address", "ghost-link")
            for flags in ((), ("--format", "json"))
        ),
    )
    for command in commands:
        said = linkdoctor(*command, home=tmp_path)
        assert WORD not in said, command
    assert WORD not in gzip.decompress(snapshot.read_bytes()).decode()
    # The search is not in vain: the secret is really there to be found.
    assert SECRET in json.dumps(host.inspect(f"{prefix(0, LOOK_ALIKES[0].name)}web"))


def test_a_saved_host_is_diagnosed_as_the_live_one(host: Lab, tmp_path: Path) -> None:
    seen = look(host, further=CollectOptions(logs=True, probe=True))
    files = [tmp_path / f"{each.host}.json.gz" for each in seen.snapshots]
    for path, each in zip(files, seen.snapshots, strict=True):
        path.write_bytes(snapshot_bytes(each))
    saved = add_snapshots(Examination(), files)
    assert render_json(report(saved)) == render_json(report(seen))


@pytest.mark.parametrize("further", [(), ("--probe", "--logs")], ids=["plain", "further"])
def test_a_snapshot_gives_what_check_says_byte_for_byte_but_for_times(
    host: Lab, tmp_path: Path, further: Sequence[str]
) -> None:
    time.sleep(STARTING)
    snapshot = tmp_path / "host.json.gz"
    live = saved = ""
    # Between two looks an event may fall out of the engine's memory, which holds 256 of them.
    for _ in range(4):
        live = linkdoctor("check", "--format", "json", *further, "-H", host.url, home=tmp_path)
        linkdoctor("snapshot", *further, "-H", host.url, "-o", str(snapshot), home=tmp_path)
        saved = linkdoctor("check", "--format", "json", "--snapshot", str(snapshot), home=tmp_path)
        if untimed(saved) == untimed(live):
            break
    assert untimed(saved) == untimed(live)
    assert json.loads(saved)["findings"]


def untimed(text: str) -> str:
    """A report without moments, durations, and how often something has failed until then."""
    return _TIMES.sub("…", text)


_TIMES = re.compile(
    r"(\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d(\.\d+)?Z|\d+(\.\d+)? ms|\d+ times(?= in a row|, last at)"
)


def test_under_pseudonyms_the_host_has_the_same_findings(host: Lab, tmp_path: Path) -> None:
    seen = look(host, further=CollectOptions(logs=True, probe=True))
    (plain,) = seen.snapshots
    replaced = redact_names(plain, KEY)
    # Under other names nobody can make a container again by hand: those commands are left out.
    nameable = msgspec.structs.replace(seen, snapshots=(without_setups(plain),))
    before, after = report(nameable), report(Examination(snapshots=(replaced,)))
    assert Counter(map(kind_of, after.findings)) == Counter(map(kind_of, before.findings))
    assert after.summary == before.summary
    held = [value for group in inventory(plain).groups for value in group.values]
    assert AGAINST not in {value.why for value in held}
    words = {
        word
        for number, each in enumerate((*LOOK_ALIKES, *FAULTS))
        for word in re.findall(r"[a-z]{8,}", prefix(number, each.name))
    }
    content = msgspec.json.encode(replaced).decode()
    known = {field for struct in KINDS for field in struct.__struct_fields__} | WORDS
    known |= {word for kept in KEPT.values() for text in kept for word in text.split("-")}
    left = {word for word in words - known if re.search(rf"\b{word}\b", content)}
    assert left == set()


def kind_of(finding: Finding) -> tuple[object, ...]:
    """What is the same of a finding whatever the names are."""
    safeties = tuple(sorted(fix.safety for fix in finding.fixes))
    return (finding.code, finding.severity, finding.consequences, safeties, len(finding.evidence))


@pytest.fixture(scope="module")
def elsewhere(host: Lab) -> Iterator[Engine]:
    """Another host, with a cable to the one with the situations, which have all come up."""
    time.sleep(STARTING)
    engine = Engine("elsewhere")
    engine.start()
    try:
        join(host.engine, engine)
        yield engine
    finally:
        engine.stop()


def test_from_afar_the_same_is_said_but_for_evidence_declared_unavailable(
    host: Lab, elsewhere: Engine, tmp_path: Path
) -> None:
    near = json.loads(linkdoctor("check", "--format", "json", "-H", host.url, home=tmp_path))
    # In another network namespace, and with a /proc that shows none of the engine's processes.
    blind = [
        *("nsenter", f"--net=/run/netns/{elsewhere.namespace}", "--"),
        *("unshare", "--pid", "--fork", "--mount-proc", "--"),
    ]
    url = "tcp://10.77.0.1:2375"
    command = ("check", "--format", "json", "-H", url)
    afar = json.loads(linkdoctor(*command, home=tmp_path, through=blind))
    unseen = {(each["code"], each["subject"].partition("/")[0]) for each in afar["skipped"]}
    assert all(each["reason"] for each in afar["skipped"])
    assert near["skipped"] == []
    found = [identity(each) for each in near["findings"]]
    found_afar = [identity(each) for each in afar["findings"]]
    assert set(found_afar) <= set(found)
    assert len(found_afar) > 0.9 * len(found) - 3
    missed = [each for each in near["findings"] if identity(each) not in found_afar]
    assert [each["code"] for each in missed if (each["code"], each["target"]) not in unseen] == []


def identity(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a finding is: its words may tell less where less was seen."""
    kept = ("code", "severity", "host", "target", "alias", "fingerprint")
    return tuple(finding[each] for each in kept)


def linkdoctor(*arguments: str, home: Path, through: Sequence[str] = ()) -> str:
    """What the command line says, on both streams."""
    done = subprocess.run(
        [*through, sys.executable, "-m", "linkdoctor", *arguments],
        env={"PATH": SEARCH_PATH, "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_what_is_printed_is_pasted_in_order_and_what_needs_no_person_is_fixed(
    host: Lab, tmp_path: Path
) -> None:
    # The last test of all: it changes the host.
    for _ in range(2):  # a source that is started may have another address than before
        commands = printed_in_order(host, tmp_path)
        assert len(commands) == len(set(commands))
        for each in commands:
            typed_in(host, each, tmp_path)
    seen = look(host)
    left = report(seen)
    assert plan(left, Topology(seen.snapshots)).steps == ()
    needs_a_person = {
        each.target.partition("-")[2].rpartition("-")[0]
        for each in left.findings
        if each.severity is not Severity.INFO
    }
    assert needs_a_person.isdisjoint({"stale-env", "hosts-mismatch", "ghost-link", "boot-order"})


def printed_in_order(host: Lab, home: Path) -> list[str]:
    """The commands at the end of a report; those of its one finding where it needs no order."""
    time.sleep(STARTING)
    before, _, printed = linkdoctor("check", "-H", host.url, home=home).partition(ALL_IN_ORDER)
    block = printed.strip("\n").partition("\n\n")[0]
    found = [line.removeprefix("      ") for line in block.splitlines() if line.startswith("  ")]
    if found or "fix: restart" not in before:
        return found
    return re.findall(r"fix: restart .*\n      (docker restart .*)", before)


def typed_in(host: Lab, command: str, home: Path) -> None:
    """Type a command as it is printed; linkdoctor is told not to ask, for there is nobody."""
    ours = command.startswith("linkdoctor ")
    done = subprocess.run(
        ["sh", "-c", f"{command} --yes" if ours else command],
        env={
            "PATH": bin_with_linkdoctor(home),
            "HOME": str(home),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "DOCKER_HOST": host.url,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # 1: of what it was asked for something is left, which needs a person.
    assert done.returncode in ((0, 1) if ours else (0,)), f"{command}\n{done.stdout}{done.stderr}"
