"""Sizes, times and modes, as people read them."""

from __future__ import annotations

import stat
import time

from artfs.format.node import Entry, Kind

__all__ = ["KINDS", "duration_text", "iso_time", "local_time", "mode_text", "size_text"]

KINDS: dict[int, str] = {
    Kind.FILE: "file",
    Kind.DIRECTORY: "directory",
    Kind.SYMLINK: "symlink",
    Kind.REFERENCE: "reference",
}
"""What an entry is called in JSON."""

_TYPE_BITS: dict[int, int] = {Kind.DIRECTORY: stat.S_IFDIR, Kind.SYMLINK: stat.S_IFLNK}
_SECOND = 1_000_000_000


def size_text(size: int) -> str:
    """Bytes, in three digits or so: `512 B`, `1.4 KiB`, `23 MiB`."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        value /= 1024
        if value < 1000 or unit == "PiB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def local_time(time_ns: int) -> str:
    """A time in this machine's zone, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ns // _SECOND))


def iso_time(time_ns: int) -> str:
    """A time in UTC by ISO 8601, to the nanosecond."""
    seconds, rest = divmod(time_ns, _SECOND)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def duration_text(duration_ns: int) -> str:
    """A duration as `--ttl` takes it: `30d`, `1d12h`."""
    seconds = max(duration_ns // _SECOND, 1)
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def mode_text(entry: Entry) -> str:
    """Kind and permissions as `ls -l` has them; a reference is `r` and the rest."""
    if entry.kind == Kind.REFERENCE:
        return "r" + stat.filemode(stat.S_IFREG | entry.mode)[1:]
    return stat.filemode(_TYPE_BITS.get(entry.kind, stat.S_IFREG) | entry.mode)
