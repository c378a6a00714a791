"""A base image with Python, made of this machine's own: no registry is asked.

It stands for `python:3.13-slim`: a shell, Python with what it needs to make environments, and the
program that lists the firewall.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from docker import APIClient

from . import images
from .engine import SEARCH_PATH
from .leftovers import command

REFERENCE = "lab/python:here"
LEFT_OUT = re.compile(
    r"/(test|tests|idlelib|turtledemo|tkinter|lib2to3|site-packages|dist-packages|__pycache__|"
    r"config-[^/]+)(/|$)|\.pyc$|\.a$"
)
USUAL = tuple(
    f"lib{name}.so.[0-9]*"
    for name in ("pthread", "dl", "rt", "m", "util", "resolv", "nss_files", "nss_dns", "gcc_s")
)
ENSUREPIP = Path("/usr/share/python-wheels")
"""Where Debian keeps what `ensurepip` installs."""
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Debian's pip does not even start without them."""


def load(api: APIClient) -> str:
    """Make the image; gives its name."""
    repository, _, tag = REFERENCE.partition(":")
    path = f"ENV PATH={SEARCH_PATH}"
    api.import_image_from_data(_tar(), repository=repository, tag=tag, changes=[path])
    return REFERENCE


def _tar() -> bytes:
    buffer = io.BytesIO(images.root_filesystem({}))
    # What a link leads to is taken in its place: it may lie anywhere.
    with tarfile.open(fileobj=buffer, mode="a", dereference=True) as tar:
        for path in sorted(_files()):
            tar.add(path, arcname=str(path).lstrip("/"), recursive=False)
        _link(tar, "usr/bin/python3", _python())
    return buffer.getvalue()


def _link(tar: tarfile.TarFile, name: str, target: Path) -> None:
    if Path("/", name) == target:
        return
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, str(target)
    tar.addfile(member)


def _python() -> Path:
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _files() -> Iterator[Path]:
    """Python, its standard library and iptables, with the libraries that they load."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    own = [each for each in stdlib.rglob("*") if not LEFT_OUT.search(str(each))]
    own += ENSUREPIP.glob("*") if ENSUREPIP.is_dir() else ()
    own += [AUTHORITIES] if AUTHORITIES.is_file() else []
    yield from own
    iptables = shutil.which("iptables-nft-save", path=SEARCH_PATH)
    programs = [_python()]
    if iptables is not None:
        yield Path(iptables)
        programs += [Path(iptables).resolve(), *_modules_of_iptables()]
    yield from programs
    yield from _libraries([*programs, *(each for each in own if each.suffix == ".so")])


def _modules_of_iptables() -> Iterator[Path]:
    for directory in Path("/usr/lib").glob("*/xtables"):
        yield from directory.glob("*.so")


def _libraries(programs: list[Path]) -> set[Path]:
    """What the dynamic loader loads for these, each by the name that it is loaded by."""
    directories = {each.parent for each in _listed(programs)}
    # What compiled wheels take for granted of a C library.
    usual = (path for each in directories for name in USUAL for path in each.glob(name))
    return {*_listed(programs), *usual}


def _listed(programs: Iterable[Path]) -> set[Path]:
    listing = command("sh", "-c", 'ldd "$@" 2>/dev/null || true', "sh", *map(str, programs))
    return {Path(each) for each in re.findall(r"(/\S+\.so\S*) \(0x", listing)}
