"""What the C library asks for a name: ``nsswitch.conf``, which only glibc reads.

Nearly every container has the usual order, or no file at all, which means the same. Only where the
hosts file or DNS is never asked does it matter which C library the programs use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from linkdoctor.model.evidence import Gap, Unknown
from linkdoctor.model.snapshot import NameLookup

__all__ = ["PLACE", "UNDECIDED", "Libc", "loaders", "look_up", "parse_nsswitch"]

PLACE = "/etc/nsswitch.conf"
UNDECIDED = Unknown(
    gap=Gap.UNSUPPORTED,
    detail="its nsswitch.conf is unusual, and whether its programs read it cannot be seen",
)
_SPACE = " \t\v\f\r"
_TOKEN = re.compile(r"\[[^\]]*\]?|[^\s\[\]]+", re.ASCII)
_PLAIN = frozenset(
    (
        *("files", "dns", "myhostname", "mymachines", "mdns", "mdns4", "mdns6"),
        *("mdns_minimal", "mdns4_minimal", "mdns6_minimal"),
    )
)
"""Services that know no name of a container, but for the first two. Any other one may."""
_LOADERS = (
    *("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux-armhf.so.3"),
    *(
        "/lib/ld-linux.so.2",
        "/lib64/ld64.so.2",
        "/lib/ld64.so.1",
        "/lib/ld-linux-riscv64-lp64d.so.1",
    ),
)


class Libc(msgspec.Struct, frozen=True, gc=False):
    """Whether a container's programs use glibc; None where that cannot be told."""

    glibc: bool | None


def loaders() -> Iterable[str]:
    """Return where glibc's loader is in a container that has it."""
    return _LOADERS


def look_up(text: str, libc: Callable[[], Libc]) -> NameLookup | None:
    """Return what the programs of a container ask for a name; None if that cannot be told.

    Args:
        text: of its ``nsswitch.conf``; '' if there is none.
        libc: finds out which C library its programs use, which takes a while.
    """
    usual = NameLookup()
    found = parse_nsswitch(text)
    if found == usual:
        return usual
    match libc().glibc:
        case True:
            return found
        case False:
            return usual
        case _:
            return None


def parse_nsswitch(text: str) -> NameLookup:
    """Read whether glibc asks the hosts file and DNS for a name that neither of them may have.

    The last line of ``hosts`` counts (engine lab). What comes after an action that returns when a
    name is not found is never asked. A service that is not known may give any name.
    """
    services = None
    for line in text.split("\n"):
        # A comment begins at the beginning of a line: elsewhere it is a service that nobody knows.
        database, colon, rest = line.partition(":")
        if colon and database.strip(_SPACE) == "hosts":
            services = rest.strip(_SPACE)
    tokens = _TOKEN.findall(services or "")
    names = [each for each in tokens if not each.startswith(("[", "#"))]
    if not names or not _PLAIN.issuperset(names):
        return NameLookup()
    asked: set[str] = set()
    before = ""
    for token in tokens:
        if not token.startswith("["):
            before = token
            asked.add(token)
        elif before in ("files", "dns") and _returns(token):
            break
    return NameLookup(hosts_file="files" in asked, dns="dns" in asked)


def _returns(action: str) -> bool:
    """Whether an action ends the search for a name that is not found."""
    ends = False
    for word in action.strip("[]").lower().split():
        status, _, what = word.partition("=")
        negated = status.startswith("!")
        if (status.removeprefix("!") == "notfound") is not negated:
            ends = what == "return"
    return ends
