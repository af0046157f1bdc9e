"""The `trainer` group: how long, where and how a network is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval


@dataclass(frozen=True, kw_only=True)
class Checkpointing:
    """When the state of a run is written to its folder.

    ``last.pt`` is also written at the end and on a signal. Writing never takes more than a twentieth of the time:
    the interval grows with the size of the network.

    Args:
        every_seconds: least time between two writes of ``last.pt``, at the end of an update; None writes it at the
            end only.
        every_epochs: also keep ``epoch-NNNN.pt`` at every so many epochs.
        keep_top: also keep ``top-NNNN.pt``, the evaluated weights of so many epochs with the best `monitor`.
    """

    every_seconds: Annotated[float, Ge(0)] | None = 10.0
    every_epochs: Annotated[int, Ge(1)] | None = None
    keep_top: Annotated[int, Ge(1)] | None = None


EvaluationLevel = Literal["summary", "full", "off"]


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Settings of the training loop.

    Args:
        max_epochs: passes over the training split.
        max_steps: optimizer updates after which the run ends, whichever comes first.
        max_time: seconds after which the run ends, over all its sessions.
        eval_every: epochs from one evaluation on the validation split to the next; the last epoch always has one.
        limit_batches: updates per epoch and batches per evaluation (of drawn examples), for trying things out.
        reshuffle: draw another order of the examples in every epoch; else every epoch has the batches of the first.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: number format of forward and backward pass; see `runner.engine.precision`.
        accumulate: micro-batches per update; the update equals one large batch.
        clip_norm: largest global norm of the gradients (Pascanu et al. 2013); None does not clip.
        clip_value: largest absolute value of a gradient's entries; None does not clip.
        clip_adaptive: largest norm of a unit's gradient as a share of the norm of its weights, usually 0.01 to 0.1
            (Brock et al. 2021, adaptive gradient clipping); the last linear layer is left alone; None does not clip.
        on_nonfinite: what to do when the loss or a gradient is not finite: ``stop`` ends the run (noticed when the
            losses are next read, at no cost), ``skip`` leaves the update out (waits for the device in every step).
        compile: compile the network with `torch.compile`; the first steps take longer.
        channels_last: memory format of images; ``auto`` on CUDA.
        deterministic: only deterministic algorithms.
        threads: CPU threads of one operation; None leaves torch's choice.
        log_every: updates from one reading of the losses to the next; at least once an epoch.
        test_weights: weights that are tested and kept in memory at the end.
        evaluation: what is written of the test (without one, of the validation) besides its scores: a ``summary`` as
            JSON, ``full`` with examples, curves and pictures, or nothing (``off``). Trials of a sweep write none.
        images: training images shown in TensorBoard; 0 for none.
        histograms: epochs from one histogram of weights and gradients in TensorBoard to the next; None for none.
        checkpoint: when state is written.
    """

    max_epochs: Annotated[int, Ge(1)] = 20
    max_steps: Annotated[int, Ge(1)] | None = None
    max_time: Annotated[float, Gt(0)] | None = None
    eval_every: Annotated[int, Ge(1)] = 1
    limit_batches: Annotated[int, Ge(1)] | None = None
    reshuffle: bool = True
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    accumulate: Annotated[int, Ge(1)] = 1
    clip_norm: Annotated[float, Gt(0)] | None = None
    clip_value: Annotated[float, Gt(0)] | None = None
    clip_adaptive: Annotated[float, Gt(0)] | None = None
    on_nonfinite: Literal["stop", "skip"] = "stop"
    compile: bool = False
    channels_last: Literal["auto"] | bool = "auto"
    deterministic: bool = False
    threads: Annotated[int, Interval(ge=1, le=1024)] | None = None
    log_every: Annotated[int, Ge(1)] = 50
    test_weights: Literal["best", "last"] = "best"
    evaluation: EvaluationLevel = "summary"
    images: Annotated[int, Ge(0)] = 16
    histograms: Annotated[int, Ge(1)] | None = None
    checkpoint: Checkpointing = field(default_factory=Checkpointing)
