"""Rows of TensorBoard's HParams page: a row is a session, which stands in the events of one TensorBoard run.

No summary of a whole experiment is ever written: the page would take the first that it finds for everything under its
folder, with the columns of that one alone. Without any it collects names, types and ranges from all sessions, and puts
the columns in which they differ first.
"""

from __future__ import annotations

import hashlib
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

_TIMED = re.compile(r"^([\d-]+_[\d-]+)_(.+)$")  # 2026-01-31_23-59-59_digits-mlp
_MADE = re.compile(r"^.*-([0-9a-f]{8})$")  # a sweep named by its command, and not by its user


def row_name(folder: Path) -> str:
    """The name of a run's row: short, as the page shows about 14 letters, and another for every run.

    Sessions of one name become one row with averaged scores. So the names of trials begin with what tells their sweep
    apart, those of runs with what they are, and a digest of machine and path ends both: the same command elsewhere
    makes a sweep of the same name.

    Args:
        folder: the run's folder.
    """
    folder = folder.resolve()
    digest = hashlib.sha256(f"{socket.gethostname()}:{folder}".encode()).hexdigest()[:4]
    if folder.parent.name != "trials":
        return _TIMED.sub(r"\2 \1", folder.name) + f" {digest}"
    return _MADE.sub(r"\1", folder.parent.parent.name) + f"/{folder.name} {digest}"


def start(name: str, values: Mapping[str, bool | float | str], began: float | None = None) -> Summary:
    """The beginning of a session.

    Args:
        name: of the row.
        values: hyperparameters. Numbers stay numbers, anything else becomes text: with two types in a column the page
            can't be sorted by it.
        began: seconds since the epoch; None is now.
    """
    info = plugin_data_pb2.SessionStartInfo(group_name=name, start_time_secs=began or time.time())
    for key, value in values.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            info.hparams[key].number_value = value
        else:
            info.hparams[key].string_value = str(value).lower() if isinstance(value, bool) else value
    return _summary(metadata.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=info))


def success(ended: float | None = None) -> Summary:
    """The good end of a session. Said once: of several ends TensorBoard keeps the first, and a failed run may go on."""
    info = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=ended or time.time())
    return _summary(metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=info))


def _summary(tag: str, content: plugin_data_pb2.HParamsPluginData) -> Summary:
    described = metadata.create_summary_metadata(content)
    return Summary(value=[Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)])
