"""Whatever text comes as name, alias, tag or path: it is kept exactly, or refused as a value error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import artfs
from artfs.api.artifact.publish import log
from artfs.store import Store, open_store
from tests.support.data.checked import assert_clean

_TEXT = st.text(max_size=20) | st.text("av0/.:-_ \n\0", max_size=8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("fuzz") / "store", create=True) as opened:
        yield opened
        assert_clean(opened.path)


@given(name=_TEXT, alias=_TEXT, tag=_TEXT, path=_TEXT, key=_TEXT)
def test_nothing_unvalidated_reaches_the_store(
    store: Store, name: str, alias: str, tag: str, path: str, key: str
) -> None:
    with suppress(ValueError):
        artifact = artfs.Artifact(name, metadata={key: path}, store=store)
        with suppress(ValueError):
            with artifact.new_file(path) as file:
                file.write("x")
            assert list(artifact.manifest.entries) == [path]
        log(store, artifact, aliases=[alias], tags=[tag])
        assert artifact.name.startswith(f"{name}:v")
        assert alias in artifact.aliases
        assert artifact.tags == [tag]
        assert artifact.metadata == {key: path}
