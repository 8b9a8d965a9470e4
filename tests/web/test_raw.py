"""Bytes of files: by the key of their version alone, in ranges, and as what cannot harm."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import artfs
from artfs.api import store_pool
from artfs.web.capabilities import Capabilities
from artfs.web.server import WebServer
from tests.support.data.shown import ODD_NAMES
from tests.support.visitors import Reply, Visitor

_PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
_HTML = b"<!doctype html><script>parent.document</script>"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_BIG = bytes(range(256)) * 12_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Asks a server of a store with files of each kind."""
    made = tmp_path_factory.mktemp("raw")
    work = made / "work"
    (work / "inner").mkdir(parents=True)
    for name, data in (("image.bin", _PNG), ("page.html", _HTML), ("image.svg", _SVG), ("big", _BIG), ("none", b"")):
        (work / name).write_bytes(data)
    (work / "fake.png").write_bytes(_HTML)
    (work / "link").symlink_to("image.bin")
    (work / "out").symlink_to("/etc/passwd")
    for number, odd in enumerate(ODD_NAMES):
        (work / os.fsdecode(odd)).write_text(f"odd {number}")
    artifact = artfs.Artifact("files", store=made / "store")
    with pytest.warns(UserWarning, match="leads out of the directory"):
        artifact.add_dir(work)
    artifact.save()
    other = artfs.Artifact("other", store=made / "store")
    other.add_dir(work / "inner")
    other.save()
    store_pool.close_stores()
    server = WebServer(made / "store", check=dict)
    visitor = Visitor(server.port, server.token)
    try:
        visitor.document("/api/state")
        with server.store.use() as store:
            store_pool.shared_store(store)
        yield visitor
    finally:
        assert server.close()


def _raw(visitor: Visitor, path: str, *headers: str, method: str = "GET") -> Reply:
    """Ask for a file as the page does, which sends no token for an image."""
    base = visitor.document("/api/versions/files")["raw"]
    return visitor.ask(f"/{base}/{path}", *headers, method=method, token=None)


def test_bytes_come_whole_and_in_ranges(files: Visitor) -> None:
    whole = _raw(files, "big")
    assert (whole.status, whole.body) == (200, _BIG)
    assert whole.headers["Accept-Ranges"] == "bytes"
    size = len(_BIG)
    for asked, start, end in (
        ("0-0", 0, 1),
        ("1000-1999", 1000, 2000),
        (f"{size - 5}-", size - 5, size),
        ("-7", size - 7, size),
        (f"0-{size * 2}", 0, size),
        (f"-{size * 2}", 0, size),
        ("1048570-1048590", 1048570, 1048591),
    ):
        part = _raw(files, "big", f"Range: bytes={asked}")
        assert (part.status, part.body) == (206, _BIG[start:end]), asked
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
    for asked in (f"{size}-", "-0", f"{size * 2}-{size * 3}"):
        none = _raw(files, "big", f"Range: bytes={asked}")
        assert (none.status, none.headers["Content-Range"]) == (416, f"bytes */{size}"), asked
    for asked in ("bytes=0-1,3-4", "bytes=5-2", "bytes=-", "lines=0-1", "bytes=a-b"):
        assert _raw(files, "big", f"Range: {asked}").body == _BIG, asked
    head = _raw(files, "big", method="HEAD")
    assert (head.body, head.headers["Content-Length"]) == (b"", str(size))
    assert _raw(files, "none").body == b""


def test_a_symlink_leads_on_inside_the_version_and_never_out_of_it(files: Visitor) -> None:
    assert _raw(files, "link").body == _PNG
    assert _raw(files, "out").status == 404
    assert files.refused("/api/preview/files?path=out", 400)["kind"] == "invalid_input"


def test_what_a_browser_shows_has_its_type_by_its_contents_and_all_else_is_a_download(files: Visitor) -> None:
    image = _raw(files, "image.bin")
    assert image.headers["Content-Type"] == "image/png"
    assert image.headers["Content-Disposition"] is None
    for name in ("fake.png", "image.svg", "page.html", "big"):
        reply = _raw(files, name, "Sec-Fetch-Dest: image")
        assert reply.headers["Content-Type"] == "application/octet-stream", name
        assert reply.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"
        assert reply.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("destination", ["document", "object", "embed", "script", "empty", None])
def test_html_is_a_download_but_in_a_frame(files: Visitor, destination: str | None) -> None:
    headers = () if destination is None else (f"Sec-Fetch-Dest: {destination}",)
    assert _raw(files, "page.html", *headers).headers["Content-Type"] == "application/octet-stream"


def test_html_in_a_frame_is_in_a_sandbox_of_another_origin_without_network(files: Visitor) -> None:
    reply = _raw(files, "page.html", "Sec-Fetch-Dest: iframe", "Sec-Fetch-Site: same-origin")
    assert (reply.body, reply.headers["Content-Type"]) == (_HTML, "text/html; charset=utf-8")
    rules = [rule.strip() for rule in reply.headers["Content-Security-Policy"].split(";")]
    assert "sandbox allow-scripts" in rules
    assert "allow-same-origin" not in reply.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "connect-src 'none'", "form-action 'none'", "frame-ancestors 'self'"} <= set(rules)
    assert not any(":" in rule.replace("data:", "").replace("blob:", "") or "'self'" in rule for rule in rules[:-1])


def test_odd_names_are_found_by_their_bytes_and_stay_names(files: Visitor) -> None:
    for number, name in enumerate(ODD_NAMES):
        reply = _raw(files, "".join(f"%{byte:02x}" for byte in name))
        assert (reply.status, reply.body) == (200, f"odd {number}".encode())
        disposition = reply.headers["Content-Disposition"]
        assert disposition.startswith("attachment; filename*=UTF-8''")
        assert disposition.isascii()
        assert not set('\r\n"<>;,') & set(disposition.partition("''")[2])


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "nothing", "", "inner", "%00", "a//b"],
)
def test_a_path_that_is_no_file_of_the_version_is_not_found(files: Visitor, path: str) -> None:
    assert _raw(files, path).status == 404


def test_a_key_opens_its_own_version_alone(files: Visitor) -> None:
    _raw_word, key, ref = files.document("/api/versions/files")["raw"].split("/")
    _raw_word, other, _ref = files.document("/api/versions/other")["raw"].split("/")
    assert files.ask(f"/raw/{key}/{ref}/big", token=None).status == 200
    for wrong in (other, key[:-1], f"{key}x", "", "A" * len(key), "%ff"):
        assert files.ask(f"/raw/{wrong}/{ref}/big").status in {403, 404}, wrong
    assert files.ask(f"/raw/{other}/{ref}/big").status == 403
    assert files.ask(f"/raw/{key}/other:v0/big").status == 403
    assert files.ask(f"/raw/{key}/files/big").status == 403  # an alias may become another version


def test_keys_are_other_ones_at_each_start() -> None:
    one, other = Capabilities(), Capabilities()
    assert one.opens(one.key("files:v0"), "files:v0")
    assert not other.opens(one.key("files:v0"), "files:v0")


def test_a_preview_says_what_a_file_is_through_symlinks_too(files: Visitor) -> None:
    found = files.document("/api/preview/files?path=link")
    assert (found["kind"], found["size"], len(found["digest"])) == ("image", len(_PNG), 64)
    assert files.document("/api/preview/files?path=image.svg")["kind"] == "text"
    assert files.refused("/api/preview/files?path=inner", 400)["kind"] == "invalid_input"
    assert files.refused("/api/preview/files?path=none/none", 404)["kind"] == "not_found"
    assert files.refused("/api/preview/files", 400)["kind"] == "invalid_input"
