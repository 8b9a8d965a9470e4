"""What becomes of a draft of whose redo log one certain record is lost."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.drafts.db.redo_log import logs
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.fsck.check_rows import RowsCheck
from artfs.drafts.fsck.view import DraftCheckView
from artfs.drafts.storer import DraftStorer
from artfs.names import parse_ref
from artfs.store import Store, open_store
from tests.support.data.drafts import commit, make_draft, make_file, paths_of

DIRECTORY = stat.S_IFDIR | 0o755


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a version that has `base/inner/file`."""
    (tmp_path / "source/base/inner").mkdir(parents=True)
    (tmp_path / "source/base/inner/file").write_bytes(b"base")
    with open_store(tmp_path / "store", create=True) as opened:
        opened.put([tmp_path / "source"], NewVersion(name="base"))
        yield opened


class Killed:
    """A draft of a process that is killed, some records of whose log are lost."""

    def __init__(self, store: Store, place: Path) -> None:
        self.store = store
        self.place = place
        self.draft = Draft(make_draft(place / "draft", store.version(parse_ref("base"))), store)
        self._lost: list[tuple[int, int]] = []

    def _end(self) -> int:
        [log] = logs(self.draft.directory)
        return log.stat().st_size

    @contextmanager
    def lost(self) -> Iterator[None]:
        """What is changed meanwhile is lost."""
        begin = self._end()
        yield
        self._lost.append((begin, self._end()))

    def ino(self, path: str) -> int:
        at = BASE
        for name in path.encode().split(b"/"):
            found = self.draft.lookup(at, name)
            assert found is not None, path
            at = found.ino
        return at

    @contextmanager
    def opened(self, harm: Callable[[Path], None] = lambda _place: None) -> Iterator[Draft]:
        """Open the draft as the next process finds it; its rows agree with each other."""
        self.draft.set_attributes(BASE, mode=0o750)  # a sound record behind
        found = self.place / "found"
        shutil.copytree(self.draft.directory, found, ignore=shutil.ignore_patterns("lock.mdb"))
        self.draft.close()
        [log] = logs(found)
        data = bytearray(log.read_bytes())
        for begin, end in self._lost:
            data[begin:end] = bytes(end - begin)
        log.write_bytes(data)
        harm(found)
        with closing(Draft(found, self.store)) as draft:
            assert draft.damage is not None
            assert draft.damage.salvaged
            yield draft
        with DraftCheckView.open(found) as view:
            assert {fault.invariant for fault in RowsCheck(view).run()} <= {"R13"}


@pytest.fixture
def killed(store: Store, tmp_path: Path) -> Killed:
    return Killed(store, tmp_path)


def tree(draft: Draft, directory: int = BASE, path: str = "") -> dict[str, bytes | str]:
    """Contents of all files of a draft, or how reading one fails; empty directories with a slash."""
    found: dict[str, bytes | str] = {}
    for name, attributes, _next in draft.listdir(directory):
        below = f"{path}{name.decode()}"
        if stat.S_ISDIR(attributes.mode):
            found |= tree(draft, attributes.ino, f"{below}/") or {f"{below}/": b""}
            continue
        try:
            found[below] = bytes(draft.files.read(attributes.ino, 0, attributes.size))
        except OSError as error:
            found[below] = errno.errorcode[error.errno or 0]
    return found


KEPT: dict[str, bytes | str] = {"base/inner/file": b"base"}


def test_what_was_made_in_a_directory_whose_making_is_lost_is_in_lost_and_found(killed: Killed, store: Store) -> None:
    with killed.lost():
        directory = killed.draft.make(BASE, b"made", DIRECTORY, 0, 0).ino
    make_file(killed.draft, "made/file", b"file")
    with killed.opened() as draft:
        found = tree(draft)
        assert found == {**KEPT, f"lost+found/inode-{directory}/file": b"file"}
        assert draft.damage is not None
        assert draft.damage.nameless == 1
        storer = DraftStorer(store)
        commit(draft, storer)
        storer.close()
        assert draft.log_fault() == ""
    assert set(found) <= {path.decode() for path in paths_of(store, "base:v1")}


def test_a_file_that_another_took_the_name_of_without_a_trace_is_in_lost_and_found(killed: Killed) -> None:
    first = make_file(killed.draft, "name", b"first")
    with killed.lost():
        killed.draft.unlink(BASE, b"name")
    make_file(killed.draft, "name", b"second")
    with killed.opened() as draft:
        assert tree(draft) == {**KEPT, "name": b"second", f"lost+found/inode-{first}": b"first"}


def test_a_directory_that_was_moved_without_a_trace_and_again_has_one_name(killed: Killed) -> None:
    make_file(killed.draft, "one/file", b"file")
    with killed.lost():
        killed.draft.rename(BASE, b"one", BASE, b"two")
    killed.draft.rename(BASE, b"two", BASE, b"three")
    with killed.opened() as draft:
        assert tree(draft) == {**KEPT, "three/file": b"file"}


@pytest.mark.parametrize(("outer", "inner"), [("made", "deep"), ("base", "inner")])
def test_directories_that_are_in_each_other_are_found_again(killed: Killed, outer: str, inner: str) -> None:
    """Of one that was taken out of another, and of the other that was put into it, the first move is lost."""
    contents: dict[str, bytes | str] = KEPT if outer == "base" else {}
    if not contents:
        make_file(killed.draft, f"{outer}/{inner}/file", b"base")
    moved = killed.ino(outer)
    with killed.lost():
        killed.draft.rename(moved, inner.encode(), BASE, b"out")
    killed.draft.rename(BASE, outer.encode(), killed.ino("out"), b"in")
    with killed.opened() as draft:
        rest = {} if contents else KEPT
        assert tree(draft) == {**rest, f"lost+found/inode-{moved}/{inner}/file": b"base"}


def test_a_file_whose_pieces_do_not_belong_together_is_refused_until_it_is_written_again(killed: Killed) -> None:
    ino = make_file(killed.draft, "file", b"a" * 1000)
    make_file(killed.draft, "other", b"other")
    with killed.lost():
        killed.draft.set_attributes(ino, size=0)
    killed.draft.inode_use.opened(ino, writing=True)
    killed.draft.files.write(ino, 300, b"b" * 600)
    killed.draft.inode_use.closed(ino, writing=True)
    with killed.opened() as draft:
        assert tree(draft) == {**KEPT, "file": "EIO", "other": b"other"}
        assert draft.damage is not None
        assert draft.damage.unreadable == 1
        draft.set_attributes(ino, size=0)
        draft.files.write(ino, 0, b"again")
        assert tree(draft)["file"] == b"again"


def test_a_file_whose_data_file_was_given_up_is_refused_and_no_data_file_is_removed(killed: Killed) -> None:
    make_file(killed.draft, "file", b"f" * 500_000)
    make_file(killed.draft, "hole", b"h" * 500_000)
    with killed.lost():
        make_file(killed.draft, "gone", b"g" * 500_000)

    def give_up(place: Path) -> None:
        first, second, _third = sorted(place.glob("data/[0-9]*"), key=lambda path: int(path.name))
        first.unlink()
        os.truncate(second, 0)
        os.truncate(second, 500_000)

    with killed.opened(give_up) as draft:
        assert tree(draft) == {**KEPT, "file": "EIO", "hole": "EIO"}
        kept = [path for path in draft.directory.glob("data/[0-9]*") if b"g" * 1000 in path.read_bytes()]
        assert len(kept) == 1


def test_no_number_is_given_twice_though_the_record_of_its_giving_is_lost(killed: Killed) -> None:
    with killed.lost():
        given = {killed.draft.make(BASE, b"%d" % number, DIRECTORY, 0, 0).ino for number in range(2000)}
    with killed.opened() as draft:
        assert draft.make(BASE, b"new", DIRECTORY, 0, 0).ino > max(given)
