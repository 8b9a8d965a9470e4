"""A store of a group, used by two real users; and what root does in the store of one of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from artfs.store.fsck.owners import check_owners
from artfs.store.layout import read_layout
from tests.support.commands import Commands
from tests.support.mounts.mounts import run_python
from tests.support.users import Shell, new_group, new_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes users")


@pytest.fixture
def top() -> Iterator[Path]:
    """A directory that any user reaches (pytest's are below one that only root may enter)."""
    path = Path(tempfile.mkdtemp(prefix="artfs-users-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def shells(top: Path) -> Iterator[tuple[Shell, Shell]]:
    """Two users of a group, and the directory `store` of the group; each has a directory of their own, too."""
    with ExitStack() as made:
        group = made.enter_context(new_group())
        logins = [made.enter_context(new_user(group)) for _ in range(2)]
        (top / "store").mkdir()
        shutil.chown(top / "store", group=group)
        (top / "store").chmod(0o2770)
        for login in logins:
            (top / login).mkdir(mode=0o700)
            shutil.chown(top / login, login, login)
        yield made.enter_context(Shell(logins[0], top / "store")), made.enter_context(Shell(logins[1], top / "store"))


def file(shell: Shell, top: Path, name: str, text: str) -> Path:
    """Make a file in a directory of the user's own; the directory that it is in."""
    place = top / shell.login / name
    shell.done("mkdir", place)
    shell.done("sh", "-c", f"printf %s '{text}' > {place}/file")
    return place


def test_two_users_of_a_group_use_one_store(shells: tuple[Shell, Shell], top: Path) -> None:
    """Each puts, mounts, commits, collects and looks at the lineage of what the other made.

    S91: In a store made with `artfs init --shared` all users of its group do everything, whatever their umask.
    """
    ann, bob = shells
    ann.artfs("init", "--shared")
    assert ann.artfs("put", file(ann, top, "one", "1"), "-n", "data") == "data:v0"
    assert bob.artfs("put", file(bob, top, "two", "2"), "-n", "data", "-a", "best") == "data:v1"
    # A mount of one shows what the other commits meanwhile.
    art = top / bob.login / "art"
    bob.done("mkdir", art)
    bob.artfs("mount", art)
    assert bob.done("cat", art / "data/v0/file") == "1"
    stage = top / ann.login / "stage"
    ann.done("mkdir", stage)
    ann.done("mkdir", top / ann.login / "art")
    ann.artfs("mount", top / ann.login / "art", "--staging", stage)
    ann.artfs("stage", "data")
    ann.done("sh", "-c", f"printf more > {stage}/data/more")
    assert ann.artfs("commit", stage / "data") == "data:v2"
    assert bob.done("cat", art / "data/v2/more") == "more"
    # Lineage of one's run, seen by the other.
    bob.artfs("run", "--name", "train", "--", "cat", art / "data/v2/more")
    assert "train" in ann.artfs("lineage", "data:v2")
    # The other serves no drafts meanwhile, and then serves them; what is not committed outlives another's gc.
    ann.done("sh", "-c", f"printf uncommitted > {stage}/data/draft")
    refused = bob.try_artfs("mount", art, "--staging", top / bob.login)
    assert refused.code != 0
    ann.artfs("umount", stage, top / ann.login / "art")
    ann.artfs("rm", "data:v0")
    bob.artfs("gc", "--now")
    bob.artfs("umount", art)
    other = top / bob.login / "stage"
    bob.done("mkdir", other)
    bob.artfs("mount", art, "--staging", other)
    bob.done("mkdir", other / "mine")
    bob.done("cp", art / "data/v1/file", other / "mine/file")
    assert bob.artfs("commit", other / "mine") == "mine:v0"
    assert bob.run("sh", "-c", f"echo x > {other}/data/draft").code != 0  # ann's
    bob.artfs("umount", other, art)
    ann.artfs("mount", top / ann.login / "art", "--staging", stage)
    assert ann.done("cat", stage / "data/draft") == "uncommitted"
    assert ann.artfs("commit", stage / "data") == "data:v3"
    ann.artfs("umount", stage, top / ann.login / "art")
    assert list(check_owners(read_layout(top / "store"))) == []
    assert "no damage" in bob.artfs("fsck", "--read-data")


SCRIPT = """
import sys
import artfs
with artfs.init(name="train", store=sys.argv[1]) as run:
    run.use_artifact("data:latest").open("labels.csv").read()
    model = artfs.Artifact("model", type="model")
    with model.new_file("weights") as file:
        file.write("1")
    run.log_artifact(model)
"""


def test_what_root_does_in_a_users_store_is_the_users(
    shells: tuple[Shell, Shell], top: Path, artfs: Commands, images: Path, places: tuple[Path, Path]
) -> None:
    """S92: What root makes in another user's store belongs to that user."""
    ann, _bob = shells
    store = top / ann.login / "mine"
    own = ("--store", store)
    ann.artfs(*own, "put", file(ann, top, "one", "1"), "-n", "data")
    artfs.environment["ARTFS_STORE"] = str(store)

    def root(*words: str | Path) -> str:
        ended = artfs.process(*own, *words)
        assert (ended.code, ended.err) == (0, b""), ended
        return ended.text

    assert root("put", images, "-n", "data") == "data:v1"
    root("mount", places[0], "--staging", places[1])
    root("-q", "run", "--name", "look", "--", "cat", places[0] / "data/latest/labels.csv")
    draft = Path(root("stage", "data"))
    (draft / "new").write_bytes(os.urandom(1 << 20))
    assert root("commit", draft) == "data:v2"
    (draft / "later").write_text("not committed")
    assert run_python(SCRIPT, store).stderr == ""
    root("rm", "data:v0")
    root("gc", "--now")
    root("fsck", "--read-data")
    assert list(check_owners(read_layout(store))) == []  # while it is mounted, too
    root("umount", *places)
    assert list(check_owners(read_layout(store))) == []
    ann.artfs(*own, "get", "data:v2", top / ann.login / "out")
    assert "look" in ann.artfs(*own, "lineage", "data:v1")
    assert "train" in ann.artfs(*own, "lineage", "model:v0")
    ann.artfs(*own, "gc", "--now")
    assert "no damage" in ann.artfs(*own, "fsck")


def test_foreign_files_are_named_and_given_back(shells: tuple[Shell, Shell], top: Path, artfs: Commands) -> None:
    ann, bob = shells
    store = top / ann.login / "mine"
    own = ("--store", store)
    ann.artfs(*own, "put", file(ann, top, "one", "1"), "-n", "data")
    ann.artfs("init", "--shared")
    ann.artfs("put", top / ann.login / "one", "-n", "data")
    for path in (*(store / "packs").glob("*/*.pack"), store / "logs"):
        os.chown(path, 0, 0)
    found = ann.try_artfs(*own, "doctor").out
    assert "files that may be closed to you" in found
    assert "belongs to root" in found
    assert artfs.process(*own, "fsck").code == 7
    repaired = artfs.process(*own, "fsck", "--repair")
    assert (repaired.code, repaired.text.count("(repaired)")) == (0, 3), repaired
    assert list(check_owners(read_layout(store))) == []
    ann.artfs(*own, "cat", "data/file")
    # What LMDB could not open with the rights of the owner is given back at once.
    for name in ("data.mdb", "lock.mdb"):
        os.chown(store / "index" / name, 0, 0)
    assert artfs.process(*own, "gc", "--now").code == 0
    assert list(check_owners(read_layout(store))) == []
    ann.artfs(*own, "alias", "add", "data", "good")
    # One of a group: the rights of the group are missing. Its owner can mend that too.
    [pack] = sorted((top / "store/packs").glob("*/*.pack"))[:1]
    pack.chmod(0o600)
    (top / "store/tmp").chmod(0o700)
    found = bob.try_artfs("fsck").out
    assert "lacks rights of the group" in found
    assert found.count("O1") == 2
    ann.artfs("fsck", "--repair")
    assert "no damage" in bob.artfs("fsck")
