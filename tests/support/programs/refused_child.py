"""Have writes refused by a full disk: `python -m tests.support.programs.refused_child ENDING THROUGH TOP`.

ENDING says how the programs end that write: `well`, `killed`, or `never`, which is killed after a commit. TOP is an
empty file system of some tens of megabytes. Prints what came of it, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.data.checked import assert_clean
from tests.support.mounts.stagedstore import StagedStore
from tests.support.programs.full_disk_child import Disk, outcome, stored
from tests.support.programs.refused_writer import DATA, SIZE, WAYS


@contextmanager
def _writers(draft: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Programs that are ready to write, one in each way."""
    command = [sys.executable, "-m", "tests.support.programs.refused_writer"]
    programs = {
        way: subprocess.Popen([*command, way, str(draft / way)], stdin=-1, stdout=-1, text=True) for way in WAYS
    }
    try:
        for program in programs.values():
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
        yield programs
    finally:
        for program in programs.values():
            program.kill()
            program.wait()
            for pipe in (program.stdin, program.stdout):
                if pipe is not None:
                    pipe.close()


def _write(program: subprocess.Popen[str]) -> None:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write("go\n")
    program.stdin.flush()
    assert program.stdout.readline() == "written\n"


def _end(programs: dict[str, subprocess.Popen[str]], ending: str) -> None:
    for program in programs.values():
        if ending == "well":
            assert program.stdin is not None
            program.stdin.close()
            assert program.wait() == 0
        else:
            program.kill()
            program.wait()


def _commit(staged: StagedStore, draft: Path, token: str) -> list[str]:
    outcome(lambda: staged.ask(draft, token, wait=0))
    result = staged.ended(draft, token)
    return [result["state"], result["error"], result["message"]]


def _status(draft: Path) -> list[str]:
    lines = (draft / ".artfs/status").read_text().splitlines()
    return sorted(line[2:] for line in lines if line.startswith("! "))


def main() -> None:
    ending, through, top = sys.argv[1], sys.argv[2] == "through", Path(sys.argv[3])
    disk = Disk(top)
    seen: dict[str, object] = {}
    with StagedStore(top) as staged:
        staged.mount(writeback_cache=not through)
        draft = staged.stage("animals")
        with _writers(draft) as programs:
            disk.fill(but=100_000)
            for program in programs.values():
                _write(program)
            if ending == "never":
                seen["while open"] = _commit(staged, draft, "open")[:2]
            _end(programs, ending)
        disk.free()
        seen["marked"] = _status(draft)
        seen["read"] = {way: outcome((draft / way).read_bytes) for way in WAYS}
        staged.kill(lambda: staged.server)
        seen["commit"] = _commit(staged, draft, "first")
        staged.umount()
        assert_clean(staged.store)
        staged.mount(writeback_cache=not through)
        seen["marked in the next mount"] = _status(draft)
        seen["versions"] = staged.versions("animals")
        (draft / "write").write_bytes(DATA[:SIZE])
        (draft / "mmap").write_bytes(DATA[:SIZE])
        with (draft / "append").open("r+b") as file:
            file.truncate(6)
        with (draft / "truncate-and-extend").open("r+b", buffering=0) as file:  # whole pages, in their place
            file.write(DATA[:SIZE])
        (draft / "rename-over").unlink()
        seen["left"] = _status(draft)
        (draft / "writev").unlink()
        (draft / "copy-file-range").write_bytes(b"")
        ref = staged.commit(draft)
        found = stored(staged, ref)
        found.pop("copy-file-range.source")
        assert found.pop("append") == b"before"
        assert all(DATA.startswith(data) for data in found.values())
        seen["stored"] = {path: len(data) for path, data in found.items()}
    assert_clean(staged.store)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
