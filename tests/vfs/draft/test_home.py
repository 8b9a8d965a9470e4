"""Where drafts are kept: each wholly there or not at all, its number never another's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.errors import ConflictError, IntegrityError, InvalidInputError, NotFoundError, StorageError
from artfs.names import parse_ref
from artfs.store import Store, open_store
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.home import MAX_NUMBER, DraftsHome
from artfs.vfs.draft.opening import open_draft, parse_discard, parse_stage
from artfs.vfs.draft.rows import BASE

_ME = (os.getuid(), os.getgid())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """`animals` with v0, in which there is `tom`, and v1, in which there is `kit` too."""
    source = tmp_path / "source"
    source.mkdir(mode=0o750)
    with open_store(tmp_path / "store", create=True) as store:
        for name in ("tom", "kit"):
            (source / name).write_text(name)
            store.put([source], NewVersion("animals", aliases=[f"has-{name}"]))
        yield store


@pytest.fixture
def home(store: Store) -> DraftsHome:
    """The drafts of the store."""
    return DraftsHome(store.layout.drafts)


def _names(home: DraftsHome) -> list[tuple[int, str]]:
    return [(place.number, place.name) for place in home.list()]


def test_drafts_are_listed_and_their_numbers_never_used_again(home: DraftsHome) -> None:
    places = [home.create(name, "animals", None, "", b"", _ME) for name in ("animals", "b.c", "x")]
    assert _names(home) == [(1, "animals"), (2, "b.c"), (3, "x")]
    assert [place.path.name for place in places] == ["1.animals", "2.b.c", "3.x"]
    home.remove(places[2])
    home.remove(places[0])
    assert _names(home) == [(2, "b.c")]
    assert not places[2].path.exists()
    assert home.create("x", "animals", None, "", b"", _ME).number == 4


def test_numbers_go_on_where_the_counter_is_lost_and_one_that_is_damaged_is_told(
    home: DraftsHome, store: Store
) -> None:
    home.create("a", "animals", None, "", b"", _ME)
    home.create("b", "animals", None, "", b"", _ME)
    counter = store.layout.drafts / "next"
    assert counter.read_text() == "3\n"
    counter.unlink()
    assert home.create("c", "animals", None, "", b"", _ME).number == 3
    counter.write_text("x")
    with pytest.raises(IntegrityError, match="next is damaged"):
        home.create("d", "animals", None, "", b"", _ME)
    counter.write_text(f"{MAX_NUMBER + 1}\n")
    with pytest.raises(ConflictError, match="can have no more"):
        home.create("d", "animals", None, "", b"", _ME)
    assert [name for _number, name in _names(home)] == ["a", "b", "c"]


@pytest.mark.parametrize("name", [".artfs", "a/b", "..", "", "-a", "x" * 129, "a\n"])
def test_a_name_that_a_draft_cannot_have_is_refused(home: DraftsHome, name: str) -> None:
    with pytest.raises(InvalidInputError):
        home.create(name, "animals", None, "", b"", _ME)
    with pytest.raises(InvalidInputError):
        home.create("draft", "a/b", None, "", b"", _ME)
    assert _names(home) == []


def test_a_name_is_open_once(home: DraftsHome) -> None:
    home.create("animals", "animals", None, "", b"", _ME)
    with pytest.raises(ConflictError, match="is open already"):
        home.create("animals", "dogs", None, "", b"", _ME)


def test_a_draft_shows_the_version_it_was_opened_over_with_its_mode_and_owner(store: Store, home: DraftsHome) -> None:
    version = store.version(parse_ref("animals:v1"))
    place = home.create("animals", "animals", version, "animals:v1", b"{}", _ME)
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o700
    draft = Draft(place.path, store)
    top = draft.attributes(BASE)
    assert (stat.filemode(top.mode), top.uid, top.gid) == ("drwxr-x---", *_ME)
    assert sorted(name for name, _attributes, _offset in draft.listdir(BASE)) == [b"kit", b"tom"]
    assert (draft.origin.artifact, draft.origin.base, draft.origin.base_ref) == (
        "animals",
        version.serial,
        "animals:v1",
    )
    assert (draft.get_meta(), draft.is_touched(), draft.is_empty()) == (b"{}", False, False)
    draft.close()


def test_an_empty_draft_is_empty(store: Store, home: DraftsHome) -> None:
    draft = Draft(home.create("animals", "animals", None, "", b"", _ME).path, store)
    assert stat.filemode(draft.attributes(BASE).mode) == "drwxr-xr-x"
    assert (draft.get_meta(), draft.is_touched(), draft.is_empty()) == (b"", False, True)
    draft.close()


def test_a_draft_that_cannot_be_made_is_not_there(
    store: Store, home: DraftsHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("artfs.vfs.draft.home.os.rename", _failing_at(os.rename, "1.animals", fail))
    with pytest.raises(StorageError, match="No space left") as caught:
        home.create("animals", "animals", None, "", b"", _ME)
    assert caught.value.errno == 28
    assert _names(home) == []
    assert sorted(os.listdir(store.layout.drafts)) == ["next"]


def _failing_at(call: Callable[..., None], name: str, fail: Callable[..., None]) -> Callable[..., None]:
    return lambda old, new: fail() if Path(new).name == name else call(old, new)


def test_one_mount_serves_the_drafts_at_a_time_and_its_children_keep_them(home: DraftsHome, store: Store) -> None:
    reader, writer = os.pipe()
    with home.lock():
        with pytest.raises(ConflictError, match="served by another staging mount"), home.lock():
            pass
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
    os.close(reader)
    try:
        with pytest.raises(ConflictError), home.lock():
            pass
    finally:
        os.close(writer)
        os.waitpid(child, 0)
    with home.lock():
        assert "lock" in os.listdir(store.layout.drafts)


def test_what_a_killed_mount_left_half_done_is_swept_by_the_next(home: DraftsHome, store: Store) -> None:
    place = home.create("animals", "animals", None, "", b"", _ME)
    other = home.create("other", "animals", None, "", b"", _ME)
    drafts = store.layout.drafts
    os.rename(other.path, drafts / ".old-2")
    (drafts / ".new-3" / "rows").mkdir(parents=True)
    (drafts / ".next").write_text("17")
    with home.lock():
        assert sorted(os.listdir(drafts)) == ["1.animals", "lock", "next"]
    assert home.list() == [place]
    assert home.create("other", "animals", None, "", b"", _ME).number == 3


def test_a_store_whose_drafts_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "drafts").write_text("")
    with pytest.raises(StorageError, match="opening the drafts of"), DraftsHome(tmp_path / "drafts").lock():
        pass
    with pytest.raises(StorageError, match="reading"):
        DraftsHome(tmp_path / "drafts").list()


def test_the_lock_ends_with_a_killed_process(home: DraftsHome, store: Store) -> None:
    script = (
        "import os, sys; from pathlib import Path; from artfs.vfs.draft.home import DraftsHome\n"
        "with DraftsHome(Path(sys.argv[1])).lock():\n os.write(1, b'.'); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, store.layout.drafts], check=False, stdout=subprocess.PIPE, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (-9, b".")
    with home.lock():
        pass


@pytest.mark.parametrize(
    ("text", "name", "base", "files"),
    [
        (b'{"artifact": "animals"}', "animals", "animals:v1", {b"kit", b"tom"}),
        (b'{"artifact": "animals", "as": "mine", "from": "v0"}', "mine", "animals:v0", {b"tom"}),
        (b'{"artifact": "dogs", "from": "animals:has-tom"}', "dogs", "animals:v0", {b"tom"}),
        (b'{"artifact": "dogs", "from": "animals"}', "dogs", "animals:v1", {b"kit", b"tom"}),
        (b'{"artifact": "dogs"}', "dogs", "", set()),
        (b'{"artifact": "animals", "empty": true}', "animals", "", set()),
    ],
)
def test_a_request_opens_a_draft_over_the_version_it_names(
    store: Store, home: DraftsHome, text: bytes, name: str, base: str, files: set[bytes]
) -> None:
    request = parse_stage(text)
    place, shown = open_draft(home, store, request, _ME)
    assert (place.name, shown) == (name, base)
    draft = Draft(place.path, store)
    assert {entry for entry, _attributes, _offset in draft.listdir(BASE)} == files
    assert draft.origin.artifact == request.artifact
    draft.close()


@pytest.mark.parametrize("text", [b'{"artifact": "dogs", "from": "v0"}', b'{"artifact": "a", "from": "animals:v7"}'])
def test_a_draft_over_a_version_that_is_not_there_is_refused(store: Store, home: DraftsHome, text: bytes) -> None:
    with pytest.raises(NotFoundError):
        open_draft(home, store, parse_stage(text), _ME)
    assert _names(home) == []


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"animals", b"{}", b'{"artifact": "a/b"}', b'{"artifact": "a", "as": ".."}'),
        *(b'{"artifact": "a", "from": "v01"}', b'{"artifact": "a", "from": "a:b/c"}', b'{"artifact": "a", "to": "b"}'),
        *(b'{"artifact": "a", "from": "b", "empty": true}', b'{"artifact": "a", "token": 7}'),
    ],
)
def test_a_request_that_is_not_allowed_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_stage(text)


def test_a_draft_is_discarded_by_name() -> None:
    assert parse_discard(b'{"name": "animals", "force": true, "token": "x"}').force
    for text in (b"{}", b'{"name": ""}', b'{"name": "../1.animals"}', b"animals"):
        with pytest.raises(InvalidInputError):
            parse_discard(text)
