"""The README and the page of tasks run as they stand there, on a new account without root, and print what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounts.mounts import ROOT
from tests.support.pages import Account, account


@pytest.fixture
def newcomer() -> Iterator[Account]:
    """An account, and what a page takes for there: a clone that was prepared, and something to store."""
    with account() as made:
        made.give("scripts/quickstart", "#!/bin/sh\n")  # it has a test of its own
        (made.home / "scripts/quickstart").chmod(0o755)
        made.give("pictures/cat.png", "a cat")
        yield made


@pytest.mark.timeout(600)  # Python with torch and scikit-learn is started many times
@pytest.mark.parametrize("page", ["README.md", "artfs/docs/TASKS.md"])
def test_a_page_for_newcomers_runs_as_it_is(newcomer: Account, page: str) -> None:
    newcomer.run_page((ROOT / Path(page)).read_text())
