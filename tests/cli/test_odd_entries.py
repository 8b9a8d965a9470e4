"""Commands over more than 500 odd entries: none ends with an internal error, and each refusal names its path."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import fsspec
import pytest

import artfs as artfs_api
from artfs.errors import ArtfsError
from artfs.names import printable
from tests.support.commands import Commands, Ended
from tests.support.data.odd_entries import SPECIALS, make_odd_entries
from tests.support.data.trees import Seen, snapshot
from tests.support.mounts.mounts import NOBODY, troubles_of


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """The directory."""
    make_odd_entries(tmp_path / "odd")
    assert sum(len(names) + len(files) for _top, names, files in os.walk(tmp_path / "odd")) > 500
    return tmp_path / "odd"


def _stored_form(seen: dict[bytes, Seen]) -> dict[bytes, Seen]:
    """What an artifact keeps of a directory: no set-ID bits, times that fit."""
    return {
        path: (kind, mode & ~(stat.S_ISUID | stat.S_ISGID), min(mtime_ns, (1 << 63) - 1), contents)
        for path, (kind, mode, mtime_ns, contents) in seen.items()
        if path != b"."
    }


def _check_ended(ended: Ended, path: bytes) -> None:
    """A command ended well, or said in one line what is wrong with the path."""
    if ended.code:
        said = ended.failed(ended.code)
        assert "internal error" not in said
        assert printable(path) in said


def test_odd_entries_are_put_listed_compared_and_written_out(artfs: Commands, odd: Path, tmp_path: Path) -> None:
    artfs.noted("put", odd, "-n", "odd")
    assert "'link-3' leads outside to '..'" in artfs("get", "odd", tmp_path / "refused").failed(10)
    artfs.done("get", "odd", tmp_path / "out", "--allow-escaping-links")
    expected = _stored_form(snapshot(odd))
    written = _stored_form(snapshot(tmp_path / "out"))
    assert written == {path: (*seen[:2], written[path][2], seen[3]) for path, seen in expected.items()}
    late = [path for path in expected if written[path][2] != expected[path][2]]
    assert all(path.startswith(b"times/") for path in late)  # some file systems keep less than nanoseconds that late
    artfs.done("get", "odd", tmp_path / "out", "--allow-escaping-links")  # again, where all is there
    (odd / "names/\n").unlink()
    artfs.noted("put", odd, "-n", "odd")
    assert len(artfs.done("ls", "-R", "odd:v0", "--json").json) == len(expected)
    assert [change["path"] for change in artfs.done("diff", "odd:v0", "odd", "--json").json["changes"]] == ["names/\n"]
    for words in ("ls -lR", "tree", "tree --json", "show", "show --json", "log", "du", "warm", "lineage", "history"):
        artfs.done(*words.split(), "odd")
    artfs.done("rm", "odd:v0")
    artfs.done("gc", "--now")
    artfs.done("fsck", "--read-data")


@pytest.mark.parametrize("command", ["cat", "ls -l", "tree --json -L 1"])
def test_each_odd_entry_is_shown_by_its_path_or_refused_with_it(artfs: Commands, odd: Path, command: str) -> None:
    artfs.noted("put", odd, "-n", "odd")
    paths = sorted(path for path in snapshot(odd) if path != b".")
    links = [path for path in paths if os.path.islink(os.fsencode(odd) + b"/" + path)]
    for path in {*links, *paths[::7]}:
        _check_ended(artfs(*command.split(), b"odd/" + path), path)


def test_each_odd_link_is_written_out_alone_or_refused_with_its_path(
    artfs: Commands, odd: Path, tmp_path: Path
) -> None:
    artfs.noted("put", odd, "-n", "odd")
    for number, path in enumerate(path for path in snapshot(odd) if os.path.islink(os.fsencode(odd) + b"/" + path)):
        ended = artfs("get", "odd", tmp_path / "alone" / str(number), "--path", path)
        if ended.code and not (odd / os.fsdecode(path)).is_dir():  # else it is of a link in the directory
            assert ended.failed(10).startswith(f"symlink '{printable(path)}' leads outside")


@pytest.mark.usefixtures("staging")
def test_odd_entries_are_mounted_and_committed_from_a_draft(stored: Commands, odd: Path, tmp_path: Path) -> None:
    expected = _stored_form(snapshot(odd))
    assert stored.process("put", odd, "-n", "odd").code == 0
    mounted = _stored_form(snapshot(tmp_path / "art/odd/v0"))
    assert mounted == expected
    draft = Path(stored.done("stage", "copy", "--empty").text)
    subprocess.run(["cp", "-a", f"{odd}/.", draft], check=True, timeout=60)
    for words in (("status",), ("status", "--json")):
        stored.done(*words, draft)
    stored.noted("commit", draft)
    assert stored.done("diff", "odd", "copy").text.startswith("0 added, 0 removed, 0 modified")
    assert _stored_form(snapshot(tmp_path / "art/copy/v0")).keys() == expected.keys()
    subprocess.run(["rm", "-rf", *draft.iterdir()], check=True, timeout=60)
    stored.done("commit", draft)
    logs = "".join(path.read_text() for path in (stored.store / "logs").glob("*.log"))
    assert troubles_of(logs.splitlines()) == []


def test_python_and_fsspec_read_odd_entries_or_name_them(artfs: Commands, odd: Path, tmp_path: Path) -> None:
    with artfs_api.init() as run:
        artifact = artfs_api.Artifact("odd", type="dataset")
        with pytest.warns(UserWarning, match="symlinks lead out of the directory"):
            artifact.add_dir(odd)
        run.log_artifact(artifact)
    files = fsspec.filesystem("artfs", store=str(artfs.store))

    def read(path: str) -> None:
        artifact.open(path).read()

    def cat(path: str) -> None:
        files.cat_file(f"odd:v0/{path}")

    for entry in artifact.manifest.entries.values():
        for call in (read, cat):
            try:
                call(entry.path)
            except (ArtfsError, OSError) as error:
                assert printable(os.fsencode(entry.path)) in str(error)  # noqa: PT017 - one that is raised is looked at
    assert len(files.find("odd:v0", withdirs=True)) == len(snapshot(odd))
    assert files.du("odd:v0") >= sum(entry.size for entry in artifact.manifest.entries.values() if entry.size > 4096)
    artifact.download(tmp_path / "out", path_prefix="names/")
    with pytest.raises(ArtfsError, match="'link-3' leads outside"):
        artifact.checkout(tmp_path / "out")
    artfs.process("get", "odd", tmp_path / "whole", "--allow-escaping-links")
    artifact.verify(tmp_path / "whole")
    artifact.store.close()


def _put(artfs: Commands, special: Path) -> str:
    return artfs("put", special, "-n", "odd").failed(5)


def _put_directory(artfs: Commands, special: Path) -> str:
    return artfs("put", special.parent, "-n", "odd").failed(5)


def _raised(add: Callable[[artfs_api.Artifact], object]) -> str:
    with pytest.raises(ArtfsError) as raised:
        add(artfs_api.Artifact("odd", type="dataset"))
    return str(raised.value)


def _add_dir(_artfs: Commands, special: Path) -> str:
    return _raised(lambda artifact: artifact.add_dir(special.parent))


def _add_file(_artfs: Commands, special: Path) -> str:
    return _raised(lambda artifact: artifact.add_file(special))


def _add_reference(_artfs: Commands, special: Path) -> str:
    return _raised(lambda artifact: artifact.add_reference(f"file://{quote(os.fsencode(special))}"))


@pytest.mark.parametrize("kind", SPECIALS)
@pytest.mark.parametrize("way", [_put, _put_directory, _add_dir, _add_file, _add_reference])
def test_a_special_file_is_refused_with_its_path(
    artfs: Commands, tmp_path: Path, kind: str, way: Callable[[Commands, Path], str]
) -> None:
    special = tmp_path / "data" / "sp\necial \udcff\u202e"
    special.parent.mkdir()
    SPECIALS[kind](os.fsencode(special))
    assert printable(os.fsencode(special.name)) in way(artfs, special)


@pytest.fixture
def powerless() -> tuple[str, ...]:
    """What runs a program that permission bits hold for."""
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


def test_what_may_not_be_read_is_named(artfs: Commands, tmp_path: Path, powerless: tuple[str, ...]) -> None:
    source = tmp_path / "data"
    (source / "sub").mkdir(parents=True)
    (source / "sub/clo\nsed").touch(0)
    assert "sub/clo\\nsed'" in artfs.process("put", source, "-n", "data", prefix=powerless).failed(5)
    (source / "sub/clo\nsed").unlink()
    (source / "sub").chmod(0)
    ended = artfs.process("put", source, "-n", "data", prefix=powerless)
    (source / "sub").chmod(0o755)  # so that it can be removed
    assert f"'{source}/sub'" in ended.failed(5)


@pytest.mark.parametrize("name", ["file", "link", "directory"])
def test_what_may_not_be_written_is_named(
    artfs: Commands, tmp_path: Path, powerless: tuple[str, ...], name: str
) -> None:
    source = tmp_path / "data"
    (source / "sub/directory").mkdir(parents=True)
    (source / "sub/file").write_text("file")
    (source / "sub/link").symlink_to("file")
    for other in {"file", "link"} - {name}:
        (source / "sub" / other).unlink()
    if name != "directory":
        (source / "sub/directory").rmdir()
    artfs.done("put", source, "-n", "data")
    (tmp_path / "out/sub").mkdir(parents=True)
    os.chown(tmp_path / "out/sub", NOBODY, NOBODY)
    ended = artfs.process("get", "data", tmp_path / "out", prefix=powerless)
    assert ended.failed(8) == (
        f"writing '{tmp_path}/out/sub/{name}': Permission denied; {tmp_path}/out/sub belongs to nobody, with the rights"
        " drwxr-xr-x, and you are root: have nobody open it to you"
    )
