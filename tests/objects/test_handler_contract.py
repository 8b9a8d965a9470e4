"""The contract of reference handlers, for real servers of each provider and for web servers of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from artfs.references.objects import ObjectsElsewhere
from artfs.testing.handlers import HandlerContract, ObjectContract, Source
from tests.support.objects import sources
from tests.support.objects.web import WebServer, web_server

_SHORT = {"ARTFS_FETCHER_IDLE_SECONDS": "0.1"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory of the providers' tools."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def seaweed_handler(seaweedfs: str, home: Path) -> Iterator[ObjectsElsewhere]:
    with closing(ObjectsElsewhere(sources.s3_environment(seaweedfs, home / "seaweedfs") | _SHORT)) as handler:
        yield handler


@pytest.fixture(scope="module")
def gcs_handler(fake_gcs: str, home: Path) -> Iterator[ObjectsElsewhere]:
    with closing(ObjectsElsewhere(sources.gcs_environment(fake_gcs, home) | _SHORT)) as handler:
        yield handler


@pytest.fixture(scope="module")
def azure_handler(azurite: str, home: Path) -> Iterator[ObjectsElsewhere]:
    with closing(ObjectsElsewhere(sources.azure_environment(azurite, home) | _SHORT)) as handler:
        yield handler


@pytest.fixture(scope="module")
def web_handler(home: Path) -> Iterator[ObjectsElsewhere]:
    with closing(ObjectsElsewhere({"HOME": str(home)} | _SHORT)) as handler:
        yield handler


class TestSeaweedFS(HandlerContract):
    """S3, a server that keeps files."""

    caches = True

    @pytest.fixture
    def source(self, seaweed_handler: ObjectsElsewhere, seaweedfs: str) -> Source:
        return sources.s3_source(seaweed_handler, seaweedfs, "tests")


class TestGcs(HandlerContract):
    """GCS, whose objects have a generation."""

    caches = True

    @pytest.fixture
    def source(self, gcs_handler: ObjectsElsewhere, fake_gcs: str) -> Source:
        return sources.GcsSource(gcs_handler, fake_gcs, "tests")


class TestAzure(HandlerContract):
    """Azure."""

    caches = True

    @pytest.fixture
    def source(self, azure_handler: ObjectsElsewhere, azurite: str) -> Source:
        return sources.azure_source(azure_handler, azurite, "tests")


_KINDS = {
    "all that there is": WebServer(),
    "no ranges, no HEAD and no ETag": WebServer(ranges=False, heads=False, etags="none"),
    "a weak ETag, no length and no heed of conditions": WebServer(etags="weak", lengths=False, conditions=False),
}


class TestWeb(ObjectContract):
    """Web servers."""

    caches = True

    @pytest.fixture(params=_KINDS)
    def source(self, web_handler: ObjectsElsewhere, request: pytest.FixtureRequest) -> Iterator[Source]:
        server = _KINDS[request.param]
        server.objects.clear()
        with web_server(server):
            yield sources.WebSource(web_handler, server)
