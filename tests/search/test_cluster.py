"""The search on a real Dask cluster of two worker processes."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import skcompress as skc

distributed = pytest.importorskip(
    "distributed", reason="needs the extra dask: pip install 'skcompress[dask]'"
)

pytestmark = [
    # Of Dask's own, at its start and when a worker dies
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

X, y = load_digits(return_X_y=True)
X, y = X[:400], y[:400]


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def search(estimator=None):
    inner = LogisticRegression(max_iter=30) if estimator is None else estimator
    space = {"n_bits": [10, 8, 6, 5, 4, 3], "scheme": ["affine", "codebook"]}
    return skc.CompressionSearchCV(inner, space, cv=3, tolerance=0.02, random_state=0)


def assert_same(found, expected):
    assert found.best_params_ == expected.best_params_
    assert found.cv_results_["params"] == expected.cv_results_["params"]
    for column in ("n_bytes", "mean_test_score", "split0_test_score", "mean_test_loss"):
        assert np.array_equal(found.cv_results_[column], expected.cv_results_[column])
    assert found.pareto_front_ == expected.pareto_front_
    assert skc.dumps(found.model_) == skc.dumps(expected.model_)


def test_cluster_gives_what_one_process_gives(client):
    with parallel_config("dask"):
        found = search().fit(X, y)
    assert_same(found, search().fit(X, y))
    ran = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert len(ran) == 2
    assert all(count > 0 for count in ran.values())


def test_a_killed_worker_changes_nothing(client):
    expected = search().fit(X, y)
    pids = client.run(os.getpid)
    worker, killed = next(iter(pids)), []

    def kill():
        # Only when it has done some of the work
        until = time.monotonic() + 60
        before = client.run(lambda dask_worker: dask_worker.state.executed_count)
        while time.monotonic() < until:
            now = client.run(lambda dask_worker: dask_worker.state.executed_count)
            if now[worker] >= before[worker] + 3:
                os.kill(pids[worker], signal.SIGKILL)
                killed.append(time.monotonic())
                return
            time.sleep(0.005)

    killer = threading.Thread(target=kill)
    with parallel_config("dask"):
        killer.start()
        found = search().fit(X, y)
    finished = time.monotonic()
    killer.join()
    assert len(killed) == 1
    assert killed[0] < finished
    assert_same(found, expected)
    client.wait_for_workers(2, timeout=30)
    assert pids[worker] not in client.run(os.getpid).values()
