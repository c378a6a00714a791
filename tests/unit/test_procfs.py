"""Files of hostile containers, on this machine's own /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from linkdoctor.collect import kernel
from linkdoctor.collect.procfs import NotProven, Proc, hold, owners_of, prove, read_inside


@pytest.fixture(params=["by the kernel", "by hand"])
def inside(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Proc, Path]]:
    """A directory that stands for a container's root, beside a file that is not its own."""
    if request.param == "by hand":

        def open_beneath(root: int, path: str, flags: int) -> int:
            raise kernel.NotOffered

        monkeypatch.setattr(kernel, "open_beneath", open_beneath)
    root = tmp_path / "proc" / "root"
    (root / "etc").mkdir(parents=True)
    (tmp_path / "proc" / "secret").write_text("not the container's")
    descriptor = os.open(tmp_path / "proc", os.O_RDONLY | os.O_DIRECTORY)
    yield Proc(1, descriptor), root
    os.close(descriptor)


def test_a_regular_file_is_read_up_to_the_limit(inside: tuple[Proc, Path]) -> None:
    held, root = inside
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    assert read_inside(held, "/etc/hosts", 1000) == b"127.0.0.1 localhost\n"
    assert read_inside(held, "/etc/hosts", 3) == b"127"


def test_an_absolute_link_stays_inside(inside: tuple[Proc, Path]) -> None:
    held, root = inside
    (root / "etc" / "hosts").symlink_to("/etc/real")
    (root / "etc" / "real").write_text("inside")
    assert read_inside(held, "/etc/hosts", 1000) == b"inside"


@pytest.mark.parametrize("leads_to", ["/etc/passwd", "../../secret", "../../../../../etc/passwd"])
def test_no_link_leads_out(inside: tuple[Proc, Path], leads_to: str) -> None:
    held, root = inside
    (root / "etc" / "hosts").symlink_to(leads_to)
    with pytest.raises(OSError, match=r".*"):
        read_inside(held, "/etc/hosts", 1000)


def test_a_linked_directory_stays_inside(inside: tuple[Proc, Path]) -> None:
    held, root = inside
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "start.sh").write_text("#!/bin/sh\n")
    (root / "bin").symlink_to("usr/bin")
    assert read_inside(held, "/bin/../bin/start.sh", 1000) == b"#!/bin/sh\n"


def test_links_that_lead_in_circles_end(inside: tuple[Proc, Path]) -> None:
    held, root = inside
    (root / "etc" / "hosts").symlink_to("hosts2")
    (root / "etc" / "hosts2").symlink_to("hosts")
    with pytest.raises(OSError, match=r".*"):
        read_inside(held, "/etc/hosts", 1000)


def test_a_named_pipe_does_not_hold_the_reader_up(inside: tuple[Proc, Path]) -> None:
    held, root = inside
    os.mkfifo(root / "etc" / "hosts")
    with pytest.raises(OSError, match="not a regular file"):
        read_inside(held, "/etc/hosts", 1000)


def test_a_named_pipe_is_not_even_opened(inside: tuple[Proc, Path]) -> None:
    held, root = inside
    os.mkfifo(root / "etc" / "hosts")
    opened = threading.Event()

    def write() -> None:
        os.close(os.open(root / "etc" / "hosts", os.O_WRONLY))  # until somebody reads
        opened.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not opened.wait(0.05)
    with pytest.raises(OSError, match="not a regular file"):
        read_inside(held, "/etc/hosts", 1000)
    assert not opened.wait(0.05)
    os.close(os.open(root / "etc" / "hosts", os.O_RDONLY))
    writer.join(5)
    assert opened.is_set()


def test_what_the_kernel_makes_up_is_not_read() -> None:
    with hold(os.getpid()) as held:
        assert Path("/proc/self/status").read_bytes()
        assert read_inside(held, f"/proc/{os.getpid()}/status", 1000) == b""


def test_a_huge_file_is_read_up_to_the_limit(inside: tuple[Proc, Path]) -> None:
    held, root = inside
    with (root / "etc" / "hosts").open("wb") as file:
        file.truncate(1 << 40)
    assert read_inside(held, "/etc/hosts", 1000) == bytes(1000)


@pytest.mark.parametrize("path", ["/", "", "..", "/etc", "/nothing", "/etc/hosts/x"])
def test_what_is_no_file_is_an_error(inside: tuple[Proc, Path], path: str) -> None:
    held, root = inside
    (root / "etc" / "hosts").write_text("x")
    with pytest.raises(OSError, match=r".*"):
        read_inside(held, path, 1000)


def test_a_process_that_is_not_the_containers_is_not_proven() -> None:
    with pytest.raises(NotProven, match="not the container's"), prove(os.getpid(), "f" * 64):
        pass


def test_a_process_that_does_not_exist_is_not_proven() -> None:
    with pytest.raises(NotProven), prove(2**22 + 1, "f" * 64):
        pass


def test_a_process_whose_mounts_name_the_container_is_proven(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    line = f"1 2 0:1 /var/lib/docker/containers/{'a' * 64}/hosts /etc/hosts rw - ext4 x rw\n"
    (tmp_path / "7" / "mountinfo").write_text(line)
    (tmp_path / "7" / "cgroup").write_text("0::/\n")
    with prove(7, "a" * 64, tmp_path) as held:
        assert held.pid == 7
    with pytest.raises(NotProven), prove(7, "b" * 64, tmp_path):
        pass


@pytest.mark.parametrize(
    "line",
    [
        "1 2 0:1 / /var/lib/docker/containers/{}/mounts/shm rw - tmpfs shm rw",
        "1 2 0:1 /volumes/x/_data /mnt/{} rw - ext4 x rw",
        "1 2 0:1 /data/{}-copy/hosts /etc/hosts rw - ext4 x rw",
        "1 2 0:1 /data/{} /data rw - ext4 x rw",
    ],
)
def test_a_mount_that_only_mentions_the_container_proves_nothing(tmp_path: Path, line: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "mountinfo").write_text(f"{line.format('a' * 64)}\n\n1\n1 2 3 4\n")
    (tmp_path / "7" / "cgroup").write_text("0::/init.scope\n")
    with pytest.raises(NotProven, match="not the container's"), prove(7, "a" * 64, tmp_path):
        pass


@pytest.mark.parametrize(
    "group",
    ["0::/system.slice/docker-{}.scope", "12:pids:/docker/{}", "0::/docker/{}/init", "0::/../{}"],
)
def test_a_control_group_proves_too(tmp_path: Path, group: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "mountinfo").write_text("")
    (tmp_path / "7" / "cgroup").write_text(f"1:x:/\n{group.format('a' * 64)}\n")
    with prove(7, "a" * 64, tmp_path) as held:
        assert held.pid == 7


@pytest.mark.parametrize("identity", ["", "a" * 12, "rw,relatime shared:1", "a" * 63 + "/"])
def test_what_is_no_id_proves_nothing(identity: str) -> None:
    with pytest.raises(NotProven), prove(os.getpid(), identity):
        pass


# Who holds a socket


def process(
    proc: Path, pid: int, name: bytes, *, sockets: Sequence[int] = (), children: Sequence[int] = ()
) -> None:
    """A process of a made-up /proc."""
    threads = proc / str(pid) / "task" / str(pid)
    threads.mkdir(parents=True)
    (threads / "children").write_text(" ".join(map(str, children)))
    (proc / str(pid) / "comm").write_bytes(name + b"\n")
    (proc / str(pid) / "fd").mkdir()
    (proc / str(pid) / "fd" / "0").symlink_to("/dev/null")
    for number, inode in enumerate(sockets, start=3):
        (proc / str(pid) / "fd" / str(number)).symlink_to(f"socket:[{inode}]")


def test_the_first_of_a_tree_that_holds_a_socket_owns_it(tmp_path: Path) -> None:
    process(tmp_path, 7, b"tini", children=[8, 9, 10])
    process(tmp_path, 8, b"nginx", sockets=[100], children=[11])
    process(tmp_path, 9, b"php-fpm: pool w", sockets=[1, 200])
    process(tmp_path, 11, b"worker", sockets=[100, 300])
    process(tmp_path, 12, b"stranger", sockets=[400])
    with hold(7, tmp_path) as held:
        owners = owners_of(held, {100, 200, 300, 400, 500})
    assert owners == {100: "nginx", 200: "php-fpm: pool w", 300: "worker"}


def test_only_what_can_be_printed_of_a_name_is_kept(tmp_path: Path) -> None:
    process(tmp_path, 7, b"\x1b[31m\xe2\x80\xaeab\n\xffc", sockets=[100], children=[8])
    process(tmp_path, 8, b"\x01\x02", sockets=[200])
    with hold(7, tmp_path) as held:
        assert owners_of(held, {100, 200}) == {100: "[31mab\ufffdc"}


def test_an_endless_family_is_not_followed_for_ever(tmp_path: Path) -> None:
    process(tmp_path, 7, b"first", children=[7] * 1000)
    with hold(7, tmp_path) as held:
        assert owners_of(held, {100}) == {}


def test_a_process_with_very_many_descriptors_is_not_searched_to_the_end(tmp_path: Path) -> None:
    process(tmp_path, 7, b"hoarder", sockets=range(1000, 4000))
    with hold(7, tmp_path) as held:
        assert 0 < len(owners_of(held, set(range(1000, 4000)))) <= 1024
