"""Runs the tests of other projects with our sweepers in the place of theirs, and compares.

    python tests/foreign/run.py [HYDRA] [--optuna PLUGIN] [--sweepers grid random bayes] [-k EXPRESSION]

``HYDRA`` is a checkout of Hydra's 1.3 branch. Its tests are run with its own basic sweeper first; those that hold and
begin a sweep are run again with each of ours. ``PLUGIN`` is a checkout of hydra-optuna-sweeper 1.3, whose table of
expressions is read by our parser and whose examples are run by our samplers. What does not hold stands in the table of
``README.md`` with its reason; anything else is told, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Outcome:
    """What became of a test: ``held``, ``failed`` or ``skipped``; the sweeper's class, if one ran; what was wrong."""

    told: str
    sweeper: str = ""
    message: str = ""


def outcomes(checkout: Path, tests: Sequence[str], sweeper: str, more: Sequence[str]) -> dict[str, Outcome]:
    """What becomes of tests with a sweeper.

    They run in a copy of what they need, so that the installed Hydra runs, the checkout stays as it is, and no sweep
    goes on where that of another sweeper was.

    Args:
        checkout: the folder that holds ``tests``.
        tests: names of tests or folders below it.
        sweeper: the default of ``hydra/sweeper``.
        more: arguments of pytest.
    """
    with tempfile.TemporaryDirectory() as folder:
        notes, report, chosen, copy = (Path(folder, name) for name in ("notes", "report.xml", "chosen", "hydra"))
        for part in ("tests", "examples", "hydra/test_utils"):
            shutil.copytree(checkout / part, copy / part)
        (copy / "ATTRIBUTION").touch()  # by which the tests find their root
        notes.touch()
        chosen.write_text("\n".join(tests))
        path = os.pathsep.join([str(copy), str(HERE), str(ROOT)])
        env = {**os.environ, "PYTHONPATH": path, "FOREIGN_SWEEPER": sweeper, "FOREIGN_NOTES": str(notes)}
        env = {key: value for key, value in env.items() if not key.startswith(("HYDRA_", "PYTEST_"))}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["--rootdir", str(copy), f"--junitxml={report}", *more, f"@{chosen}"]
        command += ["--continue-on-collection-errors", "--override-ini=addopts=", "-c", os.devnull]
        command += ["-p", "expectations"] if sweeper != "basic" else []
        subprocess.run(command, cwd=copy, env=env, stdout=subprocess.DEVNULL, check=False)
        swept = {}
        for line in notes.read_text().splitlines():
            test, _, target = line.partition("\t")
            swept[test.rpartition(" ")[0]] = target.rpartition(".")[2]
        found = {}
        for case in ElementTree.parse(report).iter("testcase"):
            kinds = {child.tag: child.get("message") or "" for child in case}
            told = "skipped" if "skipped" in kinds else "failed" if kinds.keys() & {"failure", "error"} else "held"
            name = _name(case, copy)
            message = " ".join((kinds.get("failure") or kinds.get("error") or "").split())[:200]
            found[name] = Outcome(told, swept.get(name, ""), message)
        return found


def _name(case: ElementTree.Element, checkout: Path) -> str:
    """``tests/test_hydra.py::TestVariousRuns::test_run[sweep]``, as pytest itself writes it."""
    parts = (case.get("classname") or "").split(".")
    depth = next((n for n in range(len(parts), 0, -1) if checkout.joinpath(*parts[:n]).with_suffix(".py").is_file()), 0)
    return "::".join([f"{'/'.join(parts[:depth])}.py", *parts[depth:], case.get("name") or ""])


def deliberate() -> list[tuple[str, list[str], str]]:
    """The table of ``README.md``: pattern of tests, sweepers, reason."""
    rows = []
    for line in (HERE / "README.md").read_text().splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == 3:
            rows.append((cells[0].strip("`"), cells[1].split(), cells[2]))
    return rows


def told_of(test: str, sweeper: str) -> str | None:
    """Why a test is not to hold with a sweeper, or None."""
    for pattern, sweepers, reason in deliberate():
        if (sweeper in sweepers or sweepers == ["all"]) and fnmatch.fnmatchcase(test, pattern.replace("[", "[[]")):
            return reason
    return None


def main() -> int:
    """Run, compare, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hydra", type=Path, nargs="?", help="a checkout of Hydra's 1.3 branch")
    parser.add_argument("--optuna", type=Path, help="a checkout of hydra-optuna-sweeper 1.3")
    parser.add_argument("--sweepers", nargs="+", default=["grid", "random", "bayes"])
    parser.add_argument("-k", help="only tests that match")
    given = parser.parse_args()
    more = ["-k", given.k] if given.k else []
    unexplained = compare_optuna(given.optuna) if given.optuna else 0
    if given.hydra:
        unexplained += compare(given.hydra, given.sweepers, more)
    return 1 if unexplained else 0


def compare_optuna(checkout: Path) -> int:
    """Ask hydra-optuna-sweeper's cases of ours; tell what differs, and give the number of what is not explained."""
    from optuna_sweeper import cases

    wrong = dict(cases(checkout))
    held = [name for name, problem in wrong.items() if problem is None]
    print(f"hydra-optuna-sweeper: {len(held)} of {len(wrong)} cases hold")
    return sum(_tell(name, problem, "optuna") for name, problem in wrong.items() if problem is not None)


def _tell(test: str, problem: str, sweeper: str) -> bool:
    """Print why a test does not hold; whether that is a fault."""
    reason = told_of(test, sweeper)
    print(f"  differs {test}: {reason}" if reason else f"  FAULT   {test}: {problem}")
    return reason is None


def compare(checkout: Path, sweepers: Sequence[str], more: Sequence[str]) -> int:
    """Run the tests with basic and with each of `sweepers`; tell what differs, and count what is not explained."""
    unexplained = 0
    with_basic = outcomes(checkout, ["tests"], "basic", more)
    swept = [test for test, outcome in with_basic.items() if outcome.told == "held" and outcome.sweeper]
    print(f"hydra, basic: {dict(Counter(o.told for o in with_basic.values()))}; {len(swept)} hold and begin a sweep")
    for sweeper in sweepers:
        found = outcomes(checkout, swept, sweeper, [])
        held = [test for test in swept if found.get(test, Outcome("lost")).told == "held"]
        ours = sum(outcome.sweeper == "RunnerSweeper" for outcome in found.values())
        print(f"hydra, {sweeper}: {len(held)} of {len(swept)} hold; {ours} were swept by it")
        for test in sorted(set(swept) - set(held)):
            unexplained += _tell(test, found.get(test, Outcome("lost")).message, sweeper)
        for test in held:
            if told_of(test, sweeper):
                print(f"  holds, though the table has it: {test}")
    return unexplained


if __name__ == "__main__":
    sys.exit(main())
