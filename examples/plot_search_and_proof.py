"""
Search for the smallest forest, and prove that it is no worse
=============================================================

Three questions come up before a smaller model is deployed: does it need compressing, which setting
is the best, and how is it known that nothing was lost? Each has one call.
"""

# %%
# Does it need compressing?
# -------------------------
# `diagnose` says where the bytes are, what is redundant, and what each level would make of the
# model. Its rows are new to the model.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

import skcompress as skc

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=700, random_state=0)
forest = RandomForestClassifier(20, random_state=0)
fitted = RandomForestClassifier(20, random_state=0).fit(X[:800], y[:800])
print(skc.diagnose(fitted, X[800:], y[800:]))

# %%
# Which setting is the best?
# --------------------------
# The search fits the forest once for each fold, and derives all candidates from it. Its space names
# parameters of `ModelCompressor`. The smallest candidate is chosen that loses at most 0.01.

space = {
    "ccp_alpha": [0.0, 1e-4, 3e-4, 1e-3],
    "n_trees": [None, 0.7, 0.4],
    "share_thresholds": [True],
    "value_bits": [8, 4],
}
search = skc.CompressionSearchCV(forest, space, cv=3, tolerance=0.01, random_state=0)
search.fit(X, y)
print(search.best_params_)

fig, ax = plt.subplots(layout="constrained")
display = search.plot(ax)
display.ax_.set_title(f"{search.n_evaluations_:.0f} of 24 candidates were measured")

# %%
# `ModelCompressor` with these parameters does the same to the next model.

again = skc.ModelCompressor(forest, random_state=0, **search.best_params_).fit(X, y)
print(skc.dumps(again.model_) == skc.dumps(search.model_))

# %%
# Is it no worse?
# ---------------
# `verify` looks at rows that took no part in any of this. It says "not worse" only where they show
# that the score fell by less than the tolerance; else it says how many rows it takes.

original = RandomForestClassifier(20, random_state=0).fit(X, y)
report = skc.verify(original, search, X_test, y_test, tolerance=0.03)
print(report)

fig, ax = plt.subplots(figsize=(7, 2), layout="constrained")
report.plot(ax)
plt.show()

# %%
# A hundred rows cannot show as much. In the tests of a project, `assert_not_worse` makes the claim
# in one line, and `write_report` puts all of this on one page.

print(skc.verify(original, search, X_test[:100], y_test[:100], tolerance=0.03).verdict)
