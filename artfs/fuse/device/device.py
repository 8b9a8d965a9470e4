"""The FUSE device: mount, unmount, clone, resend requests, and set the kernel's readahead.

Errors are one line that says what to do. root mounts by mount(2); others get the device's descriptor from fusermount3,
which is setuid root. (libfuse would do both, and report an error on stderr only.)
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

from artfs.errors import MountError
from artfs.fuse.device import syscalls
from artfs.mountinfo import STAGING_TYPE, TYPE, MountInfo

__all__ = [
    "DEVICE",
    "attach",
    "can_clone",
    "can_resend",
    "clone_into",
    "detach",
    "device_trouble",
    "resend",
    "set_readahead",
]

DEVICE: Final = "/dev/fuse"
"""The device that the requests of all FUSE file systems come from."""

_CLONE: Final = 0x8004E500  # FUSE_DEV_IOC_CLONE of <linux/fuse.h>
_RESEND: Final = struct.pack("=IiQ", 16, 7, 0)  # FUSE_NOTIFY_RESEND of the same, in a message that answers nothing
_FUSERMOUNT_SECONDS: Final = 20.0
_NO_DEVICE: Final = (
    "this machine has no usable /dev/fuse: load it with `modprobe fuse`, or start the container with "
    "`--device /dev/fuse --cap-add SYS_ADMIN`"
)


def attach(mountpoint: str, source: str, *, allow_other: bool, writable: bool = False, path: str = DEVICE) -> int:
    """Mount, and return the descriptor through which the kernel's requests come.

    Args:
        mountpoint: An existing directory, absolute.
        source: What the mount table shows as its source.
        allow_other: Let other users in.
        writable: Drafts are written there.
        path: The FUSE device.

    Raises:
        MountError: It cannot be mounted.
    """
    if trouble := device_trouble(path):
        raise MountError(trouble)
    if os.geteuid() == 0:
        return _attach_as_root(path, mountpoint, source, allow_other=allow_other, writable=writable)
    return _attach_as_user(mountpoint, source, allow_other=allow_other, writable=writable)


def device_trouble(path: str = DEVICE) -> str | None:
    """Return what keeps this user from the FUSE device, and what to do; None if nothing does."""
    if not os.path.exists(path):
        return _NO_DEVICE
    if os.geteuid() and not os.access(path, os.R_OK | os.W_OK):  # fusermount3 opens it too, with the user's own rights
        return f"{path} is closed to you: have root run `chmod 666 {path}` (udev does), or do it as root"
    return None


def _attach_as_root(path: str, mountpoint: str, source: str, *, allow_other: bool, writable: bool) -> int:
    try:
        device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise MountError(_NO_DEVICE) from error
    try:
        kind = stat.S_IFMT(os.stat(mountpoint).st_mode)
        data = f"fd={device},rootmode={kind:o},user_id={os.getuid()},group_id={os.getgid()},default_permissions"
        syscalls.mount(
            os.fsencode(source),
            os.fsencode(mountpoint),
            (STAGING_TYPE if writable else TYPE).encode(),
            (0 if writable else syscalls.MS_RDONLY) | syscalls.MS_NOSUID | syscalls.MS_NODEV,
            f"{data},allow_other".encode() if allow_other else data.encode(),
        )
    except OSError as error:
        os.close(device)
        if error.errno == errno.EPERM:
            raise MountError("this root may not mount: start the container with `--cap-add SYS_ADMIN`") from error
        raise MountError(f"cannot mount on {mountpoint}: {os.strerror(error.errno or 0)}") from error
    return device


def _attach_as_user(mountpoint: str, source: str, *, allow_other: bool, writable: bool) -> int:
    escaped = source.replace("\\", "\\\\").replace(",", "\\,")
    kind = "rw,subtype=artfs-staging" if writable else "ro,subtype=artfs"
    options = f"{kind},nosuid,nodev,default_permissions,fsname={escaped}"
    if allow_other:
        options += ",allow_other"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours:
        with theirs:
            result = _fusermount("-o", options, "--", mountpoint, descriptor=theirs.fileno())
        if result.returncode != 0:
            raise MountError(f"cannot mount on {mountpoint}: {_complaint(result)}")
        return _receive_descriptor(ours)


def _receive_descriptor(channel: socket.socket) -> int:
    room = socket.CMSG_LEN(array.array("i").itemsize)
    _data, ancillary, _flags, _address = channel.recvmsg(1, room)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            device = int.from_bytes(data[:4], sys.byteorder)
            os.set_inheritable(device, False)
            return device
    raise MountError("fusermount3 mounted, and did not hand over the device: is it the one of fuse3?")


def _fusermount(*arguments: str, descriptor: int | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run fusermount3, which finds the descriptor for its answer in its environment."""
    program = shutil.which("fusermount3")
    if program is None:
        raise MountError("there is no fusermount3: install the package fuse3, or do it as root")
    command = [program, *arguments]
    if descriptor is not None:
        command = ["/usr/bin/env", f"_FUSE_COMMFD={descriptor}", *command]
    try:
        return subprocess.run(  # noqa: S603 # no shell, and a fixed program
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_FUSERMOUNT_SECONDS,
            check=False,
            pass_fds=() if descriptor is None else (descriptor,),
        )
    except subprocess.TimeoutExpired as error:
        raise MountError("fusermount3 does not answer: see `ps` and the system's log") from error


def _complaint(result: subprocess.CompletedProcess[bytes]) -> str:
    """Return the last line that fusermount3 printed, without its name."""
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    return (
        lines[-1].partition("fusermount3: ")[2] or lines[-1]
        if lines
        else f"fusermount3 ended with status {result.returncode}"
    )


def detach(mountpoint: str, *, lazy: bool) -> None:
    """Unmount.

    Args:
        mountpoint: Where it is mounted, absolute.
        lazy: Take it out of the directory tree now; it ends with its last user.

    Raises:
        OSError: EBUSY when it is in use, another one when it cannot be unmounted at all.
        MountError: There is no fusermount3.
    """
    if os.geteuid() == 0:
        syscalls.umount(os.fsencode(mountpoint), syscalls.UMOUNT_NOFOLLOW | (syscalls.MNT_DETACH if lazy else 0))
        return
    result = _fusermount("-u", *(["-z"] if lazy else []), "--", mountpoint)
    if result.returncode != 0:
        complaint = _complaint(result)
        raise OSError(errno.EBUSY if "busy" in complaint else errno.EPERM, complaint)


def clone_into(device: int) -> None:
    """Replace a descriptor of a mount's device by a clone, which belongs to this process alone.

    A request must be answered through the clone that it was read from; when that closes, the kernel fails those that
    were not answered.

    Raises:
        OSError: This user cannot open the device, or the kernel has no clones.
    """
    clone = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(clone, _CLONE, device.to_bytes(4, sys.byteorder))
        os.dup2(clone, device, inheritable=False)
    finally:
        os.close(clone)


def can_clone(device: int) -> bool:
    """Try on a copy of the descriptor whether `clone_into` works."""
    copy = os.dup(device)
    try:
        clone_into(copy)
    except OSError:
        return False
    finally:
        os.close(copy)
    return True


def resend(device: int) -> None:
    """Have the kernel send again all requests of a mount that were received and not answered.

    Their clients do not notice that the process that received them has ended. No living process may be answering any
    of them.

    Raises:
        OSError: The kernel cannot do that (it is older than Linux 6.9), or the mount has ended.
    """
    os.write(device, _RESEND)


def can_resend(device: int) -> bool:
    """Try whether `resend` works, while there is no request."""
    try:
        resend(device)
    except OSError:
        return False
    return True


def set_readahead(mount: MountInfo, kib: int) -> None:
    """Set how far the kernel reads ahead of a reader, if this user may. INIT's answer sets it too: do this after it."""
    with contextlib.suppress(OSError):
        Path(f"/sys/class/bdi/{mount.device}/read_ahead_kb").write_text(str(kib))
