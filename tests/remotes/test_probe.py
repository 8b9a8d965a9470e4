"""Stores that do not keep the condition are refused by name, and only `probe/` is written."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from artfs.errors import InvalidInputError, StoreError, StoreRefusedError, StoreUnreachableError, UnsafeRemoteError
from artfs.remotes import DirectoryRemote, Remote, check_conditions, open_remote
from tests.support.faults.faultyremote import LIARS, FaultyRemote
from tests.support.models.memoryremote import MemoryRemote
from tests.support.objects.sources import s3_environment


@pytest.mark.parametrize("liar", LIARS)
def test_a_server_that_lies_about_the_condition_is_refused_by_name(liar: type[Remote]) -> None:
    memory = MemoryRemote()
    with pytest.raises(UnsafeRemoteError, match=r"memory://store does not .*commits could be lost") as refused:
        check_conditions(liar(memory))  # type: ignore[call-arg] # a class of the table, which wraps one
    assert refused.value.exit_code == 6
    assert memory.objects
    assert all(name.startswith("probe/") for name in memory.objects)


def test_lost_answers_are_no_lies() -> None:
    passed = 0
    for seed in range(200):
        try:
            check_conditions(FaultyRemote(MemoryRemote(), random.Random(seed), conflicts=0))
            passed += 1
        except StoreUnreachableError:  # the ninth's
            pass
    assert passed > 50


def test_a_url_that_no_store_can_be_at_is_refused_with_those_that_can() -> None:
    for url in ("http://host/store", "ftp://x", "store", "file://host/store", "file:store"):
        with pytest.raises(InvalidInputError, match="file:///DIRECTORY"):
            open_remote(url, {})
    with pytest.raises(InvalidInputError, match="never a credential"):
        open_remote("s3://key:secret@bucket/team", {})


def test_a_directory_that_is_not_there_has_no_objects_and_is_made_by_the_first(tmp_path: Path) -> None:
    remote = open_remote(f"file://{tmp_path}/a/b", {})
    assert isinstance(remote, DirectoryRemote)
    assert remote.get("format.json") is None
    assert list(remote.list("journal/")) == []
    assert not (tmp_path / "a").exists()
    assert remote.create("format.json", b"{}")
    assert list((tmp_path / "a/b/tmp").iterdir()) == []


def test_a_server_that_refuses_or_is_not_there_is_told_in_one_line_without_a_secret(moto: str, tmp_path: Path) -> None:
    there = open_remote("s3://no-such-bucket/team", s3_environment(moto, tmp_path / "there"))
    gone = open_remote("s3://tests/team", s3_environment("http://127.0.0.1:9", tmp_path / "gone"))
    for remote, kind, says in ((there, StoreRefusedError, "no such bucket"), (gone, StoreUnreachableError, "written")):
        with pytest.raises(StoreError, match=says) as refused:
            remote.create("format.json", b"{}")
        assert type(refused.value) is kind
        assert "\n" not in str(refused.value)
        assert "hunter2" not in str(refused.value)
    with pytest.raises(StoreRefusedError, match="no such bucket"):
        there.get("format.json")


def test_a_key_that_may_not_write_is_told_so_and_what_to_look_at(seaweedfs: str, tmp_path: Path) -> None:
    environment = s3_environment(seaweedfs, tmp_path)
    credentials = tmp_path / ".aws/credentials"
    credentials.write_text(credentials.read_text().replace("aws_secret_access_key = ", "aws_secret_access_key = x"))
    remote = open_remote("s3://tests/team", environment)
    with pytest.raises(
        StoreRefusedError, match=r"cannot be written: .* 403.*: check the credentials, and their rights"
    ):
        check_conditions(remote)
