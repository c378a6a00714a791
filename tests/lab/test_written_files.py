"""What a container wrote outside volumes is never lost silently: kept, carried over, or dropped.

Proved by content: what counts is what can be read in the new container or the kept one.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound

import linkdoctor
from linkdoctor.api import Url
from linkdoctor.collect.control import controlling
from linkdoctor.fix.journal import Journal
from linkdoctor.fix.outcome import Outcome, Result
from linkdoctor.fix.perform import perform
from linkdoctor.fix.undo import undo
from linkdoctor.model.actions import Recreate, Restart
from linkdoctor.model.links import Port
from linkdoctor.model.plan import Files
from linkdoctor.model.snapshot import Publication

from .cutting import Cut, CuttingProxy, When, cutting
from .fixing import BARE, QUICK, command_line, control_of, create, fix, leftovers_of, steps_of
from .releases import series
from .situations import Lab
from .test_kill_anywhere import MOST_REQUESTS, Victim, every_cut
from .test_public_ports import public

SLEEP = ["sleep", "100000"]
KEPT = "web-linkdoctor-old"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def do(lab: Lab, name: str, script: str) -> str:
    """Run a script in a container, which must succeed."""
    code, said = lab.exec(name, script)
    assert code == 0, said
    return said


def digest(lab: Lab, name: str, path: str) -> str:
    """The SHA-256 of a file in a container, which need not run."""
    pieces, _ = lab.api.get_archive(name, path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        content = tar.extractfile(tar.getmembers()[0])
        assert content is not None
        return hashlib.sha256(content.read()).hexdigest()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def assert_kept(lab: Lab, outcome: Outcome, name: str = KEPT) -> None:
    """The old container is there, stopped, and will not come back by itself."""
    old = lab.inspect(name)
    assert outcome.kept == old["Id"]
    assert not old["State"]["Running"]
    assert old["HostConfig"]["RestartPolicy"]["Name"] in ("no", "")


def test_what_was_written_stays_in_the_old_container(lab: Lab, journal: Path) -> None:
    lab.run("web", restart="always", binds=["/own"])
    do(lab, "web", "echo precious > /tmp/data.db; echo kept > /own/file")
    outcome = fix(lab, Recreate(container="web"), journal)
    assert (outcome.result, outcome.reason) == (Result.FIXED, "")
    assert_kept(lab, outcome)
    assert digest(lab, KEPT, "/tmp/data.db") == sha("precious\n")
    said = " ".join(outcome.notes)
    assert f"{KEPT} is kept, stopped" in said
    assert "1 file (9 bytes): /tmp/data.db" in said
    assert f"docker rm {KEPT} (without -v" in said
    assert f"linkdoctor fix -H {lab.url} --undo {journal}" in said
    lab.api.remove_container(KEPT)
    assert do(lab, "web", "cat /own/file") == "kept\n"


def test_the_kept_one_is_taken_back_with_all_that_it_wrote(lab: Lab, journal: Path) -> None:
    lab.run("web")
    do(lab, "web", "echo precious > /tmp/data.db")
    fix(lab, Recreate(container="web"), journal)
    with control_of(lab) as control, Journal(journal, continued=True) as written:
        assert [each.result for each in undo(written, control, patience=QUICK)] == [Result.UNDONE]
    assert do(lab, "web", "cat /tmp/data.db") == "precious\n"
    assert leftovers_of(lab) == []


def test_each_kept_one_has_a_name_of_its_own(lab: Lab, journal: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    for number in range(1, 4):
        do(lab, "web", f"echo {number} > /tmp/data.db")
        assert fix(lab, Recreate(container="web"), journal).result is Result.FIXED
    for number, name in enumerate((KEPT, f"{KEPT}-2", f"{KEPT}-3"), start=1):
        assert digest(lab, name, "/tmp/data.db") == sha(f"{number}\n")
    assert lab.links("web") == ["/app:/web/helloapp"]


def test_a_link_to_what_was_put_aside_under_another_name_is_made_again(
    lab: Lab, journal: Path
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    for _ in range(2):
        do(lab, "app", "echo precious > /tmp/data.db")
        fix(lab, Recreate(container="app"), journal)
        assert fix(lab, Recreate(container="web"), journal).result is Result.FIXED
    assert leftovers_of(lab) == ["/app-linkdoctor-old", "/app-linkdoctor-old-2"]
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def body_with_mounts(lab: Lab) -> dict[str, Any]:
    lab.image(
        "lab:linked",
        files={"/run/.keep": "", "/opt/.keep": ""},
    )
    bound = lab.engine.home / "bound-file"
    bound.write_text("of the host\n")
    return {
        "Image": "lab:linked",
        "Cmd": SLEEP,
        "StopSignal": "SIGKILL",
        "WorkingDir": "/made/by/engine",
        "Tty": True,
        "Volumes": {"/anonymous": {}},
        "HostConfig": {
            "Init": True,
            "Binds": ["named:/srv/deep/named", f"{bound}:/opt/bound-file", f"{bound}:/etc/odd"],
            "Tmpfs": {"/scratch": "rw"},
            "Mounts": [{"Type": "tmpfs", "Target": "/fast/memory"}],
            "Devices": [
                {
                    "PathOnHost": "/dev/null",
                    "PathInContainer": "/dev/nothing",
                    "CgroupPermissions": "rw",
                }
            ],
        },
    }


NOTHING: dict[str, str] = {
    "only started": "true",
    "came and went": "echo x > /tmp/x; rm /tmp/x; mkdir /var/lib; rmdir /var/lib",
    "in volumes and memory": "echo x > /anonymous/x; echo x > /srv/deep/named/x; echo x > "
    "/scratch/x; echo x > /fast/memory/x; echo x > /dev/shm/x",
    "the engine's own files": "echo '10.1.1.1 x' >> /etc/hosts; echo '#' >> /etc/resolv.conf",
}


@pytest.mark.parametrize("script", NOTHING.values(), ids=NOTHING)
def test_where_nothing_was_written_nothing_is_kept(lab: Lab, journal: Path, script: str) -> None:
    create(lab, "web", body_with_mounts(lab))
    lab.start("web")
    do(lab, "web", script)
    outcome = fix(lab, Recreate(container="web"), journal)
    assert (outcome.result, outcome.notes, outcome.kept) == (Result.FIXED, (), "")
    assert leftovers_of(lab) == []


def test_what_every_start_makes_again_is_nothing_that_is_lost(lab: Lab, journal: Path) -> None:
    script = (
        "mkdir -p /var/cache/x; echo $$ > /var/cache/pid; chmod 700 /var; ln -s x /var/cache/l; "
        "test -e /own/second && echo second > /root/which; touch /own/second; "
        ": > /var/cache/lock; exec sleep 100000"
    )
    lab.run("web", command=["sh", "-c", script], binds=["/own"])
    lab.wait_for(lambda: lab.exec("web", "test -e /var/cache/lock")[0] == 0)
    outcome = fix(lab, Recreate(container="web"), journal)
    assert (outcome.result, outcome.notes, outcome.kept) == (Result.FIXED, (), "")
    # The second one wrote one more file, and its successor writes the same.
    outcome = fix(lab, Recreate(container="web"), journal)
    assert (outcome.result, outcome.notes, outcome.kept) == (Result.FIXED, (), "")
    do(lab, "web", "echo other > /root/which")
    outcome = fix(lab, Recreate(container="web"), journal)
    assert_kept(lab, outcome)


SOMETHING: dict[str, str] = {
    "a directory of another mode": "chmod 700 /root",
    "a directory of another owner": "chown 7:8 /root",
    "an empty file": ": > /root/installed",
    "a deleted file": "rm /etc/nsswitch.conf",
    "an empty directory": "mkdir /root/incoming",
    "a link": "ln -s /etc/passwd /root/passwd",
    "a changed file": "echo '# more' >> /etc/nsswitch.conf",
    "below a mount's parent": "echo x > /srv/deep/beside",
}


@pytest.mark.parametrize("script", SOMETHING.values(), ids=SOMETHING)
def test_whatever_was_written_is_kept(lab: Lab, journal: Path, script: str) -> None:
    create(lab, "web", body_with_mounts(lab))
    lab.start("web")
    do(lab, "web", script)
    outcome = fix(lab, Recreate(container="web"), journal)
    assert outcome.result is Result.FIXED
    assert_kept(lab, outcome)


def test_a_stopped_container_keeps_what_it_wrote(lab: Lab, journal: Path) -> None:
    lab.run("web")
    do(lab, "web", "echo precious > /tmp/data.db")
    lab.stop("web")
    outcome = fix(lab, Recreate(container="web"), journal)
    assert_kept(lab, outcome)
    assert digest(lab, KEPT, "/tmp/data.db") == sha("precious\n")


def test_dropped_files_are_gone(lab: Lab, journal: Path) -> None:
    lab.run("web")
    do(lab, "web", "echo precious > /tmp/data.db")
    outcome = fix(lab, Recreate(container="web"), journal, files=Files.DROP)
    assert (outcome.result, outcome.notes, outcome.kept) == (Result.FIXED, (), "")
    assert leftovers_of(lab) == []


# Carried over

ZOO = r"""
mkdir -p /srv/new/deep/empty /srv/new/closed
echo one > /srv/new/deep/one; ln /srv/new/deep/one /srv/other-name; ln -s deep/one /srv/new/link
ln -s /nowhere /srv/dangling; chown 7:8 /srv/new/deep /srv/new/deep/one
chmod 4711 /srv/new/deep/one
chmod 1777 /srv/new/closed; printf 'two words' > '/srv/new/two words'
printf x > "/srv/$(printf 'not-\377-utf8')"; printf long > /srv/$(printf 'n%.0s' $(seq 200))
echo '# more' >> /etc/nsswitch.conf; chmod 600 /etc/nsswitch.conf; chown 9:9 /root
rm /etc/nobody; mkdir /etc/nobody; echo inside > /etc/nobody/file; ln -sf /etc/passwd /usr/bin/env
dd if=/dev/zero of=/srv/large bs=1M count=24 2>/dev/null; echo end >> /srv/large
touch -t 200001010000 /srv/new/deep/one
"""
LISTING = r"""
find /srv /etc /root -xdev ! -path /etc/hosts ! -path /etc/hostname ! -path /etc/resolv.conf \
  ! -path /etc/mtab | sort | while read -r p; do
  if [ -f "$p" ] && [ ! -L "$p" ]; then s=$(sha256sum < "$p"); else s=; fi
  t=; [ -L "$p" ] && t=$(readlink "$p")
  echo "$p $(stat -c '%F %a %u:%g' "$p") $s $t"
done
"""


def test_files_are_carried_over_as_they_were(lab: Lab, journal: Path) -> None:
    lab.image("lab:zoo", files={"/etc/nobody": "a file"})
    lab.run("web", image="lab:zoo", command=SLEEP, binds=["/own"])
    do(lab, "web", ZOO)
    before = do(lab, "web", LISTING)
    assert "srv/large" in before
    outcome = fix(lab, Recreate(container="web"), journal, files=Files.CARRY)
    assert (outcome.result, outcome.reason, outcome.kept) == (Result.FIXED, "", "")
    assert do(lab, "web", LISTING) == before
    assert do(lab, "web", "stat -c %h /srv/other-name") == "2\n"
    assert do(lab, "web", "stat -c %Y /srv/new/deep/one") == "946684800\n"
    assert leftovers_of(lab) == []
    assert "carried over, and compared" in outcome.notes[0]
    assert str(len(before)) not in journal.read_text()


def test_files_are_carried_over_too_where_the_public_port_was_taken(
    lab: Lab, journal: Path
) -> None:
    lab.run("web", listen=80, publish_all=True)
    do(lab, "web", "echo precious > /state")
    before = public(lab)
    lab.stop("web")  # its port is free again, and the plan was made before
    lab.run("thief", listen=81, publish={81: before})
    pinned, fixed = (
        tuple(
            Publication(port=Port(80), host_address=address, host_port=before, ephemeral=engines)
            for address in ("0.0.0.0", "::")
        )
        for engines in (True, False)
    )
    order = Recreate(container="web", published=fixed, pinned=pinned)
    outcome = fix(lab, order, journal, files=Files.CARRY)
    assert outcome.result is Result.FIXED, outcome.reason
    assert public(lab) != before
    assert do(lab, "web", "cat /state") == "precious\n"
    assert leftovers_of(lab) == []
    said = " ".join(outcome.notes)
    assert f"public port {before} was taken meanwhile" in said
    assert "carried over" in said


def test_files_are_there_before_the_new_one_starts(lab: Lab, journal: Path) -> None:
    script = "cat /state >> /own/seen 2>/dev/null; exec sleep 100000"
    lab.run("web", command=["sh", "-c", script], binds=["/own"])
    do(lab, "web", "echo precious > /state")
    assert fix(lab, Recreate(container="web"), journal, files=Files.CARRY).kept == ""
    assert do(lab, "web", "cat /own/seen") == "precious\n"


def last_words(lab: Lab, link: tuple[str, ...] = ()) -> None:
    """`web` writes when it is stopped."""
    script = (
        "trap 'echo last words > /state; exit 0' TERM; : > /dev/shm/ready; "
        "while :; do sleep 0.1; done"
    )
    body = {"Image": lab.image("lab:base"), "Cmd": ["sh", "-c", script]}
    create(lab, "web", {**body, "HostConfig": {"Links": list(link)}})
    lab.start("web")
    lab.wait_for(lambda: lab.exec("web", "test -e /dev/shm/ready")[0] == 0)


def test_what_is_written_while_it_stops_is_carried_over(lab: Lab, journal: Path) -> None:
    last_words(lab)
    assert fix(lab, Recreate(container="web"), journal, files=Files.CARRY).kept == ""
    assert do(lab, "web", "cat /state") == "last words\n"


def test_what_is_written_while_it_stops_is_kept(lab: Lab, journal: Path) -> None:
    last_words(lab)
    assert_kept(lab, fix(lab, Recreate(container="web"), journal))
    assert digest(lab, KEPT, "/state") == sha("last words\n")


@pytest.mark.parametrize("link", ["far", "/far"])
def test_nothing_is_carried_into_what_is_mounted(lab: Lab, journal: Path, link: str) -> None:
    lab.image("lab:far", files={"/far/.keep": ""})
    create(lab, "base", {"Image": "lab:far", "Cmd": SLEEP, "StopSignal": "SIGKILL"})
    lab.start("base")
    do(lab, "base", f"ln -s {link} /near")
    lab.api.commit("base", repository="lab", tag="near")
    # The mounts are behind a link of the image: the engine makes their places behind it.
    binds = ["behind:/near/deep/volume", f"{lab.engine.home}/daemon.json:/near/file"]
    body: dict[str, Any] = {"Image": "lab:near", "Cmd": SLEEP, "StopSignal": "SIGKILL"}
    body["HostConfig"] = {"Binds": binds}
    create(lab, "web", body)
    lab.start("web")
    do(lab, "web", "chown 5:6 /far/deep/volume; chmod 750 /far/deep/volume; echo x > /far/own")
    do(lab, "web", "echo kept > /far/deep/volume/file")
    before = lab.inspect("web")
    outcome = fix(lab, Recreate(container="web"), journal, files=Files.CARRY)
    if link == "/far" and series() >= (28,):
        # This engine refuses every archive of such a container; nothing is stopped for it.
        assert (outcome.result, outcome.interrupted) == (Result.UNDONE, 0.0)
        assert "path escapes from parent" in outcome.reason
        assert lab.inspect("web")["State"]["StartedAt"] == before["State"]["StartedAt"]
    else:
        assert (outcome.result, outcome.kept) == (Result.FIXED, ""), outcome
    assert do(lab, "web", "stat -c '%a %u:%g' /far/deep/volume") == "750 5:6\n"
    assert do(lab, "web", "cat /far/deep/volume/file /far/own") == "kept\nx\n"


def test_what_an_archive_cannot_carry_is_named_and_kept(lab: Lab, journal: Path) -> None:
    lab.run("web")
    do(
        lab,
        "web",
        "mkfifo /tmp/pipe; mknod /tmp/null c 1 3; rm /etc/nsswitch.conf; echo x > /tmp/x",
    )
    do(lab, "web", "rm -r /var && mkdir /var && echo y > /var/y")
    outcome = fix(lab, Recreate(container="web"), journal, files=Files.CARRY)
    assert outcome.result is Result.FIXED
    assert_kept(lab, outcome)
    said = " ".join(outcome.notes)
    for each in (
        "/tmp/pipe (a named pipe)",
        "/tmp/null (a device)",
        "/etc/nsswitch.conf (deleted in the old container, and back in the new one)",
    ):
        assert each in said
    assert do(lab, "web", "cat /tmp/x /var/y") == "x\ny\n"


def ghost(lab: Lab, **web: Any) -> None:
    """`web` cannot be started again: the new one starts while it runs."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp", **web)
    do(lab, "web", "echo precious > /state")
    lab.recreate("app")


def test_a_ghost_that_is_quiet_is_carried_over_while_it_runs(lab: Lab, journal: Path) -> None:
    ghost(lab)
    outcome = fix(lab, Recreate(container="web"), journal, files=Files.CARRY)
    assert (outcome.result, outcome.kept, outcome.interrupted) == (Result.FIXED, "", 0.0)
    assert do(lab, "web", "cat /state") == "precious\n"
    assert "while the old one was running" in outcome.notes[0]


def test_a_ghost_that_writes_on_is_kept(lab: Lab, journal: Path) -> None:
    lab.run("app", listen=5000)
    last_words(lab, ("app:helloapp",))
    do(lab, "web", "echo precious > /other")
    lab.recreate("app")
    outcome = fix(lab, Recreate(container="web"), journal, files=Files.CARRY)
    assert outcome.result is Result.FIXED
    assert_kept(lab, outcome)
    assert "kept writing after its files were copied" in " ".join(outcome.notes)
    assert digest(lab, KEPT, "/state") == sha("last words\n")
    assert do(lab, "web", "cat /other") == "precious\n"


def test_a_ghost_is_kept_with_what_it_wrote(lab: Lab, journal: Path) -> None:
    ghost(lab)
    outcome = fix(lab, Recreate(container="web"), journal)
    assert_kept(lab, outcome)
    assert digest(lab, KEPT, "/state") == sha("precious\n")


# Ends that are not the wanted one


@pytest.mark.parametrize("files", Files)
def test_what_is_put_back_has_all_that_it_wrote(lab: Lab, journal: Path, files: Files) -> None:
    identity = lab.run("web")
    do(lab, "web", "echo precious > /state")
    outcome = fix(lab, Recreate(container="web"), journal, files=files, verify=lambda: "not clean")
    assert outcome.result is Result.UNDONE
    assert lab.inspect("web")["Id"] == identity
    assert do(lab, "web", "cat /state") == "precious\n"
    assert leftovers_of(lab) == []


@pytest.mark.parametrize("files", Files)
def test_what_can_only_be_left_aside_is_kept(lab: Lab, journal: Path, files: Files) -> None:
    ghost(lab, publish={80: 18084}, restart="always")
    outcome = fix(lab, Recreate(container="web"), journal, files=files, verify=lambda: "not clean")
    assert outcome.result is Result.NOT_FIXED
    assert_kept(lab, outcome)
    assert digest(lab, KEPT, "/state") == sha("precious\n")


class _Refusing(CuttingProxy):
    """Refuses some requests, as a damaged engine does."""

    def __init__(self, engine: Path, path: Path, refused: str) -> None:
        self._refused = refused
        super().__init__(engine, path)

    def _forward(
        self, method: str, path: str, body: bytes, when: When | None, victim: int
    ) -> bytes:
        if self._refused in f"{method} {path}":
            said = b'{"message":"broken"}'
            head = f"HTTP/1.1 500 Internal Server Error\r\nContent-Length: {len(said)}\r\n\r\n"
            return head.encode() + said
        return super()._forward(method, path, body, when, victim)


@contextmanager
def refusing(lab: Lab, path: Path, refused: str) -> Generator[str]:
    """The engine behind a proxy that refuses what contains some words; gives its address."""
    proxy = _Refusing(lab.engine.socket, path, refused)
    try:
        yield proxy.url
    finally:
        proxy.close()


def recreated(url: str, journal: Path, files: Files) -> Outcome:
    with controlling(Url(url), {}) as control, Journal(journal) as written:
        return perform(
            Recreate(container="web"),
            control,
            written,
            files=files,
            patience=QUICK,
            environment=BARE,
        )


def test_what_cannot_be_read_is_kept(lab: Lab, journal: Path, tmp_path: Path) -> None:
    lab.run("web")
    with refusing(lab, tmp_path / "p.sock", "/changes") as url:
        outcome = recreated(url, journal, Files.KEEP)
    assert outcome.result is Result.FIXED
    assert_kept(lab, outcome)
    assert "what it wrote outside volumes could not be read" in " ".join(outcome.notes)


@pytest.mark.parametrize("refused", ["/changes", "/export", "PUT "])
def test_what_cannot_be_carried_over_is_put_back(
    lab: Lab, journal: Path, tmp_path: Path, refused: str
) -> None:
    identity = lab.run("web")
    do(lab, "web", "echo precious > /state")
    with refusing(lab, tmp_path / "p.sock", refused) as url:
        outcome = recreated(url, journal, Files.CARRY)
    assert outcome.result is Result.UNDONE
    assert "could not be carried over: broken" in outcome.reason
    assert lab.inspect("web")["Id"] == identity
    assert do(lab, "web", "cat /state") == "precious\n"


@pytest.fixture
def victim(lab: Lab, tmp_path: Path) -> Any:
    with cutting(lab.engine.socket, tmp_path / "p.sock") as proxy:
        yield Victim(lab, proxy, tmp_path)


@pytest.mark.parametrize("files", [Files.KEEP, Files.CARRY])
@pytest.mark.parametrize(("when", "writes"), list(every_cut())[1:])
def test_killed_anywhere_what_was_written_is_there(
    lab: Lab, victim: Victim, when: When, writes: bool, files: Files
) -> None:
    lab.run("web")
    for nth in itertools.count(1):
        assert nth < MOST_REQUESTS
        do(lab, "web", "echo precious > /state")
        cut = victim.recreate("web", Cut(when, nth, writes), files=files)
        victim.clean_up(by_undo=False)
        assert lab.inspect("web")["State"]["Running"]
        names = [each.strip("/") for each in ("web", *leftovers_of(lab))]
        assert any(has(lab, each, "/state") for each in names), victim.proxy.fell_at
        lab.api.remove_container(KEPT) if KEPT in names else None
        if not cut:
            break


def has(lab: Lab, name: str, path: str) -> bool:
    try:
        return digest(lab, name, path) == sha("precious\n")
    except NotFound:
        return False


# Plan and command line


def broken(lab: Lab) -> None:
    """A ghost and the target of its target, which is replaced because of it."""
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.run("front", link="web:web")
    do(lab, "web", "echo precious > /tmp/data.db; rm /etc/nsswitch.conf")
    do(lab, "front", "mkdir /srv; echo more > /srv/more")
    lab.recreate("app")


def test_the_plan_says_what_was_written(lab: Lab, tmp_path: Path) -> None:
    broken(lab)
    text = command_line(lab, tmp_path, "fix").stdout
    said = "wrote outside volumes 1 file (9 bytes) and 1 deletion: /etc/nsswitch.conf, /tmp/data.db"
    assert said in " ".join(text.split()), text
    steps = {
        step["action"]["container"]: step
        for step in steps_of(command_line(lab, tmp_path, "fix", "--format", "json"))
    }
    found = steps["web"]["written"]["value"]
    assert found == {
        "files": 1,
        "deleted": 1,
        "size": 9,
        "paths": ["/etc/nsswitch.conf", "/tmp/data.db"],
    }
    assert steps["front"]["written"]["value"]["paths"] == ["/srv/more"]
    assert steps["front"]["files"] == "keep"


def test_each_that_is_replaced_as_a_consequence_keeps_its_files(lab: Lab, tmp_path: Path) -> None:
    broken(lab)
    done = command_line(lab, tmp_path, "fix", "--apply", "--allow", "recreate", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert digest(lab, KEPT, "/tmp/data.db") == sha("precious\n")
    assert digest(lab, "front-linkdoctor-old", "/srv/more") == sha("more\n")
    assert f"{KEPT} is kept, stopped" in " ".join(done.stdout.split())
    again = command_line(lab, tmp_path, "check", "--format", "json")
    assert json.loads(again.stdout)["summary"]["error"] == 0, again.stdout


def test_carried_by_the_command_line_and_from_python(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    do(lab, "web", "echo precious > /tmp/data.db")
    lab.recreate("app")
    arguments = ("--apply", "--allow", "recreate", "--yes", "--carry-files")
    done = command_line(lab, tmp_path, "fix", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert leftovers_of(lab) == []
    assert do(lab, "web", "cat /tmp/data.db") == "precious\n"
    lab.recreate("app")
    linkdoctor.apply(
        linkdoctor.Scope(engines=(linkdoctor.Url(lab.url),)),
        allow=linkdoctor.Safety.RECREATE,
        files=linkdoctor.Files.CARRY,
        journal=tmp_path / "python.jsonl",
        environment=BARE,
    )
    assert leftovers_of(lab) == []
    assert do(lab, "web", "cat /tmp/data.db") == "precious\n"


def test_memory_is_said_to_be_lost(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    body = {
        "Image": lab.image("lab:base"),
        "Cmd": SLEEP,
        "HostConfig": {"Links": ["app:helloapp"], "Tmpfs": {"/scratch": ""}},
    }
    create(lab, "web", body)
    lab.start("web")
    lab.recreate("app")
    text = command_line(lab, tmp_path, "fix").stdout
    assert "what /scratch holds in memory (tmpfs) is lost" in text
    assert "wrote outside volumes" not in text


# Taking back


def test_what_replaced_it_is_kept_where_it_wrote_more(lab: Lab, journal: Path) -> None:
    lab.run("web", restart="always")
    do(lab, "web", "echo precious > /state")
    fix(lab, Recreate(container="web"), journal)
    do(lab, "web", "echo newer > /tmp/newer")
    with control_of(lab) as control, Journal(journal, continued=True) as written:
        (outcome,) = undo(written, control, patience=QUICK)
    assert outcome.result is Result.UNDONE
    assert do(lab, "web", "cat /state") == "precious\n"
    assert leftovers_of(lab) == ["/web-linkdoctor-undone"]
    assert digest(lab, "web-linkdoctor-undone", "/tmp/newer") == sha("newer\n")
    assert lab.inspect("web-linkdoctor-undone")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert "/tmp/newer" in " ".join(outcome.notes)
    assert fix(lab, Recreate(container="web"), journal).result is Result.FIXED


@pytest.mark.parametrize("when", [When.DURING, When.AFTER])
def test_an_undo_that_is_killed_anywhere_loses_nothing_either(
    lab: Lab, victim: Victim, when: When
) -> None:
    lab.run("web")
    for nth in itertools.count(1):
        assert nth < MOST_REQUESTS
        do(lab, "web", "echo precious > /state; rm -f /newer")
        assert fix(lab, Recreate(container="web"), victim.next_journal).kept
        do(lab, "web", "echo precious > /newer")
        cut = victim.recreate("web", Cut(when, nth, writes=True), "undo")
        victim.clean_up(by_undo=False)
        assert lab.inspect("web")["State"]["Running"]
        aside = [each.strip("/") for each in leftovers_of(lab)]
        for path in ("/state", "/newer"):
            assert any(has(lab, each, path) for each in ("web", *aside)), victim.proxy.fell_at
        lab.remove(*aside)
        if not cut:
            assert nth > 3, "rename, stop, start"
            break


# Health


def test_a_target_that_was_unhealthy_before_may_be_so_afterwards(lab: Lab, journal: Path) -> None:
    lab.run("web", health="false")
    lab.wait_for(lambda: lab.inspect("web")["State"]["Health"]["Status"] == "unhealthy")
    for action in (Restart(container="web"), Recreate(container="web")):
        outcome = fix(lab, action, journal)
        assert (outcome.result, outcome.reason) == (Result.FIXED, "")
        assert outcome.notes == ("Its health check fails, as it did before.",)
        lab.wait_for(lambda: lab.inspect("web")["State"]["Health"]["Status"] == "unhealthy")


def test_a_target_that_gets_healthy_by_the_step_is_waited_for(lab: Lab, journal: Path) -> None:
    script = "test -e /own/first && touch /own/well; touch /own/first; exec sleep 100000"
    lab.run("web", command=["sh", "-c", script], health="test -e /own/well", binds=["/own"])
    lab.wait_for(lambda: lab.inspect("web")["State"]["Health"]["Status"] == "unhealthy")
    outcome = fix(lab, Recreate(container="web"), journal)
    assert (outcome.result, outcome.notes) == (Result.FIXED, ())
    assert lab.inspect("web")["State"]["Health"]["Status"] == "healthy"
