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
from artfs.drafts.control.stage_request import parse_stage
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.registry import MAX_NUMBER, DraftRegistry
from artfs.errors import ConflictError, IntegrityError, InvalidInputError, NotFoundError, StorageError
from artfs.names import parse_ref
from artfs.store import Store, open_store

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
def registry(store: Store) -> DraftRegistry:
    """The drafts of the store."""
    return DraftRegistry(store.layout.drafts)


def _names(registry: DraftRegistry) -> list[tuple[int, str]]:
    return [(place.number, place.name) for place in registry.list()]


def test_drafts_are_listed_and_their_numbers_never_used_again(registry: DraftRegistry) -> None:
    places = [registry.create(name, "animals", None, "", _ME) for name in ("animals", "b.c", "x")]
    assert _names(registry) == [(1, "animals"), (2, "b.c"), (3, "x")]
    assert [place.path.name for place in places] == ["1.animals", "2.b.c", "3.x"]
    registry.remove(places[2])
    registry.remove(places[0])
    assert _names(registry) == [(2, "b.c")]
    assert not places[2].path.exists()
    assert registry.create("x", "animals", None, "", _ME).number == 4


def test_numbers_go_on_where_the_counter_is_lost_and_a_damaged_one_is_reported(
    registry: DraftRegistry, store: Store
) -> None:
    registry.create("a", "animals", None, "", _ME)
    registry.create("b", "animals", None, "", _ME)
    counter = store.layout.drafts / "next"
    assert counter.read_text() == "3\n"
    counter.unlink()
    assert registry.create("c", "animals", None, "", _ME).number == 3
    counter.write_text("x")
    with pytest.raises(IntegrityError, match="next is damaged"):
        registry.create("d", "animals", None, "", _ME)
    counter.write_text(f"{MAX_NUMBER + 1}\n")
    with pytest.raises(ConflictError, match="can have no more"):
        registry.create("d", "animals", None, "", _ME)
    assert [name for _number, name in _names(registry)] == ["a", "b", "c"]


@pytest.mark.parametrize("name", [".artfs", "a/b", "..", "", "-a", "x" * 129, "a\n"])
def test_a_name_that_a_draft_cannot_have_is_refused(registry: DraftRegistry, name: str) -> None:
    with pytest.raises(InvalidInputError):
        registry.create(name, "animals", None, "", _ME)
    with pytest.raises(InvalidInputError):
        registry.create("draft", "a/b/c", None, "", _ME)
    assert _names(registry) == []


def test_a_name_is_open_once(registry: DraftRegistry) -> None:
    registry.create("animals", "animals", None, "", _ME)
    with pytest.raises(ConflictError, match="is open already"):
        registry.create("animals", "dogs", None, "", _ME)


def test_a_draft_shows_the_version_it_was_opened_over_with_its_mode_and_owner(
    store: Store, registry: DraftRegistry
) -> None:
    version = store.version(parse_ref("animals:v1"))
    place = registry.create("animals", "animals", version, "animals:v1", _ME)
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
    assert (draft.get_meta(), draft.is_dirty(), draft.is_empty()) == (b"", False, False)
    draft.close()


def test_an_empty_draft_is_empty(store: Store, registry: DraftRegistry) -> None:
    draft = Draft(registry.create("animals", "animals", None, "", _ME).path, store)
    assert stat.filemode(draft.attributes(BASE).mode) == "drwxr-xr-x"
    assert (draft.get_meta(), draft.is_dirty(), draft.is_empty()) == (b"", False, True)
    draft.close()


def test_a_draft_that_cannot_be_made_is_not_there(
    store: Store, registry: DraftRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.rename", _failing_at(os.rename, "1.animals", fail))
    with pytest.raises(StorageError, match="No space left") as caught:
        registry.create("animals", "animals", None, "", _ME)
    assert caught.value.errno == 28
    assert _names(registry) == []
    assert sorted(os.listdir(store.layout.drafts)) == ["next"]


def _failing_at(call: Callable[..., None], name: str, fail: Callable[..., None]) -> Callable[..., None]:
    return lambda old, new, **more: fail() if Path(new).name == name else call(old, new, **more)


def test_one_mount_serves_the_drafts_at_a_time_and_its_children_keep_them(
    registry: DraftRegistry, store: Store
) -> None:
    reader, writer = os.pipe()
    with registry.lock():
        with pytest.raises(ConflictError, match="served by another staging mount"), registry.lock():
            pass
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
    os.close(reader)
    try:
        with pytest.raises(ConflictError), registry.lock():
            pass
    finally:
        os.close(writer)
        os.waitpid(child, 0)
    with registry.lock():
        assert "lock" in os.listdir(store.layout.drafts)


def test_what_a_killed_mount_left_half_done_is_swept_by_the_next(registry: DraftRegistry, store: Store) -> None:
    place = registry.create("animals", "animals", None, "", _ME)
    other = registry.create("other", "animals", None, "", _ME)
    drafts = store.layout.drafts
    os.rename(other.path, drafts / ".old-2")
    (drafts / ".new-3" / "rows").mkdir(parents=True)
    (drafts / ".next").write_text("17")
    with registry.lock():
        assert sorted(os.listdir(drafts)) == ["1.animals", "lock", "next"]
    assert registry.list() == [place]
    assert registry.create("other", "animals", None, "", _ME).number == 3


def test_a_store_whose_drafts_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "drafts").write_text("")
    with pytest.raises(StorageError, match="opening the drafts of"), DraftRegistry(tmp_path / "drafts").lock():
        pass
    with pytest.raises(StorageError, match="reading"):
        DraftRegistry(tmp_path / "drafts").list()


def test_the_lock_ends_with_a_killed_process(registry: DraftRegistry, store: Store) -> None:
    script = (
        "import os, sys; from pathlib import Path; from artfs.drafts.registry import DraftRegistry\n"
        "with DraftRegistry(Path(sys.argv[1])).lock():\n os.write(1, b'.'); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, store.layout.drafts], check=False, stdout=subprocess.PIPE, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (-9, b".")
    with registry.lock():
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
    store: Store, registry: DraftRegistry, text: bytes, name: str, base: str, files: set[bytes]
) -> None:
    request = parse_stage(text)
    place, shown = registry.stage(store, request, _ME)
    assert (place.name, shown) == (name, base)
    draft = Draft(place.path, store)
    assert {entry for entry, _attributes, _offset in draft.listdir(BASE)} == files
    assert draft.origin.artifact == request.artifact
    draft.close()


@pytest.mark.parametrize("text", [b'{"artifact": "dogs", "from": "v0"}', b'{"artifact": "a", "from": "animals:v7"}'])
def test_a_draft_over_a_version_that_is_not_there_is_refused(
    store: Store, registry: DraftRegistry, text: bytes
) -> None:
    with pytest.raises(NotFoundError):
        registry.stage(store, parse_stage(text), _ME)
    assert _names(registry) == []
