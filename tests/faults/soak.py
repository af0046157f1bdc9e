"""Many short trials in three sweeps whose drivers are killed at random and started again, for as long as is wanted.

    python -m tests.faults.soak                              # 2,000 trials, 20 minutes
    python -m tests.faults.soak --minutes 2 --trials 200     # to try it
    python -m tests.faults.soak --folder DIR                 # goes on where it was

Said at the end: the memory of each driver at every tenth of its trials, its open files and processes; what outlived a
kill; whether every trial is there once and nothing else is left.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.fault import leftovers
from tests.faults.process import SOON, of_session
from tests.faults.sweeps import APPS, records, rows

SWEEPS = {
    "grid": ["sphere", "hydra/sweeper=grid", "x=range({count})", "sleep={seconds}"],
    "random": ["curves", "hydra/sweeper=random", "lr=interval(0.1,1)", "epochs=5", "sleep={fifth}"],
    "bayes": ["sphere", "hydra/sweeper=bayes", "x=interval(0,1)", "y=interval(0,1)", "sleep={seconds}"],
}
WORKERS = 2
LOOK = 1.0  # seconds between looks
LIVES = (5.0, 240.0)  # seconds that a driver lives, drawn on a logarithmic scale


@dataclass
class Driver:
    """A sweep and whoever drives it now.

    Attributes:
        name: which of `SWEEPS`.
        folder: of the sweep.
        command: starts it, and goes on with it.
        count: its trials.
    """

    name: str
    folder: Path
    command: Sequence[str]
    count: int
    process: subprocess.Popen[bytes] | None = None
    until: float = 0.0
    kills: int = 0
    outlived: int = 0
    finished: bool = False
    seen: dict[int, dict[str, int]] = field(default_factory=dict)

    def start(self, life: float) -> None:
        """Start a driver that is to live for so many seconds."""
        own = self.folder.parent / f"{self.name}-tmp"
        own.mkdir(exist_ok=True)
        env = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(own)}
        with open(self.folder.parent / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=env, start_new_session=True)
        self.until = time.monotonic() + life

    def kill(self) -> None:
        """Kill it, and count what stays of it."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1
        until = time.monotonic() + SOON
        while (left := of_session(self.process.pid)) and time.monotonic() < until:
            time.sleep(0.05)
        self.outlived += len(left)
        self.process = None

    @property
    def begun(self) -> int:
        """Trials that have a folder."""
        with suppress(FileNotFoundError):
            return len(os.listdir(self.folder / "trials"))
        return 0

    def look(self) -> None:
        """Note memory, files and processes at each tenth of the trials."""
        tenth = 10 * self.begun // self.count
        if self.process is not None and tenth not in self.seen:
            with suppress(OSError):
                proc = Path(f"/proc/{self.process.pid}")
                status = (proc / "status").read_text()
                memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
                files, processes = len(list((proc / "fd").iterdir())), len(of_session(self.process.pid))
                if processes == WORKERS + 2:  # with its zygote: it has started
                    self.seen[tenth] = {"KiB": memory, "files": files, "processes": processes, "life": self.kills + 1}

    def wrong(self) -> list[str]:
        """What is wrong with the sweep at its end."""
        table, folders = rows(self.folder), list((self.folder / "trials").iterdir())
        found = [f"left behind: {word}" for word in leftovers(self.folder)]
        if [int(row["number"]) for row in table] != list(range(self.count)) or len(folders) != self.count:
            found.append(f"{len(table)} rows and {len(folders)} folders for {self.count} trials")
        if bad := [row["number"] for row in table if row["status"] != "completed"]:
            found.append(f"not completed: {bad[:10]}")
        points = {json.dumps(trial["params"], sort_keys=True) for trial in records(self.folder).values()}
        if len(points) != self.count:
            found.append(f"{len(points)} different points")
        if self.outlived:
            found.append(f"{self.outlived} processes outlived their driver")
        if kept := list((self.folder.parent / f"{self.name}-tmp").iterdir()):
            found.append(f"temporary: {[path.name for path in kept[:5]]}")
        return found


def drivers(folder: Path, trials: int, minutes: float) -> list[Driver]:
    """The three sweeps, whose trials sleep for all of the time; while drivers start it takes longer."""
    found = []
    for number, (name, (app, *words)) in enumerate(SWEEPS.items()):
        count = trials // 3 + (number < trials % 3)
        seconds = minutes * 60 * WORKERS / count
        values = {"count": count, "seconds": round(seconds, 3), "fifth": round(seconds / 5, 4)}
        more = [f"hydra.sweep.dir={folder / name}", f"hydra.sweeper.workers={WORKERS}", "hydra.sweeper.plots=false"]
        more += [f"hydra.sweeper.n_trials={count}", "hydra.sweeper.test=none"]
        words = [word.format(**values) for word in words]
        command = [sys.executable, str(APPS / f"{app}.py"), "-m", *words, *more]
        found.append(Driver(name, folder / name, command, count))
    return found


def run(folder: Path, trials: int, minutes: float, seed: int) -> list[str]:
    """All of it; what is wrong."""
    draw, fleet = random.Random(seed), drivers(folder, trials, minutes)
    shared = set(os.listdir("/dev/shm"))
    began = told = time.monotonic()
    while not all(driver.finished for driver in fleet):
        elapsed = time.monotonic() - began
        for driver in (driver for driver in fleet if not driver.finished):
            driver.look()
            if driver.process is None:
                driver.start(LIVES[0] * (LIVES[1] / LIVES[0]) ** draw.random())
            elif (status := driver.process.poll()) is not None:
                if status:
                    return [f"{driver.name}: exit {status}, see {driver.name}.log in {folder}"]
                driver.finished = True
            elif elapsed < minutes * 60 and time.monotonic() > driver.until:
                driver.kill()
        if elapsed > 2 * minutes * 60 + 120:
            for driver in fleet:
                if driver.process is not None:
                    driver.kill()
            return [f"not done after {elapsed:.0f} s; the same command with --folder {folder} goes on"]
        if time.monotonic() - told > 30:
            told = time.monotonic()
            standing = ", ".join(f"{d.name} {d.begun} of {d.count}, killed {d.kills} times" for d in fleet)
            print(f"{elapsed:.0f} s: {standing}", flush=True)
        time.sleep(LOOK)
    tell(fleet, trials, time.monotonic() - began)
    found = [f"{driver.name}: {word}" for driver in fleet for word in driver.wrong()]
    return found + [f"/dev/shm: {name}" for name in set(os.listdir("/dev/shm")) - shared if name.startswith("torch")]


def tell(fleet: Sequence[Driver], trials: int, seconds: float) -> None:
    """The figures, in Markdown."""
    print(f"{trials} trials, {sum(d.kills for d in fleet)} kills of drivers, {seconds / 60:.1f} minutes; ", end="")
    print(
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    print("\n| done | " + " | ".join(f"{d.name}: MiB, files, processes (life)" for d in fleet) + " |")
    print("|---|" + "---|" * len(fleet))
    for tenth in range(10):
        cells = []
        for driver in fleet:
            seen = driver.seen.get(tenth)
            cells.append(
                f"{seen['KiB'] / 1024:.0f}, {seen['files']}, {seen['processes']} ({seen['life']})" if seen else ""
            )
        print(f"| {10 * tenth} % | " + " | ".join(cells) + " |")


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0, help="for so long drivers are killed (default 20)")
    parser.add_argument("--trials", type=int, default=2000, help="of all three sweeps (default 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="where the sweeps lie; default: a new one, removed at the end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = (arguments.folder or Path(name)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        wrong = run(folder, arguments.trials, arguments.minutes, arguments.seed)
    for word in wrong:
        print(word)
    print("nothing lost, nothing twice, nothing left" if not wrong else f"{len(wrong)} things are wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
