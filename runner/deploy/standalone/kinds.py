"""What raw examples of each kind of data are like: as numbers for a graph, and in words for a script."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from runner.deploy.standalone.reason import NotWritten

if TYPE_CHECKING:
    from torch import Tensor

    from runner.data.image.files import Pixels
    from runner.data.series.recordings import Recordings
    from runner.data.series.windows import Windows
    from runner.data.table.transform import TableTransform
    from runner.data.text.tokenizer import Tokenizer
    from runner.engine.transform import Transform


@dataclass(frozen=True)
class RawForm:
    """How raw examples are read, and what the first graph is given.

    Attributes:
        parts: of the script that read them.
        about: what these parts must know, for ``preprocessing.json``.
        raw: some raw examples ``(N, ...)``, on which the graph is compared; None: there is no graph, as tokens are
            what the network takes.
        any_length: whether examples are of any length.
        besides: a library that the script needs.
    """

    parts: tuple[str, ...]
    about: dict[str, Any]
    raw: Tensor | None = None
    any_length: bool = False
    besides: str = field(default="")


def raw_form(transform: Transform) -> RawForm:
    """That of what stands between raw examples and a network.

    Raises:
        NotWritten: no script reads such.
    """
    from runner.data.image.files import Pixels
    from runner.data.series.labelled import LabelledRecordings
    from runner.data.series.recordings import Recordings
    from runner.data.series.windows import Windows
    from runner.data.table.transform import TableTransform
    from runner.data.text.tokenizer import Tokenizer
    from runner.features.base import WithFeatures

    if isinstance(transform, WithFeatures):
        return raw_form(transform.transform)
    makers: dict[type, Any] = {
        TableTransform: _table,
        Pixels: _images,
        Windows: _windows,
        Recordings: _recordings,
        LabelledRecordings: _recordings,
        Tokenizer: _texts,
    }
    if type(transform) not in makers:
        raise NotWritten(
            "it is there for rows of a table, images, series and texts, and these data are read by "
            f"{type(transform).__name__}"
        )
    form: RawForm = makers[type(transform)](transform)
    return form


def _table(transform: TableTransform) -> RawForm:
    about = {
        "columns": [{"name": c.name, "kind": c.kind, "words": c.words} for c in transform.columns],
        "missing": list(transform.notation.na_values),
        "decimal": transform.notation.decimal,
        "dates": "ISO 8601, UTC where no zone is told; as microseconds since 1970-01-01",
    }
    rows = torch.randn(8, len(transform.columns), dtype=torch.float64)
    for place, column in enumerate(transform.columns):
        if column.kind == "words":
            rows[:, place] = torch.arange(-1, 7)
        elif column.kind == "date":
            rows[:, place] *= 1e15
        elif column.measures[0].quantiles:
            quantiles = torch.tensor(column.measures[0].quantiles, dtype=torch.float64)
            rows[:7, place] = quantiles[torch.linspace(0, len(quantiles) - 1, 7).long()]  # the outermost too
        else:
            rows[:, place] = rows[:, place] * column.measures[0].spread + column.measures[0].fill
    rows[7] = torch.nan
    return RawForm(("read/table",), about, rows)


def _images(transform: Pixels) -> RawForm:
    names = ("height", "width", "channels", "ceiling", "cover")
    shape = (2, transform.channels, transform.height, transform.width)
    raw = torch.randint(0, transform.ceiling + 1, shape, dtype=torch.uint8)
    return RawForm(("read/images",), {name: getattr(transform, name) for name in names}, raw)


def _windows(transform: Windows) -> RawForm:
    reading = transform.reading
    for used, what in (
        (transform.known, "columns that are known in advance (data.known, data.calendar)"),
        (transform.further, "forecasts that are fed back (data.strategy=recursive)"),
        (reading.irregular == "resample", "steps that are made equal (data.irregular=resample)"),
    ):
        if used:
            raise NotWritten(f"it has no {what}")
    about = {
        "columns": list(transform.observed),
        **_reading(reading),
        "needs_series": True,
        **{name: getattr(transform, name) for name in ("length", "horizon", "stride", "forecast")},
    }
    raw = torch.randn(2, transform.length, len(transform.observed), dtype=torch.float64)
    return RawForm(("read/windows", "read/columns"), about, raw)


def _recordings(transform: Recordings) -> RawForm:
    from runner.data.series.columns import Reading
    from runner.data.series.labelled import LabelledRecordings

    reading, layout = Reading(), {"layout": "long", "beside": [], "named_channels": []}
    if isinstance(transform, LabelledRecordings):
        reading = transform.layout.reading
        layout["layout"] = "long" if reading.series else "wide"
        beside = {*transform.layout.beside, reading.series, reading.order}
        layout |= {"beside": sorted(filter(None, beside)), "named_channels": list(transform.layout.channels)}
    if reading.irregular == "resample":
        raise NotWritten("it has no steps that are made equal (data.irregular=resample)")
    about = {
        "columns": list(transform.channels),
        **_reading(reading),
        "needs_series": False,
        "length": transform.length,
        **layout,
    }
    raw = torch.randn(2, transform.length or 5, len(transform.channels), dtype=torch.float64)
    return RawForm(("read/recordings", "read/columns"), about, raw, transform.length is None)


def _reading(reading: Any) -> dict[str, Any]:
    told = {name: getattr(reading, name) for name in ("order", "decimal", "series", "irregular")}
    return {**told, "gaps": reading.missing}


def _texts(transform: Tokenizer) -> RawForm:
    from runner.data.text.vocabulary.library import LibraryVocabulary

    about: dict[str, Any] = {name: getattr(transform, name) for name in ("longest", "lowercase", "enclosed")}
    about["token_names"] = list(transform.vocabulary)
    state = transform.entries.state_dict()
    if isinstance(transform.entries, LibraryVocabulary):
        about |= {"library": json.loads(state["library"]), "library_numbers": state["theirs"]}
        return RawForm(("read/texts", "read/library_tokens"), about, besides="tokenizers (pip install tokenizers)")
    return RawForm(("read/texts", "read/plain_tokens"), {**about, "tokens": state["kind"]})
