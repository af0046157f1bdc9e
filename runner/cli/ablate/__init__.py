"""The verb ``ablate``: does it help? Several runs of each choice, and a verdict against the first one."""

from __future__ import annotations

from runner.cli.flags import switch, take, take_all
from runner.errors import RunFailed


def ablate(arguments: list[str]) -> int:
    """Run each arm several times, and say which of them are better than the first."""
    tune, words = take_all(arguments, "--tune")
    across, words = take_all(words, "--across")
    flags: dict[str, str | None] = {}
    amounts = ("--seeds", "--folds", "--splits", "--max-seeds", "--trials", "--studies", "--max-studies")
    for flag in (*amounts, "--until", "--score", "--alpha", "--margin", "--workers", "--output"):
        flags[flag], words = take(words, flag)
    dry_run, words = switch(words, "--dry-run")
    one_at_a_time, words = switch(words, "--one-at-a-time")

    from runner.cli.ablate.asked import asked

    given = asked(words, flags, one_at_a_time, tune, [word for word in arguments if word != "--dry-run"])
    if across:
        from runner.cli.ablate.across import ablate_across

        return ablate_across(given, across, dry_run)

    from runner.cli.ablate.ablating import Ablating
    from runner.cli.ablate.design import design
    from runner.cli.ablate.finish import finish
    from runner.cli.ablate.score import compared
    from runner.cli.ablate.told import tell_lacking, tell_plan

    print("checking every option that these runs can reach", flush=True)
    found = design(given)
    ablating = Ablating(given, found, *compared(given, found))
    tell_lacking(found)
    if dry_run:
        tell_plan(given, found, ablating.procedure, ablating.score)
        return 0
    ablation = finish(ablating)
    if not ablation.completed:
        raise RunFailed(f"No run of {given.folder} came to its end. {given.folder}/ablation.json has the causes.")
    return 0
