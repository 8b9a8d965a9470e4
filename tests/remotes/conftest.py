"""An S3 server of each kind, started once in a test process, when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.objects import servers
from tests.support.objects.sources import make_s3_bucket


@pytest.fixture(autouse=True)
def _a_test_closes_what_it_opens() -> None:
    """Clients keep their connections for the next request, and obstore those of a process."""


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an S3 server with the bucket `tests`."""
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as endpoint:
        make_s3_bucket(endpoint, "tests")
        yield endpoint


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of another S3 server with the bucket `tests`."""
    with servers.moto(tmp_path_factory.mktemp("moto")) as endpoint:
        make_s3_bucket(endpoint, "tests")
        yield endpoint
