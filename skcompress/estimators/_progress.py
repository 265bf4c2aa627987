"""Progress of long work: a bar where rich is installed, lines otherwise."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

Listener = Callable[[str, int, int], None]


@contextlib.contextmanager
def progress(verbose: int) -> Iterator[Listener | None]:
    """A listener for `Context.progress`; None where nothing is to be shown.

    Parameters
    ----------
    verbose : int
        0 shows nothing.
    """
    if not verbose:
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield _print_tenths()
        return
    with Progress(console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks or done <= 1:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)  # type: ignore[arg-type]

        yield show


def _print_tenths() -> Listener:
    shown: dict[str, int] = {}

    def show(step: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if shown.get(step) != tenth:
            shown[step] = tenth
            print(f"{step}: {done} of {total}", file=sys.stderr)

    return show
