"""The one face for authors of rules: a rule, its cases, and what a rule reads and reports.

What rules share stands beside it: :mod:`~linkdoctor.rulekit.world` writes down situations,
:mod:`~linkdoctor.rulekit.fixes` what fixes them; each other module is one trade. A rule imports
from here, and from nowhere else in linkdoctor.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from linkdoctor.model.actions import (
    ConnectNetwork,
    Rename,
    Restart,
    SetRestartPolicy,
    Start,
    Unpause,
)
from linkdoctor.model.evidence import (
    Gap,
    Known,
    MissingEvidence,
    Need,
    Unknown,
)
from linkdoctor.model.knowledge import (
    Declaration,
    ImageExpectation,
    Knowledge,
    Reading,
    image_name,
)
from linkdoctor.model.links import (
    FIRST_WITHOUT_VARIABLES,
    HostsLine,
    LinkRefusal,
    Port,
    Refusal,
    StoredLink,
    environment_prefix,
    hosts_line,
    parse_refusal,
)
from linkdoctor.model.network_mode import (
    Host,
    Isolated,
    NetworkMode,
    Own,
    Shared,
)
from linkdoctor.model.report import (
    Fix,
    Proof,
    Safety,
    Severity,
)
from linkdoctor.model.snapshot import (
    Complaint,
    ComplaintKind,
    Container,
    Details,
    Endpoint,
    Event,
    Firewall,
    FirewallRule,
    Health,
    Interface,
    Listener,
    Namespaces,
    Network,
    Probe,
    ProbeCause,
    ProbeOutcome,
    Publication,
    Route,
    Status,
)
from linkdoctor.model.swarm import (
    is_swarm_task,
)
from linkdoctor.model.topology import (
    DEFAULT_BRIDGE,
    Link,
    LinkKind,
    Topology,
    TracedVariable,
)
from linkdoctor.model.variables import (
    LinkField,
    Variable,
    is_address,
    is_link_shaped,
    tells_a_place,
)
from linkdoctor.moved import renamed
from linkdoctor.rulekit.rule import (
    SECTIONS,
    Case,
    Check,
    EachContainer,
    EachHost,
    EachLink,
    Expected,
    Hit,
    HostContainer,
    Page,
    Rule,
    page_of,
)

__all__ = [
    "DEFAULT_BRIDGE",
    "FIRST_WITHOUT_VARIABLES",
    "SECTIONS",
    "Case",
    "Check",
    "Complaint",
    "ComplaintKind",
    "ConnectNetwork",
    "Container",
    "Declaration",
    "Details",
    "EachContainer",
    "EachHost",
    "EachLink",
    "Endpoint",
    "Event",
    "Expected",
    "Firewall",
    "FirewallRule",
    "Fix",
    "Gap",
    "Health",
    "Hit",
    "Host",
    "HostContainer",
    "HostsLine",
    "ImageExpectation",
    "Interface",
    "Isolated",
    "Knowledge",
    "Known",
    "Link",
    "LinkField",
    "LinkKind",
    "LinkRefusal",
    "Listener",
    "MissingEvidence",
    "Namespaces",
    "Need",
    "Network",
    "NetworkMode",
    "Own",
    "Page",
    "Port",
    "Probe",
    "ProbeCause",
    "ProbeOutcome",
    "Proof",
    "Publication",
    "Reading",
    "Refusal",
    "Rename",
    "Restart",
    "Route",
    "Rule",
    "Safety",
    "SetRestartPolicy",
    "Severity",
    "Shared",
    "Start",
    "Status",
    "StoredLink",
    "Topology",
    "TracedVariable",
    "Unknown",
    "Unpause",
    "Variable",
    "environment_prefix",
    "hosts_line",
    "image_name",
    "is_address",
    "is_link_shaped",
    "is_swarm_task",
    "page_of",
    "parse_refusal",
    "tells_a_place",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        return renamed(sys.modules[__name__], name)
