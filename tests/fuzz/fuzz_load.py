"""Fuzz loading and serving.

Usage: python tests/fuzz/fuzz_load.py [--seconds N] [--seed N] [--plain] [--found FOLDER]

With atheris installed, inputs are chosen by the code that they reach; without it, or with
--plain, real files are changed at random. Either way changes keep lengths and the checksum right
(`tests/attacks/mutate.py`), and start from the golden files and the crafted attacks. What does
harm, be it by a crash, a hang, too much memory or an error that is not documented, ends the run
and is left in the folder of findings. `test_fuzz.py` beside this serves what was once found.
"""

import argparse
import faulthandler
import random
import resource
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "attacks"))

try:
    import atheris
except ImportError:  # there are wheels for Linux and some versions of Python alone
    atheris = None

SECONDS_EACH = 30
MEGABYTES = 1024


def main():
    """Fuzz, by coverage if that is to be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--found", type=Path, default=HERE / "found")
    options = parser.parse_args()
    options.found.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    if atheris is None or options.plain:
        by_chance(options)
    else:
        by_coverage(options)


def by_chance(options):
    """Changes of real files, each from a seed of its own."""
    import mutate

    judge, files = target(), corpus()
    # What kills the process leaves its input behind.
    current = options.found / f"current-{options.seed}.skc"
    limit_memory(MEGABYTES)
    end, count = time.monotonic() + options.seconds, 0
    while time.monotonic() < end:
        rng = random.Random(f"{options.seed} {count}")
        data = mutate.mutate(rng.choice(files), rng, files)
        current.write_bytes(data)
        faulthandler.dump_traceback_later(SECONDS_EACH, exit=True)
        judge(data)
        faulthandler.cancel_dump_traceback_later()
        count += 1
    current.unlink(missing_ok=True)
    sys.stdout.write(f"{count} files did no harm\n")


def limit_memory(megabytes):
    """Let what asks for so much more than there is now end in a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = megabytes * 2**20 + pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (room, room))


def by_coverage(options):
    """libFuzzer, with our changes and its own in turn."""
    with atheris.instrument_imports(include=["skcompress"]):
        import mutate

        judge, files = target(), corpus()
    start = options.found.parent / f"{options.found.name}-corpus"
    start.mkdir(exist_ok=True)
    for place, data in enumerate(files):
        (start / f"{place}.skc").write_bytes(data)

    def change(data, max_size, seed):
        rng = random.Random(seed)
        if rng.random() < 0.2:
            return mutate.seal(atheris.Mutate(data, max_size))
        return mutate.mutate(data, rng, files)[:max_size]

    arguments = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        "-rss_limit_mb=0",
        f"-timeout={SECONDS_EACH}",
        "-max_len=65536",
        f"-artifact_prefix={options.found}/",
        str(start),
    ]
    # The fuzzer itself takes more and more, some two kilobytes for each file.
    limit_memory(4 * MEGABYTES)
    atheris.Setup(arguments, judge, custom_mutator=change)
    atheris.Fuzz()


def target():
    """A function that serves a file, and raises unless it did no harm."""
    import serve

    import skcompress as skc

    def judge(data):
        serve.judge(serve.served(skc, data))

    return judge


def corpus():
    """The golden files, the same models as they are written now, and the crafted attacks."""
    import mutate
    import recipes

    import skcompress as skc

    golden = [path.read_bytes() for path in mutate.GOLDEN]
    models = [skc.loads(data) for data in golden]
    written = [skc.dumps(m, layout=layout) for m in models for layout in ("coded", "mapped")]
    return golden + written + [path.read_bytes() for path in sorted(recipes.FILES.glob("*.skc"))]


if __name__ == "__main__":
    main()
