"""The hosts that entry-point scripts dial or wait for, and what is none of that."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor.reading.scripts import references_in_script
from tests.fuzz.effort import tries

FOUND = [
    ("nc -z db 5432", "db", 5432),
    ("until nc -z db 5432; do sleep 1; done", "db", 5432),
    ("while ! nc -w 2 db 5432 </dev/null; do sleep 1; done", "db", 5432),
    ("/usr/local/bin/wait-for-it.sh -t 30 queue:5672 -- echo ready", "queue", 5672),
    ("wait-for db:3306", "db", 3306),
    ("ping -c 1 db", "db", None),
    ("ping -W 2 -c 1 db > /dev/null || exit 1", "db", None),
    ("getent hosts db", "db", None),
    ("nslookup db", "db", None),
    ("psql -h db -U app -c 'select 1'", "db", None),
    ("psql -h db -p 5433 -c 'select 1'", "db", 5433),
    ('until PGPASSWORD=$PW psql -h "db" -p 5432 -c "\\q"; do sleep 1; done', "db", 5432),
    ("pg_isready -h db -p 5432", "db", 5432),
    ("mysql -hdb -P 3307 -psecret", "db", 3307),
    ("mysqladmin ping -h db --silent", "db", None),
    ("redis-cli -h cache -p 6379 ping", "cache", 6379),
    ("mongosh --host db --port 27017", "db", 27017),
    ("curl -sf http://api:8080/health", "api", 8080),
    ("wget -qO- http://api.example.org/x", "api.example.org", None),
    ("export DATABASE_URL=postgres://u:pw@db:5432/x", "db", 5432),
    ("exec app --redis-host cache --redis-port 6380", "cache", 6380),
    ("exec worker broker:9092", "broker", 9092),
    ("timeout 1 bash -c 'cat < /dev/tcp/db/6379'", "db", 6379),
    ("curl \\\n  http://api:9000/", "api", 9000),
    ("  curl http://api:9000/ # it is there by now", "api", 9000),
]

NOTHING = [
    "# nc -z db 5432",
    "nc -z $DB_HOST 5432",
    'nc -z "${DB_HOST:-db}" 5432',
    ": ${DB_HOST:=db}",
    "curl http://$HOST:80/",
    "curl http://${HOST}:80/",
    'echo "dialling http://db:80"',
    "printf 'nc -z db 5432'",
    "cat <<EOF > /etc/app.conf\nserver http://db:80\nEOF",
    "cat <<-'END'\n\tcurl http://db:80\n\tEND",
    "cat <<EOF\ncurl http://db:80",
    "USAGE='\n  curl http://db:80\n'",
    'if [ -n "$X" ]; then\n  curl http://db:80\nfi',
    'if [ -n "$X" ]; then curl http://db:80; fi',
    "if nc -z db 6379; then CACHE=1; fi",
    '[ -z "$X" ] || curl http://db:80',
    'test -n "$X" && curl http://db:80',
    'case "$1" in\n  web) exec curl http://db:80 ;;\nesac',
    'sed -i "s#http://old#http://db:80#" /etc/app.conf',
    "grep -q http://db:80 /etc/app.conf",
    "chown www:3000 /data",
    "gosu app:5000 server",
    "exec gunicorn -b web:8000 app",
    "nc -l -p 5000",
    "curl http://localhost:8080/",
    "psql -h localhost",
    "ping -c 1 127.0.0.1",
    "git clone http://git:80/x",
    "usage http://db:80",
    "mysql -uapp -psecret",
    "login u@http://db:80",
    "cp a:b c:5432",
    "date +%H:%M",
]


def script(text: str, shell: str = "#!/bin/sh") -> str:
    return f"{shell}\nset -e\n{text}\nexec server\n"


@pytest.mark.parametrize(("text", "host", "port"), FOUND)
def test_a_host_that_is_dialled_is_found(text: str, host: str, port: int | None) -> None:
    (found,) = references_in_script(script(text), "/entrypoint.sh")
    assert (found.host, found.port, found.where) == (host, port, "line 3 of /entrypoint.sh")


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_no_host_or_not_always_dialled_is_not(text: str) -> None:
    assert references_in_script(script(text), "/entrypoint.sh") == ()


@pytest.mark.parametrize("shell", ["#!/bin/bash", "#!/usr/bin/env bash", "#! /bin/sh -e"])
def test_the_scripts_of_shells_are_read(shell: str) -> None:
    assert references_in_script(script("nc -z db 5432", shell), "/x")


@pytest.mark.parametrize("shell", ["#!/usr/bin/python3", "#!/usr/bin/env node", "", "#!"])
def test_scripts_of_other_languages_are_not(shell: str) -> None:
    assert references_in_script(script("nc -z db 5432", shell), "/x") == ()


def test_a_host_that_is_dialled_twice_is_named_once() -> None:
    found = references_in_script(script("nc -z db 5432\nnc -z db 5432\nnc -z db 5433"), "/x")
    assert [(each.port, each.where) for each in found] == [
        (5432, "line 3 of /x"),
        (5433, "line 5 of /x"),
    ]


def test_what_follows_a_condition_is_read_again() -> None:
    text = 'if [ "$X" ]; then\n  A=1\nfi\nnc -z db 5432'
    (found,) = references_in_script(script(text), "/x")
    assert found.where == "line 6 of /x"


def test_the_path_cannot_hold_a_terminal_escape() -> None:
    (found,) = references_in_script(script("nc -z db 5432"), "/x\x1b[2J")
    assert found.where.isprintable()


@pytest.mark.parametrize("piece", ["'", '"', "<<A\n", "\\\n", "if ", "then ", "http://", "(", "$("])
def test_hostile_scripts_of_the_greatest_length_are_read(piece: str) -> None:
    references_in_script(script(piece * (256 * 1024 // len(piece))), "/x")


@settings(max_examples=tries(60))
@given(st.lists(st.sampled_from([*(text for text, *_ in FOUND), *NOTHING, "'", "fi", "EOF"])))
def test_any_script(lines: list[str]) -> None:
    for each in references_in_script(script("\n".join(lines)), "/x"):
        assert each.host
        assert each.where.startswith("line ")
