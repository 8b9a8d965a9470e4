"""Whatever a program passes as a name, nothing that the rules forbid reaches the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import artfs
from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import parse_alias, parse_artifact_name, parse_artifact_type, parse_entry_path, parse_tag

TEXT = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", ".", "..", "-x", "a/b", "a:b", "v0", "v01", "latest", "x\n", "\0", "\ud800", ".artfs", "x" * 300]
    ),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[artfs.Run]:
    with artfs.init(store=tmp_path_factory.mktemp("hostile") / "store") as run:
        yield run


@given(name=TEXT, type_=TEXT, alias=TEXT, tag=TEXT, path=TEXT)
@example(name="\ud800", type_="\ud800", alias="\ud800", tag="\ud800", path="\ud800")
@example(name="x\n", type_="x\n", alias="x\n", tag="x\n", path="x\n")
@example(name="\0", type_="\0", alias="\0", tag="\0", path="\0")
@settings(max_examples=150, deadline=None)
def test_what_is_logged_keeps_the_rules(run: artfs.Run, name: str, type_: str, alias: str, tag: str, path: str) -> None:
    for named, typed, aliased, tagged, placed in (
        (name, "dataset", "best", "t", "a"),
        ("animals", type_, "best", "t", "a"),
        ("animals", "dataset", alias, "t", "a"),
        ("animals", "dataset", "best", tag, "a"),
        ("animals", "dataset", "best", "t", path),
    ):
        try:
            artifact = artfs.Artifact(named, typed, store=run.store_path)
            with artifact.new_file(placed) as file:
                file.write("x")
            run.log_artifact(artifact, aliases=[aliased], tags=[tagged])
        except (InvalidInputError, artfs.errors.TypeMismatchError):
            continue
        parse_artifact_name(artifact.base_name)
        parse_artifact_type(artifact.type)
        assert [parse_alias(found) for found in artifact.aliases]
        assert [parse_tag(found) for found in artifact.tags] == [tagged]
        assert [parse_entry_path(found) for found in artifact.manifest.entries]


@given(text=TEXT)
@example(text="\ud800")
@settings(max_examples=150, deadline=None)
def test_what_is_asked_for_is_refused_or_not_found(run: artfs.Run, text: str) -> None:
    api = artfs.Api(run.store_path)
    asked: list[Callable[[], object]] = [
        lambda: api.artifact(f"nothing:{text}"),
        lambda: run.use_artifact(f"nothing:{text}"),
        lambda: api.run(text),
        lambda: api.artifacts(f"nothing{text}"),
    ]
    for ask in asked:
        with pytest.raises((InvalidInputError, NotFoundError)):
            ask()
    with pytest.raises(InvalidInputError):
        artfs.init(id=f"{text}:", store=run.store_path)


@given(text=TEXT, key=TEXT)
@example(text="\ud800", key="\ud800")
@settings(max_examples=100, deadline=None)
def test_a_run_keeps_what_it_is_given_or_refuses_it(run: artfs.Run, text: str, key: str) -> None:
    run.name = "good"
    run.summary.clear()
    with suppress(InvalidInputError):
        run.name = text
        run.summary[key] = text
    run.update()
    found = artfs.Api(run.store_path).run(run.id)
    assert (found.name, found.summary) == (run.name, run.summary)
    assert run.name in {"good", text}
    assert run.summary in ({}, {key: text})
