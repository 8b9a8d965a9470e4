"""What keeps others out: each test fails when the guard that it names is taken out (docs/WEB.md, "Security")."""

from __future__ import annotations

import pytest

from artfs.web.application import API_ROUTES
from tests.support.visitors import Visitor

_PATHS = ("/", "/static/app.js", "/api/state", "/raw/key/animals:v0/labels.csv")
_ROUTES = sorted(route.replace("{", "").replace("}", "") for route in API_ROUTES)


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize(
    "host",
    [
        ("evil.example",),
        ("evil.example:80",),
        ("127.0.0.1.evil.example",),
        ("localhost@evil.example",),
        ("[::1]evil.example",),
        ("192.0.2.1",),
        ("",),
    ],
    ids="+".join,
)
def test_a_request_under_a_foreign_name_is_refused(visitor: Visitor, path: str, host: tuple[str, ...]) -> None:
    assert visitor.ask(path, host=host).status == 421


@pytest.mark.parametrize("host", [(), ("localhost", "evil.example"), ("evil.example", "localhost")], ids=len)
def test_a_request_without_one_name_is_refused(visitor: Visitor, host: tuple[str, ...]) -> None:
    assert visitor.ask("/", host=host).status in {400, 421}  # the library refuses most of these by itself


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8000", "LOCALHOST:1", "[::1]:9", "[::1]", "hub.example.org", "Hub.example.org:443"]
)
def test_the_loopback_and_allowed_names_are_answered_with_any_port(visitor: Visitor, host: str) -> None:
    assert visitor.ask("/api/state", host=(host,)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LINK"])
@pytest.mark.parametrize("path", [*_PATHS, "/nothing"])
def test_nothing_but_get_and_head_is_answered(visitor: Visitor, path: str, method: str) -> None:
    assert visitor.ask(path, method=method).status == 405


def test_head_is_answered_without_a_body(visitor: Visitor) -> None:
    got, head = visitor.ask("/api/state"), visitor.ask("/api/state", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "https://127.0.0.1.example"]
)
def test_a_request_of_another_origin_is_refused(visitor: Visitor, path: str, origin: str) -> None:
    assert visitor.ask(path, f"Origin: {origin}").status == 403


def test_requests_of_the_page_itself_are_answered(visitor: Visitor) -> None:
    own = f"Origin: http://127.0.0.1:{visitor.port}"
    assert visitor.ask("/api/state", own, "Sec-Fetch-Site: same-origin").status == 200
    assert visitor.ask("/api/state", "Origin: https://hub.example.org", host=("hub.example.org",)).status == 200


@pytest.mark.parametrize("path", _PATHS[1:])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_another_site_makes_is_refused(visitor: Visitor, path: str, site: str) -> None:
    """As an image, a script or a form would, which send no Origin; another port of the host is `same-site`."""
    assert visitor.ask(path, f"Sec-Fetch-Site: {site}").status == 403


def test_another_page_may_lead_to_the_start_page(visitor: Visitor) -> None:
    assert visitor.ask("/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", token=None).status == 200


@pytest.mark.parametrize("route", _ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_route_of_the_api_asks_for_the_token(visitor: Visitor, route: str, method: str) -> None:
    assert visitor.ask(route, method=method, token=None).status == 401
    assert visitor.ask(route, method=method, token=visitor.token[:-1]).status == 401
    assert visitor.ask(route, method=method, token=f"{visitor.token}x").status == 401


def test_the_token_is_taken_from_its_header_alone(visitor: Visitor) -> None:
    token = visitor.token
    for header in (f"Cookie: token={token}", f"Authorization: Bearer {token}", f"X-Token: {token}"):
        assert visitor.ask(f"/api/state?token={token}", header, token=None).status == 401


def test_each_server_has_a_token_of_its_own(visitor: Visitor) -> None:
    assert len(visitor.token) >= 32
    assert visitor.ask("/api/state", token="A" * len(visitor.token)).status == 401


@pytest.mark.parametrize("path", [*_PATHS, "/nothing", "/api/nothing", "/static/nothing"])
@pytest.mark.parametrize("token", ["", None])
def test_every_answer_confines_the_page_and_sets_no_cookie(visitor: Visitor, path: str, token: str | None) -> None:
    for reply in (visitor.ask(path, token=token), visitor.ask(path, host=("evil",))):
        headers = reply.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Set-Cookie"] is None
        assert headers["Access-Control-Allow-Origin"] is None
        assert visitor.token not in str(headers) + reply.body.decode()


def test_the_policy_of_the_page_allows_its_own_files_and_nothing_inline(visitor: Visitor) -> None:
    policy = visitor.ask("/").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert {rules.pop(name) for name in ("default-src", "form-action", "base-uri", "frame-ancestors")} == {"'none'"}
    assert set(rules) == {f"{kind}-src" for kind in ("script", "style", "img", "media", "connect", "frame")}
    assert set(rules.values()) == {"'self'"}


@pytest.mark.parametrize(
    "name", ["../guard.py", "..%2fguard.py", "%2e%2e/guard.py", "..", ".", "", "%00", "/etc/passwd", "%2fetc%2fpasswd"]
)
def test_no_name_leads_out_of_the_directory_of_the_page(visitor: Visitor, name: str) -> None:
    assert visitor.ask(f"/static/{name}").status == 404
