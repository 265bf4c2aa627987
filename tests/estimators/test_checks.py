"""scikit-learn's own estimator checks, for every compressor over several inner estimators."""

from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from skcompress import MLPReducer, ModelCompressor, SVMQuantizer, TreePruner

ESTIMATORS = [
    SVMQuantizer(SVC()),
    SVMQuantizer(SVR(), n_bits=12),
    SVMQuantizer(LinearSVC(random_state=0), n_bits=12),
    TreePruner(DecisionTreeClassifier(random_state=0), random_state=0),
    TreePruner(DecisionTreeRegressor(random_state=0), ccp_alpha=0.0),
    TreePruner(RandomForestClassifier(5, random_state=0), ccp_alpha=0.001),
    TreePruner(ExtraTreesRegressor(5, random_state=0), random_state=0),
    MLPReducer(MLPClassifier((20,), max_iter=100, random_state=0)),
    MLPReducer(MLPRegressor(hidden_layer_sizes=(20,), max_iter=100, random_state=0)),
    ModelCompressor(LogisticRegression(), random_state=0),
    ModelCompressor(RandomForestClassifier(5, random_state=0), level="lossless"),
    ModelCompressor(KNeighborsClassifier(), level="lossless"),
]


EXPECTED_TO_FAIL = {
    SVC: {
        "check_classifiers_one_label_sample_weights": "libsvm's own message does not name "
        "sample_weight; scikit-learn expects SVC to fail this check too"
    },
    KNeighborsClassifier: {
        "check_estimator_sparse_tag": "the inner estimator takes sparse rows, of which the "
        "compact model would have to store all: they are refused with a message"
    },
}


def expected_failed_checks(compressor):
    return EXPECTED_TO_FAIL.get(type(compressor.estimator), {})


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failed_checks)
def test_estimator_check(estimator, check):
    check(estimator)
