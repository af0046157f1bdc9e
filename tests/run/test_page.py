"""The page on using trained networks: its commands, one after the other, say what they say there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/prediction.md"
COMMAND = re.compile(r"^\$ python -m runner (.*)\n(error: .*)?", re.MULTILINE)


def test_the_commands_of_the_page_work(say, tmp_path):
    rows = [f"{i},{'ab'[i % 2]},{i * 2.5}" for i in range(60)]
    Path("table.csv").write_text("\n".join(["size,kind,price", *rows, ""]))
    shutil.copy("table.csv", "moved.csv")
    Path("changed.csv").write_text("\n".join(["size,kind,price", *rows, "7,a,7", ""]))
    Path("new.csv").write_text("\n".join(["kind,size,price", *(f"{'abc'[i % 3]},{i},{i}" for i in range(60)), ""]))
    Path("bad.csv").write_text("size,kind\n1,a\nx,b\n")
    Path("short.csv").write_text("size,remark\n1,a\n")
    pytest.importorskip("polars").read_csv("new.csv").write_parquet("more.parquet")
    commands = COMMAND.findall(PAGE.read_text())
    assert len(commands) > 10
    for words, error in commands:
        answer = say(*shlex.split(words), *(["trainer.threads=1"] if words.startswith("data=") else []))
        assert (answer.err == f"{error}\n" and answer.code in (1, 2)) if error else answer.code == 0, (words, answer)
    assert len(Path("prices.csv").read_text().splitlines()) == 121
