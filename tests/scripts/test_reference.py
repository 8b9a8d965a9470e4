"""scripts/reference: the page of the Python API says what the docstrings say, and these leave no parameter out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_the_page_of_the_python_api_is_what_its_docstrings_say() -> None:
    ended = subprocess.run(
        [sys.executable, CHECKOUT / "scripts" / "reference", "--check"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_stale_page_and_a_parameter_that_nobody_describes_are_named(tmp_path: Path) -> None:
    for name in ("artfs", "scripts"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "artfs" / "api" / "public.py"
    text = source.read_text()
    assert text.count("            move_aliases: Move aliases that name other versions here.\n") == 1
    source.write_text(
        text.replace(
            "            move_aliases: Move aliases that name other versions here.\n",
            "            other: Move aliases that name other versions here.\n",
        )
    )
    line: list[str | Path] = [sys.executable, tmp_path / "scripts" / "reference", "--check"]
    environment = {"PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "artfs.Api.import_file: move_aliases is not described",
        "artfs.Api.import_file: other is described and not there",
        "PYTHON.md is stale: run scripts/reference",
    ]
