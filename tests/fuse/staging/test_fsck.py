"""Drafts are checked while they are served."""

from __future__ import annotations

import os
import shutil
import threading

from artfs.drafts.fsck import check_store
from artfs.store.fsck import Part
from tests.support.data.checked import assert_clean
from tests.support.mounts.stagedstore import StagedStore


def test_a_draft_in_use_is_clean_at_every_moment(staged: StagedStore) -> None:
    draft = staged.stage("busy")
    over = threading.Event()

    def use() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            directory = draft / f"d{turn % 7}"
            directory.mkdir(exist_ok=True)
            for number in range(20):
                (directory / f"{number}").write_bytes(b"%d" % turn * (number * 1000))
            (directory / "3").rename(draft / f"moved-{turn % 3}")
            (directory / "4").unlink()
            if turn % 5 == 0:
                staged.commit(draft)
            if turn % 3 == 0:
                shutil.rmtree(directory)

    user = threading.Thread(target=use)
    user.start()
    try:
        for _ in range(12):
            assert_clean(staged.store)
    finally:
        over.set()
        user.join()
    assert staged.troubles() == []


def test_a_damaged_draft_is_reported_and_the_others_are_served_and_clean(staged: StagedStore) -> None:
    sound, broken = staged.stage("sound"), staged.stage("broken")
    (sound / "file").write_bytes(b"x" * 200_000)
    (broken / "file").write_bytes(b"y" * 200_000)
    with staged.unmounted():
        (rows,) = staged.store.glob("drafts/*.broken/rows/data.mdb")
        os.truncate(rows, 5000)
    assert (sound / "file").read_bytes() == b"x" * 200_000
    (finding,) = check_store(staged.store).findings
    assert (finding.invariant, finding.part) == ("R5", Part.DRAFT)
    assert ".broken" in finding.message
