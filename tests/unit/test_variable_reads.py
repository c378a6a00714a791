"""The link variables that scripts read, and those that they can do without."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor.model.references import VariableRead
from linkdoctor.reading.variable_reads import link_variables_read
from tests.fuzz.effort import tries

ADDRESS = "DB_PORT_5432_TCP_ADDR"


def test_read_is_taken_apart() -> None:
    assert link_variables_read("x $MY_SQL_PORT_3306_TCP_PORT\n", "script /run.sh") == (
        VariableRead(
            variable="MY_SQL_PORT_3306_TCP_PORT",
            prefix="MY_SQL",
            port=3306,
            protocol="tcp",
            optional=False,
            where="script /run.sh",
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "psql -h $X",
        "psql -h ${X}",
        'psql -h "${X}"',
        "exec app ${X:?link the database as db}",
        "exec app ${X?}",
        "host=${X%%.*}",
        "until nc -z $X 5432; do sleep 1; done",
        'echo "host=$X" > /etc/app.conf',
        'psql \\\n -h "$X"',
        'host = os.environ["X"]',
        "host = os.environ['X']",
        "host: process.env.X,",
        "host: process.env['X'],",
        'host = ENV["X"]',
        "host = ENV.fetch('X')",
        "my $host = $ENV{X};",
        "$host = getenv('X');",
        'host := os.Getenv("X")',
        "if true; then\n x\nfi\npsql -h $X",
        '[ -n "$OTHER" ] || exit\npsql -h $X',
        "psql -h $X # comment",
    ],
)
def test_needed_reads(text: str) -> None:
    (read,) = link_variables_read(text.replace("X", ADDRESS), "argument 2")
    assert (read.variable, read.optional) == (ADDRESS, False)


@pytest.mark.parametrize(
    "text",
    [
        "psql -h ${X:-db}",
        "psql -h ${X-db}",
        ": ${X:=db}\npsql -h $X",
        "psql ${X:+-h $X}",
        '[ -n "$X" ] && psql -h $X',
        'if [ -z "$X" ]; then exit 1; fi\npsql -h $X',
        "if test -n $X\nthen\n psql -h $X\nfi",
        'if [ -n "$OTHER" ]; then\n  psql -h $X\nfi',
        'if [ -n "$DB_PORT" ]; then x; fi\npsql -h $X',
        'if [ -n "$DB_NAME" ]; then x; fi\npsql -h $X',
        'if [ -n "$DB_PORT_5432_TCP" ]; then x; fi\npsql -h $X',
        "DB_HOST=${DB_HOST:-$X}",
        'true || psql -h "$X"',
        "X=db\npsql -h $X",
        "export X=db; psql -h $X",
        'case "$X" in\n *) ;;\nesac',
        'echo "database at $X"',
        'host = os.environ.get("X")',
        'host = os.getenv("X", "db")',
        "host: process.env.X || 'db',",
        "host: process.env.DB_HOST ?? process.env.X,",
        "host = ENV['X'] || 'db'",
        "host = ENV.fetch('X', 'db')",
        "$host = getenv('X') ?: 'db';",
        'try:\n h = os.environ["X"]\nexcept KeyError:\n h = "db"',
        'os.environ["X"] = "db"\nh = os.environ["X"]',
        "if (isset($_ENV['X'])) { $h = $_ENV['X']; }",
    ],
)
def test_optional_reads(text: str) -> None:
    reads = {each.variable: each for each in link_variables_read(text.replace("X", ADDRESS), "s")}
    assert reads[ADDRESS].optional


@pytest.mark.parametrize(
    "text",
    [
        "# psql -h $X",
        "  # psql -h $X",
        "// process.env.X",
        "true # $X",
        "unset X",
        "X=db",
        "echo X",
        "echo \\$X",
        "$DB_PORT $DB_HOST $DB_PORT_5432 $DB_NAME",
        "$DB_PORT_5432_SCTP_ADDR",
        "$DB_PORT_99999_TCP",
        "$DB_PORT_0_TCP",
        "$DB_PORT_5432_TCP_HOST",
        "$_PORT_5432_TCP $db_PORT_5432_TCP $1_PORT_5432_TCP",
        "$X_MORE",
        "",
    ],
)
def test_no_reads(text: str) -> None:
    assert (
        link_variables_read(
            text.replace("$X_MORE", "$" + ADDRESS + "_M").replace("X", ADDRESS), "s"
        )
        == ()
    )


@pytest.mark.parametrize(
    "text",
    [
        "redis-cli -p ${X:-6379}",
        'X="${X:-6379}"',
        ": ${X:=6379}",
        "export X=${X-6379}",
        'port = int(os.environ.get("X", 6379))',
        "port = os.getenv('X', '6379')",
        "port: process.env.X || 6379,",
        "# ${X:-1}\ndial ${X:-6379}",
    ],
)
def test_ports_that_a_script_takes_for_numbers(text: str) -> None:
    (read,) = link_variables_read(text.replace("X", "REDIS_PORT"), "s")
    assert (read.variable, read.prefix, read.port) == ("REDIS_PORT", "REDIS", 6379)
    assert read.optional


@pytest.mark.parametrize(
    "text",
    [
        "dial $X",
        "dial ${X:-none}",
        "dial ${X:-0} ${X:-99999}",
        "dial ${X##*:} ${X:-6379}",
        "X=6380\ndial ${X:-6379}",
        "unset X\ndial ${X:-6379}",
        'case "$X" in tcp://*) X=6379;; esac\ndial ${X:-6379}',
        "# dial ${X:-6379}",
    ],
)
def test_ports_that_a_script_may_cope_with(text: str) -> None:
    assert link_variables_read(text.replace("X", "REDIS_PORT"), "s") == ()


def test_reads_are_sorted_and_limited_and_clean() -> None:
    text = "\n".join(f"$V{number}_PORT_1_TCP" for number in range(1000))
    reads = link_variables_read(text, "x\x1b\ud800")
    assert len(reads) == 64
    assert [each.variable for each in reads] == sorted(each.variable for each in reads)
    assert {each.where for each in reads} == {"x??"}
    assert link_variables_read("$A_PORT_1_TCP" + " " * 2**20, "s") == ()


# --- properties ----------------------------------------------------------------------------

HOSTILE = st.text(st.characters(codec=None), max_size=60) | st.text(
    "a@:/,;=${}[]'\"\\ h?#-.1%", max_size=80
)


@settings(max_examples=tries(60), deadline=None)
@given(
    st.lists(HOSTILE | st.sampled_from(["$", "${", "A_PORT_1_TCP", ":-", "if ", "\n"]), max_size=9)
)
def test_any_script(parts: list[str]) -> None:
    for read in link_variables_read("".join(parts), "".join(parts)):
        assert read.where.isprintable()
        assert read.variable.isascii()


@pytest.mark.parametrize(
    "piece",
    [
        *("$A_PORT_1_TCP ", "_PORT_1_TCP", "${A_PORT_1_TCP:-", "A_PORT_1_TCP_", "${A_PORT:-1} "),
        *(
            "${",
            "'",
            '"',
            "\\",
            "$(",
            "if [ ",
            "then ",
            "fi;",
            "||",
            "#",
            "\n",
            "_",
            "A",
            " ",
            "\x00",
        ),
    ],
)
def test_hostile_scripts_take_no_time(piece: str) -> None:
    script = (piece * 2**19)[: 2**19] + " $A_PORT_1_TCP"
    begin = time.process_time()
    link_variables_read(script, script)
    assert time.process_time() - begin < 5


def test_a_huge_script_is_not_read() -> None:
    huge = "$A_PORT_1_TCP " * 800_000
    begin = time.process_time()
    assert link_variables_read(huge, huge) == ()
    assert time.process_time() - begin < 2
