"""
How many bits does a support vector need?
=========================================

An SVC stores its support vectors in 64 bits a number. How many are needed depends on the data, on
the scheme, and on what is done about the error that rounding leaves. Here a fitted SVC is
quantized with 2 to 8 bits, by each of the three schemes, with and without the refit of its dual
coefficients, on data that nobody has scaled.
"""

# %%
# Two fitted models
# -----------------
# The columns of the wine data differ in size by a factor of a thousand, so every column gets a
# scale of its own. The pixels of the digits are whole numbers from 0 to 16.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import skcompress as skc

BITS = (2, 3, 4, 8)
SCHEMES = ("affine", "fixed-point", "codebook")

models = {}
for name, load, svm in (("wine", load_wine, SVC(C=100)), ("digits", load_digits, SVC())):
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
    models[name] = svm.fit(X, y), X, y, X_test, y_test
    print(
        f"{name}: {len(svm.support_)} vectors, test score {svm.score(X_test, y_test):.3f}, "
        f"{skc.size_report(svm).disk_bytes} bytes as joblib writes it"
    )

# %%
# Every setting
# -------------
# ``FrozenEstimator`` keeps `fit` from fitting the SVC again. What is judged is how often the small
# model answers as the large one does: a score can stay the same by luck, when as many answers
# become right as become wrong.


def curve(name, scheme, refit):
    """Agreement with the original, and bytes of the file, for each number of bits."""
    svm, X, y, X_test, _ = models[name]
    agreement, size = [], []
    for n_bits in BITS:
        quantizer = skc.SVMQuantizer(
            FrozenEstimator(svm), n_bits=n_bits, scheme=scheme, refit=refit
        ).fit(X, y)
        agreement.append(np.mean(quantizer.predict(X_test) == svm.predict(X_test)))
        size.append(quantizer.size_report_.after.disk_bytes)
    return agreement, size


fig, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
for name, (by_bits, by_bytes) in zip(models, axes, strict=True):
    for color, scheme in zip(("C0", "C1", "C2"), SCHEMES, strict=True):
        for refit, line in ((True, "-o"), (False, ":x")):
            agreement, size = curve(name, scheme, refit)
            label = f"{scheme}{'' if refit else ', no refit'}"
            by_bits.plot(BITS, agreement, line, color=color, label=label)
            by_bytes.plot(size, agreement, line, color=color)
    by_bits.set(xlabel="bits a component", ylabel="agreement", title=f"{name}: by bits")
    by_bytes.set(xlabel="bytes of the file", title=f"{name}: by bytes")
axes[1, 0].legend(loc="lower right")

# %%
# What to read from it
# --------------------
# Left: with the refit (solid lines), the affine scheme agrees with the original on every row of
# the wine data at 2 bits. Without it (dotted lines) it takes 8. The vectors moved, so the old
# coefficients no longer belong to them; the refit needs no data, only a few linear systems.
#
# Right: the refit is not free. An SVC gives many vectors the same coefficient, `C`, which a file
# holds in few bytes; after the refit all differ. Where the vectors hardly move, as with the digits
# from 4 bits on, ``refit=False`` makes the smaller file. Fewer `coef_bits` help too.
#
# A table per column costs bytes as well: with 49 vectors, the tables of the codebook weigh more
# than what they save. They pay with many vectors. From 5 bits on the 17 values of a pixel fit into
# a table without any rounding.
#
# Which setting is best depends on the model, so let held-out rows choose. ``balanced`` tries bits
# from 2 on and keeps the first that costs too little to matter:

svm, X, y, X_test, y_test = models["digits"]
X_val, X_test, y_val, y_test = train_test_split(X_test, y_test, random_state=0, stratify=y_test)
small = skc.compress(svm, X, y, X_val=X_val, y_val=y_val, random_state=0)
print(small.size_report_)
print(f"test score {svm.score(X_test, y_test):.4f} before, {small.score(X_test, y_test):.4f} after")
