"""Let a forked child reopen an LMDB environment that its parent has open.

LMDB allows it, as long as the child leaves the inherited environment alone. But py-lmdb keeps a list of what is open
in the process, by device and inode, and a fork copies the list: the child is refused, though it has nothing open.
(Closing what it inherited is no way out: that takes the parent's readers off the shared reader table.) Data loaders
fork their workers as a matter of course, so the process becomes part of the key of that list.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias
from weakref import WeakSet

__all__ = ["allow_open_in_children", "keep_open_in_children"]

_Keys: TypeAlias = Callable[[object, object], tuple[tuple[object, ...], ...]]

_open: WeakSet[object] = WeakSet()


def keep_open_in_children(environment: object) -> None:
    """Prevent that a forked child closes this environment, even when its interpreter ends.

    Args:
        environment: An environment that py-lmdb opened in this process.
    """
    _open.add(environment)


def _keep_inherited() -> None:
    """In the child, take a reference to each environment of the parent, and never release it."""
    inherited = list(_open)
    if inherited:
        ctypes = import_module("ctypes")
        for environment in inherited:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(environment))
    _open.clear()


os.register_at_fork(after_in_child=_keep_inherited)


def allow_open_in_children() -> None:
    """Make py-lmdb distinguish open environments by process too. Once is enough, more does no harm.

    A py-lmdb that keeps its list in another way is left as it is: it refuses the child, or has no need of this.
    """
    try:
        registry = vars(import_module("lmdb._envid"))
        keys: _Keys = registry["env_keys"]
    except (ImportError, KeyError):
        return
    if not isinstance(keys, _KeysOfThisProcess):
        registry["env_keys"] = _KeysOfThisProcess(keys)


class _KeysOfThisProcess:
    def __init__(self, keys: _Keys) -> None:
        self._keys = keys

    def __call__(self, path: object, subdir: object) -> tuple[tuple[object, ...], ...]:
        return tuple((*key, os.getpid()) for key in self._keys(path, subdir))
