"""Any encoder of the library transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.fetch.folder import checked
from runner.model.base import Network
from runner.model.layers.dropout import DropoutRate, dropout_layer
from runner.model.minilm import mean
from runner.model.weights.published import Weights

# Kinds whose first place is behind that of the padding.
_SHIFTED = ("roberta", "xlm-roberta", "camembert", "mpnet", "xlm-roberta-xl", "roberta-prelayernorm")


class Transformers(Network):
    """The network in a local folder of transformers, as ``network``; of encoder-decoders the encoder.

    Nothing is downloaded, no program in the folder is run, and weights are read from safetensors only. With
    ``init=pretrained`` it has the folder's weights, and the data must have its vocabulary
    (``data.tokenizer_file=FOLDER``). A text is the mean over its tokens. The folder's ``config.json`` must still be
    there when the trained network is used. Shapes: tokens ``(N, T)`` to ``(N, num_outputs)``, or ``(N, T,
    num_outputs)`` where tokens are tagged.

    Args:
        spec: facts about the data, which must be texts.
        path: of the folder, which has ``config.json`` and ``*.safetensors``.
        dropout: probability of dropping a number in front of the last layer, in [0, 1); within it is as in its file.

    Raises:
        ConfigError: transformers is not installed; the folder has no configuration, or weights in pickles only; its
            network is not one that transformers knows.

    Source: Wolf et al. 2020, "Transformers: State-of-the-Art Natural Language Processing".
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel", "regression", "tagging")
    published: ClassVar[bool] = True
    activation = "gelu"

    def __init__(self, spec: Spec, path: str, dropout: DropoutRate = 0.1) -> None:
        super().__init__()
        self.path = path
        self.folder = checked(path, "model.path")
        library = _library()
        try:
            config = library.AutoConfig.from_pretrained(self.folder, trust_remote_code=False, local_files_only=True)
            whole = library.AutoModel.from_config(config, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError, ImportError, json.JSONDecodeError) as error:
            raise ConfigError(
                f"model.path={path}: can't be made a network ({' '.join(str(error).split())})."
            ) from error
        self.network: nn.Module = _encoder(whole)
        self.entries: int = config.get_text_config().vocab_size
        assert spec.inputs is not None and spec.inputs.size is not None
        self.register_buffer("numbers", torch.arange(spec.inputs.size).clamp(max=self.entries - 1))
        self.places = getattr(config, "max_position_embeddings", 0) or 0
        if self.places and config.model_type in _SHIFTED:
            self.places -= config.pad_token_id + 1
        self.at_every_token = spec.task == "tagging"
        self.dropout = dropout_layer(dropout)
        self.output = nn.Linear(config.get_text_config().hidden_size, spec.num_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(N, T)``, padded at their ends, to outputs.

        Args:
            x: the tokens; those behind the last place of the network are not read.
            lengths: tokens of each ``(N,)``, at least 1; None: all.

        Raises:
            ConfigError: every token is to be tagged, and there are more than places.
        """
        if self.places and x.shape[1] > self.places:
            if self.at_every_token:
                raise ConfigError(
                    f"model.path={self.path}: reads {self.places} tokens. Give data.longest={self.places}."
                )
            x = x[:, : self.places]
            lengths = None if lengths is None else lengths.clamp(max=self.places)
        inside = torch.ones_like(x)
        if lengths is not None:
            inside = (torch.arange(x.shape[1], device=x.device) < lengths[:, None]).long()
        numbers: Tensor = self.numbers  # type: ignore[assignment]
        x = self.network(input_ids=numbers[x], attention_mask=inside).last_hidden_state
        return self.output(self.dropout(x if self.at_every_token else mean(x, lengths)))  # type: ignore[no-any-return]

    def pretrained(self, name: str | None, given: Mapping[str, Tensor] | None) -> Weights:
        """See `Network.pretrained`; they are those of the folder."""
        if name is not None or given:
            raise ConfigError("init.weights: model=transformers takes the weights of its folder. Leave it null.")
        state: dict[str, Tensor] = {"numbers": torch.arange(self.entries)}
        if given is None:
            whole = _library().AutoModel.from_pretrained(
                self.folder, trust_remote_code=False, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            state |= {f"network.{name}": tensor for name, tensor in _encoder(whole).state_dict().items()}
        tokenizer = self.folder / "tokenizer.json"
        try:
            behind = json.loads(tokenizer.read_text(encoding="utf-8")).get("post_processor") or {}
        except (OSError, ValueError):
            behind = {"type": "BertProcessing"} if (self.folder / "vocab.txt").is_file() else {}
        enclosed = behind.get("type") in ("TemplateProcessing", "BertProcessing", "RobertaProcessing")
        return Weights(state, str(self.folder), vocabulary=self.path, enclosed=enclosed, tokens="numbers")


def _encoder(whole: Any) -> nn.Module:
    """The part of a network that gives a vector for each token."""
    network: nn.Module = whole.get_encoder() if whole.config.is_encoder_decoder else whole
    if isinstance(getattr(network, "pooler", None), nn.Module):  # made for a task of their own training
        network.pooler = None  # type: ignore[assignment]
    return network


def _library() -> Any:
    try:
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise ConfigError(
            "model=transformers: transformers is not installed. Run `pip install 'runner[transformers]'`."
        ) from error
    silent: Any = logging.disable_progress_bar
    silent()
    return transformers
