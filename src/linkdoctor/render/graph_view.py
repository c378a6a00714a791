"""The picture that a diagnosis is drawn as: whole, or what is near the containers asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection

from linkdoctor.model.examination import Diagnosis
from linkdoctor.render.graph import Picture, focused
from linkdoctor.render.graph_from_topology import picture_of
from linkdoctor.render.layout import TextStyle
from linkdoctor.render.renderer import Renderer, RenderRequest

__all__ = ["drawn_by", "picture_in"]


def picture_in(diagnosis: Diagnosis, focus: Collection[str] = (), depth: int = 1) -> Picture:
    """Make the picture of a diagnosis.

    Args:
        diagnosis: what was seen and found.
        focus: the names of the containers that it is about; all if empty.
        depth: how many arrows away from them it ends.
    """
    picture = picture_of(diagnosis.report, diagnosis.topology)
    return focused(picture, focus, depth) if focus else picture


def drawn_by(draw: Callable[[Picture, TextStyle], str]) -> Renderer:
    """Make a renderer of what draws a picture."""

    def render(diagnosis: Diagnosis, request: RenderRequest) -> str:
        return draw(picture_in(diagnosis, request.focus, request.depth), request.style)

    return render
