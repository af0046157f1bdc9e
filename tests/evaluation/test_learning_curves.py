from runner.evaluation.learning_curves import EPOCHS, learning_curves


def test_a_long_run_is_thinned_out_evenly_from_its_first_epoch_to_its_last():
    rows = [{"epoch": n, "val/loss": 1 / n} for n in range(1, 1301)]
    found = learning_curves(rows)
    epochs = found["epoch"]
    assert (len(epochs), epochs[0], epochs[-1]) == (EPOCHS, 1, 1300)
    assert {b - a for a, b in zip(epochs, epochs[1:])} == {2, 3}
    assert found["loss"] == {"train": [None] * EPOCHS, "val": [1 / n for n in epochs]}
    assert learning_curves(rows[:EPOCHS])["epoch"] == [*range(1, EPOCHS + 1)]
