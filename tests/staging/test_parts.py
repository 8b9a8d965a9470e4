"""The parts of a staging mount that need no mount: the course of a commit, what outlives a server, messages."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, cast

import pytest

from artfs.fuse.staging.again import Again
from artfs.fuse.staging.channel import channel_pair
from artfs.fuse.staging.commits import ANSWER_SECONDS, Commits, Pending
from artfs.fuse.staging.drafts import OpenDraft
from artfs.fuse.staging.messages import Committed, Failed, Idle, Made, Work
from artfs.fuse.staging.numbers import (
    CONTROL,
    WRITING,
    control_handle,
    is_control,
    join,
    of_control_handle,
    split,
)
from artfs.fuse.staging.openfiles import OpenFiles
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.home import MAX_NUMBER, DraftPlace
from artfs.vfs.draft.jobs import Job, Stored
from artfs.vfs.draft.request import CommitRequest
from artfs.vfs.draft.rows import BASE, Extent, Origin
from artfs.vfs.draft.usage import Usage

# ------------------------------------------------------------------------------------------ commits

STORER = 7


class FakeDraft:
    """What `Commits` asks of a draft."""

    def __init__(self) -> None:
        self.writers: list[int] = []
        self.origin = Origin("animals", base=3, base_ref="animals:v0")
        self.touched = True
        self.full = False
        self.generation = 0
        self.frozen = False

    def open_for_writing(self) -> list[int]:
        return self.writers

    def path(self, ino: int) -> bytes:
        return b"file-%d" % ino

    def has_base(self) -> bool:
        return True

    def is_touched(self) -> bool:
        return self.touched

    def freeze(self) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.generation += 1
        self.frozen = True
        return self.generation

    def thaw(self) -> None:
        self.frozen = False

    def committed(self, _generation: int, origin: Origin) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.origin = origin
        self.touched = False


class Course:
    """A draft whose commits are followed by a clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0
        self.draft = FakeDraft()
        place = DraftPlace(1, "animals", Path("/drafts/1.animals"))
        draft = cast(Draft, self.draft)
        self.opened = OpenDraft(place, draft, draft)
        self.commits = Commits(lambda: self.now)

    def ask(self, **request: Any) -> Pending:
        return self.commits.ask(self.opened, CommitRequest(**request))

    def write(self, *inodes: int) -> None:
        """From now on these files are open for writing."""
        self.draft.writers = list(inodes)
        self.commits.released(self.opened)

    def line(self) -> str:
        return self.commits.line(self.opened)

    def states(self) -> list[str]:
        return [result.state for result in self.commits.results(self.opened)]

    def command(self) -> int:
        """Hand what is ready to the storer; the generation."""
        pending = self.commits.ready.popleft()
        command = self.commits.command(pending, STORER)
        assert (command.to, command.directory) == (STORER, "/drafts/1.animals")
        return command.generation

    def committed(self, ref: str) -> None:
        generation = self.command()
        told = Committed("/drafts/1.animals", generation, ref, True, Origin("animals", base=4, base_ref=ref))
        self.commits.committed(self.opened, told)


@pytest.fixture
def course() -> Course:
    return Course()


def test_a_commit_is_frozen_at_once_when_nobody_writes(course: Course) -> None:
    assert course.line() == ""
    pending = course.ask()
    assert pending.answered.is_set()
    assert (course.opened.held, course.draft.frozen) == (True, True)
    assert course.line() == "committing 0%\n"
    course.commits.percent("/drafts/1.animals", 40)
    assert course.line() == "committing 40%\n"
    course.committed("animals:v1")
    assert course.line() == "animals:v1\n"
    assert course.draft.origin.base_ref == "animals:v1"
    assert not course.draft.frozen
    assert not course.commits.unfinished


def test_a_commit_waits_for_writers_and_freezes_when_the_last_is_gone(course: Course) -> None:
    course.write(1, 2)
    pending = course.ask(wait=60.0)
    assert course.line() == "waiting for 2 open files\n"
    assert course.commits.tick() == ANSWER_SECONDS
    course.write(2)
    assert course.line() == "waiting for 1 open file\n"
    assert not pending.answered.is_set()
    course.write()
    assert pending.answered.is_set()
    assert course.states() == ["committing"]


def test_who_asks_is_answered_in_time_and_the_waiting_goes_on(course: Course) -> None:
    course.write(1)
    pending = course.ask(wait=60.0)
    course.now += ANSWER_SECONDS
    wait = course.commits.tick()
    assert wait is not None
    assert abs(wait - 58.0) < 0.001
    assert (pending.answered.is_set(), pending.error) == (True, None)
    course.now += 57.0
    course.commits.tick()
    assert course.states() == ["waiting"]
    course.now += 1.0
    assert course.commits.tick() is None
    assert course.line() == "error: still open for writing: file-1; close them and commit again\n"
    assert not course.draft.frozen


def test_a_commit_that_does_not_wait_is_refused_at_once(course: Course) -> None:
    course.write(*range(1, 8))
    pending = course.ask(wait=0.0)
    assert (pending.answered.is_set(), type(pending.error).__name__) == (True, "ConflictError")
    assert "file-1, file-2, file-3, file-4, file-5 and 2 more" in course.line()


def test_one_commit_at_a_time(course: Course) -> None:
    course.ask()
    with pytest.raises(OSError, match="busy") as caught:
        course.ask()
    assert caught.value.errno == errno.EBUSY
    course.committed("animals:v1")
    course.draft.touched = True
    course.ask()
    assert course.states() == ["committed", "committing"]


def test_nothing_is_committed_of_a_draft_that_nobody_touched(course: Course) -> None:
    course.draft.touched = False
    course.ask()
    assert course.line() == "animals:v0\n"
    (result,) = course.commits.results(course.opened)
    assert (result.ref, result.created) == ("animals:v0", False)
    assert course.draft.generation == 0
    course.ask(force=True)
    assert course.states() == ["committed", "committing"]


def test_what_is_written_while_a_commit_waits_is_not_overlooked(course: Course) -> None:
    course.draft.touched = False
    course.write(1)  # whose bytes the kernel still has
    course.ask()
    course.draft.touched = True
    course.write()
    assert course.states() == ["committing"]


def test_a_draft_that_cannot_be_frozen_is_as_it_was(course: Course) -> None:
    course.draft.full = True
    pending = course.ask()
    assert type(pending.error).__name__ == "StorageError"
    assert course.line().startswith("error: ")
    assert not course.commits.unfinished
    course.draft.full = False
    course.ask()
    assert course.states() == ["failed", "committing"]


def test_a_version_that_cannot_be_noted_is_there_all_the_same(course: Course) -> None:
    course.ask()
    course.draft.full = True
    course.committed("animals:v1")
    assert course.line() == "animals:v1\n"
    assert not course.draft.frozen


def test_a_commit_that_fails_says_why(course: Course) -> None:
    course.ask()
    course.command()
    course.commits.failed(Failed("/drafts/1.animals", "TypeMismatchError", "animals has type dataset"))
    assert course.line() == "error: animals has type dataset\n"
    assert not course.draft.frozen


def test_a_storer_that_died_leaves_what_it_was_told_in_doubt_and_the_rest_for_the_next(course: Course) -> None:
    course.ask()
    course.commits.lost()
    assert course.states() == ["committing"]  # nobody was told of it yet
    course.command()
    course.commits.lost()
    assert course.states() == ["committing"]  # who was told had not begun
    course.command()
    course.commits.begun("/drafts/1.animals")
    course.commits.lost()
    (result,) = course.commits.results(course.opened)
    assert (result.state, result.error) == ("failed", "OutcomeUnknownError")


def test_a_commit_that_storers_die_of_is_given_up(course: Course) -> None:
    course.ask()
    for _ in range(3):
        assert course.states() == ["committing"]
        course.command()
        course.commits.lost()
    (result,) = course.commits.results(course.opened)
    assert (result.state, result.error) == ("failed", "OutcomeUnknownError")
    assert not course.draft.frozen


def test_the_last_sixteen_results_are_kept_with_the_tokens_of_their_askers(course: Course) -> None:
    course.draft.touched = False
    for number in range(20):
        course.ask(token=f"t{number}")
    assert [result.token for result in course.commits.results(course.opened)] == [f"t{n}" for n in range(4, 20)]


def test_at_the_end_of_the_mount_nothing_waits_and_what_is_frozen_goes_on(course: Course) -> None:
    course.write(1)
    pending = course.ask(wait=60.0)
    course.commits.abandon()
    assert (type(pending.error).__name__, course.commits.unfinished) == ("MountError", False)
    course.write()
    course.ask()
    course.commits.abandon()
    assert course.commits.unfinished


# ------------------------------------------------------------------------------------------ what outlives a server


def _reborn(open_files: OpenFiles, *, again: bool = True) -> dict[int, int]:
    """What a server that takes over learns."""
    open_files.recall(again=again)
    return dict(open_files.known)


def test_files_that_are_open_are_known_to_the_next_server() -> None:
    open_files = OpenFiles()
    for handle in (10, 11, 11, 12):
        assert open_files.opened(handle)
    for handle in (10, 11):
        assert open_files.closed(handle)
    open_files.answered()
    assert _reborn(open_files) == {11: 1, 12: 1}
    assert open_files.opened(12)
    open_files.answered()
    assert _reborn(open_files) == {11: 1, 12: 2}


def test_what_was_noted_and_not_answered_is_not_noted_again() -> None:
    open_files = OpenFiles()
    open_files.opened(10)
    open_files.answered()
    open_files.opened(11)
    assert _reborn(open_files) == {10: 1, 11: 1}
    assert not open_files.opened(11)  # the kernel says it again
    assert open_files.opened(11)  # and this is another one
    open_files.answered()
    open_files.closed(11)
    assert _reborn(open_files) == {10: 1, 11: 1}
    open_files.caught_up()
    assert open_files.closed(11)
    open_files.answered()
    assert _reborn(open_files) == {10: 1}


def test_where_nothing_is_said_again_a_file_whose_opening_was_not_answered_is_not_open() -> None:
    open_files = OpenFiles()
    open_files.opened(10)
    open_files.answered()
    open_files.opened(11)
    assert _reborn(open_files, again=False) == {10: 1}
    open_files.answered()
    open_files.closed(10)  # the kernel does not wait for an answer to this
    assert _reborn(open_files, again=False) == {}
    assert open_files.opened(11)


def test_the_memory_of_open_files_does_not_grow() -> None:
    open_files = OpenFiles()
    for _ in range(10):
        for number in range(2000):
            open_files.opened(number << 40)
            open_files.answered()
            open_files.closed(number << 40)
            open_files.answered()
    assert _reborn(open_files) == {}
    open_files.opened(5)
    assert _reborn(open_files) == {5: 1}


def test_a_server_that_takes_over_takes_old_inodes_for_used_until_the_kernel_forgets_them() -> None:
    usage = Usage(100)
    assert usage.is_used(99)
    assert usage.is_used(BASE + 5)
    assert not usage.is_used(100)
    usage.remember(99)
    assert usage.forget(99, 5)  # it knew of it before
    usage.opened(98, writing=False)
    assert not usage.forget(98, 1)
    fresh = Usage()
    assert not fresh.is_used(5)
    fresh.remember(5)
    fresh.remember(5)
    assert not fresh.forget(5, 1)
    assert fresh.forget(5, 1)


class Applied:
    """A draft in which each change was made already."""

    def lookup(self, _directory: int, name: bytes) -> Any:
        return None if name == b"old" else type("Found", (), {"mode": 0o100644, "ino": 5})

    def make(self, *_arguments: object, **_more: object) -> None:
        raise FileExistsError(errno.EEXIST, "exists")

    def rename(self, *_arguments: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone")

    link = make
    unlink = rmdir = rename


def test_what_was_done_and_not_answered_counts_as_done() -> None:
    again = Again(cast(Draft, Applied()))
    assert again.make(1, b"new", 0o100600, 0, 0).ino == 5
    with pytest.raises(FileExistsError):
        again.make(1, b"new", 0o040755, 0, 0)  # something else has that name
    assert again.link(5, 1, b"new").ino == 5
    with pytest.raises(FileExistsError):
        again.link(6, 1, b"new")
    again.unlink(1, b"old")
    again.rmdir(1, b"old")
    again.rename(1, b"old", 1, b"new")
    with pytest.raises(FileNotFoundError):
        again.rename(1, b"old", 1, b"old")
    with pytest.raises(OSError, match="connection abort"):
        again.rename(1, b"a", 1, b"b", 2)


# ------------------------------------------------------------------------------------------ messages and numbers


def test_messages_arrive_whole_and_in_order() -> None:
    server, storer = channel_pair()
    extents = [(2**62 + start, Extent(2**62 + start + 1, 2**40, 2**62)) for start in range(64)]
    work = Work(STORER, "/drafts/1.animals", [Job(BASE + number, 2**62, 2**62, extents, True) for number in range(64)])
    server.send(work)
    assert storer.receive() == work
    stored = [Stored(number, number, bytes(32), bytes(200), 5) for number in range(100)]
    for message in (Idle(STORER, 5, False), Made("/drafts/1.animals", stored)):
        storer.send(message)
    assert (server.poll(), server.poll(), server.poll()) == (
        Idle(STORER, 5, False),
        Made("/drafts/1.animals", stored),
        None,
    )
    server.close()
    storer.close()


def test_numbers_of_inodes_and_handles_are_told_apart() -> None:
    highest = join(MAX_NUMBER, BASE + 2**37 - 1)
    assert highest < 2**64
    assert split(highest) == (MAX_NUMBER, BASE + 2**37 - 1)
    assert split((highest | WRITING) & ~WRITING) == split(highest)
    file = join(5, CONTROL + 3)
    handles = {control_handle(file, opening) for opening in range(1000)}
    assert len(handles) == 1000
    assert {of_control_handle(split(handle)[1]) for handle in handles} == {CONTROL + 3}
    assert all(is_control(split(handle)[1]) for handle in handles)
    assert not is_control(BASE)
    assert not is_control(2**37 - 1)
