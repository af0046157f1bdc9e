"""How examples of each kind come over HTTP, and what the network is given of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.deploy.serve.forms.form import Form
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.run.trained import TrainedNetwork

__all__ = ["Form", "form_of"]


def form_of(network: TrainedNetwork) -> Form:
    """How examples of a network come.

    Raises:
        ConfigError: they have no form that a request could hold.
    """
    from runner.data.audio.spectrogram import Spectrograms
    from runner.data.image.files import Pixels
    from runner.data.series.recordings import Recordings
    from runner.data.series.windows import Windows
    from runner.data.table.transform import TableTransform
    from runner.data.text.tokenizer import Tokenizer
    from runner.deploy.serve.forms.image import Images
    from runner.deploy.serve.forms.series import Histories, Whole
    from runner.deploy.serve.forms.sound import Sounds
    from runner.deploy.serve.forms.table import Table
    from runner.deploy.serve.forms.text import Texts
    from runner.features.base import WithFeatures

    transform = network.transform
    if isinstance(transform, WithFeatures):
        transform = transform.transform
    if isinstance(transform, TableTransform):
        return Table(transform)
    if isinstance(transform, Tokenizer):
        return Texts(transform)
    if isinstance(transform, Pixels):
        return Images(transform)
    if isinstance(transform, Spectrograms):
        return Sounds(transform)
    if isinstance(transform, Recordings):
        return Whole(transform)
    if isinstance(transform, Windows):
        return Histories(transform)
    inputs = network.spec.inputs
    if inputs is not None and inputs.kind == "graph":
        raise ConfigError(
            "serve: this network is given whole graphs, nodes and edges, which a request does not hold. "
            "`python -m runner predict` takes them from files."
        )
    what = "have no raw form" if transform is None else f"are prepared by {type(transform).__name__}"
    raise ConfigError(
        f"serve: the data of this network {what}, and a request holds rows of a table, texts, images, sounds or series."
    )
