"""What the name of a setting says of its value: a host, where it is dialled, or a secret.

A name is read as words: ``DB_HOST``, ``db.host``, ``--db-host`` and ``dbHost`` are the same.
"""

from __future__ import annotations

import re
from functools import lru_cache

from linkdoctor.reading.words import word_set

__all__ = [
    "NAMES_PLACES",
    "is_dialled",
    "is_plural",
    "is_sensitive",
    "name_stem",
    "names_hosts",
    "names_no_place",
    "split_name",
]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SENSITIVE = (
    *("PASS", "PWD", "SECRET", "TOKEN", "KEY", "CRED", "PRIVATE", "AUTH", "SALT", "HASH", "CERT"),
    *("SIGNATURE", "SIGNING", "MNEMONIC", "ENCRYPT", "CIPHER"),
)
_PRODUCTS = frozenset({"KEYCLOAK", "KEYDB", "KEYSTONE", "AUTHENTIK", "AUTHELIA", "PASSENGER"})
"""Names of software that only look sensitive."""
_NOT_DIALLED = word_set(
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
_NAMES_HOSTS = word_set(
    """
    HOST HOSTNAME HOSTS HOSTNAMES SERVER SERVERS ADDR ADDRS ADDRESS ADDRESSES BROKER BROKERS SEEDS
    """
)
NAMES_PLACES = _NAMES_HOSTS | word_set(
    """
    ENDPOINT ENDPOINTS URL URLS URI URIS DSN UPSTREAM UPSTREAMS PEER PEERS NODES SEED BACKEND
    BACKENDS BOOTSTRAP CONNECT ZOOKEEPER QUORUM TARGET PROXY
    """
)
"""A setting of such a name refers to a place, with a port or as a URL."""
_NOT_PLACES = word_set(
    """
    IMAGE IMAGES VERSION TAG TAGS TIME TIMES TIMEOUT DATE USER USERS USERNAME OWNER GROUP UID GID
    VOLUME VOLUMES MOUNT MOUNTS RATIO SCALE MODEL LEVEL LOG FORMAT SIZE LIMIT MODULE HANDLER
    SCHEDULE CRON WINDOW RANGE DISPLAY FEATURE FLAGS TTL REPLICAS REGISTRY REPO REPOSITORY MAIL
    EMAIL MEMORY PORT PORTS LINK NAME BUILD RELEASE COLOR LABEL ROLE PERMISSION PERMISSIONS CHOWN
    ASPECT RESOLUTION ID
    """
)
_NEVER_PLACES = word_set("IMAGE IMAGES VERSION TAG TAGS VOLUME VOLUMES MOUNT MOUNTS DISPLAY")
"""They say so even before a last word such as HOST."""
_OTHER_ADDRESSES = word_set(
    "MAC EMAIL MAIL FROM REPLY SENDER WALLET CONTRACT STREET BILLING HOME MEMORY USER DEVICE"
)

# What names say is kept: containers have variables of the same names. Values are not kept.
_kept = lru_cache(maxsize=4096)


@_kept
def split_name(name: str) -> tuple[str, ...]:
    """Take ``DB_HOST``, ``db.host``, ``--db-host`` or ``dbHost1`` apart: ``(DB, HOST)``."""
    words = [word.upper() for word in _WORD.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if len(words) > 2 and words[-2:] == ["HOST", "NAME"]:
        words[-2:] = ["HOSTNAME"]
    return tuple(words)


@_kept
def is_sensitive(words: tuple[str, ...]) -> bool:
    """Whether the value may be a secret: ``DB_PASSWORD``, ``API_KEY``."""
    return any(part in word for word in words if word not in _PRODUCTS for part in _SENSITIVE)


@_kept
def is_dialled(words: tuple[str, ...]) -> bool:
    """Whether a host under this name is one to dial, and not where the container listens."""
    if words in _OWN_NAMES or words[:2] == ("REACT", "APP") or words[-1:] == ("PORT",):
        return False
    return _NOT_DIALLED.isdisjoint(words) and not any(map(_is_own_place, words))


@_kept
def _is_own_place(word: str) -> bool:
    """Whether words that are written as one name the container's own address.

    ``CORE_PEER_GOSSIP_EXTERNALENDPOINT``, ``PUBLICURL``, ``CHAINCODELISTENADDRESS``.
    """
    for place in NAMES_PLACES:
        rest = word.removesuffix(place)
        if rest != word and rest.startswith(_OWN_BEGINNINGS):
            return True
        if rest != word and rest.endswith(_OWN_ENDINGS):
            return True
    return False


@_kept
def names_hosts(words: tuple[str, ...]) -> bool:
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
def names_no_place(words: tuple[str, ...]) -> bool:
    """Whether what looks like a place is something else: an image, a volume, a time."""
    if words[-1].endswith("PATH"):
        return True
    never = _NEVER_PLACES if words[-1] in NAMES_PLACES else _NOT_PLACES
    return not never.isdisjoint(words)


def is_plural(words: tuple[str, ...]) -> bool:
    """Whether the value may be a list of hosts."""
    return words[-1].endswith("S") or words[-1].endswith("HOST")


def name_stem(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what ``X_HOST`` and ``X_PORT``, ``PGHOST`` and ``PGPORT`` have in common."""
    last = words[-1]
    for ending in ("HOSTADDR", "HOSTNAME", "HOST", "SERVER", "ADDRESS", "ADDR", "PORT"):
        if last.endswith(ending):
            rest = last.removesuffix(ending)
            return (*words[:-1], rest) if rest else words[:-1]
    return words
