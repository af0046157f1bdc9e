"""What can be done with a run: start it, continue it, repeat it, judge it."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from runner import launched
from runner.config.check import check_run
from runner.config.compose import Command, compose_run
from runner.config.hydra_node import check_recorded
from runner.config.run_config import LIMIT, check_resumable, check_same_run, patch, recorded, thaw
from runner.errors import ConfigError, did_you_mean
from runner.record.folder import RunFolder, claim, kept_when_started, make
from runner.record.manifest import gather
from runner.run.together import processes

if TYPE_CHECKING:
    from runner.engine.progress import Progress
    from runner.engine.settings import EvaluationLevel
    from runner.evaluation.evaluation import Evaluation

RUNS = Path("outputs/runs")


def compose(overrides: list[str], config_dir: str | None = None) -> DictConfig:
    """Compose a configuration from overrides, as the command line does."""
    return compose_run(Command(overrides, config_dir))


def new_folder(config: DictConfig, parent: Path = RUNS, before: Path | None = None) -> Path:
    """Make a folder for a new run, whose name is free whatever else is started in the same second.

    Args:
        config: as composed, or as a run kept it; then it no longer tells which options were chosen.
        parent: the folder around it.
        before: the run that is repeated, from whose folder the name is taken then.
    """
    name = config.name
    if not name:
        choices = config.hydra.runtime.choices if "hydra" in config else {}
        name = "-".join(str(choices[group]) for group in ("data", "model") if choices.get(group))
    if not name:
        name = re.sub(r"^[\d-]+_[\d-]+_", "", before.resolve().name) if before else "run"
    return claim(parent, f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{name}")


def run(
    config: DictConfig,
    folder: Path | None = None,
    progress: Progress | None = None,
    overrides: list[str] | None = None,
    config_dir: str | None = None,
    test: bool = True,
    known_data: Path | None = None,
) -> dict[str, Any]:
    """Check, build, train and test.

    Args:
        config: composed configuration.
        folder: the run folder; None makes a new one in ``outputs/runs``.
        progress: hears of the run's progress.
        overrides: what was typed, for the manifest.
        config_dir: folder of the user's own options, for the manifest.
        test: look at the test split at the end; trials of a sweep don't.
        known_data: a file that runs which are to be compared share; see `runner.run.unchanged`.

    Returns:
        What stands in ``result.json``.

    Raises:
        ConfigError: the configuration is wrong.
        RunFailed: the run failed; what it had saved stays.
        Interrupted: the run was asked to stop and saved its state.
    """
    from runner.run.training import execute
    from runner.run.unchanged import Unchanged

    recipe = check_run(config)
    assert recipe.text is not None
    with processes(recipe) as ranks:
        unchanged = Unchanged(shared=known_data)
        if not ranks.main:
            place = RunFolder(ranks.agreed(folder or Path()))
            return execute(recipe, place, progress, unchanged, ranks, test=test)
        with kept_when_started(RUNS if folder is None else folder) as made:
            place = RunFolder(folder or new_folder(config))
            make(place.path)
            made += [place.path] * (folder is None)
            with place.claimed():
                place.create(recipe.text)
                place.update_manifest(**gather(list(overrides or [])), config_dir=config_dir)
                ranks.agreed(place.path)
                return execute(recipe, place, progress, unchanged, ranks, test=test)


def resume(
    folder: str | Path,
    overrides: list[str] | None = None,
    progress: Progress | None = None,
    trusted_targets: list[str] | None = None,
    test: bool = True,
    checkpoint: str | None = None,
    allow_changed_data: bool = False,
    known_data: Path | None = None,
) -> dict[str, Any]:
    """Continue a run.

    Args:
        folder: the run folder.
        overrides: limits, device, logging and checkpoint keys that differ from now on.
        progress: hears of the run's progress.
        trusted_targets: modules of your own that the run's config names.
        test: look at the test split at the end.
        checkpoint: the state to go on from, such as ``epoch-0010``; None is the last. What came after it is dropped.
        allow_changed_data: go on where the data are not those that the run was started with.
        known_data: as in `run`.

    Returns:
        What stands in ``result.json``.

    Raises:
        ConfigError: there is nothing to continue, or another process is at work on the run; the folder is as it was.
        RunFailed, Interrupted: as in `run`.
    """
    from runner.engine.checkpoint import go_back_to, go_on, load_last, state_named
    from runner.run.training import Continued, execute
    from runner.run.unchanged import Unchanged

    place = RunFolder.existing(folder)
    with place.claimed() if launched.rank() == 0 else nullcontext():
        command = Command(list(overrides or []))
        check_resumable(command.parsed)
        config, lost = _config_of(place)
        config.trusted_targets = trusted_targets or []
        before, own = OmegaConf.select(config, "trainer.max_epochs"), copy.deepcopy(config)
        patch(config, _with_trackers(config, command))
        recipe = check_run(config, fresh=False)
        if _told(place, place.result).get("status") == "completed" and not command.parsed and checkpoint is None:
            raise ConfigError(
                f"{folder}: this run is complete. To train longer, add trainer.max_epochs=N (now {before})."
            )
        with processes(recipe) as ranks:
            saved = load_last(place.checkpoints) if checkpoint is None else state_named(place.checkpoints, checkpoint)
            if saved is not None:
                check_same_run(own, saved["config"], str(place.checkpoints / f"{checkpoint or 'last'}.pt"))
            longer = saved is not None and saved.get("ended") and any(LIMIT.fullmatch(key) for key in command.typed())
            # The folder stays as it is until it is known that the run goes on.
            unchanged = Unchanged(allow_changed_data, known_data)
            again = Continued.on_data_of(recipe, saved, unchanged, progress, ranks)
            if ranks.all(True) and ranks.main:  # nobody reads it any more
                if checkpoint is not None:
                    go_back_to(place.checkpoints, checkpoint)
                if saved is not None and longer:
                    go_on(place.checkpoints, saved)
                assert recipe.text is not None
                if saved is None and place.has_states:
                    place.start_over()
                place.mend(lost)
                place.create_again(recipe.text)
                if not place.manifest.exists():  # but for what nobody knows any more, such as the overrides
                    place.update_manifest(**{k: v for k, v in gather([]).items() if k not in ("command", "overrides")})
                changed = {"resumed_with_changed_data": again.note} if again.note else {}
                with_these = [*_resumed_with(place), *(overrides or [])]
                place.update_manifest(status="running", resumed_with=with_these, **changed)
            return execute(recipe, place, progress, unchanged, ranks, again, test=test)


def _with_trackers(config: DictConfig, command: Command) -> Command:
    """Choose the trackers that a command names, and give the rest of it: the one group that a run may choose anew."""
    chosen = [o.input_line or "" for o in command.parsed if o.key_or_group == "tracking"]
    if not chosen:
        return command
    config.tracking = compose_run(Command(chosen)).tracking
    return Command([o.input_line or "" for o in command.parsed if o.key_or_group != "tracking"])


def _resumed_with(place: RunFolder) -> list[str]:
    """What the run's continuations were given, in the order in which they were."""
    return _words(place, "resumed_with") or []


def _words(place: RunFolder, key: str) -> list[str] | None:
    """A list of texts in the manifest; None where there is none."""
    words = _told(place, place.manifest).get(key)
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _told(place: RunFolder, path: Path) -> dict[str, Any]:
    """What a JSON file tells; nothing where it is damaged."""
    try:
        return place.read_json(path)
    except ConfigError:
        return {}


def _config_of(place: RunFolder) -> tuple[DictConfig, str | None]:
    """The configuration of a run: as its own file has it or, where that is lost, as its checkpoint has.

    Returns:
        The configuration, and in words why it is not that of the file.

    Raises:
        ConfigError: neither can be read.
    """
    from runner.engine.checkpoint import load_last

    try:
        return thaw(place.config), None
    except ConfigError as error:
        saved = None if isinstance(error.__cause__, PermissionError) else load_last(place.checkpoints)
        if saved is None:
            raise
        return recorded(saved["config"]), f"{error} The configuration is taken from the checkpoint."


def rerun_config(
    folder: str | Path, overrides: list[str], config_dir: str | None = None
) -> tuple[DictConfig, list[str], str | None]:
    """The configuration that repeats a run, changed by `overrides`.

    Values change the run's own config; the choice of another option composes anew, from the overrides that the run
    recorded, those of its continuations and these. `config_dir` is where the user's own options are now; None where the
    run had them.

    Returns:
        The configuration, its overrides, and the folder of the user's own options.
    """
    place = RunFolder.existing(folder)
    known = _told(place, place.manifest).get("config_dir")
    config_dir = config_dir or (known if isinstance(known, str) else None)
    command = Command(overrides, config_dir)
    groups = command.options.groups()
    typed = _words(place, "overrides")
    if typed is None and any(o.key_or_group in groups for o in command.parsed):
        raise ConfigError(
            f"{place.manifest}: damaged or gone, and only there stand the overrides from which another option would be "
            "composed. Change values alone (KEY=VALUE), or type the whole command anew."
        )
    lines = [*(typed or ()), *_resumed_with(place)]
    check_recorded(lines, str(folder))
    before = Command(lines, config_dir)
    new = command.typed()
    # A folder from somebody else must not decide by itself which code is trusted.
    left_out = {"trusted_targets", *new}
    last = {o.key_or_group: o.input_line or "" for o in before.parsed if o.key_or_group not in left_out}
    merged = [*last.values(), *overrides]
    if any(o.key_or_group in groups for o in command.parsed):
        return compose_run(Command(merged, config_dir)), merged, config_dir
    config = thaw(place.config)
    patch(config, command)
    return config, merged, config_dir


def evaluate_run(
    folder: str | Path,
    split: str = "test",
    checkpoint: str = "best",
    device: str = "auto",
    trusted_targets: list[str] | None = None,
    allow_changed_data: bool = False,
    overrides: list[str] | None = None,
    evaluation: EvaluationLevel = "off",
    tell: Callable[[str], None] = lambda text: None,
    hear: Callable[[int], None] = lambda examples: None,
    views: str | None = None,
    beams: int | None = None,
    length_penalty: float | None = None,
) -> dict[str, float]:
    """Scores of a run's network on one part of its data; by choice also what else is seen of it, written there.

    The test part (where there is none, the validation part) of the best weights is written into ``evaluation`` in the
    run folder, any other into a folder in that, such as ``evaluation/val`` and ``evaluation/test-last``.

    Args:
        folder: the run folder.
        split: ``train``, ``val``, ``test`` or another part that the data have.
        checkpoint: ``best``, ``last``, another of the run's checkpoints, or the path of one.
        device: where to compute.
        trusted_targets: modules of your own that the run's config names.
        allow_changed_data: go on where the data are not those that the run was trained with.
        overrides: where the data are now: ``data.path=FILE``, ``data.root=FOLDER``.
        evaluation: how much is written: ``summary``, ``full``, or nothing (``off``).
        tell: hears where it was written, or why not.
        hear: hears how many examples there were so far.
        views: test-time augmentation, see `runner.run.views.views_of`; None asks about each example once. What is
            written goes into a folder of its own, such as ``evaluation/test-flip``.
        beams: another beam search than that of the run, see `runner.run.beams.with_beams`; it goes into a folder of its
            own too, such as ``evaluation/test-beams-4-0.6``.
        length_penalty: likewise.

    Raises:
        ConfigError: these data have no such part, or are not those of the run; or there are no such views of them; or
            no score of the run is of answers that a beam search finds.
    """
    from runner.config.build import build_metrics
    from runner.engine.precision import Precision
    from runner.evaluation.evaluation import FOLDER, scored
    from runner.model.base import Network
    from runner.record.links import refuse_links
    from runner.run.assembly import evaluation_batches, load_data
    from runner.run.beams import with_beams
    from runner.run.ensemble import Ensemble, load_each, scores_of_ensemble
    from runner.run.trained import load
    from runner.run.unchanged import Unchanged
    from runner.run.views import with_views

    network = with_beams(load(folder, checkpoint, device, trusted_targets), beams, length_penalty)
    network = with_views(network, views)
    metrics = build_metrics(network.recipe, network.task)
    searches = beams is not None or length_penalty is not None
    if searches and not any(metric.decoded for metric in metrics):
        raise ConfigError(
            "--beams: no score of this run is of what the network answers by itself, and a beam search changes none. "
            "bleu and chrf are: start runs with metric=[bleu,chrf]. `python -m runner predict` takes --beams too."
        )
    _check_split(split, network.sizes)
    if isinstance(network, Ensemble) and not network.takes_prepared:
        each = load_each(network, list(overrides or []), allow_changed_data)
        if evaluation != "off":
            tell("Its members prepare inputs each in its own way, or vote: there are only the scores.")
        return scores_of_ensemble(network, each, split)[0]
    recipe = network.recipe_at(overrides or [])
    data = load_data(recipe, tell)
    _check_split(split, data.parts)
    place = RunFolder.existing(folder)
    if note := Unchanged(allow_changed_data).check(data, network.fingerprint, network.sizes, network.spec):
        with place.claimed():
            place.update_manifest(evaluated_on_changed_data=note)
    if evaluation != "off":
        refuse_links(place.path)
    scores, seen = scored(
        network.model,
        evaluation_batches(recipe, data.parts[split], network.device, False),
        network.task,
        metrics,
        network.loss,
        Precision(recipe.trainer.precision, network.device),
        evaluation,
        network.transform,
        hear,
    )
    if seen is not None:
        own = (
            split == ("test" if "test" in data.parts else "val")
            and checkpoint == "best"
            and views is None
            and not searches
        )
        name = split if checkpoint == "best" else f"{split}-{Path(checkpoint).stem}"
        name += f"-{views}" if views else ""
        if searches and isinstance(network.model, Network):
            name += f"-beams-{network.model.beams}-{network.model.length_penalty:g}"
        tell(_written(place, seen, split, checkpoint, FOLDER if own else f"{FOLDER}/{name}"))
    elif evaluation != "off":
        tell("The evaluation failed, and there are only the scores; the log of the program has the reason.")
    return scores


def _written(place: RunFolder, seen: Evaluation, split: str, checkpoint: str, into: str) -> str:
    """Write an evaluation where nobody else is at work, and say where, or why not."""
    try:
        if holder := place.lock.take():
            return f"Nothing was written: {holder} is at work on this run."
        try:
            return f"evaluation: {seen.write(place, split, checkpoint, into)}"
        finally:
            place.lock.release()
    except (OSError, ConfigError) as error:
        return f"Nothing was written: {error}"


def _check_split(split: str, parts: Collection[str]) -> None:
    if split not in parts:
        raise ConfigError(
            f"--split {split}: these data have none.{did_you_mean(split, parts)} Expected {' or '.join(parts)}."
        )
