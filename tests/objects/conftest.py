"""Object stores for the tests of this directory, each started once in a test process, when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.references.objects import ObjectsElsewhere
from tests.support.commands import Commands
from tests.support.objects import servers
from tests.support.objects.sources import (
    BucketSource,
    make_container,
    make_gcs_bucket,
    make_s3_bucket,
    s3_environment,
    s3_source,
)


@pytest.fixture(autouse=True)
def _a_test_closes_what_it_opens() -> None:
    """Clients keep their connections for the next request, and obstore those of a process."""


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an S3 server with the bucket `tests`."""
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an S3 server with the buckets `tests`, and `versions`, which keeps versions."""
    with servers.moto(tmp_path_factory.mktemp("moto")) as endpoint:
        make_s3_bucket(endpoint, "tests")
        make_s3_bucket(endpoint, "versions", versions=True)
        yield endpoint


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a GCS server with the buckets `tests`, and `versions`, which keeps versions."""
    with servers.fake_gcs(tmp_path_factory.mktemp("gcs")) as endpoint:
        make_gcs_bucket(endpoint, "tests")
        make_gcs_bucket(endpoint, "versions", versions=True)
        yield endpoint


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an Azure server with the container `tests`."""
    with servers.azurite(tmp_path_factory.mktemp("azurite")) as endpoint:
        make_container(endpoint, "tests")
        yield endpoint


@pytest.fixture
def artfs(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Runs commands in an empty directory; their store is not made yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return Commands(tmp_path / "store", capfdbinary, monkeypatch)


@pytest.fixture
def bucket(seaweedfs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BucketSource:
    """An empty prefix of an S3 bucket, which programs of this test reach as their user would."""
    environment = s3_environment(seaweedfs, tmp_path / "home")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "ARTFS_CONFIG", "ARTFS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return s3_source(ObjectsElsewhere(environment), seaweedfs, "tests")
