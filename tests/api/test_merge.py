"""Two drafts of one version in Python: whole contents with a warning, or merged."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs
from artfs.catalog import current_actor
from artfs.drafts.gc_roots import collect_store
from artfs.errors import InvalidInputError, MergeConflictError, NewerVersionError
from artfs.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


def _write(artifact: artfs.Artifact, **files: str) -> artfs.Artifact:
    for name, text in files.items():
        with artifact.new_file(name, mode="w") as file:
            file.write(text)
    return artifact


@pytest.fixture
def drafts(store: Store) -> tuple[artfs.Artifact, artfs.Artifact]:
    """Two drafts of one version with three files; the second has logged another version."""
    first = _write(artfs.Artifact("animals", store=store), a="a", b="b", c="c")
    first.save()
    mine, theirs = first.new_draft(), first.new_draft()
    _write(theirs, b="theirs", d="theirs")
    theirs.remove("c")
    theirs.save()
    return mine, theirs


def _files(artifact: artfs.Artifact) -> dict[str, str]:
    found = {}
    for path, entry in artifact.manifest.entries.items():
        with entry.open() as file:
            found[path] = file.read().decode()
    return found


def test_save_with_merge_has_the_changes_of_both(drafts: tuple[artfs.Artifact, artfs.Artifact]) -> None:
    mine, _theirs = drafts
    _write(mine, a="mine", e="mine").save(merge=True)
    assert mine.name == "animals:v2"
    assert _files(mine) == {"a": "mine", "b": "theirs", "d": "theirs", "e": "mine"}


def test_a_draft_that_is_logged_as_it_is_warns_of_what_it_lacks(
    drafts: tuple[artfs.Artifact, artfs.Artifact], store: Store
) -> None:
    mine, _theirs = drafts
    _write(mine, a="mine", d="theirs")
    with artfs.init(store=store) as run, pytest.warns(UserWarning, match="is newer") as caught:
        run.log_artifact(mine)
    assert str(caught[0].message) == (
        "animals:v1 is newer than animals:v0, which this draft was made from; the next version does not have what was"
        " changed there: 'b', 'c'; save(merge=True) keeps it"
    )
    assert caught[0].filename == __file__
    assert _files(mine) == {"a": "mine", "b": "b", "c": "c", "d": "theirs"}


def test_a_draft_that_lacks_nothing_is_logged_without_a_word(drafts: tuple[artfs.Artifact, artfs.Artifact]) -> None:
    mine, _theirs = drafts
    _write(mine, b="theirs", d="theirs", e="mine")
    mine.remove("c")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mine.save()
    assert _files(mine) == {"a": "a", "b": "theirs", "d": "theirs", "e": "mine"}


def test_conflicts_are_all_in_the_error_and_nothing_is_logged(
    drafts: tuple[artfs.Artifact, artfs.Artifact], store: Store
) -> None:
    mine, theirs = drafts
    _write(mine, b="mine", c="mine", d="mine", e="mine")
    with pytest.raises(MergeConflictError, match="3 paths were changed both here and in animals:v1") as caught:
        mine.save(merge=True)
    assert caught.value.conflicts == {
        "b": ("modified", "modified"),
        "c": ("modified", "removed"),
        "d": ("added", "added"),
    }
    assert artfs.Api(store).artifact("animals").name == theirs.name
    with pytest.raises(InvalidInputError, match=r"add merge=True"):
        mine.save(mine=["b"])
    with pytest.raises(InvalidInputError, match=r"in animals:v1 at 'x': leave that out of mine and theirs"):
        mine.save(merge=True, mine=[".", "x"])
    mine.save(merge=True, mine=["b"], theirs=["."])
    assert _files(mine) == {"a": "a", "b": "mine", "d": "theirs", "e": "mine"}


def test_save_with_merge_false_refuses_where_a_newer_version_came(
    drafts: tuple[artfs.Artifact, artfs.Artifact],
) -> None:
    mine, theirs = drafts
    with pytest.raises(NewerVersionError, match=r"animals:v1 is newer than animals:v0"):
        _write(mine, a="mine").save(merge=False)
    assert mine.is_draft()
    again = theirs.new_draft()
    _write(again, f="again").save(merge=False)
    assert again.name == "animals:v2"
    mine.save(merge=True)
    assert _files(mine) == {"a": "mine", "b": "theirs", "d": "theirs", "f": "again"}


def test_what_no_version_was_the_beginning_of_is_not_merged(store: Store) -> None:
    first = _write(artfs.Artifact("animals", store=store), a="a")
    with pytest.raises(InvalidInputError, match="leave merge out"):
        first.save(merge=True)
    first.save()


def test_the_version_that_a_draft_began_at_may_be_removed_meanwhile(
    drafts: tuple[artfs.Artifact, artfs.Artifact], store: Store
) -> None:
    mine, _theirs = drafts
    artfs.Api(store).artifact("animals:v0").delete()
    collect_store(store, current_actor())
    _write(mine, a="mine").save(merge=True)
    assert _files(mine) == {"a": "mine", "b": "theirs", "d": "theirs"}
