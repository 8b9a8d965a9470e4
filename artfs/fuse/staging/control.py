"""The control directories `.artfs`: a draft's, to commit it and to look at it; the mount's, to open and close drafts.

A control file's text is made when it is read from its beginning. A request is one write from the beginning.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from artfs.errors import ArtfsError, ConflictError, InvalidInputError
from artfs.fuse.staging.commits import Commits, Pending
from artfs.fuse.staging.drafts import Drafts, OpenDraft
from artfs.fuse.staging.forgetting import forget_draft
from artfs.fuse.staging.numbers import (
    CONTROL,
    CONTROL_NAMES,
    ROOT_CONTROL_NAMES,
    control_handle,
    of_control_handle,
    split,
)
from artfs.vfs.draft.attributes import Attributes
from artfs.vfs.draft.opening import Reply, failed, parse_discard, parse_stage
from artfs.vfs.draft.request import asked_by, encode_meta, parse_meta, parse_request
from artfs.vfs.draft.rows import BASE

__all__ = ["Asker", "ControlFiles"]

_READ_ONLY: Final = (b"status", b"result", b"drafts")
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Asker:
    """Who has opened a control file: a write does not say.

    Attributes:
        uid: Its user.
        gid: Its group.
        pid: The process.
        appends: What it writes comes with an offset that means nothing.
    """

    uid: int
    gid: int
    pid: int
    appends: bool


class ControlFiles:
    """What is read from control files and written to them.

    Args:
        drafts: The drafts of the mount.
        commits: Their commits.
        status: The text of `status`.
        owner: User and group that those of the mount belong to; a draft's belong to whom the draft does.
        run_of: Tells the run of a thread.
    """

    def __init__(
        self,
        drafts: Drafts,
        commits: Commits,
        status: Callable[[OpenDraft], str],
        owner: tuple[int, int],
        run_of: Callable[[int], str | None],
    ) -> None:
        self._drafts = drafts
        self._commits = commits
        self._status = status
        self._owner = owner
        self._run_of = run_of
        self._openings = 0
        self._askers: dict[int, Asker] = {}
        self._texts: dict[int, bytes] = {}
        self._replies = {b"stage": Reply(), b"discard": Reply()}
        self._since = time.time_ns()

    # ---------------------------------------------------------------------------------------------------- looking

    def names(self, draft: int) -> tuple[bytes, ...]:
        """The files in a control directory, by number from the one after the directory's on."""
        return CONTROL_NAMES if draft else ROOT_CONTROL_NAMES

    def find(self, draft: int, name: bytes) -> int:
        """The local number of a control file, 0 if there is none of that name."""
        names = self.names(draft)
        return CONTROL + 1 + names.index(name) if name in names else 0

    def _name_of(self, draft: int, local: int) -> bytes:
        at = local - CONTROL - 1
        names = self.names(draft)
        if not 0 <= at < len(names):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return names[at]

    def attributes(self, draft: int, local: int) -> Attributes:
        """What stat(2) says of a control directory or file. Who may write into a draft may ask for its commit.

        Raises:
            OSError: ESTALE: there is none of that number.
        """
        uid, gid = self._owner
        others = 0
        if draft:
            top = self._drafts.by_number(draft).draft.attributes(BASE)
            uid, gid, others = top.uid, top.gid, top.mode & _OTHERS_MAY_WRITE
        if local == CONTROL:
            mode = stat.S_IFDIR | 0o755
        elif self._name_of(draft, local) in _READ_ONLY:
            mode = stat.S_IFREG | 0o444
        else:
            mode = stat.S_IFREG | 0o644 | others
        return Attributes(local, mode, 1, uid, gid, 0, 0, self._since, self._since, self._since)

    # ---------------------------------------------------------------------------------------------------- using

    def open(self, ino: int, asker: Asker) -> int:
        """Open a control file; its handle."""
        self._openings += 1
        handle = control_handle(ino, self._openings)
        self._askers[handle] = asker
        return handle

    def close(self, handle: int) -> None:
        """Close it."""
        self._askers.pop(handle, None)
        self._texts.pop(handle, None)

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Read from a control file: what it was when it was read from the beginning."""
        if offset == 0 or handle not in self._texts:
            draft, local = split(handle)
            self._texts[handle] = self._text(draft, self._name_of(draft, of_control_handle(local)))
        return self._texts[handle][offset : offset + size]

    def _text(self, draft: int, name: bytes) -> bytes:
        if name == b"drafts":
            return _json([{"name": place.name, "number": place.number} for place in self._drafts.places()]) + b"\n"
        if not draft:
            return _json(self._replies[name]) + b"\n"
        opened = self._drafts.by_number(draft)
        match name:
            case b"commit":
                return self._commits.line(opened).encode("utf-8", "surrogateescape")
            case b"result":
                return _json(list(self._commits.results(opened))) + b"\n"
            case b"status":
                return self._status(opened).encode("utf-8", "surrogateescape")
            case _:
                return encode_meta(parse_meta(opened.draft.get_meta()))

    def write(self, handle: int, offset: int, text: bytes) -> Pending | None:
        """Take a request; gives a commit to wait for, if that is what it was.

        Raises:
            ArtfsError: It was refused.
        """
        draft, local = split(handle)
        name = self._name_of(draft, of_control_handle(local))
        # Unknown is who opened it before a process that died: whoever may open it is as good as its owner.
        asker = self._askers.get(handle) or Asker(*self._owner, 0, appends=True)
        if offset and not asker.appends:
            raise InvalidInputError("a request is one write from the file's beginning")
        if not draft:
            self._ask_mount(name, text, (asker.uid, asker.gid))
            return None
        opened = self._drafts.by_number(draft)
        if name == b"meta":
            opened.draft.set_meta(encode_meta(parse_meta(text)))
            return None
        try:
            request = parse_request(text)
        except ArtfsError as error:
            if not self._commits.is_busy(opened):
                self._commits.refused(opened, error)
            raise
        return self._commits.ask(opened, asked_by(request, asker.uid, asker.pid, self._run_of(asker.pid)))

    def _ask_mount(self, name: bytes, text: bytes, owner: tuple[int, int]) -> None:
        token = ""
        try:
            if name == b"stage":
                request = parse_stage(text)
                token = request.token
                opened, base = self._drafts.stage(request, owner)
                self._replies[name] = Reply(token, opened.place.name, base)
            else:
                discard = parse_discard(text)
                token = discard.token
                found = self._drafts.by_name(discard.name)
                if found is not None and self._commits.is_busy(found):
                    raise ConflictError(f"{discard.name} is being committed: wait until that is done")
                self._drafts.discard(discard)
                forget_draft(discard.name)
                self._replies[name] = Reply(token, discard.name)
        except (ArtfsError, OSError) as error:
            self._replies[name] = failed(token, error)
            raise
