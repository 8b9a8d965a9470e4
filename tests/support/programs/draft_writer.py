"""One of many processes that write into a draft, or that commit it, until their standard input ends.

    draft_writer write DRAFT ACKNOWLEDGED NUMBER
    draft_writer commit DRAFT ACKNOWLEDGED COUNT

A writer makes generation after generation in its directory. Each is `begun`, then `data-0` to `data-4` by turns, then
`done`: `begun` and `done` say which generation, and so does a data file, with bytes that follow from it. Half of the
files are written in place, half beside it and renamed. A generation that is done is acknowledged, as 8 bytes at the
writer's place of the file ACKNOWLEDGED, which is in no draft.

Who commits tells, as JSON when it has made COUNT commits, how often it was refused since the other was at it, and of
each commit what was acknowledged before it was asked for and after it was made.
"""

from __future__ import annotations

import errno
import json
import os
import random
import secrets
import select
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support.mounts.mounts import wait_until

__all__ = ["DATA_FILES", "acknowledged", "check_generations"]

DATA_FILES: Final = 5
_HEAD: Final = 8


def _data(writer: int, generation: int) -> bytes:
    rng = random.Random(writer << 32 | generation)
    return generation.to_bytes(_HEAD) + rng.randbytes(rng.choice([0, 100, 5000, 200_000]))


def acknowledged(path: Path) -> list[int]:
    """The last generation of each writer that was acknowledged."""
    data = path.read_bytes()
    return [int.from_bytes(data[at : at + _HEAD]) for at in range(0, len(data), _HEAD)]


def check_generations(writer: int, files: Mapping[str, bytes], at_least: int, at_most: int) -> None:
    """Prove that a writer's directory was like this at one moment.

    Args:
        writer: Its number.
        files: What is in its directory.
        at_least: A generation that was done by then.
        at_most: One that was not begun by then, or was the last.
    """
    begun, done = (int.from_bytes(files.get(name, b"")) for name in ("begun", "done"))
    assert done <= begun <= done + 1, (writer, begun, done)
    assert at_least <= done, (writer, at_least, done)
    assert begun <= at_most, (writer, begun, at_most)
    for place in range(DATA_FILES):
        expected = [generation for generation in range(max(1, done - 4), done + 1) if generation % DATA_FILES == place]
        found = files.get(f"data-{place}")
        possible: set[bytes | None] = {_data(writer, generation) for generation in expected} or {None}
        if begun > done and begun % DATA_FILES == place:
            possible.add(_data(writer, begun))
        assert found in possible, (writer, begun, done, place, found and found[:_HEAD])
    beside = files.get("beside")
    assert beside is None or int.from_bytes(beside[:_HEAD]) in {begun, begun + 1}


def _is_over() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _write(draft: Path, record: Path, writer: int) -> None:
    place = draft / f"writer-{writer}"
    place.mkdir()
    rng = random.Random(writer)
    generation = 0

    def put(name: str, data: bytes) -> None:
        target = place / name
        if rng.random() < 0.5:
            target = place / "beside"
        with open(target, "wb", buffering=0) as file:
            at = rng.randrange(len(data) + 1)
            file.write(data[:at])
            file.write(data[at:])
        if target.name == "beside":
            target.rename(place / name)

    with open(record, "r+b", buffering=0) as acknowledgements:
        while not _is_over():
            generation += 1
            head = generation.to_bytes(_HEAD)
            put("begun", head)
            put(f"data-{generation % DATA_FILES}", _data(writer, generation))
            put("done", head)
            os.pwrite(acknowledgements.fileno(), head, writer * _HEAD)


def _commit(draft: Path, record: Path, count: int) -> None:
    commits: list[tuple[str, list[int], list[int]]] = []
    refused = 0
    while len(commits) < count:
        token = secrets.token_hex(8)
        before = acknowledged(record)
        try:
            (draft / ".artfs/commit").write_bytes(json.dumps({"token": token, "wait": 60}).encode())
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            refused += 1
            time.sleep(0.01)
            continue
        result = _result(draft, token)
        assert result["state"] == "committed", result
        commits.append((result["ref"], before, acknowledged(record)))
    print(json.dumps({"refused": refused, "commits": commits}))


def _result(draft: Path, token: str) -> dict[str, str]:
    def ended() -> list[dict[str, str]]:
        results = json.loads((draft / ".artfs/result").read_bytes())
        mine = [result for result in results if result["token"] == token]
        return [result for result in mine if result["state"] in {"committed", "failed"}]

    return wait_until(ended, 90.0)[0]


def main() -> None:
    what, draft, record, number = sys.argv[1:]
    {"write": _write, "commit": _commit}[what](Path(draft), Path(record), int(number))


if __name__ == "__main__":
    main()
