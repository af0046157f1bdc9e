"""Going on with a text, or answering it, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from runner.engine.precision import Precision
from runner.engine.spec import END, PADDING, START, UNKNOWN
from runner.errors import ConfigError, RunFailed, counted
from runner.generate.sampling import Sampling, draw
from runner.model.base import Network
from runner.run.trained import TrainedNetwork

Follow = Callable[..., tuple[Tensor, Any]]  # `Network.follow`

# A text is decoded from so many tokens back, so that the cost of the next token does not grow with the text.
_LOOK_BACK = 64


@dataclass(frozen=True)
class Generation:
    """A text in the making.

    Attributes:
        pieces: of the text behind the prompt, or of the answer, as they are told.
        answers: whether it is an answer to the prompt, and not what goes on with it.
        notes: what the user should know of the prompt, in words.
    """

    pieces: Iterator[str]
    answers: bool
    notes: tuple[str, ...]


def generate(
    network: TrainedNetwork,
    prompt: str,
    sampling: Sampling | None = None,
    *,
    max_tokens: int = 500,
    seed: int = 0,
    cached: bool = True,
) -> Generation:
    """Go on with a text by a language model, or answer it by a network that answers sequences.

    A text begins with `START`, as texts do in training, and ends with `END`, with the `START` of the next one, or after
    `max_tokens`. A network that can look back at no more than its context goes on from the last tokens: a prompt loses
    what is too long at its beginning, and each time that the context is full the later half of it is read anew.

    Args:
        network: trained for the task tokens or sequence.
        prompt: the beginning of the text, perhaps empty; or what is answered.
        sampling: how tokens are drawn; None: from the probabilities as they are.
        max_tokens: that are told, at most.
        seed: token i is a function of it, of i and of what stands in front.
        cached: keep what was read, where the network can; False reads all of it for each token and tells the same.

    Raises:
        ConfigError: the network tells something else than texts.
    """
    transform, model = network.transform, network.model
    task, reads = network.task.name, network.spec.inputs
    if task not in ("tokens", "sequence") or transform is None or reads is None or reads.kind != "tokens":
        raise _no_text(network)
    answers = task == "sequence"
    source = transform.batch([prompt]).to(network.device) if answers else None
    begun = [START] if answers else [START, *transform.encode(prompt).tolist()]  # type: ignore[attr-defined]
    notes = tuple(transform.notes)
    context = network.context
    if context is not None and len(begun) > context:
        notes += (f"of the prompt's {counted(len(begun) - 1, 'token')} the last {context:,} are read",)
    own = isinstance(model, Network) and cached
    follow: Follow = model.follow if own else partial(Network.follow, model)  # type: ignore[arg-type,assignment]
    outputs = _outputs(network, partial(follow, source=source))
    tokens = tell(outputs, begun, context, sampling or Sampling(), max_tokens, seed)
    return Generation(pieces(transform.decode, begun, tokens), answers, notes)  # type: ignore[attr-defined]


def answer(network: TrainedNetwork, prompt: str, max_tokens: int = 500) -> Generation:
    """Answer a text as `TrainedNetwork.predict` does: by the beam search of the network, the whole answer at once.

    Args:
        network: trained for the task sequence, of texts.
        prompt: what is answered.
        max_tokens: that are told, at most; where the network's own limit is lower, that counts.

    Raises:
        ConfigError: it answers something else than texts.
    """
    transform, reads = network.transform, network.spec.inputs
    if network.task.name != "sequence" or transform is None or reads is None or reads.kind != "tokens":
        raise _no_text(network)
    asked = transform.batch([prompt])
    notes = tuple(transform.notes)
    (told,) = network.task.predict(network.outputs(asked)).tolist()
    told = told[: told.index(END)] if END in told else told
    return Generation(iter([transform.decode(told[:max_tokens])]), True, notes)  # type: ignore[attr-defined]


def _no_text(network: TrainedNetwork) -> ConfigError:
    return ConfigError(
        f"generate: this run's task is {network.task.name}, with which no text goes on or answers a text. Expected "
        "a run of a language model (data=python_source model=decoder) or of sequences (data=digit_sequences "
        "model=seq2seq); `python -m runner predict` tells what this one says."
    )


def _outputs(network: TrainedNetwork, follow: Follow) -> Follow:
    """`follow` in the number format of the run, without gradients."""
    precision = Precision(network.recipe.trainer.precision, network.device)

    def outputs(tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        with torch.inference_mode():
            if precision.dtype is None:
                return follow(tokens.to(network.device), state)
            with precision.autocast():
                return follow(tokens.to(network.device), state)

    return outputs


def tell(
    follow: Follow, begun: Sequence[int], context: int | None, sampling: Sampling, max_tokens: int, seed: int
) -> Iterator[int]:
    """The tokens behind those that a text begins with, up to its end; see `generate`.

    Raises:
        RunFailed: the network says no finite number of a token.
    """
    read, met, held, state = list(begun), set(begun), 0, None
    unread = read if context is None else read[-context:]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(max_tokens):
        if context is not None and held + len(unread) > context:
            unread, held, state = read[-max(1, context // 2) :], 0, None
        outputs, state = follow(torch.tensor([unread]), state)
        held += len(unread)
        logits = outputs[0, -1].float().cpu()
        if not logits.max().isfinite():
            raise RunFailed(
                f"generate: behind {counted(len(read), 'token')} the network gives no finite number. Its weights have "
                "become none in training, or trainer.precision is too small for it; --checkpoint last takes others."
            )
        token = draw(sampling.probabilities(logits, met, (PADDING, UNKNOWN)), generator)
        if token in (START, END):
            return
        yield token
        unread = [token]
        read.append(token)
        met.add(token)


def pieces(decode: Callable[[Sequence[int]], str], begun: Sequence[int], tokens: Iterator[int]) -> Iterator[str]:
    """The text of `tokens` behind that of `begun`, in pieces of whole characters.

    A token may be a part of a character, and what stands between two words depends on both: so a piece is what the text
    of all tokens has more than that of those before.
    """
    read = list(begun)
    said = decode(read)
    for token in tokens:
        read.append(token)
        text = decode(read)
        if text.endswith("\N{REPLACEMENT CHARACTER}") or not text.startswith(said):
            continue
        yield text[len(said) :]
        if len(read) > 2 * _LOOK_BACK:
            read = read[-_LOOK_BACK:]
            text = decode(read)
        said = text
    text = decode(read)
    yield text[len(said) :] if text.startswith(said) else ""
