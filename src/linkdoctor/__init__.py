"""linkdoctor: finds broken Docker links, proves each fault and says what fixes it.

The public Python API stands here. Nothing of it is loaded before it is used.

>>> import linkdoctor
>>> report = linkdoctor.diagnose([linkdoctor.Url("unix:///var/run/docker.sock")])  # doctest: +SKIP
>>> [finding.code for finding in report.findings]  # doctest: +SKIP
['LD201']
>>> scope = linkdoctor.Scope(engines=(linkdoctor.Url("unix:///var/run/docker.sock"),))
>>> [step.commands for step in linkdoctor.plan(scope).steps]  # doctest: +SKIP
[('docker restart web',)]
>>> linkdoctor.apply(scope, allow=linkdoctor.Safety.RESTART).report.summary.error  # doctest: +SKIP
0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linkdoctor.api import ContextName, EndpointError, EngineError, Url
    from linkdoctor.api import diagnose_engines as diagnose
    from linkdoctor.fix.use_cases import Applied, FixError, Scope, apply, plan
    from linkdoctor.model.plan import Files, Plan
    from linkdoctor.model.report import Report, Safety

__all__ = [
    "Applied",
    "ContextName",
    "EndpointError",
    "EngineError",
    "Files",
    "FixError",
    "Plan",
    "Report",
    "Safety",
    "Scope",
    "Url",
    "__version__",
    "apply",
    "diagnose",
    "plan",
]

__version__ = "0.1.0"

_USE_CASES = "linkdoctor.fix.use_cases"
_PLACES = {
    "Applied": (_USE_CASES, "Applied"),
    "ContextName": ("linkdoctor.api", "ContextName"),
    "EndpointError": ("linkdoctor.api", "EndpointError"),
    "EngineError": ("linkdoctor.api", "EngineError"),
    "Files": ("linkdoctor.model.plan", "Files"),
    "FixError": (_USE_CASES, "FixError"),
    "Plan": ("linkdoctor.model.plan", "Plan"),
    "Report": ("linkdoctor.model.report", "Report"),
    "Safety": ("linkdoctor.model.report", "Safety"),
    "Scope": (_USE_CASES, "Scope"),
    "Url": ("linkdoctor.api", "Url"),
    "apply": (_USE_CASES, "apply"),
    "diagnose": ("linkdoctor.api", "diagnose_engines"),
    "plan": (_USE_CASES, "plan"),
}


def __getattr__(name: str) -> Any:
    """Load a part of the public API when it is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)
