"""The network hosts that a container's settings name, and the link variables its script reads."""

from __future__ import annotations

import enum

import msgspec

__all__ = ["Form", "HostReference", "VariableRead"]


class Form(enum.StrEnum):
    """In which form a setting names a host."""

    URL = "url"
    HOST_PORT = "host:port"
    HOST_VARIABLE = "host variable"
    JDBC = "jdbc"
    DSN = "dsn"
    OPTION = "option"


class HostReference(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A host that a setting names."""

    host: str
    """In lower case: one label, a dotted name, or an address without brackets."""
    port: int | None
    """The port that the setting gives."""
    default_port: int | None = None
    """The port of the scheme, where there is one."""
    form: Form
    where: str
    """``environment variable DATABASE_URL`` or ``argument 3``, never the value."""
    spelling: str = ""
    """As the setting spells it, where that is not in lower case."""

    @property
    def asked_for(self) -> str:
        """Return the name that a program asks for which takes the setting as it is."""
        return self.spelling or self.host


class VariableRead(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A link variable that a script reads: ``MYSQL_PORT_3306_TCP_ADDR``."""

    variable: str
    prefix: str
    port: int
    protocol: str
    optional: bool
    """The script tests it, has a default for it or sets it itself."""
    where: str
