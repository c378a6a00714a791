"""Compose's further aliases of a link: one fault, one finding, under the user's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from linkdoctor.diagnosis import diagnose
from linkdoctor.model.compose_aliases import aliases_of_compose
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import Tool
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules
from linkdoctor.render.documents import printable
from linkdoctor.render.markdown import render_markdown
from linkdoctor.render.text import render_text
from linkdoctor.rulekit.world import World

RULES = [loaded.rule for loaded in load_rules()]


def labels(service: str, project: str = "shop") -> Mapping[str, str]:
    prefix = "com.docker.compose"
    return {
        f"{prefix}.project": project,
        f"{prefix}.service": service,
        f"{prefix}.container-number": "1",
    }


def composed(
    *aliases: str, source: str = "shop_db_1", target: Mapping[str, str] | None = None
) -> World:
    return (
        World()
        .run(source, expose=[5432], listen=[5432], labels=labels("db"))
        .run(
            "shop_web_1",
            link=[f"{source}:{alias}" for alias in aliases],
            labels=labels("web") if target is None else target,
        )
    )


def report(world: World) -> Report:
    return diagnose(
        Topology([world.snapshot()]),
        RULES,
        tool=Tool(name="linkdoctor", version="0"),
        taken_at="2026-01-01T12:00:00Z",
    )


@pytest.mark.parametrize(
    ("aliases", "source", "shown", "others"),
    [
        (["db", "db_1", "shop_db_1"], "shop_db_1", "db", ("db_1", "shop_db_1")),
        (["db", "db-1", "shop-db-1"], "shop-db-1", "db", ("db-1", "shop-db-1")),
        (["mysql", "db_1", "shop_db_1"], "shop_db_1", "mysql", ("db_1", "shop_db_1")),
        (["database", "db-1", "shop-db-1"], "my-own-name", "database", ("db-1", "shop-db-1")),
        (["db_1", "shop_db_1"], "shop_db_1", "db_1", ("shop_db_1",)),
    ],
)
def test_a_fault_is_counted_once(
    aliases: Sequence[str], source: str, shown: str, others: tuple[str, ...]
) -> None:
    found = report(composed(*aliases, source=source).move(source))
    (finding,) = found.findings
    assert (finding.code, finding.alias, finding.aliases) == ("LD201", shown, others)
    assert found.summary.error == 1
    assert tuple(printable(found)["findings"][0]["aliases"]) == others
    (proof,) = (each for each in finding.evidence if "Compose" in each.what)
    assert proof.observed == ", ".join(others)
    for text in (render_text(found, width=80, colour=False), render_markdown(found)):
        assert all(each in text.replace("\\", "") for each in others)


def test_two_aliases_of_the_users_stay_two() -> None:
    found = report(composed("db", "mysql", "db_1", "shop_db_1").move("shop_db_1"))
    assert [(each.alias, each.aliases) for each in found.findings] == [
        ("db", ("db_1", "shop_db_1")),
        ("mysql", ()),
    ]


@pytest.mark.parametrize(
    "target",
    [{}, {"com.docker.compose.project": ""}],
)
def test_without_compose_every_alias_is_the_users(target: Mapping[str, str]) -> None:
    found = report(composed("db", "db_1", "shop_db_1", target=target).move("shop_db_1"))
    stale = [each.alias for each in found.findings if each.code == "LD201"]
    assert stale == ["db", "db_1", "shop_db_1"]


def test_a_number_at_the_end_is_not_enough() -> None:
    """Another project's container, and a name that is not the source's."""
    world = composed("db", "replica_2", "other_db_1")
    assert aliases_of_compose(Topology([world.snapshot()])) == {}


def test_what_only_an_added_alias_has_is_reported_under_it() -> None:
    world = composed("db", "db_1", "shop_db_1").hosts("shop_web_1", "db_1", address=None)
    (finding,) = report(world).findings
    assert (finding.code, finding.alias, finding.aliases) == ("LD303", "db_1", ())


def test_a_source_that_compose_left_renamed() -> None:
    world = composed("db", "db_1", "shop_db_1", source="0123456789ab_shop_db_1")
    added = aliases_of_compose(Topology([world.snapshot()]))
    assert {alias: main for (_, _, alias), main in added.items()} == {
        "db_1": "db",
        "shop_db_1": "db",
    }


def test_a_source_that_is_gone_still_has_one_finding() -> None:
    world = composed("db", "db_1", "shop_db_1").stop("shop_web_1").remove("shop_db_1")
    found = [each for each in report(world).findings if each.alias]
    assert len({each.code for each in found}) == len(found)
    assert {each.alias for each in found} <= {"db"}


def test_what_is_skipped_is_counted_once_too() -> None:
    blind = Unknown(gap=Gap.DENIED, detail="run as root")
    world = composed("db", "db_1", "shop_db_1").unknown("shop_db_1", "listeners", blind)
    assert {each.subject for each in report(world).skipped} == {"shop_web_1/db"}


def test_another_target_has_a_finding_of_its_own() -> None:
    world = composed("db", "db_1", "shop_db_1").run(
        "shop_job_1", link=["shop_db_1:db", "shop_db_1:db_1"], labels=labels("job")
    )
    found = report(world.move("shop_db_1"))
    assert [(each.target, each.alias) for each in found.findings] == [
        ("shop_job_1", "db"),
        ("shop_web_1", "db"),
    ]
