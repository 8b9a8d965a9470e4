"""Hypothesis strategies for artfs's values."""

from __future__ import annotations

from hypothesis import strategies as st

from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.names import is_entry_name

__all__ = ["entries", "entry_names", "sorted_entries"]


def entry_names() -> st.SearchStrategy[bytes]:
    """File names, odd ones among them; short ones often, so that they collide."""
    return st.one_of(
        st.binary(min_size=1, max_size=3), st.binary(min_size=1, max_size=255), st.just(b"\n"), st.just(b"x" * 255)
    ).filter(is_entry_name)


@st.composite
def entries(draw: st.DrawFn, name: bytes | None = None) -> Entry:
    """Entries of every kind, with digests that follow their contents."""
    kind = draw(st.sampled_from([Kind.FILE, Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK]))
    mode = draw(st.integers(0, 0o1777))
    mtime = draw(st.integers(-(1 << 62), 1 << 62))
    label = draw(entry_names()) if name is None else name
    seed = draw(st.binary(max_size=4))
    if kind == Kind.SYMLINK:
        target = seed + b"t"
        return Entry(label, kind, 0o777, mtime, len(target), digest(target), extra=target)
    if kind == Kind.DIRECTORY:
        below = draw(st.integers(0, 5))
        return Entry(label, kind, mode, mtime, 100 * len(seed), digest(seed + b"d%d" % below), below, digest(seed))
    return Entry(label, kind, mode, mtime, len(seed), digest(seed), extra=draw(st.sampled_from([b"", b"\x01"])))


@st.composite
def sorted_entries(draw: st.DrawFn, min_size: int = 0, max_size: int = 20) -> list[Entry]:
    """A directory's worth of entries: sorted, names distinct."""
    names = draw(st.lists(entry_names(), min_size=min_size, max_size=max_size, unique=True))
    return [draw(entries(name)) for name in sorted(names)]
