"""Packages of AOTInductor: machine code, run by torch."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from runner.errors import RunFailed
from runner.model.exported.network import Exported, ExportedNetwork, shortened


class Network(ExportedNetwork):
    """Machine code, for processors with the instructions of the one that it was made on.

    Raises:
        RunFailed: the file is none.
    """

    def __init__(self, path: Path, exported: Exported, content: bytes) -> None:
        super().__init__(path, exported)
        from torch._inductor import aoti_load_package

        try:
            with distutils_as_they_are():
                self.compiled = aoti_load_package(io.BytesIO(content))
        except Exception as error:  # of many kinds
            raise RunFailed(f"{path}: torch can't run it ({shortened(error)}).") from error

    def run(self, given: Sequence[Tensor]) -> Tensor:
        """See `ExportedNetwork.run`."""
        outputs: Tensor = self.compiled(*given)
        return outputs.float()


@contextmanager
def distutils_as_they_are() -> Iterator[None]:
    """Let torch import setuptools where pip or Python's own distutils were imported before, which that refuses.

    Setuptools then leaves the distutils of Python where they are. From Python 3.12 on there are none to leave.
    """
    key = "SETUPTOOLS_USE_DISTUTILS"
    if key in os.environ or "setuptools" in sys.modules or sys.version_info >= (3, 12):
        yield
        return
    os.environ[key] = "stdlib"
    try:
        yield
    finally:
        del os.environ[key]
