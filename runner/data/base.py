"""The base of every data option: the settings they all have, and what the engine asks of them."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Interval, Le

from runner.engine.data import Data
from runner.engine.spec import Field, Spec
from runner.engine.transform import Transform
from runner.errors import ConfigError
from runner.fetch.published import Published

if TYPE_CHECKING:
    import polars as pl

Scaling = Literal["none", "standard", "minmax"]
TableScaling = Literal["none", "standard", "minmax", "robust", "quantile", "power"]
ImageScaling = Literal["none", "standard", "minmax", "imagenet", "symmetric"]
TargetScaling = Literal["none", "standard"]


@dataclass(kw_only=True)
class DataOption:
    """A data set as chosen in the config.

    Subclasses live one per file in ``runner/data``, add their own fields and implement `probe` and `load`.

    Attributes:
        batch_size: examples per micro-batch, at least 1; ``full`` takes the whole training part at once (gradient
            descent as in the textbooks: no noise, one update per epoch).
        drop_last: leave out the last training batch of an epoch when it is short.
        num_workers: processes that read examples when the data doesn't fit in memory; 0 reads in the main one.
        split: shares of train, val and test, each at least 0, sum 1; train and val above 0. No test share: no test.
        split_seed: seed of the split, at least 0. The seed of the run never moves an example to another part.
        fraction: share of the training part that is kept, in (0, 1]; stratified, and a smaller one is contained in
            every larger one. For learning curves over the amount of data; val and test stay whole.
        folds: divide train and val anew into so many folds, at least 2, for cross-validation: by class, or in whole
            groups. One of them is val, the others are train; the test part stays what it is. None: no folds.
        fold: which fold is val, 0 to ``folds - 1``.
        scaling: ``standard`` (mean 0, standard deviation 1), ``minmax`` (0 to 1) or ``none``, per feature of a table
            or channel of an image, with statistics of the training part only. Pixels left as they are lie in [0, 1].
        published: what must be fetched where it is not on the machine.

    Raises:
        ConfigError: the shares of `split` are no shares, or there is no such fold.
    """

    batch_size: Annotated[int, Ge(1)] | Literal["full"] = 32
    drop_last: bool = False
    num_workers: Annotated[int, Interval(ge=0, le=1024)] = 0
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    split_seed: Annotated[int, Ge(0)] = 0
    fraction: Annotated[float, Gt(0), Le(1)] = 1.0
    folds: Annotated[int, Ge(2)] | None = None
    fold: Annotated[int, Ge(0)] = 0
    scaling: Scaling = "standard"
    published: ClassVar[tuple[Published, ...]] = ()

    def __post_init__(self) -> None:
        train, val, test = self.split
        if not math.isclose(train + val + test, 1.0, abs_tol=1e-6) or train <= 0 or val <= 0 or test < 0:
            raise ConfigError(
                f"data.split={list(self.split)}: expected three shares (train, val, test) that sum to 1, train and val "
                "above 0, such as [0.7,0.15,0.15]."
            )
        if self.fold >= (self.folds or 1):
            expected = f"0 to {self.folds - 1}" if self.folds else "data.folds=K beside it, for cross-validation"
            raise ConfigError(f"data.fold={self.fold}: there is no such fold. Expected {expected}.")

    def probe(self) -> Spec:
        """What is known without loading.

        Raises:
            ConfigError: the settings can't work: a missing file, an unknown column.
        """
        raise NotImplementedError

    @property
    def contiguous(self) -> bool:
        """Whether training batches go on where the one before ended; see `runner.engine.split.Split.contiguous`."""
        return False

    def transform(self) -> Transform | None:
        """A transform as the settings say, not fitted: to be given the state that a checkpoint holds.

        Returns:
            None where there are no raw examples that a user could have.
        """
        return None

    def load(self) -> Data:
        """Read, split, fit the preprocessing on the training part and apply it to all parts.

        Raises:
            RunFailed: the data is not to be had or is damaged.
        """
        raise NotImplementedError


@dataclass(kw_only=True)
class ImageOption(DataOption):
    """Images, which may be taken as series.

    Attributes:
        as_sequence: give the rows of each image as the steps of a series: ``(channels, height, width)`` becomes
            ``(height, channels * width)``. Recurrent networks read images that way by themselves; this is for other
            networks, and shuts out augmentations of images.
        scaling: also ``imagenet`` (mean and standard deviation of the colours of ImageNet) or ``symmetric`` (to [-1,
            1]), which pretrained weights expect.
    """

    scaling: ImageScaling = "standard"  # type: ignore[assignment]
    as_sequence: bool = False

    @property
    def inputs(self) -> Field:
        """What an example is."""
        return Field("series" if self.as_sequence else "image")

    def transform(self) -> Transform:
        """See `DataOption.transform`; how large the images are comes with the state."""
        from runner.data.image.files import Pixels

        return Pixels(self.scaling, as_sequence=self.as_sequence)


@dataclass(kw_only=True)
class TableOption(DataOption):
    """Rows of a table.

    Attributes:
        scaling: of numbers, with statistics of the training part only: ``standard``, ``minmax`` (0 to 1), ``robust``
            (by median and distance of the quartiles), ``quantile`` (to normal scores), ``power`` (Yeo-Johnson, then as
            ``standard``) or ``none``.
    """

    scaling: TableScaling = "standard"  # type: ignore[assignment]

    def raw(self) -> "pl.DataFrame | None":
        """The columns that features are made of as they stand in a file, gaps null; None where there is no file."""
        return None
