"""Reports in a browser: sorted, folded and printed by what a person does, fetching nothing, and to be read anywhere."""

import re
import unicodedata
import zlib
from collections import Counter

import pytest

from runner.analysis.report.html import to_html
from runner.analysis.report.make import report_of
from tests.analysis.report.conftest import HOSTILE, write_ablation, write_sweep
from tests.browser import PROGRAM, REASON, browser

pytestmark = [pytest.mark.skipif(PROGRAM is None, reason=REASON), pytest.mark.slow]

# The contrast of each text with what is behind it (WCAG 2.1), the lowest of each colour: [ratio, text].
CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };
  const over = (top, bottom) => [0, 1, 2].map((i) => top[i] * top[3] + bottom[i] * (1 - top[3])).concat(1);
  const behind = (element) => {
    if (!element) return [1, 1, 1, 1];
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(element.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script, style")) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const ink = over(rgba(element.closest("svg") ? style.fill : style.color), back);
    const [dark, bright] = [light(ink), light(back)].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    const key = ink.concat(back).join();
    if (!(key in found) || ratio < found[key][0]) found[key] = [ratio, walker.currentNode.data.trim().slice(0, 60)];
  }
  return Object.values(found);
})()"""
ROWS = """[...document.querySelectorAll("table")[0].tBodies[0].rows].map(
    (row) => row.cells[0].textContent.trim().replace("regularization=", ""))"""
SORTED = "[...document.querySelectorAll('table')[0].tHead.rows[0].cells].map((cell) => cell.getAttribute('aria-sort'))"


@pytest.fixture(scope="module")
def shown():
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def pages(few_runs, tmp_path_factory):
    """A page of each kind, by it."""
    home, base = tmp_path_factory.mktemp("pages"), few_runs / "adam"
    arms = {"none": (0.5, 0.6, 0.7), "mixup": (0.71, 0.8, 0.92), HOSTILE: (0.5, None, 0.1), "swa": (0.61, 0.7, 0.8)}
    folders = {
        "run": base,
        "sweep": write_sweep(base, home / "sweep"),
        "ablation": write_ablation(base, home / "ablation", arms),
        "comparison": few_runs / "adam*",
    }
    for kind, folder in folders.items():
        (home / f"{kind}.html").write_text(to_html(report_of([str(folder)])))
    return {kind: (home / f"{kind}.html").as_uri() for kind in folders}


@pytest.fixture
def look(shown, pages):
    """Open the page of a kind."""

    def go(kind, width=1200, scheme="light", media="", phone=False):
        shown.size(width, 844, phone)
        shown.media(scheme, media)
        shown.open(pages[kind])
        return shown

    return go


def test_a_table_is_sorted_by_clicks_and_by_keys(look):
    page = look("ablation")
    arms = list(page.run(ROWS))
    assert [arms[0], arms[1], arms[3]] == ["none", "mixup", "swa"]
    assert set(page.run(SORTED)) == {"none"}
    page.click("table thead th:nth-child(4) button")  # the score
    assert page.run(SORTED)[3] == "ascending"
    rising = list(page.run(ROWS))
    assert [rising[1], rising[2], rising[3]] == ["none", "swa", "mixup"]
    page.press("Enter", 13)  # the button has the focus
    assert page.run(SORTED)[3] == "descending"
    assert list(page.run(ROWS)) == rising[::-1]
    page.click("table thead th:nth-child(6) button")  # the difference, which the baseline has not
    for _ in range(2):
        assert page.run(ROWS)[-1] == "none", "what has no value stays last"
        page.press(" ", 32)
    page.click("table thead th:nth-child(1) button")  # words
    assert page.run(ROWS)[1:] == ["mixup", "none", "swa"]
    assert page.run(SORTED).count("none") == len(page.run(SORTED)) - 1


def test_numbers_are_sorted_as_numbers(look):
    page = look("sweep")
    page.click("table thead th:nth-child(3) button")
    rates = page.run("[...document.querySelectorAll('table')[0].tBodies[0].rows].map((r) => r.cells[2].textContent)")
    assert rates == sorted(rates, key=float)
    assert len(rates) == 10


def test_a_section_folds_and_unfolds(look):
    page = look("ablation")
    state = (
        "(() => { const d = document.querySelector('details'); return [d.open, d.children[1].checkVisibility()] })()"
    )
    assert page.run(state) == [False, False]
    page.click("details summary")
    assert page.run(state) == [True, True]
    page.press("Enter", 13)
    assert page.run(state) == [False, False]


@pytest.mark.parametrize("kind", ["run", "sweep", "ablation", "comparison"])
def test_no_request_leaves_the_page_and_nothing_is_complained_of(look, pages, kind):
    page = look(kind)
    page.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.run("document.querySelectorAll('th button').forEach((button) => button.click())")
    page.run("new Promise((done) => setTimeout(done, 50))")
    requests = [url for url in page.requests if not url.startswith("data:image/png;base64,")]
    assert requests == [pages[kind]]
    assert page.complaints == []
    assert page.run("typeof boom") == "undefined"


def test_a_script_that_got_in_would_not_run(look):
    page = look("ablation")
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.owned = 1\">')")
    page.run("document.body.append(Object.assign(document.createElement('script'), {text: 'window.owned = 1'}))")
    page.run("fetch('http://127.0.0.1:9/').then(() => { window.owned = 1 }, () => null)")
    assert page.run("window.owned") is None
    assert len(page.complaints) >= 3


@pytest.mark.parametrize("kind", ["run", "sweep", "ablation", "comparison"])
@pytest.mark.parametrize("opened", [False, True])
def test_nothing_is_cut_off_on_a_phone(look, kind, opened):
    page = look(kind, 390, phone=True)
    page.run(f"document.querySelectorAll('details').forEach((part) => {{ part.open = {str(opened).lower()}; }})")
    wide = """[...document.querySelectorAll("body *")].filter((element) =>
        element.checkVisibility() && !element.closest(".scroll *, pre *, .figure *")
        && element.getBoundingClientRect().right > innerWidth + 0.5).map((element) => element.outerHTML.slice(0, 80))"""
    assert page.run(wide) == []
    assert page.run("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]


@pytest.mark.parametrize("kind", ["run", "sweep", "ablation", "comparison"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out(look, kind, scheme):
    page = look(kind, scheme=scheme)
    page.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == (scheme == "dark")
    found = page.run(CONTRAST)
    assert len(found) > 3
    assert [entry for entry in found if entry[0] < 4.5] == []


def test_contrast_is_measured(look):
    page = look("run")
    page.run("document.querySelector('h1').style.color = '#959595'")  # 3.0 on white
    assert min(ratio for ratio, _ in page.run(CONTRAST)) == pytest.approx(2.9, abs=0.1)


def printed_by(pdf):
    """The text on the pages of a PDF as Chromium writes it: glyphs, through each font's own table of letters."""
    objects = {int(n): body for n, body in re.findall(rb"(?<=\n)(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)}
    streams = {}
    for number, body in objects.items():
        if b"stream\n" in body:
            raw = body.partition(b"stream\n")[2].rpartition(b"\nendstream")[0]
            streams[number] = zlib.decompress(raw) if b"FlateDecode" in body else raw
    letters = {}
    for name, number in set(re.findall(rb"/(F\d+) (\d+) 0 R", pdf)):
        table = streams[int(re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])[1])]
        pairs = letters.setdefault(name, {})
        for low, high, to in re.findall(rb"<(\w{4})> <(\w{4})> <(\w{4})>", table):
            for glyph in range(int(low, 16), int(high, 16) + 1):
                pairs[glyph] = chr(int(to, 16) + glyph - int(low, 16))
        for glyph, to in re.findall(rb"(?<=\n)<(\w{4})> <(\w{4,})>(?=\n)", table):
            pairs[int(glyph, 16)] = bytes.fromhex(to.decode()).decode("utf-16-be")
    said, font = [], None
    for stream in (stream for stream in streams.values() if b" Tf" in stream):
        for name, glyphs in re.findall(rb"/(F\d+) [\d.]+ Tf|<((?:[0-9A-Fa-f]{4})+)>", stream):
            font = name or font
            said += [letters[font].get(int(glyphs[i : i + 4], 16), "?") for i in range(0, len(glyphs), 4)]
    return letters_of("".join(said))


def letters_of(text):
    """How often each letter is in a text; cells that are broken into lines are not in one piece on paper."""
    return Counter(re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)))


@pytest.mark.parametrize("kind", ["sweep", "ablation"])
def test_paper_has_all_the_rows(look, kind):
    page = look(kind, scheme="dark")
    page.run("""addEventListener("beforeprint", () => {
        window.seen = [...document.querySelectorAll("tbody tr")].filter((row) => row.checkVisibility()).length })""")
    rows = page.run("[...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((c) => c.textContent))")
    state = "[...document.querySelectorAll('details')].map((part) => part.open)"
    assert set(page.run(state)) == {False}
    printed = printed_by(page.pdf())
    assert page.run("window.seen") == len(rows) > 20
    assert set(page.run(state)) == {False}, "folded as they were"
    written = letters_of("".join(cell for row in rows for cell in row))
    assert written - printed == Counter()
    assert written.total() > 500


def test_paper_is_white(look):
    page = look("ablation", scheme="dark", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
    assert all(ratio >= 4.5 for ratio, _ in page.run(CONTRAST))
    # Folded parts are shown even where the page's script does not run.
    assert page.run(
        "[...document.querySelectorAll('details tbody tr')].every((row) => row.getClientRects().length > 0)"
    )
