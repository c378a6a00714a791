"""Which values of environment variables may leave the collector."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkdoctor.model.redact import redact
from linkdoctor.model.variables import (
    LinkField,
    Variable,
    address_of,
    parse_link_variable,
    prefixes_of_links,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PORT", "tcp://172.17.0.2:5432"),
        ("DB_PORT", "tcp://:5432"),
        ("DB_PORT_5432_TCP", "tcp://172.17.0.2:5432"),
        ("DB_PORT_5432_TCP_ADDR", "172.17.0.2"),
        ("DB_PORT_5432_TCP_ADDR", ""),
        ("DB_PORT_5432_TCP_PORT", "5432"),
        ("DB_PORT_5432_TCP_PROTO", "tcp"),
        ("DB_PORT_8080_TCP_START", "tcp://172.17.0.2:8080"),
        ("DB_PORT_8080_TCP_PORT_END", "8083"),
        ("DB_NAME", "/web/db"),
    ],
)
def test_link_shaped_values_are_kept(name: str, value: str) -> None:
    assert redact([(name, value)]) == (Variable(name=name, value=value),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSWORD", "172.17.0.2"),
        ("PIN", "1234"),
        ("DB_PORT", "hunter2"),
        ("DB_PORT", "tcp://user:secret@172.17.0.2:5432"),
        ("DB_PORT", "5432"),
        ("DB_PORT_5432_TCP_ADDR", "db.example.com"),
        ("DB_PORT_5432_TCP_PORT", "5432x"),
        ("DB_ENV_PORT_5432_TCP_PORT", "1234"),
        ("DB_NAME", "shop"),
        ("DB_NAME", "/web/db/secret"),
        ("DB_ENV_NAME", "/web/db"),
        ("DB_PORT_5432_TCP_ADDR", "1" * 300),
    ],
)
def test_other_values_are_dropped_and_names_kept(name: str, value: str) -> None:
    assert redact([(name, value)]) == (Variable(name=name, value=None),)


@given(st.text(max_size=30), st.text(max_size=60))
def test_a_kept_value_is_made_of_harmless_parts(name: str, value: str) -> None:
    for variable in redact([(name, value)]):
        assert variable.value is None or set(variable.value) <= set(
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:/[]-_"
        )


def test_a_prefix_may_itself_look_like_a_link_variable() -> None:
    parsed = parse_link_variable("DB_PORT_PORT_5432_TCP_ADDR")
    assert parsed is not None
    assert (parsed.prefix, parsed.field, parsed.port) == ("DB_PORT", LinkField.ADDR, 5432)


def test_addresses_are_found_where_the_variable_holds_one() -> None:
    def found(name: str, value: str | None) -> str | None:
        return address_of(Variable(name=name, value=value))

    assert found("DB_PORT", "tcp://172.17.0.2:5432") == "172.17.0.2"
    assert found("DB_PORT", "tcp://:5432") == ""
    assert found("DB_PORT_5432_TCP_ADDR", "172.17.0.2") == "172.17.0.2"
    assert found("DB_PORT_5432_TCP_PROTO", "tcp") is None
    assert found("DB_PORT", None) is None
    assert found("HOME", "/root") is None


def test_a_name_that_stands_there_twice_is_kept_twice() -> None:
    given = [("B", "1"), ("A", "x"), ("B", "2"), ("DB_PORT_1_TCP_ADDR", ""), ("B", "")]
    assert [each.name for each in redact(given)] == ["A", "B", "B", "B", "DB_PORT_1_TCP_ADDR"]


def test_the_zone_of_an_address_may_be_a_secret() -> None:
    (variable,) = redact([("DB_PORT_1_TCP_ADDR", "fe80::1%s3cr3t")])
    assert variable.value is None


OF_A_LINK = [
    ("DB_NAME", "/web/db"),
    ("DB_PORT_8080_TCP_PORT_END", "8083"),
    ("DB_PORT_5432_TCP_PORT", "5432"),
]


@pytest.mark.parametrize(("name", "value"), OF_A_LINK)
def test_what_a_link_of_the_container_sets_is_kept(name: str, value: str) -> None:
    prefixes = prefixes_of_links("web", ["db"], [(name, value)])
    assert redact([(name, value)], prefixes) == (Variable(name=name, value=value),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("XYZ_NAME", "/any/secret"),
        ("XYZ_NAME", "/web/secret"),
        ("XYZ_NAME", "/secret/xyz"),
        ("DB_NAME", "/web/secret"),
        ("PIN_PORT_1_TCP_PORT", "12345"),
        ("PIN_PORT_1_TCP_PORT_END", "12345"),
    ],
)
def test_what_no_link_of_the_container_sets_is_dropped(name: str, value: str) -> None:
    prefixes = prefixes_of_links("web", ["db"], [(name, value)])
    assert redact([(name, value)], prefixes) == (Variable(name=name, value=None),)


def test_a_link_that_is_gone_is_known_by_the_name_that_it_set() -> None:
    left = [("MY_APP_NAME", "/web/my-app"), ("MY_APP_PORT_1_TCP_PORT_END", "9")]
    prefixes = prefixes_of_links("web", [], left)
    assert prefixes == {"MY_APP"}
    assert [each.value for each in redact(left, prefixes)] == ["/web/my-app", "9"]


@given(st.text(max_size=20), st.text(max_size=40))
def test_without_links_a_kept_value_is_an_address_a_protocol_or_a_port_of_its_name(
    name: str, value: str
) -> None:
    (variable,) = redact([(f"{name}_NAME", f"/{value}/{value}")], frozenset())
    assert variable.value is None
