"""The voltage of a nerve cell's membrane."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runner.data.series.columns import Series
from runner.data.series.option import SeriesOption
from runner.data.source.fingerprint import sha256
from runner.engine.data import Data
from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.data.series.windows import Windows

# A current makes the cell fire from step 1,000 to 11,000; before and after there is nothing to tell.
_FIRING = slice(1_000, 11_000)


@dataclass(kw_only=True)
class Membrane(SeriesOption):
    """10,000 steps of one series while the cell fires: slow rises, spikes of 20 steps, some 60 of them.

    Source: ``membrane.dat``, sample data of Matplotlib, which doesn't tell its unit or where it was recorded.
    """

    def transform(self) -> "Windows":
        """See `DataOption.transform`."""
        from runner.data.series.windows import Windows

        return Windows(
            self.scaling,
            ("voltage",),
            self.length,
            self.stride,
            self.horizon,
            self.forecast,
            strategy=self.strategy,
        )

    def load(self) -> Data:
        """Read the bundled file; see `DataOption.load`."""
        found = importlib.util.find_spec("matplotlib")
        folder = Path(found.origin).parent if found and found.origin else Path()
        path = folder / "mpl-data" / "sample_data" / "membrane.dat"
        if not path.is_file():
            raise RunFailed(f"{path} is not on this machine: it comes with Matplotlib. Run `pip install matplotlib`.")
        content = path.read_bytes()
        voltage = np.frombuffer(content, dtype="<f4").astype(np.float64)[_FIRING, None]
        transform = self.transform()
        return self.windows([Series(voltage)], transform, transform.columns, sha256(content))
