"""Transformers go into the IR and come back as themselves."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from skcompress.exceptions import UnsupportedEstimatorError
from skcompress.families import all_transforms, lift, lower
from skcompress.ir import Impute, Project, Rescale, Transformed

X = np.random.default_rng(0).normal(size=(30, 4)) * [1, 5, 0.1, 9] + [0, 3, -2, 50]

NUMERIC = [
    pytest.param(example, id=str(example))
    for family in all_transforms()
    for example in family.examples()
    if "feature_extraction" not in family.name
]


@pytest.mark.parametrize("transformer", NUMERIC)
def test_there_and_back(transformer):
    fitted = transformer.fit(X)
    model = lift(fitted)
    assert isinstance(model.head, Transformed)
    assert model.input.n_features == 4
    back = lower(model, allow_missing=True)
    assert type(back) is type(fitted)
    np.testing.assert_allclose(back.transform(X), fitted.transform(X), rtol=1e-12, atol=1e-12)
    assert lower(lift(back), allow_missing=True).n_features_in_ == 4


@pytest.mark.parametrize(
    "scaler",
    [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()],
    ids=str,
)
def test_lowered_scalers_invert(scaler):
    fitted = scaler.fit(X)
    back = lower(lift(fitted))
    scaled = fitted.transform(X)
    assert (back.inverse_transform(scaled) == fitted.inverse_transform(scaled)).all()
    assert back.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()


def test_lowered_arrays_are_the_estimator_s_own():
    back = lower(lift(StandardScaler().fit(X)))
    back.mean_[0] = 7
    assert back.mean_[0] == 7


def test_a_clipping_range_comes_back():
    fitted = MinMaxScaler((-1, 0.5), clip=True).fit(X)
    back = lower(lift(fitted))
    assert back.feature_range == (-1.0, 0.5)
    assert (back.transform(3 * X) == fitted.transform(3 * X)).all()


@pytest.mark.skipif("clip" not in MaxAbsScaler().get_params(), reason="came with 1.8")
def test_max_abs_clips():
    fitted = MaxAbsScaler(clip=True).fit(X)
    assert lift(fitted).chain.transforms[0].clip == (-1.0, 1.0)
    assert (lower(lift(fitted)).transform(3 * X) == fitted.transform(3 * X)).all()


def test_names_come_back():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = StandardScaler().fit(frame)
    model = lift(fitted)
    assert model.input.names == ("a", "b", "c", "d")
    assert (lower(model).transform(frame) == fitted.transform(frame)).all()


@pytest.mark.parametrize("indicator", [False, True])
def test_imputer_there_and_back(indicator):
    rows = X.copy()
    rows[::3, 1] = np.nan
    fitted = SimpleImputer(strategy="median", add_indicator=indicator).fit(rows)
    back = lower(lift(fitted))
    assert (back.transform(rows) == fitted.transform(rows)).all()
    assert back.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()
    thin = sparse.csc_array(rows)
    assert (back.transform(thin).toarray() == fitted.transform(thin).toarray()).all()


def test_imputer_of_whole_numbers():
    rows = np.array([[1, -1], [3, 4], [3, -1]])
    fitted = SimpleImputer(missing_values=-1, strategy="most_frequent").fit(rows)
    (node,) = lift(fitted).chain.transforms
    assert node.fill.tolist() == [3.0, 4.0]
    assert node.missing == -1.0


def test_imputer_takes_pandas_na():
    pandas = pytest.importorskip("pandas")
    fitted = SimpleImputer(missing_values=pandas.NA).fit([[1.0], [np.nan]])
    assert np.isnan(lift(fitted).chain.transforms[0].missing)


@pytest.mark.parametrize(
    ("imputer", "rows", "message"),
    [
        (
            SimpleImputer(strategy="most_frequent"),
            np.array([["a"], ["b"], ["b"]], dtype=object),
            "only numbers",
        ),
        (
            SimpleImputer(missing_values=None, strategy="constant", fill_value=0),
            np.array([[None], [1]], dtype=object),
            "missing_values",
        ),
        (
            SimpleImputer(strategy="constant", fill_value=np.nan, keep_empty_features=True),
            np.array([[np.nan], [1.0]]),
            "fill_value",
        ),
    ],
)
def test_imputers_that_are_refused(imputer, rows, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        lift(imputer.fit(rows))


def test_pca_says_what_is_lost():
    with pytest.raises(UnsupportedEstimatorError, match="explained_variance_ and mean_"):
        lower(lift(PCA(2).fit(X)))
    model = lift(PCA(2, whiten=True).fit(X))
    with pytest.raises(UnsupportedEstimatorError, match="PCA: mean_ cannot be restored"):
        lower(model)
    # Nothing is lost where the mean is subtracted first.
    centred = model.chain.transforms[0].replace(offset=None, mean=X.mean(axis=0))
    chain = model.chain.replace(transforms=(centred,))
    back = lower(model.replace(chain=chain))
    assert (back.mean_ == X.mean(axis=0)).all()
    np.testing.assert_allclose(back.inverse_transform(back.transform(X)).mean(0), X.mean(0))
    assert np.isnan(lower(lift(PCA(2).fit(X)), allow_missing=True).explained_variance_).all()


def test_what_a_step_takes():
    rows = np.where(np.arange(120).reshape(30, 4) % 7, X, np.nan)
    specs = {
        "scaler": lift(StandardScaler().fit(X)).input,
        "uncentred": lift(StandardScaler(with_mean=False).fit(X)).input,
        "min-max": lift(MinMaxScaler().fit(X)).input,
        "normalizer": lift(Normalizer().fit(X)).input,
        "imputer": lift(SimpleImputer().fit(rows)).input,
        "minus one": lift(SimpleImputer(missing_values=-1).fit(X)).input,
        "zero": lift(SimpleImputer(missing_values=0).fit(X)).input,
    }
    assert {name: (spec.finite, spec.sparse) for name, spec in specs.items()} == {
        "scaler": ("allow-nan", False),
        "uncentred": ("allow-nan", True),
        "min-max": ("allow-nan", False),
        "normalizer": ("all", True),
        "imputer": ("allow-nan", True),
        "minus one": ("all", True),
        "zero": ("all", False),
    }


def test_unfitted_transformers():
    for transformer in (StandardScaler(), SimpleImputer(), PCA(), Normalizer()):
        with pytest.raises(NotFittedError):
            lift(transformer)


def test_parts_of_the_ir():
    assert isinstance(lift(RobustScaler().fit(X)).chain.transforms[0], Rescale)
    assert isinstance(lift(SimpleImputer().fit(X)).chain.transforms[0], Impute)
    assert isinstance(lift(PCA(1).fit(X)).chain.transforms[0], Project)
    bare = lift(StandardScaler(with_mean=False, with_std=False).fit(X)).chain.transforms[0]
    assert bare.subtract is None
    assert bare.divide is None
