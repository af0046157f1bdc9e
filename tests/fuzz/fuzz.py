"""`make fuzz`: 10,000 inputs that nobody means well with; no traceback, no hang, no other exit status than promised.

    python tests/fuzz/fuzz.py [--inputs 10000] [--seed 0] [--only commands|options|tables|folders]

Each input is a command of its own process (`bounded`), of four kinds (`inputs`). Prints a line per kind, and every
finding with the command that shows it; what the command needs is kept beside. Exit status 1 where there is a finding.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz import inputs
from tests.fuzz.bounded import Answer, tried

SHARES = {"commands": 0.62, "options": 0.2, "tables": 0.1, "folders": 0.08}
RUN = ("data=iris", "model.hidden=[4]", "trainer.max_epochs=1", "trainer.threads=1", "hydra.run.dir=run")
ASKED = (
    *(("evaluate", "{}"), ("resume", "{}", "trainer.max_epochs=2"), ("runs", "{}"), ("predict", "{}", "table.csv")),
    *(("rerun", "{}", "trainer.max_epochs=1"), ("advise", "{}"), ("watch", "{}", "--once"), ("diff", "{}", "run")),
    *(("report", "{}"), ("stop", "{}"), ("compare", "{}", "run"), ("resume", "{}", "--from", "last")),
)


class Places:
    """Folders in which commands are given, one after the other.

    Args:
        home: holds everything; a run of one epoch is made in it.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.numbers = home, itertools.count()
        self.last = home / "none"
        (home / "table.csv").write_text("a,b,c,d\n5,3,1,0.2\n")
        made = tried(list(RUN), home)
        assert made.code == 0, made.said

    def command(self, words: list[str]) -> Answer:
        """A command as it was drawn."""
        return tried([word.replace("\0", "") for word in words], self.home)

    def option(self, drawn: tuple[str, bytes]) -> Answer:
        """The choice of an option in somebody's folder."""
        name, content = drawn
        folder = self._new("options")
        inputs.put(folder, name, content)
        group = name.rpartition("/")[0]
        first = ["show", f"{group}/mine"] if next(self.numbers) % 8 == 0 else ["check", f"{group}=mine"]
        return tried([*first, "--config-dir", str(folder)], self.home)

    def table(self, content: bytes) -> Answer:
        """The look at a table."""
        path = inputs.put(self._new("tables"), "table.csv", content)
        first = ["inspect-data"] if next(self.numbers) % 2 else ["check"]
        return tried([*first, "data=csv", f"data.path={path}", "data.target=y"], self.home)

    def folder(self, drawn: tuple[tuple[str, str, Callable[[bytes], bytes]], tuple[str, ...], bool]) -> Answer:
        """A verb for a run folder in which a file is damaged; its checksum may be gone, so that it is looked into."""
        (name, _, change), words, unsigned = drawn
        folder = self._new("folders") / "run"
        shutil.copytree(self.home / "run", folder)
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(change(path.read_bytes() if path.is_file() else b""))
        if unsigned and name.endswith(".pt"):
            path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
        return tried([word.replace("{}", str(folder)) for word in words], self.home)

    def _new(self, kind: str) -> Path:
        self.last = self.home / kind / str(next(self.numbers))
        self.last.mkdir(parents=True)
        return self.last

    def forget(self) -> None:
        """Remove what the last input needed."""
        shutil.rmtree(self.last, ignore_errors=True)


def answers(kind: str, number: int, places: Places, start: int = 0) -> Iterator[Answer]:
    """What comes of so many inputs of a kind; those of one seed are always the same."""
    strategy, give = {
        "commands": (inputs.commands(), places.command),
        "options": (inputs.option_files(), places.option),
        "tables": (inputs.tables(), places.table),
        "folders": (st.tuples(inputs.damages(), st.sampled_from(ASKED), st.booleans()), places.folder),
    }[kind]
    drawn = []

    @seed(start)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(one):
        drawn.append(one)

    draw()
    for one in drawn:
        answer = give(one)
        yield answer
        if answer.finding is None:
            places.forget()


def warm() -> None:
    """Import what commands need, so that every fork has it."""
    from runner.cli.verbs import answer

    with tempfile.TemporaryFile("w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            assert answer(["check", "data=csv", "data.path=x", "data.target=y"]) in (1, 2)
            assert answer(["check"]) == 0
        finally:
            sys.stdout = before


def main() -> int:
    """Try them all, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=SHARES)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="fuzz-"))
    warm()
    places, found = Places(home), 0
    for kind, share in SHARES.items():
        if asked.only not in (None, kind):
            continue
        begin, codes = time.monotonic(), dict.fromkeys((0, 1, 2, 130), 0)
        number = asked.inputs if asked.only else round(asked.inputs * share)
        slowest = 0.0
        for done, answer in enumerate(answers(kind, number, places, asked.seed), 1):
            if done % 500 == 0:
                print(f"{kind}: {done:,} of {number:,}", file=sys.stderr, flush=True)
            slowest = max(slowest, answer.seconds)
            if answer.finding is None:
                codes[answer.code or 0] += 1
            else:
                found += 1
                print(f"FINDING {answer.finding}\n  in {home}: {shlex.join(answer.words)}", flush=True)
        told = ", ".join(f"{count:,} x {code}" for code, count in codes.items() if count)
        print(
            f"{kind}: {number:,} inputs, exit status {told}; slowest {slowest:.1f} s; "
            f"{time.monotonic() - begin:.0f} s in all",
            flush=True,
        )
    print(f"{found} findings", flush=True)
    if not found:
        shutil.rmtree(home)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
