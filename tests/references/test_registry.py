"""Which URIs artifacts may have, and where the handlers of other schemes come from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import artfs
from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError
from artfs.references import register, scheme_of
from tests.support.memoryobjects import MemoryObjects

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "uri",
    [
        "s3://user:hunter2@bucket/key",
        "s3://hunter2@bucket/key",
        "https:user:hunter2@host/key",
        r"https:\\user:hunter2@host\key",
        "https://host/key?X-Amz-Signature=hunter2",
        "https://host/key?a=1&sig=hunter2",
        "https://host/key?a=1&ACCESS_TOKEN=hunter2#b",
        "https://[hunter2/key",
    ],
)
def test_a_uri_that_holds_credentials_is_refused_and_they_are_shown_nowhere(
    uri: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    artifact = artfs.Artifact("referring", store=tmp_path / "store")
    run = artfs.init(store=tmp_path / "store")
    attempts: list[Callable[[], object]] = [lambda: scheme_of(uri), lambda: artifact.add_reference(uri, name="x")]
    if "://" in uri:  # anything else is the path of a file
        attempts.append(lambda: run.log_artifact(uri, name="referring"))
    for attempt in attempts:
        with pytest.raises(InvalidInputError) as caught:
            attempt()
        assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__)
    run.finish()
    assert "hunter2" not in repr(artifact.manifest.entries) + "".join(capfd.readouterr())
    for file in (tmp_path / "store").rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()


@pytest.mark.parametrize(
    "uri", ["file:///a@b/c:d@e", "file:/u:p@x", "s3://bucket/a:b@c", "https://host/x?versionId=3&q=a@b", "doi:10.1/x@y"]
)
def test_an_at_sign_elsewhere_is_no_credential(uri: str) -> None:
    assert scheme_of(uri) == uri.partition(":")[0]


def test_objects_of_a_registered_scheme_are_added_read_and_downloaded(tmp_path: Path) -> None:
    objects = MemoryObjects()
    register("mem", objects)
    objects.put("in/a.txt", b"aaa")
    objects.put("in/b/c.txt", b"ccc")
    artifact = artfs.Artifact("referring", store=tmp_path / "store")
    added = artifact.add_reference(objects.uri("in"), name="data")
    assert [(entry.path, entry.size, entry.digest) for entry in added] == [
        ("data/a.txt", 3, None),
        ("data/b/c.txt", 3, None),
    ]
    assert added[0].etag is not None
    artifact.save()
    with artifact.open("data/b/c.txt") as file:
        assert file.read() == b"ccc"
    root = Path(artifact.download(tmp_path / "out"))
    assert (root / "data" / "a.txt").read_bytes() == b"aaa"
    objects.put("in/a.txt", b"bbb")
    objects.remove("in/b/c.txt")
    with pytest.raises(ReferenceChangedError):
        artifact.open("data/a.txt").read()
    with pytest.raises(ReferenceGoneError):
        artifact.open("data/b/c.txt").read()
    with pytest.raises(InvalidInputError, match="scheme"):
        register("no scheme", objects)


def test_a_handler_comes_with_an_installed_package(tmp_path: Path) -> None:
    (tmp_path / "tape.py").write_text(
        "from artfs.references import Found\n"
        "from artfs.format.reference import Reference\n"
        "class Tapes:\n"
        "    def find(self, uri, *, checksum):\n"
        "        yield Found('', 'seven', Reference(uri, 4, etag='7'))\n"
        "    def read(self, reference, offset, size):\n"
        "        return b'tape'[offset:offset + size]\n"
    )
    information = tmp_path / "tape-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tape\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[artfs.references]\ntape = tape:Tapes\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path))), "ARTFS_STORE": "store"}
    program = "import artfs; a = artfs.Artifact('taped'); a.add_reference('tape://shelf/7'); a.save()"
    printed = []
    for line in (["-c", program], ["-m", "artfs.cli", "cat", "taped/seven"]):
        ran = subprocess.run(
            [sys.executable, *line], cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, b"")
        printed.append(ran.stdout)
    assert printed == [b"", b"tape"]
