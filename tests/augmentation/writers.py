"""A folder of the library transformers with a small network from sequence to sequence."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

WORDS = ("<pad>", "</s>", "<unk>", "car", "auto", "text", "big", "large", "tree", *map(str, range(10)))


def write_writer(folder: Path) -> Path:
    """A T5 that was taught to write for each of `WORDS` the next of them; of several words it was taught nothing."""
    for part in _taught():
        part.save_pretrained(folder)
    return folder


@cache
def _taught() -> tuple[Any, Any]:
    """Vocabulary and network, taught once for all tests of a process."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    library = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    named = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=library, **named)
    sizes = {"vocab_size": len(WORDS), "d_model": 16, "d_kv": 8, "num_heads": 2, "num_layers": 1, "d_ff": 32}
    special = {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False}
    torch.manual_seed(0)
    network = T5ForConditionalGeneration(T5Config(**sizes, **special, dropout_rate=0.0))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    words = torch.arange(3, len(WORDS))
    ends = torch.ones_like(words)
    for _ in range(100):
        answer = torch.stack((words.roll(-1), ends), 1)
        network(input_ids=torch.stack((words, ends), 1), labels=answer).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return tokenizer, network
