"""The page of `artfs ui` as it is built: its modules, its size, and that what is committed is what the sources give."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[3]
_CLIENT = _CHECKOUT / "artfs" / "web" / "client"
_STATIC = _CHECKOUT / "artfs" / "web" / "static"
_MOST_BYTES = 80_000


@pytest.fixture(scope="module")
def built() -> str:
    """What building says, which also installs the modules that the tests import."""
    done = subprocess.run(
        [_CHECKOUT / "scripts" / "build-client", "--check"], capture_output=True, text=True, check=False, timeout=250
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_committed_page_is_what_its_sources_build(built: str) -> None:
    assert not built


@pytest.mark.usefixtures("built")
def test_the_modules_of_the_client_keep_their_promises() -> None:
    done = subprocess.run(
        ["node", "--test", "test/"], cwd=_CLIENT, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^# fail 0$", done.stdout, re.MULTILINE), done.stdout
    assert int(re.findall(r"^# pass (\d+)$", done.stdout, re.MULTILINE)[0]) >= 30


def test_the_page_is_small() -> None:
    packed = sum(len(gzip.compress(file.read_bytes())) for file in _STATIC.iterdir())
    assert packed <= _MOST_BYTES


def test_the_page_names_no_other_host() -> None:
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML"}
    for file in _STATIC.iterdir():
        if file.suffix == ".txt":
            continue
        hosts = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"'`]*", file.read_text()))
        assert hosts <= namespaces, (file.name, hosts)


def test_the_licence_of_what_is_bundled_stands_beside_it() -> None:
    assert "MIT License" in (_STATIC / "preact-license.txt").read_text()
