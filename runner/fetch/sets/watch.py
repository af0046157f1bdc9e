"""Exercises of the shoulder, as a watch at the wrist records them."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

WATCH = Published(
    name="watch",
    about="140 recordings of seven exercises, ten people, six channels",
    licence="BSD-3-Clause",
    files={
        "watch_dataset.npy": File("eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537", 18_118_091),
    },
    ways=(
        Pip(
            "seglearn",
            11_320_941,
            {"watch_dataset.npy": "seglearn/data/watch_dataset.npy"},
            version="1.2.5",
            sha256="ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
        ),
    ),
)
