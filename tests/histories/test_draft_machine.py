"""A draft against a real directory: random histories, the same answers, the same tree."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from artfs.catalog import NewVersion
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.fsck import check_draft
from artfs.drafts.namespace.inodes import Attributes
from artfs.drafts.storer import DraftStorer, Report
from artfs.drafts.storer_protocol import CommitDelta
from artfs.names import parse_artifact_name, parse_ref
from artfs.store import open_store
from tests.support.data.drafts import make_draft
from tests.support.libc import renameat2

NAMES = [b"a", b"b", b"c"]
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple)
offsets = st.sampled_from([0, 1, 100, 4096, 5000, 130_000, 300_000])
sizes = st.sampled_from([0, 1, 99, 4096, 140_000])
Path_ = tuple[bytes, ...]


def outcome(call: Callable[[], object]) -> int:
    """0, or the error number."""
    try:
        call()
    except OSError as error:
        return error.errno or -1
    return 0


class DraftMachine(RuleBasedStateMachine):
    """The rules do the same to both."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="artfs-draft-"))
        self.real = os.fsencode(self.top / "real")
        self.count = 0

    @initialize(based=st.booleans())
    def begin(self, based: bool) -> None:
        os.mkdir(self.real)
        self.store = open_store(self.top / "store", create=True)
        version = None
        if based:
            for number, path in enumerate([b"a/a", b"a/b/c", b"b/b/b", b"c"]):
                os.makedirs(os.path.dirname(self.real + b"/" + path), exist_ok=True)
                with open(self.real + b"/" + path, "wb") as file:
                    file.write(bytes([number]) * (10 + 100_000 * number))
            os.mkdir(self.real + b"/b/a")
            os.symlink(b"target", self.real + b"/a/c")
            self.store.put([self.real], NewVersion(name=parse_artifact_name("base")))
            version = self.store.version(parse_ref("base"))
        self.place = make_draft(self.top / "draft", version)
        self.draft = Draft(self.place, self.store)
        self.storer = DraftStorer(self.store)

    def teardown(self) -> None:
        if hasattr(self, "draft"):
            shutil.copytree(self.place, self.top / "live")  # LMDB opens an environment once in a process
            assert check_draft(self.top / "live", self.store.layout.index) == []
            self.draft.close()
            assert check_draft(self.place, self.store.layout.index) == []
            self.storer.close()
        if hasattr(self, "store"):
            self.store.close()
        shutil.rmtree(self.top, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------- helpers

    def walk(self, path: Path_) -> int:
        """The inode at a path, as the kernel would find it: a symlink on the way leads nowhere here."""
        found = self.draft.attributes(BASE)
        for name in path:
            entry = None if stat.S_ISLNK(found.mode) else self.draft.lookup(found.ino, name)
            if entry is None:
                raise FileNotFoundError(errno.ENOENT, "")
            found = entry
        return found.ino

    def directory(self, path: Path_) -> int:
        """The inode of the directory that a path's last name is in."""
        ino = self.walk(path[:-1])
        mode = self.draft.attributes(ino).mode
        if not stat.S_ISDIR(mode):
            raise OSError(errno.ENOENT if stat.S_ISLNK(mode) else errno.ENOTDIR, "")
        return ino

    def at(self, path: Path_) -> bytes:
        return b"/".join([self.real, *path])

    def both(self, real: Callable[[], object], draft: Callable[[], object]) -> bool:
        expected, got = outcome(real), outcome(draft)
        assert got == expected, (os.strerror(expected), os.strerror(got))
        return expected == 0

    # ------------------------------------------------------------------------------------------------- rules

    @rule(path=paths)
    def mkdir(self, path: Path_) -> None:
        self.both(
            lambda: os.mkdir(self.at(path)),
            lambda: self.draft.make(self.directory(path), path[-1], stat.S_IFDIR | 0o755, 0, 0),
        )

    @rule(path=paths)
    def create(self, path: Path_) -> None:
        self.both(
            lambda: os.close(os.open(self.at(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)),
            lambda: self.draft.make(self.directory(path), path[-1], stat.S_IFREG | 0o644, 0, 0),
        )

    @rule(path=paths)
    def symlink(self, path: Path_) -> None:
        self.both(
            lambda: os.symlink(b"target", self.at(path)),
            lambda: self.draft.make(self.directory(path), path[-1], stat.S_IFLNK | 0o777, 0, 0, target=b"target"),
        )

    @rule(path=paths, offset=offsets, size=sizes)
    def write(self, path: Path_, offset: int, size: int) -> None:
        if not stat.S_ISREG(self.mode(path)):
            return
        self.count += 1
        data = bytes([self.count % 251 + 1]) * size

        def real() -> None:
            with open(self.at(path), "r+b") as file:
                os.pwrite(file.fileno(), data, offset)

        if size:
            self.both(real, lambda: self.draft.files.write(self.walk(path), offset, data))

    def mode(self, path: Path_) -> int:
        try:
            return os.lstat(self.at(path)).st_mode
        except OSError:
            return 0

    @rule(path=paths, size=offsets)
    def truncate(self, path: Path_, size: int) -> None:
        if not stat.S_ISLNK(self.mode(path)):
            self.both(
                lambda: os.truncate(self.at(path), size), lambda: self.draft.set_attributes(self.walk(path), size=size)
            )

    def set_attributes(self, path: Path_, **attributes: int) -> Attributes:
        return self.draft.set_attributes(self.walk(path), **attributes)

    @rule(path=paths, mode=st.sampled_from([0o600, 0o755, 0o1777]))
    def chmod(self, path: Path_, mode: int) -> None:
        if not stat.S_ISLNK(self.mode(path)):
            self.both(
                lambda: os.chmod(self.at(path), mode), lambda: self.draft.set_attributes(self.walk(path), mode=mode)
            )

    @rule(path=paths)
    def unlink(self, path: Path_) -> None:
        self.both(lambda: os.unlink(self.at(path)), lambda: self.draft.unlink(self.directory(path), path[-1]))

    @rule(path=paths)
    def rmdir(self, path: Path_) -> None:
        self.both(lambda: os.rmdir(self.at(path)), lambda: self.draft.rmdir(self.directory(path), path[-1]))

    @rule(path=paths, new=paths)
    def link(self, path: Path_, new: Path_) -> None:
        self.both(
            lambda: os.link(self.at(path), self.at(new), follow_symlinks=False),
            lambda: self.draft.link(self.walk(path), self.directory(new), new[-1]),
        )

    @rule(path=paths, new=paths, flags=st.sampled_from([0, 0, 0, 1, 2]))
    def rename(self, path: Path_, new: Path_, flags: int) -> None:
        if len(new) < len(path) and path[: len(new)] == new:
            return  # the kernel refuses a directory that the source is in before it asks anybody
        self.both(
            lambda: renameat2(self.at(path), self.at(new), flags),
            lambda: self.draft.rename(self.directory(path), path[-1], self.directory(new), new[-1], flags),
        )

    @rule()
    def reopen(self) -> None:
        self.draft.close()
        self.draft = Draft(self.place, self.store)

    @rule()
    def freeze_and_thaw(self) -> None:
        self.draft.freeze()
        self.draft.thaw()

    @rule()
    def store_in_the_background(self) -> None:
        for path in [os.path.join(at, name) for at, _names, files in os.walk(self.real) for name in files]:
            if stat.S_ISREG(os.lstat(path).st_mode):
                ino = self.walk(tuple(path[len(self.real) + 1 :].split(b"/")))
                self.draft.inode_use.opened(ino, writing=True)
                self.draft.inode_use.closed(ino, writing=True)
        self.storer.store(self.place, self.draft.writeback.next_jobs(size=1 << 40))
        self.draft.writeback.apply_results(result for _place, result in self.storer.flush())

    @rule(settled=st.integers(0, 2), meanwhile=st.none() | st.tuples(paths, offsets))
    def commit(self, settled: int, meanwhile: tuple[Path_, int] | None) -> None:
        """The version is what storing the directory gives, whatever is written or comes to an end meanwhile."""
        frozen = self.draft.freeze()
        expected = self.store.put([self.real], NewVersion(name=parse_artifact_name("real"))).version.tree
        copy = self.top / "frozen"  # LMDB opens an environment once in a process, and the storer has one of its own
        shutil.copytree(self.place, copy)
        if meanwhile is not None:
            self.write(meanwhile[0], meanwhile[1], 77)
        reports: list[Report] = []
        try:
            outcome = self.storer.commit(copy, CommitRequest(message="m"), reports.append)
            shutil.copyfile(copy / "attempt", self.place / "attempt")  # elsewhere the storer writes it there
        finally:
            shutil.rmtree(copy)
        tree = self.store.version(parse_ref(outcome.ref)).tree
        assert (tree.digest, tree.size, tree.entries) == (expected.digest, expected.size, expected.entries)
        portions = [report for report in reports if isinstance(report, CommitDelta)]
        for portion in portions[: len(portions) * settled // 2]:
            self.draft.apply_delta(portion)
        if settled == 2:
            self.draft.end_commit(frozen, outcome.origin)
            while self.draft.sweep():
                pass
            assert meanwhile is not None or not self.draft.is_dirty()
        self.draft.thaw()

    @rule(path=paths)
    def unlink_while_used(self, path: Path_) -> None:
        if not stat.S_ISREG(self.mode(path)):
            return
        ino = self.walk(path)
        expected = Path(os.fsdecode(self.at(path))).read_bytes()
        self.draft.inode_use.opened(ino, writing=False)
        os.unlink(self.at(path))
        self.draft.unlink(self.directory(path), path[-1])
        assert bytes(self.draft.files.read(ino, 0, 1 << 20)) == expected
        self.draft.inode_use.closed(ino, writing=False)

    # ------------------------------------------------------------------------------------------------- the same

    @invariant()
    def the_trees_are_equal(self) -> None:
        if hasattr(self, "draft"):
            self.compare(BASE, self.real, {})

    def compare(self, ino: int, real: bytes, inodes: dict[int, int]) -> None:
        entries = {name: attributes for name, attributes, _next in self.draft.listdir(ino)}
        assert sorted(entries) == sorted(os.listdir(real))
        for name, attributes in entries.items():
            path = real + b"/" + name
            status = os.lstat(path)
            assert attributes == self.draft.lookup(ino, name)
            assert attributes.mode == status.st_mode
            if not stat.S_ISDIR(status.st_mode):
                assert (attributes.size, attributes.nlink) == (status.st_size, status.st_nlink)
                assert inodes.setdefault(status.st_ino, attributes.ino) == attributes.ino
            if stat.S_ISREG(status.st_mode):
                assert bytes(self.draft.files.read(attributes.ino, 0, 1 << 20)) == Path(os.fsdecode(path)).read_bytes()
            elif stat.S_ISDIR(status.st_mode):
                self.compare(attributes.ino, path, inodes)


TestDraftMachine = DraftMachine.TestCase
TestDraftMachine.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
