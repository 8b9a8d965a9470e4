"""`NAME vN` where `NAME:vN` was meant is refused by every command that would do something else with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Commands, store_state


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (("get", "animals", "v0"), "artfs get animals:v0"),
        (("get", "animals", "v7"), "artfs get animals:v7"),
        (("get", "animals", "best"), "artfs get animals:best"),
        (("get", "animals", "latest"), "artfs get animals:latest"),
        (("get", "animals", "v0", "--path", "cats"), "artfs get animals:v0"),
        (("link", "animals", "v0"), "artfs link animals:v0"),
        (("link", "animals", "best"), "artfs link animals:best"),
        (("tag", "add", "animals", "v0", "clean"), "artfs tag add animals:v0"),
        (("tag", "add", "animals", "best", "clean"), "artfs tag add animals:best"),
    ],
)
def test_a_forgotten_colon_is_refused_with_the_form_that_works(
    stored: Commands, line: tuple[str, ...], meant: str
) -> None:
    before = store_state(stored.store)
    said = stored(*line).failed(2)
    assert "looks like a version" in said
    assert f"`{meant}`" in said
    assert store_state(stored.store) == before
    assert not list(Path.cwd().iterdir())


def test_a_word_that_looks_like_a_version_can_be_meant_all_the_same(stored: Commands) -> None:
    assert stored.done("get", "animals", "./v0").text == "v0"
    assert stored.done("get", "animals", "v0").text == "v0"  # it is there: more goes into it
    assert stored.done("get", "animals:v0", "v1").text == "v1"
    assert stored.done("link", "animals:v0", "v1").text == "v1:v0"
    assert stored.done("link", "animals", "v1").text == "v1:v0"  # it is an artifact, which has that link
    assert stored.done("tag", "add", "animals", "v1").text == "animals:v0"
    assert stored.done("tag", "add", "animals:v0", "v0", "v2").text == "animals:v0"
    assert stored.done("get", "animals", "v").text == "v"
