"""Ask the sources of references whether what they refer to is still there, and the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

from artfs.catalog import Version
from artfs.errors import ReferenceChangedError, ReferenceGoneError, ReferenceUnreadableError, SourceError
from artfs.format.node import Entry, Kind
from artfs.format.reference import Reference, decode_reference
from artfs.store.progress import NullProgress, Progress
from artfs.store.store import Store, root_entry

__all__ = ["STATES", "VerifiedReference", "verify_references"]

STATES: Final = ("same", "changed", "gone", "unreachable", "unknown")
"""What a reference can be; `unknown`: artfs cannot read its scheme."""
_AT_ONCE: Final = 32


class VerifiedReference(NamedTuple):
    """What is known of a reference after its source was asked.

    Attributes:
        path: In the version.
        reference: To what.
        state: One of `STATES`.
        reason: Why it is not the same, in one line; empty if it is.
    """

    path: bytes
    reference: Reference
    state: str
    reason: str


def verify_references(store: Store, version: Version, progress: Progress | None = None) -> Iterator[VerifiedReference]:
    """Yield the references of a version by path, each once its source has answered; a cache is not asked.

    Args:
        store: That has the version.
        version: Whose references are asked for.
        progress: Counts them.
    """
    counted = progress or NullProgress()
    found = ((path, entry) for path, entry in store.walk(root_entry(version)) if entry.kind == Kind.REFERENCE)
    asked: deque[Future[VerifiedReference]] = deque()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="artfs-verify") as pool:
        try:
            for path, entry in found:
                asked.append(pool.submit(_verify, store, path, entry))
                if len(asked) > 2 * _AT_ONCE:
                    yield asked.popleft().result()
                    counted.advance(1, 0)
            while asked:
                yield asked.popleft().result()
                counted.advance(1, 0)
        finally:
            for each in asked:
                each.cancel()


def _verify(store: Store, path: bytes, entry: Entry) -> VerifiedReference:
    reference = decode_reference(entry)
    try:
        with store.references.reader(reference.at_source) as reader:
            reader.read(0, 0)
        if reference.chunks is not None and not reference.has_state:
            store.content.prove_source(entry)
    except ReferenceChangedError as error:
        return VerifiedReference(path, reference, "changed", str(error))
    except ReferenceGoneError as error:
        return VerifiedReference(path, reference, "gone", str(error))
    except ReferenceUnreadableError as error:
        return VerifiedReference(path, reference, "unknown", str(error))
    except SourceError as error:
        return VerifiedReference(path, reference, "unreachable", str(error))
    return VerifiedReference(path, reference, "same", "")
