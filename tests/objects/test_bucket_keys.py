"""Keys and versions of buckets: what becomes an entry, what is refused by name, and which version is read."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError, SourceError
from artfs.references import Found
from artfs.references.objects import ObjectsElsewhere
from tests.support.objects import sources


class _Bucket:
    """A bucket of moto, which takes any key."""

    def __init__(self, client: Any, handler: ObjectsElsewhere, name: str) -> None:
        self.client = client
        self.handler = handler
        self.name = name

    def put(self, key: str, data: bytes = b"data") -> str | None:
        version: str | None = self.client.put_object(Bucket=self.name, Key=key, Body=data).get("VersionId")
        return version

    def find(self, key: str, *, checksum: bool = True) -> list[Found]:
        return list(self.handler.find(f"s3://{self.name}/{key}", checksum=checksum))

    def names(self, key: str) -> list[str]:
        return [found.name for found in self.find(key)]

    def read(self, found: Found) -> bytes:
        return bytes(self.handler.open(found.reference).read(0, 100))


@pytest.fixture(scope="module")
def made(moto: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], _Bucket]]:
    """Makes an empty bucket, with or without versions."""
    handler = ObjectsElsewhere(sources.s3_environment(moto, tmp_path_factory.mktemp("home")))

    def make(versions: bool) -> _Bucket:
        name = secrets.token_hex(8)
        return _Bucket(sources.make_s3_bucket(moto, name, versions=versions), handler, name)

    with closing(handler):
        yield make


@pytest.fixture
def bucket(made: Callable[[bool], _Bucket]) -> _Bucket:
    return made(False)


def test_a_key_may_hold_any_character_of_a_file_name(bucket: _Bucket) -> None:
    keys = ["a b#%41?ü", "%2F", "[x]{y}|z\\w", '~`^*"<>', "+plus&=;,@:$'!()", "😀", "x?versionId=3", "x#7", "-"]
    for key in keys:
        bucket.put(f"p/{key}", key.encode())
    found = bucket.find("p/")
    assert sorted(each.name for each in found) == sorted(keys)
    assert [bucket.read(each) for each in found] == [each.name.encode() for each in found]


def test_directory_objects_are_left_out_and_empty_objects_are_not(bucket: _Bucket) -> None:
    for key, data in {"p/": b"", "p/dir/": b"", "p/dir/x": b"x", "p/empty": b"", "p/both": b"", "p/both/": b""}.items():
        bucket.put(key, data)
    found = {each.name: each for each in bucket.find("p")}
    assert sorted(found) == ["both", "dir/x", "empty"]
    assert bucket.read(found["empty"]) == b""
    bucket.put("p/empty", b"full")
    with pytest.raises(ReferenceChangedError):
        bucket.read(found["empty"])


@pytest.mark.parametrize("key", ["p/a//b", "p/./x", "p/../y", "p//z", "p/\x01"])
def test_a_key_that_is_no_path_of_files_is_refused_by_name(bucket: _Bucket, key: str) -> None:
    bucket.put("p/good")
    bucket.put(key)
    with pytest.raises(InvalidInputError, match="whose key is no path of files: copy it") as caught:
        bucket.names("p")
    assert key.replace("\x01", "\\x01") in str(caught.value)


def test_a_bucket_with_keys_that_begin_with_a_slash_is_refused(bucket: _Bucket) -> None:
    bucket.put("x")
    assert bucket.names("") == ["x"]
    bucket.put("/x")
    with pytest.raises(InvalidInputError, match="begin with a slash"):
        bucket.names("")


def test_an_object_is_meant_before_a_prefix_of_its_name_and_the_prefix_with_a_slash(bucket: _Bucket) -> None:
    bucket.put("in", b"object")
    bucket.put("in/a", b"below")
    assert bucket.names("in") == [""]
    assert bucket.names("in/") == ["a"]


def test_what_is_not_there_is_said_to_be_no_bucket_no_object_or_no_version(bucket: _Bucket) -> None:
    for key, said in {"none": "no such object or prefix", "none/": "no such", "a?versionId=none": "version"}.items():
        with pytest.raises(InvalidInputError, match=said):
            bucket.find(key)
    bucket.name = "nosuchbucket"
    for key in ("a", "a/", ""):
        with pytest.raises(SourceError, match="no such bucket"):
            bucket.find(key)


def test_a_bucket_that_keeps_versions_goes_on_serving_the_one_that_was_referred_to(
    made: Callable[[bool], _Bucket],
) -> None:
    bucket = made(True)
    first = bucket.put("a", b"first")
    (by_object,) = bucket.find("a")
    (by_prefix,) = bucket.find("")
    bucket.put("a", b"second")
    (named,) = bucket.find(f"a?versionId={first}")
    bucket.client.delete_object(Bucket=bucket.name, Key="a")
    assert by_object.reference.version_id == first == named.reference.version_id
    assert bucket.read(by_object) == b"first"
    with pytest.raises(ReferenceGoneError):  # a list tells no versions
        bucket.read(by_prefix)
    assert bucket.read(named) == b"first"
    second = bucket.put("b", b"second")
    (never_read,) = bucket.find("b")
    bucket.client.delete_object(Bucket=bucket.name, Key="b", VersionId=second)
    with pytest.raises(ReferenceGoneError):
        bucket.read(never_read)


def test_a_version_that_is_not_kept_any_more_is_said_to_have_changed_where_there_is_another(
    made: Callable[[bool], _Bucket],
) -> None:
    bucket = made(True)
    first = bucket.put("a", b"first")
    (found,) = bucket.find("a")
    bucket.put("a", b"second")
    bucket.client.delete_object(Bucket=bucket.name, Key="a", VersionId=first)
    with pytest.raises(ReferenceChangedError):
        bucket.read(found)


def test_the_version_null_of_a_bucket_that_stopped_to_keep_versions_identifies_nothing(bucket: _Bucket) -> None:
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"})
    bucket.put("a", b"first")
    (found,) = bucket.find("a")
    assert found.reference.version_id is None
    bucket.put("a", b"other")
    with pytest.raises(ReferenceChangedError):
        bucket.read(found)


def test_a_generation_of_gcs_is_read_while_its_bucket_keeps_it(fake_gcs: str, tmp_path: Path) -> None:
    with closing(ObjectsElsewhere(sources.gcs_environment(fake_gcs, tmp_path))) as handler:
        source = sources.GcsSource(handler, fake_gcs, "versions")
        source.put("a", b"first")
        (found,) = handler.find(source.uri("a"), checksum=True)
        source.put("a", b"second")
        (named,) = handler.find(f"{source.uri('a')}#{found.reference.version_id}", checksum=True)
        assert named.reference == found.reference
        assert handler.open(found.reference).read(0, 10) == b"first"
