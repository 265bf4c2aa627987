"""The forest section in plain Python, from docs/format.md alone."""

import itertools
import struct


def read_forest(content, n_nodes, n_features, n_rows, varints, coder_of):
    """The fields of a node of tag `trees`: {name: (dtype, shape, bytes)}."""
    (flags, n_trees, n_used, n_lanes, *variants), place = varints(content, 11)
    named = ("step length", "topology", "feature", "rank", "leaf", "leaf in bin", "missing")
    chosen = dict(zip(named, variants, strict=True))
    streams = Streams(coder_of(n_lanes, content[place:]), chosen, n_nodes)
    used, tables = read_tables(streams, n_used, 64 if flags & 2 else 32)
    walk = Walk(streams, tables, n_trees, n_rows, bounded=flags & 1)
    levels = walk.read()
    nodes = list(itertools.chain(*levels))
    if flags & 4:
        read_missing(streams, levels)
    streams.coder.finish()
    assert len(nodes) == n_nodes
    ordered = [node for tree in range(n_trees) for node in nodes if node.tree == tree]
    splits = [node for node in ordered if node.children]
    leaves = [node for node in ordered if not node.children]
    ranked = [tables[node.feature][node.rank] for node in splits]
    fields = {
        "internal": ("b1", [bool(node.children) for node in ordered]),
        "feature": (narrowest(n_features - 1), [used[node.feature] for node in splits]),
        "threshold": ("f8" if flags & 2 else "f4", ranked),
        "leaf": (narrowest(n_rows - 1), [node.row for node in leaves]),
    }
    if flags & 4:
        fields["missing_left"] = ("b1", [node.missing for node in splits])
    return {
        name: (dtype, [len(found)], struct.pack(f"<{len(found)}{CODES[dtype]}", *found))
        for name, (dtype, found) in fields.items()
    }


CODES = {"b1": "?", "u1": "B", "u2": "H", "u4": "I", "f4": "f", "f8": "d"}


def narrowest(largest):
    return next(f"u{width}" for width in (1, 2, 4) if largest < 256**width)


class Stream:
    """Symbols of one kind, with counts that are learned after each block of them."""

    def __init__(self, coder, variants, chosen, largest):
        self.coder, (self.size, self.step) = coder, variants[chosen]
        self.largest = max([largest, *(size for size, step in variants if step)])
        self.counts = [1] * self.size if self.step else None
        self.seen = 0

    def take(self, stretches):
        found, start = [], 0
        while start < len(stretches):
            block = stretches[start : start + min(max(self.seen, 64), self.largest)]
            self.coder.lane, symbols = 0, []
            for low, high in block:
                counts = self.counts[low:high] if self.counts else None
                symbols.append(self.coder.symbol(counts, high - low))
            if self.counts:
                for (low, _), symbol in zip(block, symbols, strict=True):
                    self.counts[low + symbol] += self.step
                if sum(self.counts) >= 2**23:
                    self.counts = [(count + 1) // 2 for count in self.counts]
            self.seen += len(block)
            start += len(block)
            found += symbols
        return found


class Streams:
    def __init__(self, coder, chosen, n_nodes):
        self.coder, self.chosen, self.most = coder, chosen, min(2**20, 4 * n_nodes)
        self.known = {}

    def take(self, name, variants, stretches, largest=8192):
        """Symbols of a stream; `stretches` are those of the chosen variant."""
        if name not in self.known:
            (size, step), *others = variants
            first = (size, 0 if size > 2**20 else step)
            allowed = [first, *(other for other in others if other[0] <= self.most)]
            self.known[name] = Stream(self.coder, allowed, self.chosen.get(name, 0), largest)
        return self.known[name].take(stretches)

    def variant(self, name):
        return self.chosen.get(name, 0)

    def numbers(self, name, contexts, n_contexts=1):
        variants = [(65, 2)]
        # Never too large, whatever the number of nodes.
        if n_contexts > 1:
            variants.append((65 * n_contexts, 2))
        by_context = self.variant(f"{name} length")
        stretches = [(65 * c * by_context, 65 * c * by_context + 65) for c in contexts]
        stream = Stream(self.coder, variants, by_context, 512)
        lengths = stream.take(stretches)
        numbers = [int(length > 0) for length in lengths]
        left = [max(length - 1, 0) for length in lengths]
        pieces = Stream(self.coder, [(2**16, 0)], 0, 8192)
        while any(left):
            which = [place for place, bits in enumerate(left) if bits]
            widths = [(left[place] - 1) % 16 + 1 for place in which]
            found = pieces.take([(0, 2**width) for width in widths])
            for place, width, piece in zip(which, widths, found, strict=True):
                numbers[place] = numbers[place] << width | piece
                left[place] -= width
        return numbers


def read_tables(streams, n_used, bits):
    gaps = streams.numbers("feature gap", [0] * n_used)
    used = [total - 1 for total in itertools.accumulate(gap + 1 for gap in gaps)]
    sizes = [size + 1 for size in streams.numbers("table size", [0] * n_used)]
    grids = streams.take("grid", [(32, 2)], [(0, 32)] * n_used)
    first = streams.numbers("first", [0] * n_used)
    of_table = [min(k, 63) for k, size in enumerate(sizes) for _ in range(size - 1)]
    steps = iter(streams.numbers("step", of_table, 64))
    tables = []
    for size, grid, start in zip(sizes, grids, first, strict=True):
        if grid < 31:
            start = start // 2 if start % 2 == 0 else -(start + 1) // 2
        places = list(itertools.accumulate([start, *(next(steps) + 1 for _ in range(size - 1))]))
        tables.append([p / 2**grid if grid < 31 else float_at(p, bits) for p in places])
    return used, tables


def float_at(place, bits):
    sign = 1 << (bits - 1)
    pattern = place ^ sign if place & sign else ~place & (2**bits - 1)
    code = "If" if bits == 32 else "Qd"
    return struct.unpack(f"<{code[1]}", struct.pack(f"<{code[0]}", pattern))[0]


class Node:
    def __init__(self, tree, box, above=None, *, is_right=False):
        self.tree, self.box, self.above, self.is_right = tree, box, above, is_right
        self.children, self.row, self.near = None, -1, -1
        self.sibling = None


class Walk:
    def __init__(self, streams, tables, n_trees, n_rows, bounded):
        self.streams, self.bounded, self.n_rows = streams, bounded, n_rows
        self.sizes = [len(table) for table in tables]
        self.offsets = [0, *itertools.accumulate(self.sizes)]
        self.full = sum(size.bit_length() for size in self.sizes)
        self.level = [Node(tree, self.full) for tree in range(n_trees)]

    def read(self):
        levels = []
        while self.level:
            levels.append(self.level)
            depth = len(levels) - 1
            halves = [self.level[0::2], self.level[1::2]] if depth else [self.level]
            for half in halves:
                self.topology(half, depth, second=half is not halves[0])
            splits = [node for node in self.level if node.children]
            self.splits(splits)
            for half in halves:
                leaves = [node for node in half if not node.children]
                self.leaves(leaves, second=half is not halves[0])
            for node in splits:
                for child in node.children:
                    uncle = node.sibling
                    child.near = uncle.row if uncle and not uncle.children else node.near
            self.level = [child for node in splits for child in node.children]
        return levels

    def topology(self, half, depth, second):
        stretches = []
        for node in half:
            beside = int(bool(node.sibling.children)) if second else 2
            known = (64 * node.box // (self.full + 1), min(depth, 63))
            context = 3 * known[self.streams.variant("topology")] + beside
            stretches.append((2 * context, 2 * context + 2))
        found = self.streams.take("topology", [(384, 2), (384, 2)], stretches)
        for node, is_split in zip(half, found, strict=True):
            if is_split:
                node.children = [Node(node.tree, 0, node), Node(node.tree, 0, node, is_right=True)]
                left, right = node.children
                left.sibling, right.sibling = right, left

    def splits(self, splits):
        n_used, by_parent = len(self.sizes), self.streams.variant("feature")
        contexts = [node.above.feature if node.above else n_used for node in splits]
        stretches = [(n_used * c * by_parent, n_used * (c * by_parent + 1)) for c in contexts]
        variants = [(n_used, 2), (n_used * (n_used + 1), 2)]
        found = self.streams.take("feature", variants, stretches)
        stretches, intervals = [], []
        for node, feature in zip(splits, found, strict=True):
            node.feature = feature
            low, high = self.interval(node)
            intervals.append((low, high))
            stretches.append((self.offsets[feature] + low, self.offsets[feature] + high))
        total = max(self.offsets[-1], 1)
        ranks = self.streams.take("rank", [(total, 0), (total, 1)], stretches)
        for node, rank, (low, high) in zip(splits, ranks, intervals, strict=True):
            node.rank = low + rank
            rest = max(node.box - (high - low).bit_length(), 0)
            left, right = node.children
            left.box = rest + (node.rank - low).bit_length()
            right.box = rest + (high - node.rank - 1).bit_length()

    def interval(self, node):
        low, high = 0, self.sizes[node.feature]
        lows, highs, below, above = [], [], node, node.above
        while self.bounded and above:
            if above.feature == node.feature:
                (lows if below.is_right else highs).append(above.rank)
            below, above = above, above.above
        return (lows[0] + 1 if lows else low), (highs[0] if highs else high)

    def leaves(self, leaves, second):
        variant, n_rows = self.streams.variant("leaf"), self.n_rows
        direct = n_rows <= 256
        size = n_rows if direct else 64
        stretches = []
        for node in leaves:
            beside = node.sibling.row if second and not node.sibling.children else -1
            near = node.near
            if not direct:
                near, beside = (64 * row // n_rows if row >= 0 else -1 for row in (near, beside))
            paired = (near + 1) * (n_rows + 1) + beside + 1
            if not direct:
                paired = 17 * (near // 4 + 1) + beside // 4 + 1
            context = (0, size + 1 + beside if beside >= 0 else near + 1, paired)[variant]
            stretches.append((size * context, size * context + size))
        variants = [(size, 1 if direct else 2), (size * (2 * size + 1), 2)]
        if not direct:
            variants.append((64 * 289, 2))
        elif n_rows <= 24:
            variants.append((n_rows * (n_rows + 1) ** 2, 2))
        found = self.streams.take("leaf", variants, stretches)
        if not direct:
            edges = [-(-bin_ * n_rows // 64) for bin_ in range(65)]
            stretches = [(edges[bin_], edges[bin_ + 1]) for bin_ in found]
            inner = self.streams.take("leaf in bin", [(n_rows, 0), (n_rows, 1)], stretches)
            found = [edges[bin_] + place for bin_, place in zip(found, inner, strict=True)]
        for node, row in zip(leaves, found, strict=True):
            node.row = row


def read_missing(streams, levels):
    splits = [node for level in levels for node in level if node.children]
    for node in (node for level in reversed(levels) for node in level):
        node.size = 1 + sum(child.size for child in node.children or ())
    stretches = []
    for node in splits:
        left, both = node.children[0].size, node.children[0].size + node.children[1].size
        context = 16 * min(both.bit_length(), 23) + 15 * left // (both - 1)
        stretches.append((2 * context, 2 * context + 2))
    for node, goes_left in zip(splits, streams.take("missing", [(768, 2)], stretches), strict=True):
        node.missing = bool(goes_left)
