"""Descriptors of this process, to find what a test leaves open."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

__all__ = ["Descriptors", "left_open", "open_descriptors"]

Descriptors: TypeAlias = dict[int, str]
"""What each open descriptor leads to."""


_LASTING = ("/dev/urandom", "/dev/null")
"""What libraries open once in a process."""
_MARKER = "/index/deaths"
"""The crash marker: the last one that a process has installed stays open."""


def open_descriptors() -> Descriptors:
    """Every open descriptor with what it leads to."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the one that the list was read from
            continue
    return found


def left_open(before: Descriptors, but_in: Collection[Path] = ()) -> Descriptors:
    """Descriptors that are open now and were not before; cycles that wait for the collector are no leak.

    Args:
        before: As `open_descriptors` gave them.
        but_in: Directories of stores that were open before, which open their files when they need them.
    """
    theirs = tuple(f"{os.path.realpath(directory)}/" for directory in but_in)
    left = _new(before, theirs)
    if left:
        gc.collect()
        left = _new(before, theirs)
    left = {descriptor: target for descriptor, target in left.items() if descriptor != _resource_tracker()}
    markers = [descriptor for descriptor, target in left.items() if _MARKER in target]
    return {} if markers and len(left) == 1 else left


def _resource_tracker() -> int | None:
    """The pipe to the process that `multiprocessing` starts once."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return None if module is None else module._resource_tracker._fd  # noqa: SLF001 # `getfd` would start one


def _new(before: Descriptors, theirs: tuple[str, ...]) -> Descriptors:
    return {
        descriptor: target
        for descriptor, target in open_descriptors().items()
        if before.get(descriptor) != target and not target.startswith((*theirs, *_LASTING))
    }
