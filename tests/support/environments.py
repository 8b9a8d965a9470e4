"""Virtual environments of newcomers: what was installed there can be imported, and nothing else that is installed here.

Their packages are links to those of the environment that the tests run in. `pip install NAME...` there makes such links
too, for the distributions that are named and for all that they require, so it needs no network and takes no time.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.support.mounts.mounts import ROOT

__all__ = ["make_environment"]

_PIP = f"""#!/bin/sh
PYTHONPATH={ROOT} exec {sys.executable} -m tests.support.environments "$(dirname "$0")/.." "$@"
"""

_PROGRAM = """#!{python}
import sys
from {module} import {function}
sys.exit({function}())
"""


def make_environment(directory: Path) -> None:
    """Make a virtual environment in which artfs and what it requires are installed, and a pip."""
    venv.create(directory, symlinks=True)
    _write_program(directory / "bin/pip", _PIP)
    _install(directory, ["artfs"])


def _install(environment: Path, names: Iterable[str]) -> None:
    """Install distributions, and what they require."""
    purelib = sysconfig.get_path("purelib", "venv", {"base": os.fspath(environment)})
    for distribution in _with_required(names):
        files = distribution.files
        assert files is not None, f"{distribution.name} does not tell its files"
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            link, target = Path(purelib, top), Path(str(distribution.locate_file(top)))
            if not link.is_symlink():
                link.symlink_to(target)
            assert link.readlink() == target, f"{distribution.name} shares {top} with another distribution"
        for program in distribution.entry_points.select(group="console_scripts"):
            function = program.attr.partition(".")[0]
            text = _PROGRAM.format(python=environment / "bin/python", module=program.module, function=function)
            _write_program(environment / "bin" / program.name, text)


def _with_required(names: Iterable[str]) -> list[metadata.Distribution]:
    """Find distributions in the environment of the tests, and whatever they require."""
    found: dict[str, metadata.Distribution] = {}
    wanted = [Requirement(name) for name in names]
    while wanted:
        requirement = wanted.pop()
        distribution = metadata.distribution(requirement.name)
        for extra in {"", *requirement.extras}:
            if (key := f"{distribution.name}[{extra}]") not in found:
                found[key] = distribution
                required = map(Requirement, distribution.requires or [])
                wanted += [each for each in required if each.marker is None or each.marker.evaluate({"extra": extra})]
    return list({each.name: each for each in found.values()}.values())


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _pip(environment: str, command: str, *arguments: str) -> None:
    assert command == "install", f"this pip has no `{command}`"
    _install(Path(environment).resolve(), [each for each in arguments if each != "--quiet"])


if __name__ == "__main__":
    _pip(*sys.argv[1:])
