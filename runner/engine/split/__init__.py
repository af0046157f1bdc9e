"""The examples of one part of the data, in the forms that the engine can take them."""

from runner.engine.split.base import Split
from runner.engine.split.captions import CaptionSplit
from runner.engine.split.files import DatasetSplit
from runner.engine.split.graph import GraphSplit
from runner.engine.split.graphs import GraphsSplit
from runner.engine.split.lanes import LaneSplit
from runner.engine.split.neighbours import NeighbourSplit
from runner.engine.split.scaled import ScaledSplit
from runner.engine.split.sequences import SequenceSplit
from runner.engine.split.stream import StreamSplit
from runner.engine.split.tensors import TensorSplit
from runner.engine.split.windows import WindowSplit

__all__ = [
    "CaptionSplit",
    "DatasetSplit",
    "GraphSplit",
    "GraphsSplit",
    "LaneSplit",
    "NeighbourSplit",
    "ScaledSplit",
    "SequenceSplit",
    "Split",
    "StreamSplit",
    "TensorSplit",
    "WindowSplit",
]
