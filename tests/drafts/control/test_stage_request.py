"""Requests to open and close drafts are parsed in full, or refused."""

from __future__ import annotations

import pytest

from artfs.drafts.control.stage_request import parse_discard, parse_stage
from artfs.errors import InvalidInputError


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"animals", b"{}", b'{"artifact": "a//b"}', b'{"artifact": "a", "as": ".."}'),
        *(b'{"artifact": "a", "from": "v01"}', b'{"artifact": "a", "from": "a:b/c"}', b'{"artifact": "a", "to": "b"}'),
        *(b'{"artifact": "a", "from": "b", "empty": true}', b'{"artifact": "a", "token": 7}'),
    ],
)
def test_a_request_that_is_not_allowed_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_stage(text)


def test_a_draft_is_discarded_by_name() -> None:
    assert parse_discard(b'{"name": "animals", "force": true, "token": "x"}').force
    for text in (b"{}", b'{"name": ""}', b'{"name": "../1.animals"}', b"animals"):
        with pytest.raises(InvalidInputError):
            parse_discard(text)
