"""Files that are not what was written: damaged in every place, cut off, swapped, from another run."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import ClassVar

from tests.faults import moments, runs, sweeps
from tests.faults.fault import Fault, Seen, manners, said
from tests.faults.process import command

BAD = 0xFF  # no byte of UTF-8


def places_of_zip(path: Path) -> dict[str, int]:
    """A position of each kind in a checkpoint, which is a zip file: of every member its header, its middle, its end."""
    content = path.read_bytes()
    found = {"first byte": 0, "last byte": len(content) - 1}
    with zipfile.ZipFile(path) as file:
        for number, member in enumerate(file.infolist()):
            name = f"member {number}"
            found |= {f"header of {name}": member.header_offset + 2, f"name of {name}": member.header_offset + 32}
            if member.file_size:
                begin = member.header_offset + 30 + len(member.filename) + _extra(content, member.header_offset)
                found |= {
                    f"middle of {name}": begin + member.file_size // 2,
                    f"end of {name}": begin + member.file_size - 1,
                }
        directory = file.start_dir
    return found | {"directory": directory + 4, "middle of the directory": (directory + len(content)) // 2}


def _extra(content: bytes, header: int) -> int:
    return int.from_bytes(content[header + 28 : header + 30], "little")


def places_of_lines(path: Path) -> dict[str, int]:
    """A position of each kind in a file of text: start, middle and end of every line, and what ends it."""
    found, begin = {}, 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True)[:8], start=1):
        last = begin + len(line) - 1
        at = {"start": begin, "middle": (begin + last) // 2, "end": max(begin, last - 1), "newline": last}
        found |= {f"{what} of line {number}": place for what, place in at.items()}
        begin += len(line)
    return found


def places(path: Path) -> dict[str, int]:
    """A position of each kind."""
    return places_of_zip(path) if ".pt" in path.name and ".sha256" not in path.name else places_of_lines(path)


def spoil(path: Path, how: str, at: int) -> None:
    """Change the byte there, or cut the file off there."""
    content = path.read_bytes()
    path.unlink()  # it may have another name, as the state before has
    path.write_bytes(content[:at] if how == "cut at" else content[:at] + bytes([content[at] ^ BAD]) + content[at + 1 :])


def spoiled(path: Path) -> list[str]:
    """All ways of spoiling a file."""
    return [f"{path.name} {how} {place}" for place in places(path) for how in ("cut at", "changed at")]


def without_best(seen: Seen) -> Seen:
    """What was seen, but for the best score so far, where the only weights that had it were damaged."""
    wrong = [word for word in seen.wrong if not word.startswith("/last/monitor")]
    return Seen(seen.told, wrong, lost=int(bool(seen.lost and wrong)), double=seen.double)


class CheckpointDamaged(Fault):
    """One byte, or all behind it."""

    name = "a checkpoint or its checksum: a byte changed or all behind it gone, in every part of the file"
    holds = (
        "the run goes on from the state before, same bits; with `best.pt` the best weights so far go, and it says so"
    )
    files: ClassVar[Sequence[str]] = ("last.pt", "best.pt", "last.pt.previous", "last.pt.sha256", "best.pt.sha256")

    def ways(self) -> Sequence[str]:
        """File, damage and place."""
        return [way for name in self.files for way in spoiled(runs.half() / "checkpoints" / name)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Damage it, then go on."""
        shutil.copytree(runs.half(), folder / "run")
        name, how, _, place = way.split(" ", 3)
        path = folder / "run/checkpoints" / name
        spoil(path, f"{how} at", places(path)[place])
        ended = runs.finish(folder)
        told = said(ended)
        log = (folder / "run/run.log").read_text()
        wrong = []
        if name in ("last.pt", "best.pt") and f"{name}: " not in log + ended.err:
            wrong.append("the file is not named")
        if name == "best.pt":
            told += ", the best weights so far are lost" * ("are lost" in log)
            wrong += [] if "are lost" in ended.out + ended.err else ["nobody was told of the best weights"]
            return without_best(runs.judged(folder, told, [ended], wrong))
        told += ", from the state before" * ("from the one before" in log)
        return runs.judged(folder, told, [ended], wrong)


class CheckpointForeign(Fault):
    """A whole checkpoint that is not this run's."""

    name = "checkpoints swapped, or from another run, with their checksums"
    holds = "named and refused with what differs (exit 2), or not taken; with the right one the same bits"

    slow = True

    def ways(self) -> Sequence[str]:
        """Where it is from."""
        return ["last.pt and best.pt swapped", "seed", "network", "data", "task"]

    def inject(self, way: str, folder: Path) -> Seen:
        """Put it there, then go on; put the right one back, and go on."""
        shutil.copytree(runs.half(), folder / "run")
        states = folder / "run/checkpoints"
        if way.endswith("swapped"):
            for suffix in ("", ".sha256"):
                one, other = states / f"last.pt{suffix}", states / f"best.pt{suffix}"
                kept = one.read_bytes()
                one.unlink()
                one.write_bytes(other.read_bytes())
                other.write_bytes(kept)
        else:
            for name in ("last.pt", "last.pt.sha256"):
                (states / name).unlink()
                shutil.copy(other_run(way) / "checkpoints" / name, states / name)
        refused = command(["resume", "run"], folder, runs.save_always)
        if way.endswith("swapped"):
            told = said(refused) + ", from the state before; the best weights so far are lost"
            return without_best(runs.judged(folder, told, [refused], [] if "are lost" in refused.out else ["not told"]))
        wrong = manners(refused, [2])
        if not refused.err.startswith("error: run/checkpoints/last.pt: is of another run, with "):
            wrong.append(f"the file is not named: {refused.err[-300:]!r}")
        for path in runs.half().glob("checkpoints/*"):
            (states / path.name).unlink(missing_ok=True)
            shutil.copy(path, states / path.name)
        return runs.judged(folder, said(refused), [runs.finish(folder)], wrong)


@cache
def other_run(differs: str) -> Path:
    """A run that differs from the one that faults are tried on."""
    more = {"seed": ["seed=7"], "network": ["model.hidden=[9]"], "data": ["data=wine"], "task": ["data=diabetes"]}
    folder = runs.home() / differs
    folder.mkdir()
    ended = command([*runs.COMMAND, *more[differs]], folder)
    assert not manners(ended), manners(ended)
    return folder / "run"


class RecordDamaged(Fault):
    """The files of a run that are text."""

    name = "config.yaml, manifest.json, metrics.jsonl, run.log: a byte changed or all behind it gone, in every line"
    holds = (
        "named and kept under another name; the run ends with the same bits; only damaged lines of metrics are missing"
    )
    files: ClassVar[Sequence[str]] = ("config.yaml", "manifest.json", "metrics.jsonl", "run.log")

    def ways(self) -> Sequence[str]:
        """File, damage and place."""
        found = [
            way for name in self.files if (runs.half() / name).stat().st_size for way in spoiled(runs.half() / name)
        ]
        return [*found, *(f"{name} emptied at start" for name in self.files)]

    def inject(self, way: str, folder: Path) -> Seen:
        """Damage it, then go on."""
        shutil.copytree(runs.half(), folder / "run")
        name, how, _, place = way.split(" ", 3)
        path = folder / "run" / name
        before = path.read_bytes()
        spoil(path, "cut at" if how == "emptied" else f"{how} at", 0 if how == "emptied" else places(path)[place])
        after = path.read_bytes()
        whole_lines = {line for line in before.splitlines() if line in after.splitlines()}
        ended = runs.finish(folder)
        told = said(ended) + f", {name} kept as {name}.damaged" * bool(list(path.parent.glob(f"{name}.damaged*")))
        seen = runs.judged(folder, told, [ended])
        wrong = [word for word in seen.wrong if name != "metrics.jsonl" or not word.startswith("/metrics")]
        lost = seen.lost if name != "metrics.jsonl" else 0
        if name == "metrics.jsonl":
            kept = {json.dumps(json.loads(line)) for line in (folder / "run/metrics.jsonl").read_bytes().splitlines()}
            lost += sum(json.dumps(json.loads(line)) not in kept for line in whole_lines)
        return Seen(told, wrong, lost, seen.double)


class SweepFileDamaged(Fault):
    """The files of a sweep."""

    name = "files of a sweep (study.journal, sweep.yaml, trial.json, tables): changed, cut off, emptied, in every line"
    holds = "named and kept under another name; every point once; only a trial whose own record is damaged is run again"
    files: ClassVar[Sequence[str]] = (
        "study.journal",
        "sweep.yaml",
        "trials/0001-x_1-y_1/trial.json",
        "trials.csv",
        "points.csv",
        "best.yaml",
        "driver.json",
        "multirun.yaml",
        "driver.lock",
    )

    def ways(self) -> Sequence[str]:
        """File, damage and place."""
        found = []
        for name in self.files:
            path = half_sweep() / name
            if path.is_file() and path.stat().st_size:
                found += [
                    f"{name} {how} {place}" for place in places_of_lines(path) for how in ("cut at", "changed at")
                ]
                found.append(f"{name} emptied at start")
        return [*found, "study.journal foreign at start"]

    def inject(self, way: str, folder: Path) -> Seen:
        """Damage it, then give the same command again."""
        shutil.copytree(half_sweep(), folder / "sweep")
        name, how, _, place = way.split(" ", 3)
        path = folder / "sweep" / name
        if how == "foreign":
            shutil.copy(sweeps.whole(*sweeps.BAYES) / name, path)
        else:
            spoil(
                path,
                "cut at" if how == "emptied" else f"{how} at",
                0 if how == "emptied" else places_of_lines(path)[place],
            )
        before = sweeps.records(folder / "sweep")
        again = sweeps.start(sweeps.GRID, folder).end()
        aside = list((folder / "sweep").rglob("damaged*"))
        told = said(again) + ", kept under another name" * bool(aside)
        for kept in aside:
            if kept.name not in again.out:
                return Seen(told, [f"nobody was told of {kept.name}"])
            shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
        return sweeps.judged(folder, told, before, sweeps.GRID, [again])


@cache
def half_sweep() -> Path:
    """A sweep whose driver was killed when some of its trials were completed."""
    found = [moment for moment in sweeps.moments_of(*sweeps.GRID) if moment.startswith("write study.journal")]
    folder = runs.home() / "half-sweep"
    folder.mkdir()
    death = partial(moments.kill_at, folder / "sweep", found[len(found) * 3 // 4], folder / "mark")
    assert sweeps.start(sweeps.GRID, folder, death).end().code == -9
    return folder / "sweep"


FAULTS = (CheckpointDamaged(), CheckpointForeign(), RecordDamaged(), SweepFileDamaged())
