"""Programs that work in a draft as real ones do, each run as a process of its own.

    staged_child [--at DIRECTORY] PROGRAM ARGUMENT...

Each checks what it sees itself and ends with an error if that is wrong.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import importlib.metadata
import json
import mmap
import os
import random
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Program = Callable[..., None]

_PAGE = 4096


# ------------------------------------------------------------------------------------------------------------ processes


def _together(*programs: Callable[[], None]) -> None:
    """Run functions at once, each in a process of its own; all must end well."""
    begin, go = os.pipe()
    started = [_fork(program, begin, go) for program in programs]
    os.close(begin)
    os.close(go)  # the end of the pipe lets all of them begin
    assert [os.waitpid(pid, 0)[1] for pid in started] == [0] * len(programs)


def _fork(program: Callable[[], None], begin: int, go: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.close(go)
        os.read(begin, 1)
        program()
        status = 0
    except BaseException:  # noqa: BLE001 - reported by the status
        traceback.print_exc()
    os._exit(status)


# ------------------------------------------------------------------------------------------------------------ databases


def make_accounts(database: str, journal: str) -> None:
    """Make a database whose numbers always have the same sum."""
    connection = sqlite3.connect(database, isolation_level=None)
    assert connection.execute(f"PRAGMA journal_mode={journal}").fetchone() == (journal,)
    connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT)")
    connection.execute("CREATE INDEX by_amount ON account (amount, note)")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO account VALUES (?, 1000, ?)", ((number, f"{number} " * 40) for number in range(4000))
    )
    connection.execute("COMMIT")
    connection.close()


def transfer(database: str, processes: str, times: str) -> None:
    """Change it from many processes, of which each sees only whole transactions."""
    _together(*(lambda seed=seed: _transfer(database, seed, int(times)) for seed in range(int(processes))))


def _transfer(database: str, seed: int, times: int) -> None:
    rng = random.Random(seed)
    for _connection in range(2):
        connection = sqlite3.connect(database, timeout=50, isolation_level=None)
        for number in range(times):
            connection.execute("BEGIN IMMEDIATE")
            for sign in (-1, 1):
                change = sign, f"{seed} {number} " * rng.randrange(1, 60), rng.randrange(4000)
                connection.execute("UPDATE account SET amount = amount + ?, note = ? WHERE id = ?", change)
            connection.execute("ROLLBACK" if number % 5 == 4 else "COMMIT")
            assert connection.execute("SELECT sum(amount), count(*) FROM account").fetchone() == (4_000_000, 4000)
        connection.close()


# --------------------------------------------------------------------------------------------------------------- models


def _tensors(seed: str) -> dict[str, bytes]:
    rng = random.Random(seed)
    return {f"layer.{number}.weight": rng.randbytes(rng.randrange(1, 120) * 4096) for number in range(30)}


def _safetensors(seed: str) -> Iterator[bytes]:
    """The pieces of a file in the format of safetensors."""
    header, end = {}, 0
    tensors = _tensors(seed)
    for name, data in tensors.items():
        header[name] = {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text))
    yield text
    yield from tensors.values()


def write_tensors(path: str, how: str, seed: str) -> None:
    """Write a file of weights in one of the ways in which libraries do."""
    pieces = list(_safetensors(seed))
    if how == "stream":
        with open(path, "wb") as file:
            file.writelines(pieces)
    elif how == "map":
        with open(path, "w+b") as file:
            file.truncate(sum(map(len, pieces)))
            with mmap.mmap(file.fileno(), 0) as view:
                for piece in pieces:
                    view.write(piece)
                view.flush()
    else:
        _pwrite_shuffled(path, pieces)


def _pwrite_shuffled(path: str, pieces: Sequence[bytes]) -> None:
    places, end = [], 0
    for piece in pieces:
        places.append((end, piece))
        end += len(piece)
    random.Random(1).shuffle(places)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.posix_fallocate(descriptor, 0, end)
    for offset, piece in places:
        for start in range(0, len(piece), 100_000):
            part = piece[start : start + 100_000]
            assert os.pwrite(descriptor, part, offset + start) == len(part)
    os.fsync(descriptor)
    os.close(descriptor)


def read_tensors(path: str, seed: str) -> None:
    """Check such a file by way of a map, in any order."""
    expected = list(_tensors(seed).items())
    random.Random(2).shuffle(expected)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        (length,) = struct.unpack_from("<Q", view)
        header = json.loads(view[8 : 8 + length])
        for name, data in expected:
            start, end = header[name]["data_offsets"]
            assert view[8 + length + start : 8 + length + end] == data, name


def write_archive(path: str, seed: str) -> None:
    """Write weights as `torch.save` does: an uncompressed zip file, whose headers are mended when data is there."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _tensors(seed).items():
            with archive.open(f"archive/data/{name}", "w") as member:
                for start in range(0, len(data), 50_000):
                    member.write(data[start : start + 50_000])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def patch(path: str, offset: str, length: str) -> None:
    """Change some bytes inside a file, and no others."""
    before = Path(path).read_bytes()
    at, piece = int(offset), random.Random(offset).randbytes(int(length))
    with open(path, "r+b", buffering=0) as file:
        file.seek(at)
        assert file.write(piece) == len(piece)
    assert Path(path).read_bytes() == before[:at] + piece + before[at + len(piece) :]


# -------------------------------------------------------------------------------------------------------------- editors


def save(name: str, text: str) -> None:
    """Save the file of that name in each of the directories that are called like editors, as that editor does."""
    for editor, write in _EDITORS.items():
        path = Path(editor, name)
        write(path, text.encode())
        assert path.read_bytes() == text.encode()


def _vim(path: Path, text: bytes) -> None:
    """Vim: a swap file, a probe of the directory, the old file moved away, a new one in its place."""
    swap = path.with_name(f".{path.name}.swp")
    swapped = os.open(swap, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    for block in (0, 2, 1):
        os.pwrite(swapped, b"b0VIM 9.1".ljust(_PAGE, b"\0"), block * _PAGE)
    status = path.stat()
    probe = path.with_name("4913")
    probed = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, status.st_mode)
    os.fchown(probed, status.st_uid, status.st_gid)
    assert os.stat(probe).st_mode == status.st_mode
    os.close(probed)
    os.unlink(probe)
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    saved = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(saved, text)
    os.fsync(saved)
    os.fchmod(saved, status.st_mode)
    os.close(saved)
    backup.unlink()
    os.close(swapped)
    swap.unlink()


def _vim_in_place(path: Path, text: bytes) -> None:
    """Vim with `backupcopy=yes`: the old text is copied away, the file written over."""
    backup = path.with_name(f"{path.name}~")
    shutil.copy2(path, backup)
    with open(path, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    backup.unlink()


def _emacs(path: Path, text: bytes) -> None:
    """Emacs: a symlink is the lock, `#file#` the automatic save, the backup a hard link that stays."""
    lock = path.with_name(f".#{path.name}")
    lock.symlink_to("ann@example.4711:1234567890")
    automatic = path.with_name(f"#{path.name}#")
    automatic.write_bytes(text[: len(text) // 2])
    status = path.stat()
    backup = path.with_name(f"{path.name}~")
    backup.unlink(missing_ok=True)
    os.link(path, backup)
    assert backup.stat().st_nlink == 2
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "xb") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), status.st_mode)
        os.fsync(file.fileno())
    temporary.rename(path)
    assert backup.stat().st_nlink == 1
    assert backup.stat().st_ino == status.st_ino
    automatic.unlink()
    lock.unlink()


def _glib(path: Path, text: bytes) -> None:
    """GLib: a temporary file with the mode, owner and name of the old one; the directory is synced too."""
    status = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=".goutputstream-", dir=path.parent)
    os.write(descriptor, text)
    os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, status.st_mode)
    os.fsync(descriptor)
    os.close(descriptor)
    os.replace(name, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


_EDITORS = {"vim": _vim, "vim in place": _vim_in_place, "emacs": _emacs, "glib": _glib}


# ------------------------------------------------------------------------------------------- many processes on one file


def count_locked(path: str, processes: str, times: str) -> None:
    """Count in a file from many processes, each holding a POSIX lock on the number while it changes it."""
    Path(path).write_bytes(bytes(800))

    def count() -> None:
        with open(path, "r+b", buffering=0) as file:
            for number in range(int(times)):
                at = number % 100 * 8
                fcntl.lockf(file, fcntl.LOCK_EX, 8, at)
                (value,) = struct.unpack("<Q", os.pread(file.fileno(), 8, at))
                os.pwrite(file.fileno(), struct.pack("<Q", value + 1), at)
                fcntl.lockf(file, fcntl.LOCK_UN, 8, at)

    _together(*[count] * int(processes))
    assert sum(struct.unpack("<100Q", Path(path).read_bytes())) == int(processes) * int(times)


def hold_lock(path: str, kind: str) -> None:
    """A lock keeps others out for as long as its process lives, and no longer."""
    take = {"flock": fcntl.flock, "posix": fcntl.lockf}[kind]
    Path(path).touch()
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with open(path, "r+b") as file:
            take(file, fcntl.LOCK_EX)
            os.write(writing, b"!")
            signal.pause()
        os._exit(0)
    try:
        os.read(reading, 1)
        with open(path, "r+b") as file:
            try:
                take(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                raise AssertionError("two have the lock")
            os.kill(pid, signal.SIGKILL)
            take(file, fcntl.LOCK_EX)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def append(path: str, processes: str, times: str) -> None:
    """Append lines from many processes: none is torn, lost or out of its order."""
    count = int(processes), int(times)

    def line(process: int, number: int) -> bytes:
        return f"{process} {number} {'-' * (process * 37 + number * 11 % 200)}\n".encode()

    def write(process: int) -> None:
        for start in range(0, count[1], 50):
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            for number in range(start, min(start + 50, count[1])):
                os.write(descriptor, line(process, number))
            os.close(descriptor)

    _together(*(lambda process=process: write(process) for process in range(count[0])))
    written: list[list[bytes]] = [[] for _ in range(count[0])]
    for found in Path(path).read_bytes().splitlines(keepends=True):
        written[int(found.split()[0])].append(found)
    assert written == [[line(process, number) for number in range(count[1])] for process in range(count[0])]


def share_map(path: str, times: str) -> None:
    """Two processes see each other's writes to one map at once, and the file has them all."""
    size = 256 * _PAGE
    with open(path, "xb") as file:
        file.truncate(size)
    mine, theirs = os.pipe(), os.pipe()

    def write(number: int, reading: int, writing: int) -> None:
        with open(path, "r+b") as file, open(f"{path}.lock", "ab") as lock:
            view = mmap.mmap(file.fileno(), size)
            file.close()  # the map alone keeps it open from now on
            for _time in range(int(times)):
                fcntl.flock(lock, fcntl.LOCK_EX)
                struct.pack_into("<Q", view, 0, struct.unpack_from("<Q", view)[0] + 1)
                fcntl.flock(lock, fcntl.LOCK_UN)
            for page in range(1 + number, 256, 2):
                view[page * _PAGE : (page + 1) * _PAGE] = bytes([page]) * _PAGE
            os.write(writing, b"!")
            os.read(reading, 1)
            assert all(view[page * _PAGE] == page for page in range(1, 256))
            view[-1 - number] = 1  # nobody flushes or closes it but the end of the process

    _together(lambda: write(0, mine[0], theirs[1]), lambda: write(1, theirs[0], mine[1]))
    pages = b"".join(bytes([page]) * _PAGE for page in range(1, 256))
    assert Path(path).read_bytes() == struct.pack("<Q", 2 * int(times)).ljust(_PAGE, b"\0") + pages[:-2] + b"\1\1"


def write_often(times: str) -> None:
    """Open and write files so fast that the clock of the kernel stands still between."""
    for number in range(int(times)):
        name = f"often-{number}"
        for flags in (os.O_CREAT, os.O_TRUNC, os.O_APPEND, 0):
            descriptor = os.open(name, os.O_WRONLY | flags, 0o644)
            os.write(descriptor, name.encode())
            if number % 3 == 0:
                os.fsync(descriptor)
            os.close(descriptor)
            if number % 2:
                os.truncate(name, number)
                os.truncate(name, number)
        if number % 5 == 0:
            os.open(name, os.O_WRONLY | os.O_TRUNC)  # its end closes it


def direct(path: str) -> None:
    """Write and read around the page cache and through it, at once."""
    size = 3 << 20
    data = bytearray(random.Random(path).randbytes(size))
    buffer = mmap.mmap(-1, size)  # starts at a page
    buffer[:] = bytes(data)
    straight = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_DIRECT, 0o644)
    assert os.pwritev(straight, [buffer], 0) == size
    with open(path, "r+b", buffering=0) as cached:
        for offset in (0, _PAGE * 3 + 5, size - 100):
            data[offset : offset + 100] = b"c" * 100
            assert os.pwrite(cached.fileno(), b"c" * 100, offset) == 100
        assert os.preadv(straight, [buffer], 0) == size
        assert buffer[:] == data
        data[_PAGE : 2 * _PAGE] = buffer[:_PAGE] = b"d" * _PAGE
        assert os.pwritev(straight, [memoryview(buffer)[:_PAGE]], _PAGE) == _PAGE
        assert os.pread(cached.fileno(), size, 0) == data
        assert os.pwritev(straight, [memoryview(buffer)[:_PAGE]], size) == _PAGE
        assert os.fstat(cached.fileno()).st_size == size + _PAGE
    os.close(straight)
    assert Path(path).read_bytes() == data + b"d" * _PAGE


# --------------------------------------------------------------------------------------------------- Python's libraries


def shuffle_files() -> None:
    """Put `tempfile` and `shutil` to work in the current directory."""
    rng = random.Random(5)
    with tempfile.TemporaryDirectory(dir=".") as scratch, tempfile.TemporaryFile(dir=scratch) as unnamed:
        unnamed.write(rng.randbytes(100_000))
        unnamed.seek(0)
        with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as named:
            shutil.copyfileobj(unnamed, named)
        shutil.move(named.name, "kept")
    assert os.stat("kept").st_mode & 0o777 == 0o600
    assert Path("kept").read_bytes() == random.Random(5).randbytes(100_000)
    os.makedirs("tree/a/b/c")
    for number in range(30):
        Path("tree/a" if number % 2 else "tree/a/b/c", f"{number}.bin").write_bytes(rng.randbytes(number * 700))
    os.symlink("a/1.bin", "tree/link")
    os.utime("tree/a/1.bin", ns=(1, 1_234_567_890_987_654_321))
    shutil.copytree("tree", "copy", symlinks=True)
    assert os.stat("copy/a/1.bin").st_mtime_ns == 1_234_567_890_987_654_321
    packed = shutil.make_archive("packed", "gztar", "tree")
    shutil.unpack_archive(packed, "unpacked", filter="data")
    shutil.move("copy", "tree/moved")
    shutil.rmtree("tree/a")
    assert _files("unpacked/a") == _files("tree/moved/a") != {}
    with open("kept", "rb") as source, open("ranges", "wb") as target:
        assert os.copy_file_range(source.fileno(), target.fileno(), 50_000, 10, 20) == 50_000
        assert os.sendfile(target.fileno(), source.fileno(), 0, 20) == 20
    assert Path("ranges").read_bytes()[20:] == Path("kept").read_bytes()[10:50_010]


def _files(top: str) -> dict[str, bytes]:
    return {os.fspath(path.relative_to(top)): path.read_bytes() for path in Path(top).rglob("*") if path.is_file()}


def check_installed(directory: str, name: str, version: str) -> None:
    """Check the files of an installed package against the sums that came with them."""
    all_of_them = importlib.metadata.distributions(name=name, path=[directory])
    (found,) = (distribution for distribution in all_of_them if distribution.version == version)
    checked = 0
    for file in found.files or []:
        if file.hash is not None:
            digest = hashlib.new(file.hash.mode, Path(directory, file).read_bytes()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=") == file.hash.value.encode(), file
            checked += 1
    assert checked > 5


# ---------------------------------------------------------------------------------------------------------------- other


def forget_contents() -> None:
    """Have the kernel drop what it has cached of all files of the current directory: the next read asks again."""
    for directory, _names, files in os.walk(b"."):
        for name in files:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                continue
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


_PROGRAMS: Sequence[Program] = (
    append,
    check_installed,
    count_locked,
    direct,
    forget_contents,
    hold_lock,
    make_accounts,
    patch,
    read_tensors,
    save,
    share_map,
    shuffle_files,
    transfer,
    write_archive,
    write_often,
    write_tensors,
)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[0] == "--at":
        os.chdir(arguments[1])
        del arguments[:2]
    name, *rest = arguments
    {program.__name__: program for program in _PROGRAMS}[name](*rest)


if __name__ == "__main__":
    main()
