"""Random histories of a draft in a real staging mount, with commits and kills; a native directory has the same."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import signal
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from artfs.catalog import NewVersion
from artfs.format.operations import Tree
from artfs.mountinfo import find_mount
from artfs.names import parse_artifact_name, parse_ref
from artfs.store import Store, open_store, root_entry
from tests.support.models.twins import Twins
from tests.support.mounts.mounts import children, is_alive, wait_until
from tests.support.mounts.stagedstore import StagedStore

__all__ = ["TwinMachine", "end_mount", "machine_on"]

NAMES = [b"a", b"b", b"c"]
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(b"/".join)
offsets = st.sampled_from([0, 1, 100, 4096, 5000, 130_000, 300_000])
sizes = st.sampled_from([1, 99, 4096, 4097, 140_000])
modes = st.sampled_from([0o600, 0o644, 0o755, 0o1777])
slots = st.integers(0, 2)
openings = st.sampled_from(
    [
        os.O_RDONLY,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL,
        os.O_RDWR | os.O_CREAT,
        os.O_RDWR | os.O_CREAT | os.O_TRUNC,
        os.O_WRONLY | os.O_CREAT | os.O_APPEND,
        os.O_RDWR,
    ]
)
times = st.sampled_from([0, 1_234_567_890_123_456_789, 4_000_000_000_000_000_001])
_numbers = itertools.count(1)


def end_mount(staged: StagedStore) -> None:
    """Kill all processes of a mount."""
    family = [staged.supervisor, *children(staged.supervisor)]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in family))


def machine_on(staged: StagedStore) -> type[TwinMachine]:
    """The machine for a store whose drafts are mounted."""
    return type("TwinMachineHere", (TwinMachine,), {"staged": staged})


class TwinMachine(RuleBasedStateMachine):
    """Does the same to both; `machine_on` makes a class of it that can be run.

    Attributes:
        staged: Where drafts are opened; mounted.
    """

    staged: ClassVar[StagedStore]

    def __init__(self) -> None:
        super().__init__()
        staged = self.staged
        self.number = next(_numbers)
        self.artifact = f"draft-{self.number}"
        self.real = staged.top / f"real-{self.number}"
        self.draft = staged.mountpoint / self.artifact
        self.count = 0
        self.files: set[int] = set()
        self.maps: set[int] = set()
        self.made = 0
        self.twins: Twins | None = None
        self.store: Store = open_store(staged.store)

    @property
    def pair(self) -> Twins:
        assert self.twins is not None
        return self.twins

    @initialize(based=st.booleans())
    def begin(self, based: bool) -> None:
        self.real.mkdir(0o755)
        if based:
            for number, path in enumerate(["a/a", "a/b/c", "b/b/b", "c"]):
                (self.real / path).parent.mkdir(parents=True, exist_ok=True)
                (self.real / path).write_bytes(bytes([number]) * (10 + 100_000 * number))
            (self.real / "b/a").mkdir()
            (self.real / "a/c").symlink_to("target")
            self.put(self.artifact)
            self.made = 1
        self.start()
        if based:
            self.staged.stage(self.artifact)
        else:
            self.draft.mkdir()

    def start(self) -> None:
        self.twins = Twins(self.real, self.draft, lambda: end_mount(self.staged))

    def teardown(self) -> None:
        try:
            if self.twins is not None:
                self.stop()
                self.staged.write("discard", {"name": self.artifact, "force": True})
        finally:
            self.store.close()
            shutil.rmtree(self.real, ignore_errors=True)
            if not self.is_mounted():  # a draft that was in the way of it is not what the next example is about
                self.staged.mount()

    def is_mounted(self) -> bool:
        found = find_mount(os.fspath(self.staged.mountpoint))
        return found is not None and found.pid is not None

    def stop(self) -> None:
        pair, self.twins = self.pair, None
        self.files.clear()
        self.maps.clear()
        pair.close()
        # Who has closed a file does not wait until the file system knows.
        wait_until(lambda: find_mount(os.fspath(self.staged.mountpoint)) is None or self.is_closed())

    def is_closed(self) -> bool:
        """Whether nobody has a file of the draft open for writing."""
        token = secrets.token_hex(8)
        try:
            self.staged.ask(self.draft, token, wait=0.0)
        except OSError:
            return False
        return bool(self.staged.ended(self.draft, token)["error"] != "ConflictError")

    def data(self, size: int) -> bytes:
        self.count += 1
        return bytes([self.count % 251 + 1]) * size

    # ------------------------------------------------------------------------------------------------- by path

    @rule(path=paths, mode=modes)
    def mkdir(self, path: bytes, mode: int) -> None:
        self.pair.both("mkdir", path, mode)

    @rule(path=paths)
    def rmdir(self, path: bytes) -> None:
        self.pair.both("rmdir", path)

    @rule(to=st.sampled_from([b"a", b"b/c", b"nowhere"]), path=paths)
    def symlink(self, to: bytes, path: bytes) -> None:
        self.pair.both("symlink", to, path)
        self.pair.both("readlink", path)

    @rule(path=paths, new=paths)
    def link(self, path: bytes, new: bytes) -> None:
        self.pair.both("link", path, new)

    @rule(path=paths)
    def unlink(self, path: bytes) -> None:
        self.pair.both("unlink", path)

    @rule(path=paths, new=paths, flags=st.sampled_from([0, 0, 0, 1, 2]))
    def rename(self, path: bytes, new: bytes, flags: int) -> None:
        self.pair.both("rename", path, new, flags)

    @rule(path=paths, size=sizes)
    def save(self, path: bytes, size: int) -> None:
        self.pair.both("save", path, self.data(size))

    @rule(path=paths, mode=modes)
    def chmod(self, path: bytes, mode: int) -> None:
        self.pair.both("chmod", path, mode)

    @rule(path=paths, atime_ns=times, mtime_ns=times)
    def utime(self, path: bytes, atime_ns: int, mtime_ns: int) -> None:
        self.pair.both("utime", path, atime_ns, mtime_ns)

    @rule(path=paths, size=offsets)
    def truncate(self, path: bytes, size: int) -> None:
        self.pair.both("truncate", path, size)

    @rule(path=paths, new=st.sampled_from(NAMES))
    def list_while_it_changes(self, path: bytes, new: bytes) -> None:
        outcome = self.pair.both("list_while_it_changes", path, new)
        assert outcome.number or outcome.value == "missed [], twice []"

    # ------------------------------------------------------------------------------------------------- open files

    def any_file(self, slot: int) -> int:
        return sorted(self.files)[slot % len(self.files)]

    def any_map(self, slot: int) -> int:
        return sorted(self.maps)[slot % len(self.maps)]

    @precondition(lambda self: len(self.files) + len(self.maps) < 4)
    @rule(path=paths, flags=openings)
    def open(self, path: bytes, flags: int) -> None:
        self.count += 1
        if self.pair.both("open", self.count, path, flags).number == 0:
            self.files.add(self.count)

    @precondition(lambda self: self.files)
    @rule(slot=slots)
    def close(self, slot: int) -> None:
        file = self.any_file(slot)
        self.pair.both("close", file)
        self.files.discard(file)

    @precondition(lambda self: self.files)
    @rule(slot=slots, size=sizes)
    def write(self, slot: int, size: int) -> None:
        self.pair.both("write", self.any_file(slot), self.data(size))

    @precondition(lambda self: self.files)
    @rule(slot=slots, size=sizes, offset=offsets)
    def pwrite(self, slot: int, size: int, offset: int) -> None:
        self.pair.both("pwrite", self.any_file(slot), self.data(size), offset)

    @precondition(lambda self: self.files)
    @rule(slot=slots, size=sizes, offset=offsets)
    def pread(self, slot: int, size: int, offset: int) -> None:
        self.pair.both("pread", self.any_file(slot), size, offset)

    @precondition(lambda self: self.files)
    @rule(slot=slots, size=offsets)
    def ftruncate(self, slot: int, size: int) -> None:
        file = self.any_file(slot)
        self.pair.both("ftruncate", file, size)

    @precondition(lambda self: self.files)
    @rule(slot=slots)
    def fsync(self, slot: int) -> None:
        self.pair.both("fsync", self.any_file(slot))

    @precondition(lambda self: self.files)
    @rule(slot=slots)
    def map(self, slot: int) -> None:
        file = self.any_file(slot)
        self.files.discard(file)
        if self.pair.both("map", file).value:
            self.maps.add(file)

    @precondition(lambda self: self.maps)
    @rule(slot=slots, size=sizes, offset=offsets, sync=st.booleans())
    def poke(self, slot: int, size: int, offset: int, sync: bool) -> None:
        self.pair.both("poke", self.any_map(slot), self.data(size), offset, sync)

    @precondition(lambda self: self.maps)
    @rule(slot=slots)
    def unmap(self, slot: int) -> None:
        file = self.any_map(slot)
        self.pair.both("unmap", file)
        self.maps.discard(file)

    # ------------------------------------------------------------------------------------------------- commits

    def close_all(self) -> None:
        self.pair.both("close_all")
        self.files.clear()
        self.maps.clear()

    def put(self, artifact: str) -> Tree:
        return self.store.put([self.real], NewVersion(name=parse_artifact_name(artifact))).version.tree

    def versions(self) -> list[Tree]:
        with self.store.catalog.view() as view:
            artifact = view.artifact_by_name(parse_artifact_name(self.artifact))
            return [] if artifact is None else [version.tree for version in view.versions(artifact.serial)]

    def check_new(self, at_least: int, at_most: int) -> None:
        """New versions are what the native directory is."""
        found = self.versions()[self.made :]
        assert at_least <= len(found) <= at_most, (at_least, len(found), at_most)
        expected = self.put("real")
        for tree in found:
            assert (tree.digest, tree.size, tree.entries) == (expected.digest, expected.size, expected.entries)
        self.made += len(found)

    @rule()
    def commit_is_refused_while_files_are_open(self) -> None:
        writers = self.pair.ask("writers")
        if writers:
            token = secrets.token_hex(8)
            assert self.pair.ask("ask_for_commit", {"token": token, "wait": 0}) == 22
            message = self.pair.ask("result", token)["message"]
            assert message.startswith("still open for writing: ")
            assert message.count(", ") + 1 == writers, message
            self.check_new(0, 0)

    @rule(force=st.booleans())
    def commit(self, force: bool) -> None:
        self.close_all()
        token = secrets.token_hex(8)
        assert self.pair.ask("ask_for_commit", {"token": token, "force": force, "wait": 20}) == 0
        result = self.pair.ask("ended", token)
        assert result["state"] == "committed", result
        assert result["created"] or not force, result
        self.check_new(int(result["created"]), int(result["created"]))
        version = self.store.version(parse_ref(result["ref"]))
        expected = self.put("real")
        assert version.tree.digest == expected.digest
        stored = {path: entry.mtime_ns for path, entry in self.store.walk(root_entry(version))}
        assert stored == self.pair.ask("times")

    # ------------------------------------------------------------------------------------------------- faults

    @rule()
    def kill_the_server(self) -> None:
        self.staged.kill(lambda: self.staged.server)

    @rule()
    def kill_the_storer(self) -> None:
        self.staged.kill(lambda: self.staged.storer)

    @rule(polite=st.booleans(), writeback=st.booleans())
    def mount_again(self, polite: bool, writeback: bool) -> None:
        """After an unmount, or after all processes were killed."""
        if polite:
            self.close_all()
            self.staged.umount()
        else:
            self.pair.both("sync_all")
            end_mount(self.staged)
            self.close_all()
        self.staged.mount(writeback_cache=writeback)

    @rule(victim=st.sampled_from(["server", "storer", "all"]), stopped=st.booleans())
    def kill_within_a_commit(self, victim: str, stopped: bool) -> None:
        """The commit is made, or not.

        Args:
            victim: Who dies.
            stopped: Before the storer could go on; otherwise at any time.
        """
        self.close_all()
        token = secrets.token_hex(8)
        if stopped:
            os.kill(self.staged.storer, signal.SIGSTOP)
        assert self.pair.ask("ask_for_commit", {"token": token, "force": True, "wait": 20}) == 0
        if victim == "all":
            end_mount(self.staged)
            self.staged.mount()
        else:
            self.staged.kill(lambda: int(getattr(self.staged, victim)))
        state = self.pair.ask("ended", token)["state"]
        assert state in {"storer": {"committed", "failed"}}.get(victim, {"unknown"})
        self.check_new(int(state == "committed"), 1)
        self.commit(force=True)

    # ------------------------------------------------------------------------------------------------- the same

    @invariant()
    def they_are_equal(self) -> None:
        if self.twins is not None:
            assert self.pair.ask("differences", self.count % 3 == 0) == []
