"""What is done to a store in one process, step by step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from artfs.catalog import NewRun, Version, current_actor
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.db.schema import BASE
from artfs.format.pack import TRAILER_SIZE
from artfs.names import EntryPath
from artfs.store.layout import read_layout
from artfs.store.rebuild import index_identity, rebuild_index
from artfs.store.write.scan import Source
from tests.support.data import drafts
from tests.support.data.filesums import file_sums
from tests.support.data.packs import pack_paths
from tests.support.torture.powercut.libraryscene import ALIASES, LibraryScene, OpenDraft
from tests.support.torture.powercut.telling import sum_of_bytes

__all__ = ["LIBRARY_STEPS", "REPAIR_STEPS"]

_FILE = 0o100644
_PIECE = 1 << 17


def _commit(scene: LibraryScene) -> None:
    base = scene.choose()
    files = file_sums(scene.store, scene.store.version(base))
    name, data = scene.new_file(3, 40_000, 300_000)
    source = scene.aside / name
    source.write_bytes(data)
    changes: dict[EntryPath, Source | None] = {(name.encode(),): source}
    top = sorted(path for path in files if "/" not in path)
    if top and scene.rng.random() < 0.5:
        doomed = scene.rng.choice(top)
        del files[doomed]
        changes[doomed.encode(),] = None
    files[name] = sum_of_bytes(data)
    scene.remember(scene.store.commit(base, changes).version, files)


def _set_alias(scene: LibraryScene) -> None:
    scene.store.catalog.set_alias(scene.choose(), scene.rng.choice(ALIASES), current_actor())


def _remove_alias(scene: LibraryScene) -> None:
    with scene.store.catalog.view() as view:
        found = [
            (artifact.name, row.name)
            for artifact in view.artifacts()
            for row in view.aliases(artifact.serial)
            if row.name in ALIASES
        ]
    if found:
        scene.store.catalog.remove_alias(*scene.rng.choice(found), current_actor())


def _delete_version(scene: LibraryScene) -> None:
    scene.store.catalog.delete_version(scene.choose(), current_actor(), delete_aliases=True)


def _undelete_version(scene: LibraryScene) -> None:
    found = scene.versions(deleted=True)
    if found:
        ref = scene.rng.choice(found)
        assert isinstance(ref.selector, int)
        scene.store.catalog.undelete_version(ref.name, ref.selector, current_actor())


def _delete_artifact(scene: LibraryScene) -> None:
    scene.store.catalog.delete_artifact(scene.choose().name, current_actor(), delete_aliases=True)


def _run(scene: LibraryScene) -> None:
    catalog, ref = scene.store.catalog, scene.choose()
    run = catalog.start_run(NewRun(name="step"), current_actor())
    scene.acknowledge("start a run")
    catalog.use_version(run.id, ref, current_actor())
    scene.acknowledge("use a version")
    catalog.finish_run(run.id, "finished", current_actor())


def _collect(scene: LibraryScene) -> None:
    scene.storer.close()  # its session keeps gc waiting
    command = [sys.executable, "-m", "artfs.cli", "--store", os.fspath(scene.path), "gc", "--now", "--wait", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # this process has the rows of the drafts open


def _rebuild(scene: LibraryScene) -> None:
    scene.close()
    layout = read_layout(scene.path)
    assert rebuild_index(layout, index_identity(layout)) is not None
    scene.open()


def _repair_pack(scene: LibraryScene) -> None:
    """Damage a pack beside its data, and have it set aside."""
    packs = pack_paths(scene.path)
    if packs:
        with scene.rng.choice(packs).open("r+b", buffering=0) as file:
            at = file.seek(-scene.rng.randrange(1, TRAILER_SIZE), os.SEEK_END)
            (byte,) = file.read(1)
            os.pwrite(file.fileno(), bytes((byte ^ 1,)), at)
    _fsck(scene)


def _repair_index(scene: LibraryScene) -> None:
    """Lose the index, and have it made again beside drafts that are read through it."""
    scene.close()
    (scene.path / "index" / "data.mdb").unlink()
    _fsck(scene)
    scene.open()


def _repair_counter(scene: LibraryScene) -> None:
    """Damage the counter of drafts, and have it made again of those that are there."""
    scene.close()
    (scene.path / "drafts" / "next").write_text("seven\n")
    _fsck(scene)
    scene.open()


def _fsck(scene: LibraryScene) -> None:
    command = [sys.executable, "-m", "artfs.cli", "--store", os.fspath(scene.path), "fsck", "--repair"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # this process has the rows of the drafts open


def _reopen(scene: LibraryScene) -> None:
    scene.close()
    scene.open()


def _write_file(scene: LibraryScene, opened: OpenDraft) -> str:
    name, data = scene.new_file(10, 20_000, 200_000, 900_000)
    made = opened.draft.make(BASE, name.encode(), _FILE, 0, 0)
    for at in range(0, len(data), _PIECE):
        opened.draft.files.write(made.ino, at, data[at : at + _PIECE])
    opened.written[name] = data
    return name


def _write(scene: LibraryScene) -> None:
    _write_file(scene, scene.choose_draft())


def _write_synced(scene: LibraryScene) -> None:
    opened = scene.choose_draft()
    opened.sync(_write_file(scene, opened))


def _unlink(scene: LibraryScene) -> None:
    opened = scene.choose_draft()
    if opened.written:
        opened.unlink(scene.rng.choice(sorted(opened.written)))


def _store_draft(scene: LibraryScene) -> None:
    opened = scene.choose_draft()
    scene.storer.store(opened.place.path, opened.draft.writeback.next_jobs())
    opened.draft.writeback.apply_results(result for _place, result in scene.storer.flush())
    scene.storer.end_session()


def _commit_draft(scene: LibraryScene) -> None:
    opened = scene.choose_draft()
    request = CommitRequest(replace=True)  # others store versions of the same artifact
    outcome = drafts.commit(opened.draft, scene.storer, request, copy=scene.aside / "frozen")
    with scene.store.catalog.view() as view:
        version = view.by_serial(outcome.origin.base)
    assert isinstance(version, Version)
    files = file_sums(scene.store, version)
    for name, data in opened.written.items():
        assert files[name] == sum_of_bytes(data)
    scene.remember(version, files)


def _checkpoint(scene: LibraryScene) -> None:
    scene.choose_draft().draft.checkpoint()


def _discard(scene: LibraryScene) -> None:
    opened = scene.choose_draft()
    opened.draft.close()
    scene.home.remove(opened.place)
    del scene.drafts[opened.place.name], scene.promises[opened.place.name]


LIBRARY_STEPS: dict[str, tuple[int, Callable[[LibraryScene], None]]] = {
    "put": (5, LibraryScene.put),
    "commit": (4, _commit),
    "set an alias": (3, _set_alias),
    "remove an alias": (1, _remove_alias),
    "delete a version": (3, _delete_version),
    "undelete a version": (1, _undelete_version),
    "delete an artifact": (1, _delete_artifact),
    "run": (1, _run),
    "gc": (2, _collect),
    "rebuild": (1, _rebuild),
    "repair a pack": (1, _repair_pack),
    "repair the index": (1, _repair_index),
    "repair the counter": (1, _repair_counter),
    "reopen": (1, _reopen),
    "stage": (2, LibraryScene.stage),
    "write": (6, _write),
    "write and sync": (4, _write_synced),
    "unlink": (1, _unlink),
    "store a draft": (1, _store_draft),
    "commit a draft": (3, _commit_draft),
    "checkpoint": (1, _checkpoint),
    "discard": (1, _discard),
}
"""By name: how often a step is in the deck that a history is dealt from, and what it does."""

REPAIR_STEPS: dict[str, tuple[int, Callable[[LibraryScene], None]]] = {
    name: (count, LIBRARY_STEPS[name][1])
    for name, count in {
        "put": 2,
        "stage": 1,
        "write": 2,
        "write and sync": 3,
        "commit a draft": 1,
        "repair a pack": 3,
        "repair the index": 2,
        "repair the counter": 2,
    }.items()
}
"""The same, with little between repairs."""
