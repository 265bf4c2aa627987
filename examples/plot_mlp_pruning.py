"""
How many weights can an MLP lose?
=================================

Most weights of a trained network are small, and small weights can often be set to zero. How many,
depends on whether the others may adapt. Here an `MLPClassifier` loses up to 98 % of its weights,
at once, or little by little while it is trained on.
"""

# %%
# The network
# -----------
# Three quarters of what joblib writes is the state of the optimizer, which prediction never reads.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import skcompress as skc
from skcompress.ir import decode

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.4, random_state=0, stratify=y)
mlp = MLPClassifier((48,), max_iter=400, tol=1e-3, random_state=0).fit(X, y)
print(skc.size_report(mlp))
print(f"test score {mlp.score(X_test, y_test):.4f}")

# %%
# With and without training on
# ----------------------------
# With ``finetune_epochs`` the smallest weights go little by little during the first 60 % of
# the epochs, and those that stay are trained on, on the rows that `fit` gets.


def reduced(sparsity, finetune_epochs):
    """The fitted reducer for a share of weights that go."""
    reducer = skc.MLPReducer(
        FrozenEstimator(mlp),
        sparsity=sparsity,
        finetune_epochs=finetune_epochs,
        n_bits=5,
        scheme="codebook",
        random_state=0,
    )
    return reducer.fit(X, y)


sparsities = [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98]
at_once = [reduced(sparsity, 0) for sparsity in sparsities]
trained_on = [reduced(sparsity, 200) for sparsity in sparsities]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for label, line, reducers in (
    ("pruned at once", ":x", at_once),
    ("pruned while trained on", "-o", trained_on),
):
    scores = [reducer.score(X_test, y_test) for reducer in reducers]
    left.plot(sparsities, scores, line, label=label)
    right.plot([r.size_report_.after.disk_bytes for r in reducers], scores, line, label=label)
for ax in (left, right):
    ax.axhline(mlp.score(X_test, y_test), color="C7", linewidth=1, label="the original")
left.set(xlabel="share of weights that are zero", ylabel="test score")
right.set(xlabel="bytes of the file")
left.legend()

# %%
# Which weights stay
# ------------------
# Each column is a hidden unit, each row a pixel. Pixels at the edge are always blank, so their
# weights never learned anything; they go first. So do hidden units that lost all their inputs or
# outputs: the columns on the right are fewer.

after = trained_on[sparsities.index(0.9)]
images = {
    "before": mlp.coefs_[0],
    "after, 90 % zero": decode(after.model_.ir.predictor.layers[0].weights),
}
fig, axes = plt.subplots(1, 2, figsize=(9, 5.5), layout="constrained")
for ax, (title, weights) in zip(axes, images.items(), strict=True):
    limit = np.abs(weights).max() / 2
    ax.imshow(weights, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.set(title=title, xlabel=f"hidden units ({weights.shape[1]})", ylabel="pixels")
print(after.size_report_)
print(f"test score {after.score(X_test, y_test):.4f}")

# %%
# The report of the training tells how it went. The state of the best epoch is kept, by rows that
# were set aside for that; where it is the last epoch, more of them may help.

report = after.finetune_report_
print(f"best epoch {report.best_epoch} of {len(report.losses)}; warnings: {report.warnings}")
