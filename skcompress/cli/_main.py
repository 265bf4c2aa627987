"""Arguments of the command, and what happens to errors."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

from ..exceptions import BudgetError, SignatureError, SkcompressError
from . import _commands as commands
from ._data import UsageError

__all__ = ["main"]

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``skcompress``.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit code.
    """
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except (BudgetError, SignatureError) as error:
        return _failed(error, 1, as_json=parsed.json)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return _failed(UsageError(f"{where}{error.strerror}."), 2, as_json=parsed.json)
    except (UsageError, SkcompressError, ValueError, TypeError, ImportError) as error:
        return _failed(error, 2, as_json=parsed.json)


def _failed(error: BaseException, code: int, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
    print(f"skcompress: {error}", file=sys.stderr)
    return code


class _Version(argparse.Action):
    """Print the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        print(f"skcompress {metadata.version('skcompress')}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skcompress",
        description="Make fitted scikit-learn models many times smaller, and show what it cost.",
        epilog="Exit codes: 0 done; 1 not so (worse, signature wrong, over budget); 2 wrong usage "
        "or unreadable input.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_compress, _inspect, _verify, _predict, _sign, _check_signature, _keygen):
        add(subparsers)
    return parser


def _command(subparsers: Subparsers, name: str, run: object, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = subparsers.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}."
    )
    command.set_defaults(run=run)
    command.add_argument("--json", action="store_true", help="print JSON")
    return command


def _takes_model(command: argparse.ArgumentParser, name: str, text: str) -> None:
    command.add_argument(name, help=f"{text}: .skops, .skc, or with --trusted-pickle .joblib, .pkl")
    command.add_argument(
        "--trusted-pickle",
        action="store_true",
        help="read pickles, which can run any code: only from people you trust",
    )


def _takes_rows(command: argparse.ArgumentParser, text: str, *, required: bool) -> None:
    command.add_argument("--data", required=required, help=f"{text}, CSV or npy")
    command.add_argument("--target", help="their targets, CSV of one column or npy")
    command.add_argument("--target-column", help="column of the CSV that holds the target")
    command.add_argument("--scoring", help="name of a scorer of scikit-learn")


def _compress(subparsers: Subparsers) -> None:
    command = _command(subparsers, "compress", commands.compress, "compress a fitted model")
    _takes_model(command, "model", "the fitted model")
    command.add_argument("-o", "--output", required=True, help="file to write, .skc")
    _takes_rows(command, "rows that the model was not fitted on", required=False)
    command.add_argument(
        "--level", choices=["lossless", "safe", "balanced", "tiny"], default="balanced"
    )
    command.add_argument("--tolerance", type=float, help="score that may be lost")
    command.add_argument("--max-bytes", type=int, help="largest file")
    command.add_argument("--seed", type=int, default=0, help="of the held-out rows")
    command.add_argument("--layout", choices=["coded", "mapped"], default="coded")
    command.add_argument("--key", help="key to sign with")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def _inspect(subparsers: Subparsers) -> None:
    command = _command(subparsers, "inspect", commands.inspect, "show where a model's bytes are")
    _takes_model(command, "model", "the model")


def _verify(subparsers: Subparsers) -> None:
    command = _command(
        subparsers, "verify", commands.verify, "show that a compact model is not worse"
    )
    _takes_model(command, "original", "the original model")
    command.add_argument("compact", help="the compact model, .skc")
    _takes_rows(command, "rows that took no part in fitting or compressing", required=True)
    command.add_argument("--tolerance", type=float, default=0.005, help="loss that is allowed")
    command.add_argument("--confidence", type=float, default=0.95)


def _predict(subparsers: Subparsers) -> None:
    command = _command(subparsers, "predict", commands.predict, "predict with a compact model")
    command.add_argument("model", help="the compact model, .skc")
    command.add_argument("data", help="rows, CSV or npy")
    command.add_argument("-o", "--output", help="CSV to write; standard output if absent")
    command.add_argument(
        "--method",
        choices=["predict", "predict_proba", "decision_function", "score_samples", "transform"],
        default="predict",
    )
    command.add_argument("--trusted-key", action="append", help="key that must have signed")


def _sign(subparsers: Subparsers) -> None:
    command = _command(subparsers, "sign", commands.sign, "sign a compact model")
    command.add_argument("model", help="the compact model, .skc")
    command.add_argument("--key", required=True, help="private or shared key")
    command.add_argument("-o", "--output", help="file to write; the model's own if absent")
    command.add_argument("--layout", choices=["coded", "mapped"], default="coded")


def _check_signature(subparsers: Subparsers) -> None:
    command = _command(
        subparsers, "check-signature", commands.check_signature, "tell which key signed a file"
    )
    command.add_argument("model", help="the compact model, .skc")
    command.add_argument("--trusted-key", action="append", required=True, help="public key")


def _keygen(subparsers: Subparsers) -> None:
    command = _command(subparsers, "keygen", commands.keygen, "make a new key")
    command.add_argument("output", help="file of the new key; the public one is FILE.pub")
    command.add_argument("--algorithm", choices=["ed25519", "hmac-sha256"], default="ed25519")
