"""`export` and `import`: what they print, refuse and promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.data.trees import snapshot

_PAGE = Path(__file__).parents[2] / "artfs/docs/COMMANDS.md"


@pytest.fixture
def other(tmp_path: Path) -> str:
    """Another store, which is not there yet, as an option."""
    return f"--store={tmp_path / 'other'}"


def _promised(command: str) -> set[str]:
    row = re.search(rf"^\| `{command}` \| (.*) \|$", _PAGE.read_text(), re.MULTILINE)
    assert row is not None, command
    return set(" ".join(re.findall(r"`([^`]*)`", row[1])).split())


def test_versions_go_into_one_file_and_out_of_it(stored: Commands, other: str, images: Path, tmp_path: Path) -> None:
    assert stored.done("export", "animals", "a.artfs").text == "a.artfs"
    imported = stored.done(other, "import", "a.artfs")
    assert imported.lines[0] == "animals:v0"
    assert re.fullmatch(r"read [0-9.]+ \w+, stored [0-9.]+ \w+", imported.lines[-1])
    stored.done(other, "get", "animals", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(images)
    assert stored.done(other, "import", "a.artfs").lines == [
        "animals:v0 is here already",
        "nothing is new: all of it is here already",
    ]
    shown = stored.done(other, "show", "animals").text
    assert re.search(r"^origin: +animals:v0 of store [0-9a-f]{32}$", shown, re.MULTILINE)
    document = stored.done(other, "show", "animals", "--json").json
    assert document["origin"]["ref"] == "animals:v0"
    assert "origin" not in stored.done("show", "animals", "--json").json


def test_aliases_come_when_asked_for_and_one_that_is_taken_stays(stored: Commands, other: str, images: Path) -> None:
    stored.done("export", "animals", "plain.artfs")
    stored.done(other, "import", "plain.artfs")
    assert stored.done(other, "alias", "ls", "animals", "--json").json == [{"alias": "latest", "version": "v0"}]
    stored.done("export", "animals", "a.artfs", "--aliases")
    assert "animals:best is set" in stored.done(other, "import", "a.artfs").lines
    (images / "new").write_bytes(b"new")
    stored.done("put", images, "-n", "animals", "-a", "best")
    stored.done("export", "animals", "b.artfs", "--aliases", "--since", "animals:v0")
    stays = "animals:best names another version here and stays: --move-aliases moves it"
    assert stays in stored.done(other, "import", "b.artfs").lines
    assert "animals:best is set" in stored.done(other, "import", "b.artfs", "--move-aliases").lines


def test_a_version_of_a_taken_number_says_what_it_was(stored: Commands, other: str, tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"own")
    stored.done(other, "put", tmp_path / "own", "-n", "animals")
    stored.done("export", "animals", "a.artfs")
    assert stored.done(other, "import", "a.artfs").lines[0] == "animals:v1 (there animals:v0)"


def test_all_versions_of_an_artifact_go(stored: Commands, other: str, images: Path) -> None:
    stored.noted("put", images, "-n", "animals")
    stored.done("put", images, "-n", "more")
    stored.done("export", "animals", "a.artfs", "--all-versions")
    assert stored.done(other, "import", "a.artfs").lines[:2] == ["animals:v0", "animals:v1"]


def test_what_is_in_a_file_is_listed_without_a_store(stored: Commands, other: str, tmp_path: Path) -> None:
    stored.done("export", "animals", "a.artfs", "--since", "animals")
    listed = stored.done(other, "import", "a.artfs", "--list")
    assert listed.lines[0].split() == ["VERSION", "TYPE", "LOGGED", "SIZE", "ENTRIES", "ALIASES", "DESCRIPTION"]
    assert listed.lines[1].startswith("animals:v0  dataset")
    assert listed.lines[2] == "for a store that has animals:v0"
    assert not (tmp_path / "other").exists()


def test_the_list_of_a_file_has_its_aliases(stored: Commands) -> None:
    stored.done("export", "animals", "a.artfs", "--aliases")
    listed = stored.done("import", "a.artfs", "--list").lines
    assert listed[0].split()[-2:] == ["ALIASES", "DESCRIPTION"]
    assert listed[1].split()[-1] == "best"


def test_a_dry_run_needs_no_store_and_makes_none(stored: Commands, other: str, tmp_path: Path) -> None:
    stored.done("export", "animals", "a.artfs")
    planned = stored.done(other, "import", "a.artfs", "--dry-run")
    assert planned.lines == ["animals:v0", "nothing was changed (--dry-run)"]
    assert not planned.made_store
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_refused_import_leaves_no_store_behind(
    stored: Commands, other: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    Path("text").write_bytes(b"nothing of the kind\n" * 10)
    stored(other, "import", "text", *options).failed(5)
    stored(other, "import", "nosuch.artfs", *options).failed(5)
    stored.done("export", "animals", "a.artfs", "--since", "animals")
    assert "was made for a store that has animals:v0" in stored(other, "import", "a.artfs", *options).failed(4)
    assert not (tmp_path / "other").exists()


def test_a_dry_run_says_what_an_import_would_and_changes_nothing(stored: Commands, other: str) -> None:
    stored.done("export", "animals", "a.artfs")
    stored.done(other, "init")
    planned = stored.done(other, "import", "a.artfs", "--dry-run")
    assert planned.lines == ["animals:v0", "nothing was changed (--dry-run)"]
    assert stored(other, "show", "animals").failed(3)


def test_documents_have_the_keys_of_the_table(stored: Commands, other: str) -> None:
    assert set(stored.done("export", "animals", "a.artfs", "--json").json) == _promised("export")
    listed = stored.done("import", "a.artfs", "--list", "--json").json
    assert set(listed) | set(listed["versions"][0]) == _promised("import --list")
    imported = stored.done(other, "import", "a.artfs", "--json").json
    promised = _promised("import") - {"new", "present", "undeleted"}
    assert set(imported) | set(imported["versions"][0]) == promised
    assert imported["versions"] == [{"ref": "animals:v0", "was": "animals:v0", "arrival": "new"}]


def test_a_file_that_is_there_is_replaced_only_with_force(stored: Commands) -> None:
    Path("a.artfs").write_bytes(b"mine")
    said = stored("export", "animals", "a.artfs").failed(4)
    assert said == "'a.artfs' exists: choose another name, or replace it with --force"
    assert Path("a.artfs").read_bytes() == b"mine"
    assert [path.name for path in Path().iterdir()] == ["a.artfs"]
    stored.done("export", "animals", "a.artfs", "--force")
    assert stored.done("import", "a.artfs").lines[-1].startswith("nothing is new")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("export", "animals"), 2, "give versions and the file to write, as in `artfs export animals a.artfs`"),
        (
            ("export", "animals:v0", "animals:v1"),
            2,
            "the file to write comes last and ends in .artfs, unlike 'animals:v1', as in `artfs export animals:v0 ",
        ),
        (("export", "nosuch", "a.artfs"), 3, "artifact nosuch does not exist"),
        (("export", "animals", "nowhere/a.artfs"), 8, "writing 'nowhere/a.artfs': No such file or directory"),
        (("import", "nosuch.artfs"), 5, "cannot read 'nosuch.artfs': No such file or directory"),
        (("import", "."), 5, "cannot read '.': Is a directory"),
        (("import", "text"), 5, "'text' cannot be imported: it is no file that `artfs export` wrote"),
        (("import", "text", "--list", "--dry-run"), 2, "give it or --dry-run"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    stored: Commands, arguments: tuple[str, ...], code: int, words: str
) -> None:
    Path("text").write_bytes(b"nothing of the kind\n" * 10)
    assert words in stored(*arguments).failed(code)
    assert sorted(path.name for path in Path().iterdir()) == ["text"]


def test_json_and_a_stream_do_not_go_to_one_output(stored: Commands) -> None:
    refused = stored("export", "animals", "-", "--json")
    assert (refused.code, refused.out) == (2, b"")
    assert b"--json and - both mean standard output" in refused.err


def test_a_quiet_import_prints_the_versions_alone(stored: Commands, other: str) -> None:
    stored.done("export", "animals", "a.artfs")
    assert stored.done(other, "-q", "import", "a.artfs").lines == ["animals:v0"]


def test_a_file_cut_off_is_refused_in_one_line_and_no_version_is_seen(stored: Commands, other: str) -> None:
    stored.done("export", "animals", "a.artfs")
    whole = Path("a.artfs").read_bytes()
    Path("a.artfs").write_bytes(whole[:-100])
    said = stored(other, "import", "a.artfs").failed(5)
    assert said.startswith(f"'a.artfs' is cut off after {len(whole) - 100} bytes; nothing of it was published")
    assert stored.done(other, "ls", "--json").json == []


def test_a_python_program_exports_and_imports(stored: Commands, tmp_path: Path) -> None:
    import io

    import artfs
    from artfs.errors import BundleDamagedError, ConflictError

    artfs.open_store(tmp_path / "python", create=True).close()
    api, other = artfs.Api(stored.store), artfs.Api(tmp_path / "python")
    assert api.export("animals:best", tmp_path / "a.artfs", aliases=True) == ["animals:v0"]
    with pytest.raises(ConflictError):
        api.export(["animals"], tmp_path / "a.artfs")
    (animals,) = other.import_file(tmp_path / "a.artfs")
    assert (animals.name, animals.aliases) == ("animals:v0", ["best", "latest"])
    file = io.BytesIO()
    api.export(["animals"], file, since="animals:v0")
    file.seek(0)
    assert [each.name for each in other.import_file(file)] == ["animals:v0"]
    with pytest.raises(BundleDamagedError):
        other.import_file(io.BytesIO(file.getvalue()[:-1]))
