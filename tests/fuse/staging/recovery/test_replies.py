"""The reply to a request is there though the server dies before it is read."""

from __future__ import annotations

import json
import zlib

import pytest

from artfs.drafts.control.stage_request import StageReply
from artfs.fuse.staging.recovery.replies import ControlReplies
from tests.support.mounts.stagedstore import StagedStore


def test_a_reply_is_kept_for_the_next_server_and_a_torn_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with ControlReplies() as replies:
        assert replies.get(b"stage") == StageReply()
        replies.set(b"stage", StageReply("one", "animals", "animals:v0"))
        replies.set(b"discard", StageReply("two", error="ConflictError", message="x" * 100_000))
        assert replies.get(b"stage") == StageReply("one", "animals", "animals:v0")
        assert replies.get(b"discard") == StageReply("two", error="ConflictError", message="x" * 1024)
        with monkeypatch.context() as torn:
            torn.setattr(zlib, "crc32", lambda _text: 1)
            replies.set(b"stage", StageReply("three", "animals"))
        assert replies.get(b"stage") == StageReply()
        assert replies.get(b"discard").token == "two"  # noqa: S105 # no secret


def test_a_server_that_is_killed_before_the_reply_is_read_leaves_it_to_the_next(staged: StagedStore) -> None:
    staged.write("stage", {"artifact": "animals", "token": "one"})
    staged.kill(lambda: staged.server)
    assert json.loads(staged.read("stage")) == {"token": "one", "name": "animals"}
    (staged.mountpoint / "animals" / "file").write_bytes(b"file")
    with pytest.raises(OSError, match="exists"):
        staged.write("discard", {"name": "animals", "token": "two"})
    staged.kill(lambda: staged.server)
    refused = json.loads(staged.read("discard"))
    assert (refused["token"], refused["error"]) == ("two", "ConflictError")
    staged.write("discard", {"name": "animals", "token": "three", "force": True})
    staged.kill(lambda: staged.server)
    assert json.loads(staged.read("discard")) == {"token": "three", "name": "animals", "kept": 1}
    assert json.loads(staged.read("stage")) == {"token": "one", "name": "animals"}
