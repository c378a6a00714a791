"""`check --format html`, read as text; tests/page looks at it with a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from linkdoctor.api import Examination, load_rules, report_on, snapshot_bytes
from linkdoctor.diagnosis import Unreachable
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import Report
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.render.graph_from_topology import picture_of
from linkdoctor.render.html import render_html
from linkdoctor.render.sanitize import is_harmless, sanitize
from linkdoctor.rulekit.world import World
from tests.hostile import HOSTILE, hostile_report

from .test_cli_check import Run, run
from .test_graph import called, shop

__all__ = ["run"]  # a fixture

RULES = load_rules()
VOID = {"meta", "input", "link", "br"}
DENIED = Unknown(gap=Gap.DENIED, detail="not permitted")


class Page(HTMLParser):
    """A page, as a list of its tags and texts; whatever is not closed in order is refused."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inside: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(content)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.inside.setdefault(self._open[-1] if self._open else "", []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> str:
        return "".join(self.inside.get(tag, []))


def written(report: Report, *snapshots: Snapshot) -> str:
    topology = Topology(snapshots)
    return render_html(report, topology, picture_of(report, topology))


def reported(*worlds: World | Snapshot, lost: tuple[Unreachable, ...] = ()) -> str:
    snapshots = tuple(each.snapshot() if isinstance(each, World) else each for each in worlds)
    report = report_on(Examination(snapshots=snapshots, unreachable=lost), RULES)
    return written(report, *snapshots)


@cache
def shop_page() -> str:
    return reported(shop())


def test_it_asks_for_nothing_else() -> None:
    page = Page(shop_page())
    assert not [1 for _, attributes in page.tags if {"src", "srcset", "action"} & attributes.keys()]
    links = [a["href"] for _, a in page.tags if "href" in a]
    assert links
    assert all(link.startswith("#") for link in links)
    assert page.all("link") == page.all("img") == page.all("iframe") == []
    assert "url(" not in page.text("style")


def test_its_policy_allows_its_own_style_and_script_and_nothing_else() -> None:
    page = Page(shop_page())
    (policy,) = (a["content"] for a in page.all("meta") if a.get("http-equiv"))
    rules = dict(each.split(" ", 1) for each in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag, which in (("style", "style-src"), ("script", "script-src")):
        digest = hashlib.sha256(page.text(tag).encode()).digest()
        assert rules[which] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert len(page.all("style")) == len(page.all("script")) == 1
    # The policy holds only for what comes after it.
    assert [tag for tag, _ in page.tags[:4]] == ["html", "head", "meta", "meta"]


def test_no_style_or_script_hides_in_attributes() -> None:
    names = {name for _, attributes in Page(shop_page()).tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"style"})


def test_every_fragment_leads_somewhere_and_every_id_is_there_once() -> None:
    page = Page(shop_page())
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"].removeprefix("#") for _, a in page.tags if "href" in a} <= set(ids)
    for name in ("aria-labelledby", "data-open", "data-close"):
        assert {a[name] for _, a in page.tags if name in a} <= set(ids)


def test_it_tells_the_verdict_the_findings_and_the_cards() -> None:
    content = shop_page()
    page = Page(content)
    assert page.text("title").startswith("Unhealthy: 1 error – linkdoctor report")
    (finding,) = (a for a in page.all("article") if a["class"] == "finding error")
    assert finding["data-severity"] == "error"
    assert "docker restart api" in page.text("code")
    assert "REDIS_PORT_6379_TCP_ADDR" in page.text("code")
    names = {a.get("data-id") for a in page.all("details")} - {None}
    assert len(names) == 8


def test_a_finding_knows_the_containers_it_is_about() -> None:
    page = Page(shop_page())
    (finding,) = page.all("article")
    cards = {a["data-id"]: a["data-severities"] for a in page.all("details") if "data-id" in a}
    about = finding["data-nodes"].split()
    assert [cards[each] for each in about] == ["error", "error"]
    assert sorted(cards.values()) == [""] * 6 + ["error"] * 2


def test_a_healthy_host() -> None:
    content = reported(World.tutorial())
    assert "<h1>" in content
    assert "Healthy" in Page(content).text("title")
    assert "Nothing was found." in content
    assert "No check was skipped." in content


def test_what_was_not_seen_is_told_once_for_each_reason() -> None:
    content = reported(World.tutorial().unknown("web", "process_environment", DENIED))
    assert "Incomplete" in Page(content).text("title")
    assert content.count('<td data-head="Reason">not permitted</td>') == 1


def test_no_engine_at_all() -> None:
    lost = Unreachable(host="far", endpoint="tcp://10.0.0.9:2375", reason="refused <b>")
    content = reported(lost=(lost,))
    assert "could not be asked" in content
    assert "refused &lt;b&gt;" in content
    assert "No containers were seen." in content


def test_many_findings_begin_closed() -> None:
    world = World()
    for number in range(13):
        world.run(f"s{number}").run(f"t{number}", link=f"s{number}:x")
    assert "<details open>" not in reported(world)
    assert "<details open>" in shop_page()


def test_long_commands_are_whole() -> None:
    report = hostile_report("x" * 5000)
    assert f"docker restart {'x' * 5000}</code>" in written(report)


def called_page(text: str) -> str:
    named = called(text)
    return written(named.report, named.snapshot)


def shape(content: str) -> list[tuple[str, tuple[str, ...]]]:
    """Tags and the names of their attributes: what a name must not be able to change."""
    # In the picture a long name has two texts.
    return sorted((tag, tuple(names)) for tag, names in Page(content).tags if tag != "text")


TAME_REPORT = shape(written(hostile_report("tame")))
TAME_CALLED = shape(called_page("tame"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_stay_texts(text: str) -> None:
    content = written(hostile_report(text))
    assert all(is_harmless(line) for line in content.split("\n"))
    assert content.encode().decode() == content
    assert shape(content) == TAME_REPORT
    assert sanitize(text).strip() in Page(content).text("p")


@pytest.mark.parametrize("text", [each for each in HOSTILE if set(each) & set("<&\"'\n{")])
def test_hostile_names_stay_names(text: str) -> None:
    content = called_page(text)
    assert all(is_harmless(line) for line in content.split("\n"))
    assert shape(content) == TAME_CALLED


def test_the_same_report_gives_the_same_bytes() -> None:
    assert reported(shop()) == shop_page()


@pytest.fixture
def saved_shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.json.gz"
    path.write_bytes(snapshot_bytes(shop().snapshot()))
    return path


def test_the_command_writes_it(run: Run, saved_shop: Path, tmp_path: Path) -> None:
    result = run("check", "--snapshot", saved_shop, "--format", "html")
    assert (result.code, result.err) == (1, "")
    assert result.out == shop_page()


def test_only_some_containers(run: Run, saved_shop: Path) -> None:
    result = run("check", "--snapshot", saved_shop, "--format", "html", "ledger")
    cards = [a["data-id"] for a in Page(result.out).all("details") if "data-id" in a]
    assert len(cards) == 2
    assert re.search(r"6 further containers not shown", result.out)


def test_a_time_that_is_none_is_shown_as_it_is() -> None:
    report = msgspec.structs.replace(hostile_report("x"), taken_at="not a time")
    assert "not a time" in written(report)
