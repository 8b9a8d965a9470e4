"""The set of digests in which gc and exports keep what they have seen."""

from __future__ import annotations

import random

from artfs.store.digest_set import EXACT, SHORT, DigestSet


def test_a_set_of_digests_contains_what_was_added_and_nothing_else() -> None:
    rng = random.Random(1)
    digests = [rng.randbytes(32) for _ in range(20_000)]
    for width in (EXACT, SHORT):
        kept = DigestSet(width)
        assert all(kept.add(digest) for digest in digests[::2])
        assert not any(kept.add(digest) for digest in digests[::2])
        assert all(digest in kept for digest in digests[::2])
        assert not any(digest in kept for digest in digests[1::2])
        assert len(kept) == 10_000
