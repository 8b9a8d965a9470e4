"""Delete and collect on a disk that is full: `gc_full_child TOP`, an empty small file system.

Prints what came of it, as JSON.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from artfs.cli.main import main as artfs
from tests.support.data.checked import assert_clean

_SIZES = (1 << 20, 1 << 16, 1 << 12, 1)


def _fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("ab", buffering=0) as file:
        for size in _SIZES:
            while _written(lambda: file.write(bytes(size))):  # noqa: B023 # called in this round only
                pass


def _written(write: Callable[[], object]) -> bool:
    try:
        write()
    except OSError:
        return False
    return True


def _source(top: Path, seed: int, files: int) -> Path:
    source = top / f"source-{seed}"
    source.mkdir()
    for number in range(files):
        (source / str(number)).write_bytes(random.Random(seed * 1000 + number).randbytes(100_000))
    return source


def main() -> None:
    top = Path(sys.argv[1])
    store = top / "store"

    def run(*arguments: str | Path) -> int:
        return artfs(["--store", str(store), *map(str, arguments)])

    kept = _source(top, 1, 60)
    codes = [run("put", kept, "-n", "kept")]
    both = _source(top, 2, 60)
    codes += [run("put", kept, both, "-n", "both"), run("put", kept, "-n", "both")]
    packed = sum(path.stat().st_size for path in store.glob("packs/*/*.pack"))
    _fill(top / "filling")
    found: dict[str, object] = {"made": codes, "put": run("put", store.parent / "source-2" / "0", "-n", "refused")}
    found["rm"] = run("rm", "both:v0")
    found["gc"] = run("gc", "--now")
    found["freed"] = packed - sum(path.stat().st_size for path in store.glob("packs/*/*.pack")) > 5_900_000
    found["get"] = run("get", "kept", top / "out")
    found["same"] = {p.name: p.read_bytes() for p in kept.iterdir()} == {
        p.name: p.read_bytes() for p in (top / "out").iterdir()
    }
    (top / "filling").unlink()
    assert_clean(store)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
