"""The one converter: how a container was made → the words of ``docker run`` that make it again.

Every option of ``docker run`` that leaves a trace in a container is said, the command comes last,
and only what differs from the image is said. What cannot be said is never half said: those who
print the words look at :attr:`Setup.beyond` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from linkdoctor.model.actions import Joined, Namespace, Recreate
from linkdoctor.model.links import StoredLink
from linkdoctor.model.network_mode import is_default_bridge, mode_sharing
from linkdoctor.model.setup import Attachment, Part, Setup
from linkdoctor.model.snapshot import Publication

__all__ = ["changed", "connect_words", "head_words", "publish_word", "words_of"]

_ANY_ADDRESS = ("", "0.0.0.0", "::")
_BRIDGE = "bridge"
_AFTER_THE_OPTIONS = (Part.COMMAND,)


def words_of(setup: Setup, name: str) -> tuple[str, ...]:
    """Return the words behind ``docker run`` or ``docker create``; the command is last.

    Raises:
        ValueError: something was withheld, or there are no words for it.
    """
    if setup.beyond:
        raise ValueError(f"docker run has no option for: {', '.join(setup.beyond)}")
    private = {each.part: each.words for each in setup.private}
    if None in private.values() or any(each.driver_options is None for each in setup.attachments):
        raise ValueError("what may hold a secret was withheld")
    further = [words or () for part, words in private.items() if part not in _AFTER_THE_OPTIONS]
    return (
        *head_words(setup, name),
        *(word for words in further for word in words),
        setup.image,
        *(private.get(Part.COMMAND) or ()),
    )


def head_words(setup: Setup, name: str) -> tuple[str, ...]:
    """Return the words that hold no secret: everything but `private`, the image and the command."""
    return (
        "--name",
        name,
        *setup.options,
        *_network_words(setup),
        *_paired("--link", (f"{each.source}:{each.alias}" for each in setup.links)),
        *(("--publish-all",) if setup.publish_all else ()),
        *_paired("--publish", setup.publish),
        *_paired("--expose", setup.expose),
        *_paired(
            "--add-host",
            (f"{name}:{line.address}" for line in setup.extra_hosts for name in line.names),
        ),
        *_paired("--dns-search", setup.dns_search),
    )


def connect_words(setup: Setup, name: str) -> tuple[tuple[str, ...], ...]:
    """Return the words behind ``docker network connect`` for each further network."""
    return tuple(
        (
            *_paired("--alias", each.aliases),
            *_paired("--link", (f"{link.source}:{link.alias}" for link in each.links)),
            *each.options,
            *_paired("--driver-opt", each.driver_options or ()),
            each.network,
            name,
        )
        for each in setup.attachments[1:]
    )


def _network_words(setup: Setup) -> Iterator[str]:
    first = setup.attachments[0] if setup.attachments else None
    if first is None:
        if not is_default_bridge(setup.network_mode):
            yield from ("--network", setup.network_mode)
        return
    if first.driver_options:
        options = "".join(f",driver-opt={each}" for each in first.driver_options)
        yield from ("--network", f"name={first.network}{options}")
    elif not is_default_bridge(setup.network_mode):
        yield from ("--network", first.network)
    yield from _paired("--network-alias", first.aliases)
    yield from _paired("--link", (f"{each.source}:{each.alias}" for each in first.links))
    yield from first.options
    if first.hardware_address:
        yield from ("--mac-address", first.hardware_address)


def _paired(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


# --- what an action changes -----------------------------------------------------------------------


def changed(setup: Setup, action: Recreate) -> Setup:
    """Return how the successor is made, changed as an action says."""
    dropped = set(action.drop_extra_hosts)
    hosts = [each for each in setup.extra_hosts if not dropped.intersection(each.names)]
    publish = _published(setup, action)
    ports = {each.rpartition(":")[2] for each in publish}
    # What was published is exposed, and stays so.
    before = (each.rpartition(":")[2] for each in setup.publish)
    expose = dict.fromkeys((*before, *setup.expose, *map(str, action.expose)))
    setup = msgspec.structs.replace(
        setup,
        publish=publish,
        expose=tuple(each for each in expose if each not in ports),
        extra_hosts=tuple(dict.fromkeys((*hosts, *action.extra_hosts))),
        dns_search=setup.dns_search if action.dns_search is None else action.dns_search,
        options=(
            *setup.options,
            *_paired("--env", (f"{each.name}={each.value}" for each in action.environment)),
        ),
    )
    setup = _joined(setup, action.joins)
    if action.network is not None:
        return _moved(setup, action, action.network)
    if action.aliases:
        setup = _with_aliases(setup, action.aliases)
    return setup if action.links is None else _linked(setup, action.links)


def _joined(setup: Setup, joins: Iterable[Joined]) -> Setup:
    """Put what shares namespaces into those of the containers that have these names now."""
    for each in joins:
        mode, option = mode_sharing(each.container), f"--{each.namespace.value}"
        if each.namespace is Namespace.NETWORK:
            setup = msgspec.structs.replace(setup, network_mode=mode)
            continue
        words = list(setup.options)
        if option in words:
            words[words.index(option) + 1] = mode
        else:
            words += [option, mode]
        setup = msgspec.structs.replace(setup, options=tuple(words))
    return setup


def _moved(setup: Setup, action: Recreate, network: str) -> Setup:
    links = _present_links(setup) if action.links is None else action.links
    names = dict.fromkeys(name for each in setup.attachments for name in each.aliases)
    if is_default_bridge(network):
        return msgspec.structs.replace(
            setup, network_mode="default", attachments=(), links=tuple(links)
        )
    mac = next((each.hardware_address for each in setup.attachments), "")
    place = Attachment(
        network=network,
        aliases=tuple(dict.fromkeys((*names, *action.aliases))),
        links=tuple(links),
        hardware_address=mac,
    )
    return msgspec.structs.replace(setup, network_mode=network, attachments=(place,), links=())


def _present_links(setup: Setup) -> tuple[StoredLink, ...]:
    return (*setup.links, *(link for each in setup.attachments for link in each.links))


def _main(setup: Setup) -> int | None:
    """Return the place, among its networks, of the first that is not the default bridge."""
    for number, each in enumerate(setup.attachments):
        if not is_default_bridge(each.network):
            return number
    return None


def _with_aliases(setup: Setup, aliases: Sequence[str]) -> Setup:
    main = _main(setup)
    if main is None:
        return setup
    place = setup.attachments[main]
    names = tuple(dict.fromkeys((*place.aliases, *aliases)))
    return _replaced(setup, main, msgspec.structs.replace(place, aliases=names))


def _linked(setup: Setup, links: Sequence[StoredLink]) -> Setup:
    """Put each link where its alias was before, and a new one on the main network."""
    if is_default_bridge(setup.network_mode):
        return msgspec.structs.replace(setup, links=tuple(links))
    main = _main(setup)
    before = [{link.alias for link in each.links} for each in setup.attachments]
    known = set[str]().union(*before)
    for number, place in enumerate(setup.attachments):
        here = tuple(
            link
            for link in links
            if link.alias in before[number] or (number == main and link.alias not in known)
        )
        setup = _replaced(setup, number, msgspec.structs.replace(place, links=here))
    return msgspec.structs.replace(setup, links=())


def _replaced(setup: Setup, number: int, place: Attachment) -> Setup:
    places = list(setup.attachments)
    places[number] = place
    return msgspec.structs.replace(setup, attachments=tuple(places))


def _published(setup: Setup, action: Recreate) -> tuple[str, ...]:
    words = list(setup.publish)
    if action.published is not None:
        wanted = (
            each
            for each in action.published
            if not (setup.publish_all and (each.ephemeral or not each.host_port))
        )
        words = [publish_word(each) for each in wanted]
    for each in action.publish:
        word = publish_word(each)
        if each.host_port and not each.ephemeral:  # a port that was the engine's choice is pinned
            words = [found for found in words if found not in (str(each.port), f"::{each.port}")]
        words.append(word)
    return tuple(dict.fromkeys(words))


def publish_word(each: Publication) -> str:
    """Return a publication as ``--publish`` takes it: ``127.0.0.1:8080:80/tcp``."""
    free = each.ephemeral or not each.host_port
    if each.host_address in _ANY_ADDRESS:
        return str(each.port) if free else f"{each.host_port}:{each.port}"
    address = f"[{each.host_address}]" if ":" in each.host_address else each.host_address
    return f"{address}:{'' if free else each.host_port}:{each.port}"
