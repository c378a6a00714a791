"""Builds the documentation as a web site, with Zensical; no network is needed, then or later.

python docs/site.py DIRECTORY    build it there; a warning is an error

The sources keep their places (README.md, docs/, deploy/), so a link that leads somewhere on disk
leads there on the site too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "docs" / "zensical.toml"
SOURCES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "docs", "deploy")
LEFT_OUT = shutil.ignore_patterns("*.py", "zensical.toml", "__pycache__")
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser loads by itself, and by which attribute."""


def build(directory: Path) -> None:
    """Build the site in a directory, which is made anew.

    Raises:
        SystemExit: the build or a link is not as it should be; the reason has been printed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for name in SOURCES:
            source, copy = ROOT / name, work / "pages" / name
            if source.is_dir():
                shutil.copytree(source, copy, ignore=LEFT_OUT)
            else:
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(source, copy)
        shutil.copy(SETTINGS, work / SETTINGS.name)
        words = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        # It is colourful even where nobody sees it.
        done = subprocess.run(  # noqa: S603 - fixed words
            words, cwd=work, env={**os.environ, "NO_COLOR": "1"}, text=True, capture_output=True
        )
        found = [*_complaints(done), *_faults(work / "site")]
        if found:
            sys.exit("\n".join(found))
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(work / "site", directory)


def _complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What Zensical complained of."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    return [said] if done.returncode != 0 or "Warning" in said else []


def _faults(site: Path) -> list[str]:
    """Links that lead nowhere, and what would be loaded from elsewhere."""
    pages = {path: _Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        return ["no page was built"]
    return [fault for page in pages.values() for fault in _faults_of(page, pages, site)]


def _faults_of(page: _Page, pages: dict[Path, _Page], site: Path) -> Iterator[str]:
    name = page.path.relative_to(site).as_posix()
    for address in page.loaded:
        if urlsplit(address).netloc:
            yield f"{name}: loads {address}"
    # The page for what is not there is shown at any address; its own are absolute.
    for address in page.links if name != "404.html" else ():
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        path = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            yield f"{name}: {address} leads nowhere"
        elif parts.fragment and unquote(parts.fragment) not in pages[path].anchors:
            yield f"{name}: {address}: that page has no such place"


class _Page(HTMLParser):
    """The addresses on a page, and its places."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag leads to, loads or is called."""
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in ("canonical", "next"):
            self.loaded.append(given[LOADED[tag]])


def main(arguments: Sequence[str]) -> int:
    """Build the site."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    directory = Path(arguments[0])
    build(directory)
    print(f"{sum(1 for _ in directory.rglob('*.html'))} pages in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
