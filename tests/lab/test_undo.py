"""`linkdoctor fix --undo`: it says what it can do before it does it, and breaks nobody."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from linkdoctor.fix.journal import Journal
from linkdoctor.fix.journal import journals as known_journals
from linkdoctor.fix.recorder import state_before
from linkdoctor.model.actions import (
    Action,
    ConnectNetwork,
    Recreate,
    Rename,
    SetRestartPolicy,
    Start,
    Unpause,
)

from .fixing import command_line, control_of, create, environment, fix
from .situations import Lab


def journal_at(home: Path) -> Path:
    """Where a test's own journal lies, as if a run had left it."""
    return home / ".local/state/linkdoctor/fix-20260101T000000Z-1.jsonl"


def undo(lab: Lab, home: Path, *arguments: str) -> tuple[int, str, str]:
    done = command_line(lab, home, "fix", "--undo", *arguments)
    return done.returncode, done.stdout, done.stderr


def applied(lab: Lab, home: Path, *further: str) -> str:
    """What a fix prints that does all that it may."""
    wide = ("--apply", "--allow", "recreate", "--yes", *further)
    done = command_line(lab, home, "fix", *wide)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def printed_command(text: str) -> list[str]:
    (found,) = re.findall(r"^ +(linkdoctor fix .*--undo .*)$", text, re.MULTILINE)
    words = shlex.split(str(found))
    assert words[:2] == ["linkdoctor", "fix"]
    return words[1:]


# What is said


def test_a_restart_says_beforehand_and_afterwards_that_it_cannot_be_taken_back(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.move("app")
    planned = command_line(lab, tmp_path, "fix")
    assert "cannot be taken back: a restart leaves nothing" in planned.stdout
    said = applied(lab, tmp_path)
    assert "cannot be taken back: a restart leaves nothing" in said
    assert "--undo" not in said
    assert "none of it can be taken back" in said
    code, out, _ = undo(lab, tmp_path, "--yes")
    assert (code, out) == (
        1,
        "restart web: not-fixed: a restart leaves nothing to take back\n",
    )


def test_a_replaced_container_is_taken_back_by_the_command_that_was_printed(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    old = lab.run("web", link="app:helloapp", env={"APP_HOST": "http://hellapp:5000/"})
    planned = command_line(lab, tmp_path, "fix", "--format", "json")
    (step,) = json.loads(planned.stdout)["steps"]
    assert step["reversible"].startswith(
        "can be taken back while the old container is kept (it is, if"
    )
    said = applied(lab, tmp_path, "--keep-old", "--journal", str(tmp_path / "the journal"))
    command = printed_command(said)
    assert command[1:3] == ["-H", lab.url]
    assert command[-1] == str(tmp_path / "the journal")
    assert lab.inspect("web")["Id"] != old
    done = command_line(lab, tmp_path, *[each for each in command if each not in ("-H", lab.url)])
    assert done.returncode == 2
    assert "add --yes" in done.stderr
    assert lab.inspect("web")["Id"] != old, "nobody said yes"
    words = [each for each in command if each not in ("-H", lab.url)]
    done = command_line(lab, tmp_path, *words, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.inspect("web")["Id"] == old
    assert lab.inspect("web")["State"]["Running"]


def test_what_could_not_be_started_again_is_not_said_to_be_taken_back(
    lab: Lab, tmp_path: Path
) -> None:
    """The old container has the ghost link that was the fault: no engine starts it again."""
    lab.run("db", listen=5432)
    lab.run("app", link="db:store", listen=5000)
    lab.run("web", link="app:helloapp")
    assert lab.exec("app", "echo mine > /wrote")[0] == 0
    lab.recreate("db")
    planned = command_line(lab, tmp_path, "fix", "--format", "json")
    for step in json.loads(planned.stdout)["steps"]:
        assert step["reversible"].startswith("cannot be taken back: as it was"), step["action"]
        assert step["undo"] == []
    said = applied(lab, tmp_path, "--keep-old")
    assert said.count("cannot be taken back: as it was it could not be started again") == 2
    assert "none of it can be taken back" in said
    assert "To take it back" not in said
    assert "docker cp app-linkdoctor-old:PATH ." in said
    code, out, _ = undo(lab, tmp_path, "--yes")
    assert code == 1
    assert out.count("could not be started again") == 2
    assert lab.fetch("web", "http://helloapp:5000/") == (0, "app\n")


def test_a_source_says_that_its_target_keeps_it_from_being_taken_back(
    quiet_lab: Lab, tmp_path: Path
) -> None:
    lab = quiet_lab
    serve = "httpd -p 9000 -h /srv; exec httpd -f -p 5000 -h /srv"
    lab.run(
        "app",
        command=["sh", "-c", f"mkdir -p /srv; echo app > /srv/index.html; {serve}"],
        expose=[5000],
    )
    lab.run("web", link="app:api", env={"API_URL": "http://api:9000/"})
    lab.wait_for(lambda: "recreate app" in command_line(lab, tmp_path, "fix").stdout, 20.0)
    planned = command_line(lab, tmp_path, "fix", "--format", "json")
    source, target = json.loads(planned.stdout)["steps"]
    assert source["reversible"].startswith("cannot be taken back: web, which is replaced after it")
    assert target["reversible"].startswith("cannot be taken back: as it was")
    said = applied(lab, tmp_path, "--keep-old")
    assert "none of it can be taken back" in said
    assert undo(lab, tmp_path, "--yes")[0] == 1
    assert lab.fetch("web", "http://api:9000/") == (0, "app\n")


def test_owner_and_sharer_are_taken_back_by_the_command_that_was_printed(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    old = lab.run("web", link="app:helloapp", env={"APP_HOST": "http://hellapp:5000/"})
    sharing = {"NetworkMode": f"container:{old}"}
    body = {"Image": lab.image("lab:base"), "Cmd": ["sleep", "1000"], "HostConfig": sharing}
    create(lab, "side", body)
    lab.api.start("side")
    side = lab.inspect("side")["Id"]
    said = applied(lab, tmp_path, "--keep-old")
    assert lab.inspect("web")["Id"] != old
    assert lab.inspect("side")["Id"] != side
    words = [each for each in printed_command(said) if each not in ("-H", lab.url)]
    done = command_line(lab, tmp_path, *words, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [lab.inspect(each)["Id"] for each in ("web", "side")] == [old, side]
    assert lab.fetch("side", "http://helloapp:5000/") == (0, "app\n")


def test_the_newest_journal_of_this_engine_is_taken_without_being_named(
    lab: Lab, tmp_path: Path
) -> None:
    code, out, err = undo(lab, tmp_path, "--yes")
    assert (code, out) == (2, "")
    assert "holds no journal of a fix on this engine" in err
    lab.run("first", start=False)
    lab.run("second", start=False)
    here = journal_at(tmp_path).parent
    fix(lab, Start(container="first"), here / "fix-2.jsonl")
    fix(lab, Start(container="second"), here / "fix-1.jsonl")
    (here / "fix-3.jsonl").touch()
    (here / "fix-4.jsonl").write_text("no journal\n")
    with Journal(here / "fix-5.jsonl") as foreign, control_of(lab) as control:
        foreign.begin(Start(container="x"), state_before(control.look("first")), engine="another")
    left = known_journals({"XDG_STATE_HOME": str(here.parent)})
    assert [path.name for path, _ in left] == ["fix-2.jsonl", "fix-1.jsonl", "fix-5.jsonl"]
    code, out, _ = undo(lab, tmp_path, "--yes")
    assert (code, out) == (0, "start second: undone\n")
    assert lab.inspect("first")["State"]["Running"]
    assert not lab.inspect("second")["State"]["Running"]
    code, out, _ = undo(lab, tmp_path, "--yes")
    assert (code, out) == (0, "nothing was left to do\n"), "it does not go on to an older one"


def test_an_empty_journal_is_no_success(lab: Lab, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for how in ("--undo", "--resume"):
        done = command_line(lab, tmp_path, "fix", how, str(empty))
        assert (done.returncode, done.stdout) == (2, "")
        assert "is empty: no step was started" in done.stderr
        done = command_line(lab, tmp_path, "fix", how, str(tmp_path / "missing"))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"linkdoctor: there is no journal {tmp_path / 'missing'}\n"


def test_an_interrupted_run_is_told_of_with_its_engine(lab: Lab, tmp_path: Path) -> None:
    lab.run("app")
    path = journal_at(tmp_path)
    with control_of(lab) as control, Journal(path) as journal:
        before = state_before(control.look("app"))
        journal.begin(Start(container="app"), before, engine=control.engine_id())
    done = command_line(lab, tmp_path, "fix", "--apply", "--yes")
    assert f"an earlier run on {lab.url} was interrupted" in done.stderr
    assert f"linkdoctor fix -H {lab.url} --resume {path}" in done.stderr
    done = command_line(lab, tmp_path, "fix", "--resume", "auto")
    assert "start app: not-fixed: it was interrupted before it was done" in done.stdout


# Who relies on it


Prepare = Callable[[Lab], Any]


def undone_after(
    lab: Lab, home: Path, action: Action, later: Prepare, *, keep_old: bool = False
) -> tuple[int, str, str]:
    """Carry out one action, let something happen, and take the action back."""
    outcome = fix(lab, action, journal_at(home), keep_old=keep_old)
    assert outcome.result == "fixed", outcome
    later(lab)
    return undo(lab, home, "--yes")


def test_a_connection_stays_whose_alias_a_later_container_uses(lab: Lab, tmp_path: Path) -> None:
    lab.network("shop")
    lab.run("db", listen=5000)
    action = ConnectNetwork(network="shop", container="db", aliases=("store",))
    code, out, _ = undone_after(
        lab,
        tmp_path,
        action,
        lambda lab: lab.run("web", network="shop", env={"STORE_URL": "http://store:5000/"}),
    )
    assert code == 1
    assert "web would break" in out
    assert "shop" in lab.inspect("db")["NetworkSettings"]["Networks"]


def test_a_connection_stays_that_a_later_link_uses(lab: Lab, tmp_path: Path) -> None:
    lab.network("shop")
    lab.run("db", listen=5000)
    code, out, _ = undone_after(
        lab,
        tmp_path,
        ConnectNetwork(network="shop", container="db"),
        lambda lab: lab.run("web", network="shop", link="db:store"),
    )
    assert code == 1
    assert "web would break" in out


def test_a_connection_goes_that_nobody_new_uses(lab: Lab, tmp_path: Path) -> None:
    lab.network("shop")
    lab.network("other")
    lab.run("db", listen=5000)
    lab.run("web", network="shop", env={"STORE_URL": "http://store:5000/"})
    lab.run("elsewhere", network="other", env={"STORE_URL": "http://store:5000/"})

    def later(lab: Lab) -> None:
        lab.restart("elsewhere")
        lab.run("neighbour", network="shop", env={"CACHE_URL": "http://cache:6379/"})

    action = ConnectNetwork(network="shop", container="db", aliases=("store",))
    code, out, err = undone_after(lab, tmp_path, action, later)
    assert (code, out) == (0, "connectnetwork db: undone\n"), err
    assert "shop" not in lab.inspect("db")["NetworkSettings"]["Networks"]


def test_a_replacement_stays_to_which_a_link_leads_now(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)
    code, out, _ = undone_after(
        lab,
        tmp_path,
        Recreate(container="app"),
        lambda lab: lab.run("web", link="app:helloapp"),
        keep_old=True,
    )
    assert code == 1
    assert "web would break" in out
    assert lab.links("web") == ["/app:/web/helloapp"]
    assert lab.inspect("app")["State"]["Running"]


def test_a_replacement_goes_beside_a_ghost_that_it_left(lab: Lab, tmp_path: Path) -> None:
    """A target that was linked to the old container is not broken by its return."""
    old = lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    code, out, err = undone_after(
        lab, tmp_path, Recreate(container="app"), lambda _: None, keep_old=True
    )
    assert code == 0, out + err
    assert lab.inspect("app")["Id"] == old


def test_a_replacement_stays_in_whose_namespace_another_lives(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000)

    def share(lab: Lab) -> None:
        sharing = f"container:{lab.inspect('app')['Id']}"
        body = {"Image": lab.image("lab:base"), "Cmd": ["sleep", "1000"]}
        create(lab, "side", {**body, "HostConfig": {"PidMode": sharing}})

    code, out, _ = undone_after(lab, tmp_path, Recreate(container="app"), share, keep_old=True)
    assert code == 1
    assert "side would break" in out


def test_a_started_source_stays_up_for_who_was_started_since(lab: Lab, tmp_path: Path) -> None:
    lab.run("app", listen=5000, start=False)
    code, out, _ = undone_after(
        lab, tmp_path, Start(container="app"), lambda lab: lab.run("web", link="app:helloapp")
    )
    assert code == 1
    assert "web would break" in out
    assert lab.inspect("app")["State"]["Running"]


def test_a_started_source_is_stopped_again_for_who_was_there_before(
    lab: Lab, tmp_path: Path
) -> None:
    lab.run("app", listen=5000)
    lab.run("web", link="app:helloapp")
    lab.stop("app")
    code, out, err = undone_after(lab, tmp_path, Start(container="app"), lambda _: None)
    assert code == 0, out + err
    assert not lab.inspect("app")["State"]["Running"]


def test_a_name_stays_that_is_used_since(lab: Lab, tmp_path: Path) -> None:
    lab.network("shop")
    lab.run("store", network="shop", listen=5000)
    code, out, _ = undone_after(
        lab,
        tmp_path,
        Rename(container="store", to="db"),
        lambda lab: lab.run("web", network="shop", env={"DB_URL": "http://db:5000/"}),
    )
    assert code == 1
    assert "web would break" in out
    assert lab.find("db")


def test_a_policy_and_a_pause_are_taken_back(lab: Lab, tmp_path: Path) -> None:
    lab.run("app")
    lab.pause("app")
    fix(lab, SetRestartPolicy(container="app", policy="always"), journal_at(tmp_path))
    code, out, err = undone_after(lab, tmp_path, Unpause(container="app"), lambda _: None)
    assert (code, out) == (0, "unpause app: undone\nsetrestartpolicy app: undone\n"), err
    assert lab.inspect("app")["State"]["Paused"]


def test_nothing_is_asked_of_the_engine_of_another_home(lab: Lab, tmp_path: Path) -> None:
    """The state directory is the user's own: without one there is nothing to take back."""
    fix(lab, Start(container=lab.run("app", start=False)), journal_at(tmp_path))
    other = tmp_path / "other"
    other.mkdir()
    assert environment(other)["HOME"] == str(other)
    assert undo(lab, other, "--yes")[0] == 2
