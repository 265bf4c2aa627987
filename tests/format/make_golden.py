"""Write the golden files of versions 2 to 4, each with what its model predicts.

Usage: python tests/format/make_golden.py

Files that exist are never written again: they are what users have on their disks. A new family,
or a new field, adds files.
"""

import hashlib
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import is_regressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

import skcompress as skc
from skcompress import ir
from skcompress.families import all_families, all_transforms, lift
from skcompress.passes import (
    Context,
    DropNotes,
    PruneWeights,
    QuantizeThresholds,
    QuantizeVectors,
    QuantizeWeights,
    SparseStorage,
)

FOLDER = Path(__file__).parent / "golden" / "v2"
NEWER = {
    "pattern-of-weights": "v3",
    "network-in-common": "v4",
    "vectors-in-common": "v4",
    "forest-and-common": "v4",
}
"""Files that need a later version, and the folder beside FOLDER that holds them."""

METHODS = ("predict", "predict_proba", "decision_function", "score_samples", "transform")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 5)).round(2)
CLASSES = np.digitize(X[:, 0] + X[:, 1] ** 2, [0.2, 1.2])
TARGET = X @ [1.0, -2.0, 0.5, 0.0, 3.0] + np.sin(X[:, 0]) + 20.0
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
WORDS = np.array(["the", "a", "red", "blue", "one", "two", "large", "fish", "été", "naïve"])
TEXTS = np.array([" ".join(RNG.choice(WORDS, 6)) for _ in X])
NAMES = np.array(["setosa", "versicolor", "virginica"])[CLASSES]


KEYS = {
    "signed-ed25519": skc.Ed25519PrivateKey(bytes(range(32))),
    "signed-hmac-sha256": skc.HmacKey(bytes(range(32))),
}
SETTINGS = {name: {"key": key} for name, key in KEYS.items()}
SETTINGS |= {f"mapped-{kind}": {"layout": "mapped"} for kind in ("forest", "text", "svc")}


def examples():
    """Name, fitted estimator and input of each golden model."""
    for family in (*all_families(), *all_transforms()):
        for place, estimator in enumerate(family.examples()):
            short = family.name.rpartition(".")[2]
            rows = {"CountVectorizer": TEXTS, "TfidfVectorizer": TEXTS, "SimpleImputer": HOLES}
            target = TARGET if is_regressor(estimator) else CLASSES
            yield f"{short}-{place}", estimator.fit(rows.get(short, X), target), rows.get(short, X)
    yield "labels-of-text", SVC().fit(X, NAMES), X
    yield "labels-as-objects", LogisticRegression().fit(X, NAMES.astype(object)), X
    yield "binary-svc", SVC(C=3).fit(X, CLASSES > 0), X
    forest = RandomForestClassifier(3, random_state=0)
    yield "several-targets", forest.fit(X, np.stack([CLASSES, X[:, 2] > 0], axis=1)), X
    yield "several-numbers", Ridge().fit(X, np.stack([TARGET, -TARGET], axis=1)), X
    yield "missing-values", DecisionTreeClassifier(random_state=0).fit(HOLES, CLASSES), HOLES
    rounded = np.round(X)
    boosting = HistGradientBoostingClassifier(max_iter=3, categorical_features=[3, 1])
    yield "categorical-boosting", boosting.fit(rounded, CLASSES), rounded
    several = np.stack([CLASSES > 0, X[:, 2] > 0], axis=1).astype(int)
    network = MLPClassifier((6,), max_iter=30, random_state=0)
    yield "several-labels", network.fit(X, several), X
    steps = [SimpleImputer(), RobustScaler(), MinMaxScaler(), Normalizer(), PCA(3)]
    chain = make_pipeline(*steps, StandardScaler(), SVC())
    yield "long-pipeline", chain.fit(HOLES, CLASSES), HOLES
    texts = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
    yield "text-pipeline", texts.fit(TEXTS, CLASSES), TEXTS
    for name in KEYS:
        yield name, LogisticRegression().fit(X, CLASSES), X
    yield "mapped-forest", RandomForestClassifier(3, random_state=0).fit(X, CLASSES), X
    yield "mapped-text", texts, TEXTS
    yield "mapped-svc", SVC().fit(X, CLASSES), X


def encoded():
    """Name, model and input of encoded arrays in all their forms."""
    vectors = np.round(X[:40] * 10).astype(np.int16)
    low = vectors.min(axis=0)
    wide = (vectors - low).astype(np.uint16)
    table = np.sort(RNG.normal(size=(5, int(wide.max()) + 1)), axis=1)
    forms = {
        "affine": ir.Affine(codes=wide, scale=np.full(5, 0.1), zero=low * 0.1, bits=8),
        "fixed-point": ir.FixedPoint(codes=vectors, exponent=np.array([-3], np.int8), bits=9),
        "codebook": ir.Codebook(codes=wide, table=table, bits=8),
        "codebook-shared": ir.Codebook(codes=wide, table=table[0], bits=8),
        "sparse": ir.Sparse.from_dense(np.where(vectors > 5, X[:40], 0.0)),
        "low-rank": ir.LowRank(left=X[:40, :2], right=X[:2].astype(np.float32)),
    }
    for name, form in forms.items():
        kernel = ir.KernelExpansion(
            vectors=form, coef=X[:40, :1].T, intercept=np.array([0.5]), kernel="rbf", gamma=0.2
        )
        yield (
            f"encoded-{name}",
            ir.Model(
                input=ir.InputSpec(n_features=5, names=("a", "b", "c", "d", "é")),
                chain=ir.Chain(transforms=(), predictor=kernel),
                head=ir.Numbers(n_outputs=1),
                family="sklearn.svm._classes.SVR",
                params=(("C", 0.5), ("kernel", "rbf"), ("verbose", False), ("degree", 3)),
            ),
            X,
        )


def categories():
    """Name, model and input of a tree that splits on categories."""
    sets = np.zeros((2, 8), np.uint32)
    sets[:, 0] = 0b0101
    sets[1, 7] = 2**31
    tree = ir.TreeEnsemble(
        internal=np.array([True, True, False, False, False]),
        feature=np.array([1, 0], np.uint8),
        threshold=np.array([0.5, 0.0]),
        missing_left=np.array([True, False]),
        leaf=np.array([2, 0, 1], np.uint8),
        values=np.array([[-1.5], [0.25], [3.0]]),
        n_features=2,
        n_outputs=1,
        tree_output=np.zeros(1, np.uint8),
        base=np.array([0.125]),
        float32_inputs=False,
        categories=ir.CategorySplits(
            is_category=np.array([False, True]),
            left=sets[:1],
            known=sets[1:] | np.uint32(0b0010),
            known_row=np.array([0, -1], np.int32),
        ),
    )
    model = ir.Model(
        input=ir.InputSpec(n_features=2, finite="allow-nan"),
        chain=ir.Chain(transforms=(), predictor=tree),
        head=ir.Numbers(n_outputs=1, link="exp"),
        family=(
            "sklearn.ensemble._hist_gradient_boosting.gradient_boosting."
            "HistGradientBoostingRegressor"
        ),
    )
    rows = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [255, 0], [np.nan, 0], [0, 1], [0, np.nan]])
    yield "categories", model, rows


def larger():
    """Name, model and input of models that are large enough for every codec."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, 4)).round(1) * [1, 10, 0.5, 1]
    classes = np.digitize(rows[:, 0] + rng.normal(size=500), [-0.5, 0.5])
    numbers = rows @ [1.0, 0.1, -2.0, 0.0] + rng.normal(size=500)
    forest = RandomForestRegressor(3, random_state=0).fit(rows, numbers)
    yield "forest-of-many-values", DropNotes().apply(lift(forest), None), rows
    extra = lift(ExtraTreesClassifier(8, random_state=0).fit(rows, classes))
    yield "forest-of-few-values", DropNotes().apply(extra, None), rows
    coarse = QuantizeThresholds(3).apply(extra, None)
    yield "forest-of-odd-thresholds", DropNotes().apply(coarse, None), rows
    boosting = HistGradientBoostingRegressor(max_iter=30).fit(rows, numbers)
    yield "boosting-of-many-values", lift(boosting), rows
    scaled = make_pipeline(StandardScaler(), SVC(C=0.3)).fit(rows, classes)
    yield "scaled-vectors", lift(scaled), rows
    wide = rng.normal(size=(200, 20)).round(1)
    yield "equal-arrays", lift(scaled.fit(wide, wide[:, 0] > 0)), wide
    regression = lift(SVR(C=2).fit(rows, numbers))
    yield (
        "vectors-in-few-bits",
        QuantizeVectors("affine", 5).apply(regression, Context(original=regression)),
        rows,
    )
    yield (
        "weights-in-few-bits",
        QuantizeWeights("codebook", 4).apply(
            lift(
                MLPRegressor(hidden_layer_sizes=(60,), max_iter=20, random_state=0).fit(
                    rows, numbers
                )
            ),
            None,
        ),
        rows,
    )
    network = MLPRegressor(hidden_layer_sizes=(60,), max_iter=20, random_state=0)
    pruned = PruneWeights(0.8).apply(lift(network.fit(rows, numbers)), None)
    yield "pattern-of-weights", SparseStorage().apply(pruned, None), rows
    deep = MLPRegressor(hidden_layer_sizes=(30, 20), max_iter=20, random_state=0)
    pruned = PruneWeights(0.7).apply(lift(deep.fit(rows, numbers)), None)
    yield (
        "network-in-common",
        QuantizeWeights("codebook", 3).apply(SparseStorage().apply(pruned, None), None),
        rows,
    )
    yield "vectors-in-common", lift(scaled.fit(rows[:200], classes[:200])), rows
    trees = ExtraTreesRegressor(3, max_depth=6, random_state=0).fit(rows, numbers)
    yield "forest-and-common", DropNotes().apply(lift(trees), None), rows
    images = rng.binomial(1, 0.2, (300, 64)) * rng.integers(0, 17, (300, 64))
    neighbors = KNeighborsClassifier().fit(images, images[:, 0] > 8)
    yield "images", lift(neighbors), images * 1.0


def digest(model):
    """A fingerprint of every array, its path, dtype and shape; packed trees tell nothing new."""
    state = hashlib.sha256()
    for path, array in sorted(model.arrays()):
        if ".packed." in path:
            continue
        little = array.astype(array.dtype.newbyteorder("<"))
        state.update(f"{path} {array.dtype.str[1:]} {array.shape}\n".encode())
        state.update(little.tobytes())
    return state.hexdigest()


def answers(model, rows):
    """What each method of a model gives for some rows, one array a target."""
    result = {}
    for method in METHODS:
        if hasattr(model, method):
            answer = getattr(model, method)(rows)
            if hasattr(answer, "indptr"):
                answer = answer.to_dense()
            parts = answer if isinstance(answer, list) else [answer]
            for place, part in enumerate(parts):
                plain = np.asarray(part)
                result[f"{method}.{place}"] = plain.astype("U") if plain.dtype == object else plain
    return result


def main():
    models = [(name, lift(estimator), rows) for name, estimator, rows in examples()]
    models += [*encoded(), *categories(), *larger()]
    for name, model, rows in models:
        path = FOLDER.parent / NEWER.get(name, FOLDER.name) / f"{name}.skc"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            sys.stdout.write(f"{path.name} exists and stays as it is\n")
            continue
        compact = skc.CompactModel(model)
        some = rows[:10]
        expected = answers(compact, some)
        path.write_bytes(skc.dumps(compact, **SETTINGS.get(name, {})))
        np.savez_compressed(
            path.with_suffix(".npz"), X=some, digest=np.array(digest(model)), **expected
        )
        sys.stdout.write(f"{path.name}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    with warnings.catch_warnings():
        # Tiny models need not converge, and deprecated settings are in old files too.
        warnings.simplefilter("ignore")
        sys.exit(main())
