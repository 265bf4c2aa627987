"""
Pruning a forest that is already fitted
=======================================

A random forest grows its trees until nothing is left to split, which is more than most data
deserve. scikit-learn can prune while it fits (``ccp_alpha``), one value a fit. `TreePruner` prunes
a forest that is fitted already, so the whole path from all nodes to none costs a single fit.
"""

# %%
# Two forests, and rows that they have not seen
# ---------------------------------------------
# A forest is right on nearly all rows that it was fitted on, however large it is, so those tell
# nothing about pruning. Some other rows choose how far to go, and again others tell what it cost.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

import skcompress as skc

tasks = {}
for name, load, forest, alphas in (
    (
        "diabetes",
        load_diabetes,
        RandomForestRegressor(20, random_state=0),
        [0, *np.geomspace(5, 2000, 8)],
    ),
    (
        "digits",
        load_digits,
        RandomForestClassifier(20, random_state=0),
        [0, *np.geomspace(1e-3, 0.02, 6)],
    ),
):
    X, y = load(return_X_y=True)
    X, X_rest, y, y_rest = train_test_split(X, y, train_size=0.45, random_state=0)
    X_val, X_test, y_val, y_test = train_test_split(X_rest, y_rest, test_size=0.5, random_state=0)
    tasks[name] = forest.fit(X, y), alphas, (X, y), (X_val, y_val), (X_test, y_test)
    print(f"{name}: score on the training rows {forest.score(X, y):.3f}, ", end="")
    print(f"on test rows {forest.score(X_test, y_test):.3f}")

# %%
# The path
# --------
# A larger alpha cuts more branches. Nothing is fitted here: what pruning goes by, the impurity and
# the number of samples, is in the nodes of the forest.
#
# ``ccp_alpha="auto"`` follows the whole path by itself and takes the largest alpha whose score on
# the held-out rows is within `tolerance` of the original's.


def pruned(name, **settings):
    """The fitted pruner with some settings."""
    forest, _, (X, y), (X_val, y_val), _ = tasks[name]
    pruner = skc.TreePruner(FrozenEstimator(forest), random_state=0, **settings)
    return pruner.fit(X, y, X_val=X_val, y_val=y_val)


fig, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for name, ax in zip(tasks, axes, strict=True):
    forest, alphas, _, held_out, test = tasks[name]
    for color, value_bits in (("C0", None), ("C2", 5)):
        path = [pruned(name, ccp_alpha=alpha, value_bits=value_bits) for alpha in alphas]
        sizes = [pruner.size_report_.after.disk_bytes for pruner in path]
        label = f"leaf values in {value_bits} bits" if value_bits else "leaf values as they are"
        ax.plot(sizes, [p.score(*test) for p in path], "-o", color=color, label=f"{label}, test")
        ax.plot(sizes, [p.score(*held_out) for p in path], ":", color=color, label="held out")
    auto = pruned(name, value_bits=5)
    size = auto.size_report_.after.disk_bytes
    ax.plot(size, auto.score(*test), "*", color="C1", markersize=16, label="auto, 5 bits, test")
    ax.set(xlabel="bytes of the file", ylabel="score", title=name)
    print(
        f"{name}: auto is {auto.size_report_.ratio:.0f} times smaller than joblib's file, "
        f"test score {forest.score(*test):.3f} before, {auto.score(*test):.3f} after"
    )
axes[0].set(xscale="log")
axes[1].legend(loc="upper left")

# %%
# What to read from it
# --------------------
# The rightmost points are the forests with all their nodes and the same predictions. Most of what
# joblib writes is gone there already.
#
# The targets of the diabetes data are noisy, so a smaller forest is a better one. "auto" does not
# look for the best score but for the smallest forest that is not worse than the original by more
# than the tolerance. Few held-out rows make it careful: one standard error of the difference
# between the two is added to every loss, since the best of many candidates is the luckiest, too.
#
# Nearly all leaves of the digits forest hold a single class, which takes next to no space. Leaves
# that pruning makes hold several, so pruning alone first makes the file *larger*. Rounded to a few
# bits (``value_bits``) their shares are cheap again. Prune a classification forest with
# ``value_bits`` of 4 to 6, as `compress` does by itself.
#
# What is deployed is ``model_``, not the pruner, which holds on to the original forest. The report
# says what each step did:

print(auto.model_)
print(auto.size_report_)
