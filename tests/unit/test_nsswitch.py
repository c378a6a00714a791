"""What glibc asks for a name, and whether a container's programs use glibc."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.collect.name_lookup import afar_lookup, libc_of, near_lookup
from linkdoctor.collect.nsswitch import UNDECIDED, Libc, look_up, parse_nsswitch
from linkdoctor.collect.procfs import hold
from linkdoctor.model.evidence import Known
from linkdoctor.model.snapshot import NameLookup

USUAL = NameLookup()
NO_DNS = NameLookup(dns=False)
NO_FILES = NameLookup(hosts_file=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", USUAL),
        ("passwd: files\n", USUAL),
        ("hosts:\n", USUAL),
        ("hosts: files dns\n", USUAL),
        ("hosts:dns files\r\n", USUAL),
        ("HOSTS: files\n", USUAL),
        ("# hosts: files\n", USUAL),
        ("hosts: files # dns\n", USUAL),
        ("hosts: files [SUCCESS=continue] dns\n", USUAL),
        ("hosts: files [NOTFOUND=return !UNAVAIL=continue] dns\n", USUAL),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns\n", USUAL),
        ("hosts: files resolve\n", USUAL),
        ("hosts: sss\n", USUAL),
        ("hosts: files\nhosts: files dns\n", USUAL),
        ("hosts: files dns\nhosts: files\n", NO_DNS),
        (" hosts:\tfiles\r\n", NO_DNS),
        ("hosts: files #dns\n", NO_DNS),
        ("hosts: files myhostname\n", NO_DNS),
        ("hosts: files [NOTFOUND=return] dns\n", NO_DNS),
        ("hosts: files [!unavail=RETURN] dns\n", NO_DNS),
        ("hosts: dns\n", NO_FILES),
        ("hosts: dns [!UNAVAIL=return] files\n", NO_FILES),
        ("hosts: myhostname\n", NameLookup(hosts_file=False, dns=False)),
    ],
)
def test_what_is_never_asked_is_read(text: str, found: NameLookup) -> None:
    assert parse_nsswitch(text) == found


@given(st.text(max_size=200))
def test_no_nsswitch_crashes_the_reader(text: str) -> None:
    parse_nsswitch(text)
    parse_nsswitch(f"hosts: {text}")


def told(*, glibc: bool | None) -> Callable[[], Libc]:
    return lambda: Libc(glibc=glibc)


def test_only_glibc_takes_notice() -> None:
    assert look_up("hosts: files\n", told(glibc=True)) == NO_DNS
    assert look_up("hosts: files\n", told(glibc=False)) == USUAL
    assert look_up("hosts: files\n", told(glibc=None)) is None


def test_what_is_usual_needs_no_look_at_the_library() -> None:
    def fails() -> Libc:
        raise AssertionError

    assert look_up("hosts: files dns\n", fails) == USUAL


def test_a_process_of_this_machine_shows_its_library() -> None:
    listed = subprocess.run(
        ["ldd", "/bin/sh"], capture_output=True, text=True, check=False, timeout=10
    ).stdout
    if "libc.so.6" not in listed:
        pytest.skip("this machine's C library is not glibc")
    with hold(os.getpid()) as held:
        assert look_up("hosts: files\n", lambda: libc_of(held)) == NO_DNS
        assert isinstance(near_lookup(held), NameLookup)


def test_from_afar_the_library_is_not_seen() -> None:
    assert afar_lookup(lambda _: b"hosts: files\n", "docker cp") == UNDECIDED
    assert afar_lookup(lambda _: b"hosts: dns files\n", "docker cp") == Known(USUAL, "docker cp")
