"""Modules of Python's own library: which package is each from, told by its words and by who imports whom."""

import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge

from runner.data.graphs.option import NodesOption
from runner.data.source.fingerprint import combine, sha256
from runner.engine.data import Data
from runner.engine.spec import IGNORED, Field, Spec
from runner.errors import RunFailed

if TYPE_CHECKING:
    from runner.data.graphs.word_counts import WordCounts

# Not the library itself: what was installed, and tests, which not every system has.
_LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})


@dataclass(kw_only=True)
class PythonImports(NodesOption):
    """One graph: its nodes are modules, its edges imports, each taken in both directions.

    Features are counts of the words of a module's own source; vocabulary and scaling come from the training nodes. The
    classes are the packages with enough modules; modules of other packages are nodes of the graph that are in no part
    and have no class. The words of imports are not counted: the edges tell them.

    Attributes:
        vocabulary: words that are counted, at least 1.
        min_modules: modules that a package must have to be a class, at least 2.
    """

    vocabulary: Annotated[int, Ge(1)] = 1000
    min_modules: Annotated[int, Ge(2)] = 10

    def probe(self) -> Spec:
        """How many packages there are is not known before."""
        return Spec("nodes", Field("graph"), Field("class", ()))

    def transform(self) -> "WordCounts":
        """See `DataOption.transform`."""
        from runner.data.graphs.word_counts import WordCounts

        return WordCounts(self.scaling, self.vocabulary)

    def load(self) -> Data:
        """Read the library of the Python that runs this; see `DataOption.load`."""
        import torch

        from runner.data.graphs.modules import graph_of
        from runner.data.parts.assemble import classes_spec, divide, missing_classes
        from runner.engine.split import GraphSplit

        graph = graph_of(Path(sysconfig.get_path("stdlib")), _LEFT_OUT)
        packages = Counter(name.partition(".")[0] for name in graph.names)
        classes = sorted(name for name, modules in packages.items() if modules >= self.min_modules)
        if len(classes) < 2:
            raise RunFailed(
                f"data.min_modules={self.min_modules}: {len(classes)} package(s) of Python's library have so many; "
                "expected two or more. Choose fewer."
            )
        number = {name: i for i, name in enumerate(classes)}
        labels = np.array([number.get(name.partition(".")[0], IGNORED) for name in graph.names])
        nodes = np.flatnonzero(labels != IGNORED)
        parts = divide(self, len(nodes), labels[nodes])
        transform = self.transform()
        transform.fit([graph.texts[i] for i in nodes[parts.train]])
        features, edges = transform(graph), transform.edges(graph)
        spec = classes_spec(
            labels[nodes], parts, classes, Field("graph", tuple(features.shape[1:]), names=tuple(transform.words))
        )
        every = GraphSplit(features, edges, torch.from_numpy(labels), torch.from_numpy(nodes), graph.names)
        version = ".".join(map(str, sys.version_info[:3]))
        return Data(
            Spec("nodes", spec.inputs, spec.targets, num_outputs=spec.num_outputs),
            self.parted(every, parts),
            combine([*graph.names, *(sha256(text.encode()) for text in graph.texts)]),
            transform,
            (
                f"Python {version}: {len(graph.names):,} modules, {graph.edges.shape[1]:,} imports; "
                f"{len(nodes):,} modules are of {len(classes)} packages with {self.min_modules} or more",
                *missing_classes(labels[nodes], parts, classes),
            ),
        )
