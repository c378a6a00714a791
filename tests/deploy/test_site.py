"""The documentation's site, and what it is made of."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from docs import site
from linkdoctor.config import read_config
from linkdoctor.registry import load_rules

from .commands import accept, calls_in, commands
from .programs import DEPLOY, ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the site is made of."""
    for name in site.SOURCES:
        source, copy = ROOT / name, tmp_path / "checkout" / name
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(source, copy)
    monkeypatch.setattr(site, "ROOT", tmp_path / "checkout")
    return tmp_path / "checkout"


def test_the_site_is_built_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    site.build(tmp_path / "site")
    assert (tmp_path / "site" / "docs" / "rules" / "LD201" / "index.html").is_file()
    assert (tmp_path / "site" / "docs" / "schema" / "report.schema.json").is_file()
    assert not list((tmp_path / "site").rglob("*.py"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a](nowhere.md)", "page does not exist"),
        ("[a](engines.md#nowhere)", "anchor does not exist"),
        ('<a href="nowhere/">a</a>', "../nowhere/ leads nowhere"),
        ('<a href="engines/#nowhere">a</a>', "that page has no such place"),
        ('<img src="//example.org/a.png">', "loads //example.org/a.png"),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error(
    text: str, complaint: str, checkout: Path, tmp_path: Path
) -> None:
    page = checkout / "docs" / "tutorial.md"
    page.write_text(f"{page.read_text()}\n{text}\n")
    with pytest.raises(SystemExit, match=re.escape(complaint)):
        site.build(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_every_page_is_in_the_menu_or_in_an_index() -> None:
    menu = (DOCS / "zensical.toml").read_text()
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        if page.parent.name not in ("rules", "decisions") or page.name == "README.md":
            assert f'"{name}"' in menu, name


def test_the_example_of_the_configuration_is_a_configuration(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```toml\n(.*?)```", (DOCS / "configuration.md").read_text(), re.DOTALL
    )
    file = tmp_path / "config.toml"
    file.write_text(example)
    assert read_config(file).container[0].expects == ("helloapp",)


def test_the_runbooks_call_rules_by_their_names_and_cover_every_group() -> None:
    names = {each.rule.code: each.rule.name for each in load_rules()}
    called = [
        found
        for page in (DOCS / "runbooks").glob("*.md")
        for found in re.findall(
            r"\[(LD\d+)(?: ([a-z-]+))?\]\(\.\./rules/(LD\d+)\.md\)", page.read_text()
        )
    ]
    for code, name, page in called:
        assert code == page
        assert name in ("", names[code]), code
    assert {code[:3] for code, _, _ in called} == {code[:3] for code in names}


def test_every_file_to_deploy_is_told_of() -> None:
    guide = (DOCS / "deploy.md").read_text()
    for path in (each for each in DEPLOY.rglob("*") if each.is_file()):
        assert f"](../{path.relative_to(ROOT).as_posix()})" in guide, path.name


def calls_of_pages() -> list[list[str]]:
    """Every call of linkdoctor that stands in the text of a page between backticks."""
    texts = [re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL) for page in PAGES]
    quoted = [part for text in texts for part in re.findall(r"`(linkdoctor [a-z][^`…]*)`", text)]
    return [call for each in quoted for call in calls_in(" ".join(each.split()))]


def test_the_calls_in_the_text_are_accepted_by_the_command_line() -> None:
    calls = calls_of_pages()
    assert len(calls) > 10
    for call in calls:
        # A command alone is spoken of; what has words after it can be typed.
        assert call[0] in commands()
        if call[1:]:
            accept(call)
