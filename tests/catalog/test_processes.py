"""Any number of processes may change one catalog at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.data.catalogs import CatalogPlace, check, rows_of

ROOT = Path(__file__).parents[2]
PROCESSES = 8
VERSIONS = 25


def publishers(place: CatalogPlace, names: list[list[str]]) -> list[dict[str, object]]:
    """Let one process for each list log versions of those names, all at once; what each says that it logged."""
    children = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.programs.catalog_child",
                "publish",
                str(place.root),
                str(VERSIONS),
                *mine,
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for mine in names
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == '"ready"\n'
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = []
    for child in children:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        said.append(json.loads(out))
    return said


@pytest.mark.parametrize("same_name", [True, False], ids=["one name", "a name each and one for all"])
def test_no_version_and_no_alias_is_lost_when_eight_processes_publish_at_once(
    place: CatalogPlace, same_name: bool
) -> None:
    names = [["shared"] if same_name else ["shared", f"own-{number}"] for number in range(PROCESSES)]
    said = publishers(place, names)
    logged: dict[str, list[int]] = defaultdict(list)
    expected_aliases: dict[str, dict[str, int]] = defaultdict(dict)
    for child in said:
        pairs = child["logged"]
        assert isinstance(pairs, list)
        for name, index in pairs:
            logged[name].append(index)
            expected_aliases[name][f"by-{child['pid']}"] = index
    with place.open() as catalog:
        assert check(catalog) == []
        assert rows_of(catalog.environment) == place.rebuilt_rows()
        with catalog.view() as view:
            assert {artifact.name for artifact in view.artifacts()} == set(logged)
            for name, indexes in logged.items():
                count = VERSIONS * (PROCESSES if name == "shared" else 1)
                assert sorted(indexes) == list(range(count)), "an index was given twice, or left out"
                artifact = view.artifact_by_name(name)
                assert artifact is not None
                assert [version.index for version in view.versions(artifact.serial)] == list(range(count))
                aliases = {row.name: row.index for row in view.aliases(artifact.serial)}
                assert aliases == {**expected_aliases[name], "latest": count - 1}
        entries = [record.entry for record in catalog.history()]
    assert len(entries) == sum(map(len, logged.values()))


def test_threads_may_share_a_catalog(place: CatalogPlace) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tests.support.data.catalogs import log, ref

    with place.open() as catalog:

        def work(number: int) -> list[int]:
            mine = []
            for count in range(10):
                mine.append(log(catalog, contents=f"{number} {count}").version.index)
                with catalog.view() as view:
                    assert view.resolve(ref("animals")).index >= mine[-1]
            return mine

        with ThreadPoolExecutor(4) as pool:
            indexes = [index for mine in pool.map(work, range(4)) for index in mine]
        assert sorted(indexes) == list(range(40))
        assert check(catalog) == []
