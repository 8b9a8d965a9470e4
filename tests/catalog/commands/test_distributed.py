"""Versions that several processes make together: parts are added, and taken when the version is logged."""

from __future__ import annotations

import pytest

from artfs.catalog import Catalog, NewPart, NewRun, PartSet
from artfs.errors import ArtfsError, ConflictError, IntegrityError, InvalidInputError, NotFoundError
from artfs.format.operations import Op, PartAdded, PartsTaken, VersionFields
from tests.support.data.catalogs import WHO, CatalogPlace, log, rows_of, tree

FIELDS = VersionFields("said", b"{}", ("t",))


def add(catalog: Catalog, contents: str, group: str = "epoch 1", name: str = "animals", run: str | None = None) -> None:
    catalog.add_part(NewPart(group, name, tree(contents), FIELDS, ["best"], run), WHO)


def parts(catalog: Catalog, group: str = "epoch 1", name: str = "animals") -> list[int]:
    with catalog.view() as view:
        return [part.tree.size for part in view.parts(name, group)]


def test_parts_are_kept_by_name_and_group_in_order(catalog: Catalog) -> None:
    catalog.start_run(NewRun("0123abcd"), WHO)
    add(catalog, "1", run="0123abcd")
    add(catalog, "333", "epoch 2")
    add(catalog, "22")
    add(catalog, "4444", name="plants")
    assert parts(catalog) == [1, 2]
    assert (parts(catalog, "epoch 2"), parts(catalog, name="plants"), parts(catalog, "none")) == ([3], [4], [])
    with catalog.view() as view:
        part = view.parts("animals", "epoch 1")[0]
    assert (part.fields, part.aliases, part.run) == (FIELDS, ("best",), "0123abcd")


def test_parts_are_gone_once_they_are_a_version(catalog: Catalog) -> None:
    for contents in ("1", "22"):
        add(catalog, contents)
    add(catalog, "333", "epoch 2")
    log(catalog, parts=PartSet("epoch 1", 2))
    assert (parts(catalog), parts(catalog, "epoch 2")) == ([], [3])
    add(catalog, "4444")
    assert parts(catalog) == [4]


def test_a_version_is_not_logged_when_parts_were_added_since_it_was_made(catalog: Catalog) -> None:
    add(catalog, "1")
    add(catalog, "22")
    before = rows_of(catalog.environment)
    for count in (0, 1, 3):
        with pytest.raises(ConflictError, match="meanwhile"):
            log(catalog, parts=PartSet("epoch 1", count))
    assert rows_of(catalog.environment) == before


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (InvalidInputError, ("1", "")),
        (InvalidInputError, ("1", "a\nb")),
        (InvalidInputError, ("1", "x" * 256)),
        (InvalidInputError, ("1", "\ud800")),
        (InvalidInputError, ("1", "epoch 1", "a/b/c")),
        (NotFoundError, ("1", "epoch 1", "animals", "zzzzzzzz")),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    catalog: Catalog, error: type[ArtfsError], arguments: tuple[str, ...]
) -> None:
    before = rows_of(catalog.environment)
    with pytest.raises(error):
        add(catalog, *arguments)
    assert rows_of(catalog.environment) == before


@pytest.mark.parametrize(
    "op", [PartAdded("epoch 1", "animals", 2, tree("x"), FIELDS, 1), PartsTaken("epoch 1", "animals", 3)]
)
def test_an_operation_that_does_not_fit_the_parts_is_refused(place: CatalogPlace, op: Op) -> None:
    with place.open() as catalog:
        add(catalog, "1")
        with pytest.raises(IntegrityError, match="does not fit"):
            catalog.publish(lambda _view: [op], WHO)
