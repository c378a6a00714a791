"""`linkdoctor graph`: the picture, and each format of it read back by an independent reader."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pydot
import pytest

from linkdoctor.api import Examination, load_rules, report_on, snapshot_bytes
from linkdoctor.diagnosis import Unreachable
from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.report import Report, Severity
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.model.topology import Topology
from linkdoctor.render.as_json import render_json
from linkdoctor.render.graph import (
    Arrow,
    ArrowKind,
    HostFrame,
    Mark,
    NetworkGroup,
    Node,
    Picture,
    arrow_label,
    focused,
    legend,
    places_of,
    published_port_label,
)
from linkdoctor.render.graph_block import Box
from linkdoctor.render.graph_dot import render_dot
from linkdoctor.render.graph_from_topology import picture_of
from linkdoctor.render.graph_layout import WIDEST, layout_of
from linkdoctor.render.graph_mermaid import render_mermaid
from linkdoctor.render.graph_svg import render_svg
from linkdoctor.render.graph_text import render_graph_text
from linkdoctor.render.layout import width_of
from linkdoctor.render.sanitize import is_harmless, sanitize
from linkdoctor.rulekit.world import World
from tests.hostile import HOSTILE as HOSTILE_TO_ANY

from .test_cli_check import Run, run

__all__ = ["run"]  # a fixture

# The reader of dot still uses old names of its own parser.
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated - use:DeprecationWarning")

RULES = load_rules()
HOSTILE = (
    *HOSTILE_TO_ANY,
    "end",
    '%%{init: {"securityLevel": "loose"}}%%',
    'click n1 href "javascript:alert(1)"',
    "`**b**`",
    "fa:fa-ban",
    "@{shape: circle}",
    "#quot;",
    "\\N\\G",
    "-- --> ==>",
)
"""The first of them mean something to every reader, the last to one of dot or Mermaid."""
SVG = "{http://www.w3.org/2000/svg}"


def shop() -> World:
    """A host with most of what a picture can hold."""
    world = World("alpha").network("back")
    world.run("db", expose=[5432], listen=[5432]).run("cache", expose=[6379], listen=[6379])
    world.run("api", link=["db", "cache:redis"], expose=[8000], listen=[8000])
    world.run("web", link="api:backend", publish={80: 8080}, expose=[80], listen=[80])
    world.run("ledger", network="back", expose=[7000], listen=[7000])
    world.run("bill", network="back", link="ledger:books")
    world.run("batch-1").run("batch-2", publish={9000: 9000}, expose=[9000], listen=[9000])
    return world.move("cache")


def drawn(*worlds: World | Snapshot) -> Picture:
    snapshots = tuple(each.snapshot() if isinstance(each, World) else each for each in worlds)
    report = report_on(Examination(snapshots=snapshots), RULES)
    return picture_of(report, Topology(snapshots))


def arrows(picture: Picture) -> list[tuple[str, str, str]]:
    """Each arrow by the names of its ends."""
    names = {id_: node.name for id_, (_, _, node) in places_of(picture).items()}
    return [(names[each.target], arrow_label(each), names[each.source]) for each in picture.arrows]


def nodes(picture: Picture) -> dict[str, list[str]]:
    return {
        f"{host.name}/{group.network}": [node.name for node in group.nodes]
        for host in picture.hosts
        for group in host.groups
    }


# --- the picture ----------------------------------------------------------------------------------


def test_containers_are_grouped_by_host_and_network() -> None:
    picture = drawn(shop(), World("beta").run("lone"))
    assert nodes(picture) == {
        "alpha/back": ["bill", "ledger"],
        "alpha/bridge": ["api", "cache", "db", "web"],
        "beta/bridge": [],
    }
    unlinked = [node.name for host in picture.hosts for g in host.groups for node in g.unlinked]
    assert unlinked == ["batch-1", "batch-2", "lone"]


def test_arrows_lead_from_targets_to_sources_with_alias_and_ports() -> None:
    assert arrows(drawn(shop())) == [
        ("api", "redis:6379", "cache"),
        ("api", "db:5432", "db"),
        ("bill", "books:7000", "ledger"),
        ("web", "backend:8000", "api"),
    ]


def test_a_finding_marks_the_arrow_it_is_about() -> None:
    picture = drawn(shop())
    (marked,) = (each for each in picture.arrows if each.findings)
    assert (marked.alias, marked.severity) == ("redis", Severity.ERROR)
    (mark,) = (each for each in picture.findings if each.number in marked.findings)
    assert (mark.code, mark.subject) == ("LD201", "api → cache as redis")


def test_a_finding_that_no_link_is_about_marks_the_container() -> None:
    world = World().run("web", env={"API_URL": "http://172.17.0.3:80"}).run("api", expose=[80])
    picture = drawn(world.run("other", link="web"))
    assert any(each.code == "LD208" for each in picture.findings)
    marks = [number for _, _, node in places_of(picture).values() for number in node.findings]
    marks += [number for arrow in picture.arrows for number in arrow.findings]
    assert sorted(set(marks)) == [each.number for each in picture.findings]


def test_a_ghost_and_a_source_that_is_gone() -> None:
    world = World().run("a").run("b").run("web", link=["a:one", "b:two"])
    picture = drawn(world.recreate("a").remove("b"))
    one, two = picture.arrows
    assert one.status == "ghost: another container has the name now"
    gone = places_of(picture)[two.source][2]
    assert (gone.name, gone.state, gone.container) == ("b", "gone", "")


def test_a_source_on_another_host_is_where_the_arrow_leads() -> None:
    here = World("alpha").network("back").run("db", network="back")
    here.run("web", network="back", link="db:store").remove("db")
    picture = drawn(here, World("beta").run("db", expose=[5432], listen=[5432]))
    (arrow,) = picture.arrows
    assert places_of(picture)[arrow.source][:2] == ("beta", "bridge")
    assert arrow.status == "the source is on beta"


def test_what_a_container_wants_without_a_link() -> None:
    world = World().run("app", expose=[5000], listen=[5000])
    world.run("hello", link="app", image="carinamarina/hello-world-web:latest")
    picture = drawn(world)
    wanted = [each for each in picture.arrows if each.kind is ArrowKind.WANTED]
    assert [(each.alias, each.severity) for each in wanted] == [("helloapp", Severity.ERROR)]


def test_a_finding_about_a_host_marks_the_host() -> None:
    world = World("alpha").run("web", publish={80: 80}, expose=[80], listen=[80]).flush_firewall()
    picture = drawn(world)
    (number,) = (each.number for each in picture.findings if each.code == "LD604")
    (host,) = picture.hosts
    assert (host.findings, host.severity) == ((number,), picture.findings[number - 1].severity)
    assert f"✗{number}  alpha\n" in text(picture)
    assert f"alpha\\n✗{number}" in render_dot(picture)
    assert f'["alpha<br>✗{number}"]' in render_mermaid(picture)
    assert f"✗{number}" in svg_texts(parsed_svg(render_svg(picture)))


def test_a_host_that_could_not_be_asked_is_drawn_empty() -> None:
    lost = Unreachable(host="far", endpoint="tcp://10.0.0.9:2375", reason="refused")
    report = report_on(Examination(unreachable=(lost,)), RULES)
    picture = picture_of(report, Topology(()))
    assert text(picture).startswith("0 containers, 0 links\n\nfar  could not be asked\n")
    for drawing in (render_dot(picture), render_mermaid(picture), render_svg(picture)):
        assert "could not be asked" in drawing


def test_what_is_not_known_is_drawn_apart() -> None:
    denied = Unknown(gap=Gap.DENIED, detail="not permitted")
    picture = drawn(World().run("web").run("db").unknown("db", "details", denied))
    networks = [group.network for host in picture.hosts for group in host.groups]
    assert networks == ["bridge", "network not known"]


def test_published_ports_are_told_in_few_words() -> None:
    world = World().run("a", publish={80: 8080}, expose=[80], listen=[80])
    world.run("b", publish={81: 81}, publish_on="127.0.0.1", expose=[81], listen=[81])
    picture = drawn(world)
    shown = {
        n.name: list(map(published_port_label, n.published))
        for _, _, n in places_of(picture).values()
    }
    assert shown == {"a": ["8080→80"], "b": ["127.0.0.1:81"]}


# --- a part of it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        (0, {"web"}),
        (1, {"web", "api"}),
        (2, {"web", "api", "db", "cache"}),
        (9, {"web", "api", "db", "cache"}),
    ],
)
def test_a_focus_keeps_what_is_near(depth: int, names: set[str]) -> None:
    whole = drawn(shop())
    part = focused(whole, {"web"}, depth)
    assert {node.name for _, _, node in places_of(part).values()} == names
    assert part.left_out == 8 - len(names)
    assert all(each.number in {m.number for m in whole.findings} for each in part.findings)


def test_a_focus_draws_a_container_without_links() -> None:
    assert nodes(focused(drawn(shop()), {"batch-1"}, 1)) == {"alpha/bridge": ["batch-1"]}


# --- text -----------------------------------------------------------------------------------------


def text(picture: Picture, width: int = 80, **how: bool) -> str:
    return render_graph_text(picture, width=width, colour=how.pop("colour", False), **how)


def test_the_text_is_a_line_for_each_link() -> None:
    assert text(drawn(shop())) == (
        "8 containers, 4 links\n"
        "\n"
        "alpha\n"
        "  back\n"
        "               bill ── books:7000 → ledger\n"
        "  bridge\n"
        " ✗1            api  ┬─ redis:6379 → cache\n"
        "                    └─ db:5432 → db\n"
        "     8080→80 → web  ── backend:8000 → api\n"
        "    2 without links: batch-1, batch-2 [9000]\n"
        "\n"
        "findings\n"
        " ✗1  LD201 stale-env  api → cache as redis\n"
    )


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_line_of_the_text_is_too_wide(width: int) -> None:
    shown = text(drawn(shop(), World("a-host-with-a-long-name").run("a" * 90)), width)
    assert max(map(width_of, shown.splitlines())) <= width


def test_the_text_in_ascii() -> None:
    shown = text(drawn(shop()), ascii_only=True)
    assert shown.isascii()
    assert " X1              api  +- redis:6379 -> cache\n" in shown


def test_colour_changes_nothing_else() -> None:
    shown = text(drawn(shop()), colour=True)
    assert "\x1b[1;31m✗1\x1b[0m" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == text(drawn(shop()))


# --- dot ------------------------------------------------------------------------------------------


def parsed_dot(content: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """The labels of all nodes and the edges, as another program reads them."""
    read: Any = pydot.graph_from_dot_data(content)
    (graph,) = read
    labels: dict[str, str] = {}
    edges: list[tuple[str, str, str]] = []
    waiting: list[Any] = [graph]
    while waiting:
        each = waiting.pop()
        waiting += each.get_subgraphs()
        names = (n for n in each.get_nodes() if n.get_name() not in ("node", "edge", "graph"))
        labels |= {node.get_name(): dot_text(node.get_label()) for node in names}
        edges += [
            (edge.get_source(), dot_text(edge.get_label() or '""'), edge.get_destination())
            for edge in each.get_edges()
        ]
    return labels, edges


def dot_text(quoted: str) -> str:
    """What Graphviz shows for a string in quotation marks."""
    assert (quoted[0], quoted[-1]) == ('"', '"')
    signs = {"n": "\n", "l": "\n", '"': '"', "\\": "\\"}
    shown = re.sub(r"\\(.)", lambda found: signs[found[1]], quoted[1:-1], flags=re.DOTALL)
    return shown.replace("&amp;", "&")


def test_dot_has_every_container_and_link() -> None:
    labels, edges = parsed_dot(render_dot(drawn(shop())))
    assert [each for each in labels.values() if "unlinked" in each] == []
    assert {"db", "cache", "api", "web", "ledger", "bill", "8080→80"} <= set(labels.values())
    assert "2 without links: batch-1 and batch-2" in labels.values()
    told = sorted((labels[start], label, labels[end]) for start, label, end in edges)
    assert told == [
        ("8080→80", "", "web"),
        ("api", "db:5432", "db"),
        ("api", "redis:6379\n✗1", "cache"),
        ("bill", "books:7000", "ledger"),
        ("web", "backend:8000", "api"),
    ]
    assert labels["legend"] == "✗1 LD201 stale-env: api → cache as redis\n"


# --- mermaid --------------------------------------------------------------------------------------

_LABEL = (
    r'"((?:[^\W_]|[ ,()→✗…]|#\d+;|<br>'
    r'|(?<=[A-Za-z0-9])[-.](?=[A-Za-z0-9])|(?<=[A-Za-z0-9]):(?=[0-9]))*)"'
)
_MERMAID = {
    "head": re.compile(r"flowchart LR"),
    "subgraph": re.compile(rf" +subgraph h\d+(?:g\d+)?\[{_LABEL}\]"),
    "end": re.compile(r" +end"),
    "node": re.compile(rf" +(n\d+|legend)\[{_LABEL}\](?::::(?:gone|error|warning|info))?"),
    "unlinked": re.compile(rf" +h\d+u\d+\[/{_LABEL}/\]"),
    "door": re.compile(rf" +n\d+p\d+\(\[{_LABEL}\]\):::port ==> n\d+"),
    "edge": re.compile(rf" +(n\d+) (?:-->|-\.->)\|{_LABEL}\| (n\d+)"),
    "style": re.compile(r" +(?:classDef [a-z]+|linkStyle \d+) [a-z0-9#:,. -]+"),
}


def parsed_mermaid(content: str) -> list[tuple[str, tuple[str, ...]]]:
    """Each line by its kind and its parts; a line of no kind is a failure."""
    found = []
    for line in content.splitlines():
        kinds = [(kind, m) for kind, shape in _MERMAID.items() if (m := shape.fullmatch(line))]
        assert len(kinds) == 1, line
        kind, match = kinds[0]
        found.append((kind, tuple(map(mermaid_text, match.groups()))))
    return found


def mermaid_text(label: str) -> str:
    text = label.replace("<br>", "\n")
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)


def node_names(lines: list[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    return {parts[0]: parts[1] for kind, parts in lines if kind == "node"}


def test_mermaid_has_every_container_and_link() -> None:
    lines = parsed_mermaid(render_mermaid(drawn(shop())))
    names = node_names(lines)
    edges = [
        (names[a], label, names[b])
        for kind, (a, label, b) in ((k, p) for k, p in lines if k == "edge")
    ]
    assert edges == [
        ("api", "redis:6379\n✗1", "cache"),
        ("api", "db:5432", "db"),
        ("bill", "books:7000", "ledger"),
        ("web", "backend:8000", "api"),
    ]
    assert [parts for kind, parts in lines if kind == "door"] == [("8080→80",)]
    kinds = [kind for kind, _ in lines]
    assert kinds.count("subgraph") == kinds.count("end") == 3


def test_mermaid_paints_the_edges_that_findings_are_about() -> None:
    content = render_mermaid(drawn(shop()))
    edges = [line for line in content.splitlines() if "==>" in line or "-->" in line]
    (painted,) = re.findall(r"linkStyle (\d+) ", content)
    assert "redis" in edges[int(painted)]


# --- svg ------------------------------------------------------------------------------------------


def parsed_svg(content: str) -> ET.Element:
    return ET.fromstring(content)


def svg_texts(root: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


def test_svg_shows_every_container_and_link() -> None:
    shown = svg_texts(parsed_svg(render_svg(drawn(shop()))))
    assert {"db", "cache", "api", "web", "ledger", "bill", "8080→80"} <= set(shown)
    assert {"redis:6379", "db:5432", "books:7000", "backend:8000"} <= set(shown)
    assert shown.count("✗1") == 2  # at the arrow, and in the legend
    assert "LD201 stale-env: api → cache as redis" in shown
    assert "2 without links: batch-1 and batch-2" in shown


def test_svg_asks_for_nothing() -> None:
    content = render_svg(drawn(shop()))
    assert "url(" not in content
    assert "@import" not in content
    root = parsed_svg(content)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        "svg", "title", "style", "g", "path", "rect", "text", "tspan",
    }  # fmt: skip
    assert not [name for each in root.iter() for name in each.attrib if "href" in name]


def crowd(count: int) -> World:
    """Many containers: pairs, a hub with many targets, a chain, a circle, and idle ones."""
    world = World().run("hub", expose=[80], listen=[80], publish={80: 80})
    for number in range(count // 5):
        world.run(f"source-{number}", expose=[80], listen=[80])
        world.run(f"target-{number}", link=[f"source-{number}:s", f"source-{number}:t"])
        world.run(f"guest-{number}", link="hub:hub")
        world.run(f"idle-{number}")
        world.run(f"link-{number}", link=f"link-{number - 1}:before" if number else ())
    return world


def overlaps(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


@pytest.mark.parametrize("world", [shop, lambda: crowd(100)], ids=["few", "many"])
def test_boxes_stand_apart_and_within_the_picture(world: Callable[[], World]) -> None:
    places = layout_of(drawn(world()))
    boxes = places.boxes
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if overlaps(a, b)]
    assert pairs == []
    frames = [frame for host in places.hosts for frame in host.frames]
    for box in boxes:
        assert any(
            frame.x < box.x
            and box.x + box.width < frame.x + frame.width
            and frame.y < box.y
            and box.y + box.height < frame.y + frame.height
            for frame in frames
        )


def test_arrows_go_from_left_to_right() -> None:
    for path in layout_of(drawn(crowd(100))).paths:
        xs = [x for x, _ in path.points]
        assert xs == sorted(xs)
        assert not path.backwards


def test_a_circle_is_drawn_with_one_arrow_back() -> None:
    world = World().network("back")
    for name, source in (("a", "b"), ("b", "c"), ("c", "a")):
        world.run(name, network="back", link=f"{source}:next")
    paths = layout_of(drawn(world)).paths
    assert [path.backwards for path in paths].count(True) == 1
    assert len(paths) == 3


def test_a_container_that_is_linked_to_itself() -> None:
    picture = drawn(World().network("back").run("a", network="back", link="a:me"))
    shown = svg_texts(parsed_svg(render_svg(picture)))
    assert {"a", "me", "on itself"} <= {each.partition(":")[0] for each in shown}


def test_a_hundred_containers_stay_readable() -> None:
    picture = drawn(crowd(100))
    shown, _, _ = text(picture, 100).partition("\nfindings\n")
    assert len(shown.splitlines()) < 100
    places = layout_of(picture)
    # Three screens of 1280 by 900; but for a chain of twenty, which is as wide as it is long.
    assert places.height < 3 * 900
    assert places.width < 20 * 300
    assert layout_of(focused(picture, {"hub"}, 1)).width <= WIDEST


# --- json -----------------------------------------------------------------------------------------


def test_json_holds_the_whole_picture() -> None:
    picture = drawn(shop())
    content = render_json(picture)
    assert msgspec.json.decode(content, type=Picture, strict=True) == picture
    assert json.loads(content)["schema"] == "linkdoctor.graph/1"


# --- whatever things are called -------------------------------------------------------------------


class Called(msgspec.Struct, frozen=True):
    """What was seen and found, with a text in every name and message."""

    snapshot: Snapshot
    report: Report

    @property
    def picture(self) -> Picture:
        return picture_of(self.report, Topology([self.snapshot]))


def called(text: str) -> Called:
    """A host on which everything is called so; what is found there does not depend on it."""
    world = World("TAMEh").network("TAMEn")
    world.run("TAMEa", expose=[80], listen=[80], image="TAMEi").run("TAMEb", link="TAMEa:TAMEc")
    world.run("TAMEd", network="TAMEn", publish={80: 80}, expose=[80], listen=[80])
    world.run("TAMEe", network="TAMEn", link="TAMEd:TAMEf").run("TAMEg")
    world.move("TAMEa")

    def renamed(plain: Any) -> Any:
        if isinstance(plain, dict):
            return {key: renamed(value) for key, value in plain.items()}
        if isinstance(plain, list | tuple):
            return [renamed(each) for each in plain]
        return plain.replace("TAME", text) if isinstance(plain, str) else plain

    snapshot = world.snapshot()
    report = report_on(Examination(snapshots=(snapshot,)), RULES)
    plain = renamed(msgspec.to_builtins(Called(snapshot, report)))
    return msgspec.convert(plain, Called)


@cache
def called_picture(text: str) -> Picture:
    return called(text).picture


TAME = called_picture("tame")


def svg_shape(content: str) -> list[str]:
    """All elements but those of texts, of which long names have more."""
    return sorted(each.tag for each in parsed_svg(content).iter() if each.tag != f"{SVG}text")


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_hostile_names_in_the_terminal(hostile: str) -> None:
    shown = text(called_picture(hostile))
    assert all(is_harmless(line) for line in shown.splitlines())
    assert max(map(width_of, shown.splitlines())) <= 80


def test_hostile_texts_in_dot() -> None:
    """All at once, as the reader is slow: each text is a name, a state, an alias and a port."""
    nodes = tuple(Node(id=f"n{i}", name=each, state=each) for i, each in enumerate(HOSTILE))
    arrows = tuple(
        Arrow(
            target=f"n{i}",
            source=f"n{i}",
            alias=each,
            kind=ArrowKind.LEGACY,
            ports=(each,),
            status=each,
        )
        for i, each in enumerate(HOSTILE)
    )
    groups = tuple(NetworkGroup(network=each, nodes=(), unlinked=nodes) for each in HOSTILE[:9])
    host = HostFrame(
        name=HOSTILE[0], engine="Docker", groups=(NetworkGroup(network="", nodes=nodes),)
    )
    other = HostFrame(name=HOSTILE[6], engine="Docker", groups=groups)
    marks = tuple(
        Mark(
            number=i,
            severity=Severity.INFO,
            code="LD201",
            name=each,
            host="",
            subject=each,
            message=each,
            fingerprint="",
        )
        for i, each in enumerate(HOSTILE)
    )
    picture = Picture(taken_at="", hosts=(host, other), arrows=arrows, findings=marks)
    content = render_dot(picture)
    assert all(is_harmless(line) for line in content.splitlines())
    labels, edges = parsed_dot(content)
    assert len(labels) == len(HOSTILE) + len(groups) + 1
    assert labels["legend"].splitlines() == [sanitize(each, 300) for each in legend(picture)]
    for i, each in enumerate(HOSTILE):
        assert labels[f"n{i}"].partition("\n")[0] == sanitize(each, 64)
    told = {start: label.partition("\n")[0] for start, label, _ in edges}
    for i, arrow in enumerate(arrows):
        assert told[f"n{i}"] == sanitize(arrow_label(arrow), 64)


def test_hostile_names_in_mermaid(hostile: str) -> None:
    picture = called_picture(hostile)
    lines = parsed_mermaid(render_mermaid(picture))
    tame = parsed_mermaid(render_mermaid(TAME))
    assert sorted(kind for kind, _ in lines) == sorted(kind for kind, _ in tame)
    names = node_names(lines)
    for id_, (_, _, node) in places_of(picture).items():
        if id_ in names:
            assert names[id_].partition("\n")[0] == sanitize(node.name, 64)


def test_hostile_names_in_svg(hostile: str) -> None:
    content = render_svg(called_picture(hostile))
    assert all(is_harmless(line) for line in content.splitlines())
    assert svg_shape(content) == svg_shape(render_svg(TAME))


def test_hostile_names_in_json(hostile: str) -> None:
    content = render_json(called_picture(hostile))
    assert all(is_harmless(line) for line in content.splitlines())
    (host,) = json.loads(content)["hosts"]
    assert host["name"] == f"{hostile}h".replace("\ud800", "\ufffd")


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def saved_shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.json.gz"
    path.write_bytes(snapshot_bytes(shop().snapshot()))
    return path


@pytest.mark.parametrize(
    ("format_", "begins"),
    [
        ("text", "8 containers, 4 links\n"),
        ("dot", "digraph linkdoctor {\n"),
        ("mermaid", "flowchart LR\n"),
        ("svg", "<svg xmlns="),
        ("json", '{\n  "schema": "linkdoctor.graph/1"'),
    ],
)
def test_each_format_is_drawn_and_findings_are_no_failure(
    run: Run, saved_shop: Path, tmp_path: Path, format_: str, begins: str
) -> None:
    result = run("graph", "--snapshot", saved_shop, "--format", format_)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(begins)
    path = tmp_path / "picture"
    assert run("graph", "--snapshot", saved_shop, "--format", format_, "-o", path).out == ""
    assert path.read_text() == result.out


def test_a_focus_is_asked_for_by_name(run: Run, saved_shop: Path) -> None:
    result = run("graph", "--snapshot", saved_shop, "--focus", "bill", "--depth", "0")
    assert result.out.startswith("1 container, 0 links; 7 further containers not shown\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--depth", "2"), "linkdoctor: --depth needs --focus\n"),
        (("--focus", "wib"), "no container is called 'wib' on alpha; did you mean 'web'?\n"),
        (("--focus", "web", "--depth", "-1"), "--depth"),
        (("--format", "png"), "png"),
    ],
)
def test_wrong_use(run: Run, saved_shop: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("graph", "--snapshot", saved_shop, *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_an_engine_that_could_not_be_asked(run: Run, saved_shop: Path, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/nothing.sock"
    alone = run("graph", "-H", nowhere)
    assert (alone.code, alone.out) == (3, "")
    beside = run("graph", "-H", nowhere, "--snapshot", saved_shop)
    assert beside.code == 3
    assert beside.out.startswith("8 containers, 4 links\n")
    assert beside.err.startswith("linkdoctor: unix://")
