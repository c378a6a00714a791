"""What is known and accepted: findings that are only counted, why, and until when.

Whatever suppresses is kept as it was said, so that the report can tell what it kept back and
which statements are over or say nothing any more.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from linkdoctor.model.report import Because, Finding, Skipped
from linkdoctor.model.snapshot import Container

__all__ = [
    "LABEL",
    "Examined",
    "Suppression",
    "SuppressionOrigin",
    "Suppressions",
    "code_meant",
    "label_suppressions",
    "near",
    "parse_token",
    "remarks",
    "token",
]

LABEL = "linkdoctor.ignore"
"""The label of a container that suppresses findings whose target it is."""

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_PATTERN = r"[A-Za-z0-9_.*?\[\]!-]*"
_TOKEN = re.compile(
    rf"(?P<code>[A-Za-z0-9_-]+)"
    rf"(?:#(?P<fingerprint>[0-9a-f]{{16}})"
    rf"|@(?:(?P<host>{_PATTERN}):)?(?P<target>{_PATTERN})(?:/(?P<alias>{_PATTERN}))?)"
)
_GLOB = re.compile(r"[*?\[]")
_MOST_WORDS = 64
"""Of one label: anyone who makes images can write labels."""
_MOST_NOTES = 20


class SuppressionOrigin(StrEnum):
    """Who suppresses."""

    IGNORE = "ignore"
    """`--ignore`, or a mere code in the configuration's `ignore`."""
    CONFIGURATION = "configuration"
    LABEL = "label"
    BASELINE = "baseline"


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """One statement that suppresses findings; an empty part stands for any."""

    origin: SuppressionOrigin
    code: str
    """A code, the beginning of one, a name, or a glob over codes or names."""
    host: str = ""
    target: str = ""
    alias: str = ""
    """Globs, but for those of a label and of the baseline, which are names."""
    fingerprint: str = ""
    reason: str = ""
    until: date | None = None
    """The last day on which it applies, in UTC."""

    @property
    def is_preference(self) -> bool:
        """Whether it is about a rule and no finding in particular: it need not be met."""
        parts = (self.host, self.target, self.alias, self.fingerprint)
        return self.origin is SuppressionOrigin.IGNORE and not any(parts)

    def is_about(self, host: str, target: str | None = None, alias: str | None = None) -> bool:
        """Whether what is named is meant; without a part of it, whether it can be."""
        return (
            self._fits(host, self.host)
            and (target is None or self._fits(target, self.target))
            and (alias is None or self._fits(alias, self.alias))
        )

    def _fits(self, name: str, pattern: str) -> bool:
        exact = self.origin in (SuppressionOrigin.LABEL, SuppressionOrigin.BASELINE)
        return not pattern or (name == pattern if exact else fnmatchcase(name, pattern))

    @property
    def said(self) -> str:
        """Return the statement in short, as `--ignore` takes it."""
        if self.fingerprint:
            return f"{self.code}#{self.fingerprint}"
        host = f"{self.host}:" if self.host else ""
        alias = f"/{self.alias}" if self.alias else ""
        where = f"{host}{self.target}{alias}"
        return f"{self.code}@{where}" if where else self.code

    @property
    def because(self) -> Because:
        """Return the statement as the report has it."""
        return Because(
            origin=self.origin.value,
            entry=f"{LABEL}={self.code}" if self.origin is SuppressionOrigin.LABEL else self.said,
            reason=self.reason,
            until=self.until.isoformat() if self.until else "",
        )


# --- tokens ---------------------------------------------------------------------------------------


def token(finding: Finding, *, with_host: bool = False) -> str:
    """Return the shortest text by which `--ignore` suppresses this finding and those like it.

    ``LD201@web/db``, with the host ``LD201@alpha:web/db``; ``LD604@alpha:`` for what a host
    itself has. Names with other characters than those of Docker's own names are stood for by the
    fingerprint, ``LD201#0123456789abcdef``, which no shell and no glob can misread.
    """
    named_host = with_host or not finding.target
    names = (finding.target, finding.alias, finding.host if named_host else "")
    if any(name and not _PLAIN.fullmatch(name) for name in names):
        return f"{finding.code}#{finding.fingerprint}"
    return Suppression(
        origin=SuppressionOrigin.IGNORE,
        code=finding.code,
        host=finding.host if named_host else "",
        target=finding.target,
        alias=finding.alias,
    ).said


def parse_token(text: str) -> Suppression | None:
    """Read what `token` writes, with globs in place of names; None if it is a mere code or name.

    Raises:
        ValueError: there is something behind the code that cannot be read.
    """
    if not re.search("[@#]", text):
        return None
    found = _TOKEN.fullmatch(text)
    # Nothing behind the sign would be everything: a slip, such as a variable that is not set.
    if found is None or not any(found.group("fingerprint", "host", "target", "alias")):
        raise ValueError(
            "it can be LD201@TARGET, LD201@TARGET/ALIAS, LD201@HOST:TARGET or LD201#FINGERPRINT"
        )
    return Suppression(
        origin=SuppressionOrigin.IGNORE,
        code=found["code"],
        host=found["host"] or "",
        target=found["target"] or "",
        alias=found["alias"] or "",
        fingerprint=found["fingerprint"] or "",
    )


# --- codes ----------------------------------------------------------------------------------------


def code_meant(word: str, names: Mapping[str, str], *, beginnings: bool = True) -> str | None:
    """Return the code that a word stands for, or the beginning of several; None for neither.

    Args:
        word: a code or a name, in any case.
        names: of all rules, with the code of each.
        beginnings: whether the beginning of a code will do.
    """
    upper = word.upper()
    codes = set(names.values())
    if upper in codes or (beginnings and word and any(code.startswith(upper) for code in codes)):
        return upper
    return names.get(word.lower())


def near(word: str, names: Mapping[str, str]) -> str:
    """Return a hint at what may have been meant by a word that stands for no rule."""
    by_code = {code: name for name, code in names.items()}
    if found := difflib.get_close_matches(word.lower(), names, 1, 0.6):
        return f"did you mean {found[0]} ({names[found[0]]})?"
    if found := difflib.get_close_matches(word.upper(), by_code, 1, 0.6):
        return f"did you mean {found[0]} ({by_code[found[0]]})?"
    return "`linkdoctor rules` lists them"


def _codes(word: str, names: Mapping[str, str], *, exact: bool) -> frozenset[str]:
    """Return every code that a word of a statement stands for."""
    if _GLOB.search(word) and not exact:
        return frozenset(
            code
            for name, code in names.items()
            if fnmatchcase(code, word.upper()) or fnmatchcase(name, word.lower())
        )
    meant = code_meant(word, names, beginnings=not exact)
    if meant is None:
        return frozenset()
    return frozenset(code for code in names.values() if code.startswith(meant))


# --- labels ---------------------------------------------------------------------------------------


def label_suppressions(host: str, container: Container) -> Iterator[Suppression]:
    """Read the label of a container: codes or names, separated by commas or blanks."""
    for label in container.labels:
        if label.name == LABEL:
            words = re.split(r"[\s,]+", label.value)[:_MOST_WORDS]
            for word in dict.fromkeys(words):
                if word:
                    yield Suppression(
                        origin=SuppressionOrigin.LABEL, code=word, host=host, target=container.name
                    )


# --- all together ---------------------------------------------------------------------------------


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that holds today, with the codes that it stands for."""

    said: Suppression
    codes: frozenset[str]


class Suppressions:
    """Every statement of one run, ready to be asked about findings.

    Statements that are over, and those that stand for no rule, suppress nothing and are told of.
    """

    def __init__(
        self,
        statements: Iterable[Suppression],
        names: Mapping[str, str],
        *,
        baseline: Iterable[Suppression] = (),
        today: date | None = None,
    ) -> None:
        """Sort the statements by their codes.

        Args:
            statements: of all origins but the baseline.
            names: of all rules, with the code of each.
            baseline: one statement for each fingerprint.
            today: what the ends are held against; None: nothing ends.
        """
        # A label is about one container of many: it is looked up by that.
        self._ready: dict[tuple[str, str, str], list[_Ready]] = {}
        self._ended: list[Suppression] = []
        self._unknown: list[Suppression] = []
        self._names = names
        self._baseline = {each.fingerprint: each for each in baseline}
        for said in statements:
            codes = _codes(said.code, names, exact=said.origin is SuppressionOrigin.LABEL)
            if not codes:
                self._unknown.append(said)
            elif today is not None and said.until is not None and said.until < today:
                self._ended.append(said)
            else:
                self._add(_Ready(said=said, codes=codes))

    def _add(self, ready: _Ready) -> None:
        said = ready.said
        host, target = (
            (said.host, said.target) if said.origin is SuppressionOrigin.LABEL else ("", "")
        )
        for code in ready.codes:
            self._ready.setdefault((code, host, target), []).append(ready)

    def _about(self, code: str, host: str, target: str, alias: str) -> Iterator[Suppression]:
        places = dict.fromkeys(((code, "", ""), (code, host, target)))
        for ready in (each for place in places for each in self._ready.get(place, ())):
            if ready.said.is_about(host, target, alias):
                yield ready.said

    def of(self, finding: Finding) -> tuple[Suppression, ...]:
        """Return the statements that suppress a finding; none: it is reported."""
        about = self._about(finding.code, finding.host, finding.target, finding.alias)
        found = [each for each in about if each.fingerprint in ("", finding.fingerprint)]
        known = self._baseline.get(finding.fingerprint)
        return (*found, *(() if known is None else (known,)))

    def silences(self, skip: Skipped, alias: str) -> bool:
        """Whether whatever a skipped check could have found would be suppressed."""
        about = self._about(skip.code, skip.host, _target(skip), alias)
        return any(not each.fingerprint for each in about)

    def notes(
        self, findings: Sequence[Finding], skips: Sequence[Skipped], examined: Examined
    ) -> tuple[str, ...]:
        """Return a note on each statement that names no rule, is over, or suppresses nothing.

        Args:
            findings: all of them, folded or not, suppressed or not.
            skips: all of them.
            examined: what was looked at.
        """
        met = {said for finding in findings for said in self.of(finding)}
        missed: dict[str, list[Skipped]] = {}
        for skip in skips:
            missed.setdefault(skip.code, []).append(skip)
        every = {id(each): each for ready in self._ready.values() for each in ready}
        idle = [
            each.said
            for each in every.values()
            if each.said not in met
            and not each.said.is_preference
            and examined.wholly(each.said, each.codes, missed)
        ]
        told = [
            *((self._of_no_rule, each) for each in self._unknown),
            *((_ended, each) for each in self._ended),
            *((_idle, each) for each in idle),
        ]
        more = len(told) - _MOST_NOTES
        return (
            *(tell(said) for tell, said in told[:_MOST_NOTES]),
            *((f"and {more} more such statements",) if more > 0 else ()),
            *self._spent(met, missed, examined),
        )

    def _of_no_rule(self, said: Suppression) -> str:
        if _codes(said.code, self._names, exact=False):
            return f"{_place(said)}: a label names whole codes"
        return f"{_place(said)}: no rule has that name; {near(said.code, self._names)}"

    def _spent(
        self,
        met: Collection[Suppression],
        missed: Mapping[str, Sequence[Skipped]],
        examined: Examined,
    ) -> Iterator[str]:
        left = sum(
            each not in met and examined.wholly(each, frozenset({each.code}), missed)
            for each in self._baseline.values()
        )
        if left:
            entries = "1 entry" if left == 1 else f"{left} entries"
            yield (
                f"{entries} of the baseline stand for nothing that is found any more; "
                "--write-baseline writes it anew"
            )


def remarks(
    statements: Iterable[Suppression], names: Mapping[str, str], today: date
) -> tuple[str, ...]:
    """Return a note on each statement that names no rule or is over; nothing was examined."""
    nothing = Examined(hosts=(), codes=frozenset(), whole=False)
    return Suppressions(statements, names, today=today).notes((), (), nothing)


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What a run looked at: only there does silence mean that something is gone."""

    hosts: tuple[str, ...]
    codes: frozenset[str]
    """Those of the rules that were applied, but for those that look only if asked to."""
    whole: bool
    """Every engine answered, every container was wanted, and no rule crashed."""

    def wholly(
        self, said: Suppression, codes: frozenset[str], missed: Mapping[str, Sequence[Skipped]]
    ) -> bool:
        """Whether everything was looked at that a statement could be about.

        Args:
            said: the statement.
            codes: those that it stands for.
            missed: the skipped checks, by code.
        """
        return (
            self.whole
            and codes <= self.codes
            and any(map(said.is_about, self.hosts))
            and not any(
                said.is_about(skip.host, _target(skip) or None)
                for code in codes
                for skip in missed.get(code, ())
            )
        )


def _target(skip: Skipped) -> str:
    return "" if skip.subject == skip.host else skip.subject.partition("/")[0]


def _ended(said: Suppression) -> str:
    reason = f" ({said.reason})" if said.reason else ""
    return f"{_place(said)} ended on {said.until}{reason}: remove it, or give it another end"


def _idle(said: Suppression) -> str:
    return f"{_place(said)} no longer suppresses anything: remove it"


def _place(said: Suppression) -> str:
    if said.origin is SuppressionOrigin.LABEL:
        return f"label {LABEL} of {said.target} on {said.host}: {said.code}"
    return f"{'--ignore' if said.origin is SuppressionOrigin.IGNORE else '[[ignore]]'} {said.said}"
