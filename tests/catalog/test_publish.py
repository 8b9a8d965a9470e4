"""A version that was logged is there whatever happens next; one that was not is wholly there or wholly absent."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from artfs.catalog import Catalog, IndexEnvironment, LocalJournal, View
from artfs.catalog.publish import FaultPoint
from artfs.errors import IntegrityError, OutcomeUnknownError, ReadOnlyStoreError, StorageError
from artfs.format.operations import (
    AliasRemoved,
    AliasSet,
    ArtifactCreated,
    ArtifactDeleted,
    ArtifactEdited,
    ArtifactRenamed,
    ArtifactUndeleted,
    Op,
    VersionCreated,
    VersionDeleted,
    VersionEdited,
    VersionFields,
    VersionUndeleted,
)
from tests.support.data.catalogs import STORE_ID, WHO, CatalogPlace, check, log, ref, rows_of, tree
from tests.support.mounts.mounts import apart

ROOT = Path(__file__).parents[2]


def child(*arguments: str, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*under, sys.executable, "-m", "tests.support.programs.catalog_child", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def names_of(catalog: Catalog) -> list[tuple[str, int]]:
    with catalog.view() as view:
        return [
            (artifact.name, version.index)
            for artifact in view.artifacts()
            for version in view.versions(artifact.serial)
        ]


@pytest.mark.parametrize(
    ("point", "is_there"),
    [(FaultPoint.APPLIED, False), (FaultPoint.WRITTEN, True), (FaultPoint.SYNCED, True), (FaultPoint.COMMITTED, True)],
)
def test_a_killed_publisher_leaves_its_version_whole_or_not_at_all(
    place: CatalogPlace, point: FaultPoint, is_there: bool
) -> None:
    with place.open() as catalog:
        log(catalog, contents="before")
    process = child("kill", str(place.root), point.name)
    out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err
    assert json.loads(out) == f"at {point.name}"
    with place.open() as catalog:
        assert names_of(catalog) == [("animals", n) for n in range(1 + is_there)]
        with catalog.view() as view:
            latest = view.resolve(ref("animals"))
            assert latest.tree == tree("of the killed" if is_there else "before")
            assert latest.index == int(is_there)
        assert check(catalog) == []
        assert log(catalog).version.index == 1 + is_there
        assert rows_of(catalog.environment) == place.rebuilt_rows()


def test_a_publisher_killed_before_any_of_its_writing_calls_harms_nothing(tmp_path: Path) -> None:
    killed = 0
    said: list[int] = []
    for number in range(1, 100):
        place = CatalogPlace.make(tmp_path / str(number))
        process = child("die", str(place.root), str(number))
        out, err = process.communicate(timeout=60)
        said = [json.loads(line) for line in out.splitlines()]
        with place.open() as catalog:
            present = [index for _name, index in names_of(catalog)]
            assert present[: len(said)] == said, "a version that was named is gone"
            assert len(present) <= len(said) + 1
            assert check(catalog) == []
            assert log(catalog).version.index == len(present)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        killed += 1
    assert said == [0, 1, 2]
    assert killed >= 15


def test_what_a_killed_publisher_left_is_applied_by_the_next_one_too(place: CatalogPlace) -> None:
    with place.open() as catalog:
        process = child("kill", str(place.root), FaultPoint.SYNCED.name)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        assert names_of(catalog) == []
        assert log(catalog).version.index == 1
        assert names_of(catalog) == [("animals", 0), ("animals", 1)]


def test_what_was_left_in_the_journal_is_written_again_and_synced_before_it_is_applied(
    place: CatalogPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer may have died before the fsync; and after a failed fsync the kernel holds its pages for clean."""
    child("kill", str(place.root), FaultPoint.WRITTEN.name).communicate(timeout=60)
    (segment,) = place.segments
    calls: list[str] = []
    pwrite, fsync = os.pwrite, os.fsync

    def written(descriptor: int, data: memoryview, offset: int) -> int:
        assert bytes(data) == segment.read_bytes()[offset:]
        calls.append(f"write {os.readlink(f'/proc/self/fd/{descriptor}')}")
        return pwrite(descriptor, data, offset)

    def synced(descriptor: int) -> None:
        with environment.read() as txn:
            assert View(txn).state().seq == 0, "applied before it was synced"
        calls.append(f"sync {os.readlink(f'/proc/self/fd/{descriptor}')}")
        fsync(descriptor)

    environment = IndexEnvironment.open(place.index)
    monkeypatch.setattr(os, "pwrite", written)
    monkeypatch.setattr(os, "fsync", synced)
    with Catalog.open(environment, LocalJournal(place.journal), STORE_ID) as catalog:
        assert names_of(catalog) == [("animals", 0)]
    assert calls == [f"write {segment}", f"sync {segment}", f"sync {place.journal}"]


def test_a_failed_commit_is_no_failed_publication(place: CatalogPlace) -> None:
    process = child("limit", str(place.root))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    said = json.loads(out)
    assert said["fired"] == 1
    assert said["index"] == 0
    assert "committing to the index" in said["poisoned"]
    assert not said["seen"]
    assert said["refused"] == "ReadOnlyStoreError"
    with place.open() as catalog:
        assert names_of(catalog) == [("animals", 0)]
        assert check(catalog) == []


def test_a_failed_fsync_of_the_journal_is_reported_as_unknown_and_ends_all_writing(place: CatalogPlace) -> None:
    fired = []

    def fault_hook(point: FaultPoint) -> None:
        if point is FaultPoint.WRITTEN:
            fired.append(point)
            raise OSError(errno.EIO, "fsync")

    with place.open(fault_hook) as catalog:
        with pytest.raises(OutcomeUnknownError, match="look before you repeat it"):
            log(catalog)
        assert fired
        assert catalog.environment.poisoned
        with pytest.raises(ReadOnlyStoreError, match="read-only in this process"):
            log(catalog)
        with pytest.raises(ReadOnlyStoreError), catalog.batch():
            pass
        assert names_of(catalog) == []
    with place.open() as catalog:
        assert names_of(catalog) == [("animals", 0)]
        assert check(catalog) == []


def test_a_record_that_could_not_be_written_leaves_nothing_and_a_retry_succeeds(
    place: CatalogPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place.open() as catalog:
        log(catalog)
        (segment,) = place.segments
        size = segment.stat().st_size
        calls = []

        def refuse(descriptor: int, data: bytes, offset: int) -> int:
            calls.append(offset)
            if len(calls) == 1:
                return os.pwritev(descriptor, [data[:20]], offset)
            raise OSError(errno.ENOSPC, "write")

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", refuse)
            with pytest.raises(StorageError, match="free some space") as caught:
                log(catalog)
        assert calls == [size, size + 20]
        assert caught.value.errno == errno.ENOSPC
        assert segment.stat().st_size == size
        assert catalog.environment.poisoned is None
        assert log(catalog).version.index == 1
        assert check(catalog) == []


def test_a_full_disk_is_an_error_that_loses_nothing_and_a_retry_succeeds(tmp_path: Path) -> None:
    namespace = apart()
    mount = 'mount -t tmpfs -o size=24m,mode=700 artfs-test "$0" && exec "$@"'
    process = child("full", str(tmp_path), "24", under=[*namespace, "sh", "-c", mount, str(tmp_path)])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out) == {
        "refused": ["ENOSPC", "ENOSPC", "ReadOnlyStoreError"],
        "retried": [1, 2],
        "findings": [],
    }


def test_a_reader_is_served_when_the_disk_is_too_full_to_catch_up(
    place: CatalogPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place.open() as catalog:
        log(catalog)
    process = child("kill", str(place.root), FaultPoint.SYNCED.name)
    process.communicate(timeout=60)

    def refuse(*_args: object) -> int:
        raise OSError(errno.ENOSPC, "write")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with place.open() as catalog:
            assert isinstance(catalog.behind, StorageError)
            assert catalog.behind.errno == errno.ENOSPC
            assert names_of(catalog) == [("animals", 0)]
    with place.open() as catalog:
        assert catalog.behind is None
        assert names_of(catalog) == [("animals", 0), ("animals", 1)]


FIELDS = VersionFields()
MISFITS: dict[str, Op] = {
    "a serial out of turn": ArtifactCreated(99, "plants", "dataset", 1),
    "a serial given out before": ArtifactCreated(16, "plants", "dataset", 1),
    "a name that is taken": ArtifactCreated(20, "animals", "dataset", 1),
    "an index left out": VersionCreated(20, 16, 3, tree("cat"), 1, FIELDS),
    "an index used before": VersionCreated(20, 16, 1, tree("cat"), 1, FIELDS),
    "a version of nothing": VersionCreated(20, 17, 0, tree("cat"), 1, FIELDS),
    "a version of a deleted artifact": VersionCreated(20, 99, 0, tree("cat"), 1, FIELDS),
    "deleting a version that is not there": VersionDeleted(16, 7),
    "deleting a version twice": VersionDeleted(16, 0),
    "bringing back what is not deleted": VersionUndeleted(16, 1),
    "bringing back an artifact that is not deleted": ArtifactUndeleted(16, "animals"),
    "editing a version that is not there": VersionEdited(16, 7, FIELDS, FIELDS),
    "describing what is not there": ArtifactEdited(17, "", ""),
    "an alias of a deleted version": AliasSet(20, 16, "best", 0, None),
    "an alias with another serial": AliasSet(20, 16, "latest", 1, 1),
    "an alias that was elsewhere": AliasSet(18, 16, "latest", 1, 0),
    "an alias that was not there": AliasSet(20, 16, "best", 1, 1),
    "removing an alias that is elsewhere": AliasRemoved(18, 16, "latest", 0),
    "removing an alias that is not there": AliasRemoved(20, 16, "best", 1),
    "renaming from another's name": ArtifactRenamed(16, "beasts", "plants"),
    "deleting by another's name": ArtifactDeleted(16, "plants"),
}


@pytest.mark.parametrize("op", MISFITS.values(), ids=MISFITS)
def test_an_operation_that_does_not_fit_the_catalog_is_refused_before_anything_is_written(
    place: CatalogPlace, op: Op
) -> None:
    with place.open() as catalog:
        log(catalog)
        log(catalog)
        catalog.delete_version(ref("animals:v0"), WHO)
        before = rows_of(catalog.environment)
        with pytest.raises(IntegrityError, match="journal record 4 does not fit"):
            catalog.publish(lambda _view: [op], WHO)
        assert rows_of(catalog.environment) == before
        assert len(list(catalog.history())) == 3


def test_operations_of_ones_own_making_are_published_together(place: CatalogPlace) -> None:
    with place.open() as catalog:
        log(catalog)
        log(catalog)
        ops: list[Op] = [AliasSet(20, 16, "best", 0, None), AliasSet(21, 16, "good", 1, None)]
        assert catalog.publish(lambda view: ops if view.state().next_serial == 20 else [], WHO) == 3
        assert catalog.publish(lambda _view: [], WHO) == 0
        assert check(catalog) == []


def test_an_interrupt_between_write_and_fsync_loses_nothing(place: CatalogPlace) -> None:
    def fault_hook(point: FaultPoint) -> None:
        if point is FaultPoint.WRITTEN:
            raise KeyboardInterrupt

    with place.open(fault_hook) as catalog, pytest.raises(KeyboardInterrupt):
        log(catalog)
    with place.open() as catalog:
        assert names_of(catalog) == [("animals", 0)]
        assert check(catalog) == []
