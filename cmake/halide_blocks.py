"""Shrinkage of overlapping 8x8 cosine blocks, a piece of a kernel (src/lichtbild/stages/denoise). Not for run time.

Pixels are dealt out by their place in the lattice of blocks, x = 4 u + j and y = 4 b + r.
"""

from __future__ import annotations

import math

import halide as hl
from halide_common import f32, pick, total

u, j, k, n, b, r, c = (hl.Var(name) for name in ("u", "j", "k", "n", "b", "r", "c"))
xo, xi = hl.Var("xo"), hl.Var("xi")

# Of the sum that stands in front of a division; far below any energy.
TINY = 1e-20


# The cosine transform but for a factor for each coefficient, so that one term of each sum needs no product.
BASIS = [[math.cos(math.pi * (n + 0.5) * k / 8) * (0.5 if k else 8**-0.5) for n in range(8)] for k in range(8)]
FACTOR = [max(row) for row in BASIS]
WINDOW = [math.sin(math.pi * (n + 0.5) / 8) for n in range(8)]


def combined(terms, factors):
    """Sum of terms times numbers; products with 1 and -1 are none."""
    result = None
    for term, factor in sorted(zip(terms, factors, strict=True), key=lambda pair: abs(abs(pair[1]) - 1) > 1e-9):
        whole = abs(abs(factor) - 1) < 1e-9
        if result is None:
            result = term if whole and factor > 0 else term * f32(factor)
        elif whole:
            result = result + term if factor > 0 else result - term
        else:
            result = result + term * f32(factor)
    return result


def forward(values, index):
    """Coefficient `index` of eight values, over FACTOR[index]."""
    sums, differences = ([values[m] + sign * values[7 - m] for m in range(4)] for sign in (1, -1))
    even, odd = ([sums[m] + sign * sums[3 - m] for m in range(2)] for sign in (1, -1))
    terms = {0: (even, 2), 2: (odd, 2), 1: (differences, 4), 3: (differences, 4)}
    found = []
    for k in range(8):
        of, n = terms[k % 4]
        found.append(combined(of, [BASIS[k][m] / FACTOR[k] for m in range(n)]))
    return pick(found, index)


def backward(coefficients, index):
    """Value `index`, times 8, from what `forward` gave."""
    weight = [[BASIS[k][m] * FACTOR[k] * 8 for m in range(8)] for k in range(8)]
    inner = [combined([coefficients[0], coefficients[4]], [weight[0][m], weight[4][m]]) for m in range(2)]
    outer = [combined([coefficients[2], coefficients[6]], [weight[2][m], weight[6][m]]) for m in range(2)]
    even = [inner[0] + outer[0], inner[1] + outer[1], inner[1] - outer[1], inner[0] - outer[0]]
    odd = [combined([coefficients[k] for k in (1, 3, 5, 7)], [weight[k][m] for k in (1, 3, 5, 7)]) for m in range(4)]
    return pick([even[m] + odd[m] for m in range(4)] + [even[m] - odd[m] for m in (3, 2, 1, 0)], index)


def forward_16(values, index, basis):
    """Coefficient `index` of sixteen values by the rows of `basis`; sums and differences of pairs, and of pairs of
    sums, are shared once `index` is unrolled."""
    sums = [values[m] + values[15 - m] for m in range(8)]
    odd = total((values[m] - values[15 - m]) * basis[m, index] for m in range(8))
    twice = total((sums[m] + sums[7 - m]) * basis[m, index] for m in range(4))
    once = total((sums[m] - sums[7 - m]) * basis[m, index] for m in range(4))
    return hl.select(index % 4 == 0, twice, hl.select(index % 4 == 2, once, odd))


def backward_16(coefficients, index, basis):
    """Value `index` of sixteen coefficients."""
    place = hl.clamp(hl.min(index, 15 - index), 0, 7)
    near = hl.clamp(hl.min(place, 7 - place), 0, 3)
    twice = total(coefficients[m] * basis[near, m] for m in range(0, 16, 4))
    once = total(coefficients[m] * basis[near, m] for m in range(2, 16, 4))
    even = hl.select(place < 4, twice + once, twice - once)
    odd = total(coefficients[m] * basis[place, m] for m in range(1, 16, 2))
    return hl.select(index < 8, even + odd, even - odd)


def three(power, index):
    """Sum of a value and its two neighbours of eight, mirrored at the ends; pairs are shared."""
    sums = []
    for m in range(8):
        pair, beside = m - m % 2, m - 1 if m % 2 == 0 else m + 1
        sums.append((power(pair) + power(pair + 1)) + power({-1: 1, 8: 6}.get(beside, beside)))
    return pick(sums, index)


def inverse(value):
    """1 / value to seven digits."""
    rough = hl.fast_inverse(value)
    return rough * (f32(2) - value * rough)


class Shrinkage:
    """Plane q(x, y, c) -> `dealt`(u, j, r, b, c): blocks of 8x8 every 4 px, shrunk by the energy at each coefficient.

    cells(x4, y4, c): noise variance of q over 4x4 px. weight[l, k, c]: 1 / variance of coefficient (k, l) for unit
    noise. strength[c]: squared threshold.
    """

    def __init__(self, q, cells, weight, strength):
        self.dealt_in = hl.Func("dealt_in")
        self.dealt_in[u, j, r, b, c] = q[4 * u + j, 4 * b + r, c]
        self.columns = hl.Func("columns")
        self.columns[u, j, k, b, c] = forward([self.dealt_in[u, j, m % 4, b + m // 4, c] for m in range(8)], k)
        self.block = hl.Func("block")
        self.block[u, n, k, b, c] = forward([self.columns[u + m // 4, m % 4, k, b, c] for m in range(8)], n)

        # Energy of three neighbours along the row. The mean is no part of the structure: its neighbour stands for it.
        self.energy = hl.Func("energy")
        self.weight = hl.Func("weight_of_square")
        squares = [f32(factor * factor) for factor in FACTOR]
        self.weight[n, k, c] = weight[n, k, c] * pick(squares, n) * pick(squares, k)

        def power(m):
            index = hl.select(k == 0, 1, 0) if m == 0 else m
            value = self.block[u, index, k, b, c]
            return value * value * self.weight[index, k, c] + f32(TINY)

        self.energy[u, n, k, b, c] = three(power, n)

        self.threshold = hl.Func("threshold")
        around = cells[u, b, c] + cells[u + 1, b, c] + cells[u, b + 1, c] + cells[u + 1, b + 1, c]
        self.threshold[u, b, c] = around * (strength[c] * f32(9 / 4))
        self.gain = hl.Func("gain")
        local = three(lambda m: self.energy[u, n, m, b, c], k)
        shrunk = hl.max(f32(1) - self.threshold[u, b, c] * hl.fast_inverse(local), f32(0))
        self.gain[u, n, k, b, c] = hl.select((n == 0) & (k == 0), f32(1), shrunk)

        # A block that was found empty tells more about its pixels than one that was kept.
        self.trust = hl.Func("trust")
        squares = (self.gain[u, m % 8, m // 8, b, c] * self.gain[u, m % 8, m // 8, b, c] for m in range(64))
        self.trust[u, b, c] = hl.fast_inverse(total(squares))

        # Lines of pixels of the block; place 8 carries its trust.
        self.lines = hl.Func("lines")
        back = backward([self.gain[u, m, k, b, c] * self.block[u, m, k, b, c] for m in range(8)], hl.min(n, 7))
        self.lines[u, n, k, b, c] = hl.select(n == 8, self.trust[u, b, c], back)
        left, right = (pick([f32(w) for w in WINDOW[m : m + 4]], j) for m in (0, 4))

        def joined(places, line):
            """Overlapping blocks side by side."""
            here, there = self.lines[u, places[0], line, b, c], self.lines[u - 1, places[1], line, b, c]
            trusts = self.lines[u, 8, line, b, c] * left, self.lines[u - 1, 8, line, b, c] * right
            return trusts[0] + trusts[1] if places[0] is places[1] else here * trusts[0] + there * trusts[1]

        self.joined = hl.Func("joined")
        self.joined[u, j, k, b, c] = joined((j, j + 4), k)
        self.rows = hl.Func("rows")
        back = backward([self.joined[u, j, m, b, c] for m in range(8)], hl.min(n, 7))
        self.rows[u, j, n, b, c] = hl.select(n == 8, joined((8, 8), 0) * f32(64), back)

        self.dealt = hl.Func("dealt")
        upper, lower = (pick([f32(w) for w in WINDOW[m : m + 4]], r) for m in (0, 4))
        pixels = self.rows[u, j, r, b, c] * upper + self.rows[u, j, r + 4, b - 1, c] * lower
        trusts = self.rows[u, j, 8, b, c] * upper + self.rows[u, j, 8, b - 1, c] * lower
        self.dealt[u, j, r, b, c] = pixels * inverse(trusts)

    def schedule(self, tile, at, step, vector):
        """Down a strip four rows at a time: each step makes one row of blocks, and nothing twice.

        What a row of blocks needs lives in the second-level cache, what a vector of blocks needs in the first.
        """
        # Only the reading of pixels knows of borders; anything else would be compiled once for each of them.
        sliding = self.dealt_in, self.rows, self.dealt
        of_vector = self.block, self.energy, self.gain, self.threshold, self.trust
        for func in (*sliding, *of_vector, self.columns, self.lines, self.joined, tile):
            func.never_partition_all()
        for func, n_kept in zip(sliding, (8, 4, 4), strict=True):
            func.store_at(tile, at).compute_at(tile, step).fold_storage(b, n_kept)
        self.weight.compute_root().bound(n, 0, 8).bound(k, 0, 8).unroll(n).unroll(k)
        self.dealt_in.bound(j, 0, 4).bound(r, 0, 4).reorder(c, j, u, r, b).unroll(j).vectorize(u, vector)
        self.dealt.bound(j, 0, 4).bound(r, 0, 4).reorder(r, j, u, b, c).unroll(r).unroll(j).vectorize(u, vector)
        self.rows.reorder(n, j, u, b, c).unroll(n).unroll(j).vectorize(u, vector)
        self.lines.bound(n, 0, 9).bound(k, 0, 8)
        self.columns.bound(k, 0, 8).bound(j, 0, 4)
        self.joined.bound(k, 0, 8).bound(j, 0, 4)
        self.rows.bound(n, 0, 9).bound(j, 0, 4)
        self.columns.compute_at(self.rows, b).reorder(k, j, u, b, c).unroll(k).unroll(j).vectorize(u, vector)
        self.lines.compute_at(self.rows, b).split(u, xo, xi, vector).reorder(n, k, xi, xo, b, c).unroll(n)
        self.lines.vectorize(xi)
        self.joined.compute_at(self.rows, u).unroll(j).vectorize(u, vector)
        # Mirrored indices reach no farther than this.
        for func in (self.block, self.energy, self.gain):
            func.bound(n, 0, 8).bound(k, 0, 8).compute_at(self.lines, xo).reorder(n, k, u, b, c).unroll(n).unroll(
                k
            ).vectorize(u, vector)
        self.threshold.compute_at(self.lines, xo).vectorize(u, vector)
        self.trust.compute_at(self.lines, xo).vectorize(u, vector)
        return self
