"""What is exported and imported is the same on the other side."""

from __future__ import annotations

from pathlib import Path

import pytest

from artfs.catalog import EdgeKind, NewRun, NewVersion, VersionUse, current_actor
from artfs.errors import BundleDamagedError, ConflictError, ReferenceChangedError
from artfs.format.node import Entry
from artfs.names import parse_ref
from artfs.store import Store, root_entry
from artfs.store.read.extract import extract
from artfs.transfer import receive_content
from tests.support.data.bundles import bundle_of, leftovers, noise, put, refs_in, take
from tests.support.data.checked import assert_clean
from tests.support.data.trees import make_odd_tree, snapshot


def _entries(store: Store, ref: str) -> dict[bytes, Entry]:
    return dict(store.walk(root_entry(store.version(parse_ref(ref)))))


def test_names_modes_times_links_and_contents_are_the_same_on_the_other_side(
    here: Store, there: Store, tmp_path: Path
) -> None:
    make_odd_tree(tmp_path / "odd")
    here.put(
        [tmp_path / "odd"], NewVersion("odd", type="everything", description="as it is", tags=["x"], ttl_ns=10**18)
    )
    imported = take(there, bundle_of(here, "odd:v0"))
    assert [one.arrival for one in imported.received.versions] == ["new"]
    version, other = here.version(parse_ref("odd")), there.version(parse_ref("odd"))
    assert (other.tree, other.created_ns, other.fields) == (version.tree, version.created_ns, version.fields)
    extract(there, root_entry(other), tmp_path / "out", allow_escaping_links=True)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "odd")
    assert_clean(there.path)


def test_references_stay_references(here: Store, there: Store, tmp_path: Path) -> None:
    from artfs import Artifact, init

    (tmp_path / "data").write_bytes(b"elsewhere")
    with init(store=here) as run:
        artifact = Artifact("pointing")
        artifact.add_reference(f"file://{tmp_path}/data")
        run.log_artifact(artifact)
    take(there, bundle_of(here, "pointing:v0"))
    assert _entries(there, "pointing") == _entries(here, "pointing")
    (entry,) = _entries(there, "pointing").values()
    assert bytes(there.content.read(entry, 0, 9)) == b"elsewhere"


def test_the_chunk_list_of_a_reference_comes_with_it_and_its_bytes_do_not(
    here: Store, there: Store, tmp_path: Path
) -> None:
    from artfs import Artifact

    (tmp_path / "data").write_bytes(noise(7, 3_000_000))
    artifact = Artifact("pointing", store=here)
    artifact.add_reference((tmp_path / "data").as_uri(), checksum="content")
    artifact.save()
    bundle = bundle_of(here, "pointing:v0")
    assert len(bundle) < 100_000
    take(there, bundle)
    (entry,) = _entries(there, "pointing").values()
    assert bytes(there.content.read(entry, 2_999_991, 9)) == noise(7, 3_000_000)[-9:]
    (tmp_path / "data").write_bytes(bytes(3_000_000))
    with pytest.raises(ReferenceChangedError):
        there.content.read(entry, 1_000_000, 9)
    put(there, tmp_path / "stored", {"same": noise(7, 3_000_000)}, "stored")
    assert bytes(there.content.read(entry, 1_000_000, 9)) == noise(7, 3_000_000)[1_000_000:1_000_009]
    assert_clean(there.path)


def test_aliases_runs_and_lineage_are_the_same_on_the_other_side(here: Store, there: Store, tmp_path: Path) -> None:
    who = current_actor()
    data = put(here, tmp_path / "data", {"a": b"a", "b": b"b"}, "data", aliases=["best"])
    here.catalog.start_run(NewRun("train000", "train", "fit", b'{"lr":1}', ("t.py",), "f" * 40, "/w", True), who)
    here.catalog.use_versions("train000", [VersionUse(data.artifact, 0, 7, 1, (b"a",))], who)
    put(here, tmp_path / "model", {"m": noise(1, 5000)}, "model", type="model", logged_by="train000")
    here.catalog.finish_run("train000", "finished", who, exit_code=0)
    take(there, bundle_of(here, "data:v0", "model:v0", aliases=True))
    with here.catalog.view() as view, there.catalog.view() as other:
        assert other.run("train000") == view.run("train000")
        for kind in EdgeKind:
            (edge,), (same,) = view.edges_of_run("train000", kind), other.edges_of_run("train000", kind)
            assert (edge.how, edge.time_ns, edge.entries, edge.paths) == (
                same.how,
                same.time_ns,
                same.entries,
                same.paths,
            )
            version, twin = view.version(edge.artifact, edge.index), other.version(same.artifact, same.index)
            assert version is not None
            assert twin is not None
            assert view.ref(version) == other.ref(twin)
        assert other.aliases_of(other.resolve(parse_ref("data:best"))) == ["best", "latest"]
    assert_clean(there.path)


def test_an_empty_version_goes_too(here: Store, there: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    here.put([tmp_path / "empty"], NewVersion("empty"))
    take(there, bundle_of(here, "empty:v0"))
    assert _entries(there, "empty") == {}
    assert_clean(there.path)


def test_since_leaves_out_what_the_other_store_has(here: Store, there: Store, tmp_path: Path) -> None:
    put(here, tmp_path / "a", {f"{n}": noise(n, 50_000) for n in range(20)})
    put(here, tmp_path / "a", {"new": noise(100, 50_000)})
    take(there, bundle_of(here, "animals:v0"))
    more = bundle_of(here, "animals:v1", since=["animals:v0"])
    assert len(more) < 60_000
    imported = take(there, more)
    assert imported.written < 60_000
    assert _entries(there, "animals:v1") == _entries(here, "animals:v1")
    assert_clean(there.path)
    assert len(bundle_of(here, "animals:v1", since=["animals:v1"])) < 1500


def test_since_a_version_that_is_not_there_is_refused_and_nothing_is_stored(
    here: Store, there: Store, tmp_path: Path
) -> None:
    put(here, tmp_path / "a", {"old": noise(1, 50_000)})
    put(here, tmp_path / "a", {"new": noise(2, 50_000)})
    with pytest.raises(ConflictError, match=r"has animals:v0 .*import that first"):
        take(there, bundle_of(here, "animals:v1", since=["animals:v0"]))
    assert leftovers(there.path) == []


def test_what_is_there_already_is_not_stored_again(here: Store, there: Store, tmp_path: Path) -> None:
    files = {f"{n}": noise(n, 50_000) for n in range(10)}
    put(here, tmp_path / "a", files)
    put(there, tmp_path / "a", {}, "others")
    before = leftovers(there.path)
    assert take(there, bundle_of(here, "animals:v0")).written == 0
    assert leftovers(there.path) == before
    again = take(there, bundle_of(here, "animals:v0"))
    assert (again.written, again.received.changed) == (0, False)


def test_each_chunk_and_node_is_in_a_bundle_once(here: Store, tmp_path: Path) -> None:
    put(here, tmp_path / "a", {f"d{n}/same": noise(1, 50_000) for n in range(20)})
    put(here, tmp_path / "a", {"d1/other": b"x"})
    assert len(bundle_of(here, "animals:v0", "animals:v1")) < 60_000


def test_an_import_that_was_cut_off_stores_again_only_what_did_not_come(
    here: Store, there: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive_content, "_BATCH_BYTES", 50_000)
    monkeypatch.setattr(receive_content, "_SETTLE_BYTES", 100_000)
    put(here, tmp_path / "a", {f"{n:02}": noise(n, 50_000) for n in range(20)})
    bundle = bundle_of(here, "animals:v0")
    with pytest.raises(BundleDamagedError, match=rf"cut off after {len(bundle) // 2} bytes; .*not stored again"):
        take(there, bundle[: len(bundle) // 2])
    assert refs_in(there) == []
    assert take(there, bundle).written < len(bundle) * 0.7
    assert_clean(there.path)


def test_versions_of_a_million_bytes_of_metadata_each_go_until_a_record_is_full(
    here: Store, there: Store, tmp_path: Path
) -> None:
    from artfs.errors import InvalidInputError

    with pytest.raises(InvalidInputError, match="more than 48 MiB: take fewer versions at a time"):
        _export_with_metadata(here, tmp_path, 4)
    take(there, _export_with_metadata(here, tmp_path, 3))
    assert len(refs_in(there)) == 3


def _export_with_metadata(store: Store, tmp_path: Path, count: int) -> bytes:
    metadata = b'{"x":"' + b"x" * (15 << 20) + b'"}'
    for _number in range(count - len(refs_in(store))):
        put(store, tmp_path / "a", {"f": b"f"}, "large", metadata=metadata)
    return bundle_of(store, *(f"large:v{number}" for number in range(count)))
