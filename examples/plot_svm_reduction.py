"""
Fewer vectors, fewer bits: what each of them costs
==================================================

An SVC answers with hundreds or thousands of support vectors. ``n_vectors`` replaces them by a few
that are placed freely, moved until they decide as the original does. Here the number of vectors and
the bits of a component are varied, each alone and both together, on data scaled and unscaled.
"""

# %%
# Two machines
# ------------
# The digits, where all columns are alike, and the same with each column multiplied by a number
# between 0.001 and 1000, which a pipeline scales back before the SVC sees it.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import skcompress as skc

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, train_size=600, random_state=0, stratify=y)
X_val, X_test, y_val, y_test = train_test_split(
    X_test, y_test, train_size=400, random_state=0, stratify=y_test
)
svc = SVC(C=10).fit(X, y)
print(f"{len(svc.support_)} vectors, {skc.size_report(svc).disk_bytes} bytes")


def compressed(model, X=X, X_val=X_val, **settings):
    """A quantizer around the fitted model; the held-out rows choose what is ``"auto"``."""
    quantizer = skc.SVMQuantizer(FrozenEstimator(model), random_state=0, **settings)
    return quantizer.fit(X, y, X_val=X_val, y_val=y_val)


def lost(model, small, X_test=X_test):
    """Points of accuracy lost on test rows."""
    return 100 * (model.score(X_test, y_test) - small.score(X_test, y_test))


# %%
# Vectors against error, bits against error
# -----------------------------------------
# ``reduction_path_`` holds the error at the rows that were fitted to: the gap to the original's
# decisions in units of the margin, where gaps beyond the margin do not count.

counts, bits = (10, 25, 60), (2, 3, 4, 6)
few_vectors = [compressed(svc, n_vectors=n, n_bits=None) for n in counts]
few_bits = [compressed(svc, n_bits=b) for b in bits]

fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
errors = [small.reduction_path_[0].error for small in few_vectors]
axes[0].loglog(counts, errors, "-o")
axes[0].set(xlabel="vectors", ylabel="error of decisions")
axes[1].plot(bits, [lost(svc, small) for small in few_bits], "-o")
axes[1].set(xlabel="bits a component, all vectors kept", ylabel="points lost")

# %%
# Both together
# -------------
# With a file of a given size, are few vectors in many bits better than many in few? Each line is
# one number of bits; the numbers of vectors go along it.

for n_bits in (3, 5):
    smalls = [compressed(svc, n_vectors=n, n_bits=n_bits, coef_bits=8) for n in counts]
    sizes = [small.size_report_.after.disk_bytes for small in smalls]
    axes[2].semilogx(sizes, [lost(svc, s) for s in smalls], "-o", label=f"{n_bits} bits")
axes[2].set(xlabel="bytes of the file", ylabel="points lost")
axes[2].legend()

# %%
# Let held-out rows choose
# ------------------------
# ``"auto"`` halves a range of numbers of vectors, by ratios, as long as the held-out rows tell
# numbers apart; bits follow from the fewest on. Each step uses a part of the tolerance. 400 rows
# can hardly tell half a point, the default, from nothing, so it is one point here.

small = compressed(svc, n_vectors="auto", n_bits="auto", coef_bits="auto", tolerance=0.01)
for point in small.reduction_path_:
    print(f"{point.n_vectors:4d} vectors: error {point.error:.3f}, score {point.score:.4f}")
print(small.size_report_)
print(f"{lost(svc, small):+.2f} points lost on test rows")

# %%
# Unscaled columns
# ----------------
# Where columns differ in size by a factor of a million, one scale for all would round the small
# ones away. Every column has its own, and gets bits by what an error there costs.

factors = 10.0 ** np.random.default_rng(0).uniform(-3, 3, X.shape[1])
scaled = make_pipeline(StandardScaler(), SVC(C=10)).fit(X * factors, y)
settings = {"n_vectors": 60, "n_bits": 4, "coef_bits": 8}
for name, model, factor in (("scaled", svc, 1.0), ("unscaled", scaled, factors)):
    small = compressed(model, X * factor, X_val * factor, **settings)
    points = lost(model, small, X_test * factor)
    print(f"{name}: {points:+.2f} points lost, {small.size_report_.ratio:.0f}x")
