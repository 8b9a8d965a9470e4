"""The course of a commit from request to result, with a clock that stands still and without a mount."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, cast

import pytest

from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.db.schema import DraftDamage, Origin
from artfs.drafts.draft import Draft
from artfs.drafts.registry import DraftLocation
from artfs.errors import IntegrityError
from artfs.fuse.staging.channel import Committed, Failed
from artfs.fuse.staging.commit_queue import REPLY_SECONDS, CommitQueue, PendingCommit
from artfs.fuse.staging.served_drafts import ServedDraft

STORER = 7


class FakeDraft:
    """What `CommitQueue` asks of a draft."""

    def __init__(self) -> None:
        self.writers: list[int] = []
        self.origin = Origin("animals", base=3, base_ref="animals:v0")
        self.dirty = True
        self.full = False
        self.generation = 0
        self.frozen = False
        self.inode_use = self
        self.damage: DraftDamage | None = None

    def open_for_writing(self) -> list[int]:
        return self.writers

    def path(self, ino: int) -> bytes:
        return b"file-%d" % ino

    def has_base(self) -> bool:
        return True

    def is_dirty(self) -> bool:
        return self.dirty

    def freeze(self) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.generation += 1
        self.frozen = True
        return self.generation

    def thaw(self) -> None:
        self.frozen = False

    def end_commit(self, _generation: int, origin: Origin) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.origin = origin
        self.dirty = False


class Course:
    """A draft whose commits are followed by a clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0
        self.draft = FakeDraft()
        location = DraftLocation(1, "animals", Path("/drafts/1.animals"))
        self.served = ServedDraft(location, cast(Draft, self.draft))
        self.commits = CommitQueue(lambda: self.now)

    def ask(self, **request: Any) -> PendingCommit:
        return self.commits.add(self.served, CommitRequest(**request))

    def write(self, *inodes: int) -> None:
        """From now on these files are open for writing."""
        self.draft.writers = list(inodes)
        self.commits.file_closed(self.served)

    def line(self) -> str:
        return self.commits.status_line(self.served)

    def states(self) -> list[str]:
        return [result.state for result in self.commits.results(self.served)]

    def order(self) -> int:
        """Order the storer to make the next commit; the generation."""
        order = self.commits.next_order(STORER)
        assert (order.to, order.directory) == (STORER, "/drafts/1.animals")
        return order.generation

    def committed(self, ref: str) -> None:
        generation = self.order()
        message = Committed("/drafts/1.animals", generation, ref, True, Origin("animals", base=4, base_ref=ref))
        self.commits.committed(self.served, message)


@pytest.fixture
def course() -> Course:
    return Course()


def test_a_commit_is_frozen_at_once_when_nobody_writes(course: Course) -> None:
    assert course.line() == ""
    pending = course.ask()
    assert pending.may_reply.is_set()
    assert (course.served.checkpoint_blocked, course.draft.frozen) == (True, True)
    assert course.line() == "committing 0%\n"
    course.commits.set_percent("/drafts/1.animals", 40)
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
    assert course.commits.tick() == REPLY_SECONDS
    course.write(2)
    assert course.line() == "waiting for 1 open file\n"
    assert not pending.may_reply.is_set()
    course.write()
    assert pending.may_reply.is_set()
    assert course.states() == ["committing"]


def test_a_request_is_answered_in_time_and_the_commit_waits_on(course: Course) -> None:
    course.write(1)
    pending = course.ask(wait=60.0)
    course.now += REPLY_SECONDS
    wait = course.commits.tick()
    assert wait is not None
    assert abs(wait - 58.0) < 0.001
    assert (pending.may_reply.is_set(), pending.error) == (True, None)
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
    assert (pending.may_reply.is_set(), type(pending.error).__name__) == (True, "ConflictError")
    assert "file-1, file-2, file-3, file-4, file-5 and 2 more" in course.line()


def test_one_commit_at_a_time(course: Course) -> None:
    course.ask()
    with pytest.raises(OSError, match="busy") as caught:
        course.ask()
    assert caught.value.errno == errno.EBUSY
    course.committed("animals:v1")
    course.draft.dirty = True
    course.ask()
    assert course.states() == ["committed", "committing"]


def test_a_damaged_draft_is_frozen_only_by_a_commit_that_accepts_the_damage(course: Course) -> None:
    course.draft.damage = DraftDamage(((1, 20, 90),), salvaged=True)
    course.draft.dirty = False
    assert isinstance(course.ask().error, IntegrityError)
    assert course.states() == ["failed"]
    assert "commit with --accept-damage" in course.line()
    course.draft.dirty = True
    course.ask(accept_damage=True)
    assert course.states() == ["failed", "committing"]


def test_nothing_is_committed_of_a_draft_that_nobody_touched(course: Course) -> None:
    course.draft.dirty = False
    course.ask()
    assert course.line() == "animals:v0\n"
    (result,) = course.commits.results(course.served)
    assert (result.ref, result.created) == ("animals:v0", False)
    assert course.draft.generation == 0
    course.ask(force=True)
    assert course.states() == ["committed", "committing"]


def test_what_is_written_while_a_commit_waits_is_committed(course: Course) -> None:
    course.draft.dirty = False
    course.write(1)  # whose bytes the kernel still has
    course.ask()
    course.draft.dirty = True
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


def test_a_version_that_cannot_become_the_base_is_there_all_the_same(course: Course) -> None:
    course.ask()
    course.draft.full = True
    course.committed("animals:v1")
    assert course.line() == "animals:v1\n"
    assert not course.draft.frozen


def test_a_commit_that_fails_says_why(course: Course) -> None:
    course.ask()
    course.order()
    course.commits.failed(Failed("/drafts/1.animals", "TypeMismatchError", "animals has type dataset"))
    assert course.line() == "error: animals has type dataset\n"
    assert not course.draft.frozen


def test_the_outcome_of_a_begun_commit_is_unknown_when_the_storer_dies_and_others_are_repeated(course: Course) -> None:
    course.ask()
    course.commits.storer_died()
    assert course.states() == ["committing"]  # no storer was ordered to make it
    course.order()
    course.commits.storer_died()
    assert course.states() == ["committing"]  # the storer had not begun
    course.order()
    course.commits.snapshot_taken("/drafts/1.animals")
    course.commits.storer_died()
    (result,) = course.commits.results(course.served)
    assert (result.state, result.error) == ("failed", "OutcomeUnknownError")


def test_a_commit_that_three_storers_die_of_fails(course: Course) -> None:
    course.ask()
    for _ in range(3):
        assert course.states() == ["committing"]
        course.order()
        course.commits.storer_died()
    (result,) = course.commits.results(course.served)
    assert (result.state, result.error) == ("failed", "OutcomeUnknownError")
    assert not course.draft.frozen


def test_the_last_sixteen_results_are_kept_with_the_tokens_of_their_requests(course: Course) -> None:
    course.draft.dirty = False
    for number in range(20):
        course.ask(token=f"t{number}")
    assert [result.token for result in course.commits.results(course.served)] == [f"t{n}" for n in range(4, 20)]


def test_after_the_unmount_no_commit_waits_for_writers_and_frozen_ones_go_on(course: Course) -> None:
    course.write(1)
    pending = course.ask(wait=60.0)
    course.commits.cancel_waiting()
    assert (type(pending.error).__name__, course.commits.unfinished) == ("MountError", "")
    course.write()
    course.ask()
    course.commits.cancel_waiting()
    assert course.commits.unfinished == "commit of animals (0%)"
