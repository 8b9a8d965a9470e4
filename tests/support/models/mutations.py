"""Every system call that changes a file system, as a table to be tried on what is read-only.

A call is tried on places of several kinds. Linux decides most of them before it asks the file system, in an order of
its own; where it says something else than EROFS, the row has the error number and why. The current directory must be
writable, in another file system, and have a file `there`: that is the other side of calls that take two paths. Beside
each place that has a name there must be one of the name `another`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import socket
import stat
import struct
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tests.support import libc

__all__ = [
    "ALIAS",
    "ARTIFACT",
    "CALLS",
    "DIRECTORY",
    "FILE",
    "LINK",
    "ROOT",
    "VERSION",
    "Call",
    "Otherwise",
    "errno_of_call",
]

ROOT: Final = "root"
ARTIFACT: Final = "artifact"
ALIAS: Final = "alias"
VERSION: Final = "version"
DIRECTORY: Final = "directory"
FILE: Final = "file"
LINK: Final = "link"

_DIRECTORIES: Final = (ROOT, ARTIFACT, VERSION, DIRECTORY)
_EXISTING: Final = (*_DIRECTORIES, FILE, LINK, ALIAS)
_NAMED: Final = (ARTIFACT, VERSION, DIRECTORY, FILE, LINK, ALIAS)
"""What has a name in the mount (the root's is outside)."""


class Otherwise(NamedTuple):
    """What Linux answers instead of EROFS (0: the call succeeds and changes nothing), and why."""

    errno: int
    why: str


class Call(NamedTuple):
    """One call, or several that are the same for a file system.

    Attributes:
        name: As in its manual page.
        run: Makes it, on a path.
        on: Kinds of places to try it on.
        otherwise: By kind of place, where it is not EROFS.
        recent: The kernel may be older than the call, and answer ENOSYS.
    """

    name: str
    run: Callable[[bytes], object]
    on: tuple[str, ...] = _EXISTING
    otherwise: Mapping[str, Otherwise] = {}
    recent: bool = False


def errno_of_call(call: Call, path: bytes) -> int:
    """Make a call, and give the error number that it ended with, 0 if it did not fail."""
    try:
        call.run(path)
    except OSError as error:
        return error.errno or 0
    return 0


def _new(path: bytes) -> bytes:
    return path + b"/new"


def _beside(path: bytes) -> bytes:
    return os.path.dirname(path) + b"/new"


def _open(flags: int) -> Callable[[bytes], None]:
    return lambda path: os.close(os.open(path, flags, 0o644))


def _open_new(flags: int) -> Callable[[bytes], None]:
    return lambda path: os.close(os.open(_new(path), flags, 0o644))


def _on_descriptor(change: Callable[[int], object], flags: int = os.O_RDONLY) -> Callable[[bytes], None]:
    """A call on a descriptor that was opened for reading."""

    def run(path: bytes) -> None:
        descriptor = os.open(path, flags)
        try:
            change(descriptor)
        finally:
            os.close(descriptor)

    return run


def _bind(path: bytes) -> None:
    """Make a socket there, through the directory's descriptor: a socket's address has room for 108 bytes."""
    descriptor = os.open(os.path.dirname(path), os.O_PATH)
    name = b"/proc/self/fd/%d/%s" % (descriptor, os.path.basename(path))
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
        try:
            made.bind(name)
        finally:
            os.close(descriptor)


def _map_shared(descriptor: int) -> None:
    mmap.mmap(descriptor, 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE).close()


def _set_flags(descriptor: int) -> None:
    fcntl.ioctl(descriptor, 0x40086602, struct.pack("l", 0x40))  # FS_IOC_SETFLAGS, FS_NODUMP_FL


def _set_project(descriptor: int) -> None:
    fcntl.ioctl(descriptor, 0x401C5820, bytes(28))  # FS_IOC_FSSETXATTR


def _clone_range(descriptor: int) -> None:
    fcntl.ioctl(descriptor, 0x40049409, descriptor)  # FICLONE


_ISDIR = Otherwise(errno.EISDIR, "a directory is never opened for writing, nor truncated")
_IS_DIRECTORY: Final = dict.fromkeys((*_DIRECTORIES, ALIAS), _ISDIR)
_SAME = Otherwise(0, "O_CREAT of what is there only opens it")
_EXISTS: Final = dict.fromkeys(_EXISTING, Otherwise(errno.EEXIST, "that the name is taken is noticed first"))
_LOOP = Otherwise(errno.ELOOP, "O_NOFOLLOW refuses a symlink")
_EXDEV = Otherwise(errno.EXDEV, "that the other side is in another mount is noticed first")
_READ_ONLY = "the descriptor was opened for reading, and none can be had for writing"
_ANY_DESCRIPTOR: Final = (*_DIRECTORIES, FILE)

_WRITING: Final = {
    "O_WRONLY": os.O_WRONLY,
    "O_RDWR": os.O_RDWR,
    "O_WRONLY|O_APPEND": os.O_WRONLY | os.O_APPEND,
    "O_RDWR|O_APPEND|O_SYNC": os.O_RDWR | os.O_APPEND | os.O_SYNC,
    "O_WRONLY|O_DIRECT": os.O_WRONLY | os.O_DIRECT,
    "O_WRONLY|O_NONBLOCK": os.O_WRONLY | os.O_NONBLOCK,
    "O_RDONLY|O_TRUNC": os.O_RDONLY | os.O_TRUNC,
    "O_WRONLY|O_TRUNC": os.O_WRONLY | os.O_TRUNC,
    "O_RDWR|O_TRUNC": os.O_RDWR | os.O_TRUNC,
    "O_WRONLY|O_CREAT": os.O_WRONLY | os.O_CREAT,
    "O_RDWR|O_CREAT|O_TRUNC": os.O_RDWR | os.O_CREAT | os.O_TRUNC,
}
_CREATING: Final = {
    "O_RDONLY|O_CREAT": os.O_RDONLY | os.O_CREAT,
    "O_WRONLY|O_CREAT": os.O_WRONLY | os.O_CREAT,
    "O_RDWR|O_CREAT|O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "O_RDWR|O_CREAT|O_TRUNC|O_NOFOLLOW": os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW,
}
_NODES: Final = {
    "S_IFREG": stat.S_IFREG,
    "S_IFIFO": stat.S_IFIFO,
    "S_IFSOCK": stat.S_IFSOCK,
    "S_IFCHR": stat.S_IFCHR,
    "S_IFBLK": stat.S_IFBLK,
}
_RENAMES: Final = {
    "RENAME_NOREPLACE": libc.RENAME_NOREPLACE,
    "RENAME_EXCHANGE": libc.RENAME_EXCHANGE,
    "RENAME_WHITEOUT": libc.RENAME_WHITEOUT,
}
_ATTRIBUTES: Final = {
    b"user.artfs.ref": b"animals:v7",
    b"user.mine": b"",
    b"trusted.mine": b"value",
    b"security.capability": bytes.fromhex("00000002") + bytes(16),  # of no capability, in its second version
}


def _opening() -> list[Call]:
    calls = [Call(f"open({name})", _open(flags), _EXISTING, _IS_DIRECTORY) for name, flags in _WRITING.items()]
    calls += [Call(f"open(new, {name})", _open_new(flags), _DIRECTORIES) for name, flags in _CREATING.items()]
    return [
        *calls,
        Call("open(O_RDONLY|O_CREAT)", _open(os.O_CREAT), (FILE, LINK), {FILE: _SAME, LINK: _SAME}),
        Call("open(O_CREAT|O_EXCL)", _open(os.O_RDWR | os.O_CREAT | os.O_EXCL), _NAMED, _EXISTS),
        Call(
            "open(O_WRONLY|O_NOFOLLOW)", _open(os.O_WRONLY | os.O_NOFOLLOW), (LINK, ALIAS), {LINK: _LOOP, ALIAS: _LOOP}
        ),
        Call("open(O_RDWR|O_TMPFILE)", _open(os.O_RDWR | os.O_TMPFILE), _DIRECTORIES),
        Call("open(O_WRONLY|O_TMPFILE|O_EXCL)", _open(os.O_WRONLY | os.O_TMPFILE | os.O_EXCL), _DIRECTORIES),
        Call("creat", libc.creat, _EXISTING, _IS_DIRECTORY),
        Call("creat(new)", lambda path: libc.creat(_new(path)), _DIRECTORIES),
    ]


def _contents() -> list[Call]:
    on_file = {FILE: Otherwise(errno.EINVAL, _READ_ONLY)}
    unwritable = {FILE: Otherwise(errno.EBADF, _READ_ONLY)}
    return [
        Call("truncate(0)", lambda path: os.truncate(path, 0), _EXISTING, _IS_DIRECTORY),
        Call("truncate(larger)", lambda path: os.truncate(path, 1 << 30), _EXISTING, _IS_DIRECTORY),
        Call("ftruncate", _on_descriptor(lambda fd: os.ftruncate(fd, 0)), (FILE,), on_file),
        Call("write", _on_descriptor(lambda fd: os.write(fd, b"x")), (FILE,), unwritable),
        Call("pwrite", _on_descriptor(lambda fd: os.pwrite(fd, b"x", 0)), (FILE,), unwritable),
        Call("fallocate", _on_descriptor(lambda fd: libc.fallocate(fd, 0, 0, 1 << 20)), (FILE,), unwritable),
        Call("fallocate(PUNCH_HOLE)", _on_descriptor(lambda fd: libc.fallocate(fd, 3, 0, 4096)), (FILE,), unwritable),
        Call("copy_file_range", _on_descriptor(lambda fd: os.copy_file_range(fd, fd, 1, 0, 9)), (FILE,), unwritable),
        Call("sendfile", _on_descriptor(lambda fd: os.sendfile(fd, fd, 0, 9)), (FILE,), unwritable),
        Call("ioctl(FICLONE)", _on_descriptor(_clone_range), (FILE,), unwritable),
        Call(
            "mmap(MAP_SHARED, PROT_WRITE)",
            _on_descriptor(_map_shared),
            (FILE,),
            {FILE: Otherwise(errno.EACCES, _READ_ONLY)},
        ),
    ]


def _names() -> list[Call]:
    away = dict.fromkeys(_NAMED, _EXDEV)
    here = dict.fromkeys(_DIRECTORIES, _EXDEV)
    return [
        *(Call(f"mknod({name})", _mknod(kind), _DIRECTORIES) for name, kind in _NODES.items()),
        *(Call(f"renameat2({name})", _renameat2(flags), _NAMED) for name, flags in _RENAMES.items()),
        Call("mkfifo", lambda path: os.mkfifo(_new(path)), _DIRECTORIES),
        Call("mkdir", lambda path: os.mkdir(_new(path)), _DIRECTORIES),
        Call("mkdir(taken)", os.mkdir, _EXISTING, _EXISTS),
        Call("symlink", lambda path: os.symlink(b"target", _new(path)), _DIRECTORIES),
        Call("bind", lambda path: _bind(_new(path)), _DIRECTORIES),
        Call("rmdir", os.rmdir, _NAMED),
        Call("rmdir(not there)", lambda path: os.rmdir(_new(path)), _DIRECTORIES),
        Call("unlink", os.unlink, _NAMED),
        Call("unlink(not there)", lambda path: os.unlink(_new(path)), _DIRECTORIES),
        Call("rename", lambda path: os.rename(path, _beside(path)), _NAMED),
        Call("rename(onto another)", lambda path: os.rename(path, os.path.dirname(path) + b"/another"), _NAMED),
        Call("rename(away)", lambda path: os.rename(path, b"other"), _NAMED, away),
        Call("rename(from outside)", lambda path: os.rename(b"there", _new(path)), _DIRECTORIES, here),
        Call("link", lambda path: os.link(path, _beside(path), follow_symlinks=False), _NAMED),
        Call("link(away)", lambda path: os.link(path, b"other", follow_symlinks=False), _NAMED, away),
        Call("link(from outside)", lambda path: os.link(b"there", _new(path)), _DIRECTORIES),
        Call("linkat(AT_SYMLINK_FOLLOW)", _linkat(libc.AT_SYMLINK_FOLLOW), (LINK,)),
        Call("linkat(/proc/self/fd)", _link_of_descriptor, (FILE,)),
    ]


def _mknod(kind: int) -> Callable[[bytes], None]:
    return lambda path: os.mknod(_new(path), kind | 0o600, os.makedev(1, 3))


def _renameat2(flags: int) -> Callable[[bytes], None]:
    target = b"/another" if flags == libc.RENAME_EXCHANGE else b"/new"
    return lambda path: libc.renameat2(path, os.path.dirname(path) + target, flags)


def _linkat(flags: int) -> Callable[[bytes], None]:
    return lambda path: libc.linkat(path, _beside(path), flags)


def _link_of_descriptor(path: bytes) -> None:
    """Link an open file, as the manual page of open(2) has it for O_TMPFILE."""
    follow = libc.AT_SYMLINK_FOLLOW
    _on_descriptor(lambda fd: libc.linkat(b"/proc/self/fd/%d" % fd, _beside(path), follow))(path)


def _attributes() -> list[Call]:
    me, mine = os.getuid(), os.getgid()
    times = (1_000_000_000, 2_000_000_000)
    descriptor = Otherwise(errno.EBADF, "an O_PATH descriptor is good for naming things only")
    on_path = dict.fromkeys(_EXISTING, descriptor)
    opath = os.O_PATH | os.O_NOFOLLOW
    return [
        Call("chmod", lambda path: os.chmod(path, 0o700)),
        Call("chmod(as it is)", lambda path: os.chmod(path, stat.S_IMODE(os.stat(path).st_mode))),
        Call("fchmod", _on_descriptor(lambda fd: os.fchmod(fd, 0o600)), _ANY_DESCRIPTOR),
        Call("fchmod(O_PATH)", _on_descriptor(lambda fd: os.fchmod(fd, 0o600), opath), _EXISTING, on_path),
        Call(
            "fchmodat2(AT_SYMLINK_NOFOLLOW)",
            lambda path: libc.fchmodat2(path, 0o7, libc.AT_SYMLINK_NOFOLLOW),
            recent=True,
        ),
        Call("chown", lambda path: os.chown(path, me, mine)),
        Call("chown(to another)", lambda path: os.chown(path, me + 1, mine + 1)),
        Call("chown(-1, -1)", lambda path: os.chown(path, -1, -1)),
        Call("lchown", lambda path: os.lchown(path, me, mine)),
        Call("fchown", _on_descriptor(lambda fd: os.fchown(fd, me, mine)), _ANY_DESCRIPTOR),
        Call("utimensat(now)", os.utime),
        Call("utimensat", lambda path: os.utime(path, ns=times)),
        Call("utimensat(AT_SYMLINK_NOFOLLOW)", lambda path: os.utime(path, ns=times, follow_symlinks=False)),
        Call("futimens", _on_descriptor(lambda fd: os.utime(fd, ns=times)), _ANY_DESCRIPTOR),
        Call("access(W_OK)", lambda path: libc.access(path, os.W_OK)),
        Call("ioctl(FS_IOC_SETFLAGS)", _on_descriptor(_set_flags), _ANY_DESCRIPTOR),
        Call("ioctl(FS_IOC_FSSETXATTR)", _on_descriptor(_set_project), _ANY_DESCRIPTOR),
        Call("file_setattr", lambda path: libc.file_setattr(path, libc.AT_SYMLINK_NOFOLLOW), recent=True),
    ]


def _extended() -> list[Call]:
    return [
        *(call for name, value in _ATTRIBUTES.items() for call in _extended_one(name, value)),
        Call("setxattrat", lambda path: libc.setxattrat(path, b"user.mine", b"v", 0), recent=True),
        Call("removexattrat", lambda path: libc.removexattrat(path, b"user.mine", 0), recent=True),
    ]


def _extended_one(name: bytes, value: bytes) -> list[Call]:
    text = name.decode()
    return [
        Call(f"setxattr({text})", lambda path: os.setxattr(path, name, value)),
        Call(f"lsetxattr({text})", lambda path: os.setxattr(path, name, value, follow_symlinks=False)),
        Call(f"fsetxattr({text})", _on_descriptor(lambda fd: os.setxattr(fd, name, value)), _ANY_DESCRIPTOR),
        Call(f"removexattr({text})", lambda path: os.removexattr(path, name)),
        Call(f"lremovexattr({text})", lambda path: os.removexattr(path, name, follow_symlinks=False)),
        Call(f"fremovexattr({text})", _on_descriptor(lambda fd: os.removexattr(fd, name)), _ANY_DESCRIPTOR),
    ]


CALLS: Final = (*_opening(), *_contents(), *_names(), *_attributes(), *_extended())
"""The table."""
