"""The real data that other tests read: fetched once, whole or not at all, and never skipped in silence."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.data.realdata import FetchError, fetched_once, run_client


def test_of_many_who_want_a_package_at_once_one_fetches_it(tmp_path: Path) -> None:
    others: list[Future[Path]] = []

    def fetch(_: Path, tree: Path) -> None:
        assert not others, "fetched a second time"
        others.extend(pool.submit(fetched_once, "package", fetch, cache=tmp_path) for _ in range(7))
        tree.mkdir()
        (tree / "whole").touch()
        assert not any(other.done() for other in others)

    with ThreadPoolExecutor(8) as pool:
        trees = [fetched_once("package", fetch, cache=tmp_path), *(other.result() for other in others)]
    assert len(trees) == 8
    assert all((tree / "whole").exists() for tree in trees)


def test_a_fetch_that_fails_half_way_leaves_nothing_and_the_next_one_succeeds(tmp_path: Path) -> None:
    def fail(scratch: Path, tree: Path) -> None:
        tree.mkdir()
        (tree / "half").touch()
        raise FetchError(f"no more of {scratch.name}")

    with pytest.raises(FetchError):
        fetched_once("package", fail, cache=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["package.lock"]
    tree = fetched_once("package", lambda _, tree: tree.mkdir(), cache=tmp_path)
    assert list(tree.iterdir()) == []


def test_a_client_that_fails_is_named_with_its_own_words() -> None:
    with pytest.raises(FetchError, match=r"(?s)`sh -c .*` failed with status 3:.*no such package"):
        run_client(["sh", "-c", "echo no such package >&2; exit 3"])


def test_a_client_that_is_not_there_is_named() -> None:
    with pytest.raises(FetchError, match="no-such-client is not installed"):
        run_client(["no-such-client"])


def test_the_real_trees_are_as_large_as_the_tests_count_on(
    botocore_releases: tuple[Path, Path],
    silero_vad_releases: tuple[Path, Path],
    minilm_model: Path,
    openmoji: Path,
    papirus_icons: Path,
) -> None:
    assert [len(_files(tree)) for tree in botocore_releases] == [1899, 1904]
    assert [len(_files(tree)) for tree in silero_vad_releases] == [12, 15]
    assert len(_files(openmoji)) == 11_539
    assert max(path.stat().st_size for path in minilm_model.rglob("*.safetensors")) > 90_000_000
    icons = _files(papirus_icons)
    assert len(icons) > 100_000
    assert sum(os.path.islink(path) for path in icons) > 40_000


def _files(tree: Path) -> list[str]:
    """Everything in a tree but directories."""
    return [entry.path for directory in _directories(tree) for entry in os.scandir(directory) if not _is_dir(entry)]


def _directories(tree: Path) -> list[str]:
    return [directory for directory, _, _ in os.walk(tree)]


def _is_dir(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)
