"""Numbers brought to scale, against scikit-learn; and back."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, RobustScaler

from runner.data.table.measure import fit_measure
from runner.data.table.transform import TableTransform

OTHERS = {
    "robust": lambda n: RobustScaler(),
    "quantile": lambda n: QuantileTransformer(n_quantiles=min(1000, n), output_distribution="normal", subsample=None),
    "power": lambda n: PowerTransformer(),
}


@pytest.mark.parametrize("scaling", OTHERS)
@pytest.mark.parametrize("values", ["normal", "skewed", "ties", "negative", "many"])
def test_a_scale_is_sklearns(scaling, values):
    draw = np.random.default_rng(0)
    train, later = {
        "normal": (draw.normal(3, 2, 200), draw.normal(3, 4, 50)),
        "skewed": (draw.lognormal(0, 1, 200), draw.lognormal(0, 2, 50)),
        "ties": (draw.integers(0, 4, 200).astype(float), np.arange(-1.0, 6)),
        "negative": (-draw.exponential(5, 200), -draw.exponential(5, 50)),
        "many": (draw.gamma(1, 2, 3000), draw.gamma(1, 4, 50)),
    }[values]
    measure = fit_measure(train, scaling)
    other = OTHERS[scaling](len(train)).fit(train[:, None])
    assert np.allclose(measure(train), other.transform(train[:, None])[:, 0], atol=2e-5)
    assert np.allclose(measure(later), other.transform(later[:, None])[:, 0], rtol=1e-5, atol=2e-5)
    if values != "ties":
        back = [measure.undo(float(value)) for value in measure(train[:50])]
        assert np.allclose(back, train[:50], rtol=1e-3, atol=1e-3)


@given(
    st.sampled_from(["robust", "quantile", "power"]),
    arrays(np.float64, 12, elements=st.integers(-50, 50).map(float)),
)
@settings(deadline=None, max_examples=60)
def test_scales_keep_the_order_and_stay_finite(scaling, values):
    features = fit_measure(values, scaling)(values)
    assert np.isfinite(features).all()
    assert (np.diff(features[np.argsort(values, kind="stable")]) >= -1e-6).all()


@pytest.mark.parametrize("scaling", OTHERS)
def test_a_constant_is_zero(scaling):
    assert np.all(fit_measure(np.full(101, 0.1), scaling)(np.full(3, 0.1)) == 0)


@pytest.mark.parametrize("scaling", OTHERS)
def test_bundled_tables_and_files_are_scaled_alike_and_state_is_plain(scaling, tmp_path):
    from runner.data.iris import Iris

    data = Iris(scaling=scaling).load()
    plain = Iris(scaling="none").load()
    given = {name: part.inputs.double().numpy().round(1) for name, part in plain.parts.items()}  # as in the file
    other = OTHERS[scaling](len(plain.train)).fit(given["train"])
    for name, part in data.parts.items():
        assert np.allclose(part.inputs, other.transform(given[name]), atol=2e-5)
    torch.save(data.transform.state_dict(), tmp_path / "state.pt")
    again = TableTransform(scaling=scaling)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    rows = pl.DataFrame(given["val"], schema=list(data.spec.feature_names))
    assert torch.allclose(again(rows), data.val.inputs, atol=2e-5)
    assert torch.equal(again.module()(torch.from_numpy(rows.to_numpy())), again(rows))


def test_images_have_no_such_scale(go):
    from runner.errors import ConfigError

    with pytest.raises(ConfigError, match=r"data.scaling=quantile: expected none \| standard \| minmax"):
        go("data.scaling=quantile")
