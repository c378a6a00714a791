"""What programs say of peers that they cannot reach, and what only sounds like it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkdoctor.model.snapshot import Complaint, ComplaintKind
from linkdoctor.reading.log_complaints import complaints_in, known_hosts, names_of_containers
from linkdoctor.rulekit.world import World
from tests.fuzz.effort import MORE, tries

NO_NAME, REFUSED = ComplaintKind.UNRESOLVED, ComplaintKind.REFUSED
LATE, NO_WAY = ComplaintKind.TIMED_OUT, ComplaintKind.NO_ROUTE
KNOWN = frozenset(
    {
        *("db", "app", "web", "redis", "mysql", "kafka", "rabbit", "zk-1", "helloapp"),
        *("172.17.0.2", "172.17.0.3", "fd00::2"),
    }
)
PROXY = 'client: 172.17.0.9, server: , request: "GET / HTTP/1.1"'

COMPLAINTS = [
    # a name does not resolve
    ("Error: getaddrinfo ENOTFOUND db", NO_NAME, "db", None),
    ("Error: getaddrinfo EAI_AGAIN db", NO_NAME, "db", None),
    ("Error: getaddrinfo ENOTFOUND db db:5432", NO_NAME, "db", 5432),
    ("MongoServerSelectionError: getaddrinfo ENOTFOUND db", NO_NAME, "db", None),
    ('psql: could not translate host name "db" to address: unknown', NO_NAME, "db", None),
    ("ping: db: Name or service not known", NO_NAME, "db", None),
    ("ping: bad address 'db'", NO_NAME, "db", None),
    ("wget: bad address 'app:5000'", NO_NAME, "app", 5000),
    ("wget: unable to resolve host address ‘app’", NO_NAME, "app", None),
    ("curl: (6) Could not resolve host: app", NO_NAME, "app", None),
    ("ssh: Could not resolve hostname app: Name or service not known", NO_NAME, "app", None),
    ("dial tcp: lookup db: no such host", NO_NAME, "db", None),
    ("dial tcp: lookup db on 127.0.0.11:53: no such host", NO_NAME, "db", None),
    ("lookup db on 192.168.7.1:53: server misbehaving", NO_NAME, "db", None),
    ('{"level":"error","err":"dial tcp: lookup db: no such host"}', NO_NAME, "db", None),
    ("java.net.UnknownHostException: db", NO_NAME, "db", None),
    ("Caused by: java.net.UnknownHostException: db: Name does not resolve", NO_NAME, "db", None),
    ("db: Temporary failure in name resolution", NO_NAME, "db", None),
    ("PDO: php_network_getaddresses: getaddrinfo for db failed: unknown", NO_NAME, "db", None),
    ("php_network_getaddresses: getaddrinfo failed: Try again", NO_NAME, "", None),
    ("ERROR 2005 (HY000): Unknown MySQL server host 'db' (-2)", NO_NAME, "db", None),
    ('nginx: [emerg] host not found in upstream "app" in default.conf:3', NO_NAME, "app", None),
    ('nginx: [emerg] host not found in upstream "app:5000" in x:12', NO_NAME, "app", 5000),
    (f"7#7: *1 app could not be resolved (3: Host not found), {PROXY}", NO_NAME, "app", None),
    ("Error -2 connecting to redis:6379. Name or service not known.", NO_NAME, "redis", 6379),
    ("Failed to resolve 'db' ([Errno -3] Try again)", NO_NAME, "db", None),
    ("failed to lookup address information: Try again, host db", NO_NAME, "db", None),
    ('nc: getaddrinfo for host "db" port 5432: Name does not resolve', NO_NAME, "db", 5432),
    ("** server can't find db: NXDOMAIN", NO_NAME, "db", None),
    ("tcp connect (db:5432): non-existing domain - :nxdomain", NO_NAME, "db", 5432),
    ("traceroute: unknown host db", NO_NAME, "db", None),
    ("\x1b[31mError: getaddrinfo ENOTFOUND db\x1b[0m", NO_NAME, "db", None),
    # refused
    ("Error: connect ECONNREFUSED 172.17.0.2:5432", REFUSED, "172.17.0.2", 5432),
    ("Error: connect ECONNREFUSED fd00::2:5432", REFUSED, "fd00::2", 5432),
    ("{ code: 'ECONNREFUSED', address: '172.17.0.2', port: 5432 }", REFUSED, "172.17.0.2", 5432),
    ("dial tcp 172.17.0.2:6379: connect: connection refused", REFUSED, "172.17.0.2", 6379),
    ("dial tcp [fd00::2]:6379: connect: connection refused", REFUSED, "fd00::2", 6379),
    (
        'connection to server at "db" (172.17.0.2), port 5432 failed: Connection refused',
        REFUSED,
        "db",
        5432,
    ),
    ("Can't connect to MySQL server on 'db' (111)", REFUSED, "db", None),
    ("Can't connect to MySQL server on 'db:3306' (111)", REFUSED, "db", 3306),
    ("Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)", REFUSED, "db", None),
    ("Could not connect to Redis at redis:6379: Connection refused", REFUSED, "redis", 6379),
    ('Connection refused - connect(2) for "redis" port 6379', REFUSED, "redis", 6379),
    (
        "wget: can't connect to remote host (172.17.0.2): Connection refused",
        REFUSED,
        "172.17.0.2",
        None,
    ),
    (
        "Connecting to app (app)|172.17.0.2|:5000... failed: Connection refused.",
        REFUSED,
        "172.17.0.2",
        5000,
    ),
    (
        "curl: (7) Failed to connect to app port 5000 after 0 ms: Connection refused",
        REFUSED,
        "app",
        5000,
    ),
    (
        "nc: connect to db (172.17.0.2) port 5432 (tcp) failed: Connection refused",
        REFUSED,
        "db",
        5432,
    ),
    ("Connection refused: db/172.17.0.2:5432", REFUSED, "db", 5432),
    (
        "HTTPConnectionPool(host='app', port=5000): Max retries exceeded with url: /x (Caused by "
        "NewConnectionError('<object at 0x7f>: [Errno 111] Connection refused'))",
        REFUSED,
        "app",
        5000,
    ),
    (
        "pymongo.errors.AutoReconnect: db:27017: [Errno 111] Connection refused",
        REFUSED,
        "db",
        27017,
    ),
    (
        "Cannot connect to amqp://guest:**@rabbit:5672//: [Errno 111] Connection refused.",
        REFUSED,
        "rabbit",
        5672,
    ),
    (
        "kafka:9092/1: Connect to ipv4#172.17.0.3:9092 failed: Connection refused (after 0ms)",
        REFUSED,
        "kafka",
        9092,
    ),
    (
        "connect() failed (111: Connection refused) while connecting to upstream, "
        f'{PROXY}, upstream: "http://172.17.0.2:5000/", host: "web"',
        REFUSED,
        "172.17.0.2",
        5000,
    ),
    ("java.net.ConnectException: Connection refused (Connection refused)", REFUSED, "", None),
    ("SQLSTATE[HY000] [2002] Connection refused", REFUSED, "", None),
    ("tcp connect error: Connection refused (os error 111)", REFUSED, "", None),
    (
        "SocketException (111): Connection refused [::ffff:172.17.0.2]:5432",
        REFUSED,
        "172.17.0.2",
        5432,
    ),
    ("tcp connect (DB:5432): connection refused - :econnrefused", REFUSED, "db", 5432),
    # timed out
    ("Error: connect ETIMEDOUT 172.17.0.2:5432", LATE, "172.17.0.2", 5432),
    ("dial tcp 172.17.0.2:5432: i/o timeout", LATE, "172.17.0.2", 5432),
    ("curl: (28) Connection timed out after 10001 milliseconds", LATE, "", None),
    ("java.net.SocketTimeoutException: connect timed out", LATE, "", None),
    ("ssh: connect to host db port 22: Connection timed out", LATE, "db", 22),
    ("Can't connect to MySQL server on 'db' (110)", LATE, "db", None),
    # no route
    ("Error: connect EHOSTUNREACH 172.17.0.2:5432", NO_WAY, "172.17.0.2", 5432),
    ("dial tcp 172.17.0.2:80: connect: no route to host", NO_WAY, "172.17.0.2", 80),
    ("java.net.NoRouteToHostException: No route to host (Host unreachable)", NO_WAY, "", None),
    ("zk-1:2181: [Errno 113] No route to host", NO_WAY, "zk-1", 2181),
]

SILENT = [
    "",
    "listening on 0.0.0.0:5000",
    "connected to db:5432",
    "connection refused by policy documentation, see the handbook",
    "see /docs/ECONNREFUSED.html for what to do",
    '172.17.0.3 - - [01/Jan/2026:00:00:00 +0000] "GET /items/111 HTTP/1.1" 200 111 "-" "curl"',
    '172.17.0.3 - - [01/Jan/2026:00:00:00 +0000] "GET /connection-refused HTTP/1.1" 404 110',
    "errors since start: connection refused: 0, connection timed out: 0, no route to host: 0",
    'connection_refused_total{host="db"} 17',
    "the payment was refused by the bank",
    "request timed out, retrying in 5 s",
    "query timed out after 30 s on db",
    "the session of user 111 timed out",
    "loaded 111 routes for db",
    "no route matches GET /db",
    "[Errno 2] No such file or directory: '/etc/db.conf'",
    "unknown host key for db, see known_hosts",
    "no such hostgroup: db",
    "LOG:  could not receive data from client: Connection timed out",
    f"client timed out (110: Connection timed out) while waiting for request, {PROXY}",
    f"upstream timed out (110: Connection timed out) while reading response header, {PROXY}, "
    'upstream: "http://172.17.0.2:5000/"',
    "  code: 'ECONNREFUSED',",
    "  errno: 'ENOTFOUND',",
    "handler onConnectionRefused registered for db",
    "set option host_not_found=warn",
    "ALTER TABLE db ADD COLUMN econnrefused_count int",
    "resolve the conflict, then commit",
    "test_connection_refused PASSED",
    "bad address book entry 'db'",
    "temporary failure in name resolution is simulated by the tests",
]


@pytest.mark.parametrize(("line", "kind", "host", "port"), COMPLAINTS)
def test_a_complaint_is_understood(
    line: str, kind: ComplaintKind, host: str, port: int | None
) -> None:
    (found,) = complaints_in([("", line)], KNOWN)
    assert (found.kind, found.host, found.port, found.count) == (kind, host, port, 1)


@pytest.mark.parametrize("line", SILENT)
def test_what_only_sounds_like_a_complaint_is_none(line: str) -> None:
    assert complaints_in([("", line)], KNOWN) == ()


def test_the_corpus_is_large_enough() -> None:
    assert len(COMPLAINTS) + len(SILENT) >= 60
    assert len(SILENT) >= 20


def test_a_host_that_is_not_known_otherwise_is_not_handed_on() -> None:
    lines = [("", line) for line, *_ in COMPLAINTS]
    found = complaints_in(lines, ())
    assert {(each.host, each.port) for each in found} == {("", None)}
    assert sum(each.count for each in found) == len(COMPLAINTS)


@pytest.mark.parametrize(
    "line",
    [
        "Cannot connect to amqp://db:12345@10.0.0.1/: Connection refused.",
        "Cannot connect to amqp://user:pa ss@db:12345 Connection refused",
        "Cannot connect to postgres://db:12345/6@host: Connection refused",
        "login db:12345@host failed: Connection refused",
    ],
)
def test_a_piece_of_a_password_is_no_port(line: str) -> None:
    assert "12345" not in msgspec.json.encode(complaints_in([("", line)], KNOWN)).decode()


def test_complaints_are_counted_with_the_last_time() -> None:
    line = "connect ECONNREFUSED 172.17.0.2:5432"
    times = ["2026-01-01T00:00:01.123456789Z", "2026-01-01T00:00:03Z", "s3cr3t", ""]
    assert complaints_in([(time, line) for time in times], KNOWN) == (
        Complaint(kind=REFUSED, host="172.17.0.2", port=5432, count=4, last="2026-01-01T00:00:03Z"),
    )


def test_what_postgresql_says_in_three_lines_is_one_complaint() -> None:
    lines = [
        ("", "psql: could not connect to server: Connection refused"),
        ("", '\tIs the server running on host "db" (172.17.0.2) and accepting'),
        ("", "\tTCP/IP connections on port 5432?"),
    ]
    assert complaints_in(lines, KNOWN) == (Complaint(kind=REFUSED, host="db", port=5432),)


def test_a_named_complaint_is_kept_where_there_are_too_many() -> None:
    names = {f"db{number}" for number in range(100)}
    lines = [("", f"lookup db{number}: no such host") for number in range(100)]
    found = complaints_in([*[("", "lookup x: no such host")] * 300, *lines], names)
    assert len(found) == 50
    assert all(each.host for each in found)


def test_only_the_first_lines_are_read() -> None:
    lines = [("", "all is well")] * 500 + [("", "lookup db: no such host")]
    assert complaints_in(lines, KNOWN) == ()


def test_the_order_of_lines_does_not_matter() -> None:
    lines = [("", line) for line, *_ in COMPLAINTS]
    assert complaints_in(lines, KNOWN) == complaints_in(lines[::-1], KNOWN)


@pytest.mark.parametrize(
    "piece",
    [
        *("connection refused ", "a", " ", "(", "'", "@", "://", ":5", "host ", "db:", "0:", "|"),
        *("connection refused" + " " * 40, "Can't connect to MySQL ", "lookup ", "dial tcp a: "),
        *("\x1b[", "[Errno -2] ", "http://a:1@", "to to to ", "could not be resolved (1: "),
        *("ECONNREFUSED ", "::", "a.", "-", "connection to server at "),
    ],
)
def test_hostile_lines_of_the_greatest_length_are_read(piece: str) -> None:
    line = f"[Errno {piece * (200_000 // len(piece))}"
    complaints_in([("", line)] * (3 if MORE > 1 else 1), KNOWN)


@settings(max_examples=tries(80))
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=200)), max_size=8))
def test_any_text_gives_known_hosts_only(lines: list[tuple[str, str]]) -> None:
    for each in complaints_in(lines, KNOWN):
        assert each.host in {*KNOWN, ""}
        assert each.port is None or each.host


@settings(max_examples=tries(80))
@given(st.text(alphabet="abct :@/'\"()[].0159-db", max_size=120), st.sampled_from(COMPLAINTS))
def test_nothing_of_a_secret_gets_out(
    secret: str, line: tuple[str, ComplaintKind, str, int | None]
) -> None:
    found = complaints_in([("", f"zebra{secret} {line[0]} zebra{secret}")], KNOWN)
    assert "zebra" not in msgspec.json.encode(found).decode()


def test_the_hosts_of_a_container_are_known_and_its_own_are_not() -> None:
    snapshot = (
        World()
        .run("app", expose=[5000])
        .run("other")
        .run(
            "web",
            link="app:helloapp",
            env={"DATABASE_URL": "postgres://u:s3cr3t@db:5432/x"},
            labels={"linkdoctor.expects": "cache, queue"},
            add_host={"pinned": "10.9.9.9"},
        )
        .snapshot()
    )
    engine = names_of_containers(snapshot.containers)
    assert {"app", "other", "web", "172.17.0.2"} <= engine
    (web,) = [each for each in snapshot.containers if each.name == "web"]
    known = known_hosts(web, engine)
    assert {
        *("app", "helloapp", "other", "db", "cache", "queue", "pinned", "10.9.9.9", "172.17.0.2"),
    } <= known
    assert not {"web", "", "172.17.0.4", web.id[:12]} & known
