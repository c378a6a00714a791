"""A snapshot under pseudonyms: what it says of its links stays, who it says it of does not.

It goes by an allow-list, kind by kind: what is known to be a word of Docker's, a number, a time or
a version passes; names and addresses are replaced; whatever else a text holds is taken for a name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

import msgspec

from linkdoctor.model.evidence import Gap, Known, MissingEvidence, Unknown
from linkdoctor.model.knowledge import ImageExpectation, Knowledge, image_name
from linkdoctor.model.links import parse_refusal
from linkdoctor.model.similarity import Similarity, SimilarNames, similarity
from linkdoctor.model.snapshot import Container, Label, Snapshot
from linkdoctor.model.suppression import LABEL
from linkdoctor.model.topology import Topology
from linkdoctor.privacy.fields import Kind, leaves, with_texts
from linkdoctor.privacy.known_words import WORDS
from linkdoctor.privacy.pseudonym_addresses import Addresses
from linkdoctor.privacy.pseudonyms import Pseudonyms
from linkdoctor.rulekit.expectations import expectations_of
from linkdoctor.rulekit.host_ports import parse_port_conflict

__all__ = ["KEPT", "Redaction", "redacted", "without_setups"]

_OF_DOCKER = frozenset(
    (
        *("", "linkdoctor", "linkdoctor.snapshot/1", "Docker", "Podman"),
        *("tcp", "udp", "sctp", "icmp", "all", "iptables-nft", "iptables-legacy", "nftables"),
        *("no", "always", "on-failure", "unless-stopped"),
        *("none", "starting", "healthy", "unhealthy"),
        *("bridge", "overlay", "macvlan", "ipvlan", "host", "null"),
        *("create", "start", "die", "kill", "stop", "restart", "pause", "unpause", "rename"),
        *("destroy", "oom", "health_status: healthy", "health_status: unhealthy"),
    )
)
"""What a field that holds a word of Docker's may hold."""

_CHAINS = frozenset(
    (
        *("", "INPUT", "FORWARD", "OUTPUT", "ACCEPT", "DROP", "REJECT", "RETURN", "QUEUE", "LOG"),
        *("DOCKER", "DOCKER-USER", "DOCKER-FORWARD", "DOCKER-CT", "DOCKER-BRIDGE"),
        *("DOCKER-INTERNAL", "DOCKER-INGRESS", "DOCKER-ISOLATION"),
        *("DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2"),
    )
)
_LABELS = ("linkdoctor.", "com.docker.compose.", "com.docker.swarm.")
_INTERFACES = frozenset(("", "lo", "docker0", "docker_gwbridge"))
_PROCESSES = frozenset(("", "docker-proxy", "dockerd", "rootlesskit", "slirp4netns", "pasta"))
_MODES = frozenset(("", "default", "bridge", "host", "none", "private", "shareable"))
_OF_EACH_HOSTS_FILE = frozenset(
    (
        *("localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost"),
        *("ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters"),
    )
)
_WORDS = re.compile(r"[^\s,]+")
_OF_COMPOSE = frozenset(
    ("service_started", "service_healthy", "service_completed_successfully", "true", "false")
)

_NUMBERED = frozenset(("tcp4", "tcp6", "udp4", "udp6", "ipv4", "ipv6", "ip4", "ip6"))

_TIME = re.compile(r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)?")
_VERSION = re.compile(
    r"v?\d[\d.]*(?:[-+~.](?:dfsg|deb|ubuntu|el|fc|amzn|rc|ce|ee|alpha|beta|dev)?[\d.]*(?:u\d+)?)*"
)
_PUBLISHED = re.compile(r"(?:[\d\s,]|/tcp|/udp)*")
_AN_ENDPOINT = re.compile(r"(tcp|udp|sctp)://(.*):(\d+)", re.DOTALL)
_IN_A_TEXT = re.compile(
    r"(?P<address>(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}(?!\d))?(?![\w.])"
    r"|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%\w+)?(?:/\d{1,3})?))"
    r"|(?P<chunk>\w+(?:[.-]+\w+)*)"
)
_LETTERS = re.compile(r"[^\W\d_]+")
_ONE_ID = re.compile(r"[0-9a-f]{12}|[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]+")


class Redaction:
    """What one key makes of the names and addresses of a snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        key: bytes,
        images: Iterable[ImageExpectation] = (),
        rules: frozenset[str] = frozenset(),
    ) -> None:
        """Take a secret of up to 64 bytes, and what is kept: words of images, names of rules."""
        self._rules = rules
        rows = tuple(images)
        self._images = frozenset(image for row in rows for image in row.images)
        self._pseudonyms = Pseudonyms(key, _words_of(rows))
        seen = tuple(leaves(snapshot))
        subnets = (str(each.value) for each in seen if each.kind is Kind.SUBNET)
        self._addresses = Addresses(self._pseudonyms, (text for text in subnets if "/" in text))
        self._ids = sorted(container.id for container in snapshot.containers)
        self._names = frozenset(container.name for container in snapshot.containers)
        self._named = frozenset(str(each.value) for each in seen if each.kind in _NAMES)

    def name(self, text: str) -> str:
        """Return the pseudonym of a name, an address, or several names with anything between."""
        return self._addresses.address(text) or self._pseudonyms.name(text)

    def text(self, kind: Kind, text: str, owner: msgspec.Struct | None = None) -> str:
        """Return what stands in the place of a text of some kind.

        Args:
            kind: of the text.
            text: as it is.
            owner: the struct that holds it; a label's name says what its value is.
        """
        match kind:
            case Kind.TIME:
                return text if _TIME.fullmatch(text) else self.name(text)
            case Kind.VERSION:
                return self._version(text)
            case Kind.LABEL:
                return text if text.startswith(_LABELS) else self.name(text)
            case Kind.LABEL_VALUE:
                return self._label(owner.name if isinstance(owner, Label) else "", text)
            case Kind.ID:
                return self._pseudonyms.id(text) if _HEX.fullmatch(text) else self.name(text)
            case Kind.CONTAINER:
                return self._container(text)
            case Kind.IMAGE:
                return self._image(text)
            case Kind.INTERFACE if text.startswith("!"):
                return f"!{self.text(kind, text[1:])}"
            case Kind.MODE:
                return self._mode(text)
            case Kind.VALUE:
                return self._value(text)
            case Kind.MESSAGE:
                return self._message(text)
            case Kind.PLACE | Kind.REASON | Kind.ENDPOINT:
                return self._sentence(text)
            case _:
                return text if text in KEPT.get(kind, ()) else self.name(text)

    def _container(self, text: str) -> str:
        """Return the pseudonym of a container, also by the start of its id."""
        if _HEX.fullmatch(text) and text not in self._names:
            first = bisect_left(self._ids, text)
            if sum(each.startswith(text) for each in self._ids[first : first + 2]) == 1:
                return self._pseudonyms.id(text)
        return self.name(text)

    def _mode(self, text: str) -> str:
        if text in _MODES:
            return text
        mode, colon, name = text.partition(":")
        return (
            f"{mode}:{self._container(name)}" if colon and mode == "container" else self.name(text)
        )

    def _image(self, text: str) -> str:
        """Keep the name of an image that the table knows; its registry and tag are names."""
        known = image_name(text)
        if known not in self._images:
            return self._pseudonyms.name(text)
        before, _, after = text.rpartition(known)
        registry = before.removesuffix("library/")
        library = before.removeprefix(registry)
        return f"{self._pseudonyms.name(registry)}{library}{known}{self._pseudonyms.name(after)}"

    def _label(self, name: str, value: str) -> str:
        if name == "linkdoctor.publish" and _PUBLISHED.fullmatch(value):
            return value
        if name == LABEL:
            return _WORDS.sub(lambda match: self._rule(match[0]), value)
        if name == "com.docker.compose.oneoff" and value.lower() in ("true", "false"):
            return value
        if name == "com.docker.compose.container-number" and value.isdecimal():
            return value
        parts = re.split(r"([,:])", value)
        return "".join(each if each in _OF_COMPOSE else self.name(each) for each in parts)

    def _rule(self, word: str) -> str:
        known = word.upper() in self._rules or word.lower() in self._rules
        return word if known else self.name(word)

    def _value(self, text: str) -> str:
        if text in ("", "tcp", "udp", "sctp") or (text.isdecimal() and len(text) <= 5):
            return text
        if match := _AN_ENDPOINT.fullmatch(text):
            address = match[2]
            inner = address.strip("[]")
            mapped = self.name(inner) if inner else ""
            return f"{match[1]}://{address.replace(inner, mapped) if inner else address}:{match[3]}"
        return self.name(text)

    def _version(self, text: str) -> str:
        match = _VERSION.match(text)
        number = match[0] if match else ""
        return number + self._pseudonyms.name(text[len(number) :])

    def _message(self, text: str) -> str:
        """Replace the names in an error of the engine; the words that make it plain stay."""
        if parse_refusal(text) is None and parse_port_conflict(text) is None:
            return self._sentence(text)
        return _IN_A_TEXT.sub(lambda match: self._said(match, _is_where_a_name_is(match)), text)

    def _sentence(self, text: str) -> str:
        """Replace all that is no word of linkdoctor's and the engines' own, and all names."""
        return _IN_A_TEXT.sub(lambda match: self._said(match, match[0] in self._named), text)

    def _said(self, match: re.Match[str], is_name: bool) -> str:
        found = match[0]
        if match["address"] is not None:
            address = self._addresses.address(found.rstrip(":."))
            if address is None:
                return self._pseudonyms.name(found)
            return address + found[len(found.rstrip(":.")) :]
        if is_name:
            return self._container(found)
        return found if _is_said(found) else self._pseudonyms.name(found)


_NAMES = (Kind.CONTAINER, Kind.ALIAS, Kind.HOST, Kind.HOSTNAME, Kind.PEER)

KEPT: dict[Kind, frozenset[str]] = {
    Kind.WORD: _OF_DOCKER,
    Kind.CHAIN: _CHAINS,
    Kind.INTERFACE: _INTERFACES,
    Kind.PROCESS: _PROCESSES,
    Kind.NETWORK: _MODES,
    Kind.HOSTS_NAME: _OF_EACH_HOSTS_FILE,
    Kind.LABEL_VALUE: _OF_COMPOSE,
}
"""What is kept, as a whole, in fields of a kind; anything else there is taken for a name."""


def redacted(
    snapshot: Snapshot,
    key: bytes,
    knowledge: Knowledge = Knowledge(),  # noqa: B008 - frozen
    rules: frozenset[str] = frozenset(),
) -> Snapshot:
    """Return a snapshot in which names and addresses are replaced, and the findings are the same.

    Args:
        snapshot: as it was taken.
        key: a secret of up to 64 bytes. Snapshots of several hosts fit together if it is the same.
        knowledge: the images whose names and words are public and decide findings.
        rules: the codes and names of rules, which a label may ask to ignore.
    """
    snapshot = without_setups(snapshot)
    redaction = Redaction(snapshot, key, knowledge.images, rules)
    alike = sorted(
        SimilarNames(one=redaction.name(one), other=redaction.name(other), how=how)
        for one, other, how in set(_alike(snapshot, knowledge))
    )
    replaced = with_texts(snapshot, redaction.text)
    if snapshot.renamed:
        return replaced
    return msgspec.structs.replace(replaced, renamed=True, alike=tuple(alike))


def without_setups(snapshot: Snapshot) -> Snapshot:
    """Leave out how containers were made: under other names nobody could make them again."""
    return msgspec.structs.replace(
        snapshot,
        containers=tuple(
            msgspec.structs.replace(
                each,
                details=Known(
                    msgspec.structs.replace(each.details.value, setup=_LEFT_OUT),
                    each.details.source,
                ),
            )
            if isinstance(each.details, Known)
            else each
            for each in snapshot.containers
        ),
    )


_LEFT_OUT = Unknown(gap=Gap.NOT_COLLECTED, detail="it is left out where names are replaced")


def _alike(snapshot: Snapshot, knowledge: Knowledge) -> Iterator[tuple[str, str, Similarity]]:
    """Yield the names that are alike of what each container is linked to and what it expects."""
    topology = Topology((snapshot,), knowledge)
    for container in snapshot.containers:
        linked = {
            name.lower()
            for link in topology.links_of(snapshot.host, container)
            for name in (link.alias, link.source_name)
        }
        for name in _expected(snapshot.host, container, topology) if linked else ():
            for mine in linked:
                how = similarity(mine, name)
                if mine != name and how is not Similarity.NONE:
                    yield mine, name, how


def _expected(host: str, container: Container, topology: Topology) -> Iterator[str]:
    try:
        for expectation in expectations_of(host, container, topology):
            yield from map(str.lower, expectation.names)
    except MissingEvidence:
        return


def _words_of(rows: Iterable[ImageExpectation]) -> Iterator[str]:
    for row in rows:
        for text in (*row.names, *row.settings):
            yield from re.findall(r"[A-Za-z]+", text)


def _is_where_a_name_is(match: re.Match[str]) -> bool:
    before = match.string[: match.start()]
    return before.endswith(("/", "container ", "container for ", "endpoint "))


def _is_said(chunk: str) -> bool:
    """Whether a piece of a sentence is no name: a number, or words that engines use."""
    if _ONE_ID.fullmatch(chunk):
        return False
    if chunk in _NUMBERED:
        return True
    words = _LETTERS.findall(chunk)
    numbered = any(map(str.isdigit, chunk)) and bool(words)
    return not numbered and all(word.lower() in WORDS for word in words)
