"""The page in headless Chromium, opened from disk as people open it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.report.build import build_comparison, build_report

pytestmark = pytest.mark.chromium

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 1"><svg onload="window.hacked = 1">',
    "\u202egnp.exe\u202c \u2066\u200b\x00\x1b[31m",
    "lone \ud800 surrogate, עברית and العربية",
    "x" * 4000,
)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--disable-extensions",
    "--renderer-process-limit=1",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = next(found for name in NAMES if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Open a page; at the end nothing may have been logged, thrown or asked of any network."""
    complaints: list[str] = []
    contexts = []

    def go(path: Path, width: int = 1440, height: int = 900, **more: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)  # a busy machine is slow, not wrong
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: None if request.url == path.as_uri() else complaints.append(request.url))
        page.goto(path.as_uri())
        return page

    yield go
    for context in contexts:
        context.close()
    assert [each for each in complaints if not each.startswith("data:")] == []


@pytest.fixture
def page_file(make_run: Any, make_row: Any) -> Path:
    """A run of four steps: three groups of four; one VOID-free, and one evaluation's rows."""
    rows = [
        make_row(step, group, sample, (group + sample) % 3 == 0)
        for step in range(1, 5)
        for group in range(3)
        for sample in range(4)
    ]
    rows += [make_row(1, 9, 0, False, answer=None, reason="no_answer", text="I do not know")]
    rows += [make_row(0, 1, -1, True, split="held_out"), make_row(0, 1, 0, False, split="held_out")]
    return build_report(make_run(rows=rows, accepted={"substrings": "on purpose"}))


def count(page: Any) -> int:
    return int(page.locator(".count").inner_text().split()[0].replace(",", ""))


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_it_opens_from_disk_and_shows_everything(visit: Open, page_file: Path) -> None:
    page = visit(page_file)
    assert page.title() == "run · Assay"
    assert page.locator("figure.chart svg.plot").count() >= 9
    assert count(page) == 51
    assert page.locator(".detail .sides").is_visible()
    assert page.locator(".risks").is_visible()


def test_filters_narrow_and_reset(visit: Open, page_file: Path) -> None:
    from playwright.sync_api import expect

    page = visit(page_file)
    page.locator(".outcomes .pass").click()
    passes = count(page)
    assert passes == 17
    assert page.locator(".entry .badge").first.inner_text() == "PASS"
    page.locator(".outcomes .all").click()
    page.get_by_label("Reason", exact=True).select_option("no_answer")
    assert count(page) == 1
    assert page.locator(".detail .text").last.inner_text() == "I do not know"
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Split", exact=True).select_option("held_out")
    assert count(page) == 2
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Step", exact=True).select_option("3")
    assert count(page) == 12
    page.get_by_label("Search", exact=True).fill("What is 2 x 2?")
    expect(page.locator(".count")).to_have_text("4 of 51 completions")
    page.get_by_label("Search", exact=True).fill("no such words")
    expect(page.locator(".count")).to_have_text("0 of 51 completions")
    assert page.get_by_text("No completion fits these filters.").is_visible()
    page.get_by_role("button", name="Reset").click()
    assert count(page) == 51


def test_sorting(visit: Open, page_file: Path) -> None:
    page = visit(page_file)
    page.get_by_label("Sort", exact=True).select_option("longest")
    page.locator(".entry").first.click()
    assert "9" in page.locator(".pays").inner_text()  # tokens are 6 + sample, samples 0..3
    page.get_by_label("Sort", exact=True).select_option("order")
    assert "step 1" in page.locator(".entry .when").first.inner_text()


def test_answer_and_truth_stand_side_by_side_with_the_group(visit: Open, page_file: Path) -> None:
    page = visit(page_file)
    page.get_by_label("Step", exact=True).select_option("2")
    page.get_by_label("Sort", exact=True).select_option("order")
    page.locator(".entry").nth(1).click()
    answer, truth = page.locator(".sides .value").all_inner_texts()
    assert (answer, truth) == ("1", "0")
    left, right = (page.locator(".sides .side").nth(place).bounding_box() for place in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] < right["x"]
    assert page.locator(".detail mark").inner_text() == "1"
    assert page.locator(".member").count() == 4
    page.get_by_role("button", name="Show all texts").click()
    assert page.locator(".member pre").count() == 4
    page.locator(".pick-member").first.click()
    assert page.locator(".sides .value").first.inner_text() == "0"


def test_the_keyboard_is_enough(visit: Open, page_file: Path) -> None:
    page = visit(page_file)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.locator(".entry").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    assert page.evaluate("[...document.querySelectorAll('.entry')].indexOf(document.activeElement)") == 2
    page.keyboard.press("k")
    assert page.locator(".entry").nth(1).get_attribute("aria-current") == "true"
    page.locator("figure.chart").first.focus()
    page.keyboard.press("End")
    assert page.locator("figure.chart").first.locator(".tip").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("figure.chart").first.locator(".tip").is_visible()


def test_a_chart_shows_exact_values_and_leads_to_its_step(visit: Open, page_file: Path) -> None:
    page = visit(page_file)
    chart = page.locator("figure.chart").filter(has_text="Entropy").first
    chart.scroll_into_view_if_needed()
    box = chart.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.97, box["y"] + box["height"] / 2)
    assert chart.locator(".tip").inner_text().split() == ["step", "4", "entropy", "0.8"]
    page.mouse.click(box["x"] + box["width"] * 0.97, box["y"] + box["height"] / 2)
    assert page.get_by_label("Step", exact=True).input_value() == "4"
    assert count(page) == 12


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(visit: Open, make_run: Any, make_row: Any, text: str) -> None:
    row = make_row(1, 0, 0, False, text=text, answer=text, task=text, prompt=text, truth=text, parts={text: 1.0})
    run = make_run("hostile", rows=[row], accepted={text: text}, model={"name": text}, tasks={"source": text})
    page = visit(build_report(run), width=390)
    page.locator(".entry").click()
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script, main iframe, .detail svg[onload]").count() == 0
    shown = page.locator(".detail pre.text").last.inner_text()
    if text.isprintable():
        assert shown == text
    else:
        assert not set(shown) & set("\u202e\u202c\u2066\u200b\x00\x1b\ud800")
        assert "U+" in shown
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_light_and_dark(visit: Open, page_file: Path) -> None:
    light, dark = visit(page_file, color_scheme="light"), visit(page_file, color_scheme="dark")
    assert background(light) == "rgb(255, 255, 255)"
    night = background(dark)
    assert night != background(light)
    light.locator("#theme").click()
    assert background(light) == night
    assert light.locator("#theme").inner_text() == "Light"
    dark.locator("#theme").click()
    assert background(dark) == "rgb(255, 255, 255)"


CONTRAST = """
() => {
  const ink = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => { ink.clearRect(0, 0, 1, 1); ink.fillStyle = colour; ink.fillRect(0, 0, 1, 1); return [...ink.getImageData(0, 0, 1, 1).data]; };
  const channel = (value) => { const share = value / 255; return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => { for (let at = element; at; at = at.parentElement) { const colour = rgb(getComputedStyle(at).backgroundColor); if (colour[3] === 255) return colour; } return rgb('white'); };
  const poor = [];
  for (const element of document.querySelectorAll('h1, h2, p, td, th, dt, dd, .badge, .what, .label, .reply, .preview, .legend, figcaption span, pre')) {
    if (!element.offsetParent || !element.textContent.trim()) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${element.textContent.slice(0, 30)}`);
  }
  return [...new Set(poor)];
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(visit: Open, page_file: Path, scheme: str) -> None:
    """WCAG AA: 4.5 to 1."""
    assert visit(page_file, color_scheme=scheme).evaluate(CONTRAST) == []


def test_nothing_overflows_sideways(visit: Open, make_run: Any, tmp_path: Path) -> None:
    runs = [make_run("a" * 60, accepted={"substrings": "x" * 300}), make_run("b", seed=1)]
    empty = make_run("empty", done=0, evaluated=(), rows=())
    for path in (build_report(runs[0]), build_report(empty), build_comparison([*runs, empty], tmp_path / "all.html")):
        page = visit(path)
        for details in page.locator("details").all():
            details.evaluate("each => { each.open = true; }")
        for width in (1440, 768, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phone_reads_one_completion_at_a_time(visit: Open, page_file: Path) -> None:
    page = visit(page_file, width=390, height=844)
    assert not page.locator(".detail").is_visible()
    page.locator(".entry").nth(1).click()
    assert page.locator(".detail").is_visible()
    page.get_by_role("button", name="Close").click()
    assert not page.locator(".detail").is_visible()
    assert page.evaluate("document.activeElement.className") == "entry"


def test_several_runs_share_one_browser(visit: Open, make_run: Any, tmp_path: Path) -> None:
    page = visit(build_comparison([make_run("one"), make_run("two", seed=1)], tmp_path / "all.html"))
    assert count(page) == 96
    page.get_by_label("Run", exact=True).select_option("1")
    assert count(page) == 48
    assert "two · step" in page.locator(".entry .when").first.inner_text()


def test_print_leaves_out_what_cannot_be_used_on_paper(visit: Open, page_file: Path) -> None:
    page = visit(page_file)
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#browser").is_visible()
    assert page.locator("#results table").is_visible()
    assert page.locator("path.column").first.is_visible()
