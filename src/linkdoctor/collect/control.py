"""The engine's API, writing: what fixes a link. An examination never uses it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from linkdoctor.collect.engine import (
    ContextName,
    Deadline,
    EngineClient,
    EngineError,
    Url,
    connect,
    segment,
)
from linkdoctor.collect.layer import Change, Piecewise
from linkdoctor.collect.sockets import knock
from linkdoctor.model.network_mode import shared_reference

__all__ = [
    "NEWEST_WRITTEN",
    "Conflict",
    "Control",
    "ControlError",
    "Missing",
    "Raw",
    "Seen",
    "Unanswered",
    "controlling",
]

T = TypeVar("T")

Raw = dict[str, Any]
"""An answer or body as the engine has it, every field of it."""

NEWEST_WRITTEN = (1, 51)
"""The newest API that is written in; from 1.52 on inspect hides which MAC was asked for."""

_LARGEST_ANSWER = 16 * 1024 * 1024
_LARGEST_REFUSAL = 64 * 1024
_QUICK = 20.0
_SLOW = 60.0
_LONGEST_STOP = 600.0
_STOP_TIMEOUT = 10
_LONGEST_MESSAGE = 400
_DONE = 200
_ALREADY = 304
_NOT_FOUND = 404
_CONFLICT = 409


class ControlError(EngineError):
    """The engine refused; the message is one line that carries its words and the status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(f"{message} (status {status})")
        self.status = status


class Missing(ControlError):
    """There is no such container, network or image (404)."""


class Conflict(ControlError):
    """The engine's state does not allow it, such as a name that is taken (409)."""


class Unanswered(EngineError):
    """No answer came: whether the engine did it is not known."""


class _Health(msgspec.Struct):
    Status: str = ""


class _State(msgspec.Struct):
    Status: str = ""
    Running: bool = False
    Restarting: bool = False
    Dead: bool = False
    ExitCode: int = 0
    Error: str = ""
    StartedAt: str = ""
    FinishedAt: str = ""
    Health: _Health | None = None


class _RestartPolicy(msgspec.Struct):
    Name: str = ""
    MaximumRetryCount: int = 0


class _HostConfig(msgspec.Struct):
    RestartPolicy: _RestartPolicy = msgspec.field(default_factory=_RestartPolicy)
    Links: list[str] | None = None
    NetworkMode: str = ""
    PidMode: str = ""
    IpcMode: str = ""


class _Config(msgspec.Struct):
    StopTimeout: int | None = None


class _Network(msgspec.Struct):
    NetworkID: str = ""
    Aliases: list[str] | None = None


class _NetworkSettings(msgspec.Struct):
    Networks: dict[str, _Network] | None = None


class _Inspected(msgspec.Struct):
    Id: str
    Name: str
    State: _State
    RestartCount: int = 0
    Config: _Config = msgspec.field(default_factory=_Config)
    HostConfig: _HostConfig = msgspec.field(default_factory=_HostConfig)
    NetworkSettings: _NetworkSettings = msgspec.field(default_factory=_NetworkSettings)


class _Id(msgspec.Struct):
    Id: str = ""


class _Info(msgspec.Struct):
    ID: str = ""
    Name: str = ""
    DockerRootDir: str = ""


class _Message(msgspec.Struct):
    message: str = ""


class _Listed(msgspec.Struct):
    Id: str
    Names: list[str] | None = None


class _Sized(msgspec.Struct):
    SizeRw: int | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a step needs to know of a container: no environment, no command line."""

    id: str
    name: str
    status: str
    """``created``, ``running``, ``paused``, ``restarting``, ``removing``, ``exited``, ``dead``."""
    running: bool
    """Its first process is there; true while paused, and false between two tries."""
    exit_code: int = 0
    error: str = ""
    started_at: str = ""
    finished_at: str = ""
    restart_count: int = 0
    health: str = ""
    """``starting``, ``healthy``, ``unhealthy``; '' without a health check."""
    restart_policy: str = "no"
    """As ``docker run --restart`` takes it: ``on-failure:3``."""
    stop_timeout: int = _STOP_TIMEOUT
    """Seconds that it is given to stop; below zero: for ever."""
    link_aliases: tuple[str, ...] = ()
    """The aliases of its links on the default bridge."""
    networks: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Name, id and aliases of each network that it is on."""
    shares: tuple[tuple[str, str], ...] = ()
    """``network``, ``pid`` or ``ipc``, and the container whose namespace it lives in."""

    @property
    def wanted_up(self) -> bool:
        """It runs, or the engine is about to start it again."""
        return self.running or self.status == "restarting"

    @property
    def never_started(self) -> bool:
        """It was created and never ran."""
        return not self.started_at or self.started_at.startswith("0001-")


class Control:
    """One engine, to be changed. Each request has its own deadline.

    Every method raises:
        Missing, Conflict, ControlError: the engine refused, in its own words.
        Unanswered: no answer; it may have been done all the same.
    """

    def __init__(self, client: EngineClient, where: Url | ContextName) -> None:
        """Take an open client; :func:`controlling` makes one."""
        self._client = client
        self.where = where
        """How the engine was named, for whoever must connect to it anew."""
        offered = tuple(int(part) for part in client.version.ApiVersion.split("."))
        self.api = min(offered, NEWEST_WRITTEN)
        """The version of the API that is spoken."""
        self._prefix = "/v" + ".".join(map(str, self.api))

    @property
    def socket_path(self) -> Path | None:
        """The engine's unix socket, if it has one."""
        return self._client.socket_path

    # What there is

    def engine_id(self) -> str:
        """Return the engine's own id."""
        return self._get("/info", _Info).ID

    def installation(self) -> str:
        """Return what tells this engine from every other one, to all of its clients alike.

        The id alone does not: engines on one machine may share it, and copies of a machine do.
        """
        info = self._get("/info", _Info)
        return "\0".join((info.ID, info.DockerRootDir, info.Name))

    def host_name(self) -> str:
        """Return the host's name, as the engine sees it."""
        return self._get("/info", _Info).Name

    def find(self, container: str) -> Seen | None:
        """Look at a container by id or name; None if there is none."""
        try:
            return self.look(container)
        except Missing:
            return None

    def look(self, container: str) -> Seen:
        """Look at a container by id or name; raises Missing."""
        path = f"/containers/{segment(container)}/json"
        return _seen(self._get(path, _Inspected))

    def link(self, target: str, alias: str) -> Seen | None:
        """Look at the container that a target's live link leads to; None for a ghost."""
        path = f"/containers/{segment(target)}/{segment(alias)}/json"
        try:
            return _seen(self._get(path, _Inspected))
        except Missing:
            return None

    def inspect_raw(self, container: str) -> Raw:
        """Return all that the engine knows of a container. It holds secrets: keep it in memory."""
        return self._get(f"/containers/{segment(container)}/json", Raw)

    def image_raw(self, reference: str) -> Raw | None:
        """Return all that the engine knows of an image, by id or name; None if there is none."""
        try:
            return self._get(f"/images/{_reference(reference)}/json", Raw)
        except Missing:
            return None

    def names(self) -> dict[str, str]:
        """List all containers, running or not: own name to id."""
        listed = self._get("/containers/json", list[_Listed], all="1")
        return {
            name.removeprefix("/"): each.Id
            for each in listed
            for name in each.Names or ()
            if name.count("/") == 1
        }

    # What is in a container

    def changes(self, container: str) -> tuple[Change, ...]:
        """List what differs from its image, outside volumes and mounts; empty if nothing does."""
        path = f"/containers/{segment(container)}/changes"
        answer = self._exchange("GET", path, longest=_QUICK, query={})[1]
        if answer.strip() == b"null":
            return ()
        return tuple(_decode(answer, list[Change], f"GET {path}"))

    def size_written(self, container: str) -> int | None:
        """Return the bytes of the files that differ from its image; None if not told."""
        path = f"/containers/{segment(container)}/json"
        return self._get(path, _Sized, size="1").SizeRw

    @contextlib.contextmanager
    def export(self, container: str, longest: float) -> Generator[Piecewise]:
        """Open an archive of its files, without those of volumes and mounts."""
        path = f"/containers/{segment(container)}/export"
        with self._stream("GET", path, longest=longest) as answer:
            yield answer

    @contextlib.contextmanager
    def archive(self, container: str, inside: str, longest: float) -> Generator[Piecewise]:
        """Open an archive of one of its files or directories; raises Missing."""
        path = f"/containers/{segment(container)}/archive"
        with self._stream("GET", path, longest=longest, query={"path": inside}) as answer:
            yield answer

    def unpack(self, container: str, archive: Iterator[bytes], longest: float) -> None:
        """Unpack an archive at its root; what is beneath a mount's place goes into the mount."""
        path = f"/containers/{segment(container)}/archive"
        with self._stream(
            "PUT", path, longest=longest, query={"path": "/"}, body=archive
        ) as answer:
            while answer.read():
                pass

    # The life of a container

    def start(self, container: str) -> bool:
        """Start it; False if it ran already."""
        return self._act(container, "start", longest=_SLOW)

    def stop(self, container: str, timeout: int | None = None) -> bool:
        """Stop it with its own signal and, unless one is given, timeout; False if it was down."""
        own = self.look(container).stop_timeout if timeout is None else timeout
        query = {} if timeout is None else {"t": str(timeout)}
        return self._act(container, "stop", longest=_stopping(own), **query)

    def restart(self, container: str) -> None:
        """Stop it as :meth:`stop` does, then start it."""
        own = self.look(container).stop_timeout
        self._act(container, "restart", longest=_stopping(own) + _SLOW)

    def pause(self, container: str) -> None:
        """Freeze its processes."""
        self._act(container, "pause")

    def unpause(self, container: str) -> None:
        """Let its processes go on."""
        self._act(container, "unpause")

    def rename(self, container: str, name: str) -> None:
        """Return it another name; raises Conflict if that is taken."""
        self._act(container, "rename", name=name)

    def update_restart_policy(self, container: str, policy: str) -> None:
        """Set its restart policy: ``no``, ``always``, ``unless-stopped``, ``on-failure[:N]``."""
        name, _, retries = policy.partition(":")
        wanted = {"Name": name, "MaximumRetryCount": int(retries or 0)}
        path = f"/containers/{segment(container)}/update"
        self._post(path, {"RestartPolicy": wanted})

    def create(self, name: str, body: Raw) -> str:
        """Create a container, which does not start it; gives its id."""
        path = "/containers/create"
        answer = self._exchange("POST", path, body, longest=_SLOW, query={"name": name})[1]
        return _decode(answer, _Id, f"POST {path}").Id

    def remove(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it, running only with `force`; with `volumes` its anonymous volumes too."""
        query = {"force": str(int(force)), "v": str(int(volumes))}
        path = f"/containers/{segment(container)}"
        self._exchange("DELETE", path, longest=_SLOW, query=query)

    # Networks

    def connect_network(self, network: str, container: str, endpoint: Raw) -> None:
        """Connect it to a network, with the endpoint's settings."""
        body = {"Container": container, "EndpointConfig": endpoint}
        self._post(f"/networks/{segment(network)}/connect", body)

    def disconnect_network(self, network: str, container: str) -> None:
        """Disconnect it from a network."""
        body = {"Container": container, "Force": False}
        self._post(f"/networks/{segment(network)}/disconnect", body)

    # Requests

    def _act(self, container: str, verb: str, *, longest: float = _QUICK, **query: str) -> bool:
        path = f"/containers/{segment(container)}/{verb}"
        return self._exchange("POST", path, longest=longest, query=query)[0] != _ALREADY

    def _get(self, path: str, kind: type[T], **query: str) -> T:
        answer = self._exchange("GET", path, longest=_QUICK, query=query)[1]
        return _decode(answer, kind, f"GET {path}")

    def _post(self, path: str, body: Raw) -> None:
        self._exchange("POST", path, body, longest=_QUICK, query={})

    @contextlib.contextmanager
    def _stream(
        self,
        method: str,
        path: str,
        *,
        longest: float,
        query: Mapping[str, str] = {},
        body: Iterator[bytes] | None = None,
    ) -> Generator[Piecewise]:
        url = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        with self._client.stream(method, url, shown=path, longest=longest, body=body) as answer:
            if answer.status != _DONE:
                raise _refusal(f"{method} {path}", answer.status, _beginning(answer))
            yield answer

    def _knock(self) -> None:
        # The SDK leaks its socket when connecting fails, and an engine may go away at any time.
        path = self._client.socket_path
        if path is not None:
            knock(path)

    def _exchange(
        self,
        method: str,
        path: str,
        body: Raw | None = None,
        *,
        longest: float,
        query: Mapping[str, str],
    ) -> tuple[int, bytes]:
        url = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        try:
            self._knock()
            status, answer = self._client.send(
                method,
                url,
                Deadline(longest),
                limit=_LARGEST_ANSWER,
                shown=path,
                body=None if body is None else msgspec.json.encode(body),
                longest=longest,
            )
        except EngineError as error:
            raise Unanswered(str(error)) from None
        except OSError as error:
            raise Unanswered(
                f"no engine at {self._client.endpoint}: {error.strerror or 'no connection'}"
            ) from None
        if status < 300 or status == _ALREADY:
            return status, answer
        raise _refusal(f"{method} {path}", status, answer)


@contextlib.contextmanager
def controlling(
    where: Url | ContextName = Url(),  # noqa: B008 - frozen
    environment: Mapping[str, str] | None = None,
    *,
    timeout: float = 20.0,
) -> Generator[Control, None, None]:
    """Connect to an engine that is to be changed; raises EngineError."""
    environment = os.environ if environment is None else environment
    client = connect(where, Deadline(timeout), environment)
    try:
        yield Control(client, where)
    finally:
        client.close()


def _decode(answer: bytes, kind: type[T], request: str) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EngineError(f"the answer to {request} is not that of a Docker engine") from None


def _refusal(request: str, status: int, answer: bytes) -> ControlError:
    message = _words(answer) or f"{request} was refused"
    kind = {_NOT_FOUND: Missing, _CONFLICT: Conflict}.get(status, ControlError)
    return kind(message, status)


def _beginning(answer: Piecewise) -> bytes:
    """Read as much of a refusal as its words can take."""
    read = b""
    while len(read) < _LARGEST_REFUSAL and (piece := answer.read()):
        read += piece
    return read


def _words(answer: bytes) -> str:
    """Return the engine's message as one printable line."""
    try:
        message = msgspec.json.decode(answer, type=_Message).message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    printable = "".join(each if each.isprintable() else " " for each in message)
    return " ".join(printable.split())[:_LONGEST_MESSAGE]


def _stopping(timeout: int) -> float:
    """Return the time that a request to stop may take."""
    return _LONGEST_STOP if timeout < 0 else min(timeout + _SLOW, _LONGEST_STOP)


def _reference(reference: str) -> str:
    """Quote an image's name; its slashes stay, for the engine takes the rest of the path."""
    return "/".join(segment(part) for part in reference.split("/"))


def _seen(answer: _Inspected) -> Seen:
    state = answer.State
    policy = answer.HostConfig.RestartPolicy
    retries = f":{policy.MaximumRetryCount}" if policy.MaximumRetryCount else ""
    timeout = answer.Config.StopTimeout
    networks = answer.NetworkSettings.Networks or {}
    return Seen(
        id=answer.Id,
        name=answer.Name.removeprefix("/"),
        status="dead" if state.Dead else state.Status,
        running=state.Running and not state.Restarting,
        exit_code=state.ExitCode,
        error=state.Error,
        started_at=state.StartedAt,
        finished_at=state.FinishedAt,
        restart_count=answer.RestartCount,
        health=state.Health.Status if state.Health and state.Health.Status != "none" else "",
        restart_policy=f"{policy.Name or 'no'}{retries}",
        stop_timeout=_STOP_TIMEOUT if timeout is None else timeout,
        link_aliases=_aliases(answer.HostConfig.Links or ()),
        networks=tuple(
            (name, each.NetworkID, tuple(each.Aliases or ()))
            for name, each in sorted(networks.items())
        ),
        shares=_shares(answer.HostConfig),
    )


def _shares(host: _HostConfig) -> tuple[tuple[str, str], ...]:
    modes = (("network", host.NetworkMode), ("pid", host.PidMode), ("ipc", host.IpcMode))
    found = ((namespace, shared_reference(mode)) for namespace, mode in modes)
    return tuple((namespace, owner) for namespace, owner in found if owner is not None)


def _aliases(links: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(link.rpartition("/")[2] for link in links))
