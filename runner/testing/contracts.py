"""What networks, losses, metrics, tasks and data promise, looked at on what a trained network gives for examples."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from runner.engine.batch import Batch
from runner.engine.meter import Meter, Result
from runner.engine.task import Task
from runner.run import load
from runner.run.assembly import load_data

if TYPE_CHECKING:
    from runner.engine.data import Data
    from runner.engine.loss import Loss
    from runner.engine.metric import Metric
    from runner.engine.split import Split
    from runner.run import TrainedNetwork
    from runner.testing.option import TestedOption

_SOME = 24  # examples that are looked at


def trained(option: TestedOption, folder: Path) -> tuple[TrainedNetwork, Data]:
    """The network of a run, and the data it was trained with."""
    network = load(folder, trusted_targets=list(option.trusted_targets))
    return network, load_data(network.recipe)


def outputs_of(option: TestedOption, folder: Path) -> tuple[Task, list[Batch], list[Tensor]]:
    """The task, some validation examples one by one, and what the network gives for each."""
    network, data = trained(option, folder)
    batches = [data.val.read(torch.tensor([row])) for row in range(min(_SOME, len(data.val)))]
    return network.task, batches, [network.outputs(batch) for batch in batches]


def loss_of(option: TestedOption, folder: Path) -> Loss:
    """The loss of a run."""
    return trained(option, folder)[0].loss


def _together(batches: list[Batch], outputs: list[Tensor]) -> list[tuple[Batch, Tensor]]:
    """All in one batch where they are of one shape, as they are otherwise."""
    alike = len({(batch.inputs.shape, batch.targets.shape) for batch in batches}) == 1
    one_graph = batches[0].inputs.shape[0] != batches[0].examples
    if not alike or one_graph or any(batch.more for batch in batches):
        return list(zip(batches, outputs, strict=True))
    inputs, targets = torch.cat([b.inputs for b in batches]), torch.cat([b.targets for b in batches])
    return [(Batch(inputs, targets, units=sum(b.units for b in batches)), torch.cat(outputs))]


def check_task(task: Task, batches: list[Batch], outputs: list[Tensor]) -> None:
    """One row an example, which JSON can hold; predictions like the targets; probabilities; ensembles of equals."""
    for batch, given in _together(batches, outputs):
        task.check_targets(batch)
        task.check(given, batch)
        predictions = task.predict(given)
        assert len(predictions) == batch.examples, f"{len(predictions)} predictions for {batch.examples} examples"
        assert predictions.ndim == batch.targets.ndim, "predictions have other dimensions than the targets"
        rows = task.rows(given)
        assert len(rows) == batch.examples, f"{len(rows)} rows for {batch.examples} examples"
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows, "rows hold more than plain values"
        assert len({tuple(row) for row in rows}) == 1, "rows differ in their columns, so that they are no table"
        together = task.combine(torch.stack([given, given]))
        assert together.shape == given.shape, "an ensemble gives another shape than its members"
        torch.testing.assert_close(task.predict(together).double(), predictions.double())
        if type(task).probabilities is not Task.probabilities:
            shares = task.probabilities(given)
            assert bool(((shares >= 0) & (shares <= 1)).all()), "probabilities outside of [0, 1]"


def check_metric(metric: Any, task: Task, batches: list[Batch], outputs: list[Tensor]) -> None:
    """The same value however examples are grouped; one example and a missing class give a number or NaN."""
    made: Metric = metric()
    whole = _value(made, task, _together(batches, outputs))
    apart = _value(made, task, list(zip(batches, outputs, strict=True)))
    close = math.isclose(whole, apart, rel_tol=1e-5, abs_tol=1e-7) or (math.isnan(whole) and math.isnan(apart))
    assert close, f"{made.name} is {whole} of all examples together and {apart} one by one"
    _value(made, task, [(batches[0], outputs[0])])
    for few in _of_one_class(batches):
        _value(made, task, [(batches[number], outputs[number]) for number in few])


def _value(metric: Metric, task: Task, given: list[tuple[Batch, Tensor]]) -> float:
    meter = Meter(task, [metric])
    for batch, outputs in given:
        meter.add([Result(torch.tensor(0.0), outputs, batch, batch.units, outputs if metric.decoded else None)])
        meter.fold()
    value = meter.read()[metric.name]
    assert not math.isinf(value), f"{metric.name} is infinite"
    return value


def _of_one_class(batches: list[Batch]) -> list[list[int]]:
    """The numbers of the examples of each class, where the target is one."""
    classes: dict[int, list[int]] = {}
    for number, batch in enumerate(batches):
        if batch.targets.ndim == 1 and not batch.targets.is_floating_point():
            classes.setdefault(int(batch.targets[0]), []).append(number)
    return list(classes.values())


def check_loss(task: Task, batches: list[Batch], outputs: list[Tensor], loss: Loss) -> None:
    """A mean with gradients: examples given twice change it little; also of one example, or of one class only."""
    together = _together(batches, outputs)
    for batch, given in together:
        given = given.clone().requires_grad_()
        value = loss(given, batch)
        assert value.shape == (), f"gives shape {tuple(value.shape)}. Expected a tensor of no dimensions"
        (gradient,) = torch.autograd.grad(value, given)
        assert bool(gradient.isfinite().all()), "gradients are not finite"
        assert float(gradient.abs().sum()) > 0, "no gradient reaches the outputs"
        units = loss.units(batch)
        assert float(units) > 0, f"a batch of {float(units)} units"
    for batch, given in together[:1]:
        if batch.examples > 1 and not batch.more:
            both = torch.cat([batch.targets, batch.targets])
            twice = Batch(torch.cat([batch.inputs, batch.inputs]), both, units=2 * batch.units)
            one, two = float(loss(given, batch)), float(loss(torch.cat([given, given]), twice))
            assert math.isclose(one, two, rel_tol=0.02, abs_tol=1e-6), f"no mean: {one} of a batch, {two} of it twice"
            shares = torch.nn.functional.one_hot(batch.targets, task.spec.num_outputs) if loss.soft_targets else None
            if shares is not None and batch.targets.ndim == 1 and task.spec.num_outputs == task.spec.num_classes:
                soft = float(loss(given, batch.changed(targets=shares.to(given.dtype))))
                assert math.isclose(one, soft, rel_tol=1e-4), f"{one} of classes, {soft} of the same as probabilities"
    assert math.isfinite(float(loss(outputs[0], batches[0]))), "not finite of one example"
    for few in _of_one_class(batches):
        for batch, given in _together([batches[n] for n in few], [outputs[n] for n in few]):
            assert math.isfinite(float(loss(given, batch))), "not finite where a class is missing"


def check_model(option: TestedOption, folder: Path) -> None:
    """In evaluation an example has the same outputs alone and among others, and a second time."""
    network, data = trained(option, folder)
    rows = torch.arange(min(_SOME, len(data.val)))
    batch = data.val.read(rows)
    first, again = network.outputs(batch), network.outputs(batch)
    assert torch.equal(first, again), "gives other outputs when it is asked again"
    for row in rows[:3].tolist():
        alone = network.outputs(data.val.read(rows[row : row + 1]))[0]
        among = first[row] if alone.shape == first[row].shape else first[row][tuple(map(slice, alone.shape))]
        torch.testing.assert_close(alone, among, rtol=1e-3, atol=1e-4)


def check_data(option: TestedOption) -> None:
    """Probed and loaded alike, divided in one way only, no part in another, a transform that can be kept."""
    from runner.config.check import check_run
    from runner.run import compose

    chosen = check_run(compose(option.words, option.config_dir)).data
    known, data, again = chosen.probe(), chosen.load(), chosen.load()
    for part, told, found in (
        ("inputs", known.inputs, data.spec.inputs),
        ("targets", known.targets, data.spec.targets),
    ):
        assert found is not None, f"nothing is known of the {part}"
        if told is not None:
            assert told.kind == found.kind, f"{part} are {told.kind} before loading and {found.kind} then"
            assert told.size in (None, found.size), f"{part} have size {told.size} before loading and {found.size} then"
            assert told.shape in (None, found.shape), f"{part} have another shape before loading than then"
    assert known.task in (None, data.spec.task), "another task before loading than then"
    assert type(data.spec).from_plain(data.spec.plain()) == data.spec, "what is known of it can't be kept"
    assert data.fingerprint == again.fingerprint, "another fingerprint when it is loaded again"
    assert {"train", "val"} <= set(data.parts), f"parts: {', '.join(data.parts)}. Expected train and val"
    for name, split in data.parts.items():
        assert len(split), f"{name} is empty"
        for one, other in zip(_read(split), _read(again.parts[name]), strict=True):
            assert torch.equal(one, other), f"other examples in {name} when it is loaded again"
    _check_apart(data)
    fitted, fresh = data.transform, chosen.transform()
    if fitted is not None and fresh is not None:
        fresh.load_state_dict(fitted.state_dict())
        assert repr(fresh.state_dict()) == repr(fitted.state_dict()), "what its transform learnt can't be taken back"


def _read(part: Split, number: int = _SOME) -> tuple[Tensor, Tensor]:
    batch = part.read(torch.arange(min(number, len(part))))
    return batch.inputs, batch.targets


def _check_apart(data: Data) -> None:
    """Most examples of a part must not stand in train; a few may, as real data repeat themselves."""
    if data.spec.inputs is None or data.spec.inputs.kind == "graph":
        return  # whose parts share their inputs
    seen = {_bytes(data.train, row) for row in range(min(len(data.train), 5000))}
    for name, part in data.parts.items():
        if name != "train":
            rows = range(min(len(part), 200))
            twice = sum(_bytes(part, row) in seen for row in rows)
            assert 2 * twice <= len(rows), f"{twice} of {len(rows)} examples of {name} stand in train too"


def _bytes(part: Split, row: int) -> bytes:
    batch = part.read(torch.tensor([row]))
    return batch.inputs.contiguous().numpy().tobytes() + batch.targets.contiguous().numpy().tobytes()
