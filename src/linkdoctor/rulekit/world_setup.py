"""How the containers of a :class:`linkdoctor.rulekit.world.World` were made."""

from __future__ import annotations

from linkdoctor.model.network_mode import Own, Shared, is_default_bridge, parse_network_mode
from linkdoctor.model.setup import Attachment, Part, Private, Setup
from linkdoctor.model.snapshot import Container, Details
from linkdoctor.rulekit.run_words import publish_word

__all__ = ["setup_seen"]


def setup_seen(container: Container, details: Details) -> Setup:
    """Return how a container was made, from what else is known of it."""
    own = (container.name, details.hostname, container.id[:12])
    mode = details.network_mode
    parsed = parse_network_mode(mode)
    first = parsed.network if isinstance(parsed, Own) else mode
    places = sorted(details.endpoints, key=lambda each: (each.network != first, each.network))
    asked = details.requested
    bound = {each.port for each in asked}
    own_name = details.hostname and details.hostname != container.id[:12]
    # With another one's network it is that one's, and the engine refuses the option.
    named = own_name and not isinstance(parsed, Shared)
    policy = details.restart_policy
    names = tuple(each.name for each in details.environment)
    return Setup(
        image=container.image,
        options=(
            *(("--hostname", details.hostname) if named else ()),
            *(("--restart", policy) if policy != "no" else ()),
            *(("--pid", details.pid_mode) if details.pid_mode else ()),
            *(("--ipc", details.ipc_mode) if details.ipc_mode else ()),
        ),
        private=(Private(part=Part.ENVIRONMENT, names=names),) if names else (),
        network_mode=mode,
        attachments=tuple(
            Attachment(
                network=each.network,
                aliases=tuple(name for name in each.aliases if name not in own),
                links=each.links,
                options=("--ip", each.fixed_address) if each.fixed_address else (),
            )
            for each in places
        ),
        links=details.stored_links if is_default_bridge(mode) else (),
        publish=tuple(dict.fromkeys(publish_word(each) for each in asked)),
        publish_all=any(each.ephemeral for each in details.published) and not asked,
        expose=tuple(str(port) for port in details.exposed if port not in bound),
        extra_hosts=details.extra_hosts,
    )
