"""System calls for mounts and processes that Python does not wrap."""

from __future__ import annotations

import ctypes
import os
from typing import Final

__all__ = [
    "MNT_DETACH",
    "MS_NODEV",
    "MS_NOSUID",
    "MS_RDONLY",
    "UMOUNT_NOFOLLOW",
    "die_with_parent",
    "drop_resource_privilege",
    "mount",
    "name_process",
    "umount",
]

# <sys/mount.h>
MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MNT_DETACH: Final = 2
UMOUNT_NOFOLLOW: Final = 8

# <linux/prctl.h>, <linux/capability.h>
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAP_SYS_RESOURCE: Final = 24

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount(source: bytes, target: bytes, kind: bytes, flags: int, data: bytes) -> None:
    """Mount a file system by the system call of the same name.

    Raises:
        OSError: The kernel refused.
    """
    _check(_libc.mount(source, target, kind, flags, data))


def umount(target: bytes, flags: int) -> None:
    """Unmount a file system by the system call umount2.

    Raises:
        OSError: The kernel refused.
    """
    _check(_libc.umount2(target, flags))


def die_with_parent(signal: int) -> None:
    """Have the kernel send a signal to this process when its parent dies, if it has not yet."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0))


def name_process(name: str) -> None:
    """Set the name of this process in `ps` and `top`; cut to 15 bytes."""
    text = ctypes.create_string_buffer(name.encode())
    _check(_libc.prctl(_PR_SET_NAME, ctypes.addressof(text), 0, 0, 0))


def drop_resource_privilege() -> None:
    """Drop CAP_SYS_RESOURCE, the right to exceed resource limits, if this process has it.

    libfuse uses it to make a pipe larger than /proc/sys/fs/pipe-max-size, and then receives each request through that
    pipe: two system calls instead of one, which helps writers of large data, as in a staging mount, and only costs
    readers (5 to 10 %).
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same for capabilities from 32 on
    if _libc.capget(header, sets) != 0:
        return
    for index in range(3):
        sets[index] &= ~(1 << _CAP_SYS_RESOURCE)
    _libc.capset(header, sets)
