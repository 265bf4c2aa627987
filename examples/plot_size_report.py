"""
Where are the bytes of a model?
===============================

A fitted estimator is written with all that it holds, much of which no prediction ever reads. Before
anything is made smaller, look where the bytes are: `size_report` weighs any scikit-learn estimator,
part by part.
"""

# %%
# Three models
# ------------
# What is drawn in grey is not needed to predict.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

import skcompress as skc

X, y = load_digits(return_X_y=True)
models = [
    RandomForestClassifier(100, random_state=0).fit(X[:1000], y[:1000]),
    SVC().fit(X[:1000], y[:1000]),
    MLPClassifier((64,), max_iter=300, tol=1e-3, random_state=0).fit(X[:1000], y[:1000]),
]

fig, axes = plt.subplots(3, 1, figsize=(8, 8), layout="constrained")
for model, ax in zip(models, axes, strict=True):
    sizes = skc.size_report(model)
    print(sizes, end="\n\n")
    sizes.plot(ax)

# %%
# Beside memory, a report has what the model takes on disk: as joblib writes it, and the same with
# LZMA, which is the least that anybody can do about it.
#
# Before and after
# ----------------
# A compressed model carries a report of both, and a ledger: what each step saved, and what it cost
# on the held-out rows.

X_val, y_val, X_test, y_test = X[1000:1400], y[1000:1400], X[1400:], y[1400:]
smaller = [
    skc.compress(model, X[:1000], y[:1000], X_val=X_val, y_val=y_val, random_state=0)
    for model in models
]
fig, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for small, ax in zip(smaller, axes, strict=True):
    small.size_report_.plot(ax)
    ax.legend(loc="upper right")
    ax.set_ylim(top=10 * small.size_report_.before.memory_bytes)
for model, small in zip(models, smaller, strict=True):
    print(f"{type(model).__name__}: test score {model.score(X_test, y_test):.4f} before, ", end="")
    print(f"{small.score(X_test, y_test):.4f} after")
print(smaller[0].size_report_)

# %%
# ``to_dict`` gives the same for a log, or for a check in CI that a model does not grow:

report = smaller[0].size_report_.to_dict()
print({name: report[name] for name in ("ratio", "memory_ratio")})
assert report["after"]["disk_bytes"] < 100_000
