"""Names with a project: unique within it, and no name is a project and an artifact at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.catalog import Catalog
from artfs.errors import ConflictError, InvalidInputError, NotFoundError
from artfs.names import parse_artifact_name, parse_path_ref, parse_ref, parse_selection, project_of
from tests.support.data.catalogs import WHO, log, ref

NAMES = ("animals", "zoo/animals", "zoo/plants", "lab/animals")


def resolved(catalog: Catalog, text: str, project: str | None = None) -> str:
    """The version that a reference names, as `NAME:vN`."""
    with catalog.view() as view:
        return str(view.ref(view.resolve(parse_ref(text, project))))


@pytest.fixture
def projects(catalog: Catalog) -> Catalog:
    for name in NAMES:
        log(catalog, name, contents=name)
    return catalog


def test_the_same_name_is_another_artifact_in_each_project(projects: Catalog) -> None:
    assert log(projects, "zoo/animals", contents="more").version.index == 1
    assert resolved(projects, "zoo/animals") == "zoo/animals:v1"
    assert resolved(projects, "lab/animals:latest") == "lab/animals:v0"
    assert resolved(projects, "animals") == "animals:v0"


def test_a_name_without_a_project_means_that_of_the_run_and_an_entity_is_not_looked_at(projects: Catalog) -> None:
    assert resolved(projects, "animals", "zoo") == "zoo/animals:v0"
    assert resolved(projects, "lab/animals:v0", "zoo") == "lab/animals:v0"
    assert resolved(projects, "team/lab/animals:v0", "zoo") == "lab/animals:v0"
    assert resolved(projects, "/animals", "zoo") == "animals:v0"


def test_a_name_that_is_not_in_the_project_is_named_where_it_is(projects: Catalog) -> None:
    with pytest.raises(NotFoundError, match=r"plants does not exist: did you mean zoo/plants\?"):
        resolved(projects, "plants")
    with pytest.raises(NotFoundError, match=r"lab/plants does not exist: did you mean zoo/plants\?"):
        resolved(projects, "plants", "lab")


@pytest.mark.parametrize("name", ["", "/", "a/", "a/b/c", "a//b", "../a", "a/..", "-a/b", "a/b:c"])
def test_names_that_break_the_rule_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_artifact_name(name)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda c: log(c, "zoo"), "zoo is a project, with the artifact zoo/animals in it"),
        (lambda c: log(c, "animals/tom"), "animals is an artifact, and animals/tom would make it a project too"),
        (lambda c: c.rename("animals", "lab", WHO), "lab is a project, with the artifact lab/animals in it"),
        (lambda c: c.rename("lab/animals", "animals/lab", WHO), "animals is an artifact"),
        (lambda c: c.link(ref("zoo/plants"), "lab", WHO), "lab is a project"),
    ],
    ids=["logged", "logged into it", "renamed", "renamed into it", "linked"],
)
def test_no_name_is_a_project_and_an_artifact_and_the_line_names_the_other(
    projects: Catalog, change: Callable[[Catalog], object], line: str
) -> None:
    with pytest.raises(ConflictError, match=line):
        change(projects)


def test_a_name_is_free_when_the_project_of_it_is_empty_and_then_nothing_is_undeleted_into_it(
    projects: Catalog,
) -> None:
    projects.delete_artifact("lab/animals", WHO)
    log(projects, "lab")
    with pytest.raises(ConflictError, match="lab is an artifact"):
        projects.undelete_versions("lab/animals", WHO)


def test_an_artifact_is_renamed_into_a_project_of_its_own_name_and_back(projects: Catalog) -> None:
    projects.rename("animals", "animals/all", WHO)
    assert resolved(projects, "animals/all") == "animals/all:v0"
    projects.rename("animals/all", "animals", WHO)
    assert resolved(projects, "animals") == "animals:v0"


def test_a_pattern_fits_the_names_of_one_project(projects: Catalog) -> None:
    def chosen(text: str, project: str | None = None) -> list[str]:
        with projects.view() as view:
            return [str(view.ref(version)) for version in view.resolve_all([parse_selection(text, project)])]

    assert chosen("*") == ["animals:v0"]
    assert chosen("*", "zoo") == chosen("zoo/*") == ["zoo/animals:v0", "zoo/plants:v0"]


def test_the_catalog_says_where_the_reference_ends_and_the_path_begins(projects: Catalog) -> None:
    def located(text: str, project: str | None = None) -> tuple[str, str]:
        with projects.view() as view:
            found, path = view.locate(parse_path_ref(text, project))
        return str(found), b"/".join(path).decode()

    assert located("animals/plants/x") == ("animals:latest", "plants/x")
    assert located("animals:v0/plants/x") == ("animals:v0", "plants/x")
    assert located("zoo/plants/x/y") == ("zoo/plants:latest", "x/y")
    assert located("zoo/plants:v0/x") == ("zoo/plants:v0", "x")
    assert located("team/zoo/plants:v0/x") == ("zoo/plants:v0", "x")
    assert located("animals/x", "zoo") == ("zoo/animals:latest", "x")
    assert located("zoo:v0/plants") == ("zoo:v0", "plants")
    assert located("/animals/x", "zoo") == ("animals:latest", "x")


PARTS = st.sampled_from(["zoo", "lab", "animals", "plants", "team", "", "v0", "latest"])
TEXTS = st.one_of(
    st.lists(st.one_of(PARTS, st.sampled_from(["/", ":", "v0", "/animals"])), max_size=8).map("".join),
    st.text(alphabet="zoolabanimals/:v0", max_size=16),
)


def test_no_fuzzed_reference_ever_resolves_to_an_artifact_of_another_project(projects: Catalog) -> None:
    @given(text=TEXTS, project=st.sampled_from([None, "zoo", "lab"]))
    def check(text: str, project: str | None) -> None:
        named = text.partition(":")[0].split("/")
        with projects.view() as view, suppress(InvalidInputError, NotFoundError):
            found = view.resolve(parse_ref(text, project))
            stated = project if len(named) == 1 else named[-2] or None
            assert project_of(view.ref(found).name) == stated
            assert view.ref(found).name.rpartition("/")[2] == named[-1]
        with projects.view() as view, suppress(InvalidInputError, NotFoundError):
            found_by_path, _path = view.locate(parse_path_ref(text, project))
            owner = project_of(view.ref(view.resolve(found_by_path)).name)
            of_none = text.startswith("/") and owner is None
            assert of_none or owner == project or owner in text.split("/")

    check()
