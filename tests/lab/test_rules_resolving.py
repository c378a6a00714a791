"""How resolvers read names: LD109, LD301, LD303, LD304, LD311 and LD313 on a real engine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from linkdoctor.model.report import Safety, Severity

from .examining import advised, apply, codes, diagnose, only_fault, remarks
from .fixing import fixed
from .nameserver import nameserver
from .situations import Lab

SLEEP = ["sleep", "100000"]


@pytest.fixture
def back(lab: Lab) -> Lab:
    """A network of its own, and a source on it."""
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    return lab


def write_hosts(lab: Lab, name: str, text: str) -> None:
    """Write a container's hosts file in place, as a person in the container would."""
    Path(f"/proc/{lab.pid(name)}/root/etc/hosts").write_text(text)


def rewrite_hosts(lab: Lab, name: str, old: str, new: str) -> None:
    """Replace something in a container's hosts file."""
    text = lab.hosts_file(name)
    assert old in text
    write_hosts(lab, name, text.replace(old, new))


# LD109: on a user-defined network


def test_a_target_reconnected_without_its_link_is_found(back: Lab) -> None:
    back.image("lab:sleep", command=SLEEP)
    back.run("web", image="lab:sleep", command=[], network="back", link="app:helloapp")
    assert (codes(diagnose(back)), remarks(diagnose(back))) == ([], [])
    back.disconnect("back", "web")
    back.connect("back", "web")
    assert back.fetch("web", "http://helloapp:5000/")[0] != 0
    found = only_fault(diagnose(back))
    assert (found.code, found.target, found.alias) == ("LD109", "web", "helloapp")
    assert found.source == "app"
    apply(back, advised(found, Safety.RECREATE))
    assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    back.remove("web-before")
    assert codes(diagnose(back)) == []


def test_a_target_that_left_the_network_of_its_link_is_found(back: Lab) -> None:
    back.network("front")
    back.run("web", network="back", link="app:helloapp")
    back.connect("front", "web")
    back.disconnect("back", "web")
    assert back.fetch("web", "http://helloapp:5000/")[0] != 0
    assert codes(diagnose(back)) == ["LD109 web/helloapp"]


def test_a_target_reconnected_with_its_link_is_quiet(back: Lab) -> None:
    back.run("web", network="back", link="app:helloapp")
    back.disconnect("back", "web")
    back.connect("back", "web", links=["app:helloapp"])
    assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert codes(diagnose(back)) == []


def test_a_reconnected_target_whose_source_has_the_name_itself_is_quiet(back: Lab) -> None:
    back.run("db", network="back", listen=5000, aliases=["data"])
    back.run("web", network="back", link=["app:app", "db:data"])
    back.disconnect("back", "web")
    back.connect("back", "web")
    assert back.fetch("web", "http://data:5000/") == (0, "db\n")
    assert codes(diagnose(back)) == []


def test_a_source_reconnected_without_the_name_that_a_link_uses_is_found(back: Lab) -> None:
    back.run("shop-db", network="back", listen=5000, aliases=["db"])
    back.run("web", network="back", link="db:data")
    assert codes(diagnose(back)) == []
    back.disconnect("back", "shop-db")
    back.connect("back", "shop-db")
    assert back.fetch("web", "http://data:5000/")[0] != 0
    assert codes(diagnose(back)) == ["LD306 web/data"]


# LD303


def test_a_missing_line_is_found_although_another_line_has_the_name(lab: Lab) -> None:
    lab.run("db", listen=5000)
    lab.run("pg", listen=5000)
    lab.run("web", link=["db:cache", "pg:db"])
    rewrite_hosts(lab, "web", f"{lab.address('pg')}\tdb ", f"{lab.address('pg')}\tgone ")
    assert lab.fetch("web", "http://db:5000/") == (0, "db\n")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD303", "web", "db")
    assert lab.address("db") in found.message
    apply(lab, advised(found, Safety.RESTART))
    assert lab.fetch("web", "http://db:5000/")[0] == 0


def test_a_missing_line_is_quiet_where_another_links_line_leads_to_the_source(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link=["app:app", "app:other"])
    rewrite_hosts(lab, "web", f"{lab.address('app')}\tapp ", f"{lab.address('app')}\tgone ")
    assert lab.fetch("web", "http://app:5000/") == (0, "app\n")
    assert codes(diagnose(lab)) == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("{address}\u00a0helloapp", id="no-break space"),
        pytest.param("010.0.0.9 helloapp", id="leading zero"),
        pytest.param("host.example helloapp", id="no address"),
        pytest.param("{address} helloapp.", id="dot at the end"),
        pytest.param("# {address} helloapp", id="comment"),
    ],
)
def test_a_line_that_no_resolver_reads_is_no_line(lab: Lab, line: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    engines = lab.hosts_lines("web", "helloapp")[0]
    rewrite_hosts(lab, "web", engines, line.format(address=lab.address("app")))
    assert lab.fetch("web", "http://helloapp:5000/")[0] != 0
    assert codes(diagnose(lab)) == ["LD303 web/helloapp"]


@pytest.mark.parametrize("end", ["\r\n", "\n"], ids=["windows", "unix"])
def test_a_file_with_windows_line_ends_is_read_as_resolvers_do(lab: Lab, end: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    text = lab.hosts_file("web").replace("\n", end)
    Path(f"/proc/{lab.pid('web')}/root/etc/hosts").write_bytes(text.encode())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert codes(diagnose(lab)) == []


# LD304: without case


def test_an_earlier_line_in_other_case_takes_the_alias(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("other", listen=5000)
    image = lab.image("lab:sleep", command=SLEEP)
    extra = [f"HelloApp:{lab.address('other')}"]
    lab.run("web", image=image, command=[], link="app:helloapp", extra_hosts=extra)
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "other\n")
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD304", "web", "helloapp")
    apply(lab, advised(found, Safety.RECREATE))
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_two_links_whose_aliases_differ_in_case_only(lab: Lab) -> None:
    lab.run("one", listen=5000)
    lab.run("two", listen=5000)
    lab.run("web", link=["one:db", "two:DB"])
    served = lab.fetch("web", "http://db:5000/")[1]
    assert served == lab.fetch("web", "http://DB:5000/")[1]
    wrong = "DB" if served == "one\n" else "db"
    assert f"LD304 web/{wrong}" in codes(diagnose(lab))


def test_an_ipv6_line_takes_no_name_from_an_ipv4_link(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", extra_hosts=["helloapp:fd00::9"])
    # Programs try every address: without a way to the first they go on to the second.
    assert lab.fetch("web", "http://helloapp:5000/")[0] in (0, 1)
    assert codes(diagnose(lab)) == []


# LD304: on a user-defined network


@pytest.mark.parametrize("alias", ["helloapp", "HELLOapp"])
def test_an_extra_host_beats_the_alias_of_a_link_on_a_network(back: Lab, alias: str) -> None:
    back.run("other", network="back", listen=5000)
    address = back.address("other", "back")
    back.image("lab:sleep", command=SLEEP)
    back.run(
        "web",
        image="lab:sleep",
        command=[],
        network="back",
        link="app:helloapp",
        extra_hosts=[f"{alias}:{address}"],
    )
    assert back.fetch("web", "http://helloapp:5000/") == (0, "other\n")
    found = only_fault(diagnose(back))
    assert (found.code, found.target, found.alias) == ("LD304", "web", "helloapp")
    assert found.severity is Severity.ERROR
    apply(back, advised(found, Safety.RECREATE))
    assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_line_in_the_file_beats_the_alias_of_a_link_on_a_network(back: Lab) -> None:
    back.run("web", network="back", link="app:helloapp")
    write_hosts(back, "web", f"{back.hosts_file('web')}10.9.9.9 cache helloapp\n")
    assert back.fetch("web", "http://helloapp:5000/")[0] != 0
    found = only_fault(diagnose(back))
    assert (found.code, found.target, found.alias) == ("LD304", "web", "helloapp")
    apply(back, advised(found, Safety.RESTART))
    assert codes(diagnose(back)) == []


def test_an_extra_host_with_the_sources_own_address_is_a_warning(back: Lab) -> None:
    address = back.address("app", "back")
    back.run("web", network="back", link="app:helloapp", extra_hosts=[f"helloapp:{address}"])
    assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    found = only_fault(diagnose(back))
    assert (found.code, found.severity) == ("LD304", Severity.WARNING)


def test_an_extra_host_of_another_name_is_quiet(back: Lab) -> None:
    back.run("web", network="back", link="app:helloapp", extra_hosts=["mail:10.9.9.9"])
    assert codes(diagnose(back)) == []


# LD311

SHOP = {"com.docker.compose.project": "shop", "com.docker.compose.service": "server"}
BLOG = {"com.docker.compose.project": "blog", "com.docker.compose.service": "server"}
URL = {"COMPONENT_URL": "http://server:5000"}


def servers(lab: Lab, *labels: dict[str, str] | None) -> Lab:
    """Containers behind one name."""
    lab.network("front")
    for number, each in enumerate(labels, start=1):
        lab.run(
            f"{'abcd'[number]}-server",
            network="front",
            aliases=["server"],
            listen=5000,
            labels=each,
        )
    return lab


def pages(lab: Lab, name: str, url: str) -> set[str]:
    """Who serves a URL, asked often: the embedded DNS shuffles its answers."""
    return {lab.fetch(name, url)[1].strip() for _ in range(16)}


def test_a_name_of_two_projects_is_ambiguous(lab: Lab) -> None:
    servers(lab, SHOP, BLOG)
    lab.run("web", network="front", env=URL)
    assert pages(lab, "web", "http://server:5000/") == {"b-server", "c-server"}
    found = only_fault(diagnose(lab))
    assert (found.code, found.target, found.alias) == ("LD311", "web", "server")
    assert "b-server" in found.message
    assert "c-server" in found.message


def test_replicas_of_one_service_are_quiet(lab: Lab) -> None:
    servers(lab, SHOP, SHOP)
    lab.run("web", network="front", env=URL)
    assert codes(diagnose(lab)) == []


def test_a_link_to_a_name_of_two_containers_is_ambiguous(back: Lab) -> None:
    back.run("other", network="back", listen=5000, aliases=["app"])
    back.run("web", network="back", link="app:helloapp")
    assert pages(back, "web", "http://helloapp:5000/") == {"app", "other"}
    found = only_fault(diagnose(back))
    assert (found.code, found.target, found.alias) == ("LD311", "web", "helloapp")


@pytest.mark.since(25)
def test_the_hostname_of_another_container_makes_a_name_ambiguous(back: Lab) -> None:
    back.run("other", network="back", listen=5000, hostname="app")
    back.run("web", network="back", env={"API_URL": "http://app:5000/"})
    assert pages(back, "web", "http://app:5000/") == {"app", "other"}
    assert codes(diagnose(back)) == ["LD311 web/app"]


def test_a_reconnected_target_is_fixed_by_linkdoctor_itself(back: Lab, tmp_path: Path) -> None:
    image = back.image("lab:sleep", command=SLEEP)
    back.run("web", image=image, command=[], network="back", link="app:helloapp")
    back.disconnect("back", "web")
    back.connect("back", "web")
    fixed(back, tmp_path, "recreate")
    assert back.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_the_private_alias_of_a_link_wins_over_a_public_one(back: Lab) -> None:
    back.run("other", network="back", listen=5000, aliases=["helloapp"])
    back.run("web", network="back", link="app:helloapp", env={"API": "http://helloapp:5000/"})
    assert pages(back, "web", "http://helloapp:5000/") == {"app"}
    assert codes(diagnose(back)) == []


def test_names_on_two_networks_are_not_mixed(lab: Lab) -> None:
    for network, name in (("aaa", "one"), ("zzz", "two")):
        lab.network(network)
        lab.run(name, network=network, listen=5000, aliases=["server"], labels={**SHOP})
    lab.run("web", network="zzz", env=URL)
    lab.connect("aaa", "web")
    assert len(pages(lab, "web", "http://server:5000/")) == 1
    assert codes(diagnose(lab)) == []


# LD313


def mounted(lab: Lab, text: str, place: str) -> list[str]:
    """A file to mount over one of a container's, where the engine sees it."""
    path = lab.engine.home / f"mounted-{Path(place).name}"
    path.write_bytes(text.encode())
    path.chmod(0o644)
    return [f"{path}:{place}:ro"]


def resolving(lab: Lab, text: str, **further: object) -> None:
    """Run a target with a `resolv.conf` of its own."""
    binds = mounted(lab, text, "/etc/resolv.conf")
    lab.run("web", network="back", binds=binds, **further)  # type: ignore[arg-type]


def test_a_mounted_resolv_conf_bypasses_the_embedded_dns(back: Lab) -> None:
    resolving(back, "nameserver 10.9.9.9\n", link="app:helloapp")
    assert back.fetch("web", "http://helloapp:5000/")[0] != 0
    found = only_fault(diagnose(back))
    assert (found.code, found.target, found.alias) == ("LD313", "web", "helloapp")
    assert found.severity is Severity.ERROR


def test_an_overwritten_resolv_conf_bypasses_the_embedded_dns(back: Lab) -> None:
    back.run("web", network="back", env={"API_URL": "http://app:5000/"})
    assert codes(diagnose(back)) == []
    written = Path(f"/proc/{back.pid('web')}/root/etc/resolv.conf")
    for text in ("nameserver 10.9.9.9\n", "", " nameserver 127.0.0.11\n", "# 127.0.0.11\n"):
        written.write_text(text)
        assert back.fetch("web", "http://app:5000/")[0] != 0
        assert codes(diagnose(back)) == ["LD313 web/app"]
    written.write_text("nameserver\t127.0.0.11\n")
    assert codes(diagnose(back)) == []


def test_a_foreign_resolv_conf_without_a_dependency_is_quiet(back: Lab) -> None:
    resolving(back, "nameserver 10.9.9.9\n", env={"API_URL": "http://example.com/"})
    assert codes(diagnose(back)) == []


def test_a_foreign_resolv_conf_is_quiet_where_a_hosts_line_has_the_name(back: Lab) -> None:
    extra = [f"app:{back.address('app', 'back')}"]
    env = {"API_URL": "http://app:5000/"}
    resolving(back, "nameserver 10.9.9.9\n", env=env, extra_hosts=extra)
    assert back.fetch("web", "http://app:5000/") == (0, "app\n")
    assert codes(diagnose(back)) == ["LD208 web/"]


def test_a_local_forwarder_that_knows_the_name_is_quiet(back: Lab) -> None:
    back.run("web", network="back", env={"API_URL": "http://app:5000/"})
    written = Path(f"/proc/{back.pid('web')}/root/etc/resolv.conf")
    written.write_text("nameserver 127.0.0.1\n")
    with nameserver(back, "web", {"app": back.address("app", "back")}):
        report = diagnose(back)
        assert (codes(report), report.skipped) == ([], ())
    with nameserver(back, "web", {"other": "10.1.1.1"}):
        assert codes(diagnose(back)) == ["LD313 web/app"]


def test_a_foreign_resolv_conf_on_the_default_bridge_is_quiet(lab: Lab) -> None:
    lab.run("app", listen=5000)
    binds = mounted(lab, "nameserver 10.9.9.9\n", "/etc/resolv.conf")
    lab.run("web", link="app:helloapp", binds=binds)
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert codes(diagnose(lab)) == []


# LD313: nsswitch.conf


def glibc_binds(lab: Lab) -> list[str]:
    """Programs of this machine and the libraries they load, to mount into a container."""
    programs = [Path(str(shutil.which(each))) for each in ("getent", "sleep")]
    libraries: set[Path] = set()
    for program in programs:
        argv = ["ldd", str(program)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=10)
        libraries |= {Path(word) for word in done.stdout.split() if word.startswith("/")}
    if not any(each.name == "libc.so.6" for each in libraries):
        pytest.skip("this machine's C library is not glibc")
    home = lab.engine.home / "glibc"
    home.mkdir(exist_ok=True)
    binds: list[str] = []
    for each in sorted(libraries):
        shutil.copy(each.resolve(), home / each.name)
        binds.append(f"{home / each.name}:{each}:ro")
    for program in programs:
        shutil.copy(program.resolve(), home / program.name)
        binds.append(f"{home / program.name}:/usr/bin/{program.name}-glibc:ro")
    return binds


def with_glibc(lab: Lab, nsswitch: str | None, **further: object) -> None:
    """Run a target whose program is one of glibc."""
    binds = glibc_binds(lab)
    if nsswitch is not None:
        binds += mounted(lab, nsswitch, "/etc/nsswitch.conf")
    command = ["/usr/bin/sleep-glibc", "100000"]
    lab.run("web", binds=binds, command=command, **further)  # type: ignore[arg-type]


def resolves(lab: Lab, name: str) -> bool:
    """Whether glibc's own program finds a name."""
    return lab.exec("web", ["/usr/bin/getent-glibc", "ahosts", name])[0] == 0


def found_with(lab: Lab, nsswitch: str, **further: object) -> Sequence[str]:
    """What is found of a target of glibc with such a file, and whether the name resolves."""
    with_glibc(lab, nsswitch, **further)
    found = codes(diagnose(lab))
    assert resolves(lab, "helloapp") is (found == []), found
    lab.remove("web")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "files",
        "files [NOTFOUND=return] dns",
        "files #dns",
        "files\r",
        "files [!UNAVAIL=return] dns",
    ],
)
def test_an_nsswitch_that_never_asks_dns_is_found(back: Lab, line: str) -> None:
    found = found_with(back, f"hosts: {line}\n", network="back", link="app:helloapp")
    assert found == ["LD313 web/helloapp"]


@pytest.mark.parametrize(
    "text",
    [
        "hosts: files dns\n",
        "hosts:dns files\n",
        "hosts: files # dns\n",
        "passwd: files\n",
        "hosts: files\nhosts: files dns\n",
        "hosts: files mdns4_minimal [NOTFOUND=return] dns\n",
        "hosts: files resolve [!UNAVAIL=return] dns\r\n",
        "",
    ],
)
def test_an_nsswitch_that_asks_dns_is_quiet(back: Lab, text: str) -> None:
    assert not found_with(back, text, network="back", link="app:helloapp")


def test_an_nsswitch_that_never_asks_the_hosts_file_is_found(lab: Lab) -> None:
    lab.run("app", listen=5000)
    assert found_with(lab, "hosts: dns\n", link="app:helloapp") == ["LD313 web/helloapp"]
    assert not found_with(lab, "hosts: dns files\n", link="app:helloapp")


def test_an_nsswitch_means_nothing_to_a_program_without_glibc(back: Lab) -> None:
    binds = mounted(back, "hosts: files\n", "/etc/nsswitch.conf")
    back.run("web", network="back", link="app:helloapp", binds=binds)
    assert codes(diagnose(back)) == []


def test_windows_line_ends_in_resolv_conf_are_no_server_for_glibc(back: Lab) -> None:
    with_glibc(back, None, network="back", link="app:helloapp")
    written = Path(f"/proc/{back.pid('web')}/root/etc/resolv.conf")
    written.write_bytes(b"nameserver 127.0.0.11\r\n")
    assert not resolves(back, "helloapp")
    assert codes(diagnose(back)) == ["LD313 web/helloapp"]


# LD301: without case


def test_a_private_alias_in_upper_case_is_not_found_in_lower_case(back: Lab) -> None:
    back.run("web", network="back", link="app:DB", env={"API_URL": "http://db:5000/"})
    assert back.fetch("web", "http://db:5000/")[0] != 0
    assert back.fetch("web", "http://DB:5000/") == (0, "app\n")
    assert codes(diagnose(back)) == ["LD301 web/db"]


def test_a_private_alias_asked_for_as_it_is_written_is_quiet(back: Lab) -> None:
    back.run("web", network="back", link="app:DB", env={"API_URL": "http://DB:5000/"})
    assert codes(diagnose(back)) == []


def test_a_public_alias_and_a_name_are_found_in_any_case(back: Lab) -> None:
    back.run("Data", network="back", listen=5000, aliases=["Store"])
    env = {"A_URL": "http://data:5000/", "B_URL": "http://STORE:5000/"}
    back.run("web", network="back", env=env)
    assert back.fetch("web", "http://data:5000/") == (0, "Data\n")
    assert back.fetch("web", "http://STORE:5000/") == (0, "Data\n")
    assert codes(diagnose(back)) == []


def test_a_hosts_line_is_found_in_any_case(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:DB", env={"API_URL": "http://db:5000/"})
    assert lab.fetch("web", "http://db:5000/") == (0, "app\n")
    assert codes(diagnose(lab)) == []
