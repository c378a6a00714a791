"""The cron lines and the units of systemd, read by cron's and systemd's own programs."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from .commands import accept, calls_in
from .programs import DEPLOY, bin_with_linkdoctor, program, run

CRON = DEPLOY / "cron" / "linkdoctor"
SYSTEMD = DEPLOY / "systemd"
SERVICE, TIMER = SYSTEMD / "linkdoctor.service", SYSTEMD / "linkdoctor.timer"
DROP_IN = SYSTEMD / "docker-group.conf"
INSTALLED = "/usr/local/bin/linkdoctor"


def cron_lines() -> list[tuple[str, str, str]]:
    """When, as whom and what."""
    found = re.findall(r"^([\d*/]+(?: [\d*/]+){4})  (\w+)  (.+)$", CRON.read_text(), re.MULTILINE)
    assert len(found) == 2
    return [(str(when), str(who), str(what)) for when, who, what in found]


def test_cron_accepts_the_lines(tmp_path: Path) -> None:
    # What a user's own table has not is the column of the user.
    as_users = re.sub(r"^([\d*].*?)  root  ", r"\1 ", CRON.read_text(), flags=re.MULTILINE)
    table = tmp_path / "table"
    table.write_text(as_users)
    run([program("crontab"), "-n", table])
    table.write_text(as_users.replace("*/5 * * * *", "*/5 * * *"))
    assert run([program("crontab"), "-n", table], status=None).returncode != 0


def test_the_cron_lines_call_what_there_is() -> None:
    for _, who, what in cron_lines():
        assert who == "root"
        assert "%" not in what, "cron makes a line feed of it"
        (call,) = calls_in(what)
        assert accept(call) == "check"


def test_metrics_are_written_without_a_word_and_a_failure_is_told(tmp_path: Path) -> None:
    what = cron_lines()[0][2].replace("/run/", f"{tmp_path}/")
    own = {"PATH": bin_with_linkdoctor(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none"}
    file = tmp_path / "linkdoctor.prom"
    here = what.replace("/var/lib/prometheus/node-exporter", str(tmp_path))
    done = run(["/bin/sh", "-c", here], status=None, environment=own)
    assert (done.stdout, done.stderr) == ("", "")
    assert "linkdoctor_incomplete 1.0" in file.read_text()
    nowhere = what.replace("/var/lib/prometheus/node-exporter", f"{tmp_path}/missing")
    assert run(["/bin/sh", "-c", nowhere], status=None, environment=own).stderr


def units(directory: Path, *drop_ins: Path) -> tuple[Path, Path]:
    """The units as they are installed, with linkdoctor where it is here."""
    home = directory / "units"
    beside = home / "linkdoctor.service.d"
    beside.mkdir(parents=True)
    here = bin_with_linkdoctor(directory).partition(":")[0] + "/linkdoctor"
    for source in (SERVICE, TIMER):
        (home / source.name).write_text(source.read_text().replace(INSTALLED, here))
    for source in drop_ins:
        (beside / source.name).write_text(source.read_text().replace(INSTALLED, here))
    return home / SERVICE.name, home / TIMER.name


@pytest.mark.parametrize("drop_ins", [(), (DROP_IN,)], ids=["root", "docker-group"])
def test_systemd_accepts_the_units(drop_ins: tuple[Path, ...], tmp_path: Path) -> None:
    done = run([program("systemd-analyze"), "verify", *units(tmp_path, *drop_ins)])
    assert "linkdoctor" not in done.stdout + done.stderr


def test_systemd_finds_what_is_wrong_with_a_unit(tmp_path: Path) -> None:
    service, timer = units(tmp_path)
    service.write_text(service.read_text().replace("ProtectSystem=strict", "ProtectSystem=very"))
    done = run([program("systemd-analyze"), "verify", service, timer], status=None)
    assert "ProtectSystem=very" in done.stderr or "protect system" in done.stderr


@pytest.mark.parametrize(
    ("drop_ins", "most"), [((), 3.2), ((DROP_IN,), 2.0)], ids=["root", "docker-group"]
)
def test_the_service_is_as_little_exposed_as_is_said(
    drop_ins: tuple[Path, ...], most: float, tmp_path: Path
) -> None:
    service, _ = units(tmp_path, *drop_ins)
    done = run([program("systemd-analyze"), "security", "--offline=true", "--no-pager", service])
    (level,) = re.findall(r"Overall exposure level for linkdoctor.service: ([\d.]+)", done.stdout)
    assert float(level) <= most


def settings(path: Path) -> configparser.ConfigParser:
    """What a unit says; the last word counts where it says something twice."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


def test_the_timer_starts_the_service() -> None:
    assert TIMER.stem == SERVICE.stem
    assert settings(TIMER)["Install"]["WantedBy"] == "timers.target"
    assert settings(SERVICE)["Service"]["Type"] == "oneshot"


@pytest.mark.parametrize("unit", [SERVICE, DROP_IN], ids=lambda unit: unit.name)
def test_the_units_call_what_there_is_and_write_where_they_may(unit: Path) -> None:
    service = settings(unit)["Service"]
    (call,) = calls_in(service["ExecStart"])
    assert accept(call) == "check"
    written = Path(call[call.index("--output") + 1]).parent
    may = (service["ReadWritePaths"], f"/var/lib/{service.get('StateDirectory', '')}")
    assert str(written) in may
