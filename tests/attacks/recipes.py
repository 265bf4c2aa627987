"""Every attack by name, and the files of those that are small.

Usage: python tests/attacks/recipes.py

Writes the files again. Anybody may read them to try another reader of the format, so they stay
as they are: a changed recipe is a new attack.
"""

import dataclasses
from pathlib import Path

from of_borders import borders
from of_codecs import codecs
from of_common import commons
from of_containers import arrays, containers, streams
from of_memory import bombs
from of_packed import lies
from of_predictors import encodings, predictors
from of_sections import patterns, sections
from of_trees import forests

FILES = Path(__file__).parent / "files"

SMALL = 8192
"""Bytes up to which an attack is a file in the repository."""

GROUPS = {
    "array": arrays,
    "bomb": bombs,
    "border": borders,
    "codec": codecs,
    "common": commons,
    "container": containers,
    "encoded": encodings,
    "forest": sections,
    "packed": lies,
    "pattern": patterns,
    "predictor": predictors,
    "stream": streams,
    "trees": forests,
}


@dataclasses.dataclass(frozen=True)
class Attack:
    """What is attacked and how, the file, and what the error says.

    Where there is no error, the file is sound, however odd it is, and its model must be served
    without harm.
    """

    name: str
    data: bytes
    error: str | None


def all_attacks():
    """All of them."""
    return [
        Attack(f"{group}-{name}", data, error)
        for group, make in GROUPS.items()
        for name, data, error in make()
    ]


def main():
    """Write the files."""
    FILES.mkdir(exist_ok=True)
    for attack in all_attacks():
        if len(attack.data) <= SMALL:
            (FILES / f"{attack.name}.skc").write_bytes(attack.data)


if __name__ == "__main__":
    main()
