"""The cost of `import artfs`, and no circle among its modules."""

from __future__ import annotations

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

# Measured on one machine: trio 101 ms, fsspec 87, asyncio 44, platformdirs 16.
HEAVY = {
    "asyncio",
    "boto3",
    "click",
    "fsspec",
    "gcsfs",
    "obstore",
    "platformdirs",
    "pyfuse3",
    "rich",
    "s3fs",
    "starlette",
    "trio",
    "uvicorn",
}


def test_importing_artfs_loads_no_event_loop_no_fuse_no_terminal_and_no_cloud_client() -> None:
    program = "import sys, artfs; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "artfs" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_importing_artfs_loads_its_errors_and_nothing_else_until_a_name_is_used() -> None:
    program = "import sys; before = set(sys.modules); import artfs; print(*set(sys.modules) - before, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = {name for name in ran.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded == {"artfs", "artfs.errors"}
    assert len(ran.stdout.split()) < 60


def test_each_public_name_is_loaded_when_it_is_used() -> None:
    program = "import artfs; print(*(getattr(artfs, name) is not None for name in artfs.__all__), *dir(artfs))"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    printed = ran.stdout.split()
    assert "False" not in printed
    assert {"Api", "Artifact", "Run", "init", "errors", "open_store"} <= set(printed)


def test_no_module_but_those_of_artifact_and_run_imports_itself_through_others_for_types_neither() -> None:
    graph = grimp.build_graph("artfs", cache_dir=None)
    graph.remove_import(importer="artfs.api.artifact.artifact", imported="artfs.api.run.run")  # inside two methods
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert any("artfs.errors" in imported for imported in imports.values())
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")
