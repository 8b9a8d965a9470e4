"""Probe an object store: does it create an object only where there is none?

Eight threads create one name at once; exactly one must win, and its bytes must be there. A ninth must be refused, and
a list must show the name. Servers that ignore the condition, that look first and write then, or that tell two writers
that they won, would lose commits.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final

from artfs.errors import StoreUnreachableError, UnsafeRemoteError
from artfs.remotes.remote import Remote

__all__ = ["check_conditions"]

_RACERS: Final = 8
_ROUNDS: Final = 2
"""Rounds of a race: one may go well by luck where a server looks first and writes then."""


def check_conditions(remote: Remote) -> None:
    """Prove as far as one client can that the store keeps the condition. It writes below `probe/` alone.

    Raises:
        UnsafeRemoteError: It does not.
        StoreUnreachableError: No round brought an answer to every request.
        StoreRefusedError: It may not be written.
    """
    with ThreadPoolExecutor(_RACERS) as threads:
        for number in range(_ROUNDS):
            name = f"probe/{secrets.token_hex(16)}"
            _race(remote, name, threads)
            if number == 0 and name not in {found.name for found in remote.list("probe/", name[:-1])}:
                raise _unsafe(remote, "does not list what was created")


def _race(remote: Remote, name: str, threads: ThreadPoolExecutor) -> None:
    bodies = [secrets.token_bytes(32) for _racer in range(_RACERS)]
    barrier = Barrier(_RACERS)

    def create(body: bytes) -> bool | StoreUnreachableError:
        barrier.wait()
        try:
            return remote.create(name, body)
        except StoreUnreachableError as error:
            return error

    answers = list(threads.map(create, bodies))
    won = [body for body, answer in zip(bodies, answers, strict=True) if answer is True]
    unanswered = [answer for answer in answers if isinstance(answer, StoreUnreachableError)]
    there = remote.get(name)
    if there is None:
        if unanswered:
            raise unanswered[0]
        raise _unsafe(remote, "does not have what it created")
    if len(won) > 1 or (won and there != won[0]) or there not in bodies:
        raise _unsafe(remote, "does not keep If-None-Match")
    if not won and not unanswered:
        raise _unsafe(remote, "refuses who created the object")
    if remote.create(name, secrets.token_bytes(32)) or remote.get(name) != there:
        raise _unsafe(remote, "does not keep If-None-Match")


def _unsafe(remote: Remote, what: str) -> UnsafeRemoteError:
    return UnsafeRemoteError(f"{remote.where} {what}: commits could be lost. Use another server")
