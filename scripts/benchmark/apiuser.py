"""What people write with the Python API; a program that `api` runs.

python apiuser.py dir STORE DIRECTORY     adds a directory to an artifact and logs it in a run
python apiuser.py files STORE DIRECTORY   the same, file by file
python apiuser.py steps STORE NUMBER      logs steps of ten values; prints us a call, and MB kept
python apiuser.py artifact STORE REF      looks an artifact up; prints the mean time in ms, once the store is open
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import artfs

_LOOKS = 2_000


def log_directory(store: str, source: str) -> None:
    """Add a directory at once, and log it."""
    with artfs.init(name="bench", store=store) as run:
        artifact = artfs.Artifact("small", store=store)
        artifact.add_dir(source)
        run.log_artifact(artifact)


def log_files(store: str, source: str) -> None:
    """Add all files of a directory one by one, and log them."""
    with artfs.init(name="bench", store=store) as run:
        artifact = artfs.Artifact("small", store=store)
        for file in sorted(Path(source).glob("*/*")):
            artifact.add_file(file, name=file.relative_to(source))
        run.log_artifact(artifact)


def look_up(store: str, ref: str) -> float:
    """Return how long `Api().artifact(ref)` takes in a process that has the store open."""
    for _warming in range(10):
        artfs.Api(store).artifact(ref)
    start = time.perf_counter()
    for _ in range(_LOOKS):
        artfs.Api(store).artifact(ref)
    return (time.perf_counter() - start) / _LOOKS * 1e3


def log_steps(store: str, number: int) -> tuple[float, float]:
    """Return how long `run.log` of ten values takes (us), and what the history of all steps takes (MB)."""
    draw = random.Random(1)  # values of metrics
    steps = [{f"metric/{place}": draw.random() for place in range(10)} for _step in range(number)]
    with artfs.init(name="bench", store=store) as run:
        start = time.perf_counter()
        for values in steps:
            run.log(values)
        took = time.perf_counter() - start
    kept = sum(file.stat().st_size for file in Path(store, "steps", run.id).iterdir())
    return took / number * 1e6, kept / 1e6


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["dir", store, source]:
            log_directory(store, source)
        case ["files", store, source]:
            log_files(store, source)
        case ["steps", store, number]:
            print(*log_steps(store, int(number)))
        case ["artifact", store, ref]:
            print(look_up(store, ref))
        case _:
            sys.exit(__doc__)
