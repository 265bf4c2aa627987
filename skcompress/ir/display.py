"""What `plot` of a report gives: the axis and the figure, named as in scikit-learn's displays."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["Display", "axis_or_new"]


@dataclasses.dataclass(frozen=True)
class Display:
    """A drawing.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    """

    ax_: Any

    @property
    def figure_(self) -> Any:
        """The figure that the axis is in."""
        return self.ax_.figure


def axis_or_new(ax: Any) -> Any:
    """The axis itself, or a new one; matplotlib is imported only here."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plot() needs matplotlib; install it with: pip install 'skcompress[plot]'"
        ) from error
    return plt.subplots()[1]
