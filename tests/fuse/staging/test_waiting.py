"""Commits that wait for files that are open, and the others that are served meanwhile."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from artfs.fuse.staging.commit_queue import REPLY_SECONDS
from tests.support.mounts.stagedstore import StagedStore


def _seconds(draft: Path) -> float:
    """Ask for a commit; how long that took."""
    started = time.monotonic()
    (draft / ".artfs/commit").write_bytes(b"message")
    return time.monotonic() - started


def test_more_commits_wait_than_requests_may_be_under_way_and_all_others_are_served(staged: StagedStore) -> None:
    """A redirection is answered soon, however many there are.

    S37: The write returns when the draft is frozen or the request is refused, within 2 seconds
    """
    drafts = [staged.mountpoint / f"draft-{number}" for number in range(12)]
    with ExitStack() as stack, ThreadPoolExecutor(12) as pool:
        for draft in drafts:
            draft.mkdir()
            stack.enter_context(open(draft / "open", "wb"))
        asked = [pool.submit(_seconds, draft) for draft in drafts]
        waiting = [draft for draft in drafts if (draft / ".artfs/commit").read_bytes().startswith(b"waiting")]
        while len(waiting) < len(drafts):
            waiting = [draft for draft in drafts if (draft / ".artfs/commit").read_bytes().startswith(b"waiting")]
        for draft in drafts:
            (draft / "other").write_bytes(b"other")
        assert not all(future.done() for future in asked)
        seconds = [future.result(20) for future in asked]
        assert max(seconds) < REPLY_SECONDS + 3.0  # the machine may be busy
    for draft in drafts:
        while not (said := (draft / ".artfs/commit").read_bytes()).endswith(b":v0\n"):
            assert said.startswith((b"waiting", b"committing"))
            os.sched_yield()


def test_a_commit_request_is_answered_when_the_last_writer_is_gone(staged: StagedStore) -> None:
    draft = staged.mountpoint / "animals"
    draft.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with open(draft / "a", "wb"):
            asked = pool.submit(_seconds, draft)
            while not (draft / ".artfs/commit").read_bytes().startswith(b"waiting"):
                os.sched_yield()
        asked.result(20)
    assert not (draft / ".artfs/commit").read_bytes().startswith(b"waiting")
