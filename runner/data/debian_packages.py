"""Packages of Debian: which section is each in, told by the words of its description and by who needs whom."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from runner.data.graphs.option import NodesOption
from runner.engine.data import Data
from runner.engine.spec import IGNORED, Field, Spec
from runner.errors import ConfigError, RunFailed, no_file

if TYPE_CHECKING:
    from runner.data.graphs.word_counts import WordCounts


@dataclass(kw_only=True)
class DebianPackages(NodesOption):
    """One graph: its nodes are packages, its edges who needs whom, each taken in both directions.

    Features are counts of the words of a package's description; names and sections are in none. The classes are the
    sections with enough packages; packages of others are nodes of the graph that are in no part and have no class. The
    index changes from day to day: its SHA-256 is the data's fingerprint, and `path` keeps one.

    Attributes:
        path: a file with what ``apt-cache dumpavail`` prints. None: this machine's, after ``apt-get update``.
        vocabulary: words that are counted, at least 1.
        min_packages: packages that a section must have to be a class, at least 2.
    """

    path: str | None = None
    vocabulary: Annotated[int, Ge(1)] = 500
    min_packages: Annotated[int, Ge(2)] = 10
    batch_size: Annotated[int, Ge(1)] | Literal["full"] = 512
    neighbours: tuple[Annotated[int, Ge(1)], ...] = (10, 10)

    def probe(self) -> Spec:
        """How many sections there are is not known before."""
        if self.path is not None and not self._file().is_file():
            raise ConfigError(f"data.path={self.path}: {no_file(self._file())}")
        return Spec("nodes", Field("graph"), Field("class", ()))

    def _file(self) -> Path:
        assert self.path is not None
        return Path(os.path.expanduser(self.path))

    def transform(self) -> WordCounts:
        """See `DataOption.transform`."""
        from runner.data.graphs.packages import words
        from runner.data.graphs.word_counts import WordCounts

        return WordCounts(self.scaling, self.vocabulary, words)

    def load(self) -> Data:
        """Read the index, split the packages by section and count words; see `DataOption.load`."""
        import numpy as np
        import torch

        from runner.data.graphs.modules import Graph
        from runner.data.graphs.packages import packages_of, read_index
        from runner.data.parts.assemble import classes_spec, divide, missing_classes
        from runner.data.source.fingerprint import sha256
        from runner.engine.split import GraphSplit

        content, source = read_index(None if self.path is None else self._file())
        packages = packages_of(content, source)
        counts = Counter(packages.sections)
        classes = sorted(name for name, number in counts.items() if number >= self.min_packages)
        if len(classes) < 2:
            raise RunFailed(
                f"data.min_packages={self.min_packages}: {len(classes)} section(s) have so many packages; expected two "
                "or more. Choose fewer."
            )
        number = {name: i for i, name in enumerate(classes)}
        labels = np.array([number.get(section, IGNORED) for section in packages.sections])
        nodes = np.flatnonzero(labels != IGNORED)
        parts = divide(self, len(nodes), labels[nodes])
        transform = self.transform()
        transform.fit([packages.texts[i] for i in nodes[parts.train]])
        graph = Graph(packages.names, packages.texts, packages.edges)
        features, edges = transform(graph), transform.edges(graph)
        inputs = Field("graph", tuple(features.shape[1:]), names=tuple(transform.words))
        spec = classes_spec(labels[nodes], parts, classes, inputs)
        every = GraphSplit(features, edges, torch.from_numpy(labels), torch.from_numpy(nodes), packages.names)
        digest = sha256(content)
        return Data(
            Spec("nodes", spec.inputs, spec.targets, num_outputs=spec.num_outputs),
            self.parted(every, parts),
            digest,
            transform,
            (
                f"{source}: {len(packages.names):,} packages, {packages.edges.shape[1]:,} times one needs another; "
                f"{len(nodes):,} packages are of {len(classes)} sections with {self.min_packages} or more; SHA-256 "
                f"{digest[:16]}",
                *missing_classes(labels[nodes], parts, classes),
            ),
        )
