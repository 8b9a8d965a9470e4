"""What is written into a draft's control files: understood as a whole, or refused with a line that says why."""

from __future__ import annotations

import json
import os
import pwd
from typing import Any

import msgspec
import pytest

from artfs.catalog import current_actor
from artfs.drafts.control.commit_request import (
    MAX_REQUEST,
    CommitRequest,
    Meta,
    encode_meta,
    new_version,
    parse_meta,
    parse_request,
    with_requester,
)
from artfs.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", ""),
        (b"\n", ""),
        (b"without duplicates\n", "without duplicates"),
        (b" two\nlines\n\n", "two\nlines"),
        ("größer".encode(), "größer"),
        (b'["not", "an object"]', '["not", "an object"]'),
    ],
)
def test_bare_text_is_a_message(text: bytes, message: str) -> None:
    assert parse_request(text) == CommitRequest(message=message)


def test_an_object_has_all_that_put_takes() -> None:
    asked: dict[str, Any] = {
        "message": "m",
        "type": "model",
        "aliases": ["best", "größte"],
        "tags": ["two words"],
        "metadata": {"lr": 0.01, "big": 10**30, "deep": [{"a": None}]},
        "ttl_seconds": 1,
        "if_changed": True,
        "force": True,
        "wait": 0,
        "token": "x" * 64,
    }
    request = parse_request(b" \n" + json.dumps(asked).encode())
    given = {name: getattr(request, name) for name in asked}
    assert given == {**asked, "aliases": ("best", "größte"), "tags": ("two words",)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "truncated"),
        (b"{]", "malformed"),
        (b'{"messsage": "x"}', "unknown field `messsage`"),
        (b'{"user": "root"}', "unknown field `user`"),
        (b'{"pid": 1}', "unknown field `pid`"),
        (b'{"message": 1}', "Expected `str`, got `int` - at `$.message`"),
        (b'{"message": null}', "Expected `str`, got `null`"),
        (b'{"message": "\xff"}', "utf-8"),
        (b"caf\xe9", "UTF-8"),
        (b'{"aliases": "best"}', "Expected `array`, got `str`"),
        (b'{"aliases": ["v3"]}', "always means a version"),
        (b'{"aliases": ["a/b"]}', "alias 'a/b' is not allowed"),
        (b'{"type": "a b"}', "artifact type 'a b' is not allowed"),
        (b'{"type": ""}', "artifact type '' is not allowed"),
        (b'{"tags": ["a  b"]}', "tag 'a  b' is not allowed"),
        (b'{"metadata": []}', "Expected `object`"),
        (b'{"metadata": {"a": NaN}}', "malformed"),
        (b'{"metadata": {"a": 1e999}}', "out of range"),
        (json.dumps({"metadata": {str(key): 0 for key in range(101)}}).encode(), "at most 100 are allowed"),
        (b'{"metadata": {"a": %s%s}}' % (b"[" * 70, b"]" * 70), "nested too deeply"),
        (b'{"metadata": {"a": %s%s}}' % (b"[" * 30_000, b"]" * 30_000), "recursion"),
        (b'{"ttl_seconds": 0}', "ttl_seconds 0 is not allowed"),
        (b'{"ttl_seconds": 10000000000}', "ttl_seconds 10000000000 is not allowed"),
        (b'{"wait": -1}', "wait of -1 seconds"),
        (b'{"wait": 1e9}', "wait of 1e+09 seconds"),
        (b'{"token": "%s"}' % (b"x" * 65), "length <= 64"),
        (b"x" * (MAX_REQUEST + 1), "at most 65,536 are allowed"),
        (b'{"message": "%s"}' % (b"x" * MAX_REQUEST), "at most 65,536 are allowed"),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_line(text: bytes, said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_request(text)
    assert said.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_a_request_tells_who_asks_and_goes_between_processes_as_it_is() -> None:
    request = parse_request(b'{"message": "m", "metadata": {"a": [1]}}')
    assert request.who == current_actor()
    request = with_requester(request, os.getuid(), 1234)
    assert (request.who.user, request.who.host) == (pwd.getpwuid(os.getuid()).pw_name, os.uname().nodename)
    assert (request.who.pid, request.who.run) == (1234, None)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(request), type=CommitRequest) == request


def test_meta_reads_as_it_was_written_and_nothing_is_empty_meta() -> None:
    assert parse_meta(b"") == parse_meta(b" \n") == parse_meta(b"{}") == Meta()
    meta = Meta("model", "d", {"b": 1, "a": "ü"}, ("best",), ("x", "y"))
    assert parse_meta(encode_meta(meta)) == meta
    assert json.loads(encode_meta(Meta())) == {
        "type": None,
        "description": "",
        "metadata": {},
        "aliases": [],
        "tags": [],
    }


@pytest.mark.parametrize("text", [b"words", b"[]", b'{"message": "x"}', b'{"tags": [""]}', b'{"type": "."}'])
def test_meta_that_is_not_allowed_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_meta(text)


def test_a_request_goes_before_meta_and_lists_are_united() -> None:
    meta = parse_meta(
        b'{"type": "model", "description": "d", "metadata": {"a": 1, "b": 1}, "aliases": ["x", "y"], "tags": ["t"]}'
    )
    new = new_version("animals", meta, parse_request(b'{"aliases": ["z", "x"], "metadata": {"b": 2, "c": 3}}'))
    assert (new.name, new.type, new.description) == ("animals", "model", "d")
    assert (new.aliases, new.tags, new.ttl_ns) == (("x", "y", "z"), ("t",), None)
    assert json.loads(new.metadata) == {"a": 1, "b": 2, "c": 3}
    new = new_version(
        "animals", meta, parse_request(b'{"message": "m", "type": "dataset", "tags": ["u"], "ttl_seconds": 7}')
    )
    assert (new.type, new.description, new.tags, new.ttl_ns) == ("dataset", "m", ("t", "u"), 7 * 10**9)
    assert (new.logged_by, new.how) == (None, "api")
    new = new_version("animals", meta, CommitRequest(), ["bbbbbbbb", "aaaaaaaa"])
    assert (new.logged_by, new.also_logged_by, new.how) == ("bbbbbbbb", ["aaaaaaaa"], "commit")


def test_together_they_may_have_no_more_metadata_than_a_version() -> None:
    meta = Meta(metadata={f"a{number}": 0 for number in range(60)})
    request = CommitRequest(metadata={f"b{number}": 0 for number in range(60)})
    with pytest.raises(InvalidInputError, match="120 top-level keys"):
        new_version("animals", meta, request)
