"""What containers' own resolvers answer for the names that nothing else gives them.

Each container has a number of questions of its own. All of them together may ask more than there
is time for: so everybody's first question comes before anybody's second, and a name that was not
asked for is there too, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from linkdoctor.collect.engine import Deadline
from linkdoctor.collect.namespace import inside
from linkdoctor.collect.resolver import ask
from linkdoctor.collect.shares import in_turn
from linkdoctor.collect.unknown_reasons import LATE, ONLY_NEAR
from linkdoctor.collect.workers import map_concurrently
from linkdoctor.model.evidence import Evidence, Gap, MissingEvidence, Unknown
from linkdoctor.model.snapshot import Container, DnsAnswer, Snapshot, Status
from linkdoctor.model.topology import Topology
from linkdoctor.rulekit.dns_names import names_in_doubt
from linkdoctor.rulekit.expectations import names_to_ask

__all__ = ["MOST_OF_ALL", "MOST_OF_ONE", "with_dns_answers"]

MOST_OF_ONE = 64
"""Names that one container's resolver is asked for."""
MOST_OF_ALL = 2048
"""Names of all containers of an engine together."""
_WORKERS = 8
_LEFT_OUT = Unknown(gap=Gap.CUT, detail="there are more names than are asked for")


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    container: Container
    name: str


def with_dns_answers(
    snapshot: Snapshot, draft: Topology, deadline: Deadline, *, near: bool = True
) -> Snapshot:
    """Ask each container's own resolver for the names that nothing else gives it.

    That is done from inside the container's network namespace: from afar (not `near`) each name is
    there without an answer, with the reason.

    Args:
        snapshot: what is known of the engine.
        draft: the same, joined.
        deadline: nothing is asked after it.
        near: whether the engine's processes may be on this machine.
    """
    wanted = [each for each in _wanted(draft) if each]
    if not wanted:
        return snapshot
    questions = in_turn([each[:MOST_OF_ONE] for each in wanted])
    left_out = [question for each in wanted for question in each[MOST_OF_ONE:]]
    asked, too_many = questions[:MOST_OF_ALL], questions[MOST_OF_ALL:]
    found = (
        map_concurrently(_WORKERS, lambda question: _answer(question, deadline), asked)
        if near
        else [ONLY_NEAR] * len(asked)
    )
    answers: dict[str, list[DnsAnswer]] = {}
    for question, addresses in [
        *zip(asked, found, strict=True),
        *((each, _LEFT_OUT) for each in (*too_many, *left_out)),
    ]:
        answer = DnsAnswer(name=question.name.removesuffix("."), addresses=addresses)
        answers.setdefault(question.container.id, []).append(answer)
    return msgspec.structs.replace(
        snapshot,
        containers=tuple(
            msgspec.structs.replace(each, dns_answers=tuple(answers[each.id]))
            if each.id in answers
            else each
            for each in snapshot.containers
        ),
    )


def _wanted(topology: Topology) -> Iterator[list[_Question]]:
    """Yield what each container's resolver is to be asked for."""
    for host, container in topology.containers():
        try:
            names = _names_of(host, container, topology)
        except MissingEvidence:
            continue
        yield [_Question(container=container, name=name) for name in names]


def _names_of(host: str, container: Container, topology: Topology) -> tuple[str, ...]:
    asked = names_to_ask(host, container, topology)
    if topology.details(container).status is not Status.RUNNING:
        return asked
    return tuple(dict.fromkeys((*asked, *names_in_doubt(host, container, topology))))


def _answer(question: _Question, deadline: Deadline) -> Evidence[tuple[str, ...]]:
    resolver = question.container.resolver
    if deadline.left() <= 0:
        return LATE
    if isinstance(resolver, Unknown):
        return resolver
    if resolver.cut:
        return Unknown(gap=Gap.CUT, detail=resolver.cut)
    return inside(question.container, lambda: ask(resolver.value, question.name))
