import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from skcompress.families import lift
from skcompress.passes import Context, Data, PruneWeights


@pytest.fixture(scope="session")
def digits_mlp():
    """A network fitted on the first 900 digits, all rows and all labels."""
    X, y = load_digits(return_X_y=True)
    mlp = MLPClassifier((40, 20), max_iter=400, tol=1e-3, random_state=0)
    return lift(mlp.fit(X[:900] / 16, y[:900])), X / 16, y


@pytest.fixture
def pruned_digits(digits_mlp):
    """The network without most of its weights, and a context to train it on in."""
    model, X, y = digits_mlp
    context = Context(original=model, refit=Data(X[:900], y[:900]), random_state=3)
    return PruneWeights(0.8).apply(model, context), context
