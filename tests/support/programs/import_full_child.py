"""Export and import on a disk that is full: `import_full_child TOP`, an empty small file system.

Prints what came of it, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from artfs.cli.main import main as artfs
from tests.support.data.bundles import noise
from tests.support.data.checked import assert_clean


def main() -> None:
    top = Path(sys.argv[1])

    def run(store: str, *arguments: str | Path) -> int:
        return artfs(["--store", str(top / store), *map(str, arguments)])

    (top / "source").mkdir()
    for number in range(120):
        (top / "source" / str(number)).write_bytes(noise(number, 100_000))
    found: dict[str, object] = {"made": [run("here", "put", top / "source", "-n", "animals"), run("there", "init")]}
    found["made"] = [*found["made"], run("here", "export", "animals", top / "a.artfs")]  # type: ignore[misc]
    for path in (top / "source").iterdir():
        path.unlink()
    filling = top / "filling"
    with filling.open("wb") as file:
        file.write(bytes(12 << 20))
    found["import"] = run("there", "import", top / "a.artfs")
    found["seen"] = run("there", "show", "animals")
    assert_clean(top / "there")
    found["export"] = run("here", "export", "animals", top / "b.artfs")
    found["left"] = [path.name for path in top.glob("*artfs*")] + [path.name for path in top.glob(".artfs*")]
    filling.unlink()
    found["again"] = run("there", "import", top / "a.artfs")
    assert_clean(top / "there")
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
