"""
Bytes against score: every method on one forest
===============================================

A forest can be made smaller in many ways: prune its trees, keep fewer of them, cut them at a depth,
let splits share thresholds, round leaf values, refit the leaves that are left. This draws what each
of them costs alone, and what they reach together.
"""

# %%
# One forest
# ----------
# Half of the rows train it. The other half is split in two: `compress` may look at the first part
# to choose by; the second part draws the curves.

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

import skcompress as skc
from skcompress.families import lift
from skcompress.passes import (
    Context,
    CostComplexity,
    CutDepth,
    Data,
    DropNotes,
    PruneDepths,
    PruneLevels,
    QuantizeLeaves,
    QuantizeThresholds,
    RefineLeaves,
    SelectTrees,
    ShareThresholds,
)

X, y = make_friedman1(3000, n_features=8, noise=1.0, random_state=0)
X, X_rest, y, y_rest = train_test_split(X, y, train_size=0.5, random_state=0)
X_val, X_test, y_val, y_test = train_test_split(X_rest, y_rest, test_size=0.5, random_state=0)
forest = RandomForestRegressor(40, random_state=0).fit(X, y)

# %%
# Each method alone
# -----------------
# A method is a pass, or a few in a row: frozen settings with one verb, ``apply``. A model goes in
# and a smaller one comes out, so a curve is a loop. `Context` brings the rows that a pass may refit
# on, and those that judge, for passes that prune as far as a tolerance allows.

original = lift(forest)
context = Context(original=original, refit=Data(X, y))


def point(*passes, tolerance=None):
    """Bytes of the file, and score on the test rows."""
    model = original
    judged = dataclasses.replace(context, held_out=Data(X_val, y_val), tolerance=tolerance)
    for step in (*passes, DropNotes()):
        model = step.apply(model, judged if tolerance else context)
    small = skc.CompactModel(model)
    return len(skc.dumps(small)), small.score(X_test, y_test)


alphas = np.geomspace(1e-4, 1.0, 9)
rounding = (ShareThresholds(), QuantizeLeaves(6))
curves = {
    "cost-complexity pruning": [point(CostComplexity(a)) for a in alphas],
    "fewer trees": [point(SelectTrees(n)) for n in (30, 20, 10, 5, 3)],
    "cut at a depth": [point(CutDepth(d)) for d in (12, 10, 8, 6, 4)],
    "shared thresholds": [point(ShareThresholds(reach)) for reach in (0.1, 0.25, 0.5, 1.0)],
    "thresholds of few bits": [point(QuantizeThresholds(bits)) for bits in (8, 6, 5, 4, 3)],
    "leaf values of few bits": [point(QuantizeLeaves(bits)) for bits in (10, 8, 6, 4, 2)],
    "levels by L1 regression (LOP)": [
        point(PruneLevels(rounds=1), *rounding, tolerance=t) for t in (0.01, 0.03, 0.08)
    ],
    "depths by block descent (ForestPrune)": [
        point(PruneDepths(), *rounding, tolerance=t) for t in (0.01, 0.03, 0.08)
    ],
    "pruned, refitted, shared, rounded": [
        point(SelectTrees(20), CostComplexity(a), RefineLeaves(), *rounding) for a in alphas
    ],
}

# %%
# Together, by level
# ------------------
# `compress` chooses among all of this by the validation rows: `safe` keeps the path of every known
# row, `balanced` and `tiny` look for the smallest forest that loses no more than they allow.

levels = {}
for level in ("lossless", "safe", "balanced", "tiny"):
    small = skc.compress(forest, X, y, X_val=X_val, y_val=y_val, level=level)
    levels[level] = len(skc.dumps(small)), small.score(X_test, y_test)
    print(f"{level:9} {levels[level][0]:7} bytes, test score {levels[level][1]:.4f}")

fig, ax = plt.subplots(figsize=(9, 5.5), layout="constrained")
for name, curve in curves.items():
    ax.plot(*np.array(curve).T, "-o", markersize=3, label=name)
for level, (size, score) in levels.items():
    ax.plot(size, score, "k*", markersize=13)
    ax.annotate(level, (size, score), xytext=(4, 6), textcoords="offset points")
ax.axhline(forest.score(X_test, y_test), color="0.7", linestyle=":", label="the original")
ax.set(xscale="log", xlabel="bytes of the file", ylabel="R² on test rows", ylim=(0.6, 0.9))
ax.legend(loc="lower right")

# %%
# What to read from it
# --------------------
# The curves of single methods fall off early: fewer trees cost accuracy in proportion, and rounding
# saves a factor of two or three. Pruning goes much farther, and with the leaves refitted the pruned
# forest is *better* than the original, since its trees now know of each other. All together give a
# file that is more than ten times smaller than the lossless one, which is many times smaller than a
# pickle already.
#
# The settings of every pass are in its fields, so they can be varied like any parameter:

print([field.name for field in dataclasses.fields(RefineLeaves)])
