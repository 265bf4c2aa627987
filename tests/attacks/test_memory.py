"""Memory stays within `max_memory`, from the first byte to the first prediction."""

import tracemalloc

import numpy as np
import pytest
from craft import deflate, pack

import skcompress as skc
from skcompress import ir
from skcompress.format._model import encode_model

COUNT = 100_000


def rows_of(predictor, n_features=9, n_outputs=1):
    """A model around a predictor."""
    return ir.Model(
        input=ir.InputSpec(n_features=n_features, sparse=True),
        chain=ir.Chain(transforms=(), predictor=predictor),
        head=ir.Numbers(n_outputs=n_outputs, ravel=n_outputs == 1),
        family="f",
    )


def codes(*shape):
    """Codes that take a byte each and stand for eight."""
    one = np.ones(1)
    return ir.Affine(codes=np.ones(shape, np.uint8), scale=one, zero=one, bits=1)


def sparse_rows(n_rows, n_columns=9):
    """An entry in each row."""
    return ir.Sparse(
        data=np.ones(n_rows),
        indices=(np.arange(n_rows) % n_columns).astype(np.uint32),
        indptr=np.arange(n_rows + 1),
        n_columns=n_columns,
    )


def stumps(**fields):
    """Trees of two splits and three leaves."""
    rng, n = np.random.default_rng(0), COUNT // 5
    return ir.TreeEnsemble(
        internal=np.tile([True, True, False, False, False], n),
        feature=rng.integers(0, 9, 2 * n).astype(np.uint16),
        threshold=rng.choice(rng.standard_normal(40), 2 * n),
        leaf=rng.integers(0, 300, 3 * n).astype(np.uint16),
        values=np.sort(rng.standard_normal(300)).reshape(300, 1),
        n_features=9,
        n_outputs=1,
        **fields,
    )


def kernel(vectors, **fields):
    """A kernel machine over some vectors."""
    n_vectors = vectors.shape[0]
    coef = ir.LowRank(left=codes(1, 1), right=codes(1, n_vectors))
    zero = np.zeros(1)
    return ir.KernelExpansion(vectors=vectors, coef=coef, intercept=zero, kernel="rbf", **fields)


def prototypes(vectors, **fields):
    """Neighbours among some vectors."""
    targets = np.zeros((vectors.shape[0], 1))
    return ir.Prototypes(vectors=vectors, targets=targets, n_neighbors=1, **fields)


def terms():
    """A vectorizer of many terms."""
    vectorizer = ir.TextVectorize(terms=np.array([f"{place:x}" for place in range(COUNT // 8)]))
    return ir.Model(
        input=ir.InputSpec(n_features=1, text=True),
        chain=ir.Chain(
            transforms=(vectorizer,),
            predictor=ir.LinearMap(coef=np.ones((1, COUNT // 8)), intercept=np.zeros(1)),
        ),
        head=ir.Numbers(n_outputs=1),
        family="f",
    )


def wide_terms():
    """A few long texts widen all."""
    vectorizer = ir.TextVectorize(terms=np.array([*map(str, range(500)), "x" * 2000]))
    return ir.Model(
        input=ir.InputSpec(n_features=1, text=True),
        chain=ir.Chain(transforms=(vectorizer,), predictor=None),
        head=ir.Transformed(),
        family="f",
    )


MODELS = {
    "stumps": lambda: rows_of(stumps()),
    "stumps of half precision": lambda: rows_of(
        stumps().replace(threshold=np.zeros(2 * COUNT // 5, np.float16))
    ),
    "boosting": lambda: rows_of(
        stumps(tree_output=np.zeros(COUNT // 5, np.uint8)).replace(n_outputs=5000),
        n_outputs=5000,
    ),
    "kernel of codes": lambda: rows_of(kernel(codes(COUNT // 9, 9))),
    "kernel of floats": lambda: rows_of(kernel(np.ones((COUNT // 9, 9), np.float32))),
    "kernel of halves": lambda: rows_of(kernel(np.ones((COUNT // 9, 9), np.float16))),
    "sparse kernel": lambda: rows_of(kernel(sparse_rows(COUNT // 4))),
    "sparse kernel of many columns": lambda: rows_of(
        kernel(sparse_rows(100, COUNT)), n_features=COUNT
    ),
    "neighbours": lambda: rows_of(prototypes(np.ones((COUNT // 9, 9)))),
    "neighbours of codes": lambda: rows_of(prototypes(codes(COUNT // 9, 9))),
    "neighbours in a tree": lambda: rows_of(
        prototypes(np.random.default_rng(0).normal(size=(COUNT // 90, 9)), tree=True, leaf_size=1)
    ),
    "sparse neighbours": lambda: rows_of(prototypes(sparse_rows(COUNT // 4))),
    "network of codes": lambda: rows_of(
        ir.DenseNetwork(
            layers=(
                ir.Layer(weights=codes(9, COUNT // 9), bias=codes(COUNT // 9), activation="relu"),
                ir.Layer(weights=codes(COUNT // 9, 1), bias=codes(1), activation="identity"),
            )
        )
    ),
    "sparse linear map": lambda: rows_of(
        ir.LinearMap(coef=sparse_rows(1000, 500), intercept=np.zeros(1000)),
        n_features=500,
        n_outputs=1000,
    ),
    "sparse linear map of few columns": lambda: rows_of(
        ir.LinearMap(coef=sparse_rows(300, 2**40), intercept=np.zeros(300)),
        n_features=2**40,
        n_outputs=300,
    ),
    "low-rank linear map": lambda: rows_of(
        ir.LinearMap(
            coef=ir.LowRank(left=codes(300, 1), right=codes(1, 300)), intercept=np.zeros(300)
        ),
        n_features=300,
        n_outputs=300,
    ),
    "terms": terms,
    "wide terms": wide_terms,
}


def served(data, limit):
    """Whether a file is read; it predicts a row then."""
    try:
        model = skc.loads(data, max_memory=limit)
    except skc.SkcFormatError as error:
        if "max_memory" not in str(error):
            raise
        return False
    spec = model.ir.input
    if spec.text:
        model.raw(["0 1"])
    elif spec.n_features <= COUNT:
        model.raw(np.ones((1, spec.n_features)))
    return True


def peak_of(data, limit):
    """What reading a file, and predicting a row, took."""
    tracemalloc.start()
    try:
        answer = served(data, limit)
        return answer, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("layout", ["coded", "mapped"])
@pytest.mark.parametrize("name", MODELS)
def test_the_least_memory_that_is_allowed_is_enough(name, layout):
    """The smallest max_memory that a file passes bounds what reading it and predicting takes."""
    data = encode_model(MODELS[name](), mapped=layout == "mapped")
    served(data, 2**30)  # what is imported and prepared once does not count
    low, high = 0, 2**28
    assert served(data, high)
    while high - low > 2**14:
        middle = (low + high) // 2
        low, high = (low, middle) if served(data, middle) else (middle, high)
    answer, peak = peak_of(data, high)
    assert answer
    assert peak <= high
    # It is not asked for without need either.
    assert high < 100 * COUNT + 12 * peak


def test_bomb_behind_lzma_is_refused_before_it_is_unpacked():
    zeros = 2**27
    coef = np.tile(np.array([0.0, 1.0]), (1, zeros // 16))
    model = rows_of(ir.LinearMap(coef=coef, intercept=np.zeros(1)), n_features=zeros // 8)
    data = encode_model(model)
    assert len(data) < 2**16
    answer, peak = peak_of(data, zeros)
    assert not answer
    assert peak < 2**20
    assert served(data, 2**33)


def test_header_bomb_is_refused_before_it_is_unpacked():
    text = b'{"m":' + b"[" + b"0," * 2**23 + b"0]" + b',"s":[0]}'
    answer, peak = peak_of(pack(text, stored=deflate(text)), 2**24)
    assert not answer
    assert peak < 2**20


@pytest.mark.parametrize("item", ["{}", '{"":0}', "[[]]", '""', "1.5", '"\U0001f4a3"'])
def test_header_takes_the_memory_that_is_set_aside_for_it(item):
    text = f'{{"m":[{",".join([item] * 300_000)}],"s":[0]}}'.encode()
    data = pack(text, stored=deflate(text))
    tracemalloc.start()
    try:
        with pytest.raises(skc.SkcFormatError, match="model"):
            skc.loads(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * len(text) + len(data)
