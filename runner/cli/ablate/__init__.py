"""The verb ``ablate``: does it help? Several runs of each choice, and a verdict against the first one."""

from __future__ import annotations

from runner.cli.flags import switch, take, take_all
from runner.errors import RunFailed, printable


def ablate(arguments: list[str]) -> int:
    """Run each arm several times, and say which of them are better than the first."""
    tune, words = take_all(arguments, "--tune")
    flags: dict[str, str | None] = {}
    amounts = ("--seeds", "--folds", "--splits", "--max-seeds", "--trials", "--studies", "--max-studies")
    for flag in (*amounts, "--until", "--score", "--alpha", "--margin", "--workers", "--output"):
        flags[flag], words = take(words, flag)
    dry_run, words = switch(words, "--dry-run")

    from runner.cli.ablate.asked import asked

    given = asked(words, flags, tune, [word for word in arguments if word != "--dry-run"])

    from runner.analysis.figures.ablation import write as write_figure
    from runner.cli.ablate.ablating import Ablating
    from runner.cli.ablate.design import design
    from runner.cli.ablate.score import compared
    from runner.cli.ablate.told import tell, tell_plan

    print("checking every option that these runs can reach", flush=True)
    found = design(given)
    ablating = Ablating(given, found, *compared(given, found))
    for sentence in found.lacking():
        print(printable(f"note: {sentence}"))
    if dry_run:
        tell_plan(given, found, ablating.procedure, ablating.score)
        return 0
    before = ablating.units_before()
    ablation = ablating.run()
    ablation.write()
    tell(ablation)
    write_figure(ablation.folder, ablation.record())
    if before and before < given.looks[-1] and ablating.procedure.looks_once:
        units, flag = ("studies", "--max-studies") if given.tune else ("runs", "--max-seeds")
        print(
            f"note: a verdict was given here before, of {before} {units} of each arm. One that is asked for again, of "
            f"more, errs more often than --alpha says; {flag} adds {units} by a rule that allows for it."
        )
    if not any(run.status == "completed" for runs in ablation.arms.values() for run in runs.values()):
        raise RunFailed(f"No run of {given.folder} came to its end. {given.folder}/ablation.json has the causes.")
    return 0
