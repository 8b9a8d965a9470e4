"""Typical mistakes: the exact words of each message, which say what happened and what to do.

Every line is written to be read by someone who has just made the mistake: a change of words is a change of this table.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from pwd import getpwuid

import pytest

from tests.support.commands import Commands, store_state
from tests.support.mounts.mounts import NOBODY

USAGE, NOT_FOUND, CONFLICT, SOURCE, STORE, STORAGE, MOUNT, UNSAFE = 2, 3, 4, 5, 6, 8, 9, 10

MISTAKES: tuple[tuple[str, int, str], ...] = (
    # commands and options
    ("lss", USAGE, "no such command 'lss': did you mean `artfs ls`? `artfs --help` lists all"),
    ("delete pets", USAGE, "no such command 'delete': did you mean `artfs rm`? `artfs --help` lists all"),
    ("frobnicate", USAGE, "no such command 'frobnicate': `artfs --help` lists all"),
    ("alias ad pets:v0 x", USAGE, "no such command 'ad' of `artfs alias`: did you mean `artfs alias add`?"),
    (
        "alias pets",
        USAGE,
        (
            "no such command 'pets' of `artfs alias`, only add, ls and rm: write it as in `artfs alias"
            " add animals:v3 best`,"
            " or see `artfs alias --help`"
        ),
    ),
    (
        "alias",
        USAGE,
        "a command is missing: write it as in `artfs alias add animals:v3 best`, or see `artfs alias --help`",
    ),
    ("ls --jsn", USAGE, "no such option --jsn: did you mean --json? `artfs ls --help` lists all"),
    ("rm pets --al", USAGE, "no such option --al: did you mean --all? `artfs rm --help` lists all"),
    ("edit pets --tag clean", USAGE, "no such option --tag: `artfs tag add` does that"),
    ("rm pets:v0 --force", USAGE, "no such option --force: see `artfs rm --help`"),
    ("gc --jobs 4", USAGE, "no such option --jobs: see `artfs gc --help`"),
    (
        "put src",
        USAGE,
        "-n NAME is missing: write it as in `artfs put images/ -n animals`, or see `artfs put --help`",
    ),
    ("show", USAGE, "REF is missing: write it as in `artfs show animals`, or see `artfs show --help`"),
    ("gc now", USAGE, "an argument too many (now): write it as in `artfs gc --dry-run`, or see `artfs gc --help`"),
    (
        "log pets -n many",
        USAGE,
        "-n / --max-count takes a whole number of at least 1, not 'many': see `artfs log --help`",
    ),
    ("log pets -n 0", USAGE, "-n / --max-count takes a whole number of at least 1, not 0: see `artfs log --help`"),
    ("lineage pets --depth x", USAGE, "--depth takes a whole number, not 'x': see `artfs lineage --help`"),
    ("commit --wait soon", USAGE, "--wait takes a number from 0 to 3,600, not 'soon': see `artfs commit --help`"),
    (
        "runs --state dead",
        USAGE,
        "--state takes running, finished, failed or crashed, not 'dead': see `artfs runs --help`",
    ),
    ("completion tcsh", USAGE, "SHELL takes bash, zsh or fish, not 'tcsh': see `artfs completion --help`"),
    (
        "help stagging",
        NOT_FOUND,
        ("no page and no command is called 'stagging': did you mean `artfs help stage`? `artfs help` lists the pages"),
    ),
    # artifacts, versions, aliases and paths that are not there
    ("log pet", NOT_FOUND, "artifact pet does not exist: did you mean pets? `artfs ls` shows all"),
    ("ls Pets", NOT_FOUND, "artifact Pets does not exist: did you mean pets? `artfs ls` shows all"),
    ("show nosuch", NOT_FOUND, "artifact nosuch does not exist: `artfs ls` shows which do"),
    ("show v2", NOT_FOUND, "artifact v2 does not exist: a version is named with its artifact, as NAME:v2"),
    ("show old", NOT_FOUND, "artifact old does not exist: it was renamed, and is new now"),
    ("show gone", NOT_FOUND, "artifact gone was deleted: `artfs undelete gone:v0` brings its newest version back"),
    (
        "get birds",
        NOT_FOUND,
        "birds has no version, since all were deleted: `artfs undelete birds:v0` brings the newest back",
    ),
    ("show pets:v5", NOT_FOUND, "pets:v5 does not exist: the newest is v2, and `artfs log pets` shows all"),
    (
        "get pets:v1",
        NOT_FOUND,
        (
            "pets:v1 was deleted: `artfs undelete pets:v1` brings it back, `artfs log pets` shows the"
            " versions that are left"
        ),
    ),
    ("show pets:prd", NOT_FOUND, "pets has no alias prd: did you mean prod? `artfs alias ls pets` shows all"),
    ("alias rm pets:zzz", NOT_FOUND, "pets has no alias zzz: `artfs alias ls pets` shows its aliases"),
    (
        "cat pets/label.csv",
        NOT_FOUND,
        "no 'label.csv' in pets:v2: did you mean 'labels.csv'? `artfs ls pets:v2` shows all",
    ),
    ("tree pets/dogs", NOT_FOUND, "no 'dogs' in pets:v2: `artfs ls pets:v2` shows what there is"),
    ("cat pets/labels.csv/x", NOT_FOUND, "'labels.csv/x' leads to nothing: 'labels.csv' is a file, and no directory"),
    (
        "cat pets/cats",
        USAGE,
        (
            "pets:latest/cats is a directory: name a file in it, as pets:latest/cats/FILE, or write it"
            " out with `artfs get`"
        ),
    ),
    # names in a form that is not wanted there
    (
        "log pets:v5",
        USAGE,
        (
            "'pets:v5' names a version, and an artifact is wanted: write `artfs log pets`, or `artfs"
            " show pets:v5` for the"
            " version"
        ),
    ),
    ("put src -n pets:v3", USAGE, "'pets:v3' names a version, and an artifact is wanted: write `-n pets`"),
    ("rename pets:v0 cats", USAGE, "'pets:v0' names a version, and an artifact is wanted: write `pets` in its place"),
    (
        "get pets/cats/tom.png tom.png --path labels.csv",
        USAGE,
        "a path is given twice, 'cats/tom.png' behind pets:latest and 'labels.csv' with --path: give one",
    ),
    (
        "restore pets:v0/cats/tom.png",
        USAGE,
        "'pets:v0/cats/tom.png' names what is in a version: write `artfs restore pets:v0 --path cats/tom.png`",
    ),
    ("show pets best", USAGE, "an argument too many (best): did you mean `artfs show pets:best`?"),
    ("alias rm pets best", USAGE, "an argument too many (best): did you mean `artfs alias rm pets:best`?"),
    ("stage pets best", USAGE, "an argument too many (best): did you mean `artfs stage pets:best`?"),
    (
        "put src -n 'my pets'",
        USAGE,
        (
            "artifact name 'my pets' is not allowed: use 1 to 128 of the characters A-Z a-z 0-9 _ . -"
            " (not first a '-', not"
            " '.' or '..')"
        ),
    ),
    (
        "alias add pets v7",
        USAGE,
        "alias 'v7' is not allowed: v and a number always means a version, choose another name",
    ),
    (
        "alias add pets latest",
        USAGE,
        "the alias latest is kept by the store, which moves it to each new version: choose another name",
    ),
    ("put src -n pets --ttl 30", USAGE, "duration '30' is not allowed: write for example 30d, 12h or 1d12h, or none"),
    ("put src -n pets --meta lr", USAGE, "metadata 'lr' is not KEY=VALUE: write for example lr=0.01"),
    # what the catalog or the disk forbids
    (
        "put src -n pets -t model",
        CONFLICT,
        "artifact pets has type dataset, not model: choose another name, or leave the type out",
    ),
    ("rename pets birds", CONFLICT, "artifact birds exists: choose another name"),
    ("put nosuch -n pets", SOURCE, "cannot read 'nosuch': No such file or directory; nothing was stored"),
    (
        "get pets afile",
        UNSAFE,
        "a file is in the way at '{here}/afile': move it, or write to another destination",
    ),
    ("umount src", MOUNT, "src is not an artfs mount: see `findmnt -t fuse.artfs,fuse.artfs-staging`"),
    (
        "--store nowhere ls",
        STORE,
        "there is no store at {here}/nowhere: make one with `artfs init`, or name another with --store",
    ),
    (
        "--store src ls",
        STORE,
        "{here}/src is not an artfs store: name one with --store, or make one with `artfs init`",
    ),
    (
        "--store afile ls",
        STORE,
        "{here}/afile is a file, and a store is a directory: name one with --store, or make one with `artfs init`",
    ),
    ("status src", NOT_FOUND, "'src' is in no draft: `artfs stage NAME` opens one and prints its directory"),
)


@pytest.fixture
def mistaken(artfs: Commands) -> Commands:
    """A store with artifacts that have aliases, deleted versions, no versions, or other names than once."""
    Path("src/cats").mkdir(parents=True)
    Path("src/labels.csv").write_text("tom,cat\n")
    Path("src/cats/tom.png").write_bytes(b"tom")
    Path("afile").touch()
    artfs.done("put", "src", "-n", "pets", "-a", "best")
    Path("src/labels.csv").write_text("tom,cat\nrex,dog\n")
    artfs.done("put", "src", "-n", "pets")
    Path("src/labels.csv").write_text("tom,cat\nrex,dog\nkim,cat\n")
    artfs.done("put", "src", "-n", "pets", "-a", "prod")
    for name in ("birds", "gone", "old"):
        artfs.done("link", "pets:best", name)
    for line in ("rm pets:v1", "rm birds:v0", "rm gone --all", "rename old new"):
        artfs.done(*line.split())
    return artfs


def test_each_of_the_typical_mistakes_is_answered_in_these_words(mistaken: Commands) -> None:
    """One store for all lines, none of which changes it."""
    before = store_state(mistaken.store)
    assert len(MISTAKES) >= 40
    for line, code, message in MISTAKES:
        ended = mistaken(*shlex.split(line))
        said = os.fsdecode(ended.err).splitlines()
        assert (line, ended.code, said[-1:]) == (line, code, [f"artfs: {message.format(here=Path.cwd())}"])
    assert store_state(mistaken.store) == before


@pytest.fixture
def closed() -> tuple[str, ...]:
    """Rights of a user who may not open what others have closed: a prefix of command lines."""
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--") if os.geteuid() == 0 else ()


CLOSED: tuple[tuple[str, str, int, str], ...] = (
    ("{store}", "ls", STORAGE, "reading {store}/format.json: Permission denied"),
    ("{store}", "put src -n pets", STORAGE, "making the store {store}: Permission denied"),
    ("{store}/index", "ls", STORAGE, "looking for the index {store}/index: Permission denied"),
    ("{store}/index", "fsck", STORAGE, "looking for the index {store}/index: Permission denied"),
    ("{store}/index/data.mdb", "ls", STORAGE, "opening the index {store}/index: Permission denied"),
    ("{store}/tmp", "put src -n pets", STORAGE, "starting to write in {store}/tmp: Permission denied"),
    ("{here}/src/labels.csv", "put src -n pets", SOURCE, "cannot read '{here}/src/labels.csv': Permission denied"),
)


@pytest.mark.parametrize(("place", "line", "code", "said"), CLOSED)
def test_of_what_cannot_be_opened_is_said_whose_it_is_and_with_which_rights(
    mistaken: Commands, closed: tuple[str, ...], place: str, line: str, code: int, said: str
) -> None:
    path = Path(place.format(store=mistaken.store, here=Path.cwd()))
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        ended = mistaken.process(*line.split(), prefix=closed)
    finally:
        path.chmod(mode)
    rights = "d---------" if path.is_dir() else "----------"
    why = f"{path} is yours, with the rights {rights}: open it with `chmod u+rwX {path}`"
    last = "; nothing was stored" if code == SOURCE else ""
    assert ended.failed(code) == f"{said.format(store=mistaken.store, here=Path.cwd())}; {why}{last}"


def test_the_owner_of_what_is_closed_is_named(mistaken: Commands, closed: tuple[str, ...]) -> None:
    """What another user has closed: root gives a file away for it, others find one of root's."""
    if os.geteuid() == 0:
        secret, owner = Path.cwd() / "secret", "nobody"
        secret.touch(0o600)
        os.chown(secret, NOBODY, 0)
    else:
        secret, owner = Path("/etc/shadow"), "root"
    rights = stat.filemode(secret.stat().st_mode)
    me = getpwuid(os.geteuid()).pw_name
    ended = mistaken.process("put", secret, "-n", "secret", prefix=closed)
    assert ended.failed(SOURCE).startswith(
        f"cannot read '{secret}': Permission denied; {secret} belongs to {owner}, with the rights {rights}, and you are"
        f" {me}: have "
    )


def test_an_alias_without_its_artifact_is_no_base_of_a_draft(stored: Commands, staging: Path) -> None:
    said = stored("stage", "animals", "--from", "best").failed(NOT_FOUND)
    assert said == "artifact best does not exist, and is an alias of animals: write `--from animals:best`"
    assert not (staging / "animals").exists()
