"""Lenses of our own for the bodies in `cameras/`: from a rough layout to a corrected lens by damped least squares.

    .venv/bin/python benchmarks/design_lens.py wide_f22 src/lichtbild/cameras/lenses/wide_f22.json

`tele_f28` reaches its whole picture with 0.2 um rms; `wide_f22` has stopped at 83 % of field and opening so far (f/2.5,
34 degrees; 0.9 um), which is why no body uses it yet.

Where it stands is kept beside the output (.npz): called again, it goes on from there.

No maker's prescription of such lenses is public. These are of the class: as many elements, of the same plastics, the
same focal length, stop and picture. What is minimised: distances of rays from the middle ray of their point, over six
fields and three colours, and departures from the focal length, from straight lines (2.5 % are free), from a bearable
angle at the sensor and from glass that can be made. Lengths are for a focal length of 1 mm until the end.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.optimize

from lichtbild.optics.field import through_focus_mm
from lichtbild.optics.lens_file import write_lens
from lichtbild.optics.material import AIR, Material
from lichtbild.optics.prescription import Prescription, Surface, paraxial
from lichtbild.optics.trace import Rays, trace

CLEAR, DENSE = Material(nd=1.5445, vd=56.0), Material(nd=1.6610, vd=20.4)
FILTER = Material(nd=1.5168, vd=64.2)
WAVES = (587.5618, 486.1327, 656.2725)
LOST = 0.15


@dataclass(frozen=True)
class Design:
    """A layout: for a focal length of 1."""

    elements: tuple[tuple[float, float, float, float, Material], ...]  # curvature, curvature, thickness, gap, material
    f_number: float
    radius: float  # half diagonal of the picture
    n_terms: int
    most_length: float
    focal_mm: float
    source: str
    steepest_deg: float = 36.0
    open_at: tuple[float, ...] = (1.0, 1.0, 1.0, 0.95, 0.88, 0.78, 0.74)  # of the stop, at the six fields and beyond


DESIGNS = {
    "wide_f22": Design(
        ((2.3, -0.25, 0.17, 0.03, CLEAR), (-0.5, 0.75, 0.065, 0.12, DENSE), (0.1, 0.0, 0.11, 0.10, CLEAR),
         (-0.5, -1.6, 0.17, 0.04, CLEAR), (0.7, 1.5, 0.12, 0.16, CLEAR)),
        2.2, 0.80, 6, 1.42, 3.87, "own design of the class of a 27 mm equivalent f/2.2 phone lens, five plastics",
    ),
    "tele_f28": Design(
        ((3.0, -1.0, 0.16, 0.02, CLEAR), (-0.8, 1.2, 0.06, 0.20, DENSE), (-0.4, 0.5, 0.09, 0.10, CLEAR),
         (-0.3, -0.7, 0.12, 0.25, DENSE)),
        2.8, 0.26, 5, 1.00, 8.6, "own design of the class of a 3x phone tele f/2.8, four plastic elements", 24.0,
    ),
}  # fmt: skip


class Problem:
    def __init__(self, design: Design) -> None:
        self.d = design
        n = len(design.elements)
        # Curvatures, thicknesses and gaps, then aspheric terms from r^4 in units of the pupil's size; last the back.
        curvatures = np.array([c for e in design.elements for c in e[:2]])
        spaces = np.array([t for e in design.elements for t in e[2:4]])
        terms = np.zeros(2 * n * design.n_terms)
        self.start = np.concatenate([curvatures, spaces, terms, [0.0]])
        self.n_c, self.n_s = 2 * n, 2 * n
        low = np.concatenate([curvatures * 0 - 6, np.tile([0.055, 0.012], n), terms - 40, [-0.03]])
        high = np.concatenate([curvatures * 0 + 6, np.tile([0.26, 0.45], n), terms + 40, [0.03]])
        self.bounds = low, high
        # A little beyond the picture, so that it does not end where surfaces turn.
        shares = np.array([0, 0.3, 0.5, 0.7, 0.85, 1.0, 1.06])
        self.shares = shares
        self.tangents = shares * design.radius
        y, x = np.mgrid[-1:1.01:0.25, 0:1.01:0.25]
        inside = x * x + y * y <= 1.0
        self.whole = np.concatenate([[[0], [0]], np.stack([x[inside], y[inside]])], 1) / (2 * design.f_number)
        self.pupil = self.whole
        # Where each surface is used, for its terms and its edges; renewed now and then.
        self.reach = np.linspace(1 / (2 * design.f_number), 0.8 * design.radius + 0.1, 2 * n)

    def opened(self, share: float) -> None:
        """A part of the field and of the pupil only: no ray is lost while the lens is still rough."""
        self.tangents = self.shares * self.d.radius * share
        self.pupil = self.whole * (0.3 + 0.7 * share)

    def places(self) -> np.ndarray:
        """Where the rays of all fields pass the stop: towards the edge of the picture less of it, as the rims of such
        lenses take light from there."""
        return np.concatenate([self.pupil * share for share in self.d.open_at], 1)

    def scaled(self, v: np.ndarray) -> np.ndarray:
        """Curvatures so that the focal length is 1."""
        out = v.copy()
        for _ in range(8):
            out[: self.n_c] *= paraxial(self.lens(out), WAVES[0]).focal_length_mm
        return out

    def lens(self, v: np.ndarray) -> Prescription:
        d = self.d
        c, spaces = v[: self.n_c], v[self.n_c : self.n_c + self.n_s]
        terms = v[self.n_c + self.n_s : -1].reshape(self.n_c, d.n_terms)
        surfaces = [Surface(0.0, 0.0, AIR, 1 / (2 * d.f_number))]
        for k in range(self.n_c):
            power = 4 + 2 * np.arange(d.n_terms)
            even = (0.0, *(terms[k] * 0.05 / self.reach[k] ** power))
            material = d.elements[k // 2][4] if k % 2 == 0 else AIR
            # A paraboloid below the powers: a sphere would end before the edge of the last elements.
            surfaces.append(Surface(c[k], spaces[k], material, np.inf, -1.0, even))
        surfaces.append(Surface(0.0, 0.055, FILTER))
        surfaces.append(Surface(0.0, 0.06, AIR))
        lens = Prescription("design", tuple(surfaces), 0, d.radius, d.source)
        # The sensor stands near the paraxial focus.
        thin = paraxial(lens, WAVES[0])
        back = float(np.clip(thin.back_focus_z_mm, lens.vertices_mm[-2] + 0.01, lens.vertices_mm[-2] + 1))
        return lens.focused(back + v[-1] - lens.length_mm)

    def rays(self, lens: Prescription, wave: float) -> tuple[np.ndarray, np.ndarray]:
        n, m = len(self.tangents), self.pupil.shape[1]
        at = self.places()
        way = np.zeros((3, n * m))
        way[1], way[2] = np.repeat(self.tangents, m), 1.0
        position = np.concatenate([at, np.zeros((1, n * m))])
        state = trace(lens, Rays.make(position, way), wave).state
        return state[:2].reshape(2, n, m), state[3:6].reshape(3, n, m)

    def whole_at(self, v: np.ndarray) -> bool:
        """Whether every ray arrives."""
        lens = self.lens(v)
        return all(bool(np.isfinite(self.rays(lens, wave)[0]).all()) for wave in WAVES)

    def residuals(self, v: np.ndarray) -> np.ndarray:
        lens = self.lens(v)
        d = self.d
        chief, found = None, []
        weight = np.array([1.2, 1.1, 1.0, 1.0, 0.8, 0.6, 0.2])[:, None]
        for wave in WAVES:
            xy, way = self.rays(lens, wave)
            xy = np.nan_to_num(xy, nan=LOST * 4, posinf=1, neginf=-1)
            if chief is None:
                chief = xy[:, :, :1]
                steep = np.nan_to_num(np.arctan2(way[1, :, 0], way[2, :, 0]), nan=1.5)
            error = (xy - chief) * weight
            found.append(np.clip(error, -LOST * 4, LOST * 4).ravel() * 60)
        height, wanted = chief[1, :, 0], -self.tangents if np.median(chief[1, 1:, 0]) < 0 else self.tangents
        thin = paraxial(lens, WAVES[0])
        bend = (height[1:] - wanted[1:]) / self.tangents[1:]
        extra = [np.sign(bend) * np.maximum(np.abs(bend) - 0.025, 0) * 20,
                 [(thin.focal_length_mm - 1) * 40],
                 np.maximum(np.abs(np.degrees(steep)) - d.steepest_deg, 0) * 0.2,
                 [max(lens.vertices_mm[-1] - d.most_length, 0) * 20],
                 [max(0.05 - lens.surfaces[-1].thickness_mm, 0) * 60],
                 self.edges(lens) * 20]  # fmt: skip
        return np.concatenate([*found, *(np.atleast_1d(e) for e in extra)])

    def edges(self, lens: Prescription) -> np.ndarray:
        """By how much glass and gaps are thinner than they may be, at five heights."""
        short = []
        for k in range(1, self.n_c + 2):
            a, b = lens.surfaces[k], lens.surfaces[k + 1]
            reach = min(self.reach[min(k - 1, self.n_c - 1)], self.reach[min(k, self.n_c - 1)])
            least = 0.04 if a.material is not AIR else 0.008
            r = np.linspace(0.3, 1, 6) * reach
            short.append(np.maximum(least - (a.thickness_mm + b.sag_mm(r) - a.sag_mm(r)), 0))
        return np.concatenate(short)

    def renew(self, v: np.ndarray) -> np.ndarray:
        """How far out each surface is used; the vector for the new units."""
        from lichtbild.optics.trace import trace_all

        lens = self.lens(v)
        n, m = len(self.tangents), self.pupil.shape[1]
        way = np.zeros((3, n * m))
        way[1], way[2] = np.repeat(self.tangents, m), 1.0
        position = np.concatenate([self.places(), np.zeros((1, n * m))])
        _, met = trace_all(lens, Rays.make(position, way), WAVES[0])
        radius = np.hypot(met[1 : self.n_c + 1, 0], met[1 : self.n_c + 1, 1])
        new = np.array(
            [np.nanmax(r) if np.isfinite(r).any() else old for r, old in zip(radius, self.reach, strict=True)]
        )
        new = np.clip(new, 0.7 * self.reach, 1.4 * self.reach)
        terms = v[self.n_c + self.n_s : -1].reshape(self.n_c, self.d.n_terms)
        power = 4 + 2 * np.arange(self.d.n_terms)
        terms = terms * (new[:, None] / self.reach[:, None]) ** power
        self.reach = new
        out = v.copy()
        out[self.n_c + self.n_s : -1] = np.clip(terms, -39.9, 39.9).ravel()
        return out


def solve(design: Design, rounds: int, seed: int, kept: Path) -> tuple[Problem, np.ndarray]:
    problem = Problem(design)
    rng = np.random.default_rng(seed)
    v = problem.start.copy()
    v = problem.scaled(v)
    v[: problem.n_c] += rng.normal(0, 0.02, problem.n_c)
    share, step = 0.3, 0.12
    if kept.exists():
        with np.load(kept) as before:
            v, problem.reach, share = before["v"], before["reach"], float(before["share"])
    problem.opened(share)
    for k in range(rounds):
        low, high = problem.bounds
        v = np.clip(v, low + 1e-6, high - 1e-6)
        found = scipy.optimize.least_squares(problem.residuals, v, bounds=(low, high), x_scale="jac",
                                             max_nfev=6 if share < 1 else 25, ftol=1e-3)  # fmt: skip
        # What loses rays or is worse than before is forgotten, and a smaller step tried.
        if problem.whole_at(found.x):
            v, old = found.x, problem.reach.copy()
            renewed = problem.renew(v)
            if problem.whole_at(renewed):
                v = renewed
            else:
                problem.reach = old
        else:
            share = max(0.3, share - 0.5 * step)
            problem.opened(share)
        xy, _ = problem.rays(problem.lens(v), WAVES[0])
        spot = np.sqrt(np.mean(((xy - xy[:, :, :1]) ** 2).sum(0), 1)) * design.focal_mm * 1e3
        print(f"round {k}: field {share:.3f}, cost {found.cost:.4f}, rms spot um {np.round(spot, 2)}", flush=True)
        np.savez(kept, v=v, reach=problem.reach, share=share)
        # As far as no ray is lost.
        while share < 1:
            wider = min(1.0, share + step)
            problem.opened(wider)
            if problem.whole_at(v) and np.sum(problem.residuals(v) ** 2) < 600:
                share, step = wider, min(step * 1.5, 0.12)
                break
            step /= 2
            if step < 0.002:
                step = 0.03
                problem.opened(share)
                break
    return problem, v


def finished(problem: Problem, v: np.ndarray, name: str) -> Prescription:
    """In mm, with free radii, focused."""
    from lichtbild.optics.trace import trace_all

    d, lens = problem.d, problem.lens(v)
    n, m = len(problem.tangents), problem.pupil.shape[1]
    way = np.zeros((3, n * m))
    way[1], way[2] = np.repeat(problem.tangents, m), 1.0
    _, met = trace_all(lens, Rays.make(np.concatenate([problem.places(), np.zeros((1, n * m))]), way), WAVES[0])
    k = d.focal_mm / paraxial(lens, WAVES[0]).focal_length_mm
    surfaces = []
    for number, s in enumerate(lens.surfaces):
        r = np.hypot(met[number, 0], met[number, 1])
        free = float(s.semi_diameter_mm) if number == 0 else float(np.nanmax(r)) * 1.02 + 1e-4
        even = tuple(float(a * k ** (1 - 2 * (p + 1))) for p, a in enumerate(s.even))
        surfaces.append(Surface(s.curvature / k, s.thickness_mm * k, s.material, free * k, s.conic, even))
    made = Prescription(name, tuple(surfaces), 0, d.radius * d.focal_mm, d.source)
    return made.focused(through_focus_mm(made))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("design", choices=DESIGNS)
    parser.add_argument("output")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    problem, v = solve(DESIGNS[given.design], given.rounds, given.seed, Path(given.output).with_suffix(".npz"))
    write_lens(finished(problem, v, given.design), given.output)


if __name__ == "__main__":
    main()
