"""The HTML report in a browser: with and without scripts, wide and narrow, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linkdoctor.render.sanitize import sanitize
from linkdoctor.rulekit.world import World

from ..hostile import HOSTILE, hostile_report
from ..unit.test_graph import called, crowd
from .conftest import Look, Visit, page_of

if TYPE_CHECKING:
    from playwright.sync_api import Locator

NARROW = 390


def shown(locator: Locator) -> int:
    """How many of the elements are to be seen."""
    return sum(each.is_visible() for each in locator.all())


def node(look: Look, name: str) -> Locator:
    """A container in the picture."""
    return look.page.locator(".picture a.node", has=look.page.get_by_text(name, exact=True))


# --- nothing but itself ---------------------------------------------------------------------------


def test_it_says_nothing_and_asks_for_nothing(visit: Visit, demo: str) -> None:
    look = visit(demo)
    look.page.wait_for_load_state("networkidle")
    assert look.page.title() == "Unhealthy: 6 errors – linkdoctor report"
    assert look.is_quiet()


@pytest.mark.parametrize(
    "attempt",
    [
        "const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x'; "
        "document.body.append(i)",
        "fetch('http://127.0.0.1:9/x').catch(() => {})",
        "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; "
        "document.body.append(s)",
        "document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.owned = 1\">x</p>'); "
        "document.body.lastElementChild.click()",
        "document.body.setAttribute('style', 'color: red')",
    ],
    ids=["picture", "request", "script", "handler", "style"],
)
def test_its_policy_is_in_force(visit: Visit, demo: str, attempt: str) -> None:
    look = visit(demo)
    look.page.evaluate(f"() => {{ {attempt} }}")
    look.page.wait_for_timeout(100)
    assert any("Content Security Policy" in each for each in look.said)
    assert look.page.evaluate("window.owned") is None
    assert look.asked == [look.address]


# --- without scripts ------------------------------------------------------------------------------


def test_all_of_it_is_there_without_scripts(visit: Visit, demo: str) -> None:
    look = visit(demo, java_script_enabled=False)
    page = look.page
    assert page.get_by_role("heading", level=1).inner_text() == "✗ Unhealthy: 6 errors"
    assert shown(page.locator("article.finding")) == 6
    assert shown(page.locator("details.card")) == 13
    assert page.get_by_text("docker restart crawler", exact=True).is_visible()
    assert page.locator(".picture").is_visible()
    # What only a script makes work is not shown.
    assert shown(page.locator("input, select, button")) == 0
    assert look.is_quiet()


def test_a_container_leads_to_its_card_without_scripts(visit: Visit, demo: str) -> None:
    look = visit(demo, java_script_enabled=False)
    card = look.page.locator("details.card", has=look.page.get_by_role("heading", name="web"))
    assert not card.locator(".body").is_visible()
    node(look, "web").click()
    card.locator(".body").wait_for(state="visible")
    assert card.get_by_text("HELLOAPP_PORT_5000_TCP_ADDR").is_visible()


# --- with scripts ---------------------------------------------------------------------------------


def test_a_search_narrows_findings_and_containers(visit: Visit, demo: str) -> None:
    look = visit(demo)
    page = look.page
    page.get_by_role("searchbox").fill("queue  CRAWLER")
    assert shown(page.locator("article.finding")) == 1
    assert sorted(page.locator("details.card:visible h3").all_inner_texts()) == ["crawler", "queue"]
    assert page.get_by_role("status").inner_text() == "1 of 6 findings, 2 of 13 containers"
    assert "dim" in (node(look, "web").get_attribute("class") or "")
    assert "dim" not in (node(look, "queue").get_attribute("class") or "")
    page.get_by_role("searchbox").fill("nothing of the kind")
    assert shown(page.locator("article.finding")) == 0
    page.get_by_role("searchbox").fill("")
    assert shown(page.locator("article.finding")) == 6
    assert page.get_by_role("status").inner_text() == ""
    assert look.is_quiet()


def test_severities_and_hosts_are_filters(visit: Visit, demo: str) -> None:
    page = visit(demo).page
    page.get_by_role("combobox").select_option("beta")
    assert page.get_by_role("status").inner_text() == "1 of 6 findings, 2 of 13 containers"
    page.get_by_role("checkbox", name="error").uncheck()
    assert page.get_by_role("status").inner_text() == "0 of 6 findings, 0 of 13 containers"


def test_a_click_on_a_container_shows_its_card(visit: Visit, demo: str) -> None:
    look = visit(demo)
    page = look.page
    node(look, "web").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading", level=3).inner_text() == "web"
    assert dialog.get_by_text("HELLOAPP_PORT_5000_TCP_ADDR").is_visible()
    # A source in the card leads to its own card.
    dialog.get_by_role("link", name="app", exact=True).click()
    assert dialog.get_by_role("heading", level=3).inner_text() == "app"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert look.is_quiet()


def test_a_card_leads_to_its_findings(visit: Visit, demo: str) -> None:
    look = visit(demo)
    node(look, "web").click()
    look.page.get_by_role("dialog").get_by_role("link", name="error 5").click()
    assert not look.page.get_by_role("dialog").is_visible()
    assert look.page.url.endswith("#f5")


def test_the_keyboard_will_do(visit: Visit, demo: str) -> None:
    look = visit(demo)
    page = look.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    node(look, "web").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent").count("web") > 0


def test_commands_are_copied_as_they_are(visit: Visit, demo: str) -> None:
    look = visit(demo, permissions=["clipboard-read", "clipboard-write"])
    page = look.page
    page.get_by_role("button", name="Copy: Commands of fix 1 of finding 1").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "docker restart crawler"


def test_a_finding_points_at_its_containers(visit: Visit, demo: str) -> None:
    look = visit(demo)
    page = look.page
    page.locator("#f5").get_by_role("button", name="Show in the picture").click()
    kept = page.locator(".picture a:not(.dim) .name").all_text_contents()
    assert sorted(kept) == ["app", "web"]
    words = page.locator(".picture .words:not(.dim)").all_text_contents()
    assert ["".join(each.split()) for each in words] == ["helloapp:5000✗5"]
    assert node(look, "app").is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".picture a.dim").count() == 0
    assert look.is_quiet()


def test_all_can_be_opened_and_closed(visit: Visit, demo: str) -> None:
    page = visit(demo).page
    opened = page.locator("details.card[open]")
    page.get_by_role("button", name="Open all").nth(1).click()
    assert opened.count() == 13
    page.get_by_role("button", name="Close all").nth(1).click()
    assert opened.count() == 0


# --- any width, any light -------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["demo", "many", "long names"])
def test_nothing_sticks_out_of_a_narrow_page(visit: Visit, demo: str, which: str) -> None:
    contents = {
        "demo": lambda: demo,
        "many": lambda: page_of(crowd(100).snapshot()),
        "long names": lambda: page_of(called("x" * 200).snapshot),
    }
    page = visit(contents[which](), width=NARROW, height=844, has_touch=True).page
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


def colours(look: Look, selector: str) -> tuple[str, str]:
    style = "getComputedStyle(document.querySelector(%r))"
    script = f"[{style % selector}.backgroundColor, {style % 'body'}.color]"
    back, ink = look.page.evaluate(script)
    return str(back), str(ink)


def brightness(colour: str) -> float:
    return sum(map(float, colour.removeprefix("rgb(").removesuffix(")").split(","))) / 3


def test_it_is_dark_where_that_is_wished_for(visit: Visit, demo: str) -> None:
    light = [brightness(each) for each in colours(visit(demo, color_scheme="light"), "body")]
    dark = [brightness(each) for each in colours(visit(demo, color_scheme="dark"), "body")]
    assert light[0] > 200 > 60 > light[1]
    assert dark[0] < 60 < 200 < dark[1]


def test_on_paper_all_is_open_and_nothing_is_to_be_clicked(visit: Visit, demo: str) -> None:
    page = visit(demo, width=700).page
    page.emulate_media(media="print")
    assert page.get_by_text("HELLOAPP_PORT_5000_TCP_ADDR").last.is_visible()
    assert shown(page.locator("input, select, button")) == 0
    assert page.get_by_role("columnheader", name="Observed").first.is_visible()
    overflow = page.evaluate("getComputedStyle(document.querySelector('.canvas')).overflow")
    assert overflow == "visible"


# --- for everyone ---------------------------------------------------------------------------------


def faults(look: Look) -> list[str]:
    """What axe, the checker of accessibility, has to say."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    found: Any = Axe().run(look.page, options={"resultTypes": ["violations"]}).response
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, 1280])
def test_it_can_be_read_by_everyone(visit: Visit, demo: str, scheme: str, width: int) -> None:
    look = visit(demo, width=width, color_scheme=scheme)
    look.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert faults(look) == []


def test_an_open_card_can_be_read_by_everyone(visit: Visit, demo: str) -> None:
    look = visit(demo)
    node(look, "web").click()
    assert faults(look) == []


def test_reports_of_every_verdict_can_be_read_by_everyone(visit: Visit) -> None:
    for world in (World.tutorial(), World.tutorial().run("lone", link="app")):
        assert faults(visit(page_of(world.snapshot()))) == []
    assert faults(visit(page_of(report=hostile_report("name")))) == []


# --- whatever things are called -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<img src=http://127.0.0.1:9/x onerror=alert(1)>",
        '"><script>alert(1)</script>',
        "</style><script>alert(1)</script>",
        "</title></svg><svg onload=alert(1)>",
        "{{ 7 * 7 }}{% include 'x' %}",
        "javascript:alert(1)",
        *(each for each in HOSTILE if set(each) & set("<&\"'")),
    ],
)
def test_hostile_names_do_nothing(visit: Visit, text: str) -> None:
    named = called(text)
    pages = (page_of(named.snapshot, report=named.report), page_of(report=hostile_report(text)))
    for content in pages:
        look = visit(content)
        look.page.get_by_role("searchbox").fill(text[:20])
        look.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = 1")
        for each in look.page.locator(".picture a.node").all()[:1]:
            each.click()
        assert look.is_quiet()
        assert sanitize(text) in look.page.locator("body").inner_text()
