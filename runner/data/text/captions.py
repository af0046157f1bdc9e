"""From images and what is written under them to what the engine takes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from runner.data.text.tokenizer import Tokenizer
from runner.engine.data import Data
from runner.engine.spec import END, PADDING, START, Spec
from runner.engine.split import CaptionSplit
from runner.engine.split.sequences import ragged
from runner.errors import RunFailed


def captions(tokenizer: Tokenizer, images: Data, texts: Mapping[str, Sequence[Sequence[str]]]) -> Data:
    """Images, each with any number of captions, every one of which is an example.

    Args:
        tokenizer: not fitted.
        images: with whatever targets.
        texts: by part the captions of each image.

    Raises:
        RunFailed: a part has no caption.
    """
    for part, found in texts.items():
        if not any(found):
            raise RunFailed(f"{part}: none of its {len(found)} images has a caption. Expected some.")
    tokenizer.fit([text for found in texts["train"] for text in found])
    end = torch.tensor([END])

    def split(part: str) -> CaptionSplit:
        of = torch.tensor([number for number, found in enumerate(texts[part]) for _ in found])
        told = [torch.cat((tokenizer.encode(text), end)) for found in texts[part] for text in found]
        return CaptionSplit(images.parts[part], of, *ragged(told), PADDING, START)

    spec = Spec(
        "sequence",
        images.spec.inputs,
        tokenizer.named,
        {"decoder_inputs": tokenizer.field},
        num_outputs=len(tokenizer.vocabulary),
    )
    return replace(images, spec=spec, parts={part: split(part) for part in texts})
