"""The words of which linkdoctor's own sentences, the engines' errors and usual paths are made."""

from __future__ import annotations

__all__ = ["WORDS"]

_WORDS = """
a access accessible add adding address afar again all allocate allocated allocation already also an
and another answer answered answers any api apparmor archive are argument as ask asked asks assign
at attached back be because been begin belong bin bind both bound bridge broke broken build busy but
by bytes call called can cannot capabilities certificate cgroup chain chains check cleanly clear
clock cmd cmdline code comm command conf config conflict conflicting connect connection connectivity
container containerd containers context could create created daddr daemon damaged data day dbus
deadline default denied deny detail device did dir directly directory disk dns do docker does down
driver drivers elsewhere end ended endpoint engine engines entry entrypoint env environ environment
err error etc eval events examined exceeded exec executable exist exists exit expect expose exposed
external extra failed fd file files filesystem firewall first for force fork format forward found
from fs full g gateway gave get getting given go gone gpu granted group h had handshake has have
health here hold home host hostconfig hosts how http https id idle image in index info init input
inside inspect interface into invalid ip ipam ipc is it its itself join joined joining joins json
just keep keeps kept kernel key keys kind l large larger last later left length let lib libnetwork
library limit line lines link linkdoctor linked links list listen listening lists local log logs
long look lookup machine made main many matter may memory message method mib missing mode modules
more mount mounted mounting mounts must name named names namespace need net netlink network
networking networks never nftables no non none not nothing npipe ns number nvidia oci of off on once
one only open operation opt option options or other out output outside over overlaps own owner part
path peer permission permissions permitted pid pids pipe place please plugin podman pool port ports
print privileged probe probes proc process processes program programming programs proxy ps published
r ran range reach reached read reading reads refused regular report reported request requested reset
resolv resolve resolved resolver resource respond response restart rlimit root rootfs rootless route
routes rule rules run runc running runtime s saddr said same sandbox save say says sbin script
second seconds security see self selinux sent serve server service set sets setting settings sh shim
show signal since size sleep small snapshot so sock socket sockets some something source space srv
ssh standard start started starting state status stop stopped storage stored subnet subnets such
supported sys system tables tail taken takes task tcp tell tells temporarily text than that the
their there they this time timed timeout tls tmp to token too took tried try type udp ulimit unable
unavailable under understand unexpected unix unknown unreachable unusable up usable use used user
userland uses usr valid value var variable variables version veth visible w wait waiting was way
were what when where which while whole why will with within without work would write written x yet
you
"""

WORDS = frozenset(_WORDS.split())
"""In lower case. What is none of them may be a name."""
