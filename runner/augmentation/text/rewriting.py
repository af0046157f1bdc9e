"""Texts written anew by networks that the user names, once before training."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import torch
from annotated_types import Ge

from runner.augmentation.base import Probability
from runner.augmentation.text.base import TextTechnique
from runner.engine.split.rewritten import RewrittenSplit
from runner.engine.split.rows import RowsSplit
from runner.engine.split.sequences import SequenceSplit, ragged
from runner.engine.state import seed_for
from runner.engine.technique import Slot, Technique
from runner.errors import ConfigError, RunFailed, counted
from runner.fetch.folder import checked
from runner.fetch.published import cache as folder
from runner.record.lock import Lock

if TYPE_CHECKING:
    from runner.engine.data import Data
    from runner.engine.interrupt import Interrupt
    from runner.engine.progress import Progress
    from runner.engine.spec import Kind

_TELL = 10.0  # seconds from one message on how far it is to the next


class Writer(NamedTuple):
    """A network that writes a text for a text.

    Attributes:
        folder: of transformers, from sequence to sequence.
        prefix: put in front of every text that it reads.
    """

    folder: Path
    prefix: str = ""


class Rewriting(Technique):
    """In training each text is, with probability `p`, one of its `copies`, drawn anew whenever it is seen.

    Copies are written once, before training, and kept in the cache by what went in: the texts, the folders' files and
    the settings; a resumed run and every other run on the same texts take them from there. A copy that is empty or did
    not come to its end, and one of a text that is too long, is left out, and the text stands in its place. Validation
    and test are not touched. A subclass gives `writers`.

    Args:
        p: in [0, 1].
        copies: of each text, at least 1.
        temperature: of what is drawn, at least 0; 0: the most probable token each time, and one copy.
        longest: tokens of the writer's own that a text and its copy may have.
        batch_size: texts that are written at once.
        cache: folder where copies are kept; None: ``$RUNNER_DATA/rewritten``, by default ``~/.cache/runner/rewritten``.
    """

    slot: ClassVar[Slot] = Slot.GEOMETRY
    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    not_for: ClassVar[dict[str, str]] = TextTechnique.not_for

    def __init__(
        self,
        p: Probability = 0.5,
        copies: Annotated[int, Ge(1)] = 1,
        temperature: Annotated[float, Ge(0)] = 0.9,
        longest: Annotated[int, Ge(1)] = 256,
        batch_size: Annotated[int, Ge(1)] = 16,
        cache: str | None = None,
    ) -> None:
        if temperature == 0 and copies > 1:
            raise ConfigError(
                f"augmentation.{self.name}.temperature=0: all {copies} copies would be the same. Take copies=1, or a "
                "temperature above 0."
            )
        self.p, self.copies, self.temperature = p, copies, temperature
        self.longest, self.batch_size = longest, batch_size
        self.cache = Path(cache).expanduser() if cache else folder() / "rewritten"

    @property
    def writers(self) -> tuple[Writer, ...]:
        """What reads the texts, what reads its copies, and so on."""
        raise NotImplementedError

    def on_data(self, data: Data, device: torch.device, progress: Progress, interrupt: Interrupt) -> Data:
        """See `Technique.on_data`.

        Raises:
            ConfigError: the data have no texts, or transformers is not installed.
        """
        train, rows = data.train, torch.arange(len(data.train))
        while isinstance(train, RowsSplit):
            rows = train.rows[rows]
            train = train.split
        if not isinstance(train, SequenceSplit) or not train.texts or data.transform is None:
            raise ConfigError(
                f"augmentation={self.name}: needs the texts that examples were made of, and these data do not keep "
                "them. Take data=text_csv, text_folder or a collection of texts, or leave it out."
            )
        wanted = list(dict.fromkeys(train.texts[row] for row in rows.tolist()))
        written = self._written(wanted, device, progress, interrupt)
        told = sum(any(copy is not None for copy in copies) for copies in written.values())
        progress.message(f"{self.name}: {told:,} of {counted(len(wanted), 'training text')} have copies")
        number, more, places = len(train), list[str](), []
        for text in train.texts:
            copies = written.get(text, [None] * self.copies)
            places.append([number + len(more) + i if copy is not None else -1 for i, copy in enumerate(copies)])
            more += [copy or "" for copy in copies]
        own = torch.arange(number)[:, None]
        all_rows = torch.cat((own, torch.tensor(places).where(torch.tensor(places) >= 0, own)), 1)[rows]
        return replace(data, parts={**data.parts, "train": self._split(data, train, more, all_rows)})

    def _split(self, data: Data, train: SequenceSplit, more: Sequence[str], rows: torch.Tensor) -> RewrittenSplit:
        """The texts with `more` behind them, of which there are `copies` for each."""
        assert data.transform is not None
        batch = data.transform.batch(more)
        data.transform.notes.clear()
        lengths = batch.more["lengths"].tolist()
        values, ends = ragged([text[:length] for text, length in zip(batch.inputs, lengths, strict=True)])
        inner = replace(
            train,
            values=torch.cat((train.values, values)),
            offsets=torch.cat((train.offsets, ends[1:] + train.offsets[-1])),
            targets=torch.cat((train.targets, train.targets.repeat_interleave(self.copies, 0))),
            texts=(),
        )
        return RewrittenSplit(inner, rows, self.p, length_buckets=data.train.length_buckets)

    def _written(
        self, texts: Sequence[str], device: torch.device, progress: Progress, interrupt: Interrupt
    ) -> dict[str, list[str | None]]:
        """The copies of each text, from the cache as far as they are there."""
        settings = [self.copies, self.temperature, self.longest, self.batch_size]
        writers = [[writer.prefix, _checksums(writer.folder)] for writer in self.writers]
        key = hashlib.sha256(json.dumps([settings, writers, texts]).encode()).hexdigest()
        file = self.cache / f"{key}.jsonl"
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))  # little padding
        parts = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
        lock = Lock(file.with_suffix(".lock"))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._alone(lock, progress, interrupt)
            done = _read(file)
            if len(done) < len(parts):
                progress.message(f"{self.name}: writing {len(texts):,} training texts anew, kept in {file}")
                with file.open("ab") as kept:
                    kept.truncate(sum(len(line) for line, _ in done))
                    last = time.monotonic()
                    for number, copies in self._write(texts, parts, len(done), device):
                        line = json.dumps(copies).encode() + b"\n"
                        kept.write(line)
                        kept.flush()
                        done.append((line, copies))
                        if time.monotonic() > last + _TELL:
                            last = time.monotonic()
                            progress.message(
                                f"{self.name}: {min((number + 1) * self.batch_size, len(texts)):,} written"
                            )
                        if interrupt.requested:  # there is no checkpoint yet; what is written is kept
                            raise KeyboardInterrupt(interrupt.requested)
        except OSError as error:
            raise RunFailed(
                f"augmentation={self.name}: {error.filename or file}: {error.strerror}. "
                f"augmentation.{self.name}.cache=FOLDER takes another folder."
            ) from error
        finally:
            lock.release()
        return {
            texts[row]: copies
            for part, (_, made) in zip(parts, done, strict=False)
            for row, copies in zip(part, made, strict=True)
        }

    def _alone(self, lock: Lock, progress: Progress, interrupt: Interrupt) -> None:
        """Wait while another process writes the same copies, such as another trial of a sweep."""
        told = False
        while (holder := lock.take()) is not None:
            if not told:
                progress.message(f"{self.name}: {holder} is writing the training texts anew: waiting for it")
            if interrupt.requested:
                raise KeyboardInterrupt(interrupt.requested)
            told = True
            time.sleep(0.2)

    def _write(
        self, texts: Sequence[str], parts: Sequence[Sequence[int]], start: int, device: torch.device
    ) -> Iterator[tuple[int, list[list[str | None]]]]:
        """The copies of each text, part by part from number `start` on."""
        networks = [_load(writer, self.name, device) for writer in self.writers]
        for number in range(start, len(parts)):
            made: list[str | None] = [texts[row] for row in parts[number]]
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                torch.manual_seed(seed_for("rewrite", number))  # the same copies for every run
                for place, (writer, network) in enumerate(zip(self.writers, networks, strict=True)):
                    made = self._through(made, writer.prefix, *network, copies=1 if place else self.copies)
            yield number, [made[i : i + self.copies] for i in range(0, len(made), self.copies)]

    def _through(
        self, texts: Sequence[str | None], prefix: str, model: Any, tokenizer: Any, copies: int
    ) -> list[str | None]:
        """What a network writes for some texts, `copies` for each; None for none, and where there is nothing whole."""
        config = model.config.get_text_config()
        most = min(self.longest, getattr(config, "max_position_embeddings", None) or self.longest)
        given = tokenizer([prefix + (text or "") for text in texts])["input_ids"]
        readable = [bool(text and text.strip()) and len(ids) <= most for text, ids in zip(texts, given, strict=True)]
        made: list[str | None] = [None] * (len(texts) * copies)
        rows = [row for row, able in enumerate(readable) if able]
        if not rows:
            return made
        batch = tokenizer.pad({"input_ids": [given[row] for row in rows]}, return_tensors="pt").to(model.device)
        drawing = {"do_sample": True, "temperature": self.temperature, "top_k": 0} if self.temperature else {}
        with torch.inference_mode():
            answers = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                num_return_sequences=copies,
                num_beams=1,
                max_new_tokens=most,
                **(drawing or {"do_sample": False}),
            )
        ends = torch.isin(answers[:, 1:], torch.tensor(tokenizer.eos_token_id, device=answers.device)).any(1).tolist()
        written = tokenizer.batch_decode(answers, skip_special_tokens=True)
        for number, (ended, text) in enumerate(zip(ends, written, strict=True)):
            made[rows[number // copies] * copies + number % copies] = (text.strip() or None) if ended else None
        return made


def folder_of(path: str, key: str) -> Path:
    """A folder of transformers whose network goes from sequence to sequence.

    Raises:
        ConfigError: there is none, or it is of another kind.
    """
    found = checked(path, key)
    try:
        config = json.loads((found / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{key}={path}: config.json can't be read ({error}).") from error
    if not (isinstance(config, dict) and config.get("is_encoder_decoder")):
        raise ConfigError(
            f"{key}={path}: is no network from sequence to sequence. Expected one that writes a text for a text, such "
            "as Marian, T5 or BART."
        )
    return found


def _read(file: Path) -> list[tuple[bytes, Any]]:
    """The lines that are whole, with what they hold; the last one may have been cut by the end of its process."""
    found: list[tuple[bytes, Any]] = []
    for line in file.read_bytes().splitlines(keepends=True) if file.is_file() else []:
        try:
            found.append((line, json.loads(line) if line.endswith(b"\n") else None))
        except ValueError:  # damaged: from here on they are written again
            break
    return [entry for entry in found if entry[1] is not None]


def _checksums(folder: Path) -> dict[str, str]:
    found = {}
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        with file.open("rb") as content:
            found[file.name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def _load(writer: Writer, name: str, device: torch.device) -> tuple[Any, Any]:
    """A network and its tokenizer; no program in the folder is run, and weights are read from safetensors only."""
    try:
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise ConfigError(
            f"augmentation={name}: transformers is not installed. Run `pip install 'runner[transformers]'`."
        ) from error
    silent: Any = logging.disable_progress_bar
    silent()
    local = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(writer.folder, **local)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            writer.folder, use_safetensors=True, dtype=torch.float32, **local
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ConfigError(
            f"augmentation={name}: {writer.folder} can't be made a network with a tokenizer "
            f"({' '.join(str(error).split())})."
        ) from error
    return model.to(device).eval(), tokenizer
