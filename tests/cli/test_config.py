"""`artfs config`: one setting of the user's file is changed, and nothing else of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.commands import Commands

_WRITTEN = """\
# mine
[cache]
size = "50GiB" # half of the disk

[objects."s3://photos"]
endpoint = "https://minio.example:9000/#a" # the lab's
# no credentials
anonymous = true

[objects."s3://photos/raw"]
region = "eu-west-1"
"""


@pytest.fixture
def file(artfs: Commands, tmp_path: Path) -> Path:
    """The configuration file of what `artfs` runs; it has `_WRITTEN`."""
    path = tmp_path / "config.toml"
    assert os.environ["ARTFS_CONFIG"] == artfs.environment["ARTFS_CONFIG"] == str(path)
    path.write_text(_WRITTEN)
    return path


def test_a_setting_is_set_read_and_removed_in_a_file_of_the_users_own(artfs: Commands, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    assert b"nothing is set in" in artfs.noted("config").err
    assert artfs.done("config", "set", "cache.size", "2GiB").text == f"cache.size is 2GiB in {file}"
    assert file.stat().st_mode & 0o777 == 0o600
    assert artfs.done("config", "get", "cache.size").text == "2GiB"
    assert artfs.done("cache", "show", "--json").json["size"] == 2 << 30
    artfs.done("config", "set", 'objects."s3://photos".anonymous', "true")
    artfs.done("config", "set", "objects.s3://my.photos/raw.endpoint", "http://localhost:9000")
    assert artfs.done("config").lines == [
        "cache.size = 2GiB",
        "objects.s3://photos.anonymous = true",
        "objects.s3://my.photos/raw.endpoint = http://localhost:9000",
    ]
    for key in ("cache.size", "objects.s3://photos.anonymous", "objects.s3://my.photos/raw.endpoint"):
        artfs.done("config", "unset", key)
    assert file.read_text().strip() == ""
    assert artfs("config", "get", "cache.size").failed(3).startswith("cache.size is not set in ")
    assert artfs.done("config", "unset", "cache.size", "--json").json["changed"] is False


@pytest.mark.parametrize(
    ("arguments", "old", "new"),
    [
        (("set", "cache.size", "1TiB"), '"50GiB" #', '"1TiB" #'),
        (("set", "objects.s3://photos.endpoint", "http://a#b"), '"https://minio.example:9000/#a" #', '"http://a#b" #'),
        (("set", "objects.s3://photos.anonymous", "False"), "anonymous = true", "anonymous = false"),
        (("set", "objects.s3://photos.profile", 'a "b" \\'), "= true\n", '= true\nprofile = "a \\"b\\" \\\\"\n'),
        (("set", "objects.az://models.account", "ours"), '-1"\n', '-1"\n\n[objects."az://models"]\naccount = "ours"\n'),
        (("unset", "objects.s3://photos.anonymous"), "anonymous = true\n", ""),
        (("unset", "objects.s3://photos/raw.region"), '\n[objects."s3://photos/raw"]\nregion = "eu-west-1"\n', ""),
        (("unset", "cache.size"), '[cache]\nsize = "50GiB" # half of the disk\n', ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_comments_and_all_other_lines_stay(
    artfs: Commands, file: Path, arguments: tuple[str, ...], old: str, new: str
) -> None:
    assert _WRITTEN.count(old) == 1
    artfs.done("config", *arguments)
    assert file.read_text() == _WRITTEN.replace(old, new)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "cache.size", "plenty"), "cache.size 'plenty' is no size: write it like 50GiB"),
        (("set", "cache.sice", "1GiB"), "no such setting 'cache.sice': did you mean 'cache.size'?"),
        (
            ("set", "objects.s3://photos.endpont", "x"),
            "no such setting 'objects.s3://photos.endpont': did you mean 'objects.s3://photos.endpoint'?",
        ),
        (("set", "objects.s3://photos.endpoint", "minio:9000"), "endpoint must be a URL like"),
        (("set", "objects.s3://photos.anonymous", "perhaps"), "objects.s3://photos.anonymous takes true or false"),
        (("set", "objects.s3://photos.region", "a\nb"), "objects.s3://photos.region takes one line of text"),
        (("set", "objects.s3://photos.region", ""), "objects.s3://photos.region takes one line of text"),
        (("set", "objects.ftp://photos.region", "a"), "objects.ftp://photos.region: connections are set for s3, gs"),
        (("set", "objects.s3://.region", "a"), "'s3://' names no server"),
        (("get", "region"), "no such setting 'region': there are cache.size and objects.URI.NAME"),
        (("unset", "objects.s3://my.bucket"), "no such setting 'objects.s3://my.bucket': there are cache.size and"),
    ],
    ids=lambda value: " ".join(map(ascii, value)) if isinstance(value, tuple) else "",
)
def test_what_is_no_setting_or_value_is_refused_and_the_file_stays(
    artfs: Commands, file: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert artfs("config", *arguments).failed(2).startswith(said)
    assert file.read_text() == _WRITTEN


def test_a_file_that_is_written_in_another_way_is_read_and_left_as_it_is(artfs: Commands, file: Path) -> None:
    for text in ('cache = { size = "1GiB" }\n', 'cache.size = "1GiB"\n'):
        file.write_text(text)
        assert artfs.done("config", "get", "cache.size").text == "1GiB"
        for arguments in (("set", "cache.size", "2GiB"), ("unset", "cache.size")):
            assert "by hand" in artfs("config", *arguments).failed(2)
        assert file.read_text() == text


def test_a_wrong_value_in_the_file_can_be_set_right_and_others_are_named(artfs: Commands, file: Path) -> None:
    file.write_text('[cache]\nsize = "plenty"\n')
    assert "'plenty' is no size" in artfs("config").failed(2)
    artfs.done("config", "set", "cache.size", "1GiB")
    assert artfs.done("config").text == "cache.size = 1GiB"
    file.write_text("[cache]\nsise = 1\n")
    assert "sise" in artfs("config", "set", "cache.size", "1GiB").failed(2)
    file.write_text("[cache\n")
    assert "cannot be read" in artfs("config", "unset", "cache.size").failed(2)
    assert file.read_text() == "[cache\n"


def test_a_symlink_is_followed_and_the_rights_of_a_file_stay(artfs: Commands, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles"
    kept.mkdir()
    (kept / "artfs.toml").write_text("# kept elsewhere\n")
    (kept / "artfs.toml").chmod(0o640)
    (tmp_path / "config.toml").symlink_to("dotfiles/artfs.toml")
    artfs.done("config", "set", "cache.size", "1GiB")
    assert (tmp_path / "config.toml").is_symlink()
    assert (kept / "artfs.toml").read_text() == '# kept elsewhere\n\n[cache]\nsize = "1GiB"\n'
    assert (kept / "artfs.toml").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in kept.iterdir()] == ["artfs.toml"]
