"""Each documented error is raised by what it is documented for, as that class exactly, in one line."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import artfs
from artfs import errors


class Case:
    """A store with `animals:v0`, which bears `best`, and a run.

    Attributes:
        top: An empty directory.
    """

    def __init__(self, top: Path, patch: pytest.MonkeyPatch) -> None:
        self.top, self.patch = top, patch
        self.place = top / "store"
        self.run = artfs.init(store=self.place)
        self.animals = self.run.log_artifact(self.unlogged(), aliases=["best"])
        self.file = top / "file"
        self.file.write_text("contents")

    def unlogged(self, name: str = "animals", type_: str = "dataset") -> artfs.Artifact:
        artifact = artfs.Artifact(name, type_, store=self.place)
        with artifact.new_file("a.txt") as file:
            file.write("a" * 1000)
        return artifact

    def referring(self) -> artfs.Artifact:
        artifact = artfs.Artifact("referring", store=self.place)
        artifact.add_reference(self.file.as_uri())
        artifact.save()
        return artifact

    def close(self) -> None:
        self.animals.store.close()


def _changed(case: Case) -> object:
    read = os.read

    def then_changed(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        case.file.write_text("changed")
        return data

    with case.patch.context() as patch:
        patch.setattr(os, "read", then_changed)
        return case.unlogged().add_file(case.file)


def _gone(case: Case) -> object:
    artifact = case.referring()
    case.file.unlink()
    return artifact.download(case.top / "out")


def _other_contents(case: Case) -> object:
    artifact = case.referring()
    case.file.write_text("CONTENTS")
    return artifact.open("file").read()


def _unreadable(case: Case) -> object:
    artifact = artfs.Artifact("tape", store=case.place)
    artifact.add_reference("tape://shelf/7", name="x")
    artifact.save()
    return artifact.open("x").read()


def _in_circles(case: Case) -> object:
    (case.top / "circle").symlink_to("circle")
    return case.unlogged().add_file(case.top / "circle")


def _socket(case: Case) -> object:
    (case.top / "in").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(case.top / "in" / "s"))
        return case.unlogged().add_dir(case.top / "in")


def _newer_format(case: Case) -> object:
    case.close()
    path = case.place / "format.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps({**described, "version": 999}))
    return artfs.Api(case.place)


def _unsynced_journal(case: Case) -> None:
    (segment,) = case.place.glob("journal/*.journal")
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == segment.stat().st_ino:
            raise OSError(errno.EIO, "injected")
        fsync(descriptor)

    with case.patch.context() as patch:
        patch.setattr(os, "fsync", failing)
        case.animals.description = "edited"
        case.animals.save()


def _after_a_failure(case: Case) -> object:
    with pytest.raises(errors.OutcomeUnknownError):
        _unsynced_journal(case)
    return case.animals.delete(delete_aliases=True)


def _damaged(case: Case) -> object:
    for pack in case.place.glob("packs/*/*.pack"):
        data = bytearray(pack.read_bytes())
        for at in range(64, len(data) - 64):
            data[at] ^= 0xFF
        pack.chmod(0o600)
        pack.write_bytes(data)
    case.close()
    return artfs.Api(case.place).artifact("animals").open("a.txt").read()


def _full(case: Case) -> None:
    def failing(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "injected")

    artifact = case.unlogged()
    with case.patch.context() as patch:
        patch.setattr(os, "fsync", failing)
        artifact.save()


def _two_with_one_path(case: Case) -> object:
    for text in ("one", "two"):
        part = artfs.Artifact("parts", store=case.place)
        with part.new_file("same") as file:
            file.write(text)
        case.run.upsert_artifact(part, distributed_id="together")
    return case.run.finish_artifact(artfs.Artifact("parts", store=case.place), distributed_id="together")


def _two_drafts(case: Case, *, merge: bool) -> None:
    drafts = case.animals.new_draft(), case.animals.new_draft()
    for number, draft in enumerate(drafts):
        with draft.new_file("a.txt", mode="w") as file:
            file.write(f"changed in {number}")
    drafts[0].save()
    drafts[1].save(merge=merge)


CASES: dict[type[errors.ArtfsError], Callable[[Case], object]] = {
    errors.InvalidInputError: lambda case: case.unlogged("no name"),
    errors.NotFoundError: lambda case: case.run.use_artifact("animals:v7"),
    errors.ConflictError: _two_with_one_path,
    errors.TypeMismatchError: lambda case: case.run.log_artifact(case.unlogged(type_="model")),
    errors.NewerVersionError: lambda case: _two_drafts(case, merge=False),
    errors.MergeConflictError: lambda case: _two_drafts(case, merge=True),
    errors.VersionInUseError: lambda case: case.animals.delete(),
    errors.SourceError: _in_circles,
    errors.SourceChangedError: _changed,
    errors.UnsupportedFileError: _socket,
    errors.ReferenceGoneError: _gone,
    errors.ReferenceChangedError: _other_contents,
    errors.ReferenceUnreadableError: _unreadable,
    errors.StoreError: lambda case: artfs.init(store=case.file),
    errors.StoreNotFoundError: lambda case: artfs.Api(case.top / "none"),
    errors.StoreFormatError: _newer_format,
    errors.OutcomeUnknownError: _unsynced_journal,
    errors.ReadOnlyStoreError: _after_a_failure,
    errors.IntegrityError: _damaged,
    errors.StorageError: _full,
    errors.UnsafeTargetError: lambda case: case.animals.checkout(case.top),
    errors.ArtifactNotLoggedError: lambda case: case.unlogged().version,
    errors.ArtifactFinalizedError: lambda case: case.animals.remove("a.txt"),
}
# Two that stand for groups, and what only the command line raises.
NOT_RAISED = {
    errors.ArtfsError,
    errors.ArtifactStateError,
    errors.BundleDamagedError,
    errors.BundleFormatError,
    errors.MountError,
    errors.StoreRefusedError,  # of stores at a URL, which no store can be at yet: tests/remotes
    errors.StoreUnreachableError,
    errors.UnsafeRemoteError,
}
PLAIN: dict[str, tuple[type[Exception], Callable[[Case], object]]] = {
    "remove of a missing path": (FileNotFoundError, lambda case: case.unlogged().remove("none")),
    "get_entry of a missing path": (KeyError, lambda case: case.animals.get_entry("none")),
    "open of a missing path": (KeyError, lambda case: case.animals.open("none")),
    "manifest of a missing path": (KeyError, lambda case: case.unlogged().manifest.entries["none"]),
    "files of a missing path": (KeyError, lambda case: list(case.animals.files(["none"]))),
    "upsert without distributed_id": (TypeError, lambda case: case.run.upsert_artifact(case.unlogged())),
    "finish without distributed_id": (TypeError, lambda case: case.run.finish_artifact(case.unlogged())),
    "metadata of a wrong type": (TypeError, lambda case: setattr(case.unlogged(), "metadata", {"x": object()})),
    "ttl of a wrong type": (TypeError, lambda case: setattr(case.unlogged(), "ttl", 5)),
    "tag of a wrong type": (TypeError, lambda case: setattr(case.unlogged(), "tags", [5])),
    "description of a wrong type": (TypeError, lambda case: setattr(case.unlogged(), "description", 5)),
    "add_file of a directory": (errors.InvalidInputError, lambda case: case.unlogged().add_file(case.top)),
    "add_file of a missing file": (errors.InvalidInputError, lambda case: case.unlogged().add_file(case.top / "none")),
    "add_dir of a file": (errors.InvalidInputError, lambda case: case.unlogged().add_dir(case.file)),
    "the same path with other contents": (
        errors.InvalidInputError,
        lambda case: case.unlogged().add_file(case.file, name="a.txt"),
    ),
    "a reference without a scheme": (
        errors.InvalidInputError,
        lambda case: case.unlogged().add_reference("data/images"),
    ),
    "an unknown scheme without name": (
        errors.InvalidInputError,
        lambda case: case.unlogged().add_reference("tape://7"),
    ),
    "too many objects": (
        errors.InvalidInputError,
        lambda case: case.unlogged().add_reference(case.place.as_uri(), max_objects=1),
    ),
    "a missing artifact": (errors.NotFoundError, lambda case: artfs.Api(case.place).artifact("none")),
    "a missing run": (errors.NotFoundError, lambda case: artfs.Api(case.place).run("00000000")),
    "an artifact of another type": (
        errors.NotFoundError,
        lambda case: artfs.Api(case.place).artifact("animals", "model"),
    ),
    "verify of other contents": (errors.InvalidInputError, lambda case: case.animals.verify(case.file.parent)),
}


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.chdir(tmp_path)
    return Case(tmp_path, monkeypatch)


@pytest.mark.parametrize("error", CASES, ids=lambda error: error.__name__)
def test_each_documented_error_is_raised_as_itself(case: Case, error: type[errors.ArtfsError]) -> None:
    with pytest.raises(errors.ArtfsError) as caught:
        CASES[error](case)
    assert type(caught.value) is error
    assert str(caught.value).isprintable()


def test_every_error_class_has_its_case() -> None:
    documented = {getattr(errors, name) for name in errors.__all__}
    assert documented == CASES.keys() | NOT_RAISED


@pytest.mark.parametrize(("error", "action"), PLAIN.values(), ids=PLAIN)
def test_what_w_and_b_raises_is_raised_here_too(
    case: Case, error: type[Exception], action: Callable[[Case], object]
) -> None:
    with pytest.raises(error) as caught:
        action(case)
    assert type(caught.value) is error


def test_classes_are_those_that_callers_of_python_expect_too() -> None:
    assert issubclass(errors.InvalidInputError, ValueError)
    assert issubclass(errors.ArtifactNotLoggedError, AttributeError)
    assert issubclass(errors.ArtifactFinalizedError, AttributeError)
    assert issubclass(errors.ReferenceGoneError, FileNotFoundError)
    assert not issubclass(errors.NotFoundError, ValueError)


def test_a_failure_to_store_says_the_systems_number_and_a_retry_succeeds(case: Case) -> None:
    with pytest.raises(errors.StorageError) as caught:
        _full(case)
    assert caught.value.errno == errno.ENOSPC
    case.unlogged().save()
    assert artfs.Api(case.place).artifact("animals").version == "v1"
