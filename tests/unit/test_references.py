"""The hosts that settings and command lines refer to, and the secrets that stay in them."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor.model.references import Form, HostReference
from linkdoctor.reading.command_lines import references_in_arguments
from linkdoctor.reading.settings import references_in_environment
from linkdoctor.reading.variable_reads import link_variables_read
from tests.fuzz.effort import MORE, tries
from tests.fuzz.growth import grows_evenly

CORPUS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("reference_corpus.toml").read_text(encoding="utf-8")
)
SECRET = "s3cr3tmark"
HOST_LETTERS = set("abcdefghijklmnopqrstuvwxyz0123456789_-.")


def _name(entry: dict[str, Any]) -> str:
    return " ".join(entry["set"])[:60]


def _shown(references: tuple[HostReference, ...]) -> list[str]:
    return [_place(each) for each in references]


def _place(reference: HostReference) -> str:
    if reference.port is None:
        return reference.host
    host = f"[{reference.host}]" if ":" in reference.host else reference.host
    return f"{host}:{reference.port}"


def _one(name: str, value: str) -> tuple[HostReference, ...]:
    return references_in_environment([(name, value)])


# --- corpus --------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", CORPUS["environment"], ids=_name)
def test_environment_of_the_corpus(entry: dict[str, Any]) -> None:
    variables = [(name, value) for name, _, value in (each.partition("=") for each in entry["set"])]
    found = references_in_environment(variables)
    assert _shown(found) == entry["names"], entry["why"]
    assert {each.where for each in found} <= {
        f"environment variable {name}" for name, _ in variables
    }


@pytest.mark.parametrize("entry", CORPUS["arguments"], ids=_name)
def test_arguments_of_the_corpus(entry: dict[str, Any]) -> None:
    found = references_in_arguments(entry["set"])
    assert _shown(found) == entry["names"], entry["why"]
    for each in found:
        word, number = each.where.split()
        assert word == "argument"
        assert each.host in entry["set"][int(number)].lower()


def test_corpus_is_large_and_mostly_negative() -> None:
    entries = CORPUS["environment"] + CORPUS["arguments"]
    assert len(entries) >= 200
    assert sum(not entry["names"] for entry in entries) > 110
    assert all(entry["why"] for entry in entries)


# --- fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "form", "default_port"),
    [
        ("DATABASE_URL", "postgres://db/x", Form.URL, 5432),
        ("API_URL", "http://db:8080", Form.URL, 80),
        ("API_URL", "tcp://db:8080", Form.URL, None),
        ("DB_HOST", "db", Form.HOST_VARIABLE, None),
        ("DB_HOST", "db:1234", Form.HOST_PORT, None),
        ("DB", "jdbc:mysql://db/x", Form.JDBC, 3306),
        ("DB", "host=db user=x", Form.DSN, 5432),
        ("DB", "x@tcp(db)/x", Form.DSN, 3306),
        ("JAVA_OPTS", "-Ddb.host=db", Form.OPTION, None),
        ("JAVA_OPTS", "-Ddb.url=http://db", Form.URL, 80),
    ],
)
def test_form_and_default_port(name: str, value: str, form: Form, default_port: int | None) -> None:
    (found,) = _one(name, value)
    assert (found.host, found.form, found.default_port) == ("db", form, default_port)


def test_argument_numbers_count_from_zero() -> None:
    (found,) = references_in_arguments(["app", "--host", "db"])
    assert found == HostReference(host="db", port=None, form=Form.OPTION, where="argument 2")
    (found,) = references_in_arguments(["http://db"])
    assert found.where == "argument 0"


def test_order_does_not_depend_on_the_order_of_the_input() -> None:
    variables = [("A_URL", "http://b https://b"), ("B_HOST", "a"), ("A_HOST", "a"), ("B_HOST", "a")]
    forth = references_in_environment(variables)
    assert forth == references_in_environment(variables[::-1])
    assert [(each.host, each.where[-6:]) for each in forth] == [
        ("a", "A_HOST"),
        ("a", "B_HOST"),
        ("b", " A_URL"),
    ]
    assert forth[2].default_port == 80


def test_two_values_of_a_sibling_port_give_none() -> None:
    found = references_in_environment([("DB_HOST", "db"), ("DB_PORT", "1"), ("db.port", "2")])
    assert [each.port for each in found] == [None]


def test_odd_name_of_a_variable_is_not_shown() -> None:
    (found,) = _one("DB\x1b[31m\ud800_HOST", "db")
    assert found.where == "environment variable DB??31m?_HOST"


def test_limits() -> None:
    many = [(f"A{number}_HOST", f"host{number}") for number in range(1000)]
    assert len(references_in_environment(many)) == 128
    assert len(references_in_arguments([f"host{number}:5432" for number in range(5000)])) == 128
    assert _one("A_URL", "http://a/" + "x" * 65536) == ()
    assert references_in_arguments(["http://a/" + "x" * 65536]) == ()
    assert _one("A" * 300 + "_HOST", "db") == ()


# --- properties ----------------------------------------------------------------------------

HOSTILE = st.text(st.characters(codec=None), max_size=60) | st.text(
    "a@:/,;=${}[]'\"\\ h?#-.1%", max_size=80
)
NAMES = st.sampled_from(
    ["DB_HOST", "API_URL", "DSN", "KAFKA_BROKERS", "JAVA_OPTS", "X", "DB_PASSWORD", "S3_ENDPOINT"]
)
FLAGS = st.sampled_from(
    ["--host", "-h", "mysql", "sh", "-c", "--db-url", "nc", "-Dx.host=", "--", "wait-for-it"]
)


def _assert_clean(references: tuple[HostReference, ...]) -> None:
    assert len(references) <= 128
    for each in references:
        assert each.where.isprintable()
        assert each.where.isascii()
        assert each.port is None or 0 < each.port < 65536
        if set(each.host) <= HOST_LETTERS:
            assert len(each.host) <= 253
            assert not each.host.replace(".", "").isdigit() or ipaddress.ip_address(each.host)
            assert each.host not in ("localhost", "0.0.0.0")
            assert all(0 < len(label) <= 63 for label in each.host.split("."))
        else:
            assert ipaddress.ip_address(each.host).version == 6


@settings(max_examples=tries(100), deadline=None)
@given(st.lists(st.tuples(NAMES | HOSTILE, HOSTILE), max_size=6))
def test_any_environment(variables: list[tuple[str, str]]) -> None:
    _assert_clean(references_in_environment(variables))


@settings(max_examples=tries(100), deadline=None)
@given(st.lists(FLAGS | HOSTILE, max_size=8))
def test_any_arguments(arguments: list[str]) -> None:
    _assert_clean(references_in_arguments(arguments))


PASSWORDS = st.builds(
    lambda before, after: f"{before}{SECRET}{after}",
    st.text("ab12:/?#,;&%@!$ '\"\\=()[]{}<>|", max_size=6),
    st.text("ab12:/?#,;&%!$ '\"\\=()[]{}<>|@", max_size=6),
)
FORMS = [
    "postgres://user:{}@db:5432/x",
    "postgres://{}:word@db:5432/x",
    "postgres://user:pw@db:5432/x?password={}",
    "redis://:{}@cache",
    "http://{}@web:80/path",
    "http://web/path/{}",
    "http://web/#{}",
    "mongodb://user:{}@m1:1,m2:2/x",
    "amqp://u:{0}@a:1,amqp://u:{0}@b:2",
    "jdbc:postgresql://db:5432/x?user=a&password={}",
    "jdbc:mysql://user:{}@db/x",
    "jdbc:oracle:thin:scott/{}@ora:1521:XE",
    "jdbc:sqlserver://db:1433;password={};databaseName=x",
    "user:{}@tcp(db:3306)/x",
    "host=db password={} dbname=x",
    "password='{}' host=db dbname=x",
    "Server=db;Database=x;Password={};User Id=sa",
    "mysql:host=db;password={}",
    "redis:6379,password={},ssl=true",
    '{{"url":"http://u:{}@web/x","password":"{}"}}',
    "-Ddb.password={} -Ddb.host=db",
    "user:{}@db:5432/x",
    "curl -u me:{} http://web:80/",
    "curl 'http://u:{}@web:80/'",
    "mysql -h db -p{}",
]


def _assert_kept_secret(references: tuple[HostReference, ...]) -> None:
    _assert_clean(references)
    for each in references:
        for field in (each.host, each.where, str(each.port), str(each.default_port), each.form):
            assert SECRET not in field


@settings(max_examples=tries(150), deadline=None)
@given(
    st.sampled_from(FORMS), PASSWORDS, st.sampled_from(["DATABASE_URL", "DSN", "JAVA_OPTS", "X"])
)
def test_secret_in_a_value_stays_there(form: str, password: str, name: str) -> None:
    value = form.format(password, password)
    _assert_kept_secret(_one(name, value))
    _assert_kept_secret(references_in_arguments(["app", value]))
    _assert_kept_secret(references_in_arguments(["app", "--db-url", value]))
    _assert_kept_secret(references_in_arguments(["sh", "-c", f"app {value}"]))
    _assert_kept_secret(references_in_arguments(["sh", "-c", f"app '{value}'"]))


@settings(max_examples=tries(60), deadline=None)
@given(
    PASSWORDS, st.sampled_from(["PASSWORD", "API_KEY", "AUTH_TOKEN", "DB_PASS_HOST", "SECRET_URL"])
)
def test_secret_under_a_sensitive_name_stays_there(password: str, name: str) -> None:
    _assert_kept_secret(_one(name, password))
    flag = "--" + name.lower().replace("_", "-")
    _assert_kept_secret(references_in_arguments(["app", flag, password]))
    _assert_kept_secret(references_in_arguments(["app", f"{flag}={password}"]))


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a@",
            ":",
            "//",
            "${",
            "http://a,",
            "http://",
            "a:80,",
            "a=b;",
            "tcp(",
            "host=a ",
            "[",
            "{",
        ),
        *(
            '{"a":',
            "'",
            "\\",
            "$(",
            "-D",
            "-Da.host=b ",
            "-h ",
            "nc a 1;",
            "a.",
            "\ud800",
            "\n",
            "_",
            "A",
        ),
        *("postgres://a@", "jdbc:mysql://a,", "%", " ", "\x00", "if [ ", "then ", "||", '"'),
        *("$A_PORT_1_TCP ", "_PORT_1_TCP", "${A_PORT_1_TCP:-", "A_PORT_1_TCP_"),
    ],
)
def test_the_time_of_hostile_values_grows_with_their_length_and_not_with_its_square(
    piece: str,
) -> None:
    def read(size: int) -> None:
        value = (piece * size)[:size]
        for name in ("DATABASE_URL", "DB_HOST", "JAVA_OPTS", value[:256]):
            _assert_clean(_one(name, value))
            _assert_clean(_one(name, "http://" + value[:-10]))
        _assert_clean(references_in_arguments(["sh", "-c", value[: size // 4]]))
        _assert_clean(references_in_arguments(["mysql", *([piece] * (size // 3))]))
        _assert_clean(references_in_arguments([value] * 5))
        link_variables_read(value * 8, value)

    assert grows_evenly(read, 65536 if MORE > 1 else 16384)


def test_huge_input_is_not_read() -> None:
    url, script = "http://db:5432/", "echo $DB_PORT_5432_TCP_ADDR\n"
    huge = 10_000_000
    for read in (
        lambda length: _one("DB_URL", url.ljust(length, "x")),
        lambda length: references_in_arguments([url.ljust(length, "x")]),
        lambda length: link_variables_read(script.ljust(length), "a script"),
    ):
        assert read(100)
        assert not read(huge)
    assert not _one("DB_URL".ljust(huge, "x"), url)
