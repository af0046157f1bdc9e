"""What TensorBoard's own plugins say of a folder of runs, asked in this process."""

from __future__ import annotations

import json
from pathlib import Path

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin
from werkzeug.test import Client

EVERYTHING = {"scalars": 0, "images": 0, "tensors": 0, "histograms": 0}
STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]


class Board:
    """TensorBoard over `logdir`."""

    def __init__(self, logdir: Path | str) -> None:
        self.multiplexer = EventMultiplexer(tensor_size_guidance=EVERYTHING)
        self.multiplexer.AddRunsFromDirectory(str(logdir))
        self.multiplexer.Reload()
        context = TBContext(data_provider=MultiplexerDataProvider(self.multiplexer, str(logdir)))
        self.hparams = HParamsPlugin(context).get_plugin_apps()

    def _ask(self, what, **request):
        answer = Client(self.hparams[what]).post(json={"experimentName": "", **request})
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)

    @property
    def entries(self) -> list[str]:
        """The list of runs."""
        return sorted(self.multiplexer.Runs())

    def columns(self):
        """Hyperparameters by name, and names of the scores, in the order of the page."""
        experiment = self._ask("/experiment")
        infos = {info["name"]: info for info in experiment["hparamInfos"]}
        return infos, [info["name"] for info in experiment["metricInfos"]]

    def rows(self, sort: str | None = None):
        """Rows of the HParams page: hyperparameters and scores by the row's name."""
        ordered = [{"hparam": sort, "order": "ORDER_ASC"}] if sort else []
        asked = self._ask("/session_groups", allowedStatuses=STATUSES, startIndex=0, sliceSize=1000, colParams=ordered)
        return {
            group["name"]: (
                group["hparams"],
                {value["name"]["tag"]: value["value"] for value in group.get("metricValues", ())},
                group["sessions"],
            )
            for group in asked["sessionGroups"]
        }

    def scalars(self, entry: str) -> dict[str, list[tuple[int, float]]]:
        """Steps and values by tag."""
        tensors = self.multiplexer.GetAccumulator(entry)
        return {
            tag: [(event.step, event.tensor_proto.float_val[0]) for event in tensors.Tensors(tag)]
            for tag, metadata in tensors.AllSummaryMetadata().items()
            if metadata.plugin_data.plugin_name == "scalars"
        }
