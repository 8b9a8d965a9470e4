"""Nothing that a program can call changes what is mounted."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data.trees import snapshot
from tests.support.models import mutations
from tests.support.models.mutations import CALLS, Call, errno_of_call
from tests.support.mounts.mountedstore import MountedStore

Places = dict[str, Path]


def _make_version(top: Path) -> None:
    """Make a directory that nobody is forbidden to change; beside each thing in it is `another`."""
    (top / "cats").mkdir(parents=True)
    (top / "cats" / "tom.png").write_bytes(b"meow" * 1000)
    (top / "cats" / "another").touch()
    (top / "another").touch()
    (top / "best").symlink_to("cats/tom.png")
    for path, mode in ((top, 0o777), (top / "cats", 0o777), (top / "cats" / "tom.png", 0o666)):
        path.chmod(mode)


def _places(top: Path) -> Places:
    """The places in a mount, or in a directory that looks like one."""
    version = top / "animals" / "v0"
    return {
        mutations.ROOT: top,
        mutations.ARTIFACT: top / "animals",
        mutations.ALIAS: top / "animals" / "latest",
        mutations.VERSION: version,
        mutations.DIRECTORY: version / "cats",
        mutations.FILE: version / "cats" / "tom.png",
        mutations.LINK: version / "best",
    }


@pytest.fixture(scope="module")
def places(shared: MountedStore) -> Iterator[Places]:
    """A place of every kind in a mount, of which nothing has changed when all is over."""
    source = shared.top / "source"
    _make_version(source)
    version = shared.put(source, name="animals", more=["-a", "another"])
    shared.put(source, name="another")
    top = shared.mount()
    before = snapshot(top)
    yield _places(top)
    assert snapshot(top) == before
    assert snapshot(version) == snapshot(source)


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writable directory that the table asks for."""
    (tmp_path / "there").write_text("there")
    monkeypatch.chdir(tmp_path)


_CASES = [pytest.param(call, kind, id=f"{call.name}-{kind}") for call in CALLS for kind in call.on]


@pytest.mark.parametrize(("call", "kind"), _CASES)
def test_every_mutating_call_is_refused(places: Places, call: Call, kind: str) -> None:
    """S9: Every call that would change a version directory gives EROFS."""
    expected = call.otherwise[kind].errno if kind in call.otherwise else errno.EROFS
    got = errno_of_call(call, os.fsencode(places[kind]))
    if call.recent and got == errno.ENOSYS:
        return
    assert errno.errorcode.get(got, got) == errno.errorcode.get(expected, expected)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_same_call_is_not_refused_where_one_may_write(call: Call, tmp_path: Path) -> None:
    """So it is not for an argument that makes no sense that it is refused above."""
    nonsense = {errno.EROFS, errno.EFAULT, errno.EINVAL, errno.EBADF, errno.ENOENT, errno.EEXIST, errno.EXDEV}
    for kind in {mutations.DIRECTORY, mutations.FILE, mutations.LINK} & {*call.on} - {*call.otherwise}:
        (tmp_path / "there").touch()
        _make_version(tmp_path / kind / "animals" / "v0")
        got = errno_of_call(call, os.fsencode(_places(tmp_path / kind)[kind]))
        assert got not in nonsense or "(not there)" in call.name, f"{errno.errorcode[got]} for a {kind}"


@pytest.mark.parametrize(
    "command",
    [
        ["rm", "-rf", "v0"],
        ["touch", "v0/cats/tom.png"],
        ["mv", "v0/cats", "v0/dogs"],
        ["cp", "/etc/hostname", "v0/cats"],
        ["ln", "-s", "there", "v0/link"],
        ["sed", "-i", "s/meow/woof/", "v0/cats/tom.png"],
        ["truncate", "-s", "0", "v0/cats/tom.png"],
        ["chmod", "-R", "u+x", "v0"],
        ["ln", "-sfn", "v7", "latest"],
    ],
    ids=" ".join,
)
def test_programs_report_that_the_file_system_is_read_only(places: Places, command: list[str]) -> None:
    """S7: A version never changes. The kernel may cache everything in it for as long as it likes."""
    ended = subprocess.run(
        command, cwd=places[mutations.ARTIFACT], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert "Read-only file system" in ended.stderr
