"""The pages of linkdoctor's own codes, which no rule stands behind."""

from __future__ import annotations

from linkdoctor.render.listing import PageView, Section

__all__ = ["own_page"]

_PAGES = {
    "rule-crashed": (
        "A rule crashed",
        "A rule raised an error instead of giving a result. What it would have found is missing "
        "from the report; every other rule was applied as always.",
        "The finding names the rule, the kind of error and the line of the rule's own file. The "
        "error's text is left out, because it may contain what the rule was looking at.",
        "Please report it with the output of `linkdoctor --version` and the finding. Until it is "
        "fixed, leave the rule out with --ignore and its code. If the rule is your own, fix the "
        "file that the finding names.",
    ),
    "engine-unreachable": (
        "An engine could not be asked",
        "Nothing is known about the containers of this host: their links may be healthy or "
        "broken. The exit code is 3, unless faults were found elsewhere.",
        "The report names the reason for the host: no socket, no permission, a refused "
        "connection, TLS, no answer in time, or an answer that does not come from a Docker engine.",
        "Follow the reason: start Docker, run as root or as a member of the group that owns "
        "the socket, correct --host or DOCKER_HOST, or wait longer with --timeout.",
    ),
}


def own_page(code: str, name: str) -> PageView:
    """Return the page of a code that no rule stands behind."""
    title, meaning, proof, fixing = _PAGES[name]
    return PageView(
        code=code,
        name=name,
        severity="error",
        summary=title,
        title=title,
        since="0.1",
        needs=(),
        explains=(),
        sections=(
            Section(heading="What it means", text=meaning),
            Section(heading="How it is proved", text=proof),
            Section(heading="How to fix it", text=fixing),
        ),
    )
