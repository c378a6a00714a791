"""What comes through the engine's API from containers nobody trusts."""

from __future__ import annotations

import io
import tarfile
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.collect.answers import TopAnswer
from linkdoctor.collect.engine import EngineClient
from linkdoctor.collect.engine_files import Unreadable, environment_from_top, read_archived
from tests.fuzz.growth import grows_evenly


class Archive:
    """Stands where an engine would answer the archive endpoint with these bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def get_bytes(self, path: str, /, *, limit: int, **query: str) -> bytes:
        return self.content


def read(content: bytes, limit: int = 1000) -> bytes:
    return read_archived(cast(EngineClient, Archive(content)), "c" * 64, "/etc/hosts", limit)


def archive(member: tarfile.TarInfo, content: bytes = b"") -> bytes:
    file = io.BytesIO()
    member.size = len(content)
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def test_a_file_is_read_up_to_the_limit() -> None:
    content = archive(tarfile.TarInfo("hosts"), b"127.0.0.1 localhost\n")
    assert read(content) == b"127.0.0.1 localhost\n"
    assert read(content, 3) == b"127"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_only_a_regular_file_is_taken(kind: bytes) -> None:
    member = tarfile.TarInfo("hosts")
    member.type, member.linkname = kind, "/etc/shadow"
    with pytest.raises(Unreadable):
        read(archive(member))


def test_an_empty_archive_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read(b"")


def test_headers_that_tell_more_are_passed_over() -> None:
    member = tarfile.TarInfo("n" * 300)
    member.pax_headers = {"SCHILY.xattr.user.a": "b" * 2000}
    assert read(archive(member, b"content")) == b"content"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        member = tarfile.TarInfo("n" * 300)
        member.size = 7
        tar.addfile(member, io.BytesIO(b"content"))
    assert read(file.getvalue()) == b"content"


@given(
    st.binary(max_size=1500),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_what_another_wrote_is_read(content: bytes, name: str, form: int) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        member = tarfile.TarInfo(f"x{name}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    assert read(file.getvalue(), 2000) == content


def test_an_archive_that_ends_too_early_is_unreadable() -> None:
    content = archive(tarfile.TarInfo("hosts"), b"x" * 900)
    for end in (1, 511, 512, 513, 1400):
        with pytest.raises(Unreadable):
            read(content[:end])


@pytest.mark.parametrize("size", [b"-0000000001\0", b"0000_000001\0", b"\x80" + b"\xff" * 11])
def test_an_odd_size_is_unreadable(size: bytes) -> None:
    content = archive(tarfile.TarInfo("hosts"), b"x" * 900)
    with pytest.raises(Unreadable):
        read(content[:124] + size + content[136:])


def test_digits_without_end_take_no_time() -> None:
    # The library's reader took minutes: it searched for a pattern from each of them on.
    member = tarfile.TarInfo("pax")
    member.type = tarfile.XHDTYPE

    def refused(digits: int) -> None:
        with pytest.raises(Unreadable):
            read(archive(member, b"1" * digits))

    assert grows_evenly(refused, 320_000)


@given(st.binary(max_size=2000))
def test_no_archive_crashes_the_reader(content: bytes) -> None:
    try:
        read(content)
    except Unreadable:
        pass


def top(*rows: list[str]) -> TopAnswer:
    return TopAnswer(Titles=["PID", "COMMAND"], Processes=list(rows))


def test_the_environment_stands_behind_the_arguments() -> None:
    answer = top(["7", "sh -c x A=1 DB_PORT=tcp://172.17.0.2:5432 B=2"], ["8", "child A=9"])
    assert dict(environment_from_top(answer, 7)) == {
        "A": "1",
        "DB_PORT": "tcp://172.17.0.2:5432",
        "B": "2",
    }


def test_a_name_with_two_values_is_ambiguous_and_left_out() -> None:
    answer = top(["7", "env DB_PORT=tcp://6.6.6.6:1 x A=1 DB_PORT=tcp://172.17.0.2:5432"])
    assert dict(environment_from_top(answer, 7)) == {"A": "1"}


def test_a_process_that_is_not_shown_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        environment_from_top(top(["8", "x"]), 7)
    with pytest.raises(Unreadable):
        environment_from_top(TopAnswer(Titles=["X"], Processes=[["7"]]), 7)
