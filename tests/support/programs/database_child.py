"""A process that works on the database of a draft until it is done or killed: the test beside it says which.

database_child serve DIR EVERY      apply steps for ever, a checkpoint after each EVERY of them
database_child kill DIR POINT       apply steps, and die at that point of a checkpoint
database_child outgrow DIR          die within a commit, at the write that makes the file longer
database_child look DIR             tell the rows as a snapshot has them, once per line read
database_child check DIR            open it, tell the last step, and whether all rows fit it
database_child full DIR             fill a file system, free some, repeat
database_child limit DIR            let files refuse to grow, in appends and in commits
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from artfs.drafts.db.database import DraftDatabase, DraftSnapshot, RowsEnvironment
from artfs.drafts.db.redo_log import RedoLog

__all__ = ["POINTS", "rows_after", "rows_of", "step"]

POINTS = ("log opened", "log begun", "before the commit", "after the commit", "old log removed")
_LAST = b"Mlast"

Changes = list[tuple[bytes, bytes | None]]


def step(number: int) -> Changes:
    """What one step changes: some rows set, one removed, and which step it was."""
    return [
        (b"I%03d" % (number % 50), b"%d " % number * (number % 200)),
        (b"I%03d" % (number * 7 % 50), None),
        (b"E%d" % (number % 1000), bytes(number % 7)),
        (_LAST, b"%d" % number),
    ]


def rows_after(steps: int) -> dict[bytes, bytes]:
    """The rows after so many steps."""
    rows: dict[bytes, bytes] = {}
    for number in range(steps):
        for key, value in step(number):
            rows.pop(key, None)
            if value is not None:
                rows[key] = value
    return rows


def rows_of(rows: DraftDatabase | DraftSnapshot) -> dict[bytes, bytes]:
    """All rows that steps make."""
    return {table + key: value for table in (b"I", b"E", b"M") for key, value in rows.items(table)}


def _steps(rows: DraftDatabase | DraftSnapshot) -> int:
    last = rows.get(_LAST)
    return 0 if last is None else int(last) + 1


def say(what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def serve(directory: str, every: str) -> None:
    database = DraftDatabase.open(Path(directory))
    number = _steps(database)
    while True:
        database.apply(step(number))
        number += 1
        say(number)
        if number % int(every) == 0:
            database.checkpoint()


def kill(directory: str, point: str) -> None:
    def at(owner: type, name: str, *, before: bool = False, when: Callable[..., bool] = lambda *_args: True) -> None:
        call = getattr(owner, name)

        def calling(*args: Any, **kwargs: Any) -> Any:
            if before and when(*args):
                say(point)
                _die()
            call(*args, **kwargs)
            if when(*args):
                say(point)
                _die()

        setattr(owner, name, calling)

    with DraftDatabase.open(Path(directory)) as database:
        number = _steps(database)
        for count in range(10):
            database.apply(step(number + count))
        match point:
            case "log opened":
                at(RedoLog, "_write_header", before=True)
            case "log begun":
                at(RedoLog, "_write_header")
            case "before the commit":
                at(RowsEnvironment, "commit", before=True)
            case "after the commit":
                at(RowsEnvironment, "commit")
            case "old log removed":
                at(RedoLog, "discard")
        database.checkpoint()


def outgrow(directory: str) -> None:
    """The kernel kills a process that writes beyond its limit, unless it ignores the signal (as Python does)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    database = DraftDatabase.open(Path(directory))
    number = _steps(database)
    database.apply([*step(number), (b"Ibig", bytes(100_000))])
    size = (Path(directory) / "rows" / "data.mdb").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    say(number + 1)
    database.checkpoint()


def look(directory: str) -> None:
    with DraftSnapshot.open(Path(directory)) as snapshot:
        say("ready")
        for _line in sys.stdin:
            steps = _steps(snapshot)
            say([steps, rows_of(snapshot) == rows_after(steps)])


def check(directory: str) -> None:
    with DraftDatabase.open(Path(directory)) as database:
        steps = _steps(database)
        rows = rows_of(database)
        rows.pop(b"Ibig", None)
        say([steps, rows == rows_after(steps)])


def full(directory: str) -> None:
    place = Path(directory) / "draft"
    place.mkdir()
    DraftDatabase.create(place, [])
    looked: list[int] = []
    fallocate = os.posix_fallocate

    def looking(*args: int) -> None:
        looked.append(1)
        fallocate(*args)

    os.posix_fallocate = looking
    results: dict[str, object] = {}
    database = DraftDatabase.open(place)
    results["appends"] = _fill_by_appends(database, directory)
    results["checkpoints"] = sorted(
        {_refuse_checkpoint(database, directory, pages) for pages in (0, 1, 12, 18, 20, 24, 29, 40)}
    )
    results["cut short"] = len(looked)
    steps = _steps(database)
    results["whole"] = rows_of(database) == rows_after(steps)
    database.checkpoint()
    results["logged"] = database.logged
    shutil.copytree(place, place.with_name("copy"))
    with DraftDatabase.open(place.with_name("copy")) as again:
        results["reopened"] = _steps(again) == steps and rows_of(again) == rows_after(steps)
    say(results)


def _leave_room(directory: str, size: int) -> Path:
    """Fill the file system until it refuses, then give so much back."""
    ballast = Path(directory) / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        for length in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(length))
                    os.fsync(file.fileno())
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        file.truncate(max(0, os.fstat(file.fileno()).st_size - size) & -4096)
        os.fsync(file.fileno())
    return ballast


def _fill_by_appends(database: DraftDatabase, directory: str) -> list[object]:
    ballast = _leave_room(directory, 64 << 10)
    number = _steps(database)
    code = ""
    try:
        while True:
            database.apply(step(number))
            number += 1
    except OSError as error:
        code = errno.errorcode[error.errno or 0]
    unchanged = number > 10 and rows_of(database) == rows_after(number)
    ballast.unlink()
    database.apply(step(number))
    return [code, unchanged, rows_of(database) == rows_after(number + 1)]


def _refuse_checkpoint(database: DraftDatabase, directory: str, pages: int) -> str:
    """Let a checkpoint run into a full disk; steps before and after it go on."""
    number = _steps(database)
    code = "none"
    database.apply([*step(number), (b"Xbig", os.urandom(400_000))])
    ballast = _leave_room(directory, pages * 4096)
    try:
        database.checkpoint()
    except OSError as error:
        code = errno.errorcode[error.errno or 0]
    right = rows_of(database) == rows_after(number + 1) and len(database.get(b"Xbig") or b"") == 400_000
    ballast.unlink()
    database.apply([*step(number + 1), (b"Xbig", None)])
    return code if right and rows_of(database) == rows_after(number + 2) else "wrong rows"


def limit(directory: str) -> None:
    place = Path(directory)
    database = DraftDatabase.open(place)
    database.apply([(b"Xbig", os.urandom(3 << 20))])
    database.checkpoint()
    data = (place / "rows" / "data.mdb").stat().st_size
    number = _steps(database)
    results: list[object] = []
    for room in (0, 7, 8, 50):  # in the log: nothing, less than a head, a head, part of a record
        before = database.logged
        _limit_to(before + room)
        results.append(_refusal(partial(database.apply, step(number))))
        _limit_to(resource.RLIM_INFINITY)
        assert database.logged == before
        assert rows_of(database) == rows_after(number)
        database.apply(step(number))
        number += 1
    for room in (0, 3):  # pages of data.mdb: refused as a whole, cut short
        database.apply([(b"Xmore", os.urandom(300_000)), *step(number)])
        number += 1
        _limit_to(data + room * 4096)
        results.append(_refusal(database.checkpoint))
        results.append(rows_of(database) == rows_after(number))
        results.append(_refusal(partial(database.apply, step(number))))
        _limit_to(resource.RLIM_INFINITY)
        if results[-1] == "none":
            number += 1
    results.append(_refusal(database.sync))
    results.append(database.poisoned)
    database.close()
    with DraftDatabase.open(place) as again:
        results.append(rows_of(again) == rows_after(number))
    say(results)


def _limit_to(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _refusal(change: Callable[[], object]) -> str:
    try:
        change()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "none"


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {
        "serve": serve,
        "kill": kill,
        "outgrow": outgrow,
        "look": look,
        "check": check,
        "full": full,
        "limit": limit,
    }
    commands[sys.argv[1]](*sys.argv[2:])
