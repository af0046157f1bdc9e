"""Where no network is trained, none has to be named, and one that was named is checked as ever."""

import pytest

from runner.config.check import check_untrained
from runner.errors import ConfigError
from runner.run import compose
from tests.cli.conftest import say as say


@pytest.mark.parametrize(
    ("data", "kind"),
    [("iris", "mlp"), ("digit_sequences", "encoder_decoder"), ("python_imports", "gat")],
)
def test_a_network_that_takes_the_data_stands_in(data, kind):
    assert check_untrained(compose([f"data={data}"]))["model"].short == kind


@pytest.mark.parametrize("typed", ["model=mlp", "model.hidden=[3]"])
def test_one_that_was_typed_is_refused_as_ever(typed):
    with pytest.raises(ConfigError, match="model=mlp takes rows of a table"):
        check_untrained(compose(["data=digit_sequences", typed]))


def test_other_mistakes_are_told_of(say):
    for words, reason in ((["data.longst=3"], "Did you mean 'longest'"), (["metric=[rmse]"], "metric=rmse: is for")):
        answer = say("inspect-data", "data=digit_sequences", *words)
        assert (answer.code, reason in answer.err) == (2, True), answer.err
