"""Why an engine could not start a container, as far as its words can be shown to anyone.

``State.Error`` may quote arguments, paths and settings of the container. Only the kind of the error
is told; the words themselves are for those who may inspect the container.
"""

from __future__ import annotations

import re

from linkdoctor.model.links import parse_refusal
from linkdoctor.model.snapshot import Details, Status
from linkdoctor.rulekit.host_ports import parse_port_conflict
from linkdoctor.rulekit.orphans import is_join_refusal

__all__ = ["FIREWALL_RULE", "kind_of_error", "unknown_start_error"]

FIREWALL_RULE = "the engine's firewall already has a rule of it"

_KINDS = (
    (r"rule exists", FIREWALL_RULE),
    (r"executable file not found", "its program does not exist"),
    (r"address already in use|address .* in use", "its address is taken"),
    (r"no space left", "the disk is full"),
    (r"network \S+ not found|could not find a network|network not found", "its network is gone"),
    (r"mount", "something could not be mounted"),
    (r"exec format error", "its program is for another kind of machine"),
    (r"permission denied|operation not permitted", "something was not permitted"),
    (r"device driver|device", "a device is missing"),
    (r"no such file or directory", "a file does not exist"),
    (r"cgroup|rlimit|memory", "its limits could not be set"),
    (r"endpoint|container networking|sandbox|network", "its network could not be set up"),
    (r"OCI runtime|runc|containerd|shim", "the runtime could not start it"),
)
_PATTERNS = tuple((re.compile(words, re.IGNORECASE), kind) for words, kind in _KINDS)
_OTHER = "for a reason that only inspect shows"


def kind_of_error(error: str) -> str:
    """Return of which kind an error of the engine is, in words that quote nothing of it."""
    text = error[:4096]
    return next((kind for pattern, kind in _PATTERNS if pattern.search(text)), _OTHER)


def unknown_start_error(details: Details) -> str:
    """Return the kind of the error that kept a container from starting; '' if there is none.

    What other rules say more about (links, taken ports, namespaces) is none of them.
    """
    error = details.error
    if not error or details.status not in (Status.CREATED, Status.EXITED):
        return ""
    if parse_refusal(error) or parse_port_conflict(error) or is_join_refusal(error):
        return ""
    return kind_of_error(error)
