"""What was read of a file decides about its size, not what stat(2) says."""

from __future__ import annotations

from pathlib import Path

import artfs as artfs_api
from artfs.catalog import NewVersion, current_actor
from artfs.names import parse_artifact_name
from artfs.store import open_store, root_entry

_PROC = "/proc/version"  # says 0 bytes
_SYS = "/sys/kernel/mm/transparent_hugepage/enabled"  # says a page
_FILES = [path for path in (_PROC, _SYS) if Path(path).exists()]


def test_files_of_proc_and_sys_are_put_with_their_contents(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        new = NewVersion(name=parse_artifact_name("env"))
        version = store.put(_FILES, new, who=current_actor()).version
        for path, entry in store.walk(root_entry(version)):
            (source,) = [Path(name) for name in _FILES if name.endswith("/" + path.decode())]
            assert b"".join(map(bytes, store.content.stream(entry))) == source.read_bytes()
            assert entry.size == len(source.read_bytes())


def test_a_file_of_proc_is_added(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        artifact = artfs_api.Artifact("env", type="dataset", store=store)
        assert artifact.add_file(_PROC).size == len(Path(_PROC).read_bytes())
