"""The tables of COMPARED.md: what they say is there is, and nothing else of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import artfs
from artfs.api.run.keywords import WandbKeywords

_PAGE = Path(__file__).parents[2] / "artfs/docs/COMPARED.md"


def said(section: str) -> dict[str, str]:
    """What the table of a section says of each name."""
    text = _PAGE.read_text().partition(f"\n## `{section}`\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (yes|no effect|no) \|", text, re.MULTILINE))


def test_every_keyword_of_init_has_a_row() -> None:
    assert set(said("wandb.init")) == set(WandbKeywords.__annotations__) | {"name", "job_type", "config", "id"}


def test_a_run_has_the_names_that_the_table_says_and_not_the_others() -> None:
    table = said("wandb.Run")
    assert len(table) > 40
    assert {name: hasattr(artfs.Run, name) for name in table} == {name: here != "no" for name, here in table.items()}


def test_an_artifact_has_the_names_that_the_table_says_and_not_the_others() -> None:
    table = said("wandb.Artifact")
    assert len(table) > 40
    assert {name: hasattr(artfs.Artifact, name) for name in table} == {
        name: here != "no" for name, here in table.items()
    }


def test_the_module_has_the_names_that_the_table_says_and_not_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    table = said("wandb")
    with artfs.init():
        assert {name: hasattr(artfs, name) for name in table} == {name: here != "no" for name, here in table.items()}
    public = {name for name in artfs.__all__ if not name.startswith("_")} | {"run", "config", "summary"}
    assert public - set(table) == {"ArtfsError", "open_store"}
