"""Feature matching: hidden layers are drawn to those of a trained network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn import functional as F

from runner.compression.hidden.layers import HiddenLayers
from runner.engine.state import seed_for
from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError, counted

if TYPE_CHECKING:
    from runner.engine.batch import Batch
    from runner.engine.fit import Fit


def hint_term(guided: Tensor, hint: Tensor, valid: Tensor | None = None) -> Tensor:
    """``½ mean (u - r(v))²``, over units, positions and examples.

    The paper has the sum in place of the mean; so a weight means the same for layers of every width.

    Args:
        guided: r(v), of the network that learns ``(N, P, D)``.
        hint: u, of the teacher ``(N, P, D)``.
        valid: bool ``(N, P)``, positions that count, of which every example has one; None: all.

    Source: Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", equation 3.
    """
    each = 0.5 * (hint - guided).square().mean(2)
    if valid is None:
        return each.mean()
    return (each.where(valid, 0.0).sum(1) / valid.sum(1).clamp(min=1)).mean()


def attention_term(student: Tensor, teacher: Tensor, valid: Tensor | None = None) -> Tensor:
    """``½ | Q_S / |Q_S| - Q_T / |Q_T| |``, the mean over the batch; Q is ``Σ_d A_d²`` at each position.

    Args:
        student: A_S ``(N, P, D)``.
        teacher: A_T ``(N, P, D')``.
        valid: bool ``(N, P)``, positions that count; None: all.

    Source: Zagoruyko and Komodakis 2017, "Paying More Attention to Attention", equation 2, with p = 2 and β = 1.
    """
    maps = [features.square().sum(2) for features in (student, teacher)]
    if valid is not None:
        maps = [one.where(valid, 0.0) for one in maps]
    own, theirs = (F.normalize(one, dim=1) for one in maps)
    distance: Tensor = torch.linalg.vector_norm(own - theirs, dim=1)
    return 0.5 * distance.mean()


def at_same_positions(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Features as ``(N, P, D)`` and ``(N, P, D')``, at the same positions, at least in float32.

    Maps ``(N, D, H, W)`` of unequal size are brought to the smaller one by the means of their regions, and where one of
    the two is a vector ``(N, D)``, to one position. Sequences ``(N, P, D)`` must be equally long.

    Raises:
        ValueError: they have no positions in common.
    """
    pair = [z.float() if z.element_size() < 4 else z for z in (student, teacher)]
    if 3 in (student.ndim, teacher.ndim):
        if student.ndim != teacher.ndim or student.shape[1] != teacher.shape[1]:
            raise ValueError("they have no positions in common")
        return pair[0], pair[1]
    maps = [z[:, :, None, None] if z.ndim == 2 else z for z in pair]
    height, width = (min(maps[0].shape[dim], maps[1].shape[dim]) for dim in (2, 3))
    maps = [z if z.shape[2:] == (height, width) else F.adaptive_avg_pool2d(z, (height, width)) for z in maps]
    own, theirs = (z.flatten(2).transpose(1, 2) for z in maps)
    return own, theirs


class FeatureMatching(Technique):
    """Add a term to the loss that draws hidden layers to those of a trained network, the teacher.

    Layers are paired in their order: the first of `layers` with the first of `teacher_layers`, and so on; the terms of
    the pairs are added. With `how` ``fitnets`` every unit of the teacher's layer is matched (`hint_term`); where the
    two layers differ in width, a linear map from the narrower to the wider one, at every position (a convolution of one
    pixel), is trained with the network: it is in the run's checkpoints, and no part of the network. ``attention``
    matches where in an image the units are large (`attention_term`), and needs no such map.

    The teacher sees what the network sees, augmentation and mixing included, in evaluation mode. In evaluation neither
    it nor the layers are looked at. The term is computed at least in float32, whatever the run's precision.

    Args:
        teacher: as of ``loss=distillation``; None: the teacher of that loss, which is asked once for both.
        layers: names of layers of the network, or patterns with ``*`` and ``?``; None: what its last layer is given.
        teacher_layers: likewise of the teacher; those of an ensemble are ``members.0.NAME``, ``members.1.NAME``.
        how: what is drawn to what.
        weight: of the term, above 0.

    Raises:
        ConfigError: there is no teacher, or no such layer; layers do not go together.

    Source: Romero et al. 2015, "FitNets: Hints for Thin Deep Nets"; Zagoruyko and Komodakis 2017, "Paying More
    Attention to Attention".
    """

    slot: ClassVar[Slot] = Slot.PENALTY
    not_saved: ClassVar[tuple[str, ...]] = ("teacher", "own", "theirs")

    def __init__(
        self,
        teacher: str | None = None,
        layers: tuple[str, ...] | None = None,
        teacher_layers: tuple[str, ...] | None = None,
        how: Literal["fitnets", "attention"] = "fitnets",
        weight: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        self.path, self.layers, self.teacher_layers = teacher, layers, teacher_layers
        self.how, self.weight = how, weight
        self.regressors = nn.ModuleList()

    def setup(self, fit: Fit) -> None:
        """Load the teacher, find the layers, and make what lies between them."""
        self.fit = fit
        self._take_teacher(fit)
        several = len(self.teacher.members) > 1
        if several and self.teacher_layers is None:
            raise ConfigError(
                f"{self._key('teacher_layers')}: the teacher is an ensemble, and each of its networks has layers. Name "
                "some, such as [members.0.NAME]."
            )
        self.own = HiddenLayers(fit.model, self.layers, self._key("layers"))
        network = self.teacher if several else self.teacher.members[0]
        self.theirs = HiddenLayers(network, self.teacher_layers, self._key("teacher_layers"))
        if len(self.own.names) != len(self.theirs.names):
            raise ConfigError(
                f"{self._key('layers')}: {counted(len(self.own.names), 'layer')} here, and "
                f"{len(self.theirs.names)} in teacher_layers. Expected as many, in the same order."
            )
        with torch.random.fork_rng([]):
            torch.manual_seed(seed_for(fit.state.seed, "feature_matching"))
            self.regressors = nn.ModuleList(self._between(*shapes) for shapes in self._pairs(fit)).to(fit.device)
        if parameters := dict(self.regressors.named_parameters(prefix=self.name)):
            fit.train_also(self.name, parameters)

    def _key(self, name: str) -> str:
        return f"compression.feature_matching.{name}"

    def _take_teacher(self, fit: Fit) -> None:
        shared = fit.loss.teacher
        self.asks = self.path is not None and (shared is None or shared.path != self.path)
        if self.asks:
            assert self.path is not None and fit.load_teacher is not None
            self.teacher = fit.load_teacher(self.path, self._key("teacher"))
            fit.progress.message(f"{self._key('teacher')}: {self.teacher.described}.")
        elif shared is None:
            raise ConfigError(
                f"{self._key('teacher')}: there is none. Give a run folder, or take loss=distillation, whose teacher "
                "is taken then."
            )
        else:
            self.teacher = shared

    def _pairs(self, fit: Fit) -> Iterator[tuple[str, Tensor, Tensor]]:
        """What two examples give in each pair of layers, and how the pair is called."""
        batch = fit.train.read(fit.train.order(0)[:2], kept=True)
        for change in fit.changes(()):
            batch = change(batch)
        fit.model.eval()
        with torch.no_grad():
            each = self.teacher.outputs_of_each(batch)  # which brings it to the device
            assert each
            if self.layers is None:
                self.own.find_last(batch.inputs, batch.more)
            if self.teacher_layers is None:
                self.theirs.find_last(batch.inputs, batch.more)
            self.own.attach()
            self.theirs.attach()
            fit.model(batch.inputs, **batch.more)
            self.teacher.outputs_of_each(batch)
        names = zip(self.own.names, self.theirs.names, strict=True)
        called = [f"{self.own.described(own)} and {self.theirs.described(theirs)}" for own, theirs in names]
        yield from zip(called, self.own.taken(), self.theirs.taken(), strict=True)

    def _between(self, called: str, student: Tensor, teacher: Tensor) -> nn.Module:
        """What brings features of the network to the width of the teacher's."""
        try:
            own, theirs = at_same_positions(student, teacher)
        except ValueError:
            raise ConfigError(
                f"{self._key('layers')}: {called} of the teacher do not go together: they give {tuple(student.shape)} "
                f"and {tuple(teacher.shape)} for two examples. Expected images of any size, vectors, or sequences of "
                "one length."
            ) from None
        if self.how == "attention":
            if own.shape[1] == 1:
                raise ConfigError(
                    f"{self._key('how')}=attention: {called} of the teacher have one position, and there is no more to "
                    "attend to. Name layers that give images or sequences, or take how=fitnets."
                )
            return nn.Identity()
        return nn.Identity() if own.shape[2] == theirs.shape[2] else nn.Linear(own.shape[2], theirs.shape[2])

    def on_epoch_start(self, epoch: int) -> None:
        """Listen."""
        self.own.attach()
        self.theirs.attach()

    @contextmanager
    def around_evaluation(self) -> Iterator[None]:
        """Stop listening, until the next epoch."""
        self.own.detach()
        self.theirs.detach()
        yield

    def output_penalty(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The term, a tensor of no dimensions, at least 0."""
        if self.asks:
            with torch.no_grad():
                if self.fit.precision.dtype is None:
                    self.teacher.outputs_of_each(batch)
                else:
                    with self.fit.precision.autocast():
                        self.teacher.outputs_of_each(batch)
        terms = []
        for regressor, own, theirs in zip(self.regressors, self.own.taken(), self.theirs.taken(), strict=True):
            guided, hint = at_same_positions(own, theirs)
            valid = None
            if own.ndim == 3 and "lengths" in batch.more:
                valid = torch.arange(own.shape[1], device=own.device) < batch.more["lengths"][:, None]
            term = hint_term if self.how == "fitnets" else attention_term
            terms.append(term(regressor(guided), hint, valid))
        return self.weight * torch.stack(terms).sum()

    def state_dict(self) -> dict[str, Any]:
        """What lies between the layers."""
        return {"regressors": self.regressors.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; `setup` comes first."""
        self.regressors.load_state_dict(state["regressors"])
