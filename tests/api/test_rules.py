"""The rules of names and values: what each allows is kept as it was given, anything else is one `InvalidInputError`."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import artfs
from artfs.catalog import current_actor
from artfs.errors import ArtifactNotLoggedError, InvalidInputError, NotFoundError, TypeMismatchError, VersionInUseError
from artfs.names import parse_ref


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "store"
    yield place
    artfs.Api(place).artifacts("kept", order="+")[0].store.close()


@pytest.fixture
def run(store: Path) -> artfs.Run:
    run = artfs.init(store=store)
    run.log_artifact(unlogged(run, "kept"))
    return run


def unlogged(run: artfs.Run, name: str = "animals", type_: str = "dataset", text: str = "x") -> artfs.Artifact:
    artifact = artfs.Artifact(name, type_, store=run.store_path)
    with artifact.new_file("a") as file:
        file.write(text)
    return artifact


def refused(action: Callable[[], object]) -> str:
    """Check that an action is refused as a wrong value in one line, which is given."""
    with pytest.raises(InvalidInputError) as caught:
        action()
    assert type(caught.value) is InvalidInputError
    assert isinstance(caught.value, ValueError)
    assert str(caught.value)
    assert str(caught.value).isprintable()
    return str(caught.value)


WORDS = ["a", "A.b_c-9", "_", ".hidden", "x" * 128, "0"]
NO_NAMES = [
    "",
    ".",
    "..",
    "-a",
    "a b",
    "/",
    "a/",
    "a//b",
    "a/b/c/d",
    "a:b",
    "a\n",
    "\na",
    "ä",
    "x" * 129,
    "a\0",
    "\ud800",
]
NO_WORDS = [*NO_NAMES, "a/b", "/a", "a/b/c"]  # an artifact's name may have a project and an entity before it


@pytest.mark.parametrize("name", WORDS)
def test_artifact_name_that_is_allowed(run: artfs.Run, name: str) -> None:
    assert run.log_artifact(unlogged(run, name)).name == f"{name}:v0"
    assert run.use_artifact(name).base_name == name


@pytest.mark.parametrize("name", NO_NAMES)
def test_artifact_name_that_is_refused(run: artfs.Run, name: str) -> None:
    refused(lambda: unlogged(run, name))
    refused(lambda: artfs.Api(run.store_path).artifacts(name))


@pytest.mark.parametrize("type_", WORDS)
def test_type_that_is_allowed(run: artfs.Run, type_: str) -> None:
    assert run.log_artifact(unlogged(run, "typed", type_)).type == type_


@pytest.mark.parametrize("type_", NO_WORDS)
def test_type_that_is_refused(run: artfs.Run, type_: str) -> None:
    refused(lambda: unlogged(run, "typed", type_))


def test_type_is_dataset_unless_given_and_an_artifact_keeps_it(run: artfs.Run) -> None:
    assert run.log_artifact(unlogged(run)).type == artfs.Artifact("other").type == "dataset"
    with pytest.raises(TypeMismatchError) as caught:
        run.log_artifact(unlogged(run, type_="model"))
    assert type(caught.value) is TypeMismatchError
    artfs.Api(run.store_path).artifact("animals").delete()
    assert run.log_artifact(unlogged(run)).version == "v1"


@pytest.mark.parametrize("alias", ["best", "größte", "the best", "v", "v1.0", "V1", "x" * 255, "-", "a.b", "v1a"])
def test_alias_that_is_allowed(run: artfs.Run, alias: str) -> None:
    assert set(run.log_artifact(unlogged(run), aliases=[alias]).aliases) == {alias, "latest"}
    assert run.use_artifact(f"animals:{alias}").version == "v0"


@pytest.mark.parametrize(
    "alias", ["", ".", "..", "a/b", "a:b", "v0", "v12", "v007", "x\n", "\t", "\0", "x" * 256, "ü" * 128, "\ud800"]
)
def test_alias_that_is_refused(run: artfs.Run, alias: str) -> None:
    refused(lambda: run.log_artifact(unlogged(run), aliases=[alias]))
    kept = artfs.Api(run.store_path).artifact("kept")
    kept.aliases.append(alias)
    refused(kept.save)
    assert not artfs.Api(run.store_path).artifact_exists("animals")


def test_alias_latest_is_moved_by_the_store_alone(run: artfs.Run) -> None:
    first = run.log_artifact(unlogged(run), aliases=["latest"])
    second = run.log_artifact(unlogged(run, text="y"))
    first.aliases = ["latest", "old"]
    first.save()
    second.aliases = []
    second.save()
    assert (first.aliases, second.aliases) == (["old"], ["latest"])
    refused(lambda: first.store.catalog.set_alias(parse_ref("animals:v0"), "latest", current_actor()))


@pytest.mark.parametrize("version", ["v00", "v01", "v-1", "v" + "9" * 19])
def test_version_that_is_refused(run: artfs.Run, version: str) -> None:
    with pytest.raises((InvalidInputError, NotFoundError)) as caught:
        run.use_artifact(f"kept:{version}")
    assert type(caught.value) is (NotFoundError if version == "v-1" else InvalidInputError)


def test_version_is_never_used_twice_also_after_the_whole_artifact_was_deleted(run: artfs.Run) -> None:
    assert [run.log_artifact(unlogged(run)).version for _ in range(3)] == ["v0", "v1", "v2"]
    store = artfs.Api(run.store_path).artifact("animals").store
    for version in ("v2", "v0", "v1"):
        artfs.Api(run.store_path).artifact(f"animals:{version}").delete()
    assert run.log_artifact(unlogged(run)).version == "v3"
    store.catalog.delete_artifact("animals", current_actor())
    assert run.log_artifact(unlogged(run)).version == "v4"


@pytest.mark.parametrize("tag", ["clean", "two words", "größe-1_a", "-", "0"])
def test_tag_that_is_allowed(run: artfs.Run, tag: str) -> None:
    assert run.log_artifact(unlogged(run), tags=[tag]).tags == [tag]
    assert len(artfs.Api(run.store_path).artifacts("animals", tags=[tag])) == 1


@pytest.mark.parametrize("tag", ["", " ", "a  b", " a", "a ", "a.b", "a/b", "a\n", "a\tb", "\0"])
def test_tag_that_is_refused(run: artfs.Run, tag: str) -> None:
    refused(lambda: run.log_artifact(unlogged(run), tags=[tag]))
    refused(lambda: artfs.Api(run.store_path).artifacts("kept", tags=tag))
    kept = artfs.Api(run.store_path).artifact("kept")
    kept.tags.append(tag)
    refused(kept.save)


def test_metadata_that_is_allowed_is_a_deep_copy_with_nan_as_null(run: artfs.Run) -> None:
    inner = {"list": [1, 2.5, "ü", None, True], "nan": math.nan}
    given = {"inner": inner, **{f"k{number}": number for number in range(99)}}
    artifact = artfs.Artifact("animals", metadata=given, store=run.store_path)
    inner["list"] = "changed"
    run.log_artifact(artifact)
    found = run.use_artifact("animals").metadata
    assert found["inner"] == {"list": [1, 2.5, "ü", None, True], "nan": None}
    assert len(found) == 100


def test_metadata_takes_scalars_and_arrays_of_numpy(run: artfs.Run) -> None:
    program = (
        "import sys, artfs, numpy as np; artifact = artfs.Artifact('animals', store=sys.argv[1]);"
        "artifact.metadata = {'loss': np.float32(0.5), 'n': np.int64(3), 'm': np.array([[1, 2], [3, 4]])};"
        "artifact.save();"
        "artifact.metadata['more'] = np.array([np.nan, 1.0]); artifact.metadata['ok'] = np.bool_(True); artifact.save()"
    )
    subprocess.run([sys.executable, "-c", program, run.store_path], check=True, timeout=60)
    found = run.use_artifact("animals").metadata
    assert found == {"loss": 0.5, "n": 3, "m": [[1, 2], [3, 4]], "ok": True, "more": [None, 1.0]}


@pytest.mark.parametrize(
    "metadata",
    [{f"k{number}": 1 for number in range(101)}, {"x": 1 << 10_000}, {"x": [{"y": "\ud800"}]}, {1: 1, "1": 2}],
    ids=["101 keys", "too large", "no Unicode inside", "one key twice"],
)
def test_metadata_of_a_wrong_value_is_refused(run: artfs.Run, metadata: dict[str, object]) -> None:
    refused(lambda: artfs.Artifact("animals", metadata=metadata))
    kept = artfs.Api(run.store_path).artifact("kept")
    if len(metadata) != 2:
        refused(lambda: kept.metadata.update(metadata))
    refused(lambda: setattr(kept, "metadata", metadata))
    assert artfs.Api(run.store_path).artifact("kept").metadata == {}


@pytest.mark.parametrize(
    "metadata", [[1], "text", 1, {"x": object()}, {"x": {1j}}, {b"x": 2}, {"x": {(): 1}}, {"x": b"y"}]
)
def test_metadata_of_a_wrong_type_is_a_type_error(run: artfs.Run, metadata: object) -> None:
    with pytest.raises(TypeError) as caught:
        artfs.Artifact("animals", metadata=metadata)  # type: ignore[arg-type] # that is what the test is about
    assert type(caught.value) is TypeError
    kept = artfs.Api(run.store_path).artifact("kept")
    with pytest.raises(TypeError, match=r"^metadata\['x'\] is a object, which JSON cannot express$"):
        kept.metadata["x"] = object()
    kept.save()


PATHS = ["a", "a/b/c", ".artfsignore", "a/.artfs", "ä b\n", "x" * 255, "/".join(["y" * 255] * 16), "-", "~", "a\\b"]
NO_PATHS = [
    *("", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/..", "../a", "./a", ".artfs", ".artfs/x", "a\0"),
    *("x" * 256, "ü" * 128, "/".join(["y" * 255] * 16) + "/z", "\ud800"),
]


@pytest.mark.parametrize("path", PATHS)
def test_entry_path_that_is_allowed(run: artfs.Run, path: str) -> None:
    artifact = artfs.Artifact("animals", store=run.store_path)
    with artifact.new_file(path) as file:
        file.write("x")
    run.log_artifact(artifact)
    assert list(artifact.manifest.entries) == [path]
    assert artifact.open(path).read() == b"x"


@pytest.mark.parametrize("path", NO_PATHS)
def test_entry_path_that_is_refused(run: artfs.Run, tmp_path: Path, path: str) -> None:
    source = tmp_path / "in" / "a"
    source.parent.mkdir()
    source.write_text("a")
    artifact = artfs.Artifact("animals", store=run.store_path)
    for add in (
        lambda: artifact.add_file(source, name=path),
        lambda: artifact.add_reference(source.as_uri(), name=path),
        lambda: artifact.new_file(path).__enter__(),
    ):
        refused(add)
    if path in {"a/", "./a"}:  # what is looked for may be written as scripts write it
        with pytest.raises(FileNotFoundError):
            artifact.remove(path)
    else:
        refused(lambda: artifact.remove(path))
    if path not in {"", ".", "a/", "./a"}:  # the top, where a directory's contents may go, and what scripts write
        refused(lambda: artifact.add_dir(source.parent, name=path))
    assert len(artifact.manifest.entries) == 0


def test_delete_of_a_version_with_aliases_is_refused_without_delete_aliases(run: artfs.Run) -> None:
    artifact = run.log_artifact(unlogged(run), aliases=["best"])
    with pytest.raises(VersionInUseError) as caught:
        artifact.delete()
    assert type(caught.value) is VersionInUseError
    assert "best" in str(caught.value)
    assert artfs.Api(run.store_path).artifact_exists("animals:best")
    artifact.delete(delete_aliases=True)
    assert artifact.state == "DELETED"
    assert not artfs.Api(run.store_path).artifact_exists("animals:best")


def test_delete_of_latest_lets_it_fall_back_to_the_newest_left(run: artfs.Run) -> None:
    logged = [run.log_artifact(unlogged(run)) for _ in range(3)]
    logged[1].delete()
    logged[2].delete()
    assert run.use_artifact("animals").version == "v0"
    logged[0].delete()
    assert not artfs.Api(run.store_path).artifact_exists("animals")


@pytest.mark.parametrize("ttl", [timedelta(microseconds=1), timedelta(days=30), timedelta(days=36_500), None])
def test_ttl_that_is_allowed(run: artfs.Run, ttl: timedelta | None) -> None:
    artifact = unlogged(run)
    artifact.ttl = ttl
    assert run.log_artifact(artifact).ttl == ttl
    assert run.use_artifact("animals").ttl == ttl
    edited = artfs.Api(run.store_path).artifact("kept")
    edited.ttl = ttl
    edited.save()
    assert artfs.Api(run.store_path).artifact("kept").ttl == ttl


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1), timedelta.max])
def test_ttl_that_is_refused(run: artfs.Run, ttl: timedelta) -> None:
    artifact = unlogged(run)
    refused(lambda: setattr(artifact, "ttl", ttl))
    with pytest.raises(ArtifactNotLoggedError, match="no ttl"):
        _ = artifact.ttl
