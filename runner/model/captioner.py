"""From images to sequences of words: a residual network and a decoder that looks at the cells of its map."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn

from runner.engine.spec import Kind, Spec
from runner.errors import ConfigError
from runner.model.backbone.stages import Depth, OutputStride, Stages
from runner.model.layers.answering import Answering, LengthPenalty
from runner.model.layers.dropout import DropoutRate
from runner.model.layers.recurrent import Units


class Captioner(Answering):
    """A residual network reads an image, and a GRU that looks at the cells of its last map tells the words.

    The decoder begins with ``tanh(U h)``, h being the mean of the cells. How it looks and tells: see
    `runner.model.layers.answering.Answering`; attention is soft, as in section 4.2 of the paper, but with the score and
    the output of Luong et al. 2015. Cells are normalized (layer norm), without which hardly any attention is learnt in
    thousands of updates, and a learned vector of each one's place is added, as convolutions hardly tell where they are.

    Args:
        spec: facts about the data: images, and tokens for targets.
        depth: number of layers of the residual network; see `runner.model.resnet.ResNet`, also for how it is fitted to
            small images.
        width: factor on the number of its channels, above 0.
        output_stride: pixels of the image, along a side, that a cell of the last map stands for, at most.
        hidden: units of the decoder, and features of a cell that it sees.
        embedding: numbers that stand for each token.
        dropout: probability of dropping a number of an embedding, or a feature before the last layer, in [0, 1).
        beams: answers that are followed at once where the network decodes from its own; 1: the most probable token.
        length_penalty: by how much longer answers are preferred, at least 0; see `beam_search`.
        longest: tokens of an answer, at most, where it is decoded from the network's own.

    Raises:
        ConfigError: the data ask for no sequences; `output_stride` is too small for such images.

    Source: Xu et al. 2015, "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention".
    """

    takes: ClassVar[tuple[Kind, ...]] = ("image",)
    tasks: ClassVar[tuple[str, ...]] = ("sequence",)

    def __init__(
        self,
        spec: Spec,
        depth: Depth = 20,
        width: Annotated[float, Gt(0)] = 1.0,
        output_stride: OutputStride = 8,
        hidden: Units = 128,
        embedding: Units = 64,
        dropout: DropoutRate = 0.0,
        beams: Units = 1,
        length_penalty: LengthPenalty = 0.6,
        longest: Units = 50,
    ) -> None:
        super().__init__()
        if "decoder_inputs" not in spec.more:
            raise ConfigError(
                "model=captioner: answers with sequences of words, and these data want no such answers. Take "
                "model=resnet, or data with captions (data=coco data.task=captions)."
            )
        self.beams, self.length_penalty, self.longest = beams, length_penalty, longest
        self.backbone = Stages(spec, depth, width, output_stride)
        stride, (_, height, wide) = self.backbone.strides[-1], spec.input_shape
        cells = -(-height // stride), -(-wide // stride)
        self.cell = nn.Linear(self.backbone.channels[-1], hidden)
        self.norm = nn.LayerNorm(hidden)
        self.place = nn.Parameter(torch.zeros(hidden, *cells))
        self.begin = nn.Linear(hidden, hidden)
        self.answer_with(spec, hidden, embedding, True, dropout)

    def forward(self, x: Tensor, decoder_inputs: Tensor | None = None) -> Tensor:
        """Images ``(N, C, H, W)`` to logits of the answers ``(N, S, num_outputs)``.

        Args:
            x: the images.
            decoder_inputs: see `Answering.answer`.
        """
        cells = self.backbone(x)[-1].flatten(2).transpose(1, 2)  # (N, cells, channels)
        read = self.norm(self.cell(cells)) + self.place.flatten(1).T
        state = torch.tanh(self.begin(read.mean(1)))[None]
        return self.answer(read, torch.ones_like(read[..., 0], dtype=torch.bool), state, decoder_inputs)
