"""A trained network beside its data, which `run.load` does without."""

from runner.run import load
from runner.run.assembly import load_data


def with_data(folder, checkpoint="best"):
    """The trained network of a run, and its data loaded anew."""
    network = load(folder, checkpoint)
    return network, load_data(network.recipe)
