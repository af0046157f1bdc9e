"""What is said and written at the end of a sweep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from runner.errors import Interrupted, RunFailed, counted
from runner.sweep.driver import LOOK, Driver
from runner.sweep.folder import shown, write
from runner.sweep.interruption import Interruption
from runner.sweep.reporter import Reporter, counts, readable
from runner.sweep.results import PointResult, spreads, spreads_of
from runner.sweep.run_trial import test_trial
from runner.sweep.trial import Trial
from runner.sweep.verdict import read_result


class Ending:
    """The end of a sweep: the best point told, tested and written down.

    Args:
        driver: has done what there was to do, or was stopped.
        reporter: where to speak.
        interruption: whether it was.
    """

    def __init__(self, driver: Driver, reporter: Reporter, interruption: Interruption) -> None:
        self.driver, self.reporter, self.interruption = driver, reporter, interruption
        self.folder = shown(driver.folder.path)

    def tell_best(self) -> None:
        """Name the best point with all its scores, or up to ten of the Pareto front."""
        plan, front = self.driver.plan, self.driver.best()
        for point in front[:10]:
            found = spreads_of(point, plan.objectives)
            told = ", ".join(f"{name} {found[name]}" for name in plan.objectives)
            if point.errors:
                errors = ", ".join(f"{e:.2g}" for e in point.errors)
                told += f" (mean and standard deviation of {len(point.trials)}; standard error {errors})"
            own = readable(plan.space.overrides(point.trials[0].params))
            self.reporter.say(f"best: trial {point.trials[0].number}, {told}{own and f': {own}'}")
            more = [
                f"{name} {found[name]}" for name in found if name.startswith("val/") and name not in plan.objectives
            ]
            if len(front) == 1 and more:
                self.reporter.say(f"its other scores: {', '.join(more)}")

    def write_result(self) -> dict[str, Any]:
        """Test the best point where the sweep is over, and write ``result.json``; gives its content."""
        result = self._result(self._test() if self.driver.over and not self.interruption.asked() else {})
        if found := spreads([t.tested for t in self._winners() if t.tested] if "tested" in result else []):
            of = f" (mean and standard deviation of {len(result['tests'])})" if len(result["tests"]) > 1 else ""
            self.reporter.say(f"test: {', '.join(f'{name} {spread}' for name, spread in found.items())}{of}")
        write(self.driver.folder.result, json.dumps(result, indent=2) + "\n")
        return result

    def _winners(self) -> tuple[Trial, ...]:
        """The trials of the best point; none where there is no single one, or none is asked for."""
        front, plan = self.driver.best(), self.driver.plan
        return front[0].trials if plan.protocol and plan.test != "none" and len(front) == 1 else ()

    def _to_test(self) -> Sequence[Trial]:
        """The trials that are to be evaluated on the test split."""
        if not (self.driver.plan.protocol and self.driver.plan.test == "all"):
            return self._winners()
        return [trial for trial in self.driver.trials.values() if trial.status == "completed"]

    def _test(self) -> dict[str, Any]:
        """Evaluate each of these trials on the test split, once; what is done is kept in its record."""
        driver, winners = self.driver, self._winners()
        before = read_result(driver.folder.path)
        for trial in winners:  # one that was tested before its record could say so
            if trial.tested is None and before.get("tested") == trial.number and isinstance(before.get("test"), dict):
                self._keep(trial, before["test"])
        waiting = [t for t in self._to_test() if t.tested is None]
        if waiting and not driver.launcher.idle:
            return {}
        if waiting:
            numbers = ", ".join(str(t.number) for t in waiting) if len(waiting) < 20 else ""
            which = (
                f"{'trials' if len(waiting) > 1 else 'trial'} {numbers}" if numbers else counted(len(waiting), "trial")
            )
            self.reporter.say(f"testing {which} on the test split")
        causes = []
        while waiting or driver.launcher.jobs:
            while waiting and driver.launcher.idle:
                trial = waiting.pop(0)
                job = (trial.number, test_trial, driver.folder.trial_folder(trial), driver.plan.commanded)
                if not self.interruption.attempt(lambda job=job: driver.launcher.start(*job)):  # type: ignore[misc]
                    return {}
            for outcome in driver.launcher.wait(LOOK):
                if outcome.kind == "returned":
                    self._keep(driver.trials[outcome.job], outcome.value)
                else:
                    causes.append(f"trial {outcome.job} could not be tested: {outcome.cause}")
            if self.interruption.asked():
                return {}
        if causes:
            return {"status": "failed", "cause": causes[0]}
        if not winners:
            return {}
        first, found = winners[0], spreads([t.tested or {} for t in winners])
        return {
            "tested": first.number,
            "test": first.tested,
            "tests": {str(t.number): t.tested for t in winners},
            "test_mean": {name: spread.mean for name, spread in found.items()},
            "test_standard_deviation": {name: spread.deviation for name, spread in found.items()},
        }

    def _keep(self, trial: Trial, scores: Mapping[str, float]) -> None:
        trial.tested = dict(scores)
        self.driver.folder.save(trial)

    def _result(self, test: dict[str, Any]) -> dict[str, Any]:
        driver = self.driver
        return {
            "status": "interrupted" if self.interruption.asked() else "completed" if driver.over else "failed",
            "trials": len(driver.trials),
            **counts(driver),
            "best": [self._entry(point) for point in driver.best()],
            **test,
        }

    def _entry(self, point: PointResult) -> dict[str, Any]:
        plan = self.driver.plan
        of_repeats = {"standard_error": point.errors, "standard_deviation": point.deviations} if point.errors else {}
        return {
            "trial": point.trials[0].number,
            "overrides": plan.space.overrides(point.trials[0].params),
            **dict(zip(plan.objectives, point.values or [], strict=True)),
            **of_repeats,
            "trials": [t.number for t in point.trials],
            "scores": {name: asdict(spread) for name, spread in spreads_of(point, plan.objectives).items()},
        }

    def check(self, result: dict[str, Any], retries: int) -> None:
        """Say where the sweep lies, and what is wrong with it.

        Args:
            result: what `write_result` gave.
            retries: how often failed trials were tried again.

        Raises:
            Interrupted: it was stopped.
            RunFailed: trials failed, or the test did.
        """
        driver, folder = self.driver, self.folder
        self.reporter.say(f"sweep: {folder}")
        if self.interruption.asked():
            raise Interrupted(f"Stopped. The same command continues the sweep in {folder}.", self.interruption.by)
        if driver.hopeless:
            last = next(t for t in driver.trials.values() if t.status == "failed")
            raise RunFailed(f"Trial {last.number}: {last.cause}. No other was started.")
        if driver.failures:
            first = next(t for t in driver.trials.values() if t.status == "failed")
            raise RunFailed(
                f"{driver.failures} of {counted(len(driver.trials), 'trial')} failed; the first, trial {first.number}: "
                f"{first.cause} (see {folder}/trials/{first.folder}/output.log). All are listed in "
                f"{shown(driver.folder.table)}; the same command with "
                f"hydra.sweeper.retries={retries + 1} tries them again."
            )
        if "cause" in result:
            trial = next(t for t in self._to_test() if t.tested is None)
            raise RunFailed(
                f"All trials ended, but {result['cause']} (see {folder}/trials/{trial.folder}/output.log). The same "
                "command tests it again."
            )
