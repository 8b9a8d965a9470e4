"""The README's Python runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_README = Path(__file__).parents[2] / "README.md"


def test_the_scripts_of_the_readme_run(tmp_path: Path) -> None:
    (tmp_path / "images" / "cats").mkdir(parents=True)
    (tmp_path / "images" / "cats" / "tom.txt").write_text("tom")
    scripts = re.findall(r"```python\n(.*?)```", _README.read_text(), re.DOTALL)
    assert len(scripts) == 2
    environment = {**os.environ, "ARTFS_STORE": str(tmp_path / "store")}
    printed = ""
    for script in scripts:
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        printed = ran.stdout
    assert printed == "['animals:v0']\n"
