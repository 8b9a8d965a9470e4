"""Every change of a draft's rows that was acknowledged is there afterwards, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artfs.drafts.db.database import EPOCH_KEY, DraftDatabase, DraftSnapshot, RowsEnvironment
from artfs.drafts.db.schema import ROWS_ERRORS, RowReader
from artfs.errors import IntegrityError
from artfs.kv.mdb_file import bytes_missing
from tests.support.mounts.mounts import apart
from tests.support.programs.database_child import POINTS, rows_after, rows_of, step

ROOT = Path(__file__).parents[3]


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    place = tmp_path / "draft"
    place.mkdir()
    DraftDatabase.create(place, [])
    return place


def child(*arguments: object, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*under, sys.executable, "-m", "tests.support.programs.database_child", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(*arguments: object, under: Sequence[str] = (), code: int = 0) -> list[Any]:
    """What a child says until it ends."""
    process = child(*arguments, under=under)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return [json.loads(line) for line in out.splitlines()]


def ask(process: subprocess.Popen[str]) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@contextmanager
def looking(draft: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has a snapshot open."""
    with child("look", draft) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == "ready"
        try:
            yield process
        finally:
            process.kill()


def raw_logs(draft: Path) -> list[str]:
    return sorted(path.name for path in draft.glob("redo-*"))


# ------------------------------------------------------------------------------------------------------ what it holds


def test_a_new_database_has_what_it_was_made_with(tmp_path: Path) -> None:
    DraftDatabase.create(tmp_path, [(b"Mstate", b"here"), (b"Mempty", b"")])
    with DraftDatabase.open(tmp_path) as database:
        assert database.items(b"M") == [(b"empty", b""), (b"state", b"here")]
        assert database.get(b"Mempty") == b""
        assert database.get(b"Mnone") is None
        assert not database.dropped


KEYS = st.builds(
    lambda table, rest: table + rest,
    st.sampled_from([b"A", b"B", b"\xfe", b"\xff"]),
    st.one_of(
        st.binary(max_size=2),
        st.text("ab\0\xff", max_size=3).map(lambda text: text.encode("latin-1")),
        st.sampled_from([b"\xff" * 510, b"a" * 510, b"a" * 509]),
    ),
)
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=8) | st.just(bytes(5000))), max_size=8)
ACTIONS = st.one_of(
    CHANGES,
    CHANGES,
    st.sampled_from(["checkpoint", "reopen", "crash", "sync"]),
    st.tuples(st.just("look"), KEYS, KEYS, st.none() | st.integers(0, 4)),
)


def floor_of(model: dict[bytes, bytes], prefix: bytes, end: bytes) -> tuple[bytes, bytes] | None:
    keys = [key for key in model if key.startswith(prefix) and key <= prefix + end]
    return (max(keys)[len(prefix) :], model[max(keys)]) if keys else None


def check(rows: RowReader, model: dict[bytes, bytes], prefix: bytes, rest: bytes, limit: int | None) -> None:
    """Hold the rows against a dictionary, where a key leads."""
    assert rows.get(prefix) == model.get(prefix)
    inside = [(key[len(prefix) :], model[key]) for key in sorted(model) if key.startswith(prefix)]
    assert rows.items(prefix) == inside
    assert rows.items(prefix, rest, limit) == [row for row in inside if row[0] >= rest][:limit]
    assert rows.floor(prefix, rest) == floor_of(model, prefix, rest)
    table = prefix[:1]
    assert rows.floor(table, prefix[1:]) == floor_of(model, table, prefix[1:])
    assert rows.floor(table, b"\xff" * 510) == floor_of(model, table, b"\xff" * 510)


@settings(deadline=None, max_examples=60)
@given(st.lists(ACTIONS, min_size=3, max_size=20))
def test_the_rows_are_those_of_a_dictionary_whatever_comes_between(actions: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as top:
        place = Path(top) / "0"
        place.mkdir()
        DraftDatabase.create(place, [])
        database = DraftDatabase.open(place)
        model: dict[bytes, bytes] = {}
        committed: dict[bytes, bytes] = {}
        for number, action in enumerate(actions, 1):
            match action:
                case "checkpoint":
                    database.checkpoint()
                    committed = dict(model)
                case "reopen":
                    database.close()
                    database = DraftDatabase.open(place)
                    committed = dict(model)
                case "crash":  # what a process leaves that is killed now
                    place = shutil.copytree(place, Path(top) / str(number))
                    database.close()
                    with DraftSnapshot.open(place) as snapshot:
                        assert {b"A" + key: value for key, value in snapshot.items(b"A")} == {
                            key: value for key, value in committed.items() if key[:1] == b"A"
                        }
                    database = DraftDatabase.open(place)
                    committed = dict(model)
                case "sync":
                    database.sync()
                case ("look", prefix, rest, limit):
                    check(database, model, prefix, rest, limit)
                case changes:
                    database.apply(changes)
                    for key, value in changes:
                        model.pop(key, None)
                        if value is not None:
                            model[key] = value
        for key in {b"A", b"B", b"\xfe", b"\xff", *model}:
            check(database, model, key, b"a", 2)
        database.close()


def test_methods_looked_up_before_a_checkpoint_read_on_after_it(draft: Path) -> None:
    with DraftDatabase.open(draft) as database:
        get, items, floor = database.get, database.items, database.floor
        for value in (b"1", b"2"):
            database.apply([(b"Ma", value)])
            database.checkpoint()
            assert (get(b"Ma"), items(b"M"), floor(b"M", b"z")) == (value, [(b"a", value)], (b"a", value))


def test_a_change_that_cannot_be_made_changes_nothing(draft: Path) -> None:
    with DraftDatabase.open(draft) as database:
        database.apply([(b"Ma", b"1")])
        logged = database.logged
        with pytest.raises(OSError, match="Invalid argument"):
            database.apply([(b"Ma", b"2"), (b"M" * 512, b""), (b"Mb", b"")])
        with pytest.raises(TypeError):
            database.apply([(b"Ma", b"3"), (b"Mc", "text")])  # type: ignore[list-item] # that is what is tested
        assert database.items(b"M") == [(b"a", b"1")]
        assert (database.logged, database.poisoned) == (logged, False)
        database.apply([(b"Mb", b"2")])
    with DraftDatabase.open(draft) as database:
        assert database.items(b"M") == [(b"a", b"1"), (b"b", b"2")]


# ------------------------------------------------------------------------------------------------------------- kills


@pytest.mark.parametrize("every", [3, 1_000_000])
def test_what_was_acknowledged_is_there_after_a_kill_at_any_moment(draft: Path, every: int) -> None:
    moments = random.Random(every)
    done = 0
    for _ in range(8):
        with child("serve", draft, every) as process:
            assert process.stdout is not None
            assert int(process.stdout.readline()) == done + 1
            time.sleep(moments.uniform(0, 0.05))
            process.kill()
            acknowledged = [done + 1, *map(int, process.stdout.read().splitlines())][-1]
            assert process.wait() == -signal.SIGKILL
        [(done, right)] = output("check", draft)
        assert right
        assert acknowledged <= done <= acknowledged + 1
    assert done >= 8


def test_a_draft_is_served_again_while_a_snapshot_lives_on_beside_the_killed(draft: Path) -> None:
    """The lock of a process that was killed within its transaction stays locked then, without an owner."""
    with looking(draft) as watcher:
        for _ in range(2):
            with child("serve", draft, 3) as process:
                assert process.stdout is not None
                for _line in range(20):
                    process.stdout.readline()
                process.kill()
            assert process.returncode == -signal.SIGKILL
        [(done, right)] = output("check", draft)
        assert right
        assert done >= 40
        assert ask(watcher) == [0, True]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_within_a_checkpoint_loses_nothing(draft: Path, point: str) -> None:
    for count in (1, 2):
        assert output("kill", draft, point, code=-signal.SIGKILL) == [point]
        crashed = raw_logs(draft)
        expected = {
            "log opened": ["redo-{0}.log", "redo-{1}.log"],
            "log begun": ["redo-{0}.log", "redo-{1}.log"],
            "before the commit": ["redo-{0}.log", "redo-{1}.log"],
            "after the commit": ["redo-{0}.log", "redo-{1}.log"],
            "old log removed": ["redo-{1}.log"],
        }[point]
        first = min(int(name[5:-4]) for name in crashed) - (point == "old log removed")
        assert crashed == sorted(name.format(first, first + 1) for name in expected)
        with DraftDatabase.open(draft) as database:
            assert rows_of(database) == rows_after(10 * count)
            assert not database.dropped
            assert len(raw_logs(draft)) == 1


def test_a_kill_within_the_commit_itself_loses_nothing(draft: Path) -> None:
    for count in (1, 2):
        before = (draft / "rows" / "data.mdb").stat().st_size
        assert output("outgrow", draft, code=-signal.SIGXFSZ) == [count]
        assert len(raw_logs(draft)) == 2
        assert (draft / "rows" / "data.mdb").stat().st_size == before
        with DraftDatabase.open(draft) as database:
            assert database.get(b"Ibig") == bytes(100_000)
            database.apply([(b"Ibig", None)])
            assert rows_of(database) == rows_after(count)


# ---------------------------------------------------------------------------------------------------- damaged logs


def killed(draft: Path, *, steps: int, committed: int) -> Path:
    """A draft as a kill leaves it: some steps committed, the rest in the log."""
    copy = draft.with_name("killed")
    with DraftDatabase.open(draft) as database:
        for number in range(steps):
            if number == committed:
                database.checkpoint()
            database.apply(step(number))
        shutil.copytree(draft, copy)
    return copy


def test_a_log_torn_at_any_byte_gives_whole_steps(draft: Path) -> None:
    place = killed(draft, steps=6, committed=3)
    [log] = place.glob("redo-*")
    whole, rows = log.read_bytes(), (place / "rows" / "data.mdb").read_bytes()
    found = []
    for size in range(len(whole) + 1):
        for path in place.glob("redo-*"):
            path.unlink()
        log.write_bytes(whole[:size])
        (place / "rows" / "data.mdb").write_bytes(rows)
        with DraftDatabase.open(place) as database:
            steps = int(database.get(b"Mlast") or b"") + 1
            assert rows_of(database) == rows_after(steps)
        found.append(steps)
    assert found == sorted(found)
    assert set(found) == {3, 4, 5, 6}
    assert (found[0], found[-2], found[-1]) == (3, 5, 6)


def test_logs_of_other_epochs_are_removed_unread(draft: Path) -> None:
    place = killed(draft, steps=6, committed=3)
    [log] = place.glob("redo-*")
    epoch = int(log.name[5:-4])
    with DraftDatabase.open(draft) as database:
        database.apply([(b"Mlast", b"99")])
        strange = next(draft.glob("redo-*")).read_bytes()
    for other in (epoch - 1, epoch + 1, epoch + 70):
        (place / f"redo-{other}.log").write_bytes(strange)
    with DraftDatabase.open(place) as database:
        assert rows_of(database) == rows_after(6)
        assert len(raw_logs(place)) == 1


def test_a_log_that_is_missing_is_begun(draft: Path) -> None:
    place = killed(draft, steps=6, committed=3)
    for log in place.glob("redo-*"):
        log.unlink()
    with DraftDatabase.open(place) as database:
        assert rows_of(database) == rows_after(3)
        database.apply(step(3))
    with DraftDatabase.open(place) as database:
        assert rows_of(database) == rows_after(4)


def test_what_a_killed_process_left_in_the_log_is_made_to_last_at_once(draft: Path) -> None:
    """Its sync may have failed: what the page cache shows is on no disk then, and no later sync writes it."""
    place = killed(draft, steps=6, committed=3)
    with looking(place) as watcher:
        assert ask(watcher) == [3, True]
    with DraftDatabase.open(place) as database, looking(place) as watcher:
        assert ask(watcher) == [6, True]
        assert rows_of(database) == rows_after(6)


def test_a_draft_is_opened_on_a_full_disk(draft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    place = killed(draft, steps=6, committed=3)
    monkeypatch.setattr(RowsEnvironment, "commit", fail)
    with DraftDatabase.open(place) as database:
        assert rows_of(database) == rows_after(6)
        database.apply(step(6))
        with pytest.raises(OSError, match="full"):
            database.checkpoint()
        assert database.logged == 0  # so that the next try is not due at once
        assert rows_of(database) == rows_after(7)
    monkeypatch.undo()
    with DraftDatabase.open(place) as database:
        assert rows_of(database) == rows_after(7)


def test_dropped_bytes_are_counted(draft: Path) -> None:
    place = killed(draft, steps=6, committed=3)
    [log] = place.glob("redo-*")
    with open(log, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    with DraftDatabase.open(place) as database:
        assert database.dropped > 8
        assert rows_of(database) == rows_after(5)


# ---------------------------------------------------------------------------------------------------------- full disks


def test_a_full_disk_is_an_error_that_changes_nothing_and_a_retry_succeeds(tmp_path: Path) -> None:
    namespace = apart()
    mount = 'mount -t tmpfs -o size=24m,mode=700 artfs-test "$0" && exec "$@"'
    [found] = output("full", tmp_path, under=[*namespace, "sh", "-c", mount, str(tmp_path)])
    assert found.pop("cut short") > 1
    assert found == {
        "appends": ["ENOSPC", True, True],
        "checkpoints": ["ENOSPC"],
        "whole": True,
        "logged": 20,
        "reopened": True,
    }


def test_a_file_that_may_not_grow_is_an_error_that_loses_nothing(draft: Path) -> None:
    """The last is LMDB's EIO, for which nothing else is to blame than the disk: it ends all changing."""
    appends = ["EFBIG"] * 4
    refused = ["EFBIG", True, "none"]
    cut_short = ["EIO", True, "EROFS"]
    assert output("limit", draft) == [[*appends, *refused, *cut_short, "EROFS", True, True]]


def test_a_failed_sync_ends_all_changing_and_the_next_process_has_all(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    database = DraftDatabase.open(draft)
    database.apply(step(0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="broken"):
            database.sync()
    for change in (database.sync, database.checkpoint, lambda: database.apply(step(1))):
        with pytest.raises(OSError, match="Read-only file system") as caught:
            change()
        assert caught.value.errno == errno.EROFS
    assert rows_of(database) == rows_after(1)
    database.close()
    with DraftDatabase.open(draft) as database:
        assert rows_of(database) == rows_after(1)
        database.apply(step(1))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_commit_that_failed_and_yet_happened_ends_all_changing(
    draft: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The log is not of the rows any more then: what came into it now would be lost."""
    commit = RowsEnvironment.commit

    def fail(environment: RowsEnvironment, txn: Any) -> None:
        commit(environment, txn)
        raise OSError(number, "afterwards")

    database = DraftDatabase.open(draft)
    database.apply(step(0))
    with monkeypatch.context() as patch:
        patch.setattr(RowsEnvironment, "commit", fail)
        with pytest.raises(OSError, match="afterwards"):
            database.checkpoint()
    with pytest.raises(OSError, match="Read-only file system"):
        database.apply(step(1))
    assert rows_of(database) == rows_after(1)
    database.close()
    with DraftDatabase.open(draft) as database:
        assert rows_of(database) == rows_after(1)


def test_rows_that_cannot_be_opened_again_are_not_read_by_halves(draft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, "too many")

    database = DraftDatabase.open(draft)
    database.apply(step(0))
    with monkeypatch.context() as patch:
        patch.setattr(RowsEnvironment, "commit", lambda *_args: fail())
        patch.setattr(RowsEnvironment, "open", fail)
        with pytest.raises(OSError, match="too many"):
            database.checkpoint()
    for read in (lambda: database.get(b"Mlast"), lambda: database.items(b"M"), lambda: database.floor(b"M", b"")):
        with pytest.raises(OSError, match="Input/output error"):
            read()
    with pytest.raises(OSError, match="Read-only file system"):
        database.apply(step(1))
    database.close()
    with DraftDatabase.open(draft) as database:
        assert rows_of(database) == rows_after(1)


# ----------------------------------------------------------------------------------------------------------- snapshots


def test_a_snapshot_shows_the_last_checkpoint_before_it_and_no_later_one(draft: Path) -> None:
    with DraftDatabase.open(draft) as database:
        for number in range(10):
            database.apply(step(number))
        database.checkpoint()
        database.apply(step(10))
        with looking(draft) as early:
            assert ask(early) == [10, True]
            for number in range(11, 200):
                database.apply(step(number))
                if number % 10 == 0:
                    database.checkpoint()
                    assert ask(early) == [10, True]
            with looking(draft) as late:
                assert ask(late) == [191, True]
                assert ask(early) == [10, True]
        assert rows_of(database) == rows_after(200)


def test_the_pages_that_a_killed_snapshot_kept_are_used_again(draft: Path) -> None:
    def churn() -> int:
        before = size.stat().st_size
        for number in range(60):
            database.apply([(b"I%d" % row, bytes([number]) * 500) for row in range(200)])
            database.checkpoint()
        return size.stat().st_size - before

    size = draft / "rows" / "data.mdb"
    with DraftDatabase.open(draft) as database:
        churn()
        with looking(draft):
            grown = churn()
        assert grown > 1 << 20
        assert churn() < grown // 8


# ------------------------------------------------------------------------------------------------------------- damage


def test_a_damaged_value_is_never_served(draft: Path) -> None:
    value = b"a value that is found again"
    with DraftDatabase.open(draft) as database:
        database.apply([(b"Ma", b"1"), (b"Mb", value), (b"Mc", b"3")])
    data = draft / "rows" / "data.mdb"
    whole = data.read_bytes()
    place = whole.rindex(value)
    for offset in (0, len(value) - 1, len(value), len(value) + 3):
        damaged = bytearray(whole)
        damaged[place + offset] ^= 4
        data.write_bytes(damaged)
        for kind in (DraftSnapshot, DraftDatabase):
            rows = kind.open(draft)
            with pytest.raises(IntegrityError, match=f"key {b'Mb'.hex()}"):
                rows.get(b"Mb")
            with pytest.raises(IntegrityError):
                rows.items(b"M")
            with pytest.raises(IntegrityError):
                rows.floor(b"M", b"b")
            assert (rows.get(b"Ma"), rows.get(b"Mc"), rows.floor(b"M", b"d")) == (b"1", b"3", (b"c", b"3"))
            rows.close()


def test_a_value_under_another_key_is_damage(draft: Path) -> None:
    with DraftDatabase.open(draft) as database:
        database.apply([(b"Mfirst", b"1")])
    data = draft / "rows" / "data.mdb"
    data.write_bytes(data.read_bytes().replace(b"Mfirst", b"Mother"))
    with DraftSnapshot.open(draft) as rows, pytest.raises(IntegrityError):
        rows.get(b"Mother")


def test_rows_that_are_cut_off_or_no_rows_are_refused_before_they_kill(draft: Path) -> None:
    with DraftDatabase.open(draft) as database:
        database.apply([(b"I%d" % row, bytes(1000)) for row in range(100)])
    data = draft / "rows" / "data.mdb"
    whole = data.read_bytes()
    for contents in (b"", whole[:-1], whole[: len(whole) // 2], bytes(8192), b"x" * len(whole)):
        data.write_bytes(contents)
        for kind in (DraftSnapshot, DraftDatabase):
            with pytest.raises(IntegrityError, match="discard it"):
                kind.open(draft)
    data.unlink()
    with pytest.raises(IntegrityError, match="missing"):
        DraftDatabase.open(draft)
    shutil.rmtree(draft / "rows")
    with pytest.raises(IntegrityError, match="missing"):
        DraftSnapshot.open(draft)


def test_rows_without_an_epoch_are_damage(tmp_path: Path) -> None:
    environment = RowsEnvironment.create(tmp_path)
    environment.close()
    with pytest.raises(IntegrityError, match="no epoch"):
        DraftDatabase.open(tmp_path)
    assert EPOCH_KEY == b"\0epoch"


def test_a_file_that_lmdb_leaves_shorter_than_it_says_is_lengthened(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengthened: list[int] = []
    truncate = os.truncate

    def counted(path: Path, length: int) -> None:
        lengthened.append(length)
        truncate(path, length)

    monkeypatch.setattr(os, "truncate", counted)
    data = draft / "rows" / "data.mdb"
    with DraftDatabase.open(draft) as database:
        for number in range(2):
            database.apply([(b"Ia", b"%d" % number)])
            database.checkpoint()
        assert lengthened == []
        database.apply([(b"Ib", b"small"), (b"Ic", bytes(100_000)), (b"Ic", None)])
        database.checkpoint()
        assert lengthened == [data.stat().st_size]
        with open(data, "rb") as file:
            assert bytes_missing(file.fileno(), ROWS_ERRORS) <= 0
    with DraftDatabase.open(draft) as database:
        assert database.items(b"I") == [(b"a", b"1"), (b"b", b"small")]
