import io
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import skcompress as skc
from skcompress import ir
from skcompress.reports._meter import Meter
from skcompress.runtime import arrays_kept

X, y = load_iris(return_X_y=True)
X = np.tile(X, (4, 1)) + np.random.default_rng(0).normal(scale=0.2, size=(600, 4))
y = np.tile(y, 4)
TEXTS = ["one fish two fish", "red fish blue fish", "black fish"] * 9

FITTED = {
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestRegressor(20, random_state=0),
    "extra trees": ExtraTreesClassifier(20, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=9, random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=9),
    "svc": SVC(),
    "sparse svc": SVC(),
    "mlp": MLPClassifier((40,), early_stopping=True, max_iter=20, random_state=0),
    "kd tree": KNeighborsClassifier(algorithm="kd_tree"),
    "ball tree": KNeighborsClassifier(algorithm="ball_tree"),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "voting": VotingClassifier([("a", DecisionTreeClassifier()), ("b", LogisticRegression())]),
    "search": GridSearchCV(DecisionTreeClassifier(), {"max_depth": [2, 9]}, cv=2),
}


@pytest.fixture(scope="module", params=FITTED)
def fitted(request):
    rows = scipy.sparse.csr_array(X) if request.param.startswith("sparse") else X
    return FITTED[request.param].fit(rows, y)


def buffers_of(model):
    """Bytes of all buffers that pickle would send aside, and of the rest."""
    buffers = []
    rest = len(pickle.dumps(model, 5, buffer_callback=buffers.append))
    return sum(buffer.raw().nbytes for buffer in buffers), rest


def part(sizes, name):
    return next(item for item in sizes.parts if item.name == name)


def test_all_buffers_are_counted(fitted):
    sizes = skc.size_report(fitted, lzma=False)
    buffers, rest = buffers_of(fitted)
    # Python objects take several times what pickle writes of them, but not more.
    assert buffers < sizes.memory_bytes < buffers + 12 * rest


def test_parts_add_up_largest_first(fitted):
    sizes = skc.size_report(fitted, lzma=False)
    counts = [item.memory_bytes for item in sizes.parts]
    assert sum(counts) == sizes.memory_bytes
    assert counts == sorted(counts, reverse=True)
    assert len({item.name for item in sizes.parts}) == len(counts)


def test_disk_bytes_are_those_of_joblib(fitted):
    sizes = skc.size_report(fitted)
    for length, settings in ((sizes.disk_bytes, {}), (sizes.lzma_bytes, {"compress": ("lzma", 6)})):
        file = io.BytesIO()
        joblib.dump(fitted, file, **settings)
        assert length == len(file.getvalue())


def test_weighing_twice_gives_the_same(fitted):
    assert skc.size_report(fitted, lzma=False) == skc.size_report(fitted, lzma=False)


def test_weighing_changes_nothing(fitted):
    before = pickle.dumps(fitted)
    skc.size_report(fitted, lzma=False)
    assert pickle.dumps(fitted) == before


def test_trees_are_weighed_to_the_byte():
    forest = FITTED["forest"].fit(X, y)
    trees = [tree.tree_ for tree in forest.estimators_]
    nodes = sum(tree.node_count for tree in trees)
    leaves = sum(int((tree.children_left < 0).sum()) for tree in trees)
    sizes = skc.size_report(forest, lzma=False)
    # Impurity, row count and weight are three of eight words of a node; inner nodes have values.
    assert part(sizes, "leaf values").memory_bytes == 8 * leaves
    statistics = part(sizes, "statistics of tree nodes")
    assert statistics.memory_bytes == 24 * nodes + 8 * (nodes - leaves)
    assert not statistics.needed
    around = part(sizes, "tree nodes").memory_bytes - 40 * nodes
    assert 0 <= around <= 200 * len(trees)


def test_support_vectors_are_weighed_to_the_byte():
    model = SVC().fit(X, y)
    sizes = skc.size_report(model)
    assert part(sizes, "support vectors").memory_bytes == model.support_vectors_.nbytes
    duals = model.dual_coef_.nbytes
    assert part(sizes, "dual coefficients").memory_bytes in (duals, 2 * duals)


def test_what_training_left_is_marked():
    model = MLPClassifier((40,), max_iter=20, random_state=0).fit(X, y)
    sizes = skc.size_report(model)
    weights = sum(array.nbytes for array in (*model.coefs_, *model.intercepts_))
    moments = part(sizes, "optimizer state")
    assert 2 * weights <= moments.memory_bytes <= 2 * weights + 4000
    needed = {item.name: item.needed for item in sizes.parts}
    assert needed["layer weights"]
    unneeded = {"optimizer state", "training curves", "random state"}
    assert not any(needed[name] for name in unneeded)


def test_a_vocabulary_counts_its_words():
    model = TfidfVectorizer().fit(TEXTS)
    words = model.vocabulary_
    texts = sum(word.__sizeof__() for word in words)
    assert part(skc.size_report(model), "vocabulary").memory_bytes >= texts + words.__sizeof__()


class Odd(BaseEstimator):
    """Holds what no scikit-learn estimator does."""

    def __init__(self, setting="x", inner=None):
        self.setting = setting
        self.inner = inner


def test_unknown_attributes_are_listed_under_their_names():
    model = Odd()
    model.magic_ = {"deep": [np.zeros(1000), (np.zeros(500, np.float32),)]}
    found = part(skc.size_report(model), "magic_")
    assert 10_000 <= found.memory_bytes <= 11_000


def test_shared_memory_counts_once():
    base = np.zeros((1000, 10))
    model = Odd()
    model.a_ = base[:, 1]
    model.b_ = base[500:]
    model.c_ = base
    model.d_ = model.a_
    total = skc.size_report(model).memory_bytes
    assert base.nbytes <= total < base.nbytes + 2000


def test_cycles_and_locks():
    model = Odd()
    model.self_ = [model, {"again": model}]
    model.inner = model
    model.array_ = np.array([model, None], dtype=object)
    model.callback_ = len
    assert skc.size_report(Plain().around(model)).memory_bytes > 0


class Plain(BaseEstimator):
    def around(self, model):
        self.model_of_ = model
        return self

    def __reduce__(self):
        return (Plain, ())


def test_a_lock_cannot_be_looked_into():
    model = Plain()
    model.lock_ = threading.Lock()
    assert skc.size_report(model, lzma=False).memory_bytes > 0


def test_unfitted():
    sizes = skc.size_report(SVC())
    assert not any(item.name == "support vectors" for item in sizes.parts)
    assert part(sizes, "parameters").memory_bytes > 0


def test_without_lzma():
    assert skc.size_report(SVC().fit(X, y), lzma=False).lzma_bytes is None


def compact(vectors):
    return skc.CompactModel(
        ir.Model(
            input=ir.InputSpec(n_features=4, names=("a", "b", "c", "d")),
            chain=ir.Chain(
                transforms=(),
                predictor=ir.KernelExpansion(
                    vectors=vectors, coef=np.ones((1, 50)), intercept=np.zeros(1), kernel="rbf"
                ),
            ),
            head=ir.Numbers(n_outputs=1),
            family="sklearn.svm._classes.SVR",
        )
    )


def test_compact_model_is_weighed_by_its_arrays():
    vectors = ir.Affine(
        codes=np.zeros((50, 4), np.uint8), scale=np.ones(4), zero=np.zeros(4), bits=8
    )
    model = compact(vectors)
    sizes = skc.size_report(model)
    assert sizes.disk_bytes == len(skc.dumps(model))
    assert sizes.lzma_bytes is None
    assert part(sizes, "support vectors").memory_bytes == vectors.nbytes
    assert part(sizes, "dual coefficients").memory_bytes == 400
    names = part(sizes, "feature names").memory_bytes
    laid_out = part(sizes, "laid out for prediction").memory_bytes
    assert 0 < laid_out <= sum(array.nbytes for array in arrays_kept(model.ir.chain.predictor))
    assert sizes.memory_bytes == model.ir.nbytes + names + laid_out


class Compressor(BaseEstimator):
    def fit(self, X, y=None):
        self.model_ = compact(np.zeros((50, 4)))
        return self


def test_compressor_is_weighed_by_its_model():
    fitted = Compressor().fit(X)
    assert skc.size_report(fitted) == skc.size_report(fitted.model_)


def test_compressor_at_the_end_of_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), Compressor()).fit(X, y)
    sizes = skc.size_report(pipeline)
    file = io.BytesIO()
    joblib.dump(pipeline[:-1], file)
    assert sizes.disk_bytes == len(file.getvalue()) + len(skc.dumps(pipeline[-1].model_))
    assert sizes.lzma_bytes < sizes.disk_bytes
    assert part(sizes, "support vectors").memory_bytes == 50 * 4 * 8
    assert part(sizes, "scales and offsets").memory_bytes == 2 * 4 * 8


def test_meter_counts_each_byte_once_whatever_the_order():
    rng = np.random.default_rng(0)
    memory = np.zeros(1000, np.uint8)
    base = memory.__array_interface__["data"][0]
    for _ in range(50):
        meter, marked = Meter(), np.zeros(1000, bool)
        for start, length in zip(rng.integers(0, 900, 30), rng.integers(0, 100, 30), strict=True):
            fresh = meter.claim(base + int(start), base + int(start + length))
            assert fresh == np.count_nonzero(~marked[start : start + length])
            marked[start : start + length] = True


def test_show_versions(capsys):
    skc.show_versions()
    printed = capsys.readouterr().out
    assert "numpy" in printed
    assert "kernels" in printed


RESIDENT = """
import sys, numpy as np, skcompress as skc

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

small, large, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
row = np.zeros((1, width), np.float32)
skc.load(small).predict(row)
before = resident()
model = skc.load(large)
model.predict(row)
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_memory_is_what_the_process_takes(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 1000, (2000, 6)).astype(np.float32)
    forest = RandomForestClassifier(20, random_state=0).fit(rows, rng.integers(0, 2, 2000))
    once = skc.compress(forest, level="lossless").ir
    trees = once.chain.predictor
    names = ("internal", "feature", "threshold", "missing_left", "leaf")
    many = trees.replace(**{name: np.tile(getattr(trees, name), 100) for name in names})
    large = skc.CompactModel(once.with_predictor(many))
    paths = [tmp_path / "small.skc", tmp_path / "large.skc"]
    skc.dump(skc.CompactModel(once), paths[0])
    skc.dump(large, paths[1])
    expected = skc.size_report(large).memory_bytes
    assert expected <= 10 * many.n_nodes
    assert expected == pytest.approx(resident_bytes(*paths, 6), rel=0.1)


def resident_bytes(small, large, width):
    """How much a process grows by a large model after it has used a small one of its kind."""
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT, small, large, str(width)],
        capture_output=True,
        text=True,
        check=True,
        # Freed memory goes back to the system, so that only what is kept is seen.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"},
    )
    return int(done.stdout)


def an_expansion(size, rng, encode, width=80):
    n_vectors = 500 * size
    codes = rng.integers(0, 16, (n_vectors, width)).astype(np.uint8)
    vectors = ir.Codebook(codes=codes, table=rng.normal(size=16), bits=4)
    return ir.KernelExpansion(
        vectors=vectors if encode else vectors.decode(),
        coef=rng.normal(size=(1, n_vectors)),
        intercept=np.zeros(1),
        kernel="rbf",
        gamma=1.0 / width,
    )


def a_network(size, rng, encode, width=80):
    layers = []
    for n_inputs, n_units in ((width, 20 * size), (20 * size, 20 * size), (20 * size, 1)):
        codes = rng.integers(0, 16, (n_inputs, n_units)).astype(np.uint8)
        weights = ir.Codebook(codes=codes, table=rng.normal(size=16), bits=4)
        layers.append(
            ir.Layer(
                weights=weights if encode else weights.decode(),
                bias=np.zeros(n_units),
                activation="relu",
            )
        )
    return ir.DenseNetwork(layers=tuple(layers))


def some_prototypes(size, rng, encode, width=80):
    codes = rng.integers(0, 16, (200 * size, width)).astype(np.uint8)
    vectors = ir.Affine(codes=codes, scale=np.ones(1), zero=np.zeros(1), bits=4)
    return ir.Prototypes(
        vectors=vectors if encode else vectors.decode(),
        targets=rng.normal(size=(200 * size, 1)),
        n_neighbors=3,
        tree=True,
    )


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
@pytest.mark.parametrize("encode", [False, True])
@pytest.mark.parametrize("make", [an_expansion, a_network, some_prototypes])
def test_memory_is_what_the_process_takes_for_dense_models(make, encode, tmp_path):
    paths = [tmp_path / "small.skc", tmp_path / "large.skc"]
    for path, size in zip(paths, (1, 80), strict=True):
        model = skc.CompactModel(
            ir.Model(
                input=ir.InputSpec(n_features=80),
                chain=ir.Chain(
                    transforms=(), predictor=make(size, np.random.default_rng(0), encode)
                ),
                head=ir.Numbers(n_outputs=1),
                family="sklearn.svm._classes.SVR",
            )
        )
        skc.dump(model, path, layout="mapped")
    expected = skc.size_report(model).memory_bytes
    assert expected > 1_000_000
    assert expected == pytest.approx(resident_bytes(*paths, 80), rel=0.1, abs=400_000)
