"""A draft in a real mount against a native directory: random histories, the same answers, the same trees."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.models.twinmachine import machine_on
from tests.support.mounts.stagedstore import StagedStore


def test_a_draft_never_differs_from_a_native_directory(staged: StagedStore) -> None:
    """Commits come in between, kills too.

    S20: Inside a draft files, directories, symlinks, hard links, FIFOs, sockets and devices are made, written, moved
    and removed as on a local file system: rename with NOREPLACE and EXCHANGE, O_APPEND, O_DIRECT, shared writable
    mappings, locks, files that are unlinked while open, listings that are stable while names come and go.

    S22: An inode number in a draft stays as long as the file is there, also over commits and mounts. The time of access
    changes only when it is set.

    S24: What a program wrote and closed survives a kill -9 of any process of the mount, and of all of them: the next
    mount shows it.

    S35: A version made of a draft has what `artfs put` of a copy of it would have: hard links become files (S5), owners
    and set-ID bits are dropped (S4). A FIFO, socket or device makes the commit fail and is named.
    """
    run_state_machine_as_test(
        machine_on(staged),
        settings=settings(
            max_examples=12, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
