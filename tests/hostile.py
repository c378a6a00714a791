"""Texts that containers may be called, and a report that is full of one: for every renderer."""

from __future__ import annotations

from collections.abc import Callable

from linkdoctor.api import TOOL
from linkdoctor.model.report import (
    Completeness,
    Finding,
    Fix,
    HostSummary,
    Proof,
    Report,
    Safety,
    Severity,
    Skipped,
    Summary,
    Verdict,
)

_LINES = ("a\nb", "a\r\n::error::owned", "::error title=x::owned", "##[error]owned")
_MARKUP = (
    "]]><evil/>",
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "javascript:alert(1)//</title></style></textarea>",
    "&lt;b&gt;&amp;&#64;",
    "<!--",
    "--><evil/>",
)
_MARKDOWN = (
    "```\n# owned\n```",
    "`` ` ``` x",
    "~~~",
    "[click](https://evil.example)",
    "[click][1]",
    "[1]: https://evil.example",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "see https://evil.example and www.evil.example now",
    "@admin #1 !2 ~3 $4 %5 GH-6",
    "a@evil.example",
    "- item",
    "1. item",
    "    code",
    "***",
    "===",
    "# heading",
    "> quoted",
    "| a | b |",
    "trailing\\",
)
_METRICS = (
    "x|y=1;2;3",
    'x",owned="1',
    'x"} 1\nowned_total 1',
    "x{owned='1'} 1",
    "{0} {{1}} %s %25",
)
_SHELL = (
    "\"quoted\" 'quoted' \\",
    "$(touch owned) ; `id`",
    "'; touch owned; '",
    "-rf",
    "--format={{json .}}",
    "${IFS}owned",
    "a && owned || owned & owned > owned < owned",
    "!history",
    "~/.ssh",
    "*?[a-z]",
    "#comment",
)
_TABLES = ("=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "a,b;c\td", "-1+1")
_TERMINAL = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;b3duZWQ=\x07",
    "\x1bP+q544e\x1b\\\x1b[6n\x1bc",
    "kept\x08\x08\x08\x08lost\rlost",
)
_UNSEEN = (
    "\u202egnp.exe\u2066",
    "\u2067\u2068\u2069\u200e\u200f\u061c",
    "\u200b\ufeff\u2028\u2029\x85",
    "\x00\x0b\x0c\x1c\x7f\ufffe\uffff",
    "\ud800",
    "\U000e0041\U000e007f",
    "a" + "\u0301" * 40,
)
_PLAIN = ("größe 数据库 🐳", "", " ", "../../etc/passwd", "x" * 300, "long" * 5000)

HOSTILE = (
    *_LINES,
    *_MARKUP,
    *_MARKDOWN,
    *_METRICS,
    *_SHELL,
    *_TABLES,
    *_TERMINAL,
    *_UNSEEN,
    *_PLAIN,
)
"""Control sequences, markup and syntax of whatever a report may be shown by or pasted into."""


def with_each_hostile_text(test: Callable[[str], None]) -> Callable[[], None]:
    """Make one test of a test for each text: as parameters they cost more than what they test."""

    def with_all() -> None:
        for text in HOSTILE:
            try:
                test(text)
            except BaseException as failure:
                failure.add_note(f"the text was {text[:100]!r}")
                raise

    # Not functools.wraps: pytest would look for a fixture that is called `text`.
    with_all.__name__, with_all.__doc__ = test.__name__, test.__doc__
    with_all.__module__ = test.__module__
    return with_all


def hostile_report(text: str) -> Report:
    """A report in which everything that an engine or a container can choose is this text."""
    finding = Finding(
        code="LD201",
        name="stale-env",
        severity=Severity.ERROR,
        host=text,
        target=text,
        source=text,
        alias=text,
        message=text,
        evidence=(Proof(what=text, observed=text, expected=f"{text}!", where=text),),
        consequences=("LD302",),
        fixes=(Fix(title=text, safety=Safety.RESTART, commands=(f"docker restart {text}",)),),
        fingerprint="0123456789abcdef",
        docs="linkdoctor explain LD201",
    )
    return Report(
        tool=TOOL,
        taken_at=text,
        hosts=(
            HostSummary(
                name=text,
                endpoint=text,
                engine=text,
                containers=2,
                links=1,
                evidence=Completeness.PARTIAL,
            ),
        ),
        summary=Summary(
            verdict=Verdict.UNHEALTHY, error=1, warning=0, info=0, suppressed=0, skipped=2
        ),
        findings=(finding,),
        skipped=(
            Skipped(code="LD202", host=text, subject=text, missing=text, reason=text),
            Skipped(code="LD002", host=text, subject=text, missing="the engine", reason=text),
        ),
    )
