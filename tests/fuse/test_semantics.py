"""The page of promises and the tests that quote it stay together."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "artfs" / "docs" / "SEMANTICS.md"

_PROMISE = re.compile(r"^- \*\*(S\d+)\*\* (.+?)(?=^- |^#|\Z)", re.MULTILINE | re.DOTALL)
_QUOTE = re.compile(r"(?:\A|\n\n)(S\d+): (.+?)(?=\n\n|\Z)", re.DOTALL)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _promises() -> dict[str, str]:
    """The numbered promises of the page."""
    return {number: _one_line(text) for number, text in _PROMISE.findall(PAGE.read_text())}


def _quotes() -> Iterator[tuple[str, str, str]]:
    """What tests quote: the number, the words, and which test it is."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number, words in _QUOTE.findall(ast.get_docstring(node) or ""):
                    yield number, _one_line(words), f"{path.name}:{node.name}"


def test_what_tests_quote_is_what_is_promised() -> None:
    promises = _promises()
    assert [quote for quote in _quotes() if quote[1] not in promises.get(quote[0], "")] == []


def test_every_promise_is_quoted_by_a_test() -> None:
    promises = _promises()
    assert len(promises) >= 17
    tests = defaultdict(list)
    for number, _words, test in _quotes():
        tests[number].append(test)
    assert [number for number in promises if number not in tests] == []
