"""From modules to features: how often each word of a vocabulary occurs in a module."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runner.data.base import Scaling
from runner.data.graphs.modules import Graph
from runner.data.graphs.modules import words as words_of_source
from runner.data.parts.scaling import Floats, Scale, fit_table
from runner.engine.batch import Batch
from runner.engine.transform import Bad, Raw, Transform
from runner.errors import ConfigError, did_you_mean

_FORM = '{"nodes": [{"name": "a", "text": "..."}, ...], "edges": [["a", "b"], ...]}'


class WordCounts(Transform):
    """``log(1 + count)`` of each word of a vocabulary in each module's source, scaled.

    Args:
        scaling: see `runner.data.base.DataOption`.
        vocabulary: words that are counted: those that occur in most of the training modules.
        words: gives those of a text; None: those of a module's source.
    """

    def __init__(self, scaling: Scaling, vocabulary: int, words: Callable[[str], list[str]] | None = None) -> None:
        super().__init__()
        self.scaling, self.size, self.words_of = scaling, vocabulary, words or words_of_source
        self.words: list[str] = []

    def fit(self, raw: Sequence[str]) -> None:
        """Learn vocabulary and scale from the sources of the training modules."""
        modules = Counter(word for text in raw for word in set(self.words_of(text)))
        self.words = sorted(modules, key=lambda word: (-modules[word], word))[: self.size]
        self.scale = fit_table(self._counts(raw), self.scaling)

    def _counts(self, texts: Sequence[str]) -> Floats:
        column = {word: number for number, word in enumerate(self.words)}
        counts = np.zeros((len(texts), len(column)))
        for row, text in zip(counts, texts, strict=True):
            for word, count in Counter(self.words_of(text)).items():
                if word in column:
                    row[column[word]] = count
        return np.log1p(counts)

    def __call__(self, raw: Graph) -> Tensor:
        """Features of all nodes ``(nodes, vocabulary)``."""
        return torch.from_numpy(self.scale.table(self._counts(raw.texts)))

    def edges(self, raw: Graph) -> Tensor:
        """The edges in both directions ``(2, edges)``, each once."""
        return torch.from_numpy(np.unique(np.concatenate((raw.edges, raw.edges[::-1]), axis=1), axis=1))

    def batch(self, raw: Graph) -> Batch:
        """The graph, and all its nodes asked for."""
        inputs = self(raw)
        more = {"edges": self.edges(raw), "nodes": torch.arange(len(inputs))}
        return Batch(inputs, torch.empty(0), more, len(inputs))

    def read(self, sources: Sequence[str], size: int) -> Iterator[Raw | Bad]:
        """Graphs, a JSON file each, whole: no edge is cut. A node without a text is left out with its edges.

        Raises:
            ConfigError: a file is not there or holds no graph, or an edge leads to a node that is not there.
        """
        for source in sources:
            yield from self._graph(source)

    def _graph(self, source: str) -> Iterator[Raw | Bad]:
        try:
            content = json.loads(sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8"))
            nodes, edges = content["nodes"], [(str(a), str(b)) for a, b in content["edges"]]
            texts = {str(node["name"]): node.get("text") for node in nodes}
        except OSError as error:
            raise ConfigError(f"{source}: can't be read: {error.strerror}.") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"{source}: holds no graph ({type(error).__name__}: {error}). Expected {_FORM}."
            ) from error
        if len(texts) < len(nodes):
            raise ConfigError(f"{source}: {len(nodes) - len(texts)} node(s) have the name of another. Rename them.")
        for name in (name for edge in edges for name in edge):
            if name not in texts:
                raise ConfigError(f"{source}: an edge names {name!r}, which is no node.{did_you_mean(name, texts)}")
        good = {name: text for name, text in texts.items() if isinstance(text, str)}
        for name in texts.keys() - good.keys():
            yield Bad(f"{source}:{name}", "has no text.")
        number = {name: i for i, name in enumerate(good)}
        pairs = sorted({(number[a], number[b]) for a, b in edges if a != b and a in number and b in number})
        if good:
            graph = Graph(list(good), list(good.values()), np.array(pairs, dtype=np.int64).reshape(-1, 2).T)
            yield Raw(graph, [f"{source}:{name}" for name in good])

    def state_dict(self) -> dict[str, Any]:
        """The vocabulary, shift and spread of each count."""
        return {"words": self.words, "shift": self.scale.shift.tolist(), "spread": self.scale.spread.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.words, self.scale = state["words"], Scale(np.array(state["shift"]), np.array(state["spread"]))
