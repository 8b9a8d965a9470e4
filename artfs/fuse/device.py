"""The FUSE device: mounting, unmounting and cloning it. Errors are lines that say what to do.

root mounts by mount(2); others are given the device's descriptor by fusermount3, which is setuid root. (libfuse would
do both, and tell of an error on stderr only.)
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
from typing import Final

from artfs.errors import MountError
from artfs.fuse import syscalls
from artfs.mountinfo import STAGING_TYPE, TYPE

__all__ = [
    "DEVICE",
    "attach",
    "can_clone",
    "can_send_again",
    "clone_into",
    "detach",
    "device_trouble",
    "send_again",
]

DEVICE: Final = "/dev/fuse"
"""Where the requests of all FUSE file systems come from."""

_CLONE: Final = 0x8004E500  # FUSE_DEV_IOC_CLONE of <linux/fuse.h>
_SEND_AGAIN: Final = struct.pack("=IiQ", 16, 7, 0)  # FUSE_NOTIFY_RESEND of the same, in a message that answers nothing
_FUSERMOUNT_SECONDS: Final = 20.0
_NO_DEVICE: Final = (
    "this machine has no usable /dev/fuse: load it with `modprobe fuse`, or start the container with "
    "`--device /dev/fuse --cap-add SYS_ADMIN`"
)


def attach(mountpoint: str, source: str, *, allow_other: bool, writable: bool = False, path: str = DEVICE) -> int:
    """Mount, and give the descriptor through which the kernel's requests come.

    Args:
        mountpoint: An existing directory, absolute.
        source: What the mount table shows as its source.
        allow_other: Let other users in.
        writable: It is a mount where drafts are written.
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
    """Why this user can get no requests from the FUSE device, and what to do; None if it looks well."""
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
    """Run fusermount3; it finds the descriptor to answer through in its environment."""
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
    """What fusermount3 had to say, without its name."""
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
        lazy: Take it out of the directory tree now; it ends when its last user is gone.

    Raises:
        OSError: EBUSY when someone uses it, another one when it cannot be unmounted at all.
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
    """Replace a descriptor of a mount's device by an own one of this process.

    What is read from it must be answered through it; when it closes, the kernel fails what was not answered.

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
    """Whether `clone_into` will work, tried on a copy."""
    copy = os.dup(device)
    try:
        clone_into(copy)
    except OSError:
        return False
    finally:
        os.close(copy)
    return True


def send_again(device: int) -> None:
    """Have the kernel hand out anew all requests of a mount that were received and not answered.

    Their clients do not notice that who received them first has ended. Nobody else may be at any of them.

    Raises:
        OSError: The kernel cannot do that (it is older than Linux 6.9), or the mount has ended.
    """
    os.write(device, _SEND_AGAIN)


def can_send_again(device: int) -> bool:
    """Whether `send_again` will work, tried while there is no request."""
    try:
        send_again(device)
    except OSError:
        return False
    return True
