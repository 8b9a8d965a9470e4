"""Each page in a real browser: what it shows, where its links lead, and what it says when something is not there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser.pages import DISTINCT, PAGES
from tests.support.browser.serving import served
from tests.support.browser.visit import Visit

Visits = Callable[..., Visit]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("artifacts", ["shapes-raw", "shapenet", "dataset", "best"]),
        ("artifact", ["Clean shapes", "3 versions", "against v1", "1 run", "its own of"]),
        (
            "version",
            ["shapes:v2", "Clean shapes, ready to train", "CC-BY-4.0", "clean-2", "split-80-20", "All 36 rows"],
        ),
        ("text", ["# Notes", "round 2"]),
        ("array", ["[400]", "the first 400 values"]),
        ("tensors", ["head.weight", "34", "2 tensors, 105 parameters"]),
        ("compare", ["notes.md", "round 0", "round 2", "labels.csv", "6 removed", "drop_blurred", "Metadata"]),
        ("compare-rows", ["circle/0001.png", "96", "94"]),
        ("pipeline", ["Where it begins", "ingest 2 runs"]),
        ("lineage", ["shapenet:v4", "Made by", "train-4", "Used by", "evaluate-4", "0.756"]),
        ("run", ["train-4", "Started as", "lr", "accuracy", "Curves", "It logged no numbers"]),
        ("runs", ["train-out-of-memory", "failed", "accuracy", "0.756"]),
        ("history", ["version created", "hostile:v0", "alias set"]),
        ("store", ["artifacts", "gc would free", "shapes", "artfs mount DIRECTORY"]),
        ("nothing", ["There is no such thing here", "nobody", "See all artifacts"]),
    ],
)
def test_a_page_shows_what_it_is_about(visit: Visit, name: str, words: list[str]) -> None:
    main = visit.go(PAGES[name]).locator("main")
    for word in words:
        expect(main).to_contain_text(re.compile(re.escape(word), re.IGNORECASE))


def test_links_lead_from_an_artifact_to_a_file_and_back(visit: Visit) -> None:
    page = visit.go("#/")
    page.get_by_role("link", name="shapes", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shapes")
    page.get_by_role("link", name="v2", exact=True).click()
    page.get_by_role("link", name="square/").click()
    page.get_by_role("link", name="0007.png").click()
    expect(page.get_by_role("img", name="square/0007.png")).to_be_visible()
    assert page.url.endswith("#/version/shapes:v2?path=square&file=square%2F0007.png")
    page.go_back()
    expect(page.get_by_role("region", name="Preview")).to_be_hidden()
    page.go_back()
    expect(page.get_by_role("link", name="labels.csv")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("link", name="0007.png")).to_be_visible()


def test_the_token_goes_from_the_address_and_another_tab_gets_it(visit: Visit) -> None:
    page = visit.go("#/runs")
    assert "token" not in page.url
    tab = visit.watch(visit.context.new_page())
    tab.goto(f"{visit.base}#/artifact/shapes")
    expect(tab.get_by_role("heading", level=1)).to_have_text("shapes")


def test_who_has_no_token_reads_what_to_do(visit_at: Visits, gallery_url: str) -> None:
    stranger = visit_at(gallery_url)
    stranger.page.goto(stranger.base)
    expect(stranger.page.get_by_role("alert").last).to_contain_text("open the URL that `artfs ui` printed")


def test_a_page_says_that_it_is_reading_and_that_it_failed_and_tries_again(visit: Visit) -> None:
    page = visit.go("#/")
    held: list[Route] = []
    page.route("**/api/artifacts/shapes?*", lambda route: held.append(route))  # noqa: PLW0108  # it has to be a function
    page.evaluate("location.hash = '#/artifact/shapes'")
    expect(page.get_by_role("status")).to_have_text("Reading the store…")
    _wait_for(page, lambda: bool(held))
    held[0].fulfill(status=503, json={"kind": "StorageError", "exit_code": 1, "message": "the disk is on fire"})
    expect(page.get_by_role("alert")).to_contain_text("the disk is on fire")
    page.unroute("**/api/artifacts/shapes?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shapes")


def test_a_server_that_went_is_said_to_be_gone_and_what_is_shown_stays(visit_at: Visits, tmp_path: Path) -> None:
    with served(_small_store(tmp_path)) as server:
        page = visit_at(server.url).go("#/artifact/data")
        expect(page.get_by_role("heading", level=1)).to_have_text("data")
        server.end()
    expect(page.get_by_role("alert")).to_contain_text("is `artfs ui` still running?")
    expect(page.get_by_role("heading", level=1)).to_have_text("data")


@pytest.mark.parametrize(
    ("route", "command"),
    [
        ("#/", "artfs put DIRECTORY -n NAME"),
        ("#/lineage", "artfs run -- python train.py"),
        ("#/runs", "artfs run -- python train.py"),
        ("#/history", "artfs put DIRECTORY -n NAME"),
        ("#/store", "artfs mount DIRECTORY"),
    ],
)
def test_a_page_of_an_empty_store_shows_the_command_that_fills_it(
    visit_at: Visits, empty_url: str, route: str, command: str
) -> None:
    expect(visit_at(empty_url).go(route).locator("main")).to_contain_text(command)


@pytest.fixture(scope="module")
def empty_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("empty") / "store"
    _artfs(store, "init")
    with served(store) as server:
        yield server.url


def test_a_commit_shows_up_by_itself_and_a_deleted_artifact_is_said_to_be_gone(
    visit_at: Visits, tmp_path: Path
) -> None:
    store = _small_store(tmp_path)
    with served(store) as server:
        page = visit_at(server.url).go("#/artifact/data")
        expect(page.get_by_role("link", name="v1", exact=True)).to_have_count(0)
        _artfs(store, "put", str(tmp_path / "more"), "-n", "data")
        expect(page.get_by_role("link", name="v1", exact=True)).to_be_visible()
        _artfs(store, "rm", "data", "--all", "--delete-aliases")
        expect(page.get_by_role("alert")).to_contain_text("It may have been deleted while you looked at it")


def test_the_window_may_be_narrow(visit_at: Visits, gallery_url: str) -> None:
    visit = visit_at(gallery_url, width=390)
    for name, route in DISTINCT.items():
        page = visit.go(route)
        wide = page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
        assert not wide, name


def test_colours_follow_the_system_and_the_button(visit_at: Visits, gallery_url: str) -> None:
    page = visit_at(gallery_url, colours="dark").go("#/")
    assert _background(page) == "rgb(20, 24, 27)"
    page.get_by_role("button", name="Colours: system. Change to light").click()
    assert _background(page) == "rgb(245, 246, 248)"
    page.reload()
    assert _background(page) == "rgb(245, 246, 248)"


def _background(page: Page) -> str:
    return str(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))


_METRICS = """
import artfs, sys
for name, start in (("slow", 4.0), ("quick", 2.0)):
    with artfs.init(id=name + "-run", name=name, store=sys.argv[1]) as run:
        for step in range(600):
            run.log({"loss": start / (1 + step), "val": {"acc": step / 600}})
"""


def test_curves_of_a_run_are_drawn_and_those_of_another_over_them(
    tmp_path: Path, visit_at: Callable[..., Visit]
) -> None:
    subprocess.run([sys.executable, "-c", _METRICS, tmp_path / "store"], check=True)
    with served(tmp_path / "store") as server:
        page = visit_at(server.url).go("#/run/slow")
        chart = page.get_by_role("img", name="loss: last slow 0.006667")
        expect(chart.locator("polyline")).to_have_count(1)
        expect(page.get_by_role("img", name="val.acc")).to_be_visible()
        chart.hover()
        expect(page.locator(".told").first).to_contain_text(re.compile(r"[\d.]+ at \d+"))
        page.get_by_label("Put another run over it").select_option("quick")
        expect(
            page.get_by_role("img", name="loss: last slow 0.006667, quick 0.003333").locator("polyline")
        ).to_have_count(2)
        page.reload()
        expect(page.get_by_role("img", name="quick").first).to_be_visible()
        page.get_by_role("button", name="This run alone").click()
        expect(page.get_by_role("img", name="quick")).to_have_count(0)


def _small_store(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    for name in ("some", "more"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    _artfs(store, "put", str(tmp_path / "some"), "-n", "data")
    return store


def _artfs(store: Path, *arguments: str) -> None:
    """Run a command in a process of its own, as others do whose changes a page shows."""
    subprocess.run(
        [sys.executable, "-m", "artfs.cli", "--store", str(store), *arguments], check=True, capture_output=True
    )


def _wait_for(page: Page, condition: Callable[[], bool]) -> None:
    while not condition():
        page.wait_for_timeout(10)
