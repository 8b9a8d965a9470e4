"""References on the command line: read where they are, and never other bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from artfs.api.artifact.artifact import Artifact
from tests.support.commands import Commands


@pytest.fixture
def data(artfs: Commands, tmp_path: Path) -> Path:
    """Two files that `referring:v0` refers to, beside a URI that artfs cannot read and a file of its own."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("aaa")
    (data / "big.bin").write_bytes(bytes(range(256)) * 40_000)
    artifact = Artifact("referring", store=artfs.store)
    artifact.add_reference(data.as_uri())
    artifact.add_reference("tape://shelf/7", name="tape")
    with artifact.new_file("own.txt") as file:
        file.write("own")
    artifact.save()
    artifact.store.close()
    return data


def test_cat_reads_a_reference_where_it_is(artfs: Commands, data: Path) -> None:
    assert artfs.done("cat", "referring/a.txt", "referring/own.txt").out == b"aaaown"
    assert artfs.done("cat", "referring/big.bin").out == (data / "big.bin").read_bytes()


def test_cat_of_a_reference_that_changed_or_is_gone_fails_and_writes_nothing_of_it(artfs: Commands, data: Path) -> None:
    (data / "a.txt").write_text("bbb")
    (data / "big.bin").unlink()
    for name, why in (("a.txt", "not what the artifact refers to"), ("big.bin", "is gone"), ("tape", "by its URI")):
        ended = artfs("cat", f"referring/{name}")
        assert why in ended.failed(5)
        assert ended.out == b""


def test_get_writes_references_out_or_fails_on_them(artfs: Commands, data: Path) -> None:
    assert "by its URI alone" in artfs("get", "referring", "out").failed(5)
    artfs.done("get", "referring", "out", "--allow-missing-references")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.txt", "big.bin", "own.txt"]
    (data / "a.txt").write_text("bbb")
    (data / "big.bin").unlink()
    assert "not what the artifact refers to" in artfs("get", "referring", "again", "--allow-missing-references").failed(
        5
    )
    (data / "a.txt").write_text("aaa")
    artfs.done("get", "referring", "again", "--allow-missing-references")
    assert sorted(path.name for path in Path("again").iterdir()) == ["a.txt", "own.txt"]
