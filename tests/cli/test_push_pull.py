"""`push`, `pull` and `clone`: what goes from one store to another, what does not, and what they print and refuse."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.data.trees import snapshot


@pytest.fixture
def there(stored: Commands, tmp_path: Path) -> Path:
    """Another store, with nothing in it."""
    path = tmp_path / "there"
    stored.done("init", path)
    return path


def test_a_version_is_pushed_with_its_contents_and_a_push_again_sends_nothing(
    stored: Commands, there: Path, images: Path, tmp_path: Path
) -> None:
    pushed = stored.done("push", "animals", there)
    assert pushed.lines[0] == "animals:v0"
    assert re.fullmatch(r"read [0-9.]+ \w+, stored [0-9.]+ \w+", pushed.lines[-1])
    stored.done(f"--store={there}", "get", "animals", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(images)
    again = stored.done("push", "animals", there)
    assert again.lines == ["animals:v0 is there already", "nothing is new: all of it is there already"]
    document = stored.done("push", "animals", there, "--json").json
    assert (document["size"], document["written"], document["changed"]) == (0, 0, False)


def test_only_what_the_other_store_lacks_is_read(stored: Commands, there: Path, images: Path) -> None:
    stored.done("push", "animals", there)
    (images / "new").write_bytes(b"new" * 100)
    stored.done("put", images, "-n", "animals")
    source = Path(stored.done("info", "--json").json["store"])
    whole = stored.done("export", "animals", "whole.artfs", "--json").json["size"]
    pushed = stored.done("push", "animals", there, "--json").json
    assert 0 < pushed["size"] < whole / 2
    shutil.rmtree(source / "packs")  # a store that gives nothing any more
    assert stored.done("push", "animals", there).lines[0] == "animals:v1 is there already"


def test_a_pushed_version_has_the_number_that_is_free_there_and_tells_its_origin(
    stored: Commands, there: Path, tmp_path: Path
) -> None:
    (tmp_path / "own").write_bytes(b"own")
    stored.done(f"--store={there}", "put", tmp_path / "own", "-n", "animals")
    assert stored.done("push", "animals", there).lines[0] == "animals:v1 (here animals:v0)"
    assert stored.done(f"--store={there}", "show", "animals", "--json").json["origin"]["ref"] == "animals:v0"


def test_an_alias_moves_there_only_when_it_is_named(stored: Commands, there: Path, images: Path) -> None:
    other = f"--store={there}"
    stored.done("push", "animals", there)
    assert stored.done(other, "alias", "ls", "animals", "--json").json == [{"alias": "latest", "version": "v0"}]
    assert "animals:best is set" in stored.done("push", "animals", there, "--aliases").lines
    (images / "new").write_bytes(b"new")
    stored.done("put", images, "-n", "animals", "-a", "best")
    stays = "animals:best names another version there and stays: --alias moves it"
    assert stays in stored.done("push", "animals", there, "--aliases").lines
    assert "animals:best is set" in stored.done("push", "animals", there, "--alias", "best").lines
    refused = stored("push", "animals:v0-v1", there, "--alias", "best").failed(2)
    assert "an alias names one version" in refused


def test_an_artifact_gets_another_name_there_with_its_runs_and_lineage(
    stored: Commands, there: Path, tmp_path: Path
) -> None:
    other = f"--store={there}"
    stored("run", "--", "artfs", "get", "animals", tmp_path / "used")
    stored.done("push", "animals", there, "--as", "beasts", "--aliases")
    assert [row["name"] for row in stored.done(other, "ls", "--json").json] == ["beasts"]
    assert stored.done(other, "show", "beasts:best", "--json").json["origin"]["ref"] == "animals:v0"
    used = stored.done(other, "runs", "--used", "beasts", "--json").json
    assert [run["id"] for run in used] == [run["id"] for run in stored.done("runs", "--json").json]


def test_versions_are_pulled_into_a_store_that_is_made_for_them(stored: Commands, tmp_path: Path, images: Path) -> None:
    source = stored.done("info", "--json").json["store"]
    mine = f"--store={tmp_path / 'mine'}"
    pulled = stored.done(mine, "pull", source, "animals:best", "--aliases")
    assert pulled.made_store
    assert pulled.lines[:2] == ["animals:v0", "animals:best is set"]
    stored.done(mine, "get", "animals:best", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(images)
    stored.done(mine, "fsck", "--read-data")


def test_a_dry_run_says_what_a_push_would_do_and_does_nothing(stored: Commands, there: Path) -> None:
    assert stored.done("push", "animals", there, "--dry-run").lines == [
        "animals:v0",
        "nothing was changed (--dry-run)",
    ]
    assert stored.done(f"--store={there}", "ls", "--json").json == []


def test_a_clone_has_all_versions_numbers_aliases_and_runs_and_is_made_once(
    stored: Commands, images: Path, tmp_path: Path
) -> None:
    source = stored.done("info", "--json").json["store"]
    (images / "new").write_bytes(b"new")
    stored.done("put", images, "-n", "animals")
    stored("run", "--", "true")  # a run that neither used nor logged anything
    stored.done("clone", source, tmp_path / "clone")
    of_clone = f"--store={tmp_path / 'clone'}"
    for command in (("ls",), ("log", "animals"), ("alias", "ls", "animals"), ("runs",)):
        here, cloned = stored.done(*command, "--json").json, stored.done(of_clone, *command, "--json").json
        assert [_known(one) for one in cloned] == [_known(one) for one in here], command
    stored.done(of_clone, "fsck", "--read-data")
    refused = stored("clone", source, tmp_path / "clone").failed(4)
    assert "is a store that has versions or runs" in refused


def _known(one: dict[str, object]) -> dict[str, object]:
    """What a clone shares with its source: all but where it came from and what its packs take."""
    return {
        key: value for key, value in one.items() if key in ("name", "ref", "alias", "version", "id", "state", "digest")
    }


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("push", "animals", "nosuch"), 6, "there is no store at"),
        (("push", "animals"), 2, "give a version and a store"),
        (("push", "nosuch", "there"), 3, "artifact nosuch does not exist"),
        (("pull", "there", "animals"), 3, "artifact animals does not exist"),
        (("push", "animals", "there", "--aliases", "--alias", "best"), 2, "give --alias, which moves what it names"),
    ],
)
def test_what_cannot_be_copied_is_refused_by_one_line(
    stored: Commands, there: Path, arguments: tuple[str, ...], code: int, line: str
) -> None:
    refused = stored(*(str(there) if each == "there" else each for each in arguments)).failed(code)
    assert line in refused
    assert "\n" not in refused.strip()


def test_a_store_is_not_copied_into_itself(stored: Commands) -> None:
    source = stored.done("info", "--json").json["store"]
    for command in (("push", "animals", source), ("pull", source, "animals"), ("clone", source, source)):
        assert "is your store itself" in stored(*command).failed(2)
