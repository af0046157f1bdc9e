import pytest
import torch

from runner.engine.spec import Field, Spec

TOKENS = Field("tokens", (None,), 30_000, ("a", "b"))
SPECS = [
    Spec(),
    Spec("regression", Field("table")),
    Spec.classification((3, 8, 8), ("cat", "dog"), (10, 7)),
    Spec.regression((4,), ("price", "size"), (1.5, 2.0), (0.5, 3.0), ("a", "b", "c", "d")),
    Spec("translation", TOKENS, TOKENS, {"lengths": Field("values", ()), "decoder_inputs": TOKENS}, 30_000),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec.task))
def test_checkpoints_hold_it_in_plain_containers(spec, tmp_path):
    torch.save(spec.plain(), tmp_path / "spec.pt")
    assert Spec.from_plain(torch.load(tmp_path / "spec.pt", weights_only=True)) == spec
    assert Spec.from_plain(spec.plain()) == spec


def test_kinds_follow_from_the_number_of_dimensions():
    assert [Field.of_numbers(shape).kind for shape in ((4,), (5, 4), (3, 8, 8))] == ["table", "series", "image"]


def test_what_is_known_of_classes_and_values():
    classes, values = SPECS[2], SPECS[3]
    assert (classes.num_classes, classes.class_names, classes.class_counts) == (2, ("cat", "dog"), (10, 7))
    assert (classes.num_outputs, classes.input_shape, classes.feature_names) == (2, (3, 8, 8), ())
    assert (values.num_classes, values.class_names, values.class_counts) == (None, (), ())
    assert (values.num_outputs, values.feature_names) == (2, ("a", "b", "c", "d"))
    assert SPECS[0].num_classes is None and SPECS[4].num_classes is None  # tokens are no classes of examples
    assert classes.with_outputs(1).num_outputs == 1 and classes.with_outputs(1).num_classes == 2
