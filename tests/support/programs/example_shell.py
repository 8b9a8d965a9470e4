"""Run worlds of command lines, each in a copy of a home directory, and tell how each line ended.

    python -m tests.support.programs.example_shell WORLDS

WORLDS is a file: a JSON list of worlds, each a list of lines. The first builds the home of which all others begin with
a copy, at the same place. A line of `artfs` alone is run by a child of this process, which has artfs loaded; any other
line by bash. Prints for each world, as a line of JSON, how its lines ended: exit code, output and errors.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import artfs.store  # noqa: F401 - nearly every command needs it
from artfs.cli.main import main

_NEEDS_A_SHELL = re.compile(r"[|<>&;$*]|^(?!artfs )")
_QUOTED = re.compile(r"'[^']*'")


def _run(line: str, directory: Path) -> tuple[int, str, str]:
    """Run a line in a directory."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if _NEEDS_A_SHELL.search(_QUOTED.sub("", line)):
            code = subprocess.run(
                ["bash", "-c", line], cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=False
            ).returncode
        else:
            words = [os.path.expanduser(word) for word in shlex.split(line)[1:]]
            if (child := os.fork()) == 0:
                _become(words, directory, out.fileno(), err.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return code, os.fsdecode(out.read()), os.fsdecode(err.read())


def _become(words: list[str], directory: Path, out: int, err: int) -> None:
    """Be `artfs`, in a child."""
    code = 1
    try:
        os.chdir(directory)
        os.environ["PWD"] = os.fspath(directory)
        for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
            os.dup2(descriptor, number)
        code = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the parent's code must not run twice
        traceback.print_exc()
    finally:
        os._exit(code)


def _run_worlds(worlds: list[list[str]], home: Path) -> None:
    os.environ["PATH"] = f"{home / 'bin'}:{os.environ['PATH']}"
    work, kept = home / "work", Path(f"{home}.kept")
    for number, lines in enumerate(worlds):
        if number:
            shutil.copytree(kept, home, symlinks=True)
        print(json.dumps([_run(line, work) for line in lines]), flush=True)
        for place in ("art", "stage"):
            if os.path.ismount(home / place):  # a line failed
                subprocess.run(["fusermount3", "-uz", home / place], check=True)
        if number:
            shutil.rmtree(home)
        else:
            home.rename(kept)


if __name__ == "__main__":
    _run_worlds(json.loads(Path(sys.argv[1]).read_text()), Path.home())
