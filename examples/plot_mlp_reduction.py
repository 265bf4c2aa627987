"""
Every byte of a network at its price
====================================

What a weight is worth and what it costs are two things: errors of some weights hardly show in the
output, and some weights take few bits. Here a network is rounded so that the two balance, with and
without training it on, and the files are compared.
"""

# %%
# Which layers are sensitive?
# ---------------------------
# The smallest weights of one layer at a time go. The wide first layer bears most, the last one,
# on which every class depends, little: one share for all layers would waste bits.

import copy

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
mlp = MLPClassifier((48, 24), max_iter=400, tol=1e-3, random_state=0).fit(X, y)
float32_bytes = 4 * sum(array.size for array in (*mlp.coefs_, *mlp.intercepts_))


def without(layer, share):
    """The network without the smallest weights of a layer."""
    pruned = copy.deepcopy(mlp)
    weights = pruned.coefs_[layer]
    weights[np.abs(weights) < np.quantile(np.abs(weights), share)] = 0
    return pruned


shares = np.linspace(0, 0.95, 12)
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for layer, weights in enumerate(mlp.coefs_):
    scores = [without(layer, share).score(X_test, y_test) for share in shares]
    ax.plot(shares, scores, "o-", label=f"layer {layer}, {weights.shape[0]} x {weights.shape[1]}")
ax.set(xlabel="share of the layer's weights that go", ylabel="test score")
ax.legend()

# %%
# A price for bits
# ----------------
# ``bit_price`` rounds the weights input by input, and lets those that are rounded later make up for
# the error; a weight becomes the multiple of a step (often zero) at which error and price of its
# bits are least. Each layer gets the step that suits it. Nothing is trained.
#
# With ``finetune_epochs`` weights go on a cubic schedule while the network is trained on, here
# towards the answers of the original (``target="original"``), and tables of 8 values are trained.


def reduced(**settings):
    """A fitted reducer."""
    reducer = skc.MLPReducer(FrozenEstimator(mlp), random_state=0, **settings)
    return reducer.fit(X, y)


priced = [reduced(bit_price=2.0**e) for e in (-20, -18, -16, -15, -14, -13, -12, -11, -10)]
trained = [
    reduced(sparsity=sparsity, finetune_epochs=60, n_bits=3, scheme="codebook", target="original")
    for sparsity in (0.5, 0.7, 0.8, 0.87, 0.92)
]
plain = [reduced(n_bits=bits, scheme="codebook") for bits in (2, 3, 4, 6, 8)]

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for label, line, reducers in (
    ("Lloyd-Max tables, 2 to 8 bits", ":x", plain),
    ("a price for bits", "--s", priced),
    ("pruned and tables trained", "-o", trained),
):
    sizes = [len(skc.dumps(reducer.model_)) for reducer in reducers]
    ax.plot(sizes, [r.score(X_test, y_test) for r in reducers], line, label=label)
ax.axhline(mlp.score(X_test, y_test), color="C7", linewidth=1, label="the original")
ax.axvline(float32_bytes, color="C7", linestyle=":", label="weights in float32")
ax.set(xscale="log", xlabel="bytes of the file", ylabel="test score", ylim=(0.8, 1))
ax.legend()

# %%
# The schedule
# ------------
# Errors rise while weights go, during the first 60 % of the epochs, and recover. The state that is
# best on rows that were set aside is kept, of those after the last weight went.

chosen = trained[2]
report = chosen.finetune_report_
steps = np.linspace(0, 1, len(report.losses) + 1)
left = 1 - 0.8 * (1 - (1 - np.minimum(steps / 0.6, 1)) ** 3)
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(100 * left, label="weights left, %")
ax.plot(100 * np.array(report.errors), label="error on rows set aside, %")
ax.axvline(report.best_epoch, color="C7", linewidth=1, label="kept")
ax.set(xlabel="epoch", yscale="log")
ax.legend()
print("warnings:", report.warnings)

# %%
# Before and after
# ----------------
# What the first layer of a few units looks at, as an image: red and blue pull in opposite
# directions.

after = decode(chosen.model_.ir.predictor.layers[0].weights)
fig, axes = plt.subplots(2, 8, figsize=(9, 2.6), layout="constrained")
for row, weights in zip(axes, (mlp.coefs_[0], after), strict=True):
    for ax, unit in zip(row, weights.T, strict=False):
        limit = np.abs(unit).max()
        ax.imshow(unit.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("before")
axes[1, 0].set_ylabel("after")
plt.show()

small = chosen.model_
print(f"{float32_bytes} bytes in float32, {len(skc.dumps(small))} in the file")
print(f"test score {mlp.score(X_test, y_test):.4f}, then {small.score(X_test, y_test):.4f}")
