"""Hosts in the connection strings that are not URLs: of libpq, ADO.NET, PDO, Go and Redis."""

from __future__ import annotations

from linkdoctor.model.references import Form
from linkdoctor.reading.limits import MOST_IN_A_VALUE
from linkdoctor.reading.places import FoundHost, Place, dialled_hosts, read_place, read_port
from linkdoctor.reading.urls import SCHEME_PORTS
from linkdoctor.reading.words import word_set

__all__ = ["read_connection_string"]

_LIBPQ = word_set(
    """
    host hostaddr port dbname user password passfile connect_timeout client_encoding options
    application_name sslmode sslcert sslkey sslrootcert sslcrl sslpassword target_session_attrs
    keepalives keepalives_idle keepalives_interval keepalives_count gssencmode channel_binding
    pool_max_conns pool_min_conns timezone search_path sslcompression tcp_user_timeout
    """
)
_SERVER_KEYS = frozenset(
    {"server", "host", "data source", "datasource", "address", "addr", "network address"}
)
_OTHER_KEYS = frozenset(
    {
        *("database", "initial catalog", "dbname", "port", "charset", "integrated security"),
        *("user id", "userid", "uid", "user", "username", "user name", "password", "pwd"),
        *("trusted_connection", "trusted connection"),
    }
)


def read_connection_string(value: str) -> list[FoundHost] | None:
    """Read a connection string that is not a URL; None if the value is not one."""
    if value.isalnum():
        return None
    for read in (_go_sql, _libpq, _pdo, _ado, _stack_exchange):
        found = read(value)
        if found is not None:
            return found
    return None


def _go_sql(value: str) -> list[FoundHost] | None:
    """Read ``user:password@tcp(host:3306)/name``."""
    credentials, opening, rest = value.rpartition("tcp(")
    place, closing, path = rest.partition(")")
    if not opening or not closing:
        return None
    if (credentials and not credentials.endswith("@")) or not path.startswith("/"):
        return []
    read = read_place(place)
    return dialled_hosts([read], Form.DSN, 3306) if read and "@" not in path else []


def _libpq(value: str) -> list[FoundHost] | None:
    """Read ``host=db port=5432 dbname=x``; a word out of place makes the whole doubtful."""
    if " " not in value or value[:32].partition("=")[0].strip() not in _LIBPQ:
        return None
    pairs = _libpq_pairs(value)
    if pairs is None or ("host" in pairs) == ("hostaddr" in pairs):
        return []
    hosts = pairs.get("host", pairs.get("hostaddr", "")).split(",")[:MOST_IN_A_VALUE]
    ports = [read_port(port) for port in pairs.get("port", "").split(",")]
    if len(ports) != len(hosts):
        ports = ports[:1] * len(hosts)
    places = [
        place
        for host, port in zip(hosts, ports, strict=True)
        if (place := read_place(host, default=port)) is not None
    ]
    return dialled_hosts(places, Form.DSN, 5432)


def _libpq_pairs(value: str) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    at = 0
    while at < len(value):
        equals = value.find("=", at)
        key = value[at:equals].strip() if equals >= 0 else ""
        if key not in _LIBPQ or key in pairs:
            return None
        at = equals + 1
        if value[at : at + 1] == "'":
            end = value.find("'", at + 1)
            if end < 0 or "\\" in value[at:end] or value[end + 1 : end + 2].strip():
                return None
            pairs[key], at = value[at + 1 : end], end + 1
        else:
            end = value.find(" ", at)
            end = len(value) if end < 0 else end
            pairs[key], at = value[at:end], end
        while at < len(value) and value[at].isspace():
            at += 1
    return pairs


def _pdo(value: str) -> list[FoundHost] | None:
    """Read PHP's ``mysql:host=db;port=3306``."""
    driver, _, rest = value.partition(":")
    if driver not in ("mysql", "pgsql") or not rest.startswith(("host=", "dbname=", "port=")):
        return None
    pairs = _semicolon_pairs(rest)
    if pairs is None or "host" not in pairs:
        return []
    place = read_place(pairs["host"], default=read_port(pairs.get("port", "")))
    return dialled_hosts([place] if place else [], Form.DSN, SCHEME_PORTS[driver])


def _ado(value: str) -> list[FoundHost] | None:
    """Read ``Server=tcp:db,1433;Database=x;User Id=sa;Password=…``."""
    if ";" not in value or "=" not in value:
        return None
    pairs = _semicolon_pairs(value)
    if pairs is None:
        return None
    servers = [pairs[key] for key in _SERVER_KEYS if key in pairs]
    if len(servers) != 1 or _OTHER_KEYS.isdisjoint(pairs):
        return []
    server = servers[0].removeprefix("tcp:").partition("\\")[0].replace(",", ":")
    place = read_place(server, default=read_port(pairs.get("port", "")))
    return dialled_hosts([place] if place else [], Form.DSN)


def _semicolon_pairs(value: str) -> dict[str, str] | None:
    """Take ``a=b;c=d`` apart; quotes or a part without ``=`` may hide a split password."""
    pairs: dict[str, str] = {}
    for part in value.rstrip("; ").split(";"):
        key, equals, text = part.partition("=")
        key = key.strip().lower()
        if not equals or not key or key in pairs or '"' in part or "'" in part:
            return None
        pairs[key] = text.strip()
    return pairs


def _stack_exchange(value: str) -> list[FoundHost] | None:
    """Read ``redis:6379,password=…,ssl=False``: the hosts stand before the first option."""
    first, comma, rest = value.partition(",")
    if not comma or "=" in first or "=" not in rest or any(map(str.isspace, value)):
        return None
    places: list[Place] = []
    for part in value.split(",")[:MOST_IN_A_VALUE]:
        if "=" in part:
            break
        place = read_place(part)
        if place is None or place[1] is None:
            return []
        places.append(place)
    return dialled_hosts(places, Form.DSN)
