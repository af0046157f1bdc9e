"""An ablation's runs, and its answer: on the terminal, in its file, and as a picture."""

from __future__ import annotations

from runner.analysis.ablation import Ablation
from runner.analysis.figures.ablation import write as write_figure
from runner.cli.ablate.ablating import Ablating
from runner.cli.ablate.told import tell


def finish(ablating: Ablating, heading: str = "") -> Ablation:
    """Make what is missing of an ablation, and tell what came of it.

    Args:
        ablating: which.
        heading: over its table, where there are several.

    Raises:
        ConfigError, RunFailed, Interrupted: as of `Ablating.run`.
    """
    before = ablating.units_before()
    ablation = ablating.run()
    ablation.write()
    tell(ablation, heading)
    write_figure(ablation.folder, ablation.record())
    if before and before < ablating.asked.looks[-1] and ablating.procedure.looks_once:
        units, flag = ("studies", "--max-studies") if ablating.asked.tune else ("runs", "--max-seeds")
        print(
            f"note: a verdict was given here before, of {before} {units} of each arm. One that is asked for again, of "
            f"more, errs more often than --alpha says; {flag} adds {units} by a rule that allows for it."
        )
    return ablation
