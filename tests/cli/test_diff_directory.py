"""`artfs diff` of a directory with a version, of two versions of a name, and of text files by lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import artfs as artfs_api
from tests.support.commands import Commands
from tests.support.data.trees import make_odd_tree
from tests.support.terminal import on_terminal

_NO_CHANGES = ["0 added, 0 removed, 0 modified; +0 B -0 B"]


def _change(images: Path) -> None:
    (images / "labels.csv").write_text("tom,cat\nkit,cat\n")
    (images / "cats" / "tom.png").unlink()
    (images / "new").mkdir()
    (images / "new" / "kit.png").write_bytes(b"kit")
    (images / "best").unlink()
    (images / "best").symlink_to("new/kit.png")


def test_a_directory_is_compared_with_a_version_as_put_would_store_it(stored: Commands, images: Path) -> None:
    assert stored.done("diff", "animals", images).lines == _NO_CHANGES
    assert stored.done("diff", images, "animals:v0").lines == _NO_CHANGES
    _change(images)
    listed = stored.done("diff", "animals", images).lines
    assert listed == [
        "M              -1 best",
        "D          -5,120 cats/tom.png",
        "M              +8 labels.csv",
        "A              +0 new/",
        "A              +3 new/kit.png",
        "2 added, 1 removed, 2 modified; +30 B -5.0 KiB",
    ]
    back = stored.done("diff", images, "animals").lines
    assert [line[0] for line in back[:-1]] == ["M", "A", "M", "D", "D"]
    stored.done("put", images, "-n", "animals")
    assert stored.done("diff", "animals", "v0", "v1").lines == listed
    assert stored.done("diff", "animals:v1", images).lines == _NO_CHANGES


def test_a_directory_that_was_written_out_differs_in_nothing(artfs: Commands, tmp_path: Path) -> None:
    make_odd_tree(tmp_path / "odd")
    artfs("put", tmp_path / "odd", "-n", "odd")
    artfs.done("get", "odd", "out", "--allow-escaping-links")
    assert artfs.done("diff", "odd", "out/").lines == _NO_CHANGES
    assert artfs.done("diff", "out", "odd", "--json").json["changes"] == []


def test_a_file_of_the_same_size_and_times_is_read(stored: Commands, images: Path, tmp_path: Path) -> None:
    shutil.copytree(images, tmp_path / "copy", symlinks=True)
    labels = tmp_path / "copy" / "labels.csv"
    times = labels.stat()
    labels.write_text("tom,dog\n")
    os.utime(labels, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert stored.done("diff", "animals", tmp_path / "copy").lines == [
        "M              +0 labels.csv",
        "0 added, 0 removed, 1 modified; +8 B -8 B",
    ]
    labels.write_text("tom,cat\n")
    labels.chmod(0o600)
    assert stored.done("diff", "animals", tmp_path / "copy").lines == [
        "M              +0 labels.csv (mode 0644 -> 0600)",
        "0 added, 0 removed, 1 modified; +0 B -0 B",
    ]


def test_what_is_ignored_differs_as_a_put_would_make_it(stored: Commands, images: Path) -> None:
    (images / ".artfsignore").write_text("*.log\ncats/\n.artfsignore\n")
    (images / "train.log").write_text("x")
    assert stored.done("diff", "animals", images).lines[:-1] == [
        "D              +0 cats/",
        "D          -5,120 cats/tom.png",
    ]


def test_a_reference_in_whose_place_its_contents_are_is_no_difference(artfs: Commands, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"far away")
    with artfs_api.init() as run:
        artifact = artfs_api.Artifact("far", type="dataset")
        artifact.add_reference(f"file://{source}", name="a.bin")
        run.log_artifact(artifact)
    artfs.process("get", "far", "out")  # this process has the store open
    assert artfs.process("diff", "far", "out/").lines == _NO_CHANGES
    Path("out/a.bin").write_bytes(b"far closer")
    assert artfs.process("diff", "far", "out/").lines[0] == "M              +2 a.bin (reference -> file)"


def test_exit_code_tells_if_there_is_a_difference(stored: Commands, images: Path) -> None:
    assert stored("diff", "animals", images, "--exit-code").code == 0
    _change(images)
    for form in ((), ("--json",), ("-p",), ("--stat",)):
        assert stored("diff", "animals", images, "--exit-code", *form).code == 1
        assert stored("diff", "animals", images, *form).code == 0
    assert stored("diff", "animals:v7", images, "--exit-code").code == 3


def test_json_names_the_directory_and_what_is_known_of_its_files(stored: Commands, images: Path) -> None:
    _change(images)
    document = stored.done("diff", "animals", images, "--json").json
    assert (document["old"], document["new"]) == ("animals:v0", str(images))
    by_path = {row["path"]: row for row in document["changes"]}
    assert by_path["labels.csv"]["new"]["size"] == 16
    assert by_path["labels.csv"]["new"]["digest"] is None
    assert by_path["new"]["new"]["entries"] is None
    assert document["summary"] == {"added": 2, "removed": 1, "modified": 2, "bytes_added": 30, "bytes_removed": 5140}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("animals",), 2, "two sides are compared"),
        (("animals", "v0", "v1", "v2"), 2, "two sides are compared"),
        (("animals:v0", "v0", "best"), 2, "three words are a name and two of its versions"),
        (("animals", "v0"), 3, "v0 is neither an artifact nor a directory here"),
        (("animals", "v0", "v7"), 3, "animals:v7 does not exist"),
        (("./", "."), 2, "two directories are given"),
        (("animals", "./gone"), 3, "there is no directory './gone'"),
        (("animals", "a b"), 2, "is not allowed"),
    ],
)
def test_what_is_no_version_and_no_directory_is_refused_with_the_forms(
    stored: Commands, words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in stored("diff", *words).failed(code)


def test_a_word_that_is_both_is_the_artifact_as_a_note_says(stored: Commands, images: Path) -> None:
    stored.done("put", images / "cats", "-n", "animals")
    Path("animals").mkdir()
    ended = stored.noted("diff", "animals:v0", "animals", "--json")
    assert (ended.json["old"], ended.json["new"]) == ("animals:v0", "animals:v1")
    assert json.loads(ended.err)["message"] == "animals is animals:v1 here: ./animals is the directory"
    assert stored.done("diff", "animals:v0", "./animals", "--json").json["new"] == "./animals"


@pytest.mark.parametrize(
    ("words", "sides"),
    [
        (("animals", "animals"), ("animals:v0", "./animals")),
        (("animals:latest", "animals"), ("animals:v0", "./animals")),
        (("animals", "animals:latest"), ("./animals", "animals:v0")),
    ],
)
def test_one_reference_given_twice_is_compared_with_the_directory_of_that_name(
    stored: Commands, images: Path, words: tuple[str, str], sides: tuple[str, str]
) -> None:
    _change(images)
    shutil.copytree(images, "animals", symlinks=True)
    ended = stored("diff", *words, "--exit-code")
    assert (ended.code, len(ended.lines)) == (1, 6)
    assert ended.err == b"artfs: animals:v0 is compared with the directory ./animals\n"
    document = stored.noted("diff", *words, "--json").json
    assert (document["old"], document["new"]) == sides


def test_a_version_that_is_compared_with_itself_is_named(stored: Commands) -> None:
    said = b"artfs: compared animals:v0 with itself\n"
    for words in (("animals", "animals"), ("animals:v0", "animals:best"), ("animals", "v0", "best")):
        ended = stored.noted("diff", *words)
        assert (ended.lines, ended.err) == (_NO_CHANGES, said)


def test_a_name_with_another_word_that_is_a_directory_alone_stays_what_it_is(stored: Commands, images: Path) -> None:
    _change(images)
    shutil.copytree(images, "my images", symlinks=True)
    Path("animals").mkdir()
    assert len(stored.noted("diff", "my images", "animals").lines) == 6


def _texts(top: Path) -> None:
    """Files whose differences by lines are not easy to write down."""
    for name, data in {
        "plain.txt": b"one\ntwo\nthree\n",
        "no newline": b"one\ntwo",
        "gains one": b"a",
        "empty": b"",
        "crlf": b"a\r\nb\r\n",
        "form\x0cfeed": b"a\x0cb\nc\n",
        "latin-1": b"caf\xe9\n",
        "größer": b"x\n",
        "gone": b"to be removed\n",
        "becomes a link": b"text\n",
        "mode": b"same\n",
    }.items():
        (top / name).write_bytes(data)
    for raw in (b"not\xffutf8", b'quo"te\\\n'):
        (top / os.fsdecode(raw)).write_bytes(b"odd\n")
    (top / "link").symlink_to("plain.txt")


def test_a_patch_makes_one_version_of_the_other(artfs: Commands, tmp_path: Path) -> None:
    top = tmp_path / "texts"
    top.mkdir()
    _texts(top)
    artfs.done("put", top, "-n", "texts")
    for child in top.iterdir():
        if not child.is_symlink():
            child.write_bytes(child.read_bytes() + b"more\n")
    (top / "no newline").write_bytes(b"one\nTWO")
    (top / "gains one").write_bytes(b"a\n")
    (top / "mode").write_bytes(b"same\n")
    (top / "mode").chmod(0o755)
    (top / "gone").unlink()
    (top / "becomes a link").unlink()
    (top / "becomes a link").symlink_to("plain.txt")
    (top / "link").unlink()
    (top / "link").symlink_to("crlf")
    (top / "sub").mkdir()
    (top / "sub" / "new file").write_bytes(b"new\n")
    (top / "sub" / "new and empty").touch()
    patch = artfs.done("diff", "texts", top, "-p").out
    assert b"\\ No newline at end of file\n" in patch
    artfs.done("get", "texts", "out")
    apply = ("git", "apply", "--unidiff-zero", "--whitespace=nowarn", "-")
    applied = subprocess.run(apply, input=patch, cwd="out", capture_output=True, check=False, timeout=30)
    assert applied.returncode == 0, applied.stderr

    def contents(top: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(top)): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            for path in sorted(top.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    assert contents(Path("out")) == contents(top)
    assert os.access("out/mode", os.X_OK)
    artfs.done("put", top, "-n", "texts")
    assert artfs.done("diff", "texts", "v0", "v1", "-p").out == patch


def test_a_file_that_is_no_small_text_is_one_line_of_a_patch(artfs: Commands, tmp_path: Path) -> None:
    top = tmp_path / "files"
    top.mkdir()
    (top / "binary").write_bytes(b"a\0b")
    (top / "large").write_bytes(b"x" * (256 << 10) + b"y")
    (top / "lines").write_bytes(b"\n" * 6000)
    artfs.done("put", top, "-n", "files")
    for child in top.iterdir():
        child.write_bytes(child.read_bytes() + b"z")
    assert artfs.done("diff", "files", top, "-p").lines == [
        "diff --git a/binary b/binary",
        "Binary files a/binary and b/binary differ",
        "diff --git a/large b/large",
        "Large files a/large and b/large differ",
        "diff --git a/lines b/lines",
        "Large files a/lines and b/lines differ",
    ]


def test_stat_counts_lines_of_text_and_sizes_of_others(stored: Commands, images: Path) -> None:
    _change(images)
    (images / "cats" / "kit.png").write_bytes(bytes(2048))
    (images / "cats").chmod(0o700)
    assert [line.strip() for line in stored.done("diff", "animals", images, "--stat").lines] == [
        "+1 -1  best",
        "mode 0755 -> 0700  cats",
        "nothing -> 2.0 KiB  cats/kit.png",
        "5.0 KiB -> nothing  cats/tom.png",
        "+1 -0  labels.csv",
        "directory  new",
        "+1 -0  new/kit.png",
        "3 added, 1 removed, 3 modified; +2.0 KiB -5.0 KiB; +3 -1 lines",
    ]
    assert "exclude each other" in stored("diff", "animals", images, "--stat", "-p").failed(2)


def test_a_patch_on_a_terminal_has_no_escape_sequences_of_files(artfs: Commands, tmp_path: Path) -> None:
    top = tmp_path / "files"
    top.mkdir()
    artfs.done("put", top, "-n", "files")
    (top / "a\x1b[31m").write_bytes(b"\x1b]0;title\x07\tx\n")
    _code, printed, _apart = on_terminal(artfs.line("diff", "files", top, "-p"), artfs.environment)
    assert b"\x1b" not in printed
    assert b"\\x1b]0;title\\x07\tx" in printed
    assert b'"b/a\\033[31m"' in printed


def test_a_socket_is_refused_as_put_does(stored: Commands, images: Path) -> None:
    os.mkfifo(images / "pipe")
    assert "is a FIFO" in stored("diff", "animals", images).failed(5)
