"""Mount points that are refused: one line, exit code 9, and nothing is left behind."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.mountinfo import find_mount, lock_path, mounts
from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import NOBODY, ROOT, apart, as_user, children, is_alive, is_mounted, wait_until

MOUNT_ERROR = 9


@pytest.fixture(scope="module")
def store(shared: MountedStore) -> MountedStore:
    """A store with `animals:v0`, in which the file `name` is `tom`; not mounted."""
    source = shared.top / "source"
    source.mkdir()
    (source / "name").write_text("tom")
    shared.put(source, name="animals")
    return shared


@pytest.fixture
def mountpoint(store: MountedStore) -> Iterator[Path]:
    """An empty directory, with nothing mounted on it in the end."""
    yield store.mountpoint
    if is_mounted(store.mountpoint):
        store.umount()
    assert os.listdir(store.mountpoint) == []


def _bad(store: MountedStore, kind: str) -> tuple[Path, str]:
    """A place where nothing can be mounted, and what must be said of it."""
    place = store.top / f"bad {kind}"
    match kind:
        case "missing":
            place /= "below"
            return place, f"{place} does not exist: make it with `mkdir -p"
        case "file":
            place.touch()
            return place, "is not a directory: choose an empty directory"
        case "below a file":
            place.touch()
            return place / "below", "is not a directory: choose an empty directory"
        case "dangling symlink":
            place.symlink_to("nowhere")
            return place, f"{place} does not exist"
        case "not empty":
            place.mkdir()
            (place / ".hidden").touch()
            return place, "is not empty: choose an empty directory"
        case "inside the store":
            return store.store / "tmp", f"is inside the store {store.store}: choose a directory outside it"
        case "the store":
            return store.store, "is not empty"
        case _:
            return Path("/proc/self/attr"), ""


@pytest.mark.parametrize(
    "kind",
    ["missing", "file", "below a file", "dangling symlink", "not empty", "inside the store", "the store", "proc"],
)
def test_a_bad_mountpoint_is_refused_in_one_line(store: MountedStore, kind: str) -> None:
    place, said = _bad(store, kind)
    for flags in ([], ["--foreground"]):
        assert said in store.run("mount", place, *flags).failed(MOUNT_ERROR)
    assert store.mounts() == []
    assert "is not an artfs mount" in store.run("umount", place).failed(MOUNT_ERROR)


def test_a_missing_directory_is_made_if_the_one_above_it_is_there(store: MountedStore) -> None:
    art, stage = store.top / "made-art", store.top / "made-stage"
    store.done("mount", art, "--staging", stage)
    assert (art / "animals" / "latest" / "name").read_text() == "tom"
    store.done("umount", stage, art)
    assert os.listdir(art) == os.listdir(stage) == []


def test_what_is_mounted_already_is_not_mounted_again(store: MountedStore, mountpoint: Path) -> None:
    store.mount()
    link = store.top / "link"
    link.symlink_to(mountpoint)
    for place in (mountpoint, link, mountpoint / ".." / "mnt"):
        said = store.run("mount", place).failed(MOUNT_ERROR)
        assert f"is mounted already, with the store {store.store}: `artfs umount {mountpoint}` first" in said
    assert len(store.mounts()) == 1
    inside = mountpoint / "animals" / "v0"
    assert "is not empty" in store.run("mount", inside).failed(MOUNT_ERROR)
    assert (mountpoint / "animals" / "latest" / "name").read_text() == "tom"


def test_a_live_mount_whose_daemon_cannot_be_seen_is_not_mounted_over(store: MountedStore, mountpoint: Path) -> None:
    """As from a container that has the mount, and not the store's directory with what its daemon has locked."""
    store.mount()
    info = find_mount(os.fspath(mountpoint))
    assert info is not None
    hidden = lock_path(info).rename(store.top / "hidden")
    try:
        assert info.pid is None
        said = store.run("mount", mountpoint).failed(MOUNT_ERROR)
        assert f"is mounted already, with the store {store.store}" in said
        assert (mountpoint / "animals" / "latest" / "name").read_text() == "tom"
    finally:
        hidden.rename(lock_path(info))
    assert info.pid is not None


@contextlib.contextmanager
def _unanswering(store: MountedStore) -> Iterator[list[int]]:
    """Stop the processes of a mount, and have the kernel forget what they have answered."""
    daemon = store.daemon()
    os.kill(daemon, signal.SIGSTOP)  # it starts no more
    processes = [daemon, *children(daemon)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    looking = f"import os\nwhile True: os.stat({os.fspath(store.mountpoint)!r})"
    with subprocess.Popen([sys.executable, "-c", looking]) as looker:
        try:  # until the kernel has to ask again for the attributes of the root
            wait_until(lambda: "request_wait_answer" in Path(f"/proc/{looker.pid}/wchan").read_text())
            yield processes
        finally:
            looker.kill()
            for process in processes:
                os.kill(process, signal.SIGCONT)


def test_a_mount_that_does_not_answer_is_not_asked_and_not_mounted_over(store: MountedStore, mountpoint: Path) -> None:
    store.mount()
    with _unanswering(store):
        said = store.run("mount", mountpoint).failed(MOUNT_ERROR)
        assert f"is mounted already, with the store {store.store}" in said
    assert (mountpoint / "animals" / "latest" / "name").read_text() == "tom"


def test_a_mount_that_does_not_answer_is_unmounted_lazily(store: MountedStore, mountpoint: Path) -> None:
    store.mount()
    with _unanswering(store) as processes:
        store.done("umount", "--lazy", mountpoint)
        assert not is_mounted(mountpoint)
    wait_until(lambda: not any(is_alive(process) for process in processes))


def test_what_another_program_mounted_there_is_not_taken_away(store: MountedStore, mountpoint: Path) -> None:
    assert "is not an artfs mount" in store.run("umount", "/proc").failed(MOUNT_ERROR)
    assert "is not an artfs mount" in store.run("umount", mountpoint).failed(MOUNT_ERROR)
    assert os.path.ismount("/proc")


def test_a_mount_in_use_is_not_unmounted_unless_lazily(store: MountedStore, mountpoint: Path) -> None:
    store.mount()
    daemon = store.daemon()
    with open(mountpoint / "animals" / "v0" / "name") as file:
        assert "is in use" in store.run("umount", mountpoint).failed(MOUNT_ERROR)
        assert store.daemon() == daemon
        store.done("umount", "--lazy", mountpoint)
        assert not is_mounted(mountpoint)
        assert file.read() == "tom"
    wait_until(lambda: not is_alive(daemon))


def test_the_mountpoint_of_a_killed_daemon_is_cleaned_up_by_the_next_mount(
    store: MountedStore, mountpoint: Path
) -> None:
    """S17: When the supervisor dies, its workers die, and the mountpoint is cleaned up by the next `artfs mount`."""
    store.mount()
    daemon, workers = store.daemon(), store.workers()
    file = os.open(mountpoint / "animals" / "v0" / "name", os.O_RDONLY)
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(process) for process in (daemon, *workers)))
    assert is_mounted(mountpoint)
    with pytest.raises(OSError, match="Transport endpoint is not connected") as caught:
        os.statvfs(mountpoint)
    assert caught.value.errno == errno.ENOTCONN
    with pytest.raises(OSError, match="Transport endpoint is not connected"):
        os.read(file, 1)
    store.mount()
    with contextlib.suppress(OSError):
        os.close(file)
    assert len(store.mounts()) == 1
    assert store.daemon() != daemon
    assert (mountpoint / "animals" / "latest" / "name").read_text() == "tom"


def test_the_mountpoint_of_a_killed_daemon_can_be_unmounted(store: MountedStore, mountpoint: Path) -> None:
    """S17: When the supervisor dies, its workers die, and the mountpoint is cleaned up by the next `artfs mount`."""
    store.mount()
    daemon = store.daemon()
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not is_alive(daemon))
    store.umount()
    assert os.listdir(mountpoint) == []


HIDE_DEVICE = """
top=$(mktemp --directory)
for device in null zero random urandom; do
    touch "$top/$device"
    mount --bind "/dev/$device" "$top/$device"
done
mount --rbind "$top" /dev
exec "$@"
"""


def test_without_a_fuse_device_the_message_says_how_to_get_one(store: MountedStore, mountpoint: Path) -> None:
    """In a mount namespace of its own, whose /dev has next to nothing in it."""
    namespace = apart()
    prefix = [*namespace, "bash", "-ec", HIDE_DEVICE, "bash"]
    assert store.run("ls", prefix=prefix).code == 0  # so it is not for something else that it fails
    for flags in ([], ["--foreground"]):
        said = store.run("mount", mountpoint, *flags, prefix=prefix).failed(MOUNT_ERROR)
        assert "no usable /dev/fuse: load it with `modprobe fuse`" in said


def test_a_directory_that_was_made_is_removed_again_if_the_mount_fails(store: MountedStore) -> None:
    place = store.top / "made for nothing"
    for flags in ([], ["--foreground"]):
        said = store.run("mount", place, *flags, prefix=[*apart(), "bash", "-ec", HIDE_DEVICE, "bash"])
        assert "no usable /dev/fuse" in said.failed(MOUNT_ERROR)
        assert not place.exists()


SESSION = """
cd "$1"
artfs() { "$PYTHON" -m artfs.cli --store store "$@"; }
mkdir source
echo tom >source/name
ln -s name source/link
artfs put source -n animals -a best
artfs mount mnt
cat mnt/animals/latest/name mnt/animals/best/link
stat --format="%u %a %F" mnt/animals/v0/name
mkdir mnt/animals/v0/new 2>&1 || echo "refused"
artfs mount mnt 2>/dev/null || echo "mounted already: $?"
artfs put -q mnt/animals/v0 -n animals
sleep_until() { for _ in $(seq 100); do "$@" && return; sleep 0.01; done; "$@"; }
sleep_until [ -e mnt/animals/v1/name ]
readlink mnt/animals/latest
artfs umount mnt
ls -A mnt
artfs umount mnt 2>/dev/null || echo "not mounted: $?"
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that an ordinary user may enter and owns; pytest's own are closed to others."""
    path = Path(tempfile.mkdtemp(prefix="artfs-home-"))
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


def test_a_directory_that_this_user_may_not_make_is_named_with_one_that_might_do(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir()
    if os.geteuid() == 0:
        os.chown(closed, NOBODY, NOBODY)
    closed.chmod(0o555)
    ended = subprocess.run(
        as_user(sys.executable, "-m", "artfs.cli", "--store", home / "store", "mount", closed / "art"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == MOUNT_ERROR
    why = "Permission denied; choose a directory of your own, as ~/art"
    made = f"artfs: made a store in {home}/store\n"
    assert ended.stderr == f"{made}artfs: cannot make {closed}/art: {why}\n"


def test_an_ordinary_user_mounts_reads_and_unmounts(home: Path) -> None:
    """Proof of S4.

    S4: Owners are not stored: everything belongs to the user who mounted. Set-user-ID and set-group-ID bits are not
    stored.
    """
    user = os.geteuid() or NOBODY
    ended = subprocess.run(
        as_user("bash", "-euc", SESSION, "bash", home),
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": os.fspath(ROOT), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, f"artfs: made a store in {home}/store\n"), ended
    assert ended.stdout.splitlines() == [
        "animals:v0",
        f"mounted {home}/store at mnt",
        "tom",
        "tom",
        f"{user} 644 regular file",
        "mkdir: cannot create directory 'mnt/animals/v0/new': Read-only file system",
        "refused",
        "mounted already: 9",
        "animals:v1",
        "v1",
        "unmounted mnt",
        "not mounted: 9",
    ]
    assert not [mount for mount in mounts() if mount.mountpoint.is_relative_to(home)]
