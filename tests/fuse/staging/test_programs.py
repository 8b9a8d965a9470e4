"""Real programs work in a draft as on any file system, and the version is what they made.

Each `commit` compares the version with the draft, entry by entry, owners aside (`stagedprograms.py`).
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data.trees import make_odd_tree
from tests.support.mounts.stagedprograms import Draft, Listing, Workshop, contents_of

_SMALL = 5_000


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A mounted store for all tests here; none may leave it in trouble."""
    with Workshop(tmp_path_factory.mktemp("workshop")) as workshop:
        yield workshop
        assert workshop.store.troubles() == []


@pytest.fixture
def draft(workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[Draft]:
    """An empty draft for one test."""
    draft = workshop.stage(re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")[:60], "--new")
    yield draft
    draft.discard()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory, botocore_releases: tuple[Path, Path]) -> tuple[Path, Path]:
    """Two releases of a package, of each a part: about 100 files in 50 directories."""
    top = tmp_path_factory.mktemp("packages")
    for release in botocore_releases:
        shutil.copytree(release / "botocore", top / release.name, ignore=_left_out)
    return top / botocore_releases[0].name, top / botocore_releases[1].name


def _left_out(directory: str, names: list[str]) -> list[str]:
    """Large files, of which git would make most of the time that it takes here, and the data of most services."""
    if os.path.basename(directory) == "data":
        return [name for name in names if name > "an"]
    return [name for name in names if name.endswith(".gz") and os.path.getsize(os.path.join(directory, name)) > _SMALL]


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Everything that an artifact can hold, in a quarter of the files and of the bytes."""
    make_odd_tree(tmp_path / "odd")
    for name in ("size-5000000", "size-9000001", "text.csv", *(f"many/{number}" for number in range(100, 700))):
        (tmp_path / "odd" / name).unlink()
    return tmp_path / "odd"


def _append(draft: Draft, path: str, text: str) -> None:
    """A small change, by a shell."""
    draft.run("tee", "--append", path, stdin=text.encode())


# ------------------------------------------------------------------------------------------------------ version control


def test_git_clones_commits_packs_and_checks(
    draft: Draft, workshop: Workshop, packages: tuple[Path, Path], tmp_path: Path
) -> None:
    origin = tmp_path / "origin"
    for number, package in enumerate(packages):
        shutil.copytree(package, origin, dirs_exist_ok=True)
        if number == 0:
            workshop.run("git", "init", "--quiet", "--initial-branch=main", at=origin)
        workshop.run("git", "add", "--all", at=origin)
        workshop.run("git", "commit", "--quiet", "--message", package.name, at=origin)
    draft.run("git", "clone", "--quiet", origin, "clone")
    draft.run("git", "clone", "--quiet", "clone", "linked")  # which links the objects
    first = draft.commit()
    assert len([name for name in first if "/clone/.git/objects/" in name]) > 200

    _append(draft, "clone/__init__.py", "# ours\n")
    draft.run("git", "checkout", "--quiet", "-b", "ours", at="clone")
    draft.run("git", "commit", "--quiet", "--all", "--message", "ours", at="clone")
    draft.commit(adds=50_000)

    draft.reopen()
    assert draft.run("git", "status", "--porcelain", at="clone") == b""
    draft.run("git", "gc", "--quiet", "--prune=now", at="clone")
    assert draft.run("git", "fsck", "--full", "--strict", at="clone") == b""
    draft.run("git", "checkout", "--quiet", "main~1", at="clone")
    draft.run("git", "pull", "--quiet", "../clone", "ours", at="linked")
    assert draft.run("git", "status", "--porcelain", at="linked") == b""
    packed = draft.commit()
    assert [name for name in packed if name.endswith(".pack")] != []
    assert [name for name in packed if re.search(r"^\./clone/\.git/objects/../", name)] == []
    assert draft.run("git", "fsck", "--full", "--strict", at="linked") == b""
    log = draft.run("git", "log", "--format=%s", at="linked").decode().splitlines()
    assert log == ["ours", packages[1].name, packages[0].name]


# ------------------------------------------------------------------------------------------------------------ databases


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate"])
def test_sqlite_is_written_by_several_processes(draft: Draft, journal: str) -> None:
    draft.python("make_accounts", "bank.db", journal)
    draft.python("transfer", "bank.db", 4, 10)
    assert (
        draft.run("sqlite3", "bank.db", "PRAGMA integrity_check; SELECT sum(amount) FROM account") == b"ok\n4000000\n"
    )
    first = draft.commit()
    assert set(first) - {"./bank.db-journal"} == {".", "./bank.db"}
    assert first["./bank.db"].size > 1_000_000

    draft.run("sqlite3", "bank.db", "UPDATE account SET note = 'a new note' WHERE id = 77")
    draft.commit(adds=1_000_000)

    draft.reopen()
    draft.python("transfer", "bank.db", 2, 5)
    draft.run("sqlite3", "bank.db", "DELETE FROM account WHERE id % 3; VACUUM")
    assert draft.run("sqlite3", "bank.db", "PRAGMA integrity_check; SELECT count(*) FROM account") == b"ok\n1334\n"
    draft.commit()


# ------------------------------------------------------------------------------------------------ packages and archives


def test_pip_installs_a_package_and_replaces_it(
    draft: Draft, tmp_path: Path, silero_vad_releases: tuple[Path, Path]
) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", "site"]
    for number, release in enumerate(silero_vad_releases):
        wheel = tmp_path / f"{release.name.replace('silero-vad', 'silero_vad')}-py3-none-any.whl"
        _zip(release, wheel)
        draft.run(*install, *(["--upgrade"] if number else []), wheel)
        draft.python("check_installed", "site", *release.name.rsplit("-", 1))
        listing = draft.commit()
        assert [name for name in listing if name.endswith(".pyc")] != []
        _append(draft, "site/silero_vad/__init__.py", "# a small change\n")
        draft.commit(adds=50_000)
        draft.reopen()


def _zip(directory: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(directory.rglob("*")):
            file.write(path, path.relative_to(directory))


def test_rsync_brings_a_copy_up_to_date(
    draft: Draft, workshop: Workshop, packages: tuple[Path, Path], tmp_path: Path
) -> None:
    older, newer = packages[0], tmp_path / "newer"
    shutil.copytree(packages[1], newer)
    rsync = ["rsync", "--archive", "--hard-links", "--delete", "--modify-window=-1"]  # in nanoseconds
    look = [*rsync, "--checksum", "--dry-run", "--itemize-changes"]
    os.symlink("__init__.py", newer / "link")
    (newer / "cacert.pem").unlink()
    (newer / "cacert.pem").mkdir()
    os.link(newer / "auth.py", newer / "auth-again.py")
    for number, (source, options) in enumerate(
        [(older, []), (newer, []), (older, ["--inplace"]), (newer, ["--inplace"])]
    ):
        draft.run(*rsync, *options, f"{source}/", "copy/")
        assert draft.run(*look, f"{source}/", "copy/") == b""
        listing = draft.commit(adds=3_000_000 if number == 0 else 500_000)
        expected = {f"./copy{name[1:]}": entry for name, entry in workshop.list(source).items()}
        assert {name: entry for name, entry in listing.items() if name != "."} == expected
        if number == 1:
            draft.reopen()


def test_tar_unpacks_everything_that_an_artifact_can_hold(
    draft: Draft, workshop: Workshop, odd: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "odd.tar"
    workshop.run("tar", "--create", "--format=pax", "--sort=name", "--file", archive, ".", at=odd)
    with tarfile.open(archive) as file:
        assert [member.name for member in file if member.islnk()] != []
    draft.run("tar", "--extract", "--preserve-permissions", "--warning=no-timestamp", "--file", archive)
    assert draft.run("tar", "--compare", "--file", archive) == b""
    assert draft.commit() == workshop.list(odd)

    draft.run("tar", "--append", "--file", "more.tar", "many", "zeros")
    draft.run("tar", "--delete", "--file", "more.tar", "zeros")
    draft.run("touch", "--date=2001-02-03 04:05:06.789", "zeros")
    draft.commit(adds=1_000_000)
    draft.reopen()
    draft.run("tar", "--extract", "--preserve-permissions", "--overwrite", "--warning=no-timestamp", "--file", archive)
    draft.run("rm", "more.tar")
    draft.run(
        "tar", "--extract", "--preserve-permissions", "--warning=no-timestamp", "--file", archive, "."
    )  # the top's time
    assert draft.commit(adds=0) == workshop.list(odd)
    workshop.store.done("get", "--allow-escaping-links", draft.ref, tmp_path / "got")
    assert workshop.list(tmp_path / "got") == workshop.list(odd)


def test_unzip_unpacks_and_updates(
    draft: Draft, workshop: Workshop, tmp_path: Path, packages: tuple[Path, Path]
) -> None:
    for package in packages:
        _zip(package, tmp_path / f"{package.name}.zip")
    draft.run("unzip", "-q", tmp_path / f"{packages[0].name}.zip", "-d", "unpacked")
    listing = draft.commit()
    for name, entry in workshop.list(packages[0]).items():
        assert listing[f"./unpacked{name[1:]}"].contents == entry.contents
    draft.run("unzip", "-q", "-o", tmp_path / f"{packages[1].name}.zip", "-d", "unpacked")
    assert draft.run("unzip", "-q", "-t", tmp_path / f"{packages[1].name}.zip").startswith(b"No errors detected")
    draft.commit(adds=1_000_000)


# -------------------------------------------------------------------------------------------------------------- editors


@pytest.mark.parametrize("replace", [False, True])
def test_editors_save(draft: Draft, replace: bool) -> None:
    editors = ["vim", "vim in place", "emacs", "glib"]
    for editor in editors:
        draft.run("install", "-D", "--mode=640", "/dev/null", f"{editor}/today.txt")
    draft.commit()
    if replace:
        draft.reopen()
    for number in range(4):
        draft.python("save", "today.txt", _text(number))
        if number % 2 == 0:
            continue
        listing = draft.commit(adds=20_000)
        assert {name for name in listing if name.count("/") == 2} == {
            "./emacs/today.txt~",
            *(f"./{editor}/today.txt" for editor in editors),
        }
        for editor in editors:
            saved = listing[f"./{editor}/today.txt"]
            assert (saved.mode, saved.contents) == (0o640, contents_of(_text(number).encode()))
        assert listing["./emacs/today.txt~"].contents == contents_of(_text(number - 1).encode())


def _text(number: int) -> str:
    return f"{number} line of many\n" * (1 + number * 1500)


def test_coreutils_edit_files(draft: Draft, tmp_path: Path) -> None:
    text = "".join(f"{number * 7919 % 10_000} some text\n" for number in range(10_000))
    (tmp_path / "text").write_text(text)
    draft.run("install", "-D", "--mode=4751", "--preserve-timestamps", tmp_path / "text", "a/b/text")
    draft.run("cp", "--preserve", "--link", "a/b/text", "linked")
    draft.run("chmod", "751", "linked")
    draft.commit()
    for number in range(2):
        draft.run("sed", "--in-place=.bak", "s/some/any/", "a/b/text")
        draft.run("sed", "--in-place", "$d", "linked")
        draft.run("sort", "--numeric-sort", "--output=a/b/text", "a/b/text")
        draft.run("install", "--backup=numbered", "--mode=600", tmp_path / "text", "linked")
        draft.run("truncate", "--size=100000", "a/b/text.bak")
        draft.run("split", "--number=7", "linked", "part-")
        draft.run("ln", "--symbolic", "--force", "--relative", "a/b/text", "newest")
        draft.run("shred", "--iterations=1", "--remove", "part-aa")
        listing = draft.commit()
        expected = "".join(
            sorted(text.replace("some", "any").splitlines(keepends=True), key=lambda line: int(line.split()[0]))
        )
        assert listing["./a/b/text"].contents == contents_of(expected.encode())
        assert listing["./a/b/text.bak"].size == 100_000
        assert listing["./linked"].contents == contents_of(text.encode())
        assert f"./linked.~{number + 1}~" in listing
        assert listing["./newest"].target == "a/b/text"
        draft.reopen()


# --------------------------------------------------------------------------------------------------------------- models


def test_models_are_written(draft: Draft) -> None:
    ways = ["stream", "map", "pieces"]
    for how in ways:
        draft.python("write_tensors", f"{how}.safetensors", how, how)
    draft.python("write_archive", "archive.pt", "stream")
    listing = draft.commit()
    assert min(listing[f"./{how}.safetensors"].size for how in ways) > 4_000_000
    for how in ways:
        draft.python("read_tensors", f"{how}.safetensors", how)
        draft.python("patch", f"{how}.safetensors", 3_000_000, 100)
    draft.commit(adds=3_000_000)
    draft.reopen()
    for how in ways:
        draft.python("patch", f"{how}.safetensors", 2_000_001, 9000)
    draft.python("write_archive", "again.pt", "stream")
    draft.commit(adds=4_000_000)  # of what takes 25 MB


# ----------------------------------------------------------------------------------------------- copies and directories


def test_cp_copies_everything_in_and_within(draft: Draft, workshop: Workshop, odd: Path) -> None:
    draft.run("cp", "--archive", odd, ".")
    first = draft.commit()
    assert _below(first, "odd") == workshop.list(odd)

    draft.run("cp", "--archive", "odd", "copy")
    draft.run("cp", "--archive", "--link", "odd", "linked")
    second = draft.commit(adds=0)
    assert _below(second, "copy") == _below(second, "odd") == _below(second, "linked") == _below(first, "odd")
    draft.reopen()
    draft.run("cp", "--recursive", "--no-dereference", "--preserve=mode,timestamps", "copy", "again")
    draft.run("cp", "--force", "odd/zeros", "copy/size-131073")
    third = draft.commit(adds=0)
    assert _below(third, "again") == _below(first, "odd")
    assert third["./copy/size-131073"].contents == first["./odd/zeros"].contents


def _below(listing: Listing, directory: str) -> Listing:
    """What an archive of a directory in it would have."""
    top = f"./{directory}"
    return {
        f".{name[len(top) :]}": entry for name, entry in listing.items() if name == top or name.startswith(f"{top}/")
    }


def test_mv_moves_directories(draft: Draft, workshop: Workshop, packages: tuple[Path, Path]) -> None:
    draft.run("cp", "--archive", packages[0], "package")
    draft.run("mkdir", "--parents", "deep/er", "empty")
    before = _below(draft.commit(), "package")
    for kept in ("retries", "docs"):
        draft.run("mv", "package", "deep/er/moved")
        draft.run("mv", "deep/er", "upper")
        draft.run("mv", "upper/moved/data", "data")
        draft.run("mv", "--no-target-directory", f"upper/moved/{kept}", "empty")
        _append(draft, "data/_retry.json", "\n")
        listing = draft.commit(adds=200_000)
        assert "./upper/moved/auth.py" in listing
        assert "./package" not in listing
        draft.reopen()
        draft.run("mv", "data", "upper/moved/data")
        draft.run("mv", "empty", f"upper/moved/{kept}")
        draft.run("mv", "upper", "deep/er")
        draft.run("mkdir", "package", "empty")
        draft.run("mv", "--no-target-directory", "deep/er/moved", "package")
        draft.run("sed", "--in-place", "$d", "package/data/_retry.json")
        draft.run("cp", "--archive", packages[0] / "data" / "_retry.json", "package/data")
        again = _below(draft.commit(adds=200_000), "package")
        assert again.keys() == before.keys()
        files = [name for name in before if before[name].kind != tarfile.DIRTYPE]
        assert {name: again[name] for name in files} == {name: before[name] for name in files}

    other = workshop.stage(f"{draft.name}-other", "--new")
    try:
        draft.run("mv", "package", other.top)  # which copies and removes
        assert _below(other.commit(adds=0), "package").keys() == before.keys()
        assert _below(draft.commit(), "package") == {}
    finally:
        other.discard()


def test_find_and_rm_delete(draft: Draft, packages: tuple[Path, Path]) -> None:
    for name in ("one", "two"):
        draft.run("cp", "--archive", packages[0], name)
    first = draft.commit()
    draft.run("find", "one", "-name", "*.py", "-delete")
    draft.run("find", "two", "-depth", "-name", "*s*", "-type", "d", "-empty", "-delete")
    second = draft.commit(adds=0)
    gone = {name for name in first if name.startswith("./one/") and name.endswith(".py")}
    assert len(gone) > 30
    assert first.keys() - second.keys() >= gone
    draft.reopen()
    draft.run("find", "one", "-delete")
    draft.run("rm", "--recursive", "two/data")
    draft.run("mkdir", "--parents", "two/data/in")
    third = draft.commit(adds=0)
    assert {name for name in third if name.startswith("./two/data")} == {"./two/data", "./two/data/in"}
    draft.run("find", ".", "-mindepth", "1", "-delete")
    assert set(draft.commit(adds=0)) == {"."}


# ------------------------------------------------------------------------------------------- many processes on one file


def test_flock_lets_one_in_at_a_time(draft: Draft) -> None:
    count = "read n <count; echo $((n + 1)) >count.new; mv count.new count"
    loop = f"for i in $(seq 15); do flock lock sh -c '{count}' || exit 1; done"
    draft.run("sh", "-c", f"echo 0 >count; for p in 1 2 3; do ({loop}) & done; wait")
    assert draft.run("cat", "count") == b"45\n"
    draft.python("hold_lock", "lock", "flock")
    assert set(draft.commit()) == {".", "./count", "./lock"}
    draft.run("flock", "--nonblock", "lock", "sh", "-c", "echo 46 >count")
    draft.commit(adds=100)


def test_posix_locks_keep_numbers_whole(draft: Draft) -> None:
    draft.python("count_locked", "count", 4, 300)
    draft.python("hold_lock", "count", "posix")
    draft.commit()
    draft.reopen()
    draft.python("count_locked", "count", 2, 100)
    draft.commit(adds=1000)


def test_many_processes_append_to_one_file(draft: Draft) -> None:
    draft.python("append", "log", 5, 400)
    draft.commit()
    draft.run("sh", "-c", "echo the last one >>log")
    draft.commit(adds=300_000)
    draft.reopen()
    draft.run("sh", "-c", "for n in 1 2 3; do (seq 1000 >>log) & done; wait")
    listing = draft.commit(adds=300_000)
    assert listing["./log"].size == int(draft.run("wc", "--bytes", "log").split()[0])


def test_processes_share_a_map(draft: Draft) -> None:
    draft.python("share_map", "map", 200)
    draft.commit()
    draft.python("patch", "map", 5000, 10)
    draft.commit(adds=600_000)


def test_programs_read_and_write_around_the_cache(draft: Draft) -> None:
    draft.python("direct", "straight")
    draft.commit()
    draft.run("dd", "if=straight", "of=copy", "iflag=direct", "oflag=direct", "bs=64k", "status=none")
    draft.run("cmp", "straight", "copy")
    draft.commit(adds=0)
    draft.reopen()
    draft.run(
        "dd", "if=/dev/zero", "of=copy", "oflag=direct", "conv=notrunc", "bs=4k", "seek=3", "count=2", "status=none"
    )
    assert draft.commit(adds=500_000)["./copy"].size == (3 << 20) + 4096


def test_dd_syncs_and_leaves_holes(draft: Draft, minilm_model: Path) -> None:
    (weights,) = minilm_model.rglob("*.safetensors")
    dd = ["dd", "status=none"]
    draft.run(*dd, f"if={weights}", "of=part", "bs=1M", "count=8", "conv=fsync")
    draft.run(*dd, f"if={weights}", "of=sparse", "bs=4k", "count=3", "seek=5000", "conv=fdatasync")
    draft.run(*dd, f"if={weights}", "of=synced", "bs=3000", "count=20", "oflag=sync")
    first = draft.commit()
    assert first["./sparse"].size == 5003 * 4096
    assert first["./part"].contents == contents_of(weights.read_bytes()[: 8 << 20])

    draft.run(*dd, f"if={weights}", "of=part", "bs=1", "count=5", "seek=4000001", "conv=notrunc,fsync")
    draft.commit(adds=1_000_000)
    draft.reopen()
    draft.run(*dd, f"if={weights}", "of=synced", "bs=1000", "count=3", "oflag=append,dsync", "conv=notrunc")
    draft.run(*dd, "if=part", "of=sparse", "bs=4k", "count=1", "seek=2000", "conv=notrunc,fsync")
    draft.run(*dd, "if=/dev/null", "of=part", "bs=4k", "seek=10")
    third = draft.commit(adds=500_000)
    assert [third[name].size for name in ("./part", "./sparse", "./synced")] == [40_960, 5003 * 4096, 63_000]


# ---------------------------------------------------------------------------------------------------------------- other


def test_pythons_libraries_handle_files(draft: Draft) -> None:
    draft.python("shuffle_files")
    listing = draft.commit()
    assert listing["./tree/moved/a/1.bin"].mtime == "1234567890.987654321"
    assert listing["./tree/link"].target == "a/1.bin"
    _append(draft, "unpacked/a/1.bin", "more")
    draft.commit(adds=2000)


def test_files_that_are_written_many_times_at_once_have_the_times_that_a_draft_shows(draft: Draft) -> None:
    for _again in range(2):
        draft.python("write_often", 40)
        draft.commit(adds=10_000)
    draft.reopen()
    draft.python("write_often", 40)
    draft.commit(adds=10_000)


def test_a_compiler_builds_what_runs_from_the_draft(draft: Draft) -> None:
    (source, main) = (
        b"int add(int one, int other) { return one + other; }\n",
        b'#include <stdio.h>\nint add(int, int);\nint main(void) { return printf("%d\\n", add(2, 3)) != 2; }\n',
    )
    draft.run("tee", "add.c", stdin=source)
    draft.run("tee", "main.c", stdin=main)
    build = "gcc -c -O1 -pipe add.c main.c && ar rcs libadd.a add.o && gcc -o program main.o -L. -ladd"
    for number in range(2):
        draft.run("sh", "-c", build)
        assert draft.run("./program") == b"5\n"
        assert draft.commit()["./program"].mode & 0o111
        if number == 0:
            _append(draft, "add.c", "int unused;\n")


def test_listing_of_an_archive_tells_times_to_the_nanosecond(workshop: Workshop, tmp_path: Path) -> None:
    """The comparison itself must see what it is to compare."""
    top = tmp_path / "top"
    top.mkdir()
    (top / "file").write_bytes(b"one")
    os.link(top / "file", top / "link")
    os.utime(top / "file", ns=(0, 1_700_000_000_000_000_001))
    before = workshop.list(top)
    assert before["./file"] == before["./link"]
    assert before["./file"].mtime == "1700000000.000000001"
    os.utime(top / "file", ns=(0, 1_700_000_000_000_000_002))
    assert workshop.list(top) != before
