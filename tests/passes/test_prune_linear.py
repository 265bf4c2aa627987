"""Weights of linear models that hardly matter go; zeros stay zero."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

import skcompress as skc
from skcompress.families import lift
from skcompress.ir import Affine, decode
from skcompress.passes import Context, Data, PruneLinear, RefitLinear, SkipPass
from skcompress.runtime import CompactModel

WORDS = [f"word{number}" for number in range(400)]


def texts_and_labels(n_rows=500):
    """The first twenty words tell the class; the others say nothing."""
    rng = np.random.default_rng(0)
    labels = np.arange(n_rows) % 2
    texts = []
    for label in labels:
        telling = rng.choice(10, 3) + 10 * label
        others = rng.integers(20, len(WORDS), 12)
        texts.append(" ".join(WORDS[place] for place in [*telling, *others]))
    return texts, labels


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogisticRegression(C=10),
        lambda: LinearSVC(random_state=0),
        lambda: SGDClassifier(random_state=0),
    ],
)
def test_of_texts_few_words_count(make):
    texts, labels = texts_and_labels()
    model = make_pipeline(TfidfVectorizer(), make()).fit(texts[:300], labels[:300])
    small = skc.compress(
        model, texts[:300], labels[:300], X_val=texts[300:400], y_val=labels[300:400]
    )
    coef = small.ir.predictor.coef
    assert coef.shape[1] < 0.3 * 400
    assert small.score(texts[400:], labels[400:]) >= model.score(texts[400:], labels[400:]) - 0.02
    again = skc.loads(skc.dumps(small))
    np.testing.assert_array_equal(again.predict(texts[400:]), small.predict(texts[400:]))


@pytest.mark.parametrize("n_held_out", [30, 75])
@pytest.mark.parametrize("make", [LogisticRegression, lambda: LinearSVC(random_state=0)])
def test_few_rows_are_enough_to_choose_bits(make, n_held_out):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    (X, y), rows = (X[order], y[order]), slice(75, 75 + n_held_out)
    frozen = FrozenEstimator(make().fit(X[:75], y[:75]))
    small = skc.SVMQuantizer(frozen, n_bits="auto")
    small.fit(X[:75], y[:75], X_val=X[rows], y_val=y[rows])
    coef = small.model_.ir.predictor.coef
    assert isinstance(coef, Affine)
    assert coef.bits >= 8 or n_held_out > 50
    assert np.mean(small.predict(X) == frozen.predict(X)) >= 0.99


def test_a_weight_counts_by_what_it_moves():
    X, y = make_regression(300, 6, random_state=0)
    X[:, 0] *= 1e-3
    model = lift(Ridge(alpha=1e-9).fit(X, y))
    weights = np.abs(decode(model.predictor.coef)[0])
    assert weights.argmax() == 0
    context = Context(original=model, refit=Data(X))
    pruned = PruneLinear(5 / 6).apply(model, context)
    moves = weights * X.std(axis=0)
    (left,) = np.flatnonzero(decode(pruned.predictor.coef)[0])
    assert left == moves.argmax()
    # Without rows there is only the size.
    (left,) = np.flatnonzero(
        decode(PruneLinear(5 / 6).apply(model, Context(original=model)).predictor.coef)[0]
    )
    assert left == 0


def test_the_mean_of_the_outputs_stays():
    X, y = load_digits(return_X_y=True)
    model = lift(LinearSVC(random_state=0).fit(X / 16, y))
    pruned = PruneLinear(0.7).apply(model, Context(original=model, refit=Data(X / 16)))
    assert np.count_nonzero(decode(pruned.predictor.coef)) == round(0.3 * 640)
    X = X / 16
    before, after = (CompactModel(each).raw(X).mean(axis=0) for each in (model, pruned))
    np.testing.assert_allclose(before, after, atol=1e-9)


def test_terms_without_weight_go_exactly_where_rows_have_no_norm():
    texts, labels = texts_and_labels()
    for norm, exact in ((None, True), ("l2", False)):
        model = make_pipeline(
            TfidfVectorizer(norm=norm), LogisticRegression(C=100, max_iter=500)
        ).fit(texts[:300], labels[:300])
        model[-1].coef_[:, 30:] = 0
        small = skc.compress(model, level="lossless")
        assert small.ir.predictor.n_features == (30 if exact else 400)
        np.testing.assert_allclose(
            small.decision_function(texts[300:]), model.decision_function(texts[300:]), rtol=1e-9
        )


def test_a_refit_comes_closer_to_the_original():
    X, y = make_regression(300, 30, noise=1.0, effective_rank=5, random_state=0)
    model = lift(Ridge(alpha=1e-3).fit(X, y))
    context = Context(original=model, refit=Data(X))
    pruned = PruneLinear(0.5).apply(model, context)
    refitted = RefitLinear().apply(pruned, context)
    before, after = (
        np.square(CompactModel(each).predict(X) - CompactModel(model).predict(X)).mean()
        for each in (pruned, refitted)
    )
    assert after < 0.8 * before
    zeros = [decode(each.predictor.coef) == 0 for each in (pruned, refitted)]
    np.testing.assert_array_equal(*zeros)


def test_nothing_to_prune():
    X, y = load_digits(return_X_y=True)
    ridge = Ridge().fit(X, y)
    ridge.coef_[5:] = 0
    model = lift(ridge)
    assert PruneLinear(0.5).apply(model, Context(original=model)) is model
    tree = lift(DecisionTreeRegressor(max_depth=2).fit(X, y))
    with pytest.raises(SkipPass, match="not linear"):
        PruneLinear(0.5).apply(tree, Context(original=tree))


def test_weights_that_no_term_stands_for_go_where_the_file_is_smaller():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 300)) * rng.choice([0.01, 1.0, 100.0], 300)
    y = (X[:, :5] / X[:, :5].std(axis=0)).sum(axis=1) > 0
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(X[:500], y[:500])
    rows = {"X": X[:500], "y": y[:500], "X_val": X[500:700], "y_val": y[500:700]}
    safe, balanced, tiny = (
        skc.compress(model, **rows, level=level) for level in ("safe", "balanced", "tiny")
    )
    sizes = [len(skc.dumps(each)) for each in (safe, balanced, tiny)]
    assert sizes[0] >= sizes[1] >= sizes[2]
    assert sizes[2] < 0.8 * sizes[0]
    assert np.count_nonzero(decode(tiny.ir.predictor.coef)) < 150
    assert tiny.score(X[700:], y[700:]) >= model.score(X[700:], y[700:]) - 0.02
