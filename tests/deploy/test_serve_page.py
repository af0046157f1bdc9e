"""The page in a browser: what a person does on it, and what is to be seen then."""

import base64
import json
import re

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'runner[deploy]')")

from runner.deploy.serve.forms import form_of
from runner.run import load
from tests.browser import PROGRAM, REASON, browser
from tests.deploy.served import served
from tests.deploy.test_serve_forms import image, shops, write_csv

pytestmark = pytest.mark.skipif(not PROGRAM, reason=REASON)

# Named by somebody who means ill.
CLASSES = (
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    'O\'Neill & "co"',
)
COLUMN = "<b>size</b>"


@pytest.fixture(scope="module")
def page():
    with browser() as one:
        one.size(1200, 900)
        yield one


def opened(page, server):
    page.open(f"http://127.0.0.1:{server.port}/")
    page.wait(lambda: page.run("document.body.dataset.ready") == "true", "the page is ready")


def answered(page, said):
    """Wait for an answer with some words, and give it."""
    page.wait(lambda: said in told(page) and page.run("document.querySelector('#answer').ariaBusy") == "false", said)
    return told(page)


def told(page):
    return page.run("document.querySelector('#answer').innerText")


def unharmed(page, server):
    """Nothing was asked of others, nothing of the network was taken for HTML, and nothing went wrong."""
    own = f"http://127.0.0.1:{server.port}/"
    assert all(url.startswith((own, "data:", "blob:")) for url in page.requests), page.requests
    assert page.complaints == []
    assert page.run("document.title").endswith(" – runner")
    assert page.run("document.querySelectorAll('script').length") == 1
    assert page.run("document.querySelectorAll('main b, main img[src=x]').length") == 0


def typed(page, selector, text):
    """Type into a field, as by the keyboard."""
    page.run(f"document.querySelector({json.dumps(selector)}).focus()")
    page("Input.insertText", text=text)


def test_a_row_is_pasted_and_a_field_changed_by_the_keyboard(trained, tmp_path, monkeypatch, page):
    monkeypatch.chdir(tmp_path)
    rows = [{COLUMN: i, "kind": ["a", "<i>b</i>"][i % 2], "class": CLASSES[i % 3]} for i in range(60)]
    write_csv(tmp_path / "ill.csv", rows)
    run = trained("data=csv", "data.path=ill.csv", "data.target=class", "trainer.max_epochs=1")
    network = load(run)
    form = form_of(network)
    with served(str(run)) as server:
        opened(page, server)
        assert page.run("document.querySelector('.fields label').innerText") == COLUMN
        typed(page, "#paste", "7,<i>b</i>")
        (row,) = network.predict(form.together([form.one({COLUMN: 7, "kind": "<i>b</i>"})]))
        said = answered(page, row["prediction"])
        assert page.run("document.querySelector('.big').textContent") == row["prediction"]
        for name in CLASSES:
            assert name in said
            assert f"{100 * row[f'probability_{name}']:.1f} %" in said
        page.run("document.querySelector('#field-0').focus(); document.querySelector('#field-0').select()")
        page("Input.insertText", text="many")
        page.press("Enter", 13)
        assert "'many' is no finite number" in answered(page, "finite")
        assert page.run("getComputedStyle(document.querySelector('#answer p'), '::before').content") == '"✕ "'
        assert page.run("document.querySelector('#command').textContent").startswith(
            f"curl -s http://127.0.0.1:{server.port}/"
        )
        assert [entry for entry in page.complaints if "422" not in entry] == []
        page.events.clear()
        typed(page, "#paste", "")
        page.run("document.querySelector('#paste').value = ''")
        typed(page, "#paste", f"kind\t{COLUMN}\na\t3\n")
        answered(page, "%")
        assert page.run("[...document.querySelectorAll('.fields input')].map(field => field.value)") == ["3", "a"]
        unharmed(page, server)


DROP = """(() => {
    const bytes = Uint8Array.from(atob(%s), (sign) => sign.charCodeAt(0));
    const held = new DataTransfer();
    held.items.add(new File([bytes], "<b>seven</b>.png", { type: "image/png" }));
    const drop = new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true });
    document.querySelector(".drop").dispatchEvent(drop);
})()"""


def test_an_image_is_dropped(trained, page):
    run = trained("data=digits", "model=cnn", "trainer.max_epochs=1")
    content = image(5, (20, 30))
    network = load(run)
    form = form_of(network)
    (row,) = network.predict(form.together([form.file(content)]))
    with served(str(run)) as server:
        opened(page, server)
        page.run(DROP % json.dumps(base64.b64encode(content).decode()))
        said = answered(page, "%")
        assert page.run("document.querySelector('.big').textContent") == row["prediction"]
        assert f"{100 * row['probability_' + row['prediction']]:.1f} %" in said
        page.wait(lambda: page.run("document.querySelectorAll('.pictures canvas').length") == 1, "the picture")
        assert page.run("[document.querySelector('canvas').width, document.querySelector('canvas').height]") == [8, 8]
        page.run(DROP % json.dumps(base64.b64encode(b"no image").decode()))
        assert "The body is no image" in answered(page, "no image")
        page.run("document.querySelector('#file').focus()")
        assert page.run("getComputedStyle(document.querySelector('.drop')).outlineStyle") == "solid"
        page.events.clear()
        opened(page, server)
        unharmed(page, server)


def test_a_series_is_pasted_and_its_next_steps_are_drawn(trained, tmp_path, monkeypatch, page):
    monkeypatch.chdir(tmp_path)
    shops(tmp_path)
    words = "data=csv_series data.path=shops.csv data.columns=[sales,price] data.length=14 data.horizon=3 model=lstm"
    with served(str(trained(*words.split(), "trainer.max_epochs=1"))) as server:
        opened(page, server)
        typed(page, "#series", "sales,price\n" + "\n".join(f"{i % 7},{i % 3}" for i in range(20)))
        page.click("button[type=submit]")
        assert len(re.findall(r"^[123]\t", answered(page, "step"), re.MULTILINE)) == 3
        assert page.run("document.querySelectorAll('.chart path').length") == 4
        typed(page, "#series", "\n1,x")
        page.click("button[type=submit]")
        assert "Line 21: x is no number." in answered(page, "no number")
        unharmed(page, server)


def test_a_server_that_has_ended_is_told_of(trained, page):
    run = trained("data=wine", "trainer.max_epochs=3")
    with served(str(run)) as server:
        opened(page, server)
        assert server.end() == 143
        page.click("button[type=submit]")
        answered(page, "The server does not answer.")
        page.wait(lambda: page.run("document.querySelector('#state').innerText") == "not running", "the state")
