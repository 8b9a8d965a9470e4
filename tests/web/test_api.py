"""Documents of the API: those that `--json` prints, in pages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest

from artfs.catalog import NewVersion, View, current_actor
from artfs.documents.artifacts import ArtifactTotals, artifact_totals
from artfs.drafts.gc_roots import collect_store
from artfs.names import parse_ref
from artfs.store import Store, open_store
from artfs.web import kept_totals
from artfs.web.server import WebServer
from tests.support.data.million import store_million
from tests.support.data.shown import ODD_NAMES
from tests.support.visitors import Visitor

_COMMANDS = (
    "ls",
    "ls animals:v2",
    "ls animals:v2/images",
    "ls odd",
    "log animals",
    "show animals:best",
    "diff animals:v0 animals:v2",
    "runs",
    "runs show train001",
    "history",
    "history animals",
    "history animals:v1",
    "history --verify",
    "lineage detector:v1",
    "lineage animals --down --depth 1",
    "info",
)
_PRINT = """
import sys
from artfs.cli.main import main
for line in sys.argv[1:]:
    assert main([*line.split(), "--json"]) == 0
    print("\\0", flush=True)
"""


@pytest.fixture(scope="module")
def printed(shown: Path) -> dict[str, Any]:
    """What commands print with `--json`."""
    line = [sys.executable, "-c", _PRINT, *(f"--store {shown} {command}" for command in _COMMANDS)]
    out = subprocess.run(line, check=True, capture_output=True).stdout
    return dict(zip(_COMMANDS, map(json.loads, out.split(b"\0")[:-1]), strict=True))


def _pages(visitor: Visitor, path: str, rows: str, cursor: str = "after", limit: int = 1) -> Iterator[Any]:
    """The rows of all pages of a list."""
    following: str | None = ""
    while following is not None:
        sign = "&" if "?" in path else "?"
        page = visitor.document(f"{path}{sign}limit={limit}" + (f"&{cursor}={following}" if following else ""))
        assert len(page[rows]) <= limit
        yield from page[rows]
        following = page["next"]


def _without(document: Any, *keys: str) -> Any:
    return {key: value for key, value in document.items() if key not in keys}


def test_artifacts_are_those_of_ls_in_pages_and_can_be_filtered(visitor: Visitor, printed: dict[str, Any]) -> None:
    found = list(_pages(visitor, "/api/artifacts", "artifacts"))
    assert [_without(row, "changed") for row in found] == printed["ls"]
    assert [row["name"] for row in visitor.document("/api/artifacts?q=DD")["artifacts"]] == ["odd"]
    assert [row["name"] for row in visitor.document("/api/artifacts?type=model")["artifacts"]] == ["detector"]
    assert visitor.document("/api/artifacts?q=zz") == {"artifacts": [], "next": None}


def test_an_artifact_has_its_versions_newest_first_and_deleted_ones_among_them(
    visitor: Visitor, printed: dict[str, Any]
) -> None:
    first = visitor.document("/api/artifacts/animals?limit=2")
    assert _without(first["artifact"], "changed") == printed["ls"][0]
    found = list(_pages(visitor, "/api/artifacts/animals", "versions"))
    assert [row["version"] for row in found] == ["v2", "v1", "v0"]
    assert [row.get("deleted", False) for row in found] == [False, True, False]
    kept = [_without(row, "own", "stored", "used_by") for row in found if "deleted" not in row]
    assert kept == printed["log animals"]
    assert [row["used_by"] for row in found if "deleted" not in row] == [1, 1]
    assert all(row["stored"] > 0 for row in found if "deleted" not in row)
    assert "artifact" not in visitor.document(f"/api/artifacts/animals?after={first['next']}")


def test_a_version_is_that_of_show_with_the_runs_that_made_and_used_it(
    visitor: Visitor, printed: dict[str, Any]
) -> None:
    found = visitor.document("/api/versions/animals:best")
    assert _without(found, "own", "stored", "raw", "made_by", "used_by") == printed["show animals:best"]
    assert found["used_by"] == [{"id": "train001", "name": "train-1", "job_type": "train"}]
    assert visitor.document("/api/versions/detector")["made_by"][0]["id"] == "train002"
    assert found["raw"].startswith("raw/")
    assert found["raw"].endswith("/animals%3Av0")


@pytest.mark.parametrize(("path", "command"), [("", "ls animals:v2"), ("images", "ls animals:v2/images")])
def test_files_are_those_of_ls_in_pages(visitor: Visitor, printed: dict[str, Any], path: str, command: str) -> None:
    assert list(_pages(visitor, f"/api/files/animals:v2?path={path}", "entries")) == printed[command]


def test_odd_names_are_told_without_loss_and_found_by_their_bytes(visitor: Visitor, printed: dict[str, Any]) -> None:
    assert list(_pages(visitor, "/api/files/odd:v0", "entries")) == printed["ls odd"]
    for name in ODD_NAMES:
        refused = visitor.refused(f"/api/files/odd:v0?path={quote_from_bytes(name, safe='')}", 400)
        assert refused["message"] == "this is no directory: `artfs cat` prints a file"


def test_a_diff_goes_by_folder_with_counts(visitor: Visitor, printed: dict[str, Any]) -> None:
    whole = printed["diff animals:v0 animals:v2"]
    top = visitor.document("/api/diff/animals:v0/animals:v2")
    assert _without(top["summary"], "complete") == whole["summary"]
    assert top["summary"]["complete"]
    assert (top["old"], top["new"]) == (whole["old"], whole["new"])
    rows = list(_pages(visitor, "/api/diff/animals:v0/animals:v2", "changes"))
    assert rows == top["changes"]
    assert [(row["path"], row["change"], row.get("folder", False)) for row in rows] == [
        ("images", "modified", True),
        ("labels.csv", "modified", False),
        ("notes.txt", "removed", False),
    ]
    assert rows[0]["counts"] == {
        "added": 1,
        "removed": 0,
        "modified": 0,
        "bytes_added": 508,
        "bytes_removed": 0,
        "complete": True,
    }
    below = visitor.document("/api/diff/animals:v0/animals:v2?path=images/cats")["changes"]
    assert [*below, *rows[1:]] == whole["changes"]
    assert visitor.document("/api/diff/animals:v0/animals:v0")["changes"] == []
    visitor.refused("/api/diff/animals:v0/animals:v2?path=none", 404)


def test_the_graph_has_every_run_and_version_that_is_there_or_was_used(visitor: Visitor) -> None:
    found = visitor.document("/api/graph")
    names = [f"{row[0]}:v{row[1]}" for row in found["versions"]] + [row[1] for row in found["runs"]]
    assert sorted(names) == [
        "animals:v0", "animals:v2", "detector:v0", "detector:v1", "evaluate", "odd:v0", "train-1", "train-2",
    ]  # fmt: skip
    assert sorted((names[start], names[end]) for start, end in found["edges"]) == [
        ("animals:v0", "train-1"),
        ("animals:v2", "train-2"),
        ("detector:v1", "evaluate"),
        ("train-1", "detector:v0"),
        ("train-2", "detector:v1"),
    ]
    animals = next(row for row in found["versions"] if row[:2] == ["animals", 0])
    assert animals[2] == "dataset"
    assert animals[5:] == [["best"], False]
    assert [row[3] for row in found["runs"]] == ["finished", "finished", "failed"]


def test_lineage_is_that_of_the_command_in_each_form(visitor: Visitor, printed: dict[str, Any]) -> None:
    assert visitor.document("/api/lineage/detector:v1") == printed["lineage detector:v1"]
    assert visitor.document("/api/lineage/animals?down=1&depth=1") == printed["lineage animals --down --depth 1"]
    for form, begin in (("dot", b"digraph"), ("mermaid", b"flowchart"), ("tree", b"detector:v1")):
        reply = visitor.ask(f"/api/lineage/detector:v1?format={form}")
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        assert reply.body.startswith(begin)
    visitor.refused("/api/lineage/animals?format=svg", 400)


def test_runs_are_those_of_the_command_in_pages(visitor: Visitor, printed: dict[str, Any]) -> None:
    assert list(_pages(visitor, "/api/runs", "runs")) == printed["runs"]
    assert visitor.document("/api/runs/train001") == printed["runs show train001"]
    assert visitor.document("/api/runs/train-1") == printed["runs show train001"]
    found = visitor.document("/api/runs")
    assert found["columns"] == ["summary.accuracy", "config.lr", "config.model.layers", "config.tags"]
    assert found["jobs"] == ["evaluate", "train"]
    assert found["total"] == 3


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=config.lr", ["train-2", "train-1", "evaluate"]),
        ("sort=-config.lr", ["train-1", "train-2", "evaluate"]),
        ("sort=-config.model.layers", ["train-2", "train-1", "evaluate"]),
        ("sort=name", ["evaluate", "train-1", "train-2"]),
        ("sort=started", ["train-1", "train-2", "evaluate"]),
        ("state=failed", ["evaluate"]),
        ("job=train", ["train-2", "train-1"]),
        ("q=TRAIN-1", ["train-1"]),
        ("q=accuracy%3E0.9", ["train-2"]),
        ("q=accuracy%3E=0.9,lr%3C0.1", ["train-2"]),
        ("q=train lr=0.1".replace(" ", "%20"), ["train-1"]),
        ("q=layers!=4", ["train-2", "evaluate"][::-1]),
        ("q=config.tags~A", ["train-2", "train-1"]),
        ("q=nothing=1", []),
    ],
)
def test_runs_are_filtered_and_sorted_by_their_values_over_all_pages(
    visitor: Visitor, query: str, names: list[str]
) -> None:
    assert [run["name"] for run in _pages(visitor, f"/api/runs?{query}", "runs")] == names


def test_history_is_that_of_the_command_the_newest_first(visitor: Visitor, printed: dict[str, Any]) -> None:
    for ref in ("", " animals", " animals:v1"):
        path = f"/api/history?ref={ref.strip()}"
        assert list(_pages(visitor, path, "records", cursor="before", limit=2)) == printed[f"history{ref}"][::-1]
    assert visitor.document("/api/history/verify") == printed["history --verify"]


def test_the_store_is_that_of_info_with_its_checks_and_its_space(visitor: Visitor, printed: dict[str, Any]) -> None:
    found = visitor.document("/api/store")
    assert _without(found, "reclaimable", "drafts", "doctor", "free_bytes") == _without(
        printed["info"], "free_bytes", "cache"
    )
    assert found["doctor"] == {"well": True, "checks": []}
    assert found["drafts"] == []
    assert found["reclaimable"] >= 0
    space = visitor.document("/api/usage")["artifacts"]
    assert [row["name"] for row in space] == ["animals", "detector", "odd"]
    assert sum(row["size"] for row in space) == printed["info"]["size"]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/api/artifacts/none", 404, "not_found"),
        ("/api/artifacts/n%20o", 404, "not_found"),
        ("/api/versions/animals:v9", 404, "not_found"),
        ("/api/versions/animals:v1", 404, "not_found"),
        ("/api/versions/a%20b", 400, "invalid_input"),
        ("/api/files/animals:v0?path=none", 404, "not_found"),
        ("/api/files/animals:v0?path=../x", 400, "invalid_input"),
        ("/api/files/animals:v0?limit=0", 400, "invalid_input"),
        ("/api/files/animals:v0?limit=1001", 400, "invalid_input"),
        ("/api/files/animals:v0?after=x", 400, "invalid_input"),
        ("/api/artifacts?after=%21", 400, "invalid_input"),
        ("/api/artifacts?q=%FF", 400, "invalid_input"),
        ("/api/runs?after=bm9uZQ", 400, "invalid_input"),
        ("/api/runs?q=lr=", 400, "invalid_input"),
        ("/api/runs/none", 404, "not_found"),
        ("/api/history?ref=none", 404, "not_found"),
    ],
)
def test_what_is_wrong_is_said_as_the_command_line_says_it(visitor: Visitor, path: str, status: int, kind: str) -> None:
    refused = visitor.refused(path, status)
    assert refused["kind"] == kind
    assert refused["message"]


def test_a_page_far_behind_in_a_large_directory_is_found_without_reading_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        store_million(store, 50_000)
    loaded: list[bytes] = []
    load = Store.node

    def noted(store: Store, node: bytes) -> bytes:
        loaded.append(node)
        return load(store, node)

    monkeypatch.setattr(Store, "node", noted)
    server = WebServer(tmp_path / "store", check=dict)
    try:
        page = Visitor(server.port, server.token).document("/api/files/million?after=44000&limit=3")
    finally:
        assert server.close()
    assert [entry["path"] for entry in page["entries"]] == ["0044000", "0044001", "0044002"]
    assert (page["below"], page["next"]) == (50_000, "44003")
    assert 1 <= len(loaded) <= 4  # of some 200 pages


def test_pages_go_on_where_they_ended_when_versions_and_runs_come_meanwhile(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        store_million(store, 10)
        _log(store, 2)
    server = WebServer(tmp_path / "store", check=dict)
    try:
        visitor = Visitor(server.port, server.token)
        first = visitor.document("/api/artifacts/million?limit=2")
        with server.store.use() as store:
            _log(store, 2)
        rest = visitor.document(f"/api/artifacts/million?limit=2&after={first['next']}")
    finally:
        assert server.close()
    assert [row["version"] for row in (*first["versions"], *rest["versions"])] == ["v2", "v1", "v0"]


def test_totals_follow_every_change_of_versions_and_count_all_of_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def count(view: View, artifact: int) -> ArtifactTotals:
        counted.append(artifact)
        return artifact_totals(view, artifact)

    monkeypatch.setattr(kept_totals, "artifact_totals", count)
    with open_store(tmp_path / "store", create=True) as store:
        store_million(store, 10)
        _log(store, 5)
        size = store.version(parse_ref("million")).size
    server = WebServer(tmp_path / "store", check=dict)
    try:
        visitor = Visitor(server.port, server.token)

        def totals() -> list[int]:
            found = visitor.document("/api/artifacts/million?limit=1")["artifact"]
            assert visitor.document("/api/artifacts")["artifacts"] == [found]
            return [found["versions"], found["deleted"], found["total_size"] // size]

        assert totals() == [6, 0, 6]
        with server.store.use() as store:
            catalog, who = store.catalog, current_actor()
            _log(store, 2)
            assert totals() == [8, 0, 8]
            for index in (1, 2, 7):
                catalog.delete_version(parse_ref(f"million:v{index}"), who)
            assert totals() == [5, 3, 5]
            catalog.undelete_version("million", 2, who)
            assert totals() == [6, 2, 6]
            catalog.delete_artifact("million", who)
            assert visitor.document("/api/artifacts")["artifacts"] == []
            catalog.undelete_version("million", 0, who)
            assert totals() == [1, 7, 1]
            collect_store(store, who)
            assert totals() == [1, 0, 1]
    finally:
        assert server.close()
    assert len(counted) == 1


def _log(store: Store, count: int) -> None:
    """Log more versions of the artifact."""
    tree = store.version(parse_ref("million")).tree
    for number in range(count):
        new = NewVersion(name="million", description=f"one more, {number}")
        store.catalog.create_version(new, tree, current_actor())
