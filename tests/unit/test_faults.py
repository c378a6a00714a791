"""An engine whose answers fail, each in one way, at one request of an examination."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from linkdoctor.api import Examination, Url, examine, load_rules, report_on
from linkdoctor.collect.answers import ContainerAnswer
from linkdoctor.collect.translate import Commands, details_of
from linkdoctor.collect.workers import map_concurrently
from linkdoctor.model.evidence import Gap, Known, Unknown
from linkdoctor.model.report import Report, Verdict
from linkdoctor.model.snapshot import Details
from tests.faulty import Fault, FaultyProxy, Kind, bare, faulty
from tests.replay import replayed, situations
from tests.waiting import SOON, soon

RULES = load_rules()
GHOST = situations()["ghost"]
FLOODS = (Kind.FLOOD, Kind.FLOOD_CHUNKS, Kind.FLOODED_ERROR)
"""They keep this machine busy: the lab tries them."""
LIST, LINK = "/containers/json", "/containers/web/helloapp/json"
WEB = f"/containers/{GHOST['inspect']['web']['Id']}/json"
APP = f"/containers/{GHOST['inspect']['app']['Id']}/json"


def examined(
    directory: Path,
    fault: Fault | None,
    *,
    timeout: float = 5.0,
    situation: dict[str, Any] = GHOST,
) -> tuple[Examination, FaultyProxy]:
    engine, socket = directory / "engine", directory / "proxy"
    with replayed(situation, engine), faulty(engine, socket, fault) as proxy:
        return examine([Url(proxy.url)], timeout=timeout, environment={}), proxy


def found(directory: Path, fault: Fault, **options: Any) -> Report:
    return report_on(examined(directory, fault, **options)[0], RULES)


def codes(report: Report) -> set[str]:
    return {each.code for each in report.findings} - {"LD605"}


def test_the_requests_are_those(tmp_path: Path) -> None:
    _, proxy = examined(tmp_path, None)
    paths = [bare(path) for path in proxy.asked]
    assert paths[0] == "/version"
    asked = ["/version", "/info", "/networks", LIST, LIST, LINK, WEB, APP]
    assert sorted(each for each in paths if each in asked) == sorted(asked)


KINDS = [kind for kind in Kind if kind not in FLOODS]


def test_no_fault_is_taken_for_health(tmp_path: Path) -> None:
    def tried(fault: Fault) -> Report:
        (directory := tmp_path / str(fault.nth) / fault.kind.replace(" ", "-")).mkdir(parents=True)
        return soon(lambda: found(directory, fault, timeout=0.6))

    faults = [Fault(kind, nth) for kind, nth in zip(KINDS, cycle(range(1, 12)), strict=False)]
    for fault, report in zip(faults, map_concurrently(8, tried, faults), strict=True):
        assert report.summary.verdict is not Verdict.HEALTHY, fault
        assert codes(report) <= {"LD102"}, fault
        assert not [each for each in report.skipped if "failed on it" in each.reason], fault


def test_what_was_read_is_not_lost_with_the_second_list(tmp_path: Path) -> None:
    report = found(tmp_path, Fault(Kind.FAILED, 2, path=LIST))
    assert codes(report) == {"LD102"}
    assert report.hosts[0].evidence.value == "partial"


def test_a_container_that_is_listed_is_not_gone_for_an_inspect_that_fails(tmp_path: Path) -> None:
    for kind in (Kind.NOT_FOUND, Kind.CONFLICT):
        (directory := tmp_path / kind).mkdir()
        (snapshot,) = examined(directory, Fault(kind, 1, path=WEB))[0].snapshots
        (web,) = (each for each in snapshot.containers if each.name == "web")
        assert isinstance(web.details, Unknown)
        assert web.details.gap is Gap.VANISHED


def test_an_engine_that_hangs_up_once_is_asked_again(tmp_path: Path) -> None:
    for number, path in enumerate((LIST, WEB)):
        (directory := tmp_path / str(number)).mkdir()
        before = [bare(each) for each in examined(directory, None)[1].asked].count(path)
        (directory := tmp_path / f"{number} again").mkdir()
        examination, proxy = examined(directory, Fault(Kind.HUNG_UP, 1, path=path))
        assert codes(report_on(examination, RULES)) == {"LD102"}
        assert [bare(each) for each in proxy.asked].count(path) == before + 1


def test_only_not_found_says_that_there_is_no_link(tmp_path: Path) -> None:
    assert codes(found(tmp_path, Fault(Kind.CONFLICT, 1, path=LINK))) == set()


def test_one_request_leaves_half_of_the_time_to_the_others(tmp_path: Path) -> None:
    def tried(kind: Kind) -> Report:
        (directory := tmp_path / kind.replace(" ", "-")).mkdir()
        return found(directory, Fault(kind, 1, path=APP), timeout=3)

    kinds = (Kind.SILENT, Kind.TRICKLE, Kind.TRICKLED_HEAD, Kind.CONTINUED)
    for kind, report in zip(kinds, map_concurrently(4, tried, kinds), strict=True):
        assert codes(report) == {"LD102"}, kind


@pytest.mark.parametrize("offered", ["1.0", "1.12", "1.56", "9.99", "1.2.3.4", "7" * 4000])
def test_any_api_version_is_asked_for(tmp_path: Path, offered: str) -> None:
    situation = GHOST | {"version": GHOST["version"] | {"ApiVersion": offered}}
    examination, proxy = examined(tmp_path, None, situation=situation)
    assert codes(report_on(examination, RULES)) == {"LD102"}
    assert len(proxy.asked[1].split("/")[1]) < 15


@pytest.mark.parametrize("offered", ["", "x", "1.x", "-", "7" * 5000])
def test_what_is_no_api_version_is_said(tmp_path: Path, offered: str) -> None:
    situation = GHOST | {"version": GHOST["version"] | {"ApiVersion": offered}}
    (lost,) = examined(tmp_path, None, situation=situation)[0].unreachable
    assert lost.reason == "the engine reports no API version"


def test_a_mistake_about_one_container_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(answer: ContainerAnswer, commands: Commands) -> Details:
        if answer.Name == "/app":
            raise TypeError("s3cr3t")
        return details_of(answer, commands)

    monkeypatch.setattr("linkdoctor.collect.containers.details_of", mistaken)
    (snapshot,) = examined(tmp_path, None)[0].snapshots
    app, web = snapshot.containers
    assert isinstance(web.details, Known)
    assert isinstance(app.details, Unknown)
    assert app.details.detail == "linkdoctor failed on it: TypeError; please report it"


# What changes while it is read


def changing(
    directory: Path, *lists: Sequence[dict[str, Any]], of: dict[str, Any] = GHOST
) -> Examination:
    """A situation whose list of containers is another one each time."""
    coming = iter([*lists, *[lists[-1]] * 9])
    situation = _Changing(of, lambda: list(next(coming)))
    return examined(directory, None, situation=situation, timeout=5)[0]


class _Changing(dict[str, Any]):
    """A situation that has another list of containers each time that it is looked at."""

    def __init__(self, situation: dict[str, Any], listed: Any) -> None:
        super().__init__(situation)
        self._listed = listed

    def __getitem__(self, key: str) -> Any:
        return self._listed() if key == "containers" else super().__getitem__(key)


def with_endpoint(listed: dict[str, Any], identity: str) -> dict[str, Any]:
    networks = listed["NetworkSettings"]["Networks"]
    changed = {name: each | {"EndpointID": identity} for name, each in networks.items()}
    return listed | {"NetworkSettings": {"Networks": changed}}


def test_a_container_that_starts_again_is_read_again(tmp_path: Path) -> None:
    one, other = GHOST["containers"]
    examination = changing(tmp_path, [one, other], [one, with_endpoint(other, "new")])
    (snapshot,) = examination.snapshots
    assert snapshot.settled
    assert codes(report_on(examination, RULES)) == {"LD102"}


def test_nothing_is_claimed_of_what_never_holds_still(tmp_path: Path) -> None:
    one, other = GHOST["containers"]
    lists = [[one, with_endpoint(other, str(number))] for number in range(4)]
    examination = changing(tmp_path, *lists)
    (snapshot,) = examination.snapshots
    assert not snapshot.settled
    unread = [each.name for each in snapshot.containers if isinstance(each.details, Unknown)]
    assert unread == [other["Names"][0].removeprefix("/")]
    assert report_on(examination, RULES).summary.verdict is not Verdict.HEALTHY


def test_nothing_is_claimed_of_the_target_of_a_source_that_never_holds_still(
    tmp_path: Path,
) -> None:
    healthy = situations()["healthy"]
    (app,) = (each for each in healthy["containers"] if "/web/helloapp" in each["Names"])
    (web,) = (each for each in healthy["containers"] if each is not app)
    lists = [[with_endpoint(app, str(number)), web] for number in range(4)]
    (snapshot,) = changing(tmp_path, *lists, of=healthy).snapshots
    assert all(isinstance(each.details, Unknown) for each in snapshot.containers)
    lists = [[app, with_endpoint(web, str(number))] for number in range(4)]
    (directory := tmp_path / "other").mkdir()
    (snapshot,) = changing(directory, *lists, of=healthy).snapshots
    unread = [each.name for each in snapshot.containers if isinstance(each.details, Unknown)]
    assert unread == ["web"]


def test_who_comes_and_goes_all_the_time(tmp_path: Path) -> None:
    one, other = GHOST["containers"]
    new = other | {"Id": "f" * 64, "Names": ["/new"]}
    (snapshot,) = changing(tmp_path, [one, other], [one], [one, other], [one, new]).snapshots
    assert sorted(each.name for each in snapshot.containers) == sorted(
        [one["Names"][0].removeprefix("/"), "new"]
    )


def test_one_that_was_down_for_an_instant_has_moved(tmp_path: Path) -> None:
    situation = GHOST | {"inspect": dict(GHOST["inspect"])}
    web = situation["inspect"]["web"]
    situation["inspect"]["web"] = web | {"State": web["State"] | {"Status": "exited"}}
    (snapshot,) = examined(tmp_path, None, situation=situation)[0].snapshots
    assert not snapshot.settled


# Several at once


def test_results_come_in_order() -> None:
    others = threading.Semaphore(0)

    def last_is_the_first(number: int) -> int:
        if number:
            others.release()
        else:
            assert all(others.acquire(timeout=SOON) for _ in range(19))
        return number * 2

    assert map_concurrently(4, last_is_the_first, range(20)) == list(range(0, 40, 2))
    assert map_concurrently(4, last_is_the_first, ()) == []


def test_the_first_failure_is_told() -> None:
    def failing(number: int) -> int:
        if number % 2:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match=r"^1$"):
        map_concurrently(3, failing, range(9))


def test_no_thread_of_it_holds_up_the_end() -> None:
    assert all(map_concurrently(2, lambda _: threading.current_thread().daemon, range(4)))
