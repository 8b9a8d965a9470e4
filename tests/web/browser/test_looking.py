"""What one does on the pages: the graph, grids, tables, comparisons, by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, expect

from tests.support.browser.pages import DISTINCT, PAGES
from tests.support.browser.visit import Visit
from tests.support.data import realdata

_COLOURS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def test_arrow_keys_go_through_a_grid_of_images(visit: Visit) -> None:
    page = visit.go(PAGES["images"])
    page.get_by_role("link", name="0007.png").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name="square/0008.png")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="0008.png")).not_to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("link", name="0007.png")).to_be_focused()
    expect(page.get_by_role("img", name="square/0007.png")).to_be_visible()
    widths = page.locator(".grid img").evaluate_all("images => images.map(image => image.naturalWidth)")
    assert set(widths) <= {0, 48}  # 0: those that are not in sight are not loaded yet
    assert 48 in widths


def test_a_command_is_copied(visit: Visit) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit.go("#/version/shapes:best")
    page.get_by_role("button", name="Copy artfs get shapes:v2 DIRECTORY").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == "artfs get shapes:v2 DIRECTORY"


def test_a_table_is_sorted_by_its_heads(visit: Visit) -> None:
    page = visit.go(PAGES["version"])
    table = page.get_by_role("region", name="Rows of the file")
    width = table.get_by_role("button", name="width")
    width.click()
    expect(table.locator("tbody tr").first).to_contain_text("96")
    width.click()
    expect(table.locator("tbody tr").first).to_contain_text("90")
    expect(table.get_by_role("columnheader", name="width")).to_have_attribute("aria-sort", "ascending")


def test_runs_are_sorted_filtered_and_their_columns_chosen(visit: Visit) -> None:
    page = visit.go("#/runs")
    page.get_by_role("button", name=re.compile("^accuracy")).click()
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("evaluate-4")
    page.get_by_label("Job").select_option("train")
    expect(page.get_by_role("link", name="evaluate-4")).to_have_count(0)
    expect(first).to_contain_text("train-4")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("config.epochs").uncheck()
    expect(page.get_by_role("columnheader", name=re.compile("^epochs"))).to_have_count(0)
    assert "job=train" in page.url
    page.reload()
    expect(page.locator("tbody tr").first).to_contain_text("train-4")
    expect(page.get_by_role("columnheader", name=re.compile("^epochs"))).to_have_count(0)


def test_changes_are_looked_at_folder_by_folder(visit: Visit) -> None:
    page = visit.go("#/compare/shapes:v0/shapes:v2")
    page.get_by_role("link", name="square/").click()
    expect(page.get_by_role("region", name="Changes in square")).to_contain_text("0000.png")
    page.get_by_role("link", name="0007.png").click()
    expect(page.get_by_role("img", name="in shapes:v0")).to_be_visible()
    page.get_by_role("button", name="Swipe").click()
    page.get_by_label("How much of shapes:v0 is seen").fill("20")
    clip = page.get_by_role("img", name="in shapes:v0").evaluate("image => image.style.clipPath")
    assert clip == "inset(0px 80% 0px 0px)"


def test_a_changed_value_in_a_table_is_shown_before_and_after(visit: Visit) -> None:
    page = visit.go(PAGES["compare-rows"])
    expect(page.locator("del").first).to_have_text("96")
    expect(page.locator("ins").first).to_have_text("94")


def test_tensors_that_changed_their_shape_are_listed(visit: Visit) -> None:
    page = visit.go("#/compare/shapes:v0/shapes:v2?file=model.safetensors")
    expect(page.get_by_role("region", name="Changed tensors")).to_contain_text("32]")
    expect(page.get_by_role("region", name="Changed tensors")).to_contain_text("34]")


def _items(page: Page) -> list[str]:
    page.wait_for_function("() => document.querySelector('.picture canvas')?.graph?.scene")
    return list(
        page.evaluate("() => document.querySelector('.picture canvas').graph.scene.items.map(item => item.label)")
    )


def _point(page: Page, label: str) -> tuple[float, float]:
    """Return where an item is in the window."""
    x, y = page.evaluate(
        """label => {
            const { scene, view, element } = document.querySelector(".picture canvas").graph;
            const item = scene.items.findIndex((each) => each.label === label);
            const box = element.getBoundingClientRect();
            const [x, y] = [view.placed.x[item] + 84, view.placed.y[item]];
            return [box.x + view.left + x * view.scale, box.y + view.top + y * view.scale];
        }""",
        label,
    )
    return x, y


def test_the_pipeline_has_one_item_for_each_artifact_and_leads_into_it(visit: Visit) -> None:
    page = visit.go("#/lineage")
    assert sorted(set(_items(page))) == sorted(
        ["ingest", "shapes-raw", "preprocess", "shapes", "split", "train", "shapenet", "evaluate", "report", "hostile"]
    )
    page.mouse.click(*_point(page, "shapenet"))
    side = page.get_by_role("complementary", name="Selection")
    expect(side).to_contain_text("7 versions")
    expect(side).to_contain_text("shapenet:v6")
    page.mouse.dblclick(*_point(page, "shapenet"))
    expect(page.get_by_role("button", name="Around shapenet:v6")).to_be_visible()


def test_siblings_are_a_stack_that_opens_and_says_how_many_failed(visit: Visit) -> None:
    page = visit.go("#/lineage?focus=split:v0")
    assert "train" in _items(page)
    page.mouse.click(*_point(page, "train"))
    side = page.get_by_role("complementary", name="Selection")
    expect(side).to_contain_text("1 of 8 runs failed")
    page.mouse.dblclick(*_point(page, "train"))
    expect(page.get_by_role("button", name="Fold stacks")).to_be_visible()
    assert {"train-0", "train-out-of-memory"} <= set(_items(page))


def test_search_goes_to_a_node_and_depth_is_in_the_address(visit: Visit) -> None:
    page = visit.go("#/lineage")
    page.get_by_role("combobox", name="Find a version or run").fill("shapenet:be")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Around shapenet:v4")).to_be_visible()
    near = len(_items(page))
    page.get_by_role("button", name="More runs upstream").click()
    expect(page.get_by_label("Runs upstream").locator("output")).to_have_text("3")
    assert "up=3" in page.url
    assert len(_items(page)) > near
    page.go_back()
    expect(page.get_by_label("Runs upstream").locator("output")).to_have_text("2")
    page.get_by_label("Type").select_option("report")
    assert "type=report" in page.url
    assert "split:v0" not in _items(page)


def test_the_graph_is_walked_by_keys(visit: Visit) -> None:
    page = visit.go("#/lineage?focus=shapenet:v4")
    side = page.get_by_role("complementary", name="Selection")
    page.locator(".picture canvas").focus()
    page.keyboard.press("ArrowLeft")
    expect(side.get_by_role("heading", level=2)).to_have_text("train-4")
    page.keyboard.press("ArrowLeft")
    expect(side.get_by_role("heading", level=2)).to_have_text("split:v0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Around split:v0")).to_be_visible()
    side.get_by_role("button", name=re.compile("^split-80-20")).focus()
    page.keyboard.press("Enter")
    expect(side.get_by_role("heading", level=2)).to_have_text("split-80-20")


def test_the_focus_stays_readable_however_much_is_around_it(visit: Visit) -> None:
    page = visit.go("#/lineage?focus=shapenet:v4&up=9&down=9&view=everything")
    _items(page)
    assert page.evaluate("() => document.querySelector('.picture canvas').graph.view.scale") >= 0.85


def test_the_graph_is_saved_as_svg_as_png_and_as_text(visit: Visit, tmp_path: Path) -> None:
    page = visit.go("#/lineage?focus=hostile:v0")
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="SVG").click()
    waiting.value.save_as(tmp_path / "graph.svg")
    assert "hostile:v0" in (tmp_path / "graph.svg").read_text()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PNG").click()
    waiting.value.save_as(tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="mermaid").click()
    waiting.value.save_as(tmp_path / "graph.mmd")
    assert "hostile:v0" in (tmp_path / "graph.mmd").read_text()


def test_names_that_attack_are_text(visit: Visit) -> None:
    page = visit.go("#/version/hostile:v0")
    main = page.locator("main")
    for shown in (
        "<img src=x onerror=document.title='pwned'>.txt",
        "new\\nline.txt",
        "gnp.\\u202egpj.txt",
        "not utf-8 \\xff.txt",
    ):
        expect(main).to_contain_text(shown)
        page.get_by_role("link", name=shown, exact=True).click()
        expect(page.get_by_role("region", name="Preview")).to_contain_text("a name that attacks")
    expect(main).to_contain_text("<script>document.title='pwned'</script>")
    assert "pwned" not in page.title()


def test_html_of_an_artifact_gets_nothing(visit: Visit) -> None:
    page = visit.go("#/version/hostile:v0?file=page.html")
    said = page.frame_locator("iframe").locator("#out")
    expect(said).to_contain_text("channel: nothing")
    expect(said).to_have_text(
        "api: TypeError | parent: SecurityError | storage: SecurityError | cookie: SecurityError | channel: nothing"
    )
    assert visit.errors  # the browser says that the policy refused the request to the API
    assert all("connect-src" in error or "violates the document's" in error for error in visit.errors)
    visit.errors.clear()


def test_no_page_has_a_serious_fault_of_accessibility_in_light_or_dark(visit: Visit) -> None:
    axe = realdata.npm_program("axe-core", "4.14.1") / "node_modules/axe-core/axe.min.js"
    faults = {}
    for name, route in DISTINCT.items():
        page = visit.go(route)
        for colours in _COLOURS:
            page.emulate_media(color_scheme=colours)
            rules = {} if colours == "light" else {"runOnly": ["color-contrast"]}  # nothing else changes with it
            page.evaluate(axe.read_text())
            found = page.evaluate(
                """async (options) => (await axe.run(options)).violations
                    .filter(({ impact }) => ["serious", "critical"].includes(impact))
                    .map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html }) => html.slice(0, 150))])""",
                rules,
            )
            if found:
                faults[name, colours] = found
    assert faults == {}
