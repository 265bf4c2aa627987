"""Four models, and a pipeline, before and after: ``make demo``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import skcompress as skc
from skcompress.ir.report import format_bytes
from skcompress.ir.tables import text_table

DIGITS, CANCER = load_digits(return_X_y=True), load_breast_cancer(return_X_y=True)
MLP = MLPClassifier((64,), max_iter=500, random_state=0)
MODELS = {
    "SVC, digits": (SVC(), DIGITS),
    "random forest, digits": (RandomForestClassifier(100, random_state=0), DIGITS),
    "decision tree, breast cancer": (DecisionTreeClassifier(random_state=0), CANCER),
    "MLP, digits": (MLP, DIGITS),
    "scaler + SVC, breast cancer": (make_pipeline(StandardScaler(), SVC(C=10)), CANCER),
    "scaler + MLP, digits": (make_pipeline(MinMaxScaler(), MLP), DIGITS),
}

# A process of its own, which never sees the models, only files: predictions must be the same.
SERVE = """
import sys
import numpy as np
import skcompress as skc
model = skc.load(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))
assert "sklearn" not in sys.modules, "serving must not import scikit-learn"
"""


def main() -> None:
    """Fit, compress, print, save, and serve from another process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (estimator, (X, y)) in MODELS.items():
            X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
            X, X_val, y, y_val = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
            model = estimator.fit(X, y)
            small = skc.compress(model, X, y, X_val=X_val, y_val=y_val, random_state=0)

            path = Path(folder, "model.skc")
            skc.dump(small, path)
            inputs, outputs = Path(folder, "inputs.npy"), Path(folder, "outputs.npy")
            np.save(inputs, X_test)
            subprocess.run([sys.executable, "-c", SERVE, path, inputs, outputs], check=True)
            served = np.array_equal(np.load(outputs), small.predict(X_test))

            before, after = small.size_report_.before, small.size_report_.after
            rows.append(
                (
                    name,
                    format_bytes(before.disk_bytes),
                    format_bytes(before.lzma_bytes or before.disk_bytes),
                    format_bytes(path.stat().st_size),
                    f"{before.disk_bytes / path.stat().st_size:.1f}",
                    format_bytes(before.memory_bytes),
                    format_bytes(after.memory_bytes),
                    f"{model.score(X_test, y_test):.4f}",
                    f"{small.score(X_test, y_test):.4f}",
                    f"{np.mean(small.predict(X_test) == model.predict(X_test)):.1%}",
                    "yes" if served else "NO",
                )
            )
    header = (
        "model", "joblib", "joblib+lzma", ".skc file", "ratio", "memory", "memory after",
        "score", "score after", "agreement", "new process agrees",
    )  # fmt: skip
    print(text_table(header, rows))
    if any(row[-1] != "yes" for row in rows):
        raise SystemExit("A loaded model predicted otherwise than the one that was saved.")


if __name__ == "__main__":
    main()
