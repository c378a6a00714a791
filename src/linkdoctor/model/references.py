"""placeholder until the real module lands"""

from __future__ import annotations
import enum
from collections.abc import Iterable, Sequence
import msgspec


class Form(enum.StrEnum):
    URL = "url"


class HostReference(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int | None
    default_port: int | None = None
    form: Form
    where: str


class VariableRead(msgspec.Struct, frozen=True, kw_only=True):
    variable: str
    prefix: str
    port: int
    protocol: str
    optional: bool
    where: str


def references_in_environment(variables: Iterable[tuple[str, str]]) -> tuple[HostReference, ...]:
    return ()


def references_in_arguments(arguments: Sequence[str]) -> tuple[HostReference, ...]:
    return ()


def link_variables_read(text: str, where: str) -> tuple[VariableRead, ...]:
    return ()
