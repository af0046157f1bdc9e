"""Names that are scripts, through a whole run, in a real browser: none of them runs."""

from pathlib import Path

import pytest

from tests.browser import PROGRAM, REASON, browser

pytestmark = [pytest.mark.skipif(PROGRAM is None, reason=REASON), pytest.mark.slow]

SCRIPT = "<script>window.owned=1</script>"
IMAGE = '<img src=x onerror="window.owned=1">'


def test_no_name_of_theirs_is_run(tmp_path, monkeypatch):
    from runner.cli.verbs import answer

    monkeypatch.chdir(tmp_path)
    quoted = IMAGE.replace('"', '""')
    rows = "".join(f"{i % 7},{i % 5},{SCRIPT if i % 2 else 'plain'}\n" for i in range(60))
    place = Path("<b onclick=window.owned=1>")
    place.mkdir()
    (place / "table.csv").write_text(f'"{quoted}",b,"{SCRIPT}"\n{rows}')
    words = [f"data.path='{place}/table.csv'", f"data.target='{SCRIPT}'", "trainer.max_epochs=1", "trainer.threads=1"]
    assert answer(["data=csv", *words, "trainer.evaluation=full", f"hydra.run.dir='{place}/run'"]) == 0
    assert answer(["report", str(place / "run"), "--output", "report.html"]) in (0, 2)
    assert answer(["explain", str(place / "run")]) in (0, 1, 2)
    pages = sorted(tmp_path.rglob("*.html"))
    assert pages
    with browser() as page:
        for number, path in enumerate(pages):
            plain = tmp_path / f"page{number}.html"
            plain.write_bytes(path.read_bytes())
            page.open(plain.as_uri())
            assert page.run("window.owned === undefined"), path
            assert page.run("document.documentElement.outerHTML.includes('&lt;script&gt;window.owned')"), path
