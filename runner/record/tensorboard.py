"""TensorBoard events in one folder, which is one entry of TensorBoard's list of runs."""

from __future__ import annotations

import struct
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter, _AsyncWriterThread

from runner import hparams
from runner.record.files import named

if TYPE_CHECKING:
    from torch import Tensor


_PER_ROW = 8


def _tell_of_threads(arguments: threading.ExceptHookArgs, otherwise: Any = threading.excepthook) -> None:
    """What the thread of a writer fails with is raised where that is used next, and need not be printed beside."""
    if not isinstance(arguments.thread, _AsyncWriterThread):
        otherwise(arguments)


threading.excepthook = _tell_of_threads


class TensorBoard:
    """Writes events; the file itself is written by a thread of its own.

    Args:
        folder: where the event file is made.
        start: the first step of this session: what an earlier one wrote of it and of later ones is void. TensorBoard
            heeds this from the second session on, so a new run says 0.
    """

    def __init__(self, folder: Path, start: int = 0) -> None:
        self.folder = folder
        log = SessionLog(status=SessionLog.START)
        with named(folder):
            self.writer = EventFileWriter(str(folder), flush_secs=10)
            self.writer.add_event(Event(wall_time=time.time(), step=start, session_log=log))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Several scalars of one step, as one event."""
        if not values:
            return
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
        self._add(summary, step)

    def text(self, tag: str, text: str) -> None:
        """A Markdown text."""
        from torch.utils.tensorboard.summary import text as text_summary

        self._add(text_summary(tag, text), 0)

    def images(self, tag: str, images: Tensor, step: int = 0) -> None:
        """A grid of images ``(N, C, H, W)``, each scaled to its own range and enlarged so that one can see it."""
        from torch.nn.functional import pad
        from torch.utils.tensorboard.summary import image as image_summary

        images = images.detach().float().cpu()
        images = images[:, :3] if images.shape[1] >= 3 else images[:, :1]
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        images = (images - low) / (high - low).clamp(min=1e-12)
        factor = max(1, 64 // images.shape[-1])
        images = pad(images.repeat_interleave(factor, -2).repeat_interleave(factor, -1), (1, 1, 1, 1), value=1.0)
        images = pad(images, (0, 0, 0, 0, 0, 0, 0, -len(images) % _PER_ROW), value=1.0)
        rows = images.unflatten(0, (-1, _PER_ROW)).permute(2, 0, 3, 1, 4)  # (C, rows, H, columns, W)
        grid = rows.flatten(3, 4).flatten(1, 2)
        self._add(image_summary(tag, grid.numpy(), dataformats="CHW"), step)

    def histograms(self, tensors: dict[str, Tensor], step: int) -> None:
        """A histogram of each tensor's finite values, of at most 100,000 of them, in 64 bins.

        Counted by torch: NumPy's dot product in TensorBoard's own function starts threads of its own, and on a busy
        machine 32,768 values take 7.6 ms with it and 0.9 ms without.
        """
        import torch
        from torch.utils.tensorboard.summary import histogram_raw

        for tag, tensor in tensors.items():
            values = tensor.detach().flatten()
            values = values[:: max(1, values.numel() // 100_000)].float()
            values = values[values.isfinite()].cpu().double()
            if len(values):
                low, high, total, squares = (
                    float(number) for number in (values.min(), values.max(), values.sum(), values.square().sum())
                )
                bounds = (low, high) if low < high else (low - 0.5, high + 0.5)
                counts = values.histc(64, *bounds).tolist()
                edges = torch.linspace(*bounds, 65, dtype=torch.float64).tolist()
                summary = histogram_raw(tag, low, high, len(values), total, squares, edges, [0.0, *counts])
                self._add(summary, step)

    def begin_row(self, name: str, values: dict[str, Any]) -> None:
        """Say what the run's row on the HParams page shows: its name and hyperparameters."""
        self._add(hparams.start(name, values), None)

    def end_row(self) -> None:
        """Say that the run has come to its end."""
        self._add(hparams.success(), None)

    def _add(self, summary: Summary, step: int | None) -> None:
        with named(self.folder):
            self.writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def flush(self) -> None:
        """Write what is waiting.

        Raises:
            OSError: the disk is full, or the like, now or since the last call; it names the folder.
        """
        with named(self.folder):
            self.writer.flush()

    def close(self) -> None:
        """Write what is waiting and close the file."""
        with named(self.folder):
            self.writer.close()


class Figures:
    """Pictures in an event file of their own beside a run's, of the same entry: made anew, they replace the old ones.

    Without the mark of a new session, which would void what the run has written of later steps.

    Args:
        folder: the run's folder.
        name: ends the name of the file.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.suffix = folder, f".{name}"

    def replace(self, pictures: dict[str, bytes], step: int) -> None:
        """Write PNG pictures by tag, if there are any, and remove the file that had the last ones."""
        before = [path for path in self.folder.glob(f"events.out.tfevents.*{self.suffix}") if path.is_file()]
        if pictures:
            self._write(pictures, step)
        for path in before:
            path.unlink(missing_ok=True)

    def _write(self, pictures: dict[str, bytes], step: int) -> None:
        writer = EventFileWriter(str(self.folder), filename_suffix=self.suffix)
        for tag, png in pictures.items():
            width, height = struct.unpack(">II", png[16:24])  # of its header
            image = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=png)
            summary = Summary(value=[Summary.Value(tag=tag, image=image)])
            writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
        writer.close()
