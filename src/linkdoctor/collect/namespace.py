"""What is done inside a container's network namespace, once its process is proven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from linkdoctor.collect import procfs, sockets
from linkdoctor.model.evidence import Evidence, Gap, Unknown
from linkdoctor.model.snapshot import Container

__all__ = ["inside"]

T = TypeVar("T")

_FAILED = Unknown(gap=Gap.DENIED, detail="the kernel refused to start the probe")


def inside(container: Container, action: Callable[[], Evidence[T]]) -> Evidence[T]:
    """Do something in the network namespace of a running container, from a thread of its own."""
    if isinstance(container.details, Unknown):
        return container.details
    try:
        with procfs.prove(container.details.value.pid, container.id) as held:
            return sockets.in_namespace(Path(f"/proc/self/fd/{held.descriptor}/ns/net"), action)
    except (procfs.NotProven, sockets.NamespaceDenied) as error:
        return Unknown(gap=Gap.DENIED, detail=str(error))
    except OSError:
        return _FAILED
