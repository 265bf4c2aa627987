"""Files read in plain Python, from docs/format.md alone: no NumPy, nothing of skcompress.

It shows that the specification is sufficient, and that no file depends on this library. It is slow
and trusts the file.
"""

import importlib.util
import itertools
import json
import lzma
import operator
import struct
import zlib
from pathlib import Path

HERE = Path(__file__).parent
DICTIONARY = Path(__file__).parents[2] / "docs" / "format_dictionary.txt"
CODES = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q"}
CODES |= {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f2": "e", "f4": "f", "f8": "d"}


def beside(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


forests = beside("plain_forest")


def read(data):
    """The model's JSON, and the bytes of its arrays: {path: (dtype, shape, bytes)}."""
    magic, version, stored, length = struct.unpack_from("<8sBII", data)
    assert magic == bytes.fromhex("89534B430D0A1A0A")
    assert version in (1, 2, 3, 4)
    end = len(data) - {0: 5, 1: 77, 2: 45}[data[-1]]
    assert struct.unpack_from("<I", data, end) == (zlib.crc32(data[:end]),)
    inflate = zlib.decompressobj(-15, zdict=DICTIONARY.read_bytes())
    text = inflate.decompress(data[17 : 17 + stored])
    assert len(text) == length
    header = json.loads(text)
    place, streams = 17 + stored, []
    for entry in header["s"]:
        count = entry[0] if isinstance(entry, list) else entry
        place += -place % header.get("a", 1)
        content = data[place : place + count]
        streams.append(unpack(content, entry[1]) if isinstance(entry, list) else content)
        place += count
    assert place == end
    arrays = Arrays(streams)
    found = dict(arrays.of(header["m"], "model"))
    assert not any(arrays.streams)
    assert version >= 4 or arrays.common is None
    if arrays.common:
        arrays.common.finish()
    return header["m"], found


def unpack(content, length):
    window = 2**12
    while window < min(length, 2**23):
        window *= 2
    settings = [{"id": lzma.FILTER_LZMA2, "dict_size": window}]
    return lzma.decompress(content, format=lzma.FORMAT_RAW, filters=settings)


class Arrays:
    """Takes arrays from the streams in the order in which they are described."""

    def __init__(self, streams):
        self.streams = list(streams)
        self.seen = []
        self.common = None

    def of(self, value, path):
        if isinstance(value, dict):
            if "*" in value:
                yield from getattr(self, f"pack_{value['*'][0]}")(value, path)
            for key, inner in value.items():
                if key not in ("", "*"):
                    yield from self.of(inner, f"{path}.{key}")
        elif is_array(value):
            yield path, (value[0], value[1], b"".join(self.elements(*value)))
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                yield from self.of(inner, f"{path}.{place}")

    def pack_pattern(self, sparse, path):
        _, *own, n_rows, n_columns, n_stored = sparse["*"]
        if own:
            content = self.take(*own)
            (n_lanes, *head), place = varints(content, 6)
            coder, pace = Coder(n_lanes, content[place:]), (12, 64)
        else:
            coder, pace = self.section(), (24, 1)
            head = coder.numbers(5)
        (*sizes, rows_move, columns_move, variant), axes = head, []
        for count, size, moves in zip(
            (n_rows, n_columns), sizes, (rows_move, columns_move), strict=True
        ):
            told = coder.symbols(Learned(size, 4, *pace), [(0, size)] * count)
            axes.append([s % size for s in itertools.accumulate(told)] if moves else told)
        learned = Learned(2 * max(sum(sizes) - 3, 1), (2, 4, 8)[variant], *pace)
        live = [
            (row, column)
            for row in range(n_rows)
            for column in range(n_columns)
            if axes[0][row] and axes[1][column]
        ]
        classes = [axes[0][row] + axes[1][column] - 2 for row, column in live]
        stays = []
        for start in range(0, len(live), 2**16):
            stretches = [(2 * c, 2 * c + 2) for c in classes[start : start + 2**16]]
            stays += coder.symbols(learned, stretches)
        if own:
            coder.finish()
        entries = [place for place, stay in zip(live, stays, strict=True) if stay]
        indices = [column for _, column in entries]
        assert len(indices) == n_stored
        counts = [sum(row == r for row, _ in entries) for r in range(n_rows)]
        narrow = forests.narrowest(n_columns - 1)
        packed = struct.pack(f"<{n_stored}{CODES[narrow]}", *indices)
        yield f"{path}.indices", (narrow, [n_stored], packed)
        pointers = [0, *itertools.accumulate(counts)]
        yield f"{path}.indptr", ("i8", [n_rows + 1], struct.pack(f"<{n_rows + 1}q", *pointers))

    def pack_forest(self, trees, path):
        _, stream, length, n_nodes = trees["*"]
        values = trees["values"]
        n_rows = (values["codes"] if isinstance(values, dict) else values)[1][0]
        content = self.take(stream, length)
        found = forests.read_forest(content, n_nodes, trees["n_features"], n_rows, varints, Coder)
        for field, description in found.items():
            yield f"{path}.{field}", description

    def section(self):
        """The coder of the common section, which is the last stream."""
        if self.common is None:
            content = self.take(-1, len(self.streams[-1]))
            (n_counts, n_lanes), place = varints(content, 2)
            self.common = Common(n_counts, n_lanes, content[place:])
        return self.common

    def take(self, stream, count):
        content, self.streams[stream] = (
            self.streams[stream][:count],
            self.streams[stream][count:],
        )
        assert len(content) == count
        return content

    def elements(self, dtype, shape, codec="raw", *arguments):
        """The bytes of each element, little-endian."""
        size = 1
        for count in shape:
            size *= count
        width = 4 * int(dtype[1:]) if dtype[0] == "U" else int(dtype[1:])
        found = getattr(self, codec)(dtype, shape, size, width, *arguments)
        self.seen.append(found)
        return found

    def same(self, dtype, shape, size, width, place):
        return self.seen[place]

    def raw(self, dtype, shape, size, width, stream=0):
        content = self.take(stream, size * width)
        return [content[place : place + width] for place in range(0, size * width, width)]

    def planes(self, dtype, shape, size, width, stream):
        content = self.take(stream, size * width)
        return [content[place::size] for place in range(size)]

    def bits(self, dtype, shape, size, width, stream, bits, low):
        content = int.from_bytes(self.take(stream, (size * bits + 7) // 8), "little")
        numbers = [(content >> (bits * place) & (2**bits - 1)) + low for place in range(size)]
        return [struct.pack(f"<{CODES[dtype]}", number) for number in numbers]

    def delta(self, dtype, shape, size, width, steps):
        total, result = 0, []
        for step in self.elements(*steps):
            total = (total + int.from_bytes(step, "little")) % 2 ** (8 * width)
            result.append(total.to_bytes(width, "little"))
        return result

    def table(self, dtype, shape, size, width, table, places):
        values = self.elements(*table)
        return [values[int.from_bytes(place, "little")] for place in self.elements(*places)]

    def columns(self, dtype, shape, size, width, transposed):
        elements = self.elements(*transposed)
        rows, columns = shape
        return [elements[column * rows + row] for row in range(rows) for column in range(columns)]

    def text(self, dtype, shape, size, width, stream, count, lengths):
        text = self.take(stream, count).decode("utf-8", "surrogatepass")
        place, result = 0, []
        for length in self.elements(*lengths):
            end = place + int.from_bytes(length, "little")
            content = text[place:end].encode("utf-32-le", "surrogatepass")
            result.append(content.ljust(width, b"\0"))
            place = end
        return result

    def counts(self, dtype, shape, size, width, *apart):
        if apart and not size:
            return []
        if apart:
            stream, length, n_counts = apart
            content, place, pace = self.take(stream, length), 0, (12, 64)

            def numbers_of_head(count):
                nonlocal place
                numbers, place = varints(content, count, place)
                return numbers

            (n_lanes,) = numbers_of_head(1)
        else:
            coder, pace = self.section(), (24, 1)
            numbers_of_head = coder.numbers
        zeros, rotated, n_rows, n_models = numbers_of_head(4)
        models = []
        for _ in range(n_models):
            high, low, kind, n_symbols, step, n = numbers_of_head(6)
            parents = numbers_of_head(n)
            (n,) = numbers_of_head(1)
            gaps = numbers_of_head(n)
            cuts = [sum(gaps[: k + 1]) for k in range(n)]
            starts = [0, *cuts, n_symbols]
            models.append((high << 32 | low, kind % 2, kind // 2, step, parents, starts))
        if apart:
            coder = Coder(n_lanes, content[place:])
        counts, classes, result = {}, [], []
        used, n_columns, raw = 0, size // n_rows, Learned(2**16, 0, lessons=1)
        for row in range(n_rows):
            own = row if n_models > 1 else 0
            low, is_log, bits, step, parents, starts = models[own]
            kinds, n_kinds = [], len(starts) - 1
            for start in range(0, n_columns, 2**16):
                columns = range(start, min(start + 2**16, n_columns))
                contexts, n_contexts = [0] * len(columns), 1
                for parent in parents:
                    n = len(models[max(row - parent, 0) if n_models > 1 else 0][5]) - 1
                    n_contexts *= n
                    for k, column in enumerate(columns):
                        above = classes[row - parent][column] if parent <= row else 0
                        contexts[k] = contexts[k] * n + above
                if ("class", own) not in counts:
                    counts["class", own] = Learned(n_kinds * n_contexts, step, *pace)
                    counts["symbol", own] = Learned(starts[-1], step, *pace)
                    used += n_kinds * n_contexts + starts[-1]
                stretches = [(n_kinds * c, n_kinds * c + n_kinds) for c in contexts]
                kind = coder.symbols(counts["class", own], stretches)
                stretches = [(starts[k], starts[k + 1]) for k in kind]
                symbols = coder.symbols(counts["symbol", own], stretches)
                symbols = [s + starts[k] for s, k in zip(symbols, kind, strict=True)]
                kinds += kind
                left = [max((s >> bits) - 1, 0) if is_log else bits for s in symbols]
                numbers = [
                    s - (n << bits) if is_log else s for s, n in zip(symbols, left, strict=True)
                ]
                while any(left):
                    which = [k for k, n in enumerate(left) if n]
                    widths = [(left[k] - 1) % 16 + 1 for k in which]
                    pieces = coder.symbols(raw, [(0, 2**n) for n in widths])
                    for k, n, piece in zip(which, widths, pieces, strict=True):
                        numbers[k] = numbers[k] << n | piece
                        left[k] -= n
                result += [number + low for number in numbers]
            classes.append(kinds)
        if apart:
            coder.finish()
            assert used == n_counts
        else:
            coder.n_counts -= used
        top = 8 * width - zeros - 1
        if dtype[0] == "i":
            result = [number ^ 1 << top for number in result]
        elif rotated:
            result = [number >> 1 | (number & 1) << top for number in result]
        return [(number << zeros).to_bytes(width, "little") for number in result]

    def escape(self, dtype, shape, size, width, table, codes, rest):
        frequent, codes, rest = (self.elements(*inner) for inner in (table, codes, rest))
        rest, result = iter(rest), []
        for code in (code[0] for code in codes):
            if code < len(frequent):
                result.append(frequent[code])
            else:
                element = bytearray(next(rest))
                element[-1] ^= 128 * (code - len(frequent))
                result.append(bytes(element))
        return result

    def rising(self, dtype, shape, size, width, ranks):
        numbers = [int.from_bytes(rank, "little") for rank in self.elements(*ranks)]
        n, sign = shape[0], 1 << (8 * width - 1)
        for place in range(1, n if size else 0):
            numbers[place] = (numbers[place] + numbers[place - 1]) % (2 * sign)
        patterns = [r ^ sign if r & sign else ~r % (2 * sign) for r in numbers]
        elements = [pattern.to_bytes(width, "little") for pattern in patterns]
        return [element for row in range(n) for element in elements[row::n]]

    def scaled(self, dtype, shape, size, width, digits, numbers, rest, *steps):
        inner_dtype = numbers[0]
        digits, numbers = self.elements(*digits), self.elements(*numbers)
        rest = self.elements(*rest) if rest else []
        steps = [self.elements(*step) if step else None for step in steps]
        n_rows, columns, next_number, next_rest = shape[0], [], 0, 0
        for place, (digit,) in enumerate(struct.iter_unpack("<b", b"".join(digits))):
            if digit == 127:
                columns.append(rest[next_rest : next_rest + n_rows])
                next_rest += n_rows
                continue
            column = []
            for element in numbers[next_number : next_number + n_rows]:
                (number,) = struct.unpack(f"<{CODES[inner_dtype]}", element)
                value = number / 10 ** (digit % 32) if digit >= 0 else number / 2**-digit
                if digit >= 32:
                    (value,) = struct.unpack("<f", struct.pack("<f", value))
                for step, operate in zip(steps, "-/*+", strict=True):
                    if step:
                        (other,) = struct.unpack("<d", step[place])
                        value = OPERATIONS[operate](value, other)
                column.append(struct.pack(f"<{CODES[dtype]}", value))
            next_number += n_rows
            columns.append(column)
        return [column[row] for row in range(n_rows) for column in columns]


def varints(content, count, place=0):
    numbers = []
    for _ in range(count):
        number, shift = 0, 0
        while True:
            byte, place = content[place], place + 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        numbers.append(number)
    return numbers, place


class Learned:
    """Counts, and how many symbols were seen; all symbols stay equally likely with step 0."""

    def __init__(self, size, step, lessons=12, smallest=64):
        self.counts = [1] * size if step else None
        self.size, self.step, self.lessons, self.seen = size, step, lessons, 0
        self.smallest = smallest

    def block(self):
        most = max(8192, self.size if self.step else 0)
        return min(max(self.seen // self.lessons, self.smallest), most)

    def learn(self, places):
        self.seen += len(places)
        if self.step:
            for place in places:
                self.counts[place] += self.step
            if sum(self.counts) >= 2**23:
                self.counts = [(count + 1) // 2 for count in self.counts]


class Coder:
    """The states and words of the entropy coder."""

    def __init__(self, n_lanes, content):
        words = struct.unpack(f"<{len(content) // 4}I", content)
        lanes = range(0, 2 * n_lanes, 2)
        self.state = [words[lane] + (words[lane + 1] << 32) for lane in lanes]
        self.words, self.lane = iter(words[2 * n_lanes :]), 0

    def symbols(self, learned, stretches):
        """Symbols out of stretches of counts; every block begins at the first lane."""
        if all(high - low == 1 for low, high in stretches):
            return [0] * len(stretches)
        result, start = [], 0
        while start < len(stretches):
            size = learned.block()
            places, told = [], stretches[start : start + size]
            self.lane = 0
            for low, high in told:
                counts = learned.counts[low:high] if learned.step else None
                places.append(low + self.symbol(counts, high - low))
            learned.learn(places)
            result += [place - low for place, (low, _) in zip(places, told, strict=True)]
            start += size
        return result

    def symbol(self, counts, size):
        if size == 1:
            return 0
        total = sum(counts) if counts else size
        slot = self.state[self.lane] % 2**24
        wanted = ((slot + 1) * total - 1) // 2**24
        symbol = below = 0
        if counts:
            while below + counts[symbol] <= wanted:
                below += counts[symbol]
                symbol += 1
        else:
            symbol = below = wanted
        above = below + (counts[symbol] if counts else 1)
        start, stop = (edge * 2**24 // total for edge in (below, above))
        state = (stop - start) * (self.state[self.lane] // 2**24) + slot - start
        self.state[self.lane] = state if state >= 2**32 else state << 32 | next(self.words)
        self.lane = (self.lane + 1) % len(self.state)
        return symbol

    def finish(self):
        assert set(self.state) == {2**32}
        assert next(self.words, None) is None


class Common(Coder):
    """The coder of the common section, and the counts that its arrays have left to learn."""

    def __init__(self, n_counts, n_lanes, content):
        super().__init__(n_lanes, content)
        self.n_counts, self.lengths = n_counts, Learned(65, 24, lessons=1)

    def numbers(self, count):
        """Whole numbers of a head, each in a call of its own."""
        return [self.number() for _ in range(count)]

    def number(self):
        (length,) = self.symbols(self.lengths, [(0, 65)])
        number, left = min(length, 1), max(length - 1, 0)
        while left:
            width = (left - 1) % 16 + 1
            (piece,) = self.symbols(Learned(2**16, 0, lessons=1), [(0, 2**width)])
            number, left = number << width | piece, left - width
        return number

    def finish(self):
        super().finish()
        assert not self.n_counts


OPERATIONS = {"-": operator.sub, "/": operator.truediv, "*": operator.mul, "+": operator.add}


def is_array(value):
    return (
        isinstance(value, list)
        and len(value) >= 2
        and isinstance(value[0], str)
        and (value[0] in CODES or (value[0][:1] == "U" and value[0][1:].isdigit()))
        and isinstance(value[1], list)
    )
