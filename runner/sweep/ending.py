"""What is said and written at the end of a sweep."""

from __future__ import annotations

import json
from typing import Any

from runner.errors import Interrupted, RunFailed, counted
from runner.sweep.driver import LOOK, Driver
from runner.sweep.folder import shown, write
from runner.sweep.interruption import Interruption
from runner.sweep.reporter import Reporter, counts, readable, scores
from runner.sweep.run_trial import test_trial


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
        """Name the best point, or up to ten of the Pareto front."""
        plan = self.driver.plan
        for entry in self._result({})["best"][:10]:
            told = scores(plan.objectives, [entry[n] for n in plan.objectives])
            if plan.repeats > 1:
                errors = ", ".join(f"{e:.2g}" for e in entry["standard_error"])
                told += f" (mean of {plan.repeats}, standard error {errors})"
            self.reporter.say(f"best: trial {entry['trial']}, {told}: {readable(entry['overrides'])}")

    def write_result(self) -> dict[str, Any]:
        """Test the best point where the sweep is over, and write ``result.json``; gives its content."""
        result = self._result(self._test() if self.driver.over and not self.interruption.asked() else {})
        if result.get("test"):
            self.reporter.say(f"test: {scores(result['test'], result['test'].values())}")
        write(self.driver.folder.result, json.dumps(result, indent=2) + "\n")
        return result

    def _test(self) -> dict[str, Any]:
        """Evaluate the best trial on the test split, once."""
        driver = self.driver
        front = driver.best()
        if not driver.plan.protocol or len(front) != 1 or not driver.launcher.idle:
            return {}
        trial = front[0].trials[0]
        if driver.folder.result.exists():
            before: dict[str, Any] = json.loads(driver.folder.result.read_text())
            if before.get("tested") == trial.number:
                return {"tested": trial.number, "test": before["test"]}
        self.reporter.say(f"testing trial {trial.number} on the test split")
        job = (trial.number, test_trial, driver.folder.trial_folder(trial), driver.plan.commanded)
        if not self.interruption.attempt(lambda: driver.launcher.start(*job)):
            return {}
        while not (outcomes := driver.launcher.wait(LOOK)):
            if self.interruption.asked():
                return {}
        if outcomes[0].kind != "returned":
            return {"status": "failed", "cause": f"trial {trial.number} could not be tested: {outcomes[0].cause}"}
        return {"tested": trial.number, "test": outcomes[0].value}

    def _result(self, test: dict[str, Any]) -> dict[str, Any]:
        driver = self.driver
        return {
            "status": "interrupted" if self.interruption.asked() else "completed" if driver.over else "failed",
            "trials": len(driver.trials),
            **counts(driver),
            "best": [
                {
                    "trial": p.trials[0].number,
                    "overrides": driver.plan.space.overrides(p.trials[0].params),
                    **dict(zip(driver.plan.objectives, p.values or [], strict=True)),
                    **({"standard_error": p.errors} if p.errors else {}),
                }
                for p in driver.best()
            ],
            **test,
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
            raise Interrupted(f"Stopped. The same command continues the sweep in {folder}.")
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
            trial = driver.best()[0].trials[0]
            raise RunFailed(
                f"All trials ended, but {result['cause']} (see {folder}/trials/{trial.folder}/output.log). The same "
                "command tests it again."
            )
