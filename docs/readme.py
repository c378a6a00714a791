"""Writes the parts of README.md that the program itself can tell.

python docs/readme.py            write them
python docs/readme.py --check    exit with 1 if one of them is not as it would be written
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from linkdoctor.api import Examination, demo_snapshots, report_on
from linkdoctor.registry import load_rules
from linkdoctor.render.text import render_text

README = Path(__file__).resolve().parent.parent / "README.md"
SHOWN = ("LD201", "LD102")


def demo() -> str:
    """The verdict of the demo and two of its findings, as the terminal shows them."""
    rules = load_rules()
    report = report_on(Examination(snapshots=demo_snapshots()), rules)
    names = {loaded.rule.code: loaded.rule.name for loaded in rules}
    verdict, *findings = render_text(report, width=92, colour=False, names=names).split("\n\n")
    shown = [next(each for each in findings if code in each.split("\n")[0]) for code in SHOWN]
    text = "\n\n".join([verdict, *(each.rstrip() for each in shown), "…"])
    return f"```\n$ linkdoctor demo\n{text}\n```"


def rules() -> str:
    """The table of rules."""
    rows = (loaded.rule for loaded in load_rules())
    return "\n".join(
        [
            "| code | name | fault |",
            "| --- | --- | --- |",
            *(
                f"| [{rule.code}](docs/rules/{rule.code}.md) | {rule.name} | {rule.summary} |"
                for rule in rows
            ),
        ]
    )


def filled(text: str) -> str:
    """The README with its parts as they would be written."""
    for name, part in (("demo", demo()), ("rules", rules())):
        text = with_part(text, name, part)
    return text


def with_part(text: str, name: str, part: str) -> str:
    """A text with one part, which stands between two comments that name it."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{part}\n{end}{tail}"


def main(arguments: Sequence[str]) -> int:
    """Write, or check."""
    text = README.read_text(encoding="utf-8")
    wanted = filled(text)
    if list(arguments) != ["--check"]:
        README.write_text(wanted, encoding="utf-8")
        return 0
    if text != wanted:
        print("README.md is out of date\n`make docs` writes it")
        return 1
    print("README.md is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
