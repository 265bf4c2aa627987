"""
Searching for a small model
===========================

A grid search usually asks for the best score. Often the question is another: which is the smallest
model that is about as good? Compressors are scikit-learn estimators, so their settings can be
searched beside those of the model, and size can be one of the scores.
"""

# %%
# A pipeline, and a grid over both
# --------------------------------
# ``estimator__svc__C`` is a setting of the SVC, ``n_bits`` and ``n_vectors`` are settings of the
# compressor. With ``memory=`` the pipeline is fitted once for each fold and each `C`, however many
# settings of the compressor follow: here 6 times and not 24.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import skcompress as skc

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.75, random_state=0, stratify=y)

with tempfile.TemporaryDirectory() as cache:
    quantizer = skc.SVMQuantizer(
        make_pipeline(StandardScaler(), SVC()), scheme="codebook", memory=cache
    )
    search = GridSearchCV(
        quantizer,
        {
            "estimator__svc__C": [1, 10],
            "n_bits": [3, 4],
            "n_vectors": [None, 0.4],
        },
        scoring={"score": "accuracy", "size": skc.size_scorer},
        refit=skc.smallest_within(0.005),
        cv=3,
    ).fit(X, y)

# %%
# What it chose
# -------------
# ``smallest_within(0.005)`` takes the smallest of all candidates whose mean score is at most
# 0.005 below the best one. ``best_estimator_`` was then fitted on all rows.

print(search.best_params_)
best = search.best_estimator_
pipeline = make_pipeline(StandardScaler(), SVC(C=search.best_params_["estimator__svc__C"]))
print(f"test score {pipeline.fit(X, y).score(X_test, y_test):.4f} before, ", end="")
print(f"{best.score(X_test, y_test):.4f} after")
print(best.size_report_)

# %%
# All candidates
# --------------

scores = search.cv_results_["mean_test_score"]
sizes = -search.cv_results_["mean_test_size"]
fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for marker, n_bits in zip("v^", (3, 4), strict=True):
    rows = np.flatnonzero(search.cv_results_["param_n_bits"] == n_bits)
    ax.scatter(sizes[rows], scores[rows], marker=marker, alpha=0.7, label=f"{n_bits} bits")
ax.axhspan(scores.max() - 0.005, scores.max(), color="C7", alpha=0.2, label="within 0.005")
chosen = search.best_index_
ax.scatter(sizes[chosen], scores[chosen], s=250, facecolor="none", edgecolor="k", label="chosen")
ax.set(xlabel="mean bytes of the file", ylabel="mean score over the folds")
ax.legend()
