"""LD204, LD206 to LD208, LD308, LD601 and LD605 on a real engine: variables and names of links."""

from __future__ import annotations

import pytest

from linkdoctor.model.report import Finding, Report, Safety, Severity

from .examining import advised, apply, codes, diagnose, leaks, look, only_fault, report
from .releases import series
from .situations import Lab

SECRETS = ("s3cr3t-one", "s3cr3t-two")
TAKES_A_NUMBER = "#!/bin/sh\nport=${REDIS_PORT:-6379}\nexec sleep 100000\n"
READS = ["sh", "-c", 'address="$DB_PORT_5432_TCP_ADDR"; sleep 100000']
LONG = "x" * 70


@pytest.fixture
def client(lab: Lab) -> str:
    """An image that brings its own command, so that its containers can be created again."""
    return lab.image("lab:web", command=["sleep", "100000"])


def found(report: Report, code: str) -> list[Finding]:
    """The findings of one rule, of whatever severity."""
    return [each for each in report.findings if each.code == code]


def only(report: Report, code: str) -> Finding:
    """The one finding of a rule in a report that nothing was left out of."""
    assert not report.skipped
    (finding,) = found(report, code)
    return finding


# LD204


def test_variables_that_the_target_sets_itself_are_a_remark(lab: Lab) -> None:
    own = {"DB_PORT": "5432", "DB_PORT_5432_TCP_ADDR": "10.0.0.9", "DB_NAME": "shop"}
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", env=own)
    assert lab.process_environment("web")["DB_PORT"] == "5432"
    seen = diagnose(lab)
    finding = only(seen, "LD204")
    assert (finding.target, finding.alias, finding.severity) == ("web", "db", Severity.INFO)
    assert [each.what for each in finding.evidence] == ["DB_PORT", "DB_PORT_5432_TCP_ADDR"]
    assert codes(seen) == []


def test_variables_that_overlap_nothing_that_the_link_tells_are_quiet(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", env={"DB_NAME": "shop", "DB_USER": "me"})
    lab.run("idle")
    lab.run("worker", link="idle:db", env={"DB_PORT": "5432"})
    assert found(diagnose(lab), "LD204") == []


def test_equal_values_override_nothing(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", env={"DB_PORT_5432_TCP_PORT": "5432"})
    assert found(diagnose(lab), "LD204") == []


# LD206


def test_two_aliases_with_one_prefix_collide_and_another_alias_fixes_it(
    lab: Lab, client: str
) -> None:
    lab.run("one", listen=80)
    lab.run("two", listen=80)
    lab.run("web", image=client, command=[], link=["one:a-2", "two:a_2"])
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.alias, finding.severity) == ("LD206", "a_2", Severity.WARNING)
    apply(lab, advised(finding, Safety.RECREATE))
    seen = diagnose(lab)
    assert (codes(seen), seen.skipped) == ([], ())
    environment = lab.process_environment("web")
    assert environment["A_2_PORT_80_TCP_ADDR"] == lab.address("one")
    assert environment["TWO_PORT_80_TCP_ADDR"] == lab.address("two")
    assert lab.fetch("web", "http://two/") == (0, "two\n")


def test_two_aliases_of_one_source_agree(lab: Lab) -> None:
    lab.run("one", listen=80)
    lab.run("web", link=["one:a-2", "one:a_2"])
    assert found(diagnose(lab), "LD206") == []


@pytest.fixture
def shop(lab: Lab) -> str:
    """An image whose entry point takes REDIS_PORT for a number."""
    return lab.image(
        "lab:shop",
        files={"/entrypoint.sh": TAKES_A_NUMBER},
        entrypoint=["/entrypoint.sh"],
        command=None,
    )


def test_a_link_takes_the_name_of_a_setting(lab: Lab, shop: str) -> None:
    lab.run("cache", listen=6379)
    lab.run("web", image=shop, command=[], link="cache:redis")
    address = f"tcp://{lab.address('cache')}:6379"
    assert lab.process_environment("web")["REDIS_PORT"] == address
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.alias, finding.severity) == ("LD206", "redis", Severity.WARNING)
    assert finding.evidence[0].observed == address
    assert "6379 in /entrypoint.sh" in finding.evidence[0].expected
    apply(lab, advised(finding, Safety.RECREATE))
    assert "REDIS_PORT" not in lab.process_environment("web")
    assert codes(diagnose(lab)) == []


def test_a_setting_that_the_target_sets_itself_is_its_own(lab: Lab, shop: str) -> None:
    lab.run("cache", listen=6379)
    lab.run("web", image=shop, command=[], link="cache:redis", env={"REDIS_PORT": "6379"})
    assert found(diagnose(lab), "LD206") == []


# LD207


def test_a_link_hands_secrets_over_and_names_them_only(lab: Lab, client: str) -> None:
    env = {"POSTGRES_PASSWORD": SECRETS[0], "API_TOKEN": SECRETS[1], "MONKEY": "banana"}
    lab.run("pg", listen=5432, env=env)
    lab.run("web", image=client, command=[], link="pg:db")
    assert lab.process_environment("web")["DB_ENV_POSTGRES_PASSWORD"] == SECRETS[0]
    examination = look(lab)
    seen = report(examination)
    finding = only_fault(seen)
    assert (finding.code, finding.alias, finding.severity) == ("LD207", "db", Severity.WARNING)
    assert finding.evidence[0].observed == "DB_ENV_API_TOKEN, DB_ENV_POSTGRES_PASSWORD"
    assert leaks(examination, *SECRETS, "banana") == []
    assert leaks(seen, *SECRETS, "banana") == []
    apply(lab, advised(finding, Safety.RECREATE))
    seen = diagnose(lab)
    assert (codes(seen), seen.skipped) == ([], ())
    environment = lab.process_environment("web")
    assert not [name for name in environment if name.startswith("DB_")]
    assert lab.fetch("web", "http://db:5432/") == (0, "pg\n")


def test_names_that_only_look_like_those_of_secrets_are_quiet(lab: Lab) -> None:
    env = {"MONKEY": "x", "POSTGRES_PASSWORD_FILE": "/run/x", "ALLOW_EMPTY_PASSWORD": "yes"}
    lab.run("pg", listen=5432, env=env)
    lab.run("web", link="pg:db")
    assert found(diagnose(lab), "LD207") == []


def test_a_link_on_a_user_defined_network_hands_nothing_over(lab: Lab) -> None:
    lab.network("back")
    lab.run("pg", network="back", listen=5432, env={"POSTGRES_PASSWORD": SECRETS[0]})
    lab.run("web", network="back", link="pg:db")
    seen = diagnose(lab)
    assert (seen.findings, seen.skipped) == ((), ())


# LD208


def copied(lab: Lab, source: str) -> dict[str, str]:
    """The variables that a link to a source as `db` sets, as a person copies them into `-e`."""
    address = lab.address(source)
    return {"DB_PORT": f"tcp://{address}:5432", "DB_PORT_5432_TCP_ADDR": address}


def test_copied_variables_are_a_warning_and_an_error_when_the_source_moves(lab: Lab) -> None:
    lab.run("db", listen=5432)
    lab.run("web", env=copied(lab, "db"))
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.target, finding.severity) == ("LD208", "web", Severity.WARNING)
    assert [each.what for each in finding.evidence] == [
        "environment variable DB_PORT",
        "environment variable DB_PORT_5432_TCP_ADDR",
    ]
    old, _ = lab.move("db")
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.severity) == ("LD208", Severity.ERROR)
    assert f"has the address {old}" in finding.message
    assert "it is db-squatter1's now, not db's" in finding.message
    lab.remove("db-squatter1")
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.severity) == ("LD208", Severity.ERROR)
    assert "no container has it now" in finding.message


@pytest.mark.parametrize("where", ["setting", "command", "extra host"])
def test_an_address_in_a_setting_a_command_or_an_extra_host(lab: Lab, where: str) -> None:
    lab.run("pg", listen=5432)
    address = lab.address("pg")
    if where == "setting":
        lab.run("web", env={"DATABASE_URL": f"postgres://{address}/shop"})
    elif where == "command":
        dial = ["sh", "-c", "sleep 100000", "sh", f"--db-host={address}"]
        lab.run("web", command=dial)
    else:
        lab.run("web", extra_hosts=[f"pg:{address}"])
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.target, finding.severity) == ("LD208", "web", Severity.WARNING)
    lab.move("pg")
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.target) == ("LD208", "web")
    assert finding.severity is (Severity.ERROR if where == "extra host" else Severity.WARNING)


def test_an_address_that_overrides_a_links_is_one_fault(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", env={"DB_PORT_5432_TCP_ADDR": "172.17.0.99"})
    seen = diagnose(lab)
    finding = only_fault(seen)
    assert (finding.code, finding.alias, finding.severity) == ("LD208", "db", Severity.ERROR)
    assert finding.consequences == ("LD204",)
    assert found(seen, "LD204") == []


def test_the_host_itself_is_no_container(lab: Lab) -> None:
    gateway = lab.inspect(lab.run("app", listen=5000))["NetworkSettings"]["Gateway"]
    lab.run("web", env={"HTTP_PROXY": f"http://{gateway}:3128"}, extra_hosts=[f"docker:{gateway}"])
    lab.run("own", env={"PEER_HOST": "172.17.0.4", "DB_HOST": "10.9.9.9"})
    assert lab.address("own") == "172.17.0.4"
    seen = diagnose(lab)
    assert found(seen, "LD208") == []


def test_addresses_that_were_given_for_good_or_set_aside_are_quiet(lab: Lab) -> None:
    lab.network("back", subnet="172.30.0.0/24")
    lab.run("pg", start=False)
    lab.disconnect("bridge", "pg")
    lab.connect("back", "pg", address="172.30.0.77")
    lab.start("pg")
    env = {"DB_HOST": "172.30.0.77", "PROXY_HOST": "172.30.0.1"}
    lab.run("web", network="back", env=env)
    seen = diagnose(lab)
    assert (seen.findings, seen.skipped) == ((), ())
    lab.stop("pg")
    seen = diagnose(lab)
    assert (seen.findings, seen.skipped) == ((), ())


def test_an_extra_host_for_the_alias_of_a_link_is_said_once(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", extra_hosts=[f"db:{lab.address('pg')}"])
    assert only_fault(diagnose(lab)).code == "LD304"


# LD308


def test_localhost_is_no_alias(lab: Lab, client: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", image=client, command=[], link="app:localhost")
    assert lab.hosts_lines("web", "localhost")[0].startswith("127.0.0.1")
    assert "127.0.0.1" in lab.fetch("web", "http://localhost:5000/")[1]
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.alias, finding.severity) == (
        *("LD308", "localhost"),
        Severity.ERROR,
    )
    assert set(finding.consequences) <= {"LD302", "LD304"}
    apply(lab, advised(finding, Safety.RECREATE))
    seen = diagnose(lab)
    assert (codes(seen), seen.skipped) == ([], ())
    assert lab.fetch("web", "http://app:5000/") == (0, "app\n")


def test_the_targets_own_hostname_is_no_alias(lab: Lab, client: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", image=client, command=[], link="app:shop", hostname="shop")
    first, second = lab.hosts_lines("web", "shop")
    assert first.startswith(lab.address("app"))
    assert second.startswith(lab.address("web"))
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.alias, finding.severity) == ("LD308", "shop", Severity.ERROR)
    apply(lab, advised(finding, Safety.RECREATE))
    seen = diagnose(lab)
    assert (codes(seen), seen.skipped) == ([], ())


def test_white_space_cuts_an_alias_in_two(lab: Lab, client: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", image=client, command=[], link="app:my app")
    (line,) = lab.hosts_lines("web", "my")
    assert line.split()[1:3] == ["my", "app"]
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.alias, finding.severity) == ("LD308", "my app", Severity.ERROR)
    assert finding.consequences == ("LD303",)
    apply(lab, advised(finding, Safety.RECREATE))
    seen = diagnose(lab)
    assert (codes(seen), seen.skipped) == ([], ())
    assert lab.fetch("web", "http://my-app:5000/") == (0, "app\n")


def test_a_hash_hides_the_rest_of_an_alias(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:a#b")
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.severity) == ("LD308", Severity.ERROR)


@pytest.mark.parametrize("alias", ["a_b", "My-App", "app-", LONG])
def test_other_odd_aliases_work_and_are_a_remark(lab: Lab, alias: str) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link=f"app:{alias}")
    assert lab.fetch("web", f"http://{alias}:5000/") == (0, "app\n")
    seen = diagnose(lab)
    finding = only(seen, "LD308")
    assert (finding.alias, finding.severity) == (alias, Severity.INFO)
    assert codes(seen) == []


def test_aliases_on_a_user_defined_network_are_asked_of_the_dns(lab: Lab) -> None:
    lab.network("back")
    lab.run("app", network="back", listen=5000)
    lab.run("web", network="back", link="app:My-App")
    assert lab.fetch("web", "http://My-App:5000/") == (0, "app\n")
    assert lab.fetch("web", "http://my-app:5000/", timeout=8)[0] != 0
    lab.run("own", network="back", link="app:me", hostname="me")
    assert lab.fetch("own", "http://me:5000/")[0] != 0
    severities = {each.target: each.severity for each in found(diagnose(lab), "LD308")}
    assert severities == {"own": Severity.ERROR, "web": Severity.INFO}


def test_a_real_fault_is_not_hidden_behind_an_odd_name(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:a_b")
    lab.move("app")
    seen = diagnose(lab)
    assert codes(seen) == ([] if series() >= (29,) else ["LD201 web/a_b"])
    assert [each.alias for each in found(seen, "LD308")] == ["a_b"]


# LD601


@pytest.mark.since(28)
def test_readers_of_variables_are_warned_before_the_upgrade(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", command=READS)
    finding = only_fault(diagnose(lab))
    assert (finding.code, finding.alias, finding.severity) == ("LD601", "db", Severity.WARNING)


def test_programs_that_use_the_name_lose_nothing(lab: Lab) -> None:
    lab.run("pg", listen=5432)
    lab.run("web", link="pg:db", env={"DB_HOST": "db"})
    assert found(diagnose(lab), "LD601") == []


# LD605


@pytest.mark.since(28)
def test_legacy_links_are_a_remark_and_a_network_ends_it(lab: Lab, client: str) -> None:
    lab.run("app", listen=5000)
    lab.run("db", listen=5432)
    lab.run("web", image=client, command=[], link=["app:helloapp", "db:db"])
    seen = diagnose(lab)
    finding = only(seen, "LD605")
    assert (finding.target, finding.alias, finding.severity) == ("web", "", Severity.INFO)
    assert finding.evidence[0].observed == "db, helloapp"
    assert codes(seen) == []
    apply(lab, advised(finding, Safety.RECREATE))
    seen = diagnose(lab)
    assert (seen.findings, seen.skipped) == ((), ())
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")
    assert lab.fetch("web", "http://db:5432/") == (0, "db\n")


def test_earlier_engines_have_not_deprecated_legacy_links(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    assert bool(found(diagnose(lab), "LD605")) is (series() >= (28, 4))


def test_to_connect_the_target_alone_is_no_migration(lab: Lab) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    before = lab.hosts_lines("web", "helloapp")
    lab.network("links")
    lab.connect("links", "web")
    lab.connect("links", "app", aliases=["helloapp"])
    assert lab.hosts_lines("web", "helloapp") == before
    assert lab.hosts_lines("web", "helloapp")[0].startswith(lab.address("app"))
