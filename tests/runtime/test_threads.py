"""Rows shared among threads."""

import threading

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

import skcompress as skc
from skcompress.runtime._threads import run_blocks


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
@pytest.mark.parametrize("n_rows", [0, 1, 255, 256, 513, 5000])
def test_blocks_cover_the_rows_in_order(n_rows, n_threads):
    blocks = run_blocks(lambda block: np.arange(n_rows)[block], n_rows, n_threads)
    assert np.concatenate(blocks).tolist() == list(range(n_rows))
    assert len(blocks) <= n_threads


def test_blocks_run_at_once():
    barrier = threading.Barrier(3, timeout=60)
    run_blocks(lambda block: barrier.wait(), 3000, 3)


def test_an_error_reaches_the_caller():
    def fail(block):
        raise ZeroDivisionError(block.start)

    with pytest.raises(ZeroDivisionError):
        run_blocks(fail, 3000, 2)


def test_threads_change_no_answer():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    forest = RandomForestClassifier(10, random_state=0).fit(X[:300], X[:300, 0] > 0)
    small = skc.compress(forest, level="lossless")
    alone = small.predict_proba(X)
    small.n_threads = 3
    assert small.predict_proba(X).tobytes() == alone.tobytes()
    assert small.predict_proba(X[:1]).tobytes() == alone[:1].tobytes()


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, random_state=0),
        SVC(),
        MLPClassifier((20,), max_iter=5, random_state=0),
        KNeighborsClassifier(),
        LogisticRegression(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_many_threads_may_use_one_model(model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 5))
    small = skc.compress(model.fit(X[:300], X[:300, 0] > 0), level="lossless")
    # A model that has predicted, and one that all threads prepare at once.
    wanted = small.predict(X).tobytes()
    fresh = skc.loads(skc.dumps(small))
    found = []
    threads = [
        threading.Thread(target=lambda m=m: found.append(m.predict(X).tobytes()))
        for m in [small] * 6 + [fresh] * 6
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 12
