"""The picture in a browser: what is written fits where it is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from linkdoctor.render.graph import Picture
from linkdoctor.render.graph_svg import render_svg

from ..unit.test_graph import called, crowd, drawn, shop
from .conftest import Visit

OVERFLOWS = """
() => [...document.querySelectorAll('.node, .away, .door')].flatMap((box) => {
  const frame = box.querySelector('.box').getBBox();
  return [...box.querySelectorAll('text')]
    .filter((text) => {
      const own = text.getBBox();
      return own.x < frame.x || own.x + own.width > frame.x + frame.width;
    })
    .map((text) => text.textContent);
})
"""
OUTSIDE = """
() => {
  const picture = document.documentElement.viewBox.baseVal;
  return [...document.querySelectorAll('text, rect, path')].filter((each) => {
    const own = each.getBBox();
    return own.x < 0 || own.y < 0
      || own.x + own.width > picture.width || own.y + own.height > picture.height;
  }).map((each) => each.outerHTML);
}
"""


@pytest.mark.parametrize(
    "picture",
    [
        lambda: drawn(shop()),
        lambda: drawn(crowd(100)),
        lambda: called("W" * 60).picture,
        lambda: called("数据库" * 20).picture,
    ],
    ids=["few", "many", "wide letters", "wide signs"],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_fits(visit: Visit, picture: Callable[[], Picture], scheme: str) -> None:
    look = visit(render_svg(picture()), suffix=".svg", color_scheme=scheme)
    assert look.page.evaluate(OVERFLOWS) == []
    assert look.page.evaluate(OUTSIDE) == []
    assert look.is_quiet()
