"""What counts as written by a container, and how an archive of it is read and compared."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.api import Examination
from linkdoctor.collect.engine import EngineError
from linkdoctor.collect.layer import Change, ChangeKind
from linkdoctor.fix.carrying import _Contents, _differences, _Layer, _selected
from linkdoctor.fix.journal import Before, Journal
from linkdoctor.fix.recreation import Surroundings, aside_name, is_aside, recreation
from linkdoctor.fix.use_cases import Scope, diagnosed, make_plan
from linkdoctor.fix.written import above, leaves, mount_places, tmpfs_of
from linkdoctor.model.actions import Recreate
from linkdoctor.model.evidence import Known
from linkdoctor.model.plan import Files, Written, in_words
from linkdoctor.render.layout import TextStyle
from linkdoctor.render.plan import step_lines
from linkdoctor.rulekit.world import World

A, C, D = ChangeKind.ADDED, ChangeKind.MODIFIED, ChangeKind.DELETED


def changes(**kinds: ChangeKind) -> list[Change]:
    return [Change(path=path.replace("__", "/"), kind=kind) for path, kind in kinds.items()]


def paths(found: Iterable[Change]) -> list[str]:
    return [each.path for each in found]


def test_directories_above_what_was_written_do_not_count() -> None:
    found = changes(__tmp=C, __tmp__a=A, __x=A, __x__y=A, __x__y__z=A)
    assert paths(leaves(found, ())) == ["/tmp/a", "/x/y/z"]


def test_places_of_mounts_and_what_leads_there_do_not_count() -> None:
    found = changes(__srv=A, __srv__deep=A, __srv__deep__v=A, __srv__own=A, __data=A)
    assert paths(leaves(found, ("/srv/deep/v", "/data"))) == ["/srv/own"]


def test_what_lies_beneath_the_place_of_a_mount_counts() -> None:
    found = changes(__data=C, __data__hidden=A)
    assert paths(leaves(found, ("/data",))) == ["/data/hidden"]


def test_a_directory_that_was_made_anew_counts_with_what_is_in_it() -> None:
    found = changes(__var=D, __var__y=A)
    assert paths(leaves(found, ())) == ["/var", "/var/y"]


def test_what_the_engine_manages_does_not_count() -> None:
    found = changes(__etc=C, __etc__hosts=C, __dev=C, __dev__x=A, __run__secrets=A, __proc__a=A)
    assert paths(leaves([*found, Change(path="/etc/resolv.conf", kind=A)], ())) == []


def test_a_file_where_the_engine_mounts_secrets_counts() -> None:
    found = changes(__run__secrets=A, __run__secrets__own=A)
    assert paths(leaves(found, ())) == ["/run/secrets/own"]


def test_places_of_mounts_are_found_in_all_their_forms() -> None:
    raw: dict[str, Any] = {
        "Mounts": [{"Destination": "/anonymous/"}, {"Destination": "/var/run/docker.sock"}],
        "HostConfig": {
            "Mounts": [{"Type": "tmpfs", "Target": "/fast"}, {"Type": "volume", "Target": "/v"}],
            "Tmpfs": {"/scratch": ""},
            "Devices": None,
        },
    }
    places = {"/anonymous", "/var/run/docker.sock", "/run/docker.sock", "/fast", "/v", "/scratch"}
    assert mount_places(raw) == places
    assert tmpfs_of(raw) == ("/fast", "/scratch")
    assert mount_places({}) == frozenset()


segments = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4)
trees = st.dictionaries(
    segments.map(lambda each: "/" + "/".join(each)), st.sampled_from(ChangeKind)
)


@given(trees, st.sets(segments.map(lambda each: "/" + "/".join(each)), max_size=3))
def test_nothing_that_was_written_is_overlooked(
    tree: dict[str, ChangeKind], mounts: set[str]
) -> None:
    found = [Change(path=path, kind=kind) for path, kind in tree.items()]
    counted = {each.path for each in leaves(found, mounts)}
    for path, kind in tree.items():
        silent = path in mounts or (kind is not D and path in above([*tree, *mounts]))
        assert path in counted or silent
        if path in counted:
            assert path not in mounts


def test_what_was_written_is_said_in_few_words() -> None:
    one = Written(files=1, deleted=0, size=1, paths=("/a",))
    assert in_words(one) == "1 file (1 byte): /a"
    more = Written(files=7, deleted=2, size=3 << 20, paths=("/a", "/b"))
    assert in_words(more) == "7 files (3.0 MiB) and 2 deletions: /a, /b, 7 more"
    assert in_words(Written(files=0, deleted=1, size=None, paths=("/a",))) == "1 deletion: /a"


# Names


def test_what_is_put_aside_has_a_name_that_is_known_again() -> None:
    names = [aside_name("web", number) for number in (1, 2, 10)]
    assert names == ["web-linkdoctor-old", "web-linkdoctor-old-2", "web-linkdoctor-old-10"]
    assert all(map(is_aside, names))
    assert is_aside("web-linkdoctor-new")
    assert not is_aside("web-linkdoctor-older")
    assert not is_aside("web-2")


def test_a_link_to_what_was_put_aside_leads_to_what_replaced_it() -> None:
    raw: dict[str, Any] = {
        "Id": "a" * 64,
        "Image": "i",
        "Config": {"Image": "lab"},
        "HostConfig": {"NetworkMode": "default", "Links": ["/app-linkdoctor-old-2:/web/helloapp"]},
        "NetworkSettings": {"Networks": {"bridge": {}}},
    }
    order = recreation(raw, Recreate(container="web"), Surroundings(api=(1, 41)))
    assert order.body["HostConfig"]["Links"] == ["app:helloapp"]


def test_the_journal_knows_what_becomes_of_the_files(tmp_path: Any) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        before = Before(id="a", name="web", aside="web-linkdoctor-old-2")
        number = journal.begin(Recreate(container="web"), before, engine="e", files=Files.CARRY)
        journal.verified(number, "b", carried=True)
        (step,) = journal.steps()
    assert (step.files, step.carried, step.before.away) == (
        Files.CARRY,
        True,
        "web-linkdoctor-old-2",
    )


def test_a_journal_of_an_earlier_version_keeps_the_files(tmp_path: Any) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        number = journal.begin(Recreate(container="web"), Before(id="a", name="web"), engine="e")
        journal.verified(number, "b")
        (step,) = journal.steps()
    text = path.read_text()
    assert "files" not in text
    assert "carried" not in text
    assert (step.files, step.carried, step.before.away) == (Files.KEEP, False, "web-linkdoctor-old")


# Archives


class Answer:
    """An archive that comes in pieces of a given size."""

    status = 200

    def __init__(self, content: bytes, size: int) -> None:
        self._file, self._size = io.BytesIO(content), size

    def read(self) -> bytes:
        return self._file.read(self._size)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def layer(*wanted: str, deleted: Iterable[str] = (), hidden: Iterable[str] = ()) -> _Layer:
    return _Layer(
        wanted=frozenset(wanted),
        deleted=frozenset(deleted),
        hidden=frozenset(hidden),
        made=frozenset(),
    )


def read(content: bytes, what: _Layer, size: int = 700) -> tuple[bytes, _Contents]:
    found = _Contents()
    pieces = _selected(Answer(content, size), what, found, float("inf"))
    return b"".join(pieces), found


WHOLE = archive(
    (member("etc", tarfile.DIRTYPE, mode=0o755), b""),
    (member("etc/passwd"), b"of the image"),
    (member("srv", tarfile.DIRTYPE, mode=0o750, uid=7, gid=8), b""),
    (
        member("srv/" + "long" * 60, mode=0o4711, pax_headers={"SCHILY.xattr.user.a": "b"}),
        b"1" * 2000,
    ),
    (member("srv/hard", tarfile.LNKTYPE, linkname="srv/" + "long" * 60), b""),
    (member("srv/soft", tarfile.SYMTYPE, linkname="/nowhere"), b""),
    (member("srv/not-\udcff-utf8"), b"odd"),
    (member("srv/pipe", tarfile.FIFOTYPE), b""),
)
LONG = "/srv/" + "long" * 60
WANTED = layer("/srv", LONG, "/srv/hard", "/srv/soft", "/srv/not-\ufffd-utf8", "/srv/pipe")


@pytest.mark.parametrize("size", [1, 511, 512, 1 << 18])
def test_what_is_wanted_of_an_archive_is_passed_on_as_it_is(size: int) -> None:
    copy, found = read(WHOLE, WANTED, size)
    with tarfile.open(fileobj=io.BytesIO(copy)) as tar:
        names = [each.name for each in tar]
        assert names == ["srv", LONG[1:], "srv/hard", "srv/soft", "srv/not-\udcff-utf8"]
        info = tar.getmember(LONG[1:])
        assert (info.mode, info.pax_headers["SCHILY.xattr.user.a"]) == (0o4711, "b")
        content = tar.extractfile(info)
        assert content is not None
        assert content.read() == b"1" * 2000
        assert (tar.getmember("srv").uid, tar.getmember("srv").gid) == (7, 8)
    assert found.special == {"/srv/pipe": "a named pipe"}
    again, same = read(copy, WANTED)
    assert (again, same.entries) == (copy, found.entries)


def test_a_cut_archive_is_no_archive() -> None:
    at = WHOLE.index(b"1" * 2000)
    with pytest.raises(EngineError, match="damaged"):
        read(WHOLE[: at + 700], WANTED)


def test_every_difference_is_named() -> None:
    what = layer("/a", "/b", "/c", "/d", "/e", "/sock", deleted=["/gone"], hidden=["/v/x"])
    old = archive(
        (member("a"), b"1"),
        (member("b", mode=0o600), b"1"),
        (member("c", uid=5), b"1"),
        (member("d", tarfile.SYMTYPE, linkname="x"), b""),
        (member("e"), b"1"),
    )
    new = archive(
        (member("a"), b"2"),
        (member("b", mode=0o640), b"1"),
        (member("c", uid=6), b"1"),
        (member("d", tarfile.SYMTYPE, linkname="y"), b""),
        (member("gone", tarfile.DIRTYPE), b""),
        (member("gone/file"), b""),
    )
    assert _differences(what, read(old, what)[1], read(new, what)[1]) == {
        "/a": "another content",
        "/b": "another mode",
        "/c": "another owner",
        "/d": "another kind of file",
        "/e": "missing",
        "/sock": "a socket, or gone meanwhile",
        "/v/x": "beneath the place of a mount",
        "/gone/file": "deleted in the old container, and back in the new one",
    }
    same = read(old, layer("/a", "/b"))[1]
    assert _differences(layer("/a", "/b"), same, same) == {}


def test_hostile_names_of_files_do_no_harm_in_a_plan() -> None:
    world = World.tutorial().recreate("app")
    examination = Examination(snapshots=(world.snapshot(),))
    (step,) = make_plan(diagnosed(examination, Scope()), Scope()).steps
    hostile = "/tmp/\x1b[2J\u202eevil\nstep 9: "
    written = Written(files=1, deleted=0, size=1, paths=(hostile,))
    step = msgspec.structs.replace(step, written=Known(written, "GET"), tmpfs=(hostile,))
    lines = list(step_lines(step, TextStyle(width=100, colour=False, ascii_only=False)))
    assert any("wrote outside volumes 1 file" in line for line in lines)
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    assert not any(line.startswith("step 9") for line in lines)
