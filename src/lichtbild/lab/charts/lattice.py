"""Patches that lie on a grid seen in perspective: neighbours are followed from patch to patch, then a homography."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.lab.charts.candidates import Candidates

Floats = npt.NDArray[np.float64]

MIN_NODES = 9
# Distance of neighbours in units of a patch's side as it is found (edges make it smaller than it is).
REACH = (1.0, 2.6)
AREA_RATIO = 1.9
# A neighbour lies where the last step foretells it, to this share of the step.
STRAY = 0.24
MAX_SEEDS = 160


@dataclass(frozen=True, eq=False)
class Lattice:
    """A grid: homography [3, 3] from grid (across, down) to px (x, y), and the places [n, 2] that were seen."""

    homography: Floats
    places: npt.NDArray[np.intp]
    points: Floats


def lattices(candidates: Candidates) -> Iterator[Lattice]:
    """Grids of at least nine patches, the largest neighbourhoods first."""
    from scipy.spatial import cKDTree

    centres, sides = candidates.centres, candidates.sides
    if len(centres) < MIN_NODES:
        return
    tree = cKDTree(centres)
    distance, neighbour = tree.query(centres, min(9, len(centres)))
    distance, neighbour = distance[:, 1:], neighbour[:, 1:]
    ratio = candidates.areas[neighbour] / candidates.areas[:, None]
    alike = (distance > REACH[0] * sides[:, None]) & (distance < REACH[1] * sides[:, None])
    alike &= (ratio < AREA_RATIO) & (ratio > 1 / AREA_RATIO)
    order = np.argsort(-alike.sum(1), kind="stable")
    used: set[int] = set()
    n_seeds = 0
    for seed in order:
        if alike[seed].sum() < 2 or n_seeds >= MAX_SEEDS:
            return
        if int(seed) in used:
            continue
        n_seeds += 1
        best: dict[tuple[int, int], int] = {}
        for first, second in _bases(centres, int(seed), neighbour[seed][alike[seed]]):
            grown = _grown(candidates, tree, int(seed), first, second)
            if len(grown) > len(best):
                best = grown
            if len(best) >= 20:
                break
        if len(best) < MIN_NODES:
            continue
        found = _fitted(centres, best)
        if found is not None:
            used.update(best.values())
            yield found


def _bases(centres: Floats, seed: int, near: npt.NDArray[np.intp]) -> Iterator[tuple[Floats, Floats]]:
    """Pairs of steps to neighbours that may span the grid, right-handed, the shortest first."""
    steps = centres[near] - centres[seed]
    steps = steps[np.argsort(np.hypot(*steps.T))][:5]
    for i in range(len(steps)):
        for j in range(i + 1, len(steps)):
            a, b = steps[i], steps[j]
            la, lb = float(np.hypot(*a)), float(np.hypot(*b))
            sine = float(a[0] * b[1] - a[1] * b[0]) / (la * lb)
            if abs(sine) > 0.7 and 0.45 < la / lb < 2.2:
                yield (a, b) if sine > 0 else (b, a)


def _grown(
    candidates: Candidates, tree: object, seed: int, first: Floats, second: Floats
) -> dict[tuple[int, int], int]:
    """{place on the grid: candidate} that steps from neighbour to neighbour reach."""
    centres, areas = candidates.centres, candidates.areas
    found = {(0, 0): seed}
    taken = {seed}
    queue = deque([((0, 0), first, second)])
    while queue and len(found) < 400:
        place, across, down = queue.popleft()
        here = found[place]
        for du, dv in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            # One patch may be missing (black on black): the next behind it is asked for too.
            for stride in (1, 2):
                there = (place[0] + stride * du, place[1] + stride * dv)
                if there in found:
                    break
                step = stride * (du * across + dv * down)
                length = float(np.hypot(*step)) / stride
                far, index = tree.query(centres[here] + step)  # type: ignore[attr-defined]
                ratio = areas[index] / areas[here]
                if far < STRAY * length and index not in taken and 1 / AREA_RATIO < ratio < AREA_RATIO:
                    seen = (centres[index] - centres[here]) / stride
                    sign = du + dv
                    turned = across + 0.6 * (sign * seen - across) if du else across
                    fallen = down + 0.6 * (sign * seen - down) if dv else down
                    found[there] = int(index)
                    taken.add(int(index))
                    queue.append((there, turned, fallen))
                    break
    return found


def _fitted(centres: Floats, nodes: dict[tuple[int, int], int]) -> Lattice | None:
    """The homography of a grid, nodes that do not lie on it left out."""
    places = np.array(list(nodes))
    points = centres[list(nodes.values())]
    for _ in range(3):
        if len(places) < MIN_NODES or min(np.ptp(places, axis=0)) < 1:
            return None
        homography = fit_homography(places.astype(np.float64), points)
        off = np.hypot(*(apply(homography, places) - points).T)
        step = np.sqrt(abs(np.linalg.det(jacobian(homography, places.mean(0)))))
        good = off < max(0.1 * step, 2.5 * float(np.median(off)))
        if good.all():
            break
        places, points = places[good], points[good]
    if float(np.median(off)) > 0.08 * step:
        return None
    return Lattice(homography, places, points)


def fit_homography(source: Floats, target: Floats) -> Floats:
    """[3, 3] that takes source [n, 2] to target [n, 2], least squares of the algebraic error (Hartley & Zisserman,
    algorithm 4.2, both sides normalised)."""
    a, s = _normalised(source)
    b, t = _normalised(target)
    one, zero = np.ones((len(a), 1)), np.zeros((len(a), 3))
    lifted = np.hstack([a, one])
    rows = np.vstack([np.hstack([lifted, zero, -b[:, :1] * lifted]), np.hstack([zero, lifted, -b[:, 1:] * lifted])])
    h = np.linalg.svd(rows, full_matrices=False)[2][-1].reshape(3, 3)
    h = np.linalg.inv(t) @ h @ s
    return np.asarray(h / h[2, 2])


def _normalised(points: Floats) -> tuple[Floats, Floats]:
    middle = points.mean(0)
    scale = np.sqrt(2) / max(float(np.hypot(*(points - middle).T).mean()), 1e-12)
    matrix = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1.0]])
    return (points - middle) * scale, matrix


def apply(homography: Floats, points: npt.ArrayLike) -> Floats:
    """Points [..., 2] through a homography."""
    p = np.asarray(points, np.float64)
    lifted = p @ homography[:, :2].T + homography[:, 2]
    return np.asarray(lifted[..., :2] / lifted[..., 2:])


def jacobian(homography: Floats, point: npt.ArrayLike) -> Floats:
    """[2, 2]: px a grid step at a point of the grid (across, down)."""
    p = np.asarray(point, np.float64)
    steps = apply(homography, p + np.array([[0, 0], [1e-4, 0], [0, 1e-4]]))
    return np.asarray((steps[1:] - steps[0]).T / 1e-4)
