"""Nagios, NRPE, sudo and Icinga read what is made for them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from .commands import accept, calls_in
from .programs import DEPLOY, program, run, user_and_group

NAGIOS = DEPLOY / "nagios" / "linkdoctor.cfg"
NRPE = DEPLOY / "nagios" / "nrpe.cfg"
SUDOERS = DEPLOY / "nagios" / "sudoers"
ICINGA = DEPLOY / "icinga2" / "linkdoctor.conf"

SITE = """
define timeperiod {
    timeperiod_name 24x7
    alias           always
    monday          00:00-24:00
    tuesday         00:00-24:00
    wednesday       00:00-24:00
    thursday        00:00-24:00
    friday          00:00-24:00
    saturday        00:00-24:00
    sunday          00:00-24:00
}
define command {
    command_name    notify
    command_line    /bin/true
}
define contact {
    contact_name                    admin
    host_notification_commands      notify
    service_notification_commands   notify
    host_notification_period        24x7
    service_notification_period     24x7
    host_notification_options       d
    service_notification_options    c
}
define host {
    host_name           alpha
    address             192.0.2.1
    max_check_attempts  1
    check_period        24x7
    notification_period 24x7
    contacts            admin
}
define service {
    use         docker-links
    host_name   alpha
    contacts    admin
}
define service {
    use                 docker-links
    service_description Docker links, asked from here
    check_command       check_linkdoctor!unix:///var/run/docker.sock!5!0
    host_name           alpha
    contacts            admin
}
"""
"""What a site has of its own."""


def nagios_settings(directory: Path, objects: Path) -> Path:
    """The main file of a Nagios that keeps all its files in one directory."""
    (directory / "site.cfg").write_text(SITE)
    (directory / "resource.cfg").write_text("$USER1$=/usr/lib/nagios/plugins\n")
    user, group = user_and_group()
    main = directory / "nagios.cfg"
    main.write_text(
        f"log_file={directory}/nagios.log\n"
        f"cfg_file={directory}/site.cfg\ncfg_file={objects}\n"
        f"resource_file={directory}/resource.cfg\n"
        f"object_cache_file={directory}/objects.cache\nstatus_file={directory}/status.dat\n"
        f"command_file={directory}/nagios.cmd\nlock_file={directory}/nagios.pid\n"
        f"query_socket={directory}/nagios.qh\n"
        f"check_result_path={directory}\ntemp_path={directory}\n"
        f"nagios_user={user}\nnagios_group={group}\n"
        'illegal_macro_output_chars=`~$&|"<>\n'
    )
    return main


def test_nagios_accepts_the_command_and_the_service(tmp_path: Path) -> None:
    settings = nagios_settings(tmp_path, NAGIOS)
    done = run([program("nagios4"), "-v", settings])
    assert "Total Warnings: 0" in done.stdout
    assert "Total Errors:   0" in done.stdout
    assert "Checked 2 services" in done.stdout


def test_nagios_refuses_a_service_without_its_command(tmp_path: Path) -> None:
    broken = tmp_path / "linkdoctor.cfg"
    broken.write_text(NAGIOS.read_text().replace("check_nrpe_linkdoctor\n", "x\n", 1))
    done = run([program("nagios4"), "-v", nagios_settings(tmp_path, broken)], status=None)
    assert done.returncode != 0
    assert "check_nrpe_linkdoctor" in done.stdout


def test_the_commands_are_accepted_by_the_command_line() -> None:
    text = NAGIOS.read_text()
    (line,) = re.findall(r"command_line\s+(\S*linkdoctor .*)", text)
    for macro, value in (("$ARG1$", "unix:///d.sock"), ("$ARG2$", "5"), ("$ARG3$", "@10:20")):
        assert macro in line
        line = line.replace(macro, value)
    (call,) = calls_in(line)
    assert accept(call) == "check"


def test_nrpe_may_run_with_sudo_exactly_what_it_runs() -> None:
    (of_nrpe,) = re.findall(r"^command\[check_linkdoctor\]=(.+)$", NRPE.read_text(), re.MULTILINE)
    (allowed,) = re.findall(r"NOPASSWD: (.+)$", SUDOERS.read_text(), re.MULTILINE)
    words = shlex.split(of_nrpe)
    assert words[:2] == ["/usr/bin/sudo", "-n"]
    assert words[2:] == shlex.split(allowed)
    (call,) = calls_in(of_nrpe)
    assert accept(call) == "check"
    assert "check_nrpe_linkdoctor" in NAGIOS.read_text()
    assert "-c check_linkdoctor" in NAGIOS.read_text()


def test_sudo_accepts_the_rule() -> None:
    done = run([program("visudo"), "--check", "--strict", "--file", SUDOERS])
    assert "parsed OK" in done.stdout


def icinga_constants(directory: Path) -> list[str]:
    """The options that let Icinga keep all its files in one directory."""
    names = ("DataDir", "CacheDir", "LogDir", "InitRunDir", "SpoolDir", "PluginDir")
    return [word for name in names for word in ("-D", f"{name}={directory}")]


def icinga_environment() -> dict[str, str]:
    """What lets Icinga run as whoever runs the tests."""
    return dict(zip(("ICINGA2_USER", "ICINGA2_GROUP"), user_and_group(), strict=True))


def validated(directory: Path, *included: Path) -> str:
    """What `icinga2 daemon -C` says of a configuration."""
    main = directory / "icinga2.conf"
    main.write_text(
        "include <itl>\ninclude <plugins>\n"
        'object Host "alpha" {\n  check_command = "dummy"\n  vars.docker = true\n'
        '  vars.linkdoctor_ignore = [ "LD605", "LD511" ]\n  vars.linkdoctor_probe = true\n}\n'
        'object Host "beta" {\n  check_command = "dummy"\n}\n'
        + "".join(f'include "{each}"\n' for each in included)
    )
    given = icinga_constants(directory)
    icinga = program("icinga2")
    own = icinga_environment()
    # Without being asked to, Icinga writes its objects down until 2.13.
    options = run([icinga, "daemon", "--help"], environment=own).stdout
    dump = ["--dump-objects"] if "--dump-objects" in options else []
    run([icinga, "daemon", "-C", *dump, "-c", main, *given], environment=own)
    listing = run([icinga, "object", "list", *given[:4]], environment=own)
    return re.sub(r"\x1b\[[0-9;]*m", "", listing.stdout)


def test_icinga_accepts_the_command_and_applies_the_service(tmp_path: Path) -> None:
    objects = validated(tmp_path, ICINGA)
    assert "Object 'alpha!docker-links' of type 'Service'" in objects
    assert "Object 'beta!docker-links'" not in objects
    assert "Object 'linkdoctor' of type 'CheckCommand'" in objects


def test_the_arguments_of_icinga_are_options_of_check() -> None:
    text = ICINGA.read_text()
    options = re.findall(r'^    "(--[a-z-]+)" = \{', text, re.MULTILINE)
    assert len(options) == 7
    values = {"--timeout": "30", "--ignore": "LD605", "--host": "unix:///d.sock", "--probe": None}
    values["--accept-missing"] = "root"
    for option in options:
        value = values.get(option, "5")
        assert accept(["check", "--format", "nagios", option, *([value] if value else [])])
    (command,) = re.findall(r"command = \[ (.+) \]", text)
    assert shlex.split(command.replace(",", ""))[1:] == ["check", "--format", "nagios"]
