"""The options of ``docker run`` that hold no secret and that no fix changes: limits, rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

__all__ = ["Defaults", "beyond_options", "plain_options"]

_Raw: TypeAlias = Mapping[str, Any]


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine gives a container that asks for nothing (``GET /info``); '' if unknown."""

    name: str = ""
    """Of a container on the host's network."""
    log_driver: str = "json-file"
    runtime: str = "runc"
    cgroup_version: str = ""


_TEXTS = {
    "CgroupParent": "--cgroup-parent",
    "CpusetCpus": "--cpuset-cpus",
    "CpusetMems": "--cpuset-mems",
    "PidMode": "--pid",
    "UTSMode": "--uts",
    "UsernsMode": "--userns",
    "VolumeDriver": "--volume-driver",
}
_NUMBERS = {
    "BlkioWeight": "--blkio-weight",
    "CpuCount": "--cpu-count",
    "CpuPercent": "--cpu-percent",
    "CpuPeriod": "--cpu-period",
    "CpuQuota": "--cpu-quota",
    "CpuRealtimePeriod": "--cpu-rt-period",
    "CpuRealtimeRuntime": "--cpu-rt-runtime",
    "CpuShares": "--cpu-shares",
    "IOMaximumBandwidth": "--io-maxbandwidth",
    "IOMaximumIOps": "--io-maxiops",
    "KernelMemory": "--kernel-memory",
    "Memory": "--memory",
    "MemoryReservation": "--memory-reservation",
    "MemorySwap": "--memory-swap",
    "OomScoreAdj": "--oom-score-adj",
    "PidsLimit": "--pids-limit",
}
_LISTS = {
    "CapAdd": "--cap-add",
    "CapDrop": "--cap-drop",
    "DeviceCgroupRules": "--device-cgroup-rule",
    "Dns": "--dns",
    "DnsOptions": "--dns-option",
    "GroupAdd": "--group-add",
    "SecurityOpt": "--security-opt",
}
_RATES = {
    "BlkioWeightDevice": ("--blkio-weight-device", "Weight"),
    "BlkioDeviceReadBps": ("--device-read-bps", "Rate"),
    "BlkioDeviceReadIOps": ("--device-read-iops", "Rate"),
    "BlkioDeviceWriteBps": ("--device-write-bps", "Rate"),
    "BlkioDeviceWriteIOps": ("--device-write-iops", "Rate"),
}
_SWITCHES = {
    "OomKillDisable": "--oom-kill-disable",
    "Privileged": "--privileged",
    "ReadonlyRootfs": "--read-only",
}
_OF_CONFIG = {"User": "--user", "WorkingDir": "--workdir", "StopSignal": "--stop-signal"}
_TIMES = {
    "Interval": "--health-interval",
    "Timeout": "--health-timeout",
    "StartPeriod": "--health-start-period",
    "StartInterval": "--health-start-interval",
}
_USUAL_SHM = 64 * 1024 * 1024
_MASKED: frozenset[str] = frozenset(
    (
        *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
        *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"),
        "/sys/firmware",
    )
)
"""What every engine hides from a container that asks for nothing; newer ones hide more."""
_MASKED_LATER = ("/proc/interrupts", "/sys/devices/")
_READ_ONLY: frozenset[str] = frozenset(
    ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
)
_GPU = (("gpu",),)


def plain_options(raw: _Raw, of_image: _Raw, defaults: Defaults) -> Iterator[str]:
    """Yield the words for what a container asks for and its image does not."""
    config: _Raw = raw["Config"]
    host: _Raw = raw["HostConfig"]
    yield from _of_config(config, of_image)
    yield from _health(config, of_image)
    yield from _restart_policy(host)
    yield from _from_tables(host)
    yield from _namespaces(host, defaults)
    yield from _limits(host)
    yield from _devices(host)
    log = str((host.get("LogConfig") or {}).get("Type") or "")
    if log and log != defaults.log_driver:
        yield from ("--log-driver", log)
    if _nothing_hidden(host):
        yield from ("--security-opt", "systempaths=unconfined")


def _of_config(config: _Raw, of_image: _Raw) -> Iterator[str]:
    for key, option in _OF_CONFIG.items():
        value = config.get(key)
        if value and value != of_image.get(key):
            yield from (option, value)
    if config.get("StopTimeout") is not None:
        yield from ("--stop-timeout", str(config["StopTimeout"]))
    if config.get("Tty"):
        yield "--tty"
    if config.get("OpenStdin"):
        yield "--interactive"


def _health(config: _Raw, of_image: _Raw) -> Iterator[str]:
    check, own = config.get("Healthcheck") or {}, of_image.get("Healthcheck") or {}
    if check == own:
        return
    if check.get("Test") == ["NONE"]:
        yield "--no-healthcheck"
        return
    for key, option in _TIMES.items():
        if check.get(key) and check[key] != own.get(key):
            yield from (option, f"{check[key]}ns")
    if check.get("Retries") and check["Retries"] != own.get("Retries"):
        yield from ("--health-retries", str(check["Retries"]))


def _restart_policy(host: _Raw) -> Iterator[str]:
    policy = host.get("RestartPolicy") or {}
    if policy.get("Name") not in (None, "", "no"):
        most = policy.get("MaximumRetryCount")
        yield from ("--restart", f"{policy['Name']}:{most}" if most else policy["Name"])


def _from_tables(host: _Raw) -> Iterator[str]:
    for tables in (_TEXTS, _NUMBERS):
        for key, option in tables.items():
            if host.get(key):
                yield from (option, str(host[key]))
    for key, option in _LISTS.items():
        for value in host.get(key) or ():
            yield from (option, str(value))
    for key, option in _SWITCHES.items():
        if host.get(key):
            yield option
    for key, (option, amount) in _RATES.items():
        for each in host.get(key) or ():
            yield from (option, f"{each['Path']}:{each[amount]}")


def _namespaces(host: _Raw, defaults: Defaults) -> Iterator[str]:
    if host.get("IpcMode") not in (None, "", "private"):
        yield from ("--ipc", host["IpcMode"])
    usual = {"1": "host", "2": "private"}.get(defaults.cgroup_version, "")
    if host.get("CgroupnsMode") not in (None, "", usual):
        yield from ("--cgroupns", host["CgroupnsMode"])
    if host.get("Runtime") not in (None, "", defaults.runtime):
        yield from ("--runtime", host["Runtime"])
    if host.get("Isolation") not in (None, "", "default"):
        yield from ("--isolation", host["Isolation"])
    if host.get("Init") is not None:
        yield "--init" if host["Init"] else "--init=false"


def _limits(host: _Raw) -> Iterator[str]:
    if host.get("NanoCpus"):
        yield from ("--cpus", format((Decimal(host["NanoCpus"]) / 10**9).normalize(), "f"))
    if host.get("MemorySwappiness") not in (None, -1):
        yield from ("--memory-swappiness", str(host["MemorySwappiness"]))
    if host.get("ShmSize") not in (None, 0, _USUAL_SHM):
        yield from ("--shm-size", str(host["ShmSize"]))
    for each in host.get("Ulimits") or ():
        yield from ("--ulimit", f"{each['Name']}={each['Soft']}:{each['Hard']}")
    for name, value in sorted((host.get("Sysctls") or {}).items()):
        yield from ("--sysctl", f"{name}={value}")


def _devices(host: _Raw) -> Iterator[str]:
    for each in host.get("Devices") or ():
        parts = (each["PathOnHost"], each["PathInContainer"], each["CgroupPermissions"])
        yield from ("--device", ":".join(parts))
    for each in host.get("DeviceRequests") or ():
        if _is_gpu(each):
            yield from ("--gpus", _gpus(each))


def _is_gpu(request: _Raw) -> bool:
    capabilities = tuple(tuple(each) for each in request.get("Capabilities") or ())
    plain = request.get("Driver") in (None, "", "nvidia") and not request.get("Options")
    return plain and capabilities == _GPU


def _gpus(request: _Raw) -> str:
    devices = request.get("DeviceIDs") or ()
    if devices:
        return f'"device={",".join(devices)}"'
    return "all" if request.get("Count") == -1 else str(request.get("Count"))


def _nothing_hidden(host: _Raw) -> bool:
    lists = [host.get(each) for each in ("MaskedPaths", "ReadonlyPaths")]
    return not host.get("Privileged") and lists == [[], []]


def beyond_options(raw: _Raw, of_image: _Raw) -> Iterator[str]:
    """Yield what a container asks for and no option of ``docker run`` says."""
    config: _Raw = raw["Config"]
    host: _Raw = raw["HostConfig"]
    check, own = config.get("Healthcheck") or {}, of_image.get("Healthcheck") or {}
    test = check.get("Test") or []
    if test != (own.get("Test") or []) and test and test[0] not in ("NONE", "CMD-SHELL"):
        yield "a health check without a shell"
    if any(str(each).startswith("seccomp={") for each in host.get("SecurityOpt") or ()):
        yield "a seccomp profile of its own"
    if any(not _is_gpu(each) for each in host.get("DeviceRequests") or ()):
        yield "requests for devices"
    if config.get("NetworkDisabled"):
        yield "a disabled network"
    if not host.get("Privileged") and not _nothing_hidden(host) and not _usually_hidden(host):
        yield "the hidden paths of /proc and /sys"


def _usually_hidden(host: _Raw) -> bool:
    masked, read_only = (host.get(each) for each in ("MaskedPaths", "ReadonlyPaths"))
    return _is_usual(masked, _MASKED) and (read_only is None or not _READ_ONLY ^ set(read_only))


def _is_usual(paths: Iterable[str] | None, usual: frozenset[str]) -> bool:
    if paths is None:
        return True
    further = set(paths) - usual
    return usual <= set(paths) and all(each.startswith(_MASKED_LATER) for each in further)
