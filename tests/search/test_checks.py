"""scikit-learn's own estimator checks, for searches over several kinds of models."""

from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcompress import CompressionSearchCV

LINEAR = {"n_bits": [16, 12]}
SEARCHES = [
    CompressionSearchCV(LogisticRegression(), LINEAR, cv=2),
    CompressionSearchCV(LinearRegression(), LINEAR, cv=2),
    CompressionSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"ccp_alpha": [0.0, 0.001], "value_bits": [12]},
        cv=2,
        tolerance=0.1,
        random_state=0,
    ),
]


@parametrize_with_checks(SEARCHES)
def test_estimator_check(estimator, check):
    check(estimator)
