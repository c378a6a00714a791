"""Hosts in URLs, those of JDBC among them.

Only known schemes are read, and only where there is no doubt where the host stands: a password
with a ``/`` or an ``@`` in it must not be taken for one.
"""

from __future__ import annotations

from linkdoctor.model.references import Form
from linkdoctor.reading.limits import MOST_IN_A_VALUE
from linkdoctor.reading.places import FoundHost, Place, dialled_hosts, read_place

__all__ = ["SCHEME_PORTS", "read_jdbc", "read_urls", "url_scheme"]

SCHEME_PORTS: dict[str, int | None] = {
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
_JDBC_PORTS: dict[str, int] = {
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


def read_urls(value: str) -> list[FoundHost] | None:
    """Read a URL or a list of URLs; None if the value is not one, nothing if it is odd."""
    if url_scheme(value) is None:
        return None
    if any(letter.isspace() or not letter.isprintable() for letter in value):
        # A password with a space would leave a part that looks like a host.
        pieces = value.split()
        if "@" in value or len(pieces) > MOST_IN_A_VALUE:
            return []
    else:
        pieces = _split_urls(value)
    if len(pieces) > 1 and len({"@" in piece for piece in pieces}) > 1:
        return []
    found: list[FoundHost] = []
    for piece in pieces:
        hosts = _read_url(piece)
        if hosts is None:
            return []
        found += hosts
    return found


def _split_urls(value: str) -> list[str]:
    """Split a list of URLs at commas; other commas belong to the URL before."""
    pieces: list[list[str]] = []
    for part in value.split(","):
        if not pieces or url_scheme(part) is not None:
            pieces.append([part])
        else:
            pieces[-1].append(part)
    return [",".join(parts) for parts in pieces]


def url_scheme(text: str) -> str | None:
    """Return the scheme of a URL with an authority, in lower case."""
    scheme, separator, _ = text[:40].partition("://")
    if not separator or not scheme.isascii() or not scheme[:1].isalpha():
        return None
    return scheme.lower() if scheme.replace("+", "").replace("-", "").isalnum() else None


def _read_url(text: str) -> list[FoundHost] | None:
    scheme = (url_scheme(text) or "").split("+")[0]
    if scheme not in SCHEME_PORTS:
        return None
    rest = text[text.index("://") + 3 :]
    places = _read_authority(rest, many=scheme not in _ONE_HOST)
    if places is None or rest.lower().endswith(_ARCHIVES):
        return None
    return dialled_hosts(places, Form.URL, SCHEME_PORTS[scheme])


def _read_authority(rest: str, *, many: bool, ends: str = "/?#") -> list[Place] | None:
    """Read the hosts of what follows ``//``; None if there is a doubt where they are.

    An ``@`` behind the authority may be that of a password with a ``/`` in it: what stands
    before would then be a piece of the password.
    """
    end = min((at for at in map(rest.find, ends) if at >= 0), default=len(rest))
    if "@" in rest[end:] or "\\" in rest:
        return None
    hosts = rest[:end].rpartition("@")[2].split(",")
    if len(hosts) > (MOST_IN_A_VALUE if many else 1):
        return None
    places = [place for place in map(read_place, hosts) if place is not None]
    return places if len(places) == len(hosts) else None


def read_jdbc(value: str) -> list[FoundHost] | None:
    """Read a JDBC or R2DBC URL; None if the value is not one."""
    kind, _, rest = value.partition(":")
    if kind.lower() not in ("jdbc", "r2dbc") or any(letter.isspace() for letter in value):
        return None
    if rest[:12].lower() == "oracle:thin:":
        place = _read_oracle(rest[12:])
        return dialled_hosts([place], Form.JDBC, 1521) if place else []
    driver, slashes, rest = rest.partition("://")
    if not slashes or driver.lower() not in _JDBC_PORTS:
        return []
    places = _read_authority(rest, many=True, ends="/?#;")
    return dialled_hosts(places or [], Form.JDBC, _JDBC_PORTS[driver.lower()])


def _read_oracle(rest: str) -> Place | None:
    """Read ``user/password@host:1521:sid`` or ``@//host:1521/service``."""
    credentials, at, target = rest.rpartition("@")
    if not at or "@" in credentials:
        return None
    host, _, port = target.removeprefix("//").replace("/", ":").partition(":")
    return read_place(f"{host}:{port.partition(':')[0]}")
