"""What the commands do; each gives an exit code. What a command does not need is not imported."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ._data import (
    UsageError,
    read_compact,
    read_key,
    read_model,
    read_rows,
    read_target,
    write_answers,
)

__all__ = ["check_signature", "compress", "inspect", "keygen", "predict", "sign", "verify"]


def compress(arguments: argparse.Namespace) -> int:
    """Compress a fitted model."""
    from ..estimators import compress as compress_model
    from ..format import dump

    if not Path(arguments.output).absolute().parent.is_dir():
        raise UsageError(f"There is no folder for {arguments.output}.")
    key = None if arguments.key is None else read_key(arguments.key, private=True)
    model = read_model(arguments.model, trusted_pickle=arguments.trusted_pickle)
    X, y = _rows(arguments, model)
    shown = sys.stderr.isatty() and not arguments.quiet and not arguments.json
    small = compress_model(
        model,
        X,
        y,
        level=arguments.level,
        tolerance=arguments.tolerance,
        max_bytes=arguments.max_bytes,
        scoring=arguments.scoring,
        random_state=arguments.seed,
        verbose=int(shown),
    )
    dump(small, arguments.output, layout=arguments.layout, key=key)
    report = small.size_report_
    written = {"output": arguments.output, "bytes": Path(arguments.output).stat().st_size}
    _print(arguments, written | report.to_dict(), report)
    return 0


def inspect(arguments: argparse.Namespace) -> int:
    """Show where a model's bytes are."""
    from ..reports import size_report

    model = read_model(arguments.model, trusted_pickle=arguments.trusted_pickle)
    sizes = size_report(model)
    _print(arguments, {"repr": repr(model)} | sizes.to_dict(), repr(model), sizes)
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Show that a compact model is not worse, or fail."""
    from ..reports import verify as verify_models

    original = read_model(arguments.original, trusted_pickle=arguments.trusted_pickle)
    compact = read_compact(arguments.compact)
    X, y = _rows(arguments, original)
    report = verify_models(
        original,
        compact,
        X,
        y,
        tolerance=arguments.tolerance,
        confidence=arguments.confidence,
        scoring=arguments.scoring,
    )
    _print(arguments, report.to_dict(), report)
    return 0 if report.not_worse else 1


def predict(arguments: argparse.Namespace) -> int:
    """Predict with a compact model."""
    keys = [read_key(path, private=False) for path in arguments.trusted_key or []]
    model = read_compact(arguments.model, keys or None)
    if arguments.method not in model.offered:
        raise UsageError(
            f"{model!r} has no {arguments.method}; it has {', '.join(sorted(model.offered))}."
        )
    spec = model.ir.input
    X, _ = read_rows(arguments.data, spec.names, text=spec.text)
    answers = getattr(model, arguments.method)(X)
    if isinstance(answers, list):
        answers = np.concatenate(answers, axis=1)
    answers = answers.toarray() if hasattr(answers, "toarray") else np.asarray(answers)
    header = _header(model, arguments.method, answers)
    if arguments.json:
        print(json.dumps({"columns": header, "rows": answers.reshape(len(answers), -1).tolist()}))
    else:
        write_answers(arguments.output, answers, header)
    return 0


def sign(arguments: argparse.Namespace) -> int:
    """Sign a compact model."""
    from ..format import dump

    model = read_compact(arguments.model)
    key = read_key(arguments.key, private=True)
    output = arguments.output or arguments.model
    dump(model, output, layout=arguments.layout, key=key)
    named = key.key_id.hex()
    text = f"{output} is signed with key {named}."
    _print(arguments, {"output": output, "key_id": named}, text)
    return 0


def check_signature(arguments: argparse.Namespace) -> int:
    """Tell which key signed a file, or fail."""
    from ..format import verify_signature

    if not Path(arguments.model).is_file():
        raise UsageError(f"There is no file {arguments.model}.")
    keys = [read_key(path, private=False) for path in arguments.trusted_key]
    found = verify_signature(arguments.model, keys)
    path = arguments.trusted_key[keys.index(found)]
    text = f"{arguments.model} was signed with the key in {path}."
    _print(arguments, {"signed": True, "key": path, "key_id": found.key_id.hex()}, text)
    return 0


def keygen(arguments: argparse.Namespace) -> int:
    """Make a new key."""
    from ..format._keys import Ed25519PrivateKey, generate_key

    public = f"{arguments.output}.pub"
    key: Any = generate_key(arguments.algorithm)
    written = {"key": arguments.output}
    if isinstance(key, Ed25519PrivateKey):
        if Path(public).exists():
            raise UsageError(f"{public} is there already; choose another name.")
        written["public_key"] = public
    key.to_file(arguments.output)
    text = f"{arguments.output} is secret: whoever has it can sign."
    if "public_key" in written:
        key.public_key.to_file(public)
        text += f"\n{public} checks signatures and can be given to anyone."
    _print(arguments, written, text)
    return 0


def _rows(arguments: argparse.Namespace, model: Any) -> tuple[Any, Any]:
    if arguments.data is None:
        if arguments.target is not None or arguments.target_column is not None:
            raise UsageError("A target needs the rows that it belongs to: give --data.")
        return None, None
    if arguments.target is not None and arguments.target_column is not None:
        raise UsageError("Give --target or --target-column, not both.")
    names = getattr(model, "feature_names_in_", None)
    X, y = read_rows(
        arguments.data,
        None if names is None else tuple(names),
        text=_takes_text(model),
        target=arguments.target_column,
    )
    if names is not None:
        X = _named(X, names)
    return X, read_target(arguments.target, len(X)) if arguments.target is not None else y


def _named(X: Any, names: Any) -> Any:
    """With the names of its columns, which the model would miss, where pandas can hold them."""
    try:
        import pandas as pd
    except ImportError:
        return X
    return pd.DataFrame(X, columns=names)


def _takes_text(model: Any) -> bool:
    from sklearn.utils import get_tags

    # A pipeline does not say so, but its first step does.
    while hasattr(model, "steps"):
        model = model.steps[0][1]
    return bool(get_tags(model).input_tags.string)


def _header(model: Any, method: str, answers: np.ndarray) -> list[str]:
    width = 1 if answers.ndim == 1 else answers.shape[1]
    classes = getattr(model, "classes_", None)
    if method != "predict" and isinstance(classes, np.ndarray) and len(classes) == width > 1:
        return [str(label) for label in classes]
    return [method] if width == 1 else [f"{method}_{place}" for place in range(width)]


def _print(arguments: argparse.Namespace, plain: dict[str, Any], *shown: Any) -> None:
    """JSON where it is asked for; else tables in colours where a terminal and rich show them."""
    if arguments.json:
        print(json.dumps(plain))
        return
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ImportError:
            pass
        else:
            console = Console()
            for item in shown:
                # A line is broken by the terminal, so that a path can be copied whole.
                console.print(item, markup=False, soft_wrap=isinstance(item, str))
            return
    print(*shown, sep="\n")
