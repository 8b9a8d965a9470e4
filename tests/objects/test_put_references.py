"""`artfs put --ref` and `--import`, and the same in Python: what becomes an entry, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import artfs as api
from artfs.cli.put_references import parse_reference
from artfs.errors import InvalidInputError, ReferenceChangedError
from artfs.references import register
from tests.support.commands import Commands
from tests.support.models.memoryobjects import MemoryObjects
from tests.support.objects.sources import BucketSource


@pytest.fixture
def photos(bucket: BucketSource) -> BucketSource:
    """Three objects."""
    for path, data in {"photos/a.jpg": b"aaa", "photos/b/c.jpg": b"ccccc", "photos/b/empty": b""}.items():
        bucket.put(path, data)
    return bucket


def test_a_prefix_becomes_an_entry_for_each_object_beside_local_files(artfs: Commands, photos: BucketSource) -> None:
    Path("labels.csv").write_text("a,cat\n")
    put = artfs.done("put", "labels.csv", "-n", "photos", "--ref", f"{photos.uri('photos/')}=images", "--json").json
    assert (put["files"], put["bytes"], put["new_bytes"]) == (4, 14, 6)
    assert artfs.done("cat", "photos/images/b/c.jpg").out == b"ccccc"
    assert artfs.done("cat", "photos/labels.csv").out == b"a,cat\n"
    assert artfs.done("ls", "-l", "photos/images/a.jpg").text.endswith(f"a.jpg -> {photos.uri('photos/a.jpg')}")
    (shown,) = artfs.done("ls", "photos/images/a.jpg", "--json").json
    assert (shown["uri"], shown["version_id"]) == (photos.uri("photos/a.jpg"), None)
    assert shown["etag"] == f'"{hashlib.md5(b"aaa").hexdigest()}"'  # noqa: S324 # as S3 makes it
    photos.put("photos/a.jpg", b"AAA")
    ended = artfs("cat", "photos/images/a.jpg")
    assert (ended.code, ended.out) == (5, b"")
    assert b"is not what the artifact refers to any more" in ended.err


def test_unchanged_objects_are_the_same_version_and_a_change_is_one_modified_entry(
    artfs: Commands, photos: BucketSource
) -> None:
    line = ("put", "-n", "photos", "--ref", photos.uri("photos"), "--if-changed")
    assert artfs.done(*line).text == artfs(*line).text == "photos:v0"
    photos.put("photos/a.jpg", b"AAAA")
    was, now = (f'"{hashlib.md5(data).hexdigest()}"' for data in (b"aaa", b"AAAA"))  # noqa: S324 # as S3 makes it
    changed = ["M", "+1", "a.jpg", "(ETag", was, "->", f"{now})"]
    assert artfs.done(*line, "--dry-run").lines[0].split() == changed
    assert artfs.done(*line).text == "photos:v1"
    versions = ("diff", "photos:v0", "photos:v1")
    assert artfs.done(*versions).lines[0].split() == changed
    assert artfs.done(*versions, "-p").lines[1] == f"References a/a.jpg and b/a.jpg differ: ETag {was} -> {now}"
    [change] = artfs.done(*versions, "--json").json["changes"]
    assert (change["old"]["etag"], change["new"]["etag"]) == (was, now)


def test_import_stores_the_bytes_which_stay_when_the_objects_go(artfs: Commands, photos: BucketSource) -> None:
    assert artfs.done("put", "-n", "photos", "--import", f"{photos.uri('photos')}=x").text == "photos:v0"
    photos.remove("photos/a.jpg")
    assert artfs.done("cat", "photos/x/a.jpg").out == b"aaa"
    assert artfs.done("cat", "photos/x/b/empty").out == b""
    assert artfs.done("fsck", "--read-data").code == 0


def test_more_objects_than_allowed_are_refused_and_nothing_is_stored(artfs: Commands, photos: BucketSource) -> None:
    artfs.done("init")
    for option in ("--ref", "--import"):
        ended = artfs("put", "-n", "photos", option, photos.uri("photos"), "--max-objects", "2")
        assert (ended.code, ended.out) == (2, b"")
        assert b"leads to more than 2 objects" in ended.err
    assert artfs.done("ls", "--json").json == []


def test_a_dry_run_shows_what_would_be_referred_to_and_makes_nothing(artfs: Commands, photos: BucketSource) -> None:
    dry = artfs.done("put", "-n", "photos", "--ref", photos.uri("photos"), "--dry-run")
    assert [line.split()[0::2] for line in dry.lines[:3]] == [["A", "a.jpg"], ["A", "b/c.jpg"], ["A", "b/empty"]]
    assert not (Path("..") / "store").exists()


def test_an_object_that_is_a_directory_of_others_is_refused_by_name_and_nothing_added(tmp_path: Path) -> None:
    objects = MemoryObjects()
    register("mem", objects)
    for path in ("in/a", "in/a.txt", "in/a/b"):
        objects.put(path, b"x")
    artifact = api.Artifact("clash", store=tmp_path / "store")
    with pytest.raises(InvalidInputError, match="holds an object 'a' and others below that name"):
        artifact.add_reference(objects.uri("in"))
    assert not artifact.manifest.entries
    artifact.add_reference(objects.uri("in/a/b"), name="a/b")  # one by one they have names of their own


def test_without_checksum_a_change_of_the_same_size_is_read(artfs: Commands, photos: BucketSource) -> None:
    artfs.done("put", "-n", "photos", "--ref", photos.uri("photos/a.jpg"), "--checksum", "none")
    photos.put("photos/a.jpg", b"AAA")
    assert artfs.done("cat", "photos/a.jpg").out == b"AAA"


def test_a_run_logs_and_uses_a_uri(photos: BucketSource, tmp_path: Path) -> None:
    with api.init(store=tmp_path / "store") as run:
        logged = run.log_artifact(photos.uri("photos"), name="photos")
        used = run.use_artifact(photos.uri("photos/b/"))
        assert logged.get_entry("a.jpg").ref == photos.uri("photos/a.jpg")
    with api.init(store=tmp_path / "store") as run:
        again = run.use_artifact(photos.uri("photos/b/"))
        assert again.name == used.name
        assert again.version == "v0"
        photos.put("photos/b/c.jpg", b"other")
        with pytest.raises(ReferenceChangedError):
            again.open("c.jpg").read()
        assert run.use_artifact(photos.uri("photos/b/")).version == "v1"


@pytest.mark.parametrize(
    ("text", "uri", "name"),
    [
        ("s3://b/k", "s3://b/k", None),
        ("s3://b/k=images", "s3://b/k", "images"),
        ("s3://b/k=images/train/", "s3://b/k=images/train/", None),
        ("s3://b/date=2026/", "s3://b/date=2026/", None),
        ("s3://b/date=2026=", "s3://b/date=2026", None),
        ("s3://b/date=2026/=x", "s3://b/date=2026/", "x"),
        ("https://h/p?a=1&b=2", "https://h/p?a=1&b=2", None),
        ("https://h/p?a=1&b=2=name", "https://h/p?a=1&b=2", "name"),
        ("s3://b/k?versionId=7=name", "s3://b/k?versionId=7", "name"),
    ],
)
def test_the_name_is_what_follows_the_last_equals_sign_that_is_none_of_the_uri(
    text: str, uri: str, name: str | None
) -> None:
    assert parse_reference(text) == (uri, name)


def test_a_text_without_scheme_is_refused_with_the_form(artfs: Commands) -> None:
    ended = artfs("put", "-n", "photos", "--ref", "bucket/key=x")
    assert ended.code == 2
    assert b"write URI or URI=NAME" in ended.err
    assert artfs("put", "-n", "photos").code == 2


def test_verify_lists_what_changed_is_gone_or_cannot_be_read_past_the_cache(
    artfs: Commands, photos: BucketSource, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("kept")
    artfs.done("put", "-n", "photos", "--ref", photos.uri("photos/"), "--ref", kept.as_uri())
    assert artfs.done("verify", "photos").text == "4 references in photos:v0: 4 same"
    artfs.done("cat", "photos/a.jpg")  # it is in the cache now
    photos.put("photos/a.jpg", b"AAA")
    photos.remove("photos/b/c.jpg")
    artifact = api.Artifact("more", store=artfs.store)
    artifact.add_reference(photos.uri("photos/a.jpg"))
    artifact.add_reference("tape://7", name="tape")
    artifact.save()
    artifact.store.close()
    ended = artfs("verify", "photos")
    assert ended.failed(5).startswith("photos:v0 refers to what is not there as it was")
    assert ended.lines == [
        f"changed     a.jpg -> {photos.uri('photos/a.jpg')}",
        f"gone        b/c.jpg -> {photos.uri('photos/b/c.jpg')}",
        "4 references in photos:v0: 2 same, 1 changed, 1 gone",
    ]
    document = artfs("verify", "more", "--json").json
    assert [each["state"] for each in document["references"]] == ["same", "unknown"]
    assert (document["same"], document["unknown"], document["gone"]) == (1, 1, 0)
