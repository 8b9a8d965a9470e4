"""The control directories `.artfs`: a draft's, to commit it and to look at it; the mount's, to open and close drafts.

A control file's text is made when it is read from its beginning. A request is one write from the beginning.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from typing import Final

import msgspec

from artfs.errors import ArtfsError, InvalidInputError
from artfs.fuse.staging.commits import Commits, Pending
from artfs.fuse.staging.drafts import Drafts, OpenDraft
from artfs.fuse.staging.numbers import CONTROL, CONTROL_NAMES, ROOT_CONTROL_NAMES
from artfs.vfs.draft.draft import Attributes
from artfs.vfs.draft.opening import Reply, failed, parse_discard, parse_stage
from artfs.vfs.draft.request import asked_by, encode_meta, parse_meta, parse_request

__all__ = ["ControlFiles"]

_READ_ONLY: Final = (b"status", b"result", b"drafts")
_json = msgspec.json.Encoder().encode


class ControlFiles:
    """What is read from control files and written to them.

    Args:
        drafts: The drafts of the mount.
        commits: Their commits.
        status: The text of `status`.
        owner: User and group that they belong to.
    """

    def __init__(
        self, drafts: Drafts, commits: Commits, status: Callable[[OpenDraft], str], owner: tuple[int, int]
    ) -> None:
        self._drafts = drafts
        self._commits = commits
        self._status = status
        self._owner = owner
        self._texts: dict[tuple[int, int], bytes] = {}
        self._replies = {b"stage": Reply(), b"discard": Reply()}
        self._since = time.time_ns()

    def names(self, draft: int) -> tuple[bytes, ...]:
        """The files in a control directory, by number from the one after the directory's on."""
        return CONTROL_NAMES if draft else ROOT_CONTROL_NAMES

    def find(self, draft: int, name: bytes) -> int:
        """The local number of a control file, 0 if there is none of that name."""
        names = self.names(draft)
        return CONTROL + 1 + names.index(name) if name in names else 0

    def name_of(self, draft: int, local: int) -> bytes:
        """The name of a control file.

        Raises:
            OSError: ESTALE: there is none.
        """
        at = local - CONTROL - 1
        names = self.names(draft)
        if not 0 <= at < len(names):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return names[at]

    def attributes(self, draft: int, local: int) -> Attributes:
        """What stat(2) says of a control directory or file."""
        if local == CONTROL:
            mode = stat.S_IFDIR | 0o700
        else:
            mode = stat.S_IFREG | (0o400 if self.name_of(draft, local) in _READ_ONLY else 0o600)
        return Attributes(local, mode, 1, *self._owner, 0, 0, self._since, self._since, self._since)

    def read(self, draft: int, local: int, offset: int, size: int) -> bytes:
        """Read from a control file."""
        if offset == 0:
            self._texts[draft, local] = self._text(draft, self.name_of(draft, local))
        return self._texts.get((draft, local), b"")[offset : offset + size]

    def _text(self, draft: int, name: bytes) -> bytes:
        if name == b"drafts":
            return _json([{"name": place.name, "number": place.number} for place in self._drafts.places()]) + b"\n"
        if not draft:
            return _json(self._replies[name]) + b"\n"
        opened = self._drafts.by_number(draft)
        match name:
            case b"commit":
                return self._commits.line(opened).encode()
            case b"result":
                return _json(list(self._commits.results(opened))) + b"\n"
            case b"status":
                return self._status(opened).encode("utf-8", "surrogateescape")
            case _:
                return encode_meta(parse_meta(opened.draft.get_meta()))

    def write(self, draft: int, local: int, offset: int, text: bytes, uid: int, pid: int) -> Pending | None:
        """Take a request.

        Args:
            draft: Of which draft, 0: of the mount.
            local: The control file.
            offset: 0: a request is one write.
            text: What is written.
            uid: Whose process writes.
            pid: Which.

        Returns:
            A commit to wait for, if that is what it was.

        Raises:
            ArtfsError: It was refused.
        """
        name = self.name_of(draft, local)
        if offset:
            raise InvalidInputError("a request is one write from the file's beginning")
        if not draft:
            self._ask_mount(name, text)
            return None
        opened = self._drafts.by_number(draft)
        if name == b"meta":
            opened.draft.set_meta(encode_meta(parse_meta(text)))
            return None
        try:
            request = parse_request(text)
        except ArtfsError as error:
            self._commits.refused(opened, error)
            raise
        try:
            return self._commits.ask(opened, asked_by(request, uid, pid))
        except ArtfsError as error:
            if not self._commits.is_busy(opened):
                self._commits.refused(opened, error, request.token)
            raise

    def _ask_mount(self, name: bytes, text: bytes) -> None:
        token = ""
        try:
            if name == b"stage":
                request = parse_stage(text)
                token = request.token
                opened, base = self._drafts.stage(request)
                self._replies[name] = Reply(token, opened.place.name, base)
            else:
                discard = parse_discard(text)
                token = discard.token
                opened_name = discard.name
                found = self._drafts.by_name(opened_name)
                if found is not None and self._commits.is_busy(found):
                    raise InvalidInputError(f"{opened_name} is being committed: wait until that is done")
                self._drafts.discard(discard)
                self._replies[name] = Reply(token, opened_name)
        except (ArtfsError, OSError) as error:
            self._replies[name] = failed(token, error)
            raise
