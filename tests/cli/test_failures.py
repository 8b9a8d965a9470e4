"""Every bad input: one line on stderr that says what to do, the documented exit code, and a store as it was."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artfs.store.write.ingest import ingest
from tests.support.commands import Commands, store_state

_NAMES = ("", "a b", "a/b/c/d", "/", "-x", ".", "..", "ä", "a" * 129, "a\n", "a:b:c/../d")


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    """`animals:v0`, which has the alias `best`."""
    artfs.done("put", images, "-n", "animals", "-a", "best")
    return artfs


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (3, ("ls", "nobody"), "artifact nobody does not exist"),
        (3, ("show", "animals:v7"), "animals:v7 does not exist"),
        (3, ("get", "animals:production"), "no alias production"),
        (3, ("ls", "animals/cats/gone"), "no 'cats/gone'"),
        (3, ("ls", "animals/labels.csv/x"), "no 'labels.csv/x'"),
        (3, ("cat", "animals/gone"), "no 'gone'"),
        (3, ("tree", "animals/gone"), "no 'gone'"),
        (3, ("get", "animals", "--path", "gone"), "no 'gone'"),
        (3, ("log", "nobody"), "artifact nobody does not exist"),
        (3, ("diff", "animals", "animals:v7"), "animals:v7 does not exist"),
        (3, ("alias", "ls", "nobody"), "artifact nobody does not exist"),
        (3, ("alias", "rm", "animals:gone"), "no alias gone"),
        (3, ("alias", "add", "nobody", "x"), "artifact nobody does not exist"),
        (3, ("edit", "animals:v7", "--ttl", "1d"), "animals:v7 does not exist"),
        (3, ("rename", "nobody", "x"), "artifact nobody does not exist"),
        (3, ("link", "nobody", "x"), "artifact nobody does not exist"),
        (3, ("rm", "nobody:latest"), "artifact nobody does not exist"),
        (3, ("rm", "nobody", "--all"), "artifact nobody does not exist"),
        (3, ("warm", "nobody"), "artifact nobody does not exist"),
        (3, ("du", "nobody"), "artifact nobody does not exist"),
        (3, ("history", "nobody"), "artifact nobody does not exist"),
        (3, ("history", "animals:v7"), "animals:v7 does not exist"),
        (3, ("history", "animals:gone"), "no alias gone"),
        (2, ("history", "a b"), "is not allowed"),
        (2, ("history", "-n", "0"), "see `artfs history --help`"),
        (2, ("history", "animals", "--verify"), "leave out REF and -n"),
        (2, ("history", "--head", "0" * 64), "--head is given with --verify"),
        (2, ("history", "--verify", "--head", "12"), "64 digits"),
        (7, ("history", "--verify", "--head", "0" * 64), "no record has the hash"),
        (3, ("lineage", "nobody"), "artifact nobody does not exist"),
        (3, ("lineage", "animals:v7"), "animals:v7 does not exist"),
        (3, ("runs", "show", "zzzzzzzz"), "run zzzzzzzz does not exist"),
        (3, ("runs", "show", "ZZ"), "run ZZ does not exist: `artfs runs` lists ids and names"),
        (2, ("runs", "--all-versions"), "--all-versions goes with --used NAME"),
        (3, ("runs", "--used", "animals:v7"), "animals:v7 does not exist"),
        (2, ("runs", "--used", "animals:v0", "--all-versions"), "give --all-versions with the artifact's name alone"),
        (2, ("lineage", "animals:best", "--all-versions"), "give --all-versions with the artifact's name alone"),
        (3, ("lineage", "nobody", "--all-versions"), "artifact nobody does not exist"),
        (2, ("lineage", "animals", "--type", "model", "--format", "dot"), "--type lists versions"),
        (2, ("runs", "--state", "dead"), "see `artfs runs --help`"),
        (2, ("runs", "-n", "0"), "see `artfs runs --help`"),
        (2, ("lineage", "animals", "--depth", "-1"), "depth -1 is negative"),
        (2, ("lineage", "animals", "--depth", "x"), "see `artfs lineage --help`"),
        (2, ("lineage", "animals", "--format", "png"), "see `artfs lineage --help`"),
        (3, ("help", "nothing"), "`artfs help` lists"),
        (2, ("ls", "animals:v01"), "leading zeros"),
        (2, ("ls", "animals:"), "alias '' is not allowed"),
        (2, ("ls", "animals/a//b"), "entry name '' is not allowed"),
        (2, ("ls", "animals/../x"), "entry name '..' is not allowed"),
        (2, ("cat", "animals/.artfs/x"), "reserved"),
        (2, ("cat", "animals/" + "x" * 256), "1 to 255 bytes"),
        (2, ("cat", "animals/cats"), "is a directory"),
        (2, ("cat", "animals"), "is a directory"),
        (2, ("log", "animals:v0"), "'animals:v0' names a version"),
        (2, ("alias", "add", "animals", "v3"), "always means a version"),
        (2, ("alias", "add", "animals", "a/b"), "alias 'a/b' is not allowed"),
        (2, ("edit", "animals"), "nothing to change is given"),
        (2, ("edit", "animals", "--ttl", "0d"), "duration '0d' is not allowed"),
        (2, ("edit", "animals", "--ttl", "soon"), "duration 'soon' is not allowed"),
        (2, ("edit", "animals", "--ttl", "999999999w"), "duration '999999999w' is not allowed"),
        (2, ("edit", "animals", "--meta", "novalue"), "is not KEY=VALUE"),
        (2, ("edit", "animals", "--meta", "=x"), "is not KEY=VALUE"),
        (2, ("edit", "animals", "--meta", "a=1", "--meta", "a=2"), "given twice"),
        (2, ("edit", "animals", "--meta", "a=" + "[" * 100 + "]" * 100), "nested too deeply"),
        (2, ("edit", "animals", "--description", b"\xff"), "is not UTF-8"),
        (2, ("ls", "-R"), "-R needs a REF"),
        (2, ("frobnicate",), "no such command 'frobnicate'"),
        (2, ("alias", "frobnicate"), "no such command 'frobnicate'"),
        (2, ("ls", "--frobnicate"), "no such option"),
        (2, ("put", "-n", "x"), "missing argument 'PATH...', or --ref URI or --import URI"),
        (2, ("put", "."), "-n NAME is missing"),
        (2, ("tree", "animals", "-L", "0"), "see `artfs tree --help`"),
        (2, ("mount", "/mnt", "--workers", "9", "--max-workers", "2"), "--max-workers"),
        (2, ("completion", "tcsh"), "see `artfs completion --help`"),
        (4, ("rm", "animals:v0"), "best"),
        (4, ("rename", "animals", "animals"), "animals"),
    ],
)
def test_bad_input_ends_in_one_line_and_changes_nothing(
    stored: Commands, code: int, arguments: tuple[str | bytes, ...], said: str
) -> None:
    before = store_state(stored.store)
    ended = stored(*arguments)
    assert ended.code == code, ended
    assert said in ended.failed(code)
    assert ended.out == b""
    assert store_state(stored.store) == before


@pytest.mark.parametrize("name", _NAMES)
def test_a_bad_name_is_refused_before_a_store_is_made(artfs: Commands, images: Path, name: str) -> None:
    assert "is not allowed" in artfs("put", images, "-n", name).failed(2)
    assert not artfs.store.exists()


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "a b"),
        ("-a", "v1"),
        ("-a", ".."),
        ("--tag", "two  spaces"),
        ("--tag", ""),
        ("--meta", "x"),
        ("-m", b"\xff"),
    ],
)
def test_a_bad_option_of_put_is_refused_before_a_store_is_made(
    artfs: Commands, images: Path, options: tuple[str | bytes, ...]
) -> None:
    artfs("put", images, "-n", "animals", *options).failed(2)
    assert not artfs.store.exists()


def test_another_type_for_the_same_name_is_refused(stored: Commands, images: Path) -> None:
    before = stored.done("log", "animals").out
    assert "dataset" in stored("put", images, "-n", "animals", "-t", "model").failed(4)
    assert stored.done("log", "animals").out == before


def test_a_missing_source_is_named_and_makes_no_store(artfs: Commands, images: Path) -> None:
    assert "'gone': No such file or directory" in artfs("put", images, "gone", "-n", "animals").failed(5)
    assert not artfs.store.exists()


def test_a_directory_that_holds_the_store_is_refused(stored: Commands, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(stored.store)
    before = store_state(stored.store)
    for source in (tmp_path, stored.store, tmp_path / "link"):
        assert "holds the store itself" in stored("put", source, "-n", "animals").failed(5)
    assert store_state(stored.store) == before


def test_an_unreadable_file_is_named(stored: Commands, images: Path) -> None:
    """As an ordinary user meets it: where the tests run as root, without root's right to read everything."""
    (images / "cats/secret").write_text("secret")
    (images / "cats/secret").chmod(0)
    before = store_state(stored.store)
    rights = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--") if os.geteuid() == 0 else ()
    ended = stored.process("put", images, "-n", "animals", prefix=rights)
    assert f"'{images}/cats/secret': Permission denied" in ended.failed(5)
    assert store_state(stored.store) == before


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


@pytest.mark.parametrize(("make", "called"), [(_socket, "a socket"), (os.mkfifo, "a FIFO")])
def test_a_socket_or_fifo_in_a_directory_is_named(
    stored: Commands, images: Path, make: Callable[[Path], None], called: str
) -> None:
    make(images / "cats/odd\n")
    before = store_state(stored.store)
    said = stored("put", images, "-n", "animals").failed(5)
    assert f"{images}/cats/odd" in said
    assert f"is {called}" in said
    assert store_state(stored.store) == before


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.rename(path.with_name("moved"))])
def test_a_path_that_vanishes_during_put_is_named(
    stored: Commands, images: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    """It vanishes after the walk has seen it and before it is read."""
    (images / "fleeting").write_text("here")
    before = store_state(stored.store)

    def vanishing(*arguments: object, **named: object) -> None:
        change(images / "fleeting")
        ingest(*arguments, **named)  # type: ignore[arg-type] # whatever the store gives it

    monkeypatch.setattr("artfs.store.write.put.ingest", vanishing)
    assert f"'{images}/fleeting': No such file or directory" in stored("put", images, "-n", "animals").failed(5)
    assert store_state(stored.store) == before


_READERS = [
    ("ls",),
    ("ls", "animals"),
    ("tree", "animals"),
    ("cat", "animals/labels.csv"),
    ("log", "animals"),
    ("show", "animals"),
    ("diff", "animals", "animals"),
    ("get", "animals", "out"),
    ("du",),
    ("info",),
    ("warm", "animals"),
    ("alias", "ls", "animals"),
    ("alias", "add", "animals", "x"),
    ("alias", "rm", "animals:x"),
    ("edit", "animals", "--ttl", "1d"),
    ("rename", "animals", "x"),
    ("link", "animals", "x"),
    ("rm", "animals:latest"),
    ("mount", "mountpoint"),
]


@pytest.mark.parametrize("arguments", [line for line in _READERS if line[0] != "mount"], ids=" ".join)
def test_no_command_but_init_put_and_mount_makes_a_store(artfs: Commands, arguments: tuple[str, ...]) -> None:
    Path("mountpoint").mkdir()
    ended = artfs(*arguments)
    assert ended.code in {3, 6}
    assert "artfs init" in ended.failed(ended.code)
    assert not artfs.store.exists()


@pytest.mark.parametrize("arguments", [*_READERS, ("init",), ("put", "mountpoint", "-n", "x")], ids=" ".join)
def test_a_directory_that_is_not_a_store_is_left_alone(artfs: Commands, arguments: tuple[str, ...]) -> None:
    Path("mountpoint").mkdir()
    artfs.store.mkdir()
    (artfs.store / "thesis.tex").write_text("mine")
    assert str(artfs.store) in artfs(*arguments).failed(6)
    assert store_state(artfs.store) == {"thesis.tex": b"mine"}


@pytest.mark.parametrize("arguments", [*_READERS, ("init",), ("put", "mountpoint", "-n", "x")], ids=" ".join)
def test_a_store_from_a_newer_artfs_is_left_alone(stored: Commands, arguments: tuple[str, ...]) -> None:
    Path("mountpoint").mkdir()
    file = stored.store / "format.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": 2}))
    before = store_state(stored.store)
    assert "upgrade artfs" in stored(*arguments).failed(6)
    assert store_state(stored.store) == before


def test_a_file_where_the_store_should_be_is_left_alone(artfs: Commands, images: Path) -> None:
    artfs.store.write_text("mine")
    artfs("ls").failed(6)
    artfs("put", images, "-n", "animals").failed(6)
    artfs("init").failed(6)
    assert artfs.store.read_text() == "mine"


def test_damage_is_met_as_an_error_with_its_own_code(stored: Commands) -> None:
    for pack in (stored.store / "packs").glob("*/*.pack"):
        data = bytearray(pack.read_bytes())
        data[64:-200] = bytes(len(data) - 264)
        pack.write_bytes(data)
    ended = stored("cat", "animals/labels.csv")
    assert "animals:latest/labels.csv" in ended.failed(7)
    assert ended.out == b""
    stored("get", "animals", "out").failed(7)
    assert not Path("out/labels.csv").exists()


def test_debug_shows_the_traceback_before_the_line(stored: Commands) -> None:
    for arguments in (("--debug", "ls", "gone"), ("ls", "gone", "--debug")):
        ended = stored(*arguments)
        assert ended.code == 3
        assert ended.err.startswith(b"Traceback")
        assert ended.err.splitlines()[-1].startswith(b"artfs: artifact gone")


def test_a_bug_is_one_line_too(stored: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("artfs.cli.commands.ls.print_table", broken)
    assert "--debug" in stored("ls").failed(1)


@pytest.mark.parametrize(
    "arguments", [("ls",), ("ls", "animals", "--json"), ("cat", "animals/cats/tom.png"), ("--help",)]
)
def test_a_reader_that_has_gone_is_no_news(stored: Commands, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        ended = stored.process(*arguments, out=pipe)
    assert (ended.code, ended.err) == (141, b"")


@pytest.mark.parametrize("arguments", [("ls",), ("cat", "animals/cats/tom.png"), ("show", "animals")])
def test_an_output_that_cannot_be_written_is_one_line(stored: Commands, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        ended = stored.process(*arguments, out=full)
    assert ended.failed(1) == "cannot write to standard output: No space left on device"


def test_a_change_that_is_made_is_reported_even_if_the_output_cannot_be_written(stored: Commands, images: Path) -> None:
    with open("/dev/full", "wb") as full:
        ended = stored.process("put", images, "-n", "animals", out=full)
    assert ended.failed(1) == "animals:v1 is stored, but cannot write to standard output: No space left on device"
    assert stored.done("show", "animals", "--json").json["ref"] == "animals:v1"


def test_closed_standard_descriptors_do_no_harm(stored: Commands, images: Path) -> None:
    """The index or a pack must not get number 1 or 2, where a message would be written into it."""
    command = b" ".join(stored.line("put", images, "-n", "animals")).decode()
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
        subprocess.run(["sh", "-c", f"{command} {closed}"], check=True, env=stored.environment)
    assert len(stored.done("log", "animals", "--json").json) == 5
    assert stored.done("cat", "animals/labels.csv").out == b"tom,cat\n"


@contextmanager
def _storing_for_long(artfs: Commands, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A `put` of a file that would take minutes, once it is in the middle of it."""
    with open(tmp_path / "long", "wb") as file:
        file.truncate(1 << 38)
    process = subprocess.Popen(
        artfs.line("put", tmp_path / "long", "-n", "long"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=artfs.environment,
    )
    try:
        deadline = time.monotonic() + 60
        while not list((artfs.store / "tmp").glob("*/*")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            threading.Event().wait(0.005)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "stopped by a signal (Terminated)"),
        (signal.SIGHUP, "stopped by a signal (Hangup)"),
    ],
)
def test_put_is_interrupted_without_harm(stored: Commands, tmp_path: Path, number: signal.Signals, said: str) -> None:
    stored.done("ls")
    before = store_state(stored.store)
    with _storing_for_long(stored, tmp_path) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    left = "no version was made: the same command makes it, and does not store again what is in finished packs"
    assert (process.returncode, out, err.decode()) == (128 + number, b"", f"artfs: {said}; {left}\n")
    assert store_state(stored.store) == before


def test_a_put_that_is_interrupted_past_its_commit_point_says_that_there_is_a_version(
    stored: Commands, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("artfs.cli.commands.put.version_document", interrupted)
    said = stored("put", images, "-n", "animals").failed(130)
    assert said.startswith("interrupted; animals:v1 was made meanwhile: look at it with `artfs log animals`")
    assert stored.done("log", "animals").lines[1].startswith("v1 ")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (
            ("export", "animals", "a.artfs"),
            "the file has its name only when it is whole: the same command begins again",
        ),
        (("import", "b.artfs"), "versions come all at once or not at all: the same command goes on from what came"),
    ],
    ids=["export", "import"],
)
def test_an_interrupted_export_or_import_says_what_is_left(
    stored: Commands, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], left: str
) -> None:
    def interrupted(_doing: str) -> None:
        raise KeyboardInterrupt

    stored.done("export", "animals", "b.artfs")
    module = "import_" if words[0] == "import" else words[0]
    monkeypatch.setattr(f"artfs.cli.commands.{module}.progress_bar", interrupted)
    assert stored(*words).failed(130) == f"interrupted; {left}"
    assert os.listdir() == ["b.artfs"]


def test_a_put_that_was_killed_leaves_no_version_and_the_next_one_cleans_up(
    stored: Commands, images: Path, tmp_path: Path
) -> None:
    with _storing_for_long(stored, tmp_path) as process:
        process.kill()
        process.communicate(timeout=60)
    assert [artifact["name"] for artifact in stored.done("ls", "--json").json] == ["animals"]
    stored.noted("put", images, "-n", "animals")
    assert os.listdir(stored.store / "tmp") == []


def test_get_is_interrupted_without_harm(stored: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is whole; of the file that was being written nothing is left."""

    class Interrupting:
        def total(self, _files: int, _size: int) -> None:
            """Ignore it."""

        def advance(self, _files: int, _size: int) -> None:
            raise KeyboardInterrupt

    @contextmanager
    def bar(_doing: str) -> Iterator[Interrupting]:
        yield Interrupting()

    monkeypatch.setattr("artfs.cli.commands.get.progress_bar", bar)
    ended = stored("get", "animals", "out")
    left = "what was written is whole: the same command goes on with the rest"
    assert (ended.code, ended.err.decode()) == (130, f"artfs: interrupted; {left}\n")
    written = [path.name for path in Path("out").rglob("*") if path.is_file()]
    assert written
    assert set(written) <= {"best", "tom.png", "labels.csv"}
