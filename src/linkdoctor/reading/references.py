"""The network hosts that a container's settings name, and the link variables its script reads.

A false host is a false alarm, and a piece of a secret must never get out. So everything here is
an allow-list: a value is read only in the few forms below, what is ambiguous gives nothing, and
only a host and a port are handed on. Values are read in one pass over strings, without patterns
that could go back and forth over hostile input.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from linkdoctor.model.references import Form, HostReference, VariableRead

__all__ = [
    "is_cut",
    "is_script_cut",
    "link_variables_read",
    "references_in_arguments",
    "references_in_environment",
    "references_in_script",
]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LONGEST_VALUE = 64 * 1024
_LONGEST_NAME = 256
_LONGEST_SCRIPT = 1024 * 1024
_MOST_REFERENCES = 32
"""In one value."""
_MOST_KEPT = 128
"""For each of environment and arguments: 256 for one container."""
_MOST_READS = 64
_MOST_ARGUMENTS = 1024


def references_in_environment(
    variables: Iterable[tuple[str, str]],
) -> tuple[HostReference, ...]:
    """Return the hosts that environment variables name."""
    settings = [
        _Setting(name, _words(name), value)
        for name, value in variables
        if len(name) <= _LONGEST_NAME and len(value) <= _LONGEST_VALUE
    ]
    ports = _ports_of(settings)
    found: set[tuple[_Found, str]] = set()
    for setting in settings:
        if _is_of_a_link(setting):
            continue
        if hosts := _java_options(setting.value) or _in_setting(setting, ports):
            where = f"environment variable {_printable(setting.name)}"
            found.update((host, where) for host in hosts)
    return _references(found)


def references_in_arguments(arguments: Sequence[str]) -> tuple[HostReference, ...]:
    """Return the hosts that the arguments of a command name; arguments are counted from 0."""
    known = [
        argument if len(argument) <= _LONGEST_VALUE else ""
        for argument in arguments[:_MOST_ARGUMENTS]
    ]
    found = {(host, f"argument {number}") for number, hosts in _in_command(known) for host in hosts}
    return _references(found)


def is_cut(values: Sequence[str], found: Sequence[HostReference]) -> bool:
    """Whether settings or arguments may name more hosts than were found: a limit was reached.

    The limit to the number of arguments holds for variables as well here; nobody has as many.
    """
    return (
        len(found) >= _MOST_KEPT
        or len(values) > _MOST_ARGUMENTS
        or any(len(value) > _LONGEST_VALUE for value in values)
    )


def is_script_cut(reads: Sequence[VariableRead], hosts: Sequence[HostReference]) -> bool:
    """Whether a script may read or name more than was found: a limit was reached."""
    return len(reads) >= _MOST_READS or len(hosts) >= _MOST_KEPT


# --- what has been found -------------------------------------------------------------------


class _Found(NamedTuple):
    host: str
    port: int | None
    default_port: int | None
    form: Form


class _Setting(NamedTuple):
    name: str
    words: tuple[str, ...]
    value: str


_Ports = Mapping[tuple[str, ...], int]
_Place = tuple[str, int | None]


def _references(found: Iterable[tuple[_Found, str]]) -> tuple[HostReference, ...]:
    unique: dict[tuple[str, int, str, str], HostReference] = {}
    for host, where in sorted(found, key=_order):
        name = host.host.lower()
        reference = HostReference(
            host=name,
            spelling=host.host if host.host != name else "",
            port=host.port,
            default_port=host.default_port,
            form=host.form,
            where=where,
        )
        unique.setdefault((name, host.port or 0, host.form, where), reference)
    return tuple(unique.values())[:_MOST_KEPT]


def _order(pair: tuple[_Found, str]) -> tuple[str, int, str, str, int, str]:
    host, where = pair
    name = host.host
    return name.lower(), host.port or 0, host.form, where, host.default_port or 0, name


def _printable(text: str) -> str:
    """Keep what a variable's name is made of; anything else could be a terminal escape."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "?"
        for letter in text
    )


# --- hosts and ports -----------------------------------------------------------------------

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_HEX = frozenset("0123456789abcdef")
_NO_HOSTS = _set(
    """
    true false on off yes no y n none null nil undefined unset default auto enabled disabled
    enable disable changeme change-me change_me change placeholder todo tbd fixme xxx example
    host hostname ip any all local unknown empty internal external latest stable nan inf
    production development staging prod dev debug info warn error memory socket
    """
)
_PLACEHOLDERS = ("your-", "your_", "change-", "change_", "replace-", "replace_", "insert-")
_FILES = tuple(
    _set(
        """
        .sock .yml .yaml .json .conf .cfg .ini .toml .xml .pem .crt .key .cer .txt .log .py .js
        .ts .jar .war .sql .sqlite .sqlite3 .csv .html .php .properties .env .so .pid .lock
        """
    )
)
_LOCAL = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "loopback"})


def _place(text: str, *, default: int | None = None) -> _Place | None:
    """Read ``host``, ``host:port``, ``[address]:port`` or an address; None if it is none."""
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in inner or (rest and not rest.startswith(":")):
            return None
        host, port = _address(inner), rest[1:] if rest else None
    elif text.count(":") > 1:
        host, port = _address(text), None
    else:
        name, colon, number = text.partition(":")
        host, port = _host(name), number if colon else None
    if host is None:
        return None
    if port is None:
        return host, default
    number_read = _port(port)
    return None if number_read is None else (host, number_read)


def _port(text: str) -> int | None:
    if not (0 < len(text) <= 5 and text.isascii() and text.isdigit()):
        return None
    return int(text) if 0 < int(text) < 65536 else None


def _address(text: str) -> str | None:
    """Read an IP address. Pairs of hex digits are rather a hardware address."""
    if not text.isascii() or "%" in text or len(text) > 45:
        return None
    if ":" in text and "::" not in text and max(map(len, text.split(":"))) <= 2:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _host(text: str) -> str | None:
    """Read a name, as it is spelled, or an IPv4 address."""
    name = text.lower().removesuffix(".")
    if not name or len(name) > 253 or not text.isascii():
        return None
    labels = name.split(".")
    if labels[-1].isdigit():
        return _address(name) if len(labels) == 4 else None
    if not all(map(_is_label, labels)) or (len(labels) > 1 and labels[-1][0].isdigit()):
        return None
    if len(labels) == 1 and (name.startswith("0x") or _looks_random(text)):
        return None
    if name in _NO_HOSTS or name.startswith(_PLACEHOLDERS) or name.endswith(_FILES):
        return None
    # `DB_HOST=DATABASE_HOST` is a placeholder, and names of hosts are not written so.
    return None if "_" in text and text.isupper() else text.removesuffix(".")


def _is_label(label: str) -> bool:
    return (
        0 < len(label) <= 63
        and label[0] not in "_-"
        and label[-1] != "-"
        and _LABEL.issuperset(label)
    )


def _looks_random(label: str) -> bool:
    """Whether a label is rather an identifier or a secret than a name."""
    if not any(letter.isdigit() for letter in label):
        return False
    if len(label) >= 12 and _HEX.issuperset(label.lower()):
        return True
    if len(label) >= 10 and label.lower() != label and label.upper() != label:
        return True
    return len(label) >= 24 and "-" not in label and "_" not in label


def _is_local(host: str) -> bool:
    """Whether a host is the container itself, or no single host at all."""
    host = host.lower()
    if host in _LOCAL or host.endswith((".localhost", ".localdomain")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or str(address).startswith(("0.", "255.255.255.255"))
    )


def _dialled(places: Iterable[_Place], form: Form, default_port: int | None = None) -> list[_Found]:
    return [_Found(host, port, default_port, form) for host, port in places if not _is_local(host)][
        :_MOST_REFERENCES
    ]


# --- URLs ----------------------------------------------------------------------------------

_SCHEMES: dict[str, int | None] = {
    "http": 80,
    "https": 443,
    "ws": 80,
    "wss": 443,
    "h2c": 80,
    "grpc": None,
    "grpcs": 443,
    "tcp": None,
    "udp": None,
    "tls": None,
    "ssl": 9092,
    "plaintext": 9092,
    "kafka": 9092,
    "postgres": 5432,
    "postgresql": 5432,
    "pgsql": 5432,
    "postgis": 5432,
    "cockroachdb": 26257,
    "mysql": 3306,
    "mysql2": 3306,
    "mysqli": 3306,
    "mariadb": 3306,
    "mssql": 1433,
    "sqlserver": 1433,
    "oracle": 1521,
    "redis": 6379,
    "rediss": 6379,
    "valkey": 6379,
    "memcached": 11211,
    "memcache": 11211,
    "mongodb": 27017,
    "amqp": 5672,
    "amqps": 5671,
    "nats": 4222,
    "stomp": 61613,
    "mqtt": 1883,
    "mqtts": 8883,
    "pulsar": 6650,
    "beanstalkd": 11300,
    "ldap": 389,
    "ldaps": 636,
    "smtp": 25,
    "smtps": 465,
    "imap": 143,
    "imaps": 993,
    "ftp": 21,
    "ftps": 990,
    "sftp": 22,
    "ssh": 22,
    "git": 9418,
    "zookeeper": 2181,
    "zk": 2181,
    "etcd": 2379,
    "consul": 8500,
    "cassandra": 9042,
    "clickhouse": 9000,
    "influxdb": 8086,
    "influx": 8086,
    "elasticsearch": 9200,
    "couchdb": 5984,
    "neo4j": 7687,
    "bolt": 7687,
    "rtsp": 554,
    "rtmp": 1935,
}
_JDBC: dict[str, int] = {
    "postgresql": 5432,
    "mysql": 3306,
    "mysql:replication": 3306,
    "mysql:loadbalance": 3306,
    "mariadb": 3306,
    "mariadb:replication": 3306,
    "mariadb:loadbalance": 3306,
    "mariadb:sequential": 3306,
    "sqlserver": 1433,
    "jtds:sqlserver": 1433,
    "db2": 50000,
    "clickhouse": 8123,
    "ch": 8123,
    "redshift": 5439,
    "hive2": 10000,
    "trino": 8080,
    "presto": 8080,
    "vertica": 5433,
}
_ONE_HOST = frozenset({"http", "https", "ws", "wss", "smtp", "smtps", "ftp", "ssh", "git"})
_ARCHIVES = (
    *(".gz", ".xz", ".bz2", ".zst", ".tgz", ".zip", ".deb", ".rpm", ".apk", ".jar", ".whl"),
    *(".asc", ".sig", ".sha256", ".sha512", ".gpg"),
)
"""What an image downloaded while it was built; the container does not dial it."""


def _urls(value: str) -> list[_Found] | None:
    """Read a URL or a list of URLs; None if the value is none, nothing if it is odd."""
    if _scheme(value) is None:
        return None
    if any(letter.isspace() or not letter.isprintable() for letter in value):
        # A password with a space would leave a part that looks like a host.
        pieces = value.split()
        if "@" in value or len(pieces) > _MOST_REFERENCES:
            return []
    else:
        pieces = _split_urls(value)
    if len(pieces) > 1 and len({"@" in piece for piece in pieces}) > 1:
        return []
    found: list[_Found] = []
    for piece in pieces:
        hosts = _url(piece)
        if hosts is None:
            return []
        found += hosts
    return found


def _split_urls(value: str) -> list[str]:
    """Split a list of URLs at commas; other commas belong to the URL before."""
    pieces: list[list[str]] = []
    for part in value.split(","):
        if not pieces or _scheme(part) is not None:
            pieces.append([part])
        else:
            pieces[-1].append(part)
    return [",".join(parts) for parts in pieces]


def _scheme(text: str) -> str | None:
    """Return the scheme of a URL with an authority, in lower case."""
    scheme, separator, _ = text[:40].partition("://")
    if not separator or not scheme.isascii() or not scheme[:1].isalpha():
        return None
    return scheme.lower() if scheme.replace("+", "").replace("-", "").isalnum() else None


def _url(text: str) -> list[_Found] | None:
    scheme = (_scheme(text) or "").split("+")[0]
    if scheme not in _SCHEMES:
        return None
    rest = text[text.index("://") + 3 :]
    places = _authority(rest, many=scheme not in _ONE_HOST)
    if places is None or rest.lower().endswith(_ARCHIVES):
        return None
    return _dialled(places, Form.URL, _SCHEMES[scheme])


def _authority(rest: str, *, many: bool, ends: str = "/?#") -> list[_Place] | None:
    """Read the hosts of what follows ``//``; None if there is a doubt where they are.

    An ``@`` behind the authority may be that of a password with a ``/`` in it: what stands
    before would then be a piece of the password.
    """
    end = min((at for at in map(rest.find, ends) if at >= 0), default=len(rest))
    if "@" in rest[end:] or "\\" in rest:
        return None
    hosts = rest[:end].rpartition("@")[2].split(",")
    if len(hosts) > (_MOST_REFERENCES if many else 1):
        return None
    places = [place for place in map(_place, hosts) if place is not None]
    return places if len(places) == len(hosts) else None


def _jdbc(value: str) -> list[_Found] | None:
    """Read a JDBC or R2DBC URL; None if the value is none."""
    kind, _, rest = value.partition(":")
    if kind.lower() not in ("jdbc", "r2dbc") or any(letter.isspace() for letter in value):
        return None
    if rest[:12].lower() == "oracle:thin:":
        place = _oracle(rest[12:])
        return _dialled([place], Form.JDBC, 1521) if place else []
    driver, slashes, rest = rest.partition("://")
    if not slashes or driver.lower() not in _JDBC:
        return []
    places = _authority(rest, many=True, ends="/?#;")
    return _dialled(places or [], Form.JDBC, _JDBC[driver.lower()])


def _oracle(rest: str) -> _Place | None:
    """Read ``user/password@host:1521:sid`` or ``@//host:1521/service``."""
    credentials, at, target = rest.rpartition("@")
    if not at or "@" in credentials:
        return None
    host, _, port = target.removeprefix("//").replace("/", ":").partition(":")
    return _place(f"{host}:{port.partition(':')[0]}")


# --- connection strings --------------------------------------------------------------------

_LIBPQ = _set(
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


def _connection_string(value: str) -> list[_Found] | None:
    """Read the connection strings that are no URLs; None if the value is none."""
    if value.isalnum():
        return None
    for read in (_go_sql, _libpq, _pdo, _ado, _stack_exchange):
        found = read(value)
        if found is not None:
            return found
    return None


def _go_sql(value: str) -> list[_Found] | None:
    """Read ``user:password@tcp(host:3306)/name``."""
    credentials, opening, rest = value.rpartition("tcp(")
    place, closing, path = rest.partition(")")
    if not opening or not closing:
        return None
    if (credentials and not credentials.endswith("@")) or not path.startswith("/"):
        return []
    read = _place(place)
    return _dialled([read], Form.DSN, 3306) if read and "@" not in path else []


def _libpq(value: str) -> list[_Found] | None:
    """Read ``host=db port=5432 dbname=x``; a word out of place makes the whole doubtful."""
    if " " not in value or value[:32].partition("=")[0].strip() not in _LIBPQ:
        return None
    pairs = _libpq_pairs(value)
    if pairs is None or ("host" in pairs) == ("hostaddr" in pairs):
        return []
    hosts = pairs.get("host", pairs.get("hostaddr", "")).split(",")[:_MOST_REFERENCES]
    ports = [_port(port) for port in pairs.get("port", "").split(",")]
    if len(ports) != len(hosts):
        ports = ports[:1] * len(hosts)
    places = [
        place
        for host, port in zip(hosts, ports, strict=True)
        if (place := _place(host, default=port)) is not None
    ]
    return _dialled(places, Form.DSN, 5432)


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


def _pdo(value: str) -> list[_Found] | None:
    """Read PHP's ``mysql:host=db;port=3306``."""
    driver, _, rest = value.partition(":")
    if driver not in ("mysql", "pgsql") or not rest.startswith(("host=", "dbname=", "port=")):
        return None
    pairs = _semicolon_pairs(rest)
    if pairs is None or "host" not in pairs:
        return []
    place = _place(pairs["host"], default=_port(pairs.get("port", "")))
    return _dialled([place] if place else [], Form.DSN, _SCHEMES[driver])


def _ado(value: str) -> list[_Found] | None:
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
    place = _place(server, default=_port(pairs.get("port", "")))
    return _dialled([place] if place else [], Form.DSN)


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


def _stack_exchange(value: str) -> list[_Found] | None:
    """Read ``redis:6379,password=…,ssl=False``: the hosts stand before the first option."""
    first, comma, rest = value.partition(",")
    if not comma or "=" in first or "=" not in rest or any(map(str.isspace, value)):
        return None
    places: list[_Place] = []
    for part in value.split(",")[:_MOST_REFERENCES]:
        if "=" in part:
            break
        place = _place(part)
        if place is None or place[1] is None:
            return []
        places.append(place)
    return _dialled(places, Form.DSN)


# --- what the name of a setting says -------------------------------------------------------

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SENSITIVE = (
    *("PASS", "PWD", "SECRET", "TOKEN", "KEY", "CRED", "PRIVATE", "AUTH", "SALT", "HASH", "CERT"),
    *("SIGNATURE", "SIGNING", "MNEMONIC", "ENCRYPT", "CIPHER"),
)
_PRODUCTS = frozenset({"KEYCLOAK", "KEYDB", "KEYSTONE", "AUTHENTIK", "AUTHELIA", "PASSENGER"})
"""Names of software that only look sensitive."""
_NOT_DIALLED = _set(
    """
    ADVERTISE ADVERTISED ADVERTISING ANNOUNCE ANNOUNCED
    BIND BINDING LISTEN LISTENER LISTENERS VIRTUAL VHOST VHOSTS VIRTUALHOST
    LETSENCRYPT ALLOWED ALLOW TRUSTED CORS ORIGIN ORIGINS WHITELIST BLACKLIST ALLOWLIST DENYLIST
    DENY DENIED BLOCKED IGNORE IGNORED EXCLUDE EXCLUDED NO NON SELF MY OWN PUBLIC EXTERNAL
    CANONICAL SITE DOMAIN ETC EXTRA CALLBACK REDIRECT ROOT HOMEPAGE FORWARDED RMI NETWORK
    TRANSPORT RUN POD CONTAINER VITE HEADER HEADERS REFERER AGENT LICENSE ISSUER AUDIENCE
    NAMESPACE XMLNS SCHEMA DOCS DOCUMENTATION EXAMPLE VCS DOWNLOAD ADDHOST PUBLISH COPYRIGHT
    """
)
_OWN_BEGINNINGS = ("ADVERTIS", "ANNOUNCE", "CALLBACK", "CANONICAL", "EXTERNAL", "LISTEN", "PUBLIC")
_OWN_ENDINGS = (*_OWN_BEGINNINGS[1:], "ADVERTISE", "ADVERTISED", "LISTENER")
_OWN_NAMES = frozenset(
    {
        *(("HOST",), ("HOSTNAME",), ("HOSTNAMES",), ("ADDR",), ("ADDRESS",), ("SERVER",)),
        *(("SERVER", "HOST"), ("HTTP", "HOST"), ("HTTPS", "HOST"), ("NODE", "HOST")),
        *(("SERVER", "ADDRESS"), ("SERVER", "ADDR"), ("HTTP", "ADDR"), ("HTTP", "ADDRESS")),
        *(("GRPC", "ADDR"), ("GRPC", "ADDRESS"), ("WEB", "HOST"), ("WEB", "ADDRESS")),
        *(("DOCKER", "HOSTNAME"), ("KC", "HOSTNAME"), ("N", "8", "N", "HOST"), ("HOST", "NAME")),
        *(("EUREKA", "INSTANCE", "HOSTNAME"), ("EUREKA", "INSTANCE", "HOST")),
        *(("BASE", "URL"), ("BASE", "URI"), ("WEBHOOK", "URL"), ("MINIO", "SERVER", "URL")),
        *(("VAULT", "API", "ADDR"), ("VAULT", "CLUSTER", "ADDR"), ("GITLAB", "HOST")),
    }
)
"""Where a container is to be reached itself."""
_NAMES_HOSTS = _set(
    """
    HOST HOSTNAME HOSTS HOSTNAMES SERVER SERVERS ADDR ADDRS ADDRESS ADDRESSES BROKER BROKERS SEEDS
    """
)
_NAMES_PLACES = _NAMES_HOSTS | _set(
    """
    ENDPOINT ENDPOINTS URL URLS URI URIS DSN UPSTREAM UPSTREAMS PEER PEERS NODES SEED BACKEND
    BACKENDS BOOTSTRAP CONNECT ZOOKEEPER QUORUM TARGET PROXY
    """
)
_NOT_PLACES = _set(
    """
    IMAGE IMAGES VERSION TAG TAGS TIME TIMES TIMEOUT DATE USER USERS USERNAME OWNER GROUP UID GID
    VOLUME VOLUMES MOUNT MOUNTS RATIO SCALE MODEL LEVEL LOG FORMAT SIZE LIMIT MODULE HANDLER
    SCHEDULE CRON WINDOW RANGE DISPLAY FEATURE FLAGS TTL REPLICAS REGISTRY REPO REPOSITORY MAIL
    EMAIL MEMORY PORT PORTS LINK NAME BUILD RELEASE COLOR LABEL ROLE PERMISSION PERMISSIONS CHOWN
    ASPECT RESOLUTION ID
    """
)
_NEVER_PLACES = _set("IMAGE IMAGES VERSION TAG TAGS VOLUME VOLUMES MOUNT MOUNTS DISPLAY")
"""They say so even before a last word such as HOST."""
_OTHER_ADDRESSES = _set(
    "MAC EMAIL MAIL FROM REPLY SENDER WALLET CONTRACT STREET BILLING HOME MEMORY USER DEVICE"
)
_SERVICE_PORTS = _set(
    """
    80 443 389 636 1433 1521 1883 2181 2375 2376 2379 3128 3306 3307 4222 4369 4444 5432 5433
    5671 5672 5984 6379 6380 6432 6443 7474 7687 8025 8080 8081 8086 8123 8125 8443 8500 8529
    8888 8983 9042 9090 9091 9092 9093 9094 9200 9300 9418 9411 10000 11211 11434 14268 15672
    19530 26257 26379 27017 27018 28015 50051 61613 61616
    """
)
"""Ports that hardly mean anything but a service. Round numbers are left out: they count."""
_ARGUMENT_PORTS = _SERVICE_PORTS | {"3000", "3001", "4000", "5000", "5001", "8000", "8001", "9000"}


# What names say is kept: containers have variables of the same names. Values are not kept.
_kept = lru_cache(maxsize=4096)


@_kept
def _words(name: str) -> tuple[str, ...]:
    """Take ``DB_HOST``, ``db.host``, ``--db-host`` or ``dbHost1`` apart: ``(DB, HOST)``."""
    words = [word.upper() for word in _WORD.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if len(words) > 2 and words[-2:] == ["HOST", "NAME"]:
        words[-2:] = ["HOSTNAME"]
    return tuple(words)


@_kept
def _is_sensitive(words: tuple[str, ...]) -> bool:
    return any(part in word for word in words if word not in _PRODUCTS for part in _SENSITIVE)


@_kept
def _is_dialled(words: tuple[str, ...]) -> bool:
    if words in _OWN_NAMES or words[:2] == ("REACT", "APP") or words[-1:] == ("PORT",):
        return False
    return _NOT_DIALLED.isdisjoint(words) and not any(map(_is_own_place, words))


@_kept
def _is_own_place(word: str) -> bool:
    """Whether words that are written as one name the container's own address.

    ``CORE_PEER_GOSSIP_EXTERNALENDPOINT``, ``PUBLICURL``, ``CHAINCODELISTENADDRESS``.
    """
    for place in _NAMES_PLACES:
        rest = word.removesuffix(place)
        if rest != word and rest.startswith(_OWN_BEGINNINGS):
            return True
        if rest != word and rest.endswith(_OWN_ENDINGS):
            return True
    return False


@_kept
def _names_hosts(words: tuple[str, ...]) -> bool:
    """Whether a bare word is a host under this name: ``DB_HOST``, ``PGHOST``."""
    last = words[-1] if words else ""
    if last in _NAMES_HOSTS:
        if last.startswith("SERVER") and words[0] in ("WEB", "APP", "HTTP", "WSGI", "ASGI", "DEV"):
            return False
        if last.startswith("ADDR") and not _OTHER_ADDRESSES.isdisjoint(words):
            return False
        return len(words) > 1
    return last.endswith(("HOST", "HOSTADDR")) and last not in ("GHOST", "LOCALHOST")


@_kept
def _names_no_place(words: tuple[str, ...]) -> bool:
    if words[-1].endswith("PATH"):
        return True
    never = _NEVER_PLACES if words[-1] in _NAMES_PLACES else _NOT_PLACES
    return not never.isdisjoint(words)


def _ports_of(settings: Iterable[_Setting]) -> dict[tuple[str, ...], int]:
    """Return the port that ``X_PORT`` sets for ``X``; one that is set twice gives none."""
    ports: dict[tuple[str, ...], set[int]] = {}
    for setting in settings:
        port = _port(setting.value)
        if port is None or not setting.words or _is_sensitive(setting.words):
            continue
        if setting.words[-1].endswith("PORT"):
            ports.setdefault(_stem(setting.words), set()).add(port)
    return {words: port for words, (port, *others) in ports.items() if not others}


def _stem(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what ``X_HOST`` and ``X_PORT``, ``PGHOST`` and ``PGPORT`` have in common."""
    last = words[-1]
    for ending in ("HOSTADDR", "HOSTNAME", "HOST", "SERVER", "ADDRESS", "ADDR", "PORT"):
        if last.endswith(ending):
            rest = last.removesuffix(ending)
            return (*words[:-1], rest) if rest else words[:-1]
    return words


_LINK_NAME = re.compile(r"PORT_[0-9]{1,5}_(?:TCP|UDP|SCTP)")


def _is_of_a_link(setting: _Setting) -> bool:
    """Whether a link has set the variable; ``X_ENV_…`` are the source's own settings."""
    if _LINK_NAME.search(setting.name) or "_ENV_" in setting.name:
        return True
    return setting.name.endswith("_NAME") and setting.value.startswith("/")


# --- one setting ---------------------------------------------------------------------------


def _in_setting(setting: _Setting, ports: _Ports, bare: Form = Form.HOST_VARIABLE) -> list[_Found]:
    """Read the value of a variable or an option. ``bare`` is the form of a host without more."""
    words, value = setting.words, setting.value.strip()
    if not value or not words or not _is_dialled(words):
        return []
    urls = _urls(value)
    if urls is not None:
        return urls
    if _is_sensitive(words):
        return []
    if value[0] in "{[" and (inside := _json(value)) is not None:
        return inside
    for read in (_jdbc, _connection_string):
        found = read(value)
        if found is not None:
            return found
    return _in_plain(words, value, ports, bare)


def _in_plain(words: tuple[str, ...], value: str, ports: _Ports, bare: Form) -> list[_Found]:
    """Read ``host``, ``host:port`` and lists of them."""
    if _names_no_place(words) or value.upper() == "_".join(words):
        return []
    strong = not _NAMES_PLACES.isdisjoint(words)
    parts = value.replace(",", " ").split()
    if strong and parts:
        parts[-1] = _without_path(parts[-1])
    places = [place for place in map(_place, parts[: _MOST_REFERENCES + 1]) if place is not None]
    if not places or len(places) != len(parts):
        return []
    if all(port is not None for _, port in places):
        if strong or all(str(port) in _SERVICE_PORTS for _, port in places):
            least = 20 if strong else 80
            form = Form.HOST_PORT if bare is Form.HOST_VARIABLE else bare
            return _dialled([p for p in places if p[1] is not None and p[1] >= least], form)
        return []
    if not _names_hosts(words) or (len(parts) > 1 and not _is_plural(words)):
        return []
    sibling = ports.get(_stem(words))
    return _dialled([(host, port or sibling) for host, port in places], bare)


def _is_plural(words: tuple[str, ...]) -> bool:
    return words[-1].endswith("S") or words[-1].endswith("HOST")


def _without_path(text: str) -> str:
    """Cut the path off ``zk2:2181/kafka``, but not off an image's name or a port's range."""
    place, slash, path = text.partition("/")
    return place if slash and ":" in place and not {":", "@"}.intersection(path) else text


def _json(value: str) -> list[_Found] | None:
    """Look for URLs in JSON; None if it is no JSON. Secrets may lie beside them."""
    try:
        top: object = json.loads(value)
    except (ValueError, RecursionError):
        return None
    found: list[_Found] = []
    left: list[tuple[tuple[str, ...], object]] = [((), top)]
    while left and len(found) < _MOST_REFERENCES:
        words, item = left.pop()
        if isinstance(item, dict):
            left += [(_words(str(key)[:_LONGEST_NAME]), inner) for key, inner in item.items()]
        elif isinstance(item, list):
            left += [(words, inner) for inner in item]
        elif isinstance(item, str) and _is_dialled(words):
            found += _urls(item) or ()
    return found


def _java_options(value: str) -> list[_Found]:
    """Read the ``-Dname=value`` of ``JAVA_OPTS``; a quote or a stray word makes it doubtful."""
    if not value.lstrip().startswith("-") or "-D" not in value:
        return []
    words = value.split()
    if any(not word.startswith("-") or '"' in word or "'" in word for word in words):
        return []
    settings = [setting for word in words if (setting := _java_option(word))]
    ports = _ports_of(settings)
    return [host for each in settings for host in _in_setting(each, ports, Form.OPTION)]


def _java_option(word: str) -> _Setting | None:
    name, equals, value = word.partition("=")
    if not word.startswith("-D") or not equals or not 2 < len(name) <= _LONGEST_NAME:
        return None
    return _Setting(name[2:], _words(name[2:]), value)


# --- a command -----------------------------------------------------------------------------

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"})
_TEXT_FLAGS = frozenset({"-c", "-ec", "-ce", "-lc", "-cl", "-xc", "-cx", "-exc", "-euxc", "-euc"})
_CLIENTS = _set(
    """
    mysql mysqladmin mysqldump mysqlcheck mysqlshow mariadb mariadb-admin mariadb-dump psql
    pg_dump pg_restore pg_isready redis-cli mongo mongosh mongodump mongorestore
    wait-for-it wait-for-it.sh
    """
)
_SERVERS = _set(
    """
    uvicorn gunicorn hypercorn daphne flask django-admin manage.py runserver php rails puma thin
    unicorn http-server httpd nginx vite next nuxt ng webpack jupyter mkdocs streamlit serve
    webpack-dev-server artisan
    """
)
"""Their ``--host`` is where they listen."""
_OWNERS = frozenset(
    {"chown", "su-exec", "gosu", "setpriv", "docker", "podman", "skopeo", "crane", "chpst"}
)
"""What stands behind them as ``a:b`` is a user and a group, or an image."""
_WAITERS = frozenset({"wait-for-it", "wait-for-it.sh", "wait-for", "wait-for.sh", "waitforit"})
_DIALLERS = frozenset({"nc", "ncat", "netcat", "telnet", "nc.openbsd", "nc.traditional"})
_LONE_OPTIONS = frozenset({"HOST", "HOSTS", "SERVER", "SERVERS", "BROKER", "BROKERS", "PORT"})


def _program(argument: str) -> str:
    return argument.rpartition("/")[2]


def _in_command(arguments: Sequence[str]) -> Iterator[tuple[int, list[_Found]]]:
    """Yield what each argument names, with its number."""
    programs = {_program(argument) for argument in arguments}
    texts = set(_shell_texts(arguments))
    pairs = list(_options(arguments, texts))
    ports = _ports_of(setting for _, setting in pairs)
    serves = not _SERVERS.isdisjoint(programs)
    for number, setting in pairs:
        if not (serves and setting.words == ("OPTION", "HOST")):
            yield number, _in_setting(setting, ports, Form.OPTION)
    for number in texts:
        yield number, _in_shell(arguments[number])
    yield from _clients(arguments)
    yield from _pairs_of_diallers(arguments)
    if _OWNERS.isdisjoint(programs):
        end = arguments.index("--") if "--" in arguments else len(arguments)
        values = {number for number, _ in pairs}
        for number, argument in enumerate(arguments):
            behind = arguments[number - 1] if number else ""
            waits = number < end and not _WAITERS.isdisjoint(programs)
            if number in values or number in texts or argument.startswith("-"):
                continue
            if behind.startswith("-") and behind != "--" and not waits:
                yield number, _urls(argument) or [] if _may_be_url(behind) else []
            else:
                yield number, _bare(argument, waits=waits, serves=serves)


def _shell_texts(arguments: Sequence[str]) -> Iterator[int]:
    """Yield the numbers of the arguments that a shell reads."""
    for number in range(1, len(arguments)):
        if arguments[number - 1] in _TEXT_FLAGS and any(
            _program(argument) in _SHELLS for argument in arguments[max(0, number - 4) : number]
        ):
            yield number
    if len(arguments) == 1 and any(map(str.isspace, arguments[0])):
        yield 0


def _options(arguments: Sequence[str], texts: set[int]) -> Iterator[tuple[int, _Setting]]:
    """Yield the named options, with the number of the argument that holds the value."""
    for number, argument in enumerate(arguments):
        if number in texts or not argument.startswith("-"):
            continue
        if (setting := _java_option(argument)) is not None:
            yield number, setting
            continue
        name, equals, value = argument.partition("=")
        name = name.lstrip("-")
        if not 1 < len(name) <= _LONGEST_NAME or any(map(str.isspace, name)):
            continue
        if equals:
            yield number, _Setting(name, _option_words(name), value)
        elif number + 1 < len(arguments) and (argument.startswith("--") or len(name) > 2):
            value = arguments[number + 1]
            if not value.startswith("-") and number + 1 not in texts:
                yield number + 1, _Setting(name, _option_words(name), value)


def _option_words(name: str) -> tuple[str, ...]:
    """As the name of a variable, but a lone ``--host`` is a host to dial."""
    words = _words(name)
    return ("OPTION", *words) if len(words) == 1 and words[0] in _LONE_OPTIONS else words


def _may_be_url(flag: str) -> bool:
    """Whether what follows a short option may be a URL that is dialled."""
    return _is_dialled(_words(flag)) and flag not in ("-H", "-A", "-e", "-b", "-p", "-l", "-d")


def _bare(argument: str, *, waits: bool, serves: bool) -> list[_Found]:
    """Read an argument that belongs to no option."""
    for read in (_urls, _jdbc):
        found = read(argument)
        if found is not None:
            return found
    place = _place(argument)
    if place is None or place[1] is None or (serves and not waits):
        return []
    return _dialled([place], Form.HOST_PORT) if waits or _is_service(place) else []


def _is_service(place: _Place) -> bool:
    return str(place[1]) in _ARGUMENT_PORTS


def _clients(arguments: Sequence[str]) -> Iterator[tuple[int, list[_Found]]]:
    """Read the ``-h`` of the few clients where it is the host and not help."""
    client = ""
    for number, argument in enumerate(arguments):
        if not argument.startswith("-"):
            client = client or (program if (program := _program(argument)) in _CLIENTS else "")
        elif client and argument == "-h" and number + 1 < len(arguments):
            place = _place(arguments[number + 1], default=_client_port(client, arguments))
            yield number + 1, _dialled([place] if place else [], Form.OPTION)
        elif client and argument.startswith("-h") and len(argument) > 3:
            place = _place(argument[2:], default=_client_port(client, arguments))
            yield number, _dialled([place] if place else [], Form.OPTION)


def _client_port(client: str, arguments: Sequence[str]) -> int | None:
    """Read a client's port; the ``-p`` of MySQL and MongoDB is a password."""
    if client.startswith("mongo"):
        return None
    flag = "-P" if client.startswith(("mysql", "maria")) else "-p"
    at = arguments.index(flag) + 1 if flag in arguments else len(arguments)
    return _port(arguments[at]) if at < len(arguments) else None


def _pairs_of_diallers(words: Sequence[str]) -> Iterator[tuple[int, list[_Found]]]:
    """Read ``nc -z db 5432``: the first host that a port follows."""
    start = next((n for n, word in enumerate(words) if _program(word) in _DIALLERS), None)
    if start is None:
        return
    for number in range(start + 1, len(words) - 1):
        if words[number] in ("-l", "-lp", "-lk", "-lkp", "-nlp", "-lnp"):
            return
        host, port = _host(words[number]), _port(words[number + 1])
        if host is not None and port is not None:
            yield number, _dialled([(host, port)], Form.HOST_PORT)
            return


# --- shell text ----------------------------------------------------------------------------

_SILENT = frozenset({"echo", "printf", ":", "log", "logger"})
_KEYWORDS = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "exec"})
_LONGEST_TEXT = 16 * 1024


def _in_shell(text: str) -> list[_Found]:
    """Read URLs, and the hosts that ``nc`` and ``wait-for-it`` wait for, from shell text."""
    commands = _shell_commands(text) if len(text) <= _LONGEST_TEXT else None
    if commands is None:
        return []
    found: list[_Found] = []
    for words in commands:
        first = next((word for word in words if word not in _KEYWORDS), "")
        if any(map(_is_loose, words)):
            return []
        if _program(first) not in _SILENT:
            found += _in_simple_command(words)
    return found


def _in_simple_command(words: list[str]) -> list[_Found]:
    found = [host for word in words for host in _urls_in_word(word) or _device(word)]
    if not _WAITERS.isdisjoint(map(_program, words)):
        end = words.index("--") if "--" in words else len(words)
        for word in words[:end]:
            found += _bare(word, waits=True, serves=False)
    for reader in (_clients, _pairs_of_diallers):
        found += [host for _, hosts in reader(words) for host in hosts]
    return found


def _is_loose(word: str) -> bool:
    """Whether an ``@`` belongs to no URL.

    It may be that of a password with a space, a quote or a semicolon in it; what looked like
    the host of the URL before is then a piece of that password.
    """
    return "@" in word and word not in ("$@", "${@}") and _urls_in_word(word) is None


def _device(word: str) -> list[_Found]:
    """Read ``/dev/tcp/db/5432`` of bash."""
    if not word.startswith(("/dev/tcp/", "/dev/udp/")):
        return []
    host, _, port = word[9:].partition("/")
    place = _place(f"{host}:{port}")
    return _dialled([place] if place else [], Form.HOST_PORT)


def _urls_in_word(word: str) -> list[_Found] | None:
    """Read ``URL``, ``NAME=URL`` or ``--name=URL``; None if the word holds no URL."""
    name, equals, value = word.partition("=")
    if equals and _scheme(value) is not None and _scheme(word) is None:
        return _urls(value) if _is_dialled(_words(name[:_LONGEST_NAME])) else []
    return _urls(word)


def _shell_commands(text: str) -> list[list[str]] | None:
    """Split shell text into commands and words, quotes removed; None if it is too odd to read.

    What a substitution runs is read as a command of its own; a ``$`` stays before it, so that
    ``http://app$(x)`` does not become ``http://app``.
    """
    commands: list[list[str]] = [[]]
    word: list[str] | None = None
    quote, escaped, comment = "", False, False
    for letter in text.replace("\\\n", " ").replace("$(", "$\n") + "\n":
        comment = comment and letter != "\n"
        if comment and letter == "@":
            return None  # rather a password with a # in it
        if comment:
            continue
        if not escaped and not quote and (letter.isspace() or letter in ";|&()`<>"):
            if word is not None:
                commands[-1].append("".join(word))
                word = None
            if letter == "\n" or not letter.isspace():
                commands.append([])
        elif not escaped and not quote and word is None and letter == "#":
            comment = True
        elif not escaped and letter == "\\" and quote != "'":
            escaped, word = True, word or []
        elif not escaped and (letter == quote or (not quote and letter in "'\"")):
            quote, word = "" if quote else letter, word or []
        else:
            word = word if word is not None else []
            word.append(letter)
            escaped = False
    return None if quote or escaped else [words for words in commands if words]


# --- the hosts that a script names ---------------------------------------------------------

_HERE_DOCUMENT = re.compile(r"(?<!<)<<-?\s{0,8}(['\"\\]?)([A-Za-z_][A-Za-z0-9_]{0,63})\1")
_ASKERS = frozenset({"ping", "ping6", "nslookup", "getent"})
_NUMBER_OPTIONS = frozenset({"-c", "-w", "-W", "-i", "-s", "-t", "-I"})
_READERS = _set(
    """
    [ [[ test case cat sed grep egrep fgrep awk gawk expr tr cut sort tee local declare readonly
    apt-get apk yum dnf pip pip3 npm yarn gem git chown chmod mkdir cp mv ln usage die fail warn
    """
)
"""What they are given is compared, changed, printed or downloaded, not dialled."""
_IS_A_TEST = re.compile(r"\]\s{0,8}(?:&&|\|\|)|\btest\s[^;&|]{1,200}(?:&&|\|\|)")


def references_in_script(text: str, where: str) -> tuple[HostReference, ...]:
    """Return the hosts that a shell script names outright: no variables, nothing conditional.

    Read are URLs, ``host:port`` with the port of a service, and what ``wait-for-it``, ``nc``,
    ``ping`` and the clients of databases are given. Comments, here-documents, texts of several
    lines and blocks behind a condition are left out. A script of another language gives nothing.
    """
    if len(text) > _LONGEST_SCRIPT or not _is_for_a_shell(text):
        return ()
    found: set[tuple[_Found, str]] = set()
    for number, line in _unconditional_lines(text):
        place = f"line {number} of {_printable_place(where)}"
        found.update((host, place) for host in _in_line_of_script(line))
    unique: dict[tuple[str, int], HostReference] = {}
    for reference in sorted(_references(found), key=_by_line):
        unique.setdefault((reference.host, reference.port or 0), reference)
    return tuple(sorted(unique.values(), key=lambda each: (each.host, each.port or 0)))


def _by_line(reference: HostReference) -> tuple[int, str, int]:
    return int(reference.where.split(maxsplit=2)[1]), reference.host, reference.port or 0


def _is_for_a_shell(text: str) -> bool:
    words = text[:256].split("\n", maxsplit=1)[0].removeprefix("#!").split()
    if not text.startswith("#!") or not words:
        return False
    program = words[1] if _program(words[0]) == "env" and len(words) > 1 else words[0]
    return _program(program) in _SHELLS


def _unconditional_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines, with their numbers, that run whatever the circumstances."""
    depth, quote, end = 0, "", ""
    held, first = "", 0
    for number, piece in enumerate(text.split("\n"), start=1):
        if end:
            end = "" if piece.strip() == end else end
            continue
        first = first or number
        if piece.endswith("\\") and len(held) < _LONGEST_TEXT:
            held += piece[:-1] + " "
            continue
        line, start = held + piece, first
        held, first = "", 0
        was_quoted, quote = bool(quote), _quote_after(line, quote)
        if was_quoted or quote:
            continue
        code = _without_comment(line)
        opened = _blocks_opened(code)
        if depth <= 0 and opened <= 0 and not code.lstrip().startswith(("if ", "elif ")):
            yield start, line
        depth = max(0, depth + opened)
        here = _HERE_DOCUMENT.search(code)
        end = here[2] if here else ""


def _quote_after(line: str, quote: str) -> str:
    """Return the quote that is open after a line; '' for none."""
    escaped, before = False, " "
    for letter in line:
        if escaped:
            escaped = False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and before.isspace():
            return ""
        before = letter
    return quote


def _in_line_of_script(line: str) -> list[_Found]:
    if len(line) > _LONGEST_TEXT or _IS_A_TEST.search(line) or "<<" in line:
        return []
    found: list[_Found] = []
    for words in _shell_commands(line) or ():
        if any(map(_is_loose, words)):
            return []
        words = _without_keywords(words)
        program = _program(words[0]) if words else ""
        if not words or program in _SILENT or program in _READERS or program.endswith(")"):
            continue
        found += _in_simple_command(words)
        found += [host for _, hosts in _in_command(words) for host in hosts]
        found += _in_question(program, words[1:])
    return found


def _without_keywords(words: list[str]) -> list[str]:
    start = next((n for n, word in enumerate(words) if word not in _KEYWORDS), len(words))
    return words[start:]


def _in_question(program: str, arguments: Sequence[str]) -> list[_Found]:
    """Read ``ping -c 1 db``, ``getent hosts db`` and ``nslookup db``."""
    if program not in _ASKERS or (
        program == "getent" and arguments[:1] not in (["hosts"], ["ahosts"])
    ):
        return []
    words = arguments[1:] if program == "getent" else arguments
    plain = [
        word
        for number, word in enumerate(words)
        if not word.startswith("-") and (not number or words[number - 1] not in _NUMBER_OPTIONS)
    ]
    place = _place(plain[0]) if plain else None
    return _dialled([place], Form.OPTION) if place and place[1] is None else []


# --- link variables that a script reads ----------------------------------------------------

_WORD_OF_SCRIPT = re.compile(r"[A-Za-z0-9_]+")
_LINK_VARIABLE = re.compile(
    r"([A-Z_][A-Z0-9_]*)_PORT_([0-9]{1,5})_(TCP|UDP)(?:_ADDR|_PORT|_PROTO)?"
)
_PORT_WORD = "([A-Z_][A-Z0-9_]{0,200}_PORT)"
_NUMBER_READ = re.compile(
    rf"\$\{{{_PORT_WORD}:?[-=]([0-9]{{1,5}})\}}"
    rf"|(?:environ\.get|getenv)\(['\"]{_PORT_WORD}['\"], ?['\"]?([0-9]{{1,5}})['\"]?\)"
    rf"|process\.env\.{_PORT_WORD} ?(?:\|\||\?\?) ?['\"]?([0-9]{{1,5}})\b"
)
_LOOK_AROUND = 256
_DEFAULTS = (":-", "-", ":=", "=", ":+", "+")
_FALLBACKS = ("||", "??", " or ", "?:", " ? ")
_READS = ("environ[", "process.env[", "ENV[", "ENV{", "getenv(", "Getenv(", "ENV.fetch(")
_READS_IF_SET = ("environ.get(", "os.getenv(", "environ.setdefault(", "environ.pop(")


def link_variables_read(text: str, where: str) -> tuple[VariableRead, ...]:
    """Return the link variables that a script reads, in the strict form with port and protocol.

    A variable is needed only if the script reads it without a condition: a test of any variable
    of that link, a guarded block, a default or an assignment make it optional. A plain ``X_PORT``
    is among them, and optional, where its default shows that the script takes it for a number.
    """
    if "_PORT" not in text or len(text) > _LONGEST_SCRIPT:
        return ()
    numbers = _numbers_read(text, where)
    if "_PORT_" not in text:
        return numbers
    optional: dict[str, bool] = {}
    tested: set[str] = set()
    assigned: set[str] = set()
    depth = 0
    for line in text.replace("\\\n", " ").split("\n"):
        code = _without_comment(line)
        depth = max(0, depth + _blocks_opened(code))
        may_lack = depth > 0 or _only_prints(code)
        is_test = _is_test(code)
        for match in _WORD_OF_SCRIPT.finditer(code) if "_" in code else ():
            word = match.group()
            if is_test:
                tested.add(_prefix(word))
            if "_PORT_" not in word or _link_variable(word) is None:
                continue
            if _is_assignment(code, match):
                assigned.add(word)
            elif (reads_if_set := _reads_if_set(code, match)) is not None:
                optional[word] = optional.get(word, False) or may_lack or reads_if_set
    caught = "KeyError" in text
    found = tuple(
        _variable_read(
            word,
            optional=optional[word] or caught or word in assigned or _prefix(word) in tested,
            where=where,
        )
        for word in sorted(optional)[:_MOST_READS]
    )
    return (*found, *numbers)[:_MOST_READS]


def _numbers_read(text: str, where: str) -> tuple[VariableRead, ...]:
    """Return the ``X_PORT`` that a script takes for numbers: it has a number for their default.

    A script that knows a link's form of them (``tcp://…``), cuts them or sets them itself may
    well cope with it: then they are left out.
    """
    if "tcp:" in text:
        return ()
    ports: dict[str, int] = {}
    coped_with: set[str] = set()
    for line in text.replace("\\\n", " ").split("\n"):
        code = _without_comment(line) if "_PORT" in line else ""
        for match in _NUMBER_READ.finditer(code):
            word = match[1] or match[3] or match[5]
            port = _port(match[2] or match[4] or match[6])
            if port is not None and _link_variable(word) is None:
                ports.setdefault(word, port)
        for match in _WORD_OF_SCRIPT.finditer(code):
            if match.group().endswith("_PORT") and _copes(code, match):
                coped_with.add(match.group())
    return tuple(
        VariableRead(
            variable=word,
            prefix=word.removesuffix("_PORT"),
            port=ports[word],
            protocol="tcp",
            optional=True,
            where=_printable_place(where),
        )
        for word in sorted(ports.keys() - coped_with)[:_MOST_READS]
    )


def _copes(code: str, match: re.Match[str]) -> bool:
    """Whether a line sets a variable to something else, unsets it or cuts it."""
    if code.split(maxsplit=1)[0] == "unset":
        return True
    if code[max(0, match.start() - 2) : match.start()] == "${":
        return code[match.end() : match.end() + 1] in ("#", "%", "/")
    if not _is_assignment(code, match):
        return False
    return _NUMBER_READ.match(code[match.end() + 1 :].lstrip("'\"")) is None


def _variable_read(word: str, *, optional: bool, where: str) -> VariableRead:
    prefix, port, protocol = _link_variable(word) or ("", 0, "")
    return VariableRead(
        variable=word,
        prefix=prefix,
        port=port,
        protocol=protocol,
        optional=optional,
        where=_printable_place(where),
    )


def _printable_place(where: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in where[:_LOOK_AROUND])


def _link_variable(word: str) -> tuple[str, int, str] | None:
    match = _LINK_VARIABLE.fullmatch(word) if len(word) <= _LONGEST_NAME else None
    if match is None or _port(match[2]) is None:
        return None
    return match[1], int(match[2]), match[3].lower()


def _prefix(word: str) -> str:
    """Return the prefix of any variable that a link sets: testing one of them guards them all."""
    variable = _link_variable(word)
    if variable is not None:
        return variable[0]
    return word.removesuffix("_PORT").removesuffix("_NAME").partition("_ENV_")[0]


def _without_comment(line: str) -> str:
    if line.lstrip().startswith(("#", "//")):
        return ""
    at = line.find(" #")
    before = line[: max(at, 0)]
    inside_quotes = before.count('"') % 2 or before.count("'") % 2
    return line if at < 0 or inside_quotes else before


def _blocks_opened(code: str) -> int:
    """Count the conditional blocks of a shell that a line opens, less those that it closes."""
    words = code.replace(";", " ; ").split()
    opened = words.count("then") + (words[:1] == ["case"])
    return opened - words.count("elif") - words.count("fi") - words.count("esac")


def _is_test(code: str) -> bool:
    start = code.lstrip()
    return (
        start.startswith(("if ", "if(", "elif ", "unless ", "case ", "} else if", "assert "))
        or "[ " in code
        or " test " in f" {code}"
        or " -v " in code
        or "isset(" in code
    )


def _only_prints(code: str) -> bool:
    words = code.split(maxsplit=1)
    return words[:1] in (["echo"], ["printf"]) and not {">", "|"}.intersection(code)


def _is_assignment(code: str, match: re.Match[str]) -> bool:
    """Whether the script sets the variable: ``X=…``, ``export X=…``, ``environ["X"] = …``."""
    before = code[max(0, match.start() - 1) : match.start()]
    after = code[match.end() : match.end() + 8]
    if after.startswith("=") and not after.startswith("=="):
        return not before or before.isspace() or before in ";&|("
    stripped = after.lstrip("'\"")
    if not stripped.startswith("]"):
        return False
    sign = stripped[1:].lstrip()
    return sign.startswith(("=", "||=")) and not sign.startswith(("==", "=>", "=~"))


def _reads_if_set(code: str, match: re.Match[str]) -> bool | None:
    """Whether a read allows for a variable that is not set; None if it is no read."""
    before = code[max(0, match.start() - _LOOK_AROUND) : match.start()]
    after = code[match.end() : match.end() + _LOOK_AROUND]
    if before.endswith(("\\$", "$$", "\\${", "$${")):
        return None
    if before.endswith(("$", "${")):
        nested = before.removesuffix("{").removesuffix("$")
        if nested.rfind("${") > nested.rfind("}") or "||" in nested:
            return True
        return before.endswith("{") and after.startswith(_DEFAULTS)
    fallback = any(sign in before or sign in after for sign in _FALLBACKS)
    if before.endswith("process.env."):
        return fallback
    opening = before.rstrip().removesuffix('"').removesuffix("'").rstrip()
    if opening.endswith(_READS_IF_SET):
        return True
    if not opening.endswith(_READS):
        return None
    return fallback or after.lstrip("'\" ").startswith((",", ") {"))
