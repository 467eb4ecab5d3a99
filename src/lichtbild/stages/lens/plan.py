"""A list of lens corrections made ready once, to be done for the whole picture or for any band of its rows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core import memory, native
from lichtbild.core.corrections import FixVignetteRadial, GainMap, Opcode, TrimBounds
from lichtbild.core.errors import MetadataError, ShapeError
from lichtbild.core.frame import GAIN_STEP_PX, Frame, FrameInfo
from lichtbild.core.noise import NoiseModel
from lichtbild.stages.lens import resampling
from lichtbild.stages.lens.geometry import N_PLANES, Chain, bilinear, is_warp
from lichtbild.stages.lens.straighten import Turn, largest_crop
from lichtbild.stages.lens.values import ValueRun
from lichtbild.stages.linearise.levels import trimmed_crop
from lichtbild.stages.planes import planes_of

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Crop = tuple[int, int, int, int]
# Nodes of a GainMap nearer than this are not followed by the 16-px grid of the resampling: such maps are applied apart.
MIN_SPACING_PX = 64
# A band of the picture is made from its rows of the source and this many more at the most.
MOST_ROWS = 400
LARGEST_PX = 4e6  # of a displacement: in 1/256 px it fits 31 bits


@dataclass(frozen=True, eq=False)
class Resampling:
    """One run of warps, trims and gains: the grid that the kernel follows.

    Parameters
    ----------
    chain
        The opcodes.
    shape
        Of the picture it is applied to; `chain.shape` is that of the result.
    grid
        See `Chain.grid`.
    kernel
        The one to follow it with: lens_warp, lens_warp_shared where all planes come from one place, lens_warp_far where
        it bends too fast for them.
    """

    chain: Chain
    shape: tuple[int, int]
    grid: Floats
    kernel: str

    @classmethod
    def of(cls, ops: list[Opcode], shape: tuple[int, int], where: str) -> Resampling:
        chain = Chain.of(ops, shape)
        with np.errstate(all="ignore"):
            grid = chain.grid()
        if not np.all(np.abs(grid) < LARGEST_PX):  # nor if a number is none
            raise MetadataError("the lens corrections lead nowhere", where=where)
        if shape[0] * shape[1] * 3 >= 2**31:
            raise ShapeError(f"{shape[0]} x {shape[1]} px are too many for one resampling", where=where)
        is_shared = bool(np.all(grid[:, :, :1, :2] == grid[:, :, 1:, :2]))
        near = "lens_warp_shared" if is_shared else "lens_warp"
        return cls(chain, shape, grid, near if _bends_slowly(grid[..., :2]) else "lens_warp_far")

    @property
    def rows_spanned(self) -> int:
        """Rows of the source that 16 of the result are made from, at the most."""
        y = self.grid[..., 1].astype(np.float64)
        return int(np.ceil((y.max((1, 2)) - y.min((1, 2))).max())) + GAIN_STEP_PX

    def nodes(self, first: int, last: int) -> Floats:
        """The rows of the grid for rows [first, last) of the result; `first` a multiple of 16."""
        low = first // GAIN_STEP_PX
        return self.grid[low : low + -(-(last - first) // GAIN_STEP_PX) + 3]

    def source_rows(self, first: int, last: int) -> tuple[int, int]:
        """Rows of the source that rows [first, last) of the result are made from, held inside the picture."""
        nodes = self.nodes(first, last)[..., 1].astype(np.float64)
        place = nodes[1:-1] + (first + GAIN_STEP_PX * np.arange(nodes.shape[0] - 2.0))[:, None, None]
        # Between nodes a parabola leaves the straight line by a quarter of its bend at most, along both axes.
        bends = [np.abs(n[1:-2] + n[2:-1] - n[:-3] - n[3:]).max() / 4 for n in (nodes, nodes.swapaxes(0, 1))]
        reach = resampling.TAPS + (2 * bends[0] + bends[1]) / 4
        height = self.shape[0]
        start = min(max(int(np.floor(place.min() - reach)), 0), max(height - resampling.TAPS, 0))
        start -= start % GAIN_STEP_PX
        return start, min(max(int(np.ceil(place.max() + reach)), start + resampling.TAPS), height)

    def applied(self, frame: Frame, start: int, first: int, last: int) -> Frame:
        """Rows [first, last) of the result, from rows of the source of which `frame` holds those from `start` on."""
        pixels = _at_least_six(frame.pixels)
        grid, width = self.nodes(first, last), self.chain.shape[1]
        planes = planes_of(pixels, resampling.RIM).reshape(-1)
        where = pixels.shape[1], max(self.shape[0], resampling.TAPS), start, first
        out = memory.empty((last - first, width, 3))
        if self.kernel == "lens_warp_far":
            flat = out.reshape(last - first, width * 3)
            native.call(self.kernel, planes, *where, grid, *resampling.tables(), flat)
        else:
            native.call(self.kernel, planes, *where, grid, resampling.series(), out)
        n = frame.n_effective
        if isinstance(n, np.ndarray):
            values = np.ascontiguousarray(n, np.float32)
            n = memory.empty((last - first, width))
            native.call("lens_warp_single", values, self.shape[0], start, first, grid, n)
        return frame.replaced(
            pixels=out,
            noise=_resampled_noise(frame.noise),
            n_effective=n,
            gain=self._gain(frame.gain, grid, start, first),
        )

    def _gain(self, gain: Floats | None, grid: Floats, start: int, first: int) -> Floats | None:
        own = grid[1:-1, 1:-1, :, 2]
        if gain is None:
            has_gain = any(isinstance(op, GainMap | FixVignetteRadial) for op, _ in self.chain.steps)
            return np.ascontiguousarray(own) if has_gain else None
        nodes = np.empty_like(own)
        y = first - start + np.arange(own.shape[0])[:, None] * float(GAIN_STEP_PX)
        x = np.arange(own.shape[1])[None, :] * float(GAIN_STEP_PX)
        for plane in range(own.shape[2]):
            old = gain[:, :, min(plane, gain.shape[2] - 1)].astype(np.float64)
            from_y, from_x = y + grid[1:-1, 1:-1, plane, 1], x + grid[1:-1, 1:-1, plane, 0]
            nodes[:, :, plane] = own[:, :, plane] * bilinear(old, from_y / GAIN_STEP_PX, from_x / GAIN_STEP_PX)
        return nodes

    def small(self, frame: Frame, cell_px: int) -> Frame:
        """The result at the size of a proxy, of the source's."""
        counts = [-(-n // cell_px) for n in self.chain.shape]
        n_nodes = [-(-n // GAIN_STEP_PX) + 1 for n in counts]
        gain = np.ones((1, 1, N_PLANES), np.float32) if frame.gain is None else frame.gain
        return frame.replaced(
            pixels=self._sampled(frame.pixels, counts, float(cell_px), 0.5),
            gain=self._sampled(gain, n_nodes, float(GAIN_STEP_PX * cell_px), 0.0),
        )

    def _sampled(self, old: Floats, counts: list[int], step: float, first: float) -> Floats:
        """`counts` elements of the result and of `old`, element i of both at (i + first) step."""
        planes = []
        y, x = (step * (np.arange(n, dtype=np.float64) + first) for n in counts)
        for plane in range(N_PLANES):
            from_y, from_x, gain = self.chain.source(plane, y[:, None], x[None, :])
            values = old[:, :, min(plane, old.shape[2] - 1)].astype(np.float64)
            planes.append(gain * bilinear(values, from_y / step - first, from_x / step - first))
        return np.asarray(np.stack(planes, 2), np.float32)


@dataclass(frozen=True, eq=False)
class LensPlan:
    """OpcodeList3 of one picture, made ready.

    Parameters
    ----------
    source_shape, shape
        Rows and columns before and after.
    default_crop
        Of the corrected picture.
    reasons
        What was left out, a line each, for people.
    runs
        What is done, in order; whole opcodes where a run cannot be done for a band of rows.
    """

    source_shape: tuple[int, int]
    shape: tuple[int, int]
    default_crop: Crop | None
    reasons: tuple[str, ...]
    runs: tuple[Resampling | ValueRun | list[Opcode], ...]

    @property
    def can_be_banded(self) -> bool:
        """Every run is known for a band of rows, and only one of them moves pixels. Else `correct` does the whole."""
        moves = [run for run in self.runs if isinstance(run, Resampling)]
        if len(moves) > 1 or any(isinstance(run, list) for run in self.runs):
            return False
        # Of a picture that is turned far, every band would need most rows.
        return all(run.rows_spanned <= MOST_ROWS for run in moves)

    def source_rows(self, first: int, last: int) -> tuple[int, int]:
        """(start, stop): the rows of the source that rows [first, last) of the result are made from.

        `first` is a multiple of 16; so is `start`. At most some 10 rows more than needed, and up to 15 for the
        multiple.
        """
        for run in self.runs:
            if isinstance(run, Resampling):
                return run.source_rows(first, last)
        return first, last

    def band(self, source: Frame, source_start: int, first: int, last: int) -> Frame:
        """Rows [first, last) of the corrected picture, exactly those of `correct` for the whole.

        Parameters
        ----------
        source
            CAMERA_RGB float32, rows of the uncorrected picture (`Frame.rows`), at least those of `source_rows`.
        source_start
            The row of the picture that it begins with, a multiple of 16.
        first, last
            Rows of the result; `first` a multiple of 16.

        Raises
        ------
        ShapeError
            If rows are missing, or the list cannot be done for a band (see `can_be_banded`).
        """
        where = source.info.name
        start, stop = self.source_rows(first, last)
        if not self.can_be_banded or not 0 <= first < last <= self.shape[0] or first % GAIN_STEP_PX:
            raise ShapeError(f"rows {first} to {last} of {self.shape[0]} are no band of this picture", where=where)
        if source_start % GAIN_STEP_PX or source_start > start or source_start + source.shape[0] < stop:
            held = f"{source_start} to {source_start + source.shape[0]}"
            raise ShapeError(f"rows {start} to {stop} are needed, not {held}", where=where)
        frame, at = source, source_start
        for run in self.runs:
            if isinstance(run, Resampling):
                frame, at = run.applied(frame, at, first, last), first
            elif isinstance(run, ValueRun):
                frame = run.applied(frame, at)
        if at != first or frame.shape[0] != last - first:
            frame = frame.rows(first - at, last - at)
        return frame.replaced(info=self.info_after(source.info))

    def info_after(self, info: FrameInfo) -> FrameInfo:
        """What is to be said of the corrected picture: the list is used up."""
        return dataclasses.replace(
            info,
            shape=self.shape,
            default_crop=self.default_crop,
            opcodes=dataclasses.replace(info.opcodes, after_demosaic=()),
            reasons=(*info.reasons, *self.reasons),
        )

    def proxy(self, small: Frame, cell_px: int) -> Frame:
        """The corrected picture at the size of `small`: true to a cell, enough for facts.

        Parameters
        ----------
        small
            CAMERA_RGB, means over cells of `cell_px` px of the whole uncorrected picture.
        """
        if not self.can_be_banded:
            raise ShapeError("these lens corrections need the whole picture", where=small.info.name)
        frame = small
        for run in self.runs:
            if not isinstance(run, list):
                frame = run.small(frame, cell_px)
        return frame.replaced(info=self.info_after(small.info))


def plan_of(info: FrameInfo, shape: tuple[int, int], ops: tuple[Opcode, ...], reasons: tuple[str, ...]) -> LensPlan:
    """The plan of a sound list for a picture of `shape`; `reasons`: what was left out of it."""
    source_shape, crop = shape, info.default_crop
    runs: list[Resampling | ValueRun | list[Opcode]] = []
    for part in parts(ops, shape):
        if any(is_warp(op) for op in part):
            runs.append(Resampling.of(part, shape, info.name))
        else:
            runs.append(ValueRun.of(part, shape, info.name) or part)
        for op in part:
            if isinstance(op, Turn):
                crop = largest_crop(op, crop or (0, 0, *shape))
            if isinstance(op, TrimBounds):
                shape = (op.bottom - op.top, op.right - op.left)
                crop = None if crop is None else trimmed_crop(crop, op)
    return LensPlan(source_shape, shape, crop, reasons, tuple(runs))


def parts(ops: tuple[Opcode, ...], shape: tuple[int, int]) -> list[list[Opcode]]:
    """The list cut into runs: those with a warp are one resampling each, the others change values in place.

    A run that can be resampled but has no warp stays one of the others, which are exact."""
    runs: list[list[Opcode]] = []
    is_open = False
    for op in ops:
        fits = _fits_resampling(op, shape)
        if not runs or fits != is_open:
            runs.append([])
        runs[-1].append(op)
        is_open = fits
        if isinstance(op, TrimBounds):
            shape = (op.bottom - op.top, op.right - op.left)
    return runs


def _fits_resampling(op: Opcode, shape: tuple[int, int]) -> bool:
    if is_warp(op):
        return True
    if isinstance(op, TrimBounds):
        return 0 <= op.top < op.bottom <= shape[0] and 0 <= op.left < op.right <= shape[1]
    if isinstance(op, FixVignetteRadial):
        return min(shape) >= 8 * MIN_SPACING_PX
    if not isinstance(op, GainMap):
        return False
    area = op.area
    is_all = area.bottom <= area.top or area.right <= area.left
    is_all |= area.top <= 0 and area.left <= 0 and area.bottom >= shape[0] and area.right >= shape[1]
    is_all &= area.row_pitch == area.column_pitch == 1
    is_wide = min(op.spacing_v * shape[0], op.spacing_h * shape[1]) >= MIN_SPACING_PX
    return bool(is_all and is_wide)


def _bends_slowly(displacement_px: Floats) -> bool:
    """Whether 16 px of a row come from places within a pixel of a row's 16, between any two nodes [h, w, 3, 2]."""
    before, here, after, beyond = (displacement_px[:, n : displacement_px.shape[1] - 3 + n] for n in range(4))
    bend = np.abs(here + after - before - beyond) / 4
    # Rows between those of the nodes: parabolas too, which may swing out a little.
    return bool((np.abs(after - here) + bend / 4).max(initial=0) < 0.9)


def _at_least_six(pixels: Floats) -> Floats:
    """The kernel's window is six pixels; the border repeats anyway."""
    missing = [max(0, resampling.TAPS - length) for length in pixels.shape[:2]]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else pixels


def _resampled_noise(noise: NoiseModel) -> NoiseModel:
    left = resampling.noise_energy(noise.correlation_px)
    return NoiseModel(
        tuple(a * left for a in noise.alpha),
        tuple(b * left for b in noise.beta),
        noise.source,
        float(np.hypot(noise.correlation_px, resampling.CORRELATION_PX)),
    )
