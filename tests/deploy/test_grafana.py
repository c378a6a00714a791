"""The dashboard asks for metrics that there are: promtool evaluates each query on real ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import metrics
from .programs import DEPLOY, program, run
from .test_prometheus import INSTANCE, input_series, run_again

BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "linkdoctor.json").read_text("utf-8"))

SHOWN: dict[str, list[list[tuple[str, float]]]] = {
    "Errors": [[("{}", 6)]],
    "Warnings": [[("{}", 0)]],
    "Engines that do not answer": [[("{}", 0)]],
    "Checks without evidence": [[("{}", 0)]],
    "Links": [[("{}", 6)]],
    "Oldest report": [[("{}", 0)]],
    "Findings by severity": [[('{severity="error"}', 6)]],
    "Findings by code": [
        [
            (f'{{code="{code}"}}', 1)
            for code in ("LD102", "LD201", "LD301", "LD302", "LD401", "LD505")
        ]
    ],
    "Hosts": [
        [('{host="alpha"}', 11), ('{host="beta"}', 2)],
        [('{host="alpha"}', 6), ('{host="beta"}', 0)],
        [('{host="alpha"}', 5), ('{host="beta"}', 1)],
        [('{host="alpha"}', 1), ('{host="beta"}', 1)],
        [('{host="alpha"}', 1), ('{host="beta"}', 1)],
    ],
}
"""What each panel shows of the two hosts of the demo, query by query."""


def queries() -> Iterator[tuple[str, list[str]]]:
    """Each panel with its queries, with every host chosen."""
    for panel in BOARD["panels"]:
        yield (
            panel["title"],
            [target["expr"].replace("$host", ".*") for target in panel["targets"]],
        )


def evaluate(directory: Path, tests: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Let promtool compare what queries give on the metrics of the demo."""
    content = {
        "rule_files": [],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": run_again(input_series(metrics.broken())),
                "promql_expr_test": [
                    {"expr": query, "eval_time": "5m", "exp_samples": samples}
                    for query, samples in tests
                ],
            }
        ],
    }
    file = directory / "test.yml"
    file.write_text(json.dumps(content), encoding="utf-8")
    run([program("promtool"), "test", "rules", file])


def test_each_panel_shows_what_the_metrics_say(tmp_path: Path) -> None:
    found = dict(queries())
    (of_findings,) = found.pop("Findings")
    tests = [
        (query, [{"labels": labels, "value": value} for labels, value in samples])
        for title, asked in found.items()
        for query, samples in zip(asked, SHOWN[title], strict=True)
    ]
    infos = [
        {"labels": each["series"], "value": 1}
        for each in input_series(metrics.broken())
        if each["series"].startswith("linkdoctor_finding_info")
    ]
    assert len(infos) == 6
    evaluate(tmp_path, [*tests, (of_findings, infos)])


def test_the_columns_of_the_findings_are_labels_that_there_are() -> None:
    (panel,) = (each for each in BOARD["panels"] if each["title"] == "Findings")
    (organize,) = panel["transformations"]
    info = next(
        each for each in metrics.samples(metrics.broken()) if each.name == "linkdoctor_finding_info"
    )
    shown, hidden = organize["options"]["indexByName"], organize["options"]["excludeByName"]
    there = {*info.labels, *INSTANCE, "Time", "Value", "__name__"}
    assert set(shown) | set(hidden) == there
    assert not set(shown) & set(hidden)


def test_the_choice_of_hosts_is_made_of_a_metric_that_there_is() -> None:
    (variable,) = (each for each in BOARD["templating"]["list"] if each["type"] == "query")
    found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
    assert found is not None
    assert any(
        each.name == found[1] and found[2] in each.labels
        for each in metrics.samples(metrics.broken())
    )
    assert variable["query"]["query"] == variable["definition"]


def test_panels_have_their_own_ids_and_do_not_overlap() -> None:
    panels = BOARD["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    cells = [
        (x, y)
        for each in panels
        for x in range(each["gridPos"]["x"], each["gridPos"]["x"] + each["gridPos"]["w"])
        for y in range(each["gridPos"]["y"], each["gridPos"]["y"] + each["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
