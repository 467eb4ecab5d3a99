"""Scene + camera + hand -> burst, with the truth beside it."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import (
    Burst,
    FrameInfo,
    FrameSource,
    ShapeError,
    UsageError,
    native,
)
from lichtbild.simulate.draw import Drawable, Screen, back_from
from lichtbild.simulate.glass import Glass, Stack
from lichtbild.simulate.hand import Hand
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.masks import masks_of
from lichtbild.simulate.patterns import along, exposure_parts, ways_px
from lichtbild.simulate.phone import VirtualCamera, virtual_phone
from lichtbild.simulate.scene import Layer, Scene
from lichtbild.simulate.sensor import expose
from lichtbild.simulate.shake import Shake
from lichtbild.simulate.traced_lens import TracedLens
from lichtbild.simulate.truth import SimulatedBurst, Truth
from lichtbild.simulate.views import ShakenViews, StillViews, margin_px, nearest_affine, shaken_views, to_frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# 22 November 2026, 12:00 UTC: a fixed moment, so that equal seeds give equal files.
START_S = datetime.datetime(2026, 11, 22, 12, 0, 0, tzinfo=datetime.UTC).timestamp()
MAX_FRAMES = 64
# A spot of defocus that no pixel shows, ways that are one, and the longest way that goes into a pattern, px.
SHARP_PX = 0.05
ALIKE_PX = 0.02
LONGEST_PATTERN_PX = 8.0


class Simulation:
    """A burst that is computed frame by frame when it is read.

    Parameters
    ----------
    scene, camera, hand
        What is seen, by what, held how.
    n_frames, iso, seed
        Length of the burst; ISO of each frame; all that is random follows from the seed.
    shape
        Rows and columns of the frames; None: as large as the scene allows.
    affines
        float64 [n_frames, 2, 3] instead of a hand: ideal position in frame 0 -> position in frame k, px.
    exposure_ev
        Exposure time of each frame against the camera's, in stops: a bracket. None: all alike.
    positions_m
        float64 [n_frames, 3]: where the camera stands at each frame (right, down, forward), m: parallax of the layers
        that are not at infinity. None: it does not leave its place.
    shake
        A hand by its spectra instead of `hand`, `affines` and `positions_m`: the camera turns and shifts while every
        row is exposed, its lens is shifted by the camera's stabiliser, pictures are blurred along the way.

    stand_m
        Where this lens stands beside the one that the scene was painted for (right, down, forward): the baseline of a
        pair.

    With `hand` or `affines` the camera is still during each exposure, and the motion from frame to frame affine.
    Memory: 12 bytes a scene sample (coefficients), whatever the number of frames.
    """

    def __init__(
        self,
        scene: Scene,
        camera: VirtualCamera | None = None,
        hand: Hand | None = None,
        n_frames: int = 10,
        iso: float = 800.0,
        seed: int = 0,
        *,
        shape: tuple[int, int] | None = None,
        affines: Float64 | None = None,
        exposure_ev: Sequence[float] | None = None,
        positions_m: Float64 | None = None,
        shake: Shake | None = None,
        stand_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        if not 1 <= n_frames <= MAX_FRAMES:
            raise UsageError(f"{n_frames} frames", where="n_frames", hint=f"1 to {MAX_FRAMES}")
        if shake is not None and any(given is not None for given in (hand, affines, positions_m)):
            raise UsageError("a shake and another motion", where="shake", hint="one of shake, hand, affines")
        self.camera, self.iso, self.seed = camera or virtual_phone(), float(iso), seed
        self.name, self._oversampling, self.scene_truth = scene.name, scene.oversampling, scene.truth
        self.shape = shape or scene.frame_shape
        block = 2 * self.camera.sensor.cfa.quad
        if min(self.shape) < 16 or self.shape[0] % block or self.shape[1] % block:
            raise ShapeError(f"frames of {self.shape}: at least 16 px, whole blocks of {block}", where="shape")
        if any(a > b for a, b in zip(self.shape, scene.frame_shape, strict=True)):
            raise ShapeError(f"frames of {self.shape} do not fit a scene for {scene.frame_shape}", where="shape")
        self._stand_m, self._part_px = np.asarray(stand_m, np.float64), (0.0, 0.0)
        self.colour_path = "spectral" if self._is_spectral(scene) else "rgb"
        self.exposure_ev = (0.0,) * n_frames if exposure_ev is None else tuple(float(ev) for ev in exposure_ev)
        if len(self.exposure_ev) != n_frames:
            raise ShapeError(f"{len(self.exposure_ev)} exposures for {n_frames} frames", where="exposure_ev")
        if shake is None:
            self.views: StillViews | ShakenViews = self._still(hand, affines, positions_m, n_frames)
        else:
            self.views = shaken(shake, self.camera, self.shape, self.exposure_ev, seed)
            self._check_margin(scene)
        self._lens = self.camera.lens
        self._gain = None
        if self._lens.has_shading:
            self._gain = self._lens.shading_gain(self.shape, self.camera.sensor.site_colours)
        depths = [layer.depth_m for layer in scene.layers]
        self._spots_px = [self.camera.spot_px(self.shape, depth) for depth in depths]
        # A lens whose blur is alike everywhere and for all layers goes into the coefficients.
        self._is_plain = not isinstance(self._lens, TracedLens) and max(map(abs, self._spots_px)) < SHARP_PX
        self._nodes: dict[float, Float32] = {}
        self._layers = tuple(
            Drawable.of(layer, self._coefficients(layer), scene.margin_px, self._oversampling) for layer in scene.layers
        )

    def _still(
        self, hand: Hand | None, affines: Float64 | None, positions_m: Float64 | None, n_frames: int
    ) -> StillViews:
        if affines is None:
            times = np.arange(n_frames) * self.camera.interval_s
            focal, readout = self.camera.focal_px(self.shape), self.camera.readout_s
            rng = np.random.default_rng([self.seed, 1])
            affines = (hand or Hand()).affines(times, self.shape, focal, readout, rng)
        affines = np.asarray(affines, np.float64)
        if affines.shape != (n_frames, 2, 3):
            raise ShapeError(f"affines are [{n_frames}, 2, 3], not {list(affines.shape)}", where="affines")
        positions = np.zeros((n_frames, 3)) if positions_m is None else np.asarray(positions_m, np.float64)
        if positions.shape != (n_frames, 3):
            raise ShapeError(f"positions are [{n_frames}, 3], not {list(positions.shape)}", where="positions_m")
        return StillViews(affines, positions - positions[0], self.camera.interval_s, self.shape[0])

    def _check_margin(self, scene: Scene) -> None:
        has, needs = scene.margin_px, margin_px(self.views, self.shape)
        if needs > has:
            raise UsageError(
                f"the hand leaves the scene: {needs} px are seen beyond frame 0, {has} px are there", where="shake",
                hint=f"a scene with margin_px={needs}, a shorter burst, or a steadier hand",
            )  # fmt: skip

    def _is_spectral(self, scene: Scene) -> bool:
        return self.camera.response is not None and all(layer.materials is not None for layer in scene.layers)

    def _coefficients(self, layer: Layer) -> Float32:
        """A layer's samples [3 or 4, H, W] to spline coefficients in camera RGB, and of the cover for each of the
        colours, through lens and pixel where those are plain."""
        rgb = layer.light
        n = 3 if rgb.shape[0] == 3 else 6
        matrix = np.zeros((n, rgb.shape[0]), np.float32)
        matrix[:3, :3] = self.camera.scene_to_camera()
        if self.camera.response is not None and layer.materials is not None:
            rgb, matrix = layer.materials.shown(self.camera.of_spectra(layer.materials)), np.eye(3, dtype=np.float32)
        matrix[3:, 3:] = 1
        out = np.empty((n, *rgb.shape[1:]), np.float32)
        lens = self._lens if self._is_plain else Lens(0.0)
        taps = lens.blur_taps(self._oversampling, 1.0 if self._is_plain else 0.0)
        native.call("simulate_blur", np.ascontiguousarray(rgb), matrix, taps, out)
        return out

    def light(self, frame: int, plane: int | None = None, *, ideal: bool = False, still: bool = False) -> Float32:
        """Noise-free signal of a frame without shading, float32 [H, W], 1 = saturation, not clipped.

        Parameters
        ----------
        plane
            None: each pixel's own colour; 0, 1, 2: that colour everywhere.
        ideal
            Through a lens that does not distort, as the picture is to be after correction.
        still
            What the middle of the exposure shows, without the blur of motion.
        """
        planes = np.full((2, 2), 0 if plane is None else plane, np.int32)
        if plane is None:
            planes = np.asarray(self.camera.sensor.cfa.colours, np.int32)
        screen = Screen(self._lens, self.shape, self.camera.sensor.cfa.quad, self._oversampling, not ideal)
        reach = 0.0 if still else self._reach_px(frame)
        if self._is_plain:
            return np.maximum(self._plain_light(screen, frame, planes, exposure_parts(reach)), 0)
        # Patterns longer than this cost more than drawing again.
        pieces = math.ceil(reach / LONGEST_PATTERN_PX) if reach > 0 else 1
        out = np.zeros(self.shape, np.float32)
        for k in range(pieces):
            at, weights = exposure_parts(reach / pieces)
            out += self._glass(screen, frame, (at + k) / pieces, weights).light(planes) / np.float32(pieces)
        # Splines swing below black beside points far above white.
        return np.maximum(out, 0)

    def _plain_light(
        self, screen: Screen, frame: int, planes: npt.NDArray[np.int32], parts: tuple[Float64, Float64]
    ) -> Float32:
        """Drawn at moments of the exposure, and added up: what is in front hides what is behind at each of them."""
        total: Float32 | None = None
        for part, weight in zip(*parts, strict=True):
            out = np.empty(self.shape, np.float32)
            for drawable in self._layers:
                screen.draw(out, drawable, self._back(drawable, (frame, float(part))), planes)
            out *= np.float32(weight)
            total = out if total is None else total + out
        assert total is not None
        return total

    def _glass(self, screen: Screen, frame: int, at: Float64, weights: Float64) -> Glass:
        """Layers in stacks that are blurred alike, drawn at the middle of some moments of the exposure."""
        middle = float(at @ weights)
        stacks: list[Stack] = []
        last: tuple[float, Float64] | None = None
        for drawable, spot in zip(self._layers, self._spots_px, strict=True):
            back = self._back(drawable, (frame, middle))
            backs = [self._back(drawable, (frame, float(part))) for part in at] if len(at) > 1 else [back]
            ways = ways_px(self._lens if screen.is_distorted else None, self.shape, back, backs)
            if last is not None and abs(last[0] - spot) < SHARP_PX and np.abs(last[1] - ways).max() < ALIKE_PX:
                top = stacks[-1]
                stacks[-1] = Stack([*top.layers, drawable], [*top.backs, back], top.nodes)
                continue
            nodes = self._still_nodes(spot)
            if len(at) > 1:
                nodes = along(nodes, ways, weights)
            stacks.append(Stack([drawable], [back], nodes))
            last = spot, ways
        return Glass(screen, stacks)

    def _still_nodes(self, spot_px: float) -> Float32:
        """Patterns of lens, focus and pixel; computed once for each spot."""
        spot = round(spot_px, 3) if abs(spot_px) >= SHARP_PX else 0.0
        if spot not in self._nodes:
            self._nodes[spot] = self._lens.psf_nodes(self.shape, spot)
        return self._nodes[spot]

    def _back(self, drawable: Drawable, camera_at: tuple[int, float], scene_at: int | None = None) -> Float64:
        focal = self.camera.focal_px(self.shape)
        back = back_from(drawable, self.views, camera_at, focal, self.shape, scene_at, self._stand_m)
        if not any(self._part_px):
            return back
        aside = np.eye(3)
        aside[:2, 2] = self._part_px
        return np.asarray(back @ aside)

    def beside(self, right_px: float, down_px: float) -> Simulation:
        """The same, seen by pixels that lie a part of a px further to the right and down: between those of the sensor.

        What a finer truth is made of. The distortion's own change over that part is left out: below 0.01 px.
        """
        other = copy.copy(self)
        other._part_px = right_px, down_px
        return other

    def _reach_px(self, frame: int) -> float:
        """The longest way of anything during the exposure of a frame, px."""
        if isinstance(self.views, StillViews):
            return 0.0
        farthest = 0.0
        for drawable in self._layers:
            x, y = drawable.outline_px(3)
            spots = [
                np.stack(to_frame(self._back(drawable, (frame, float(part))), x, y)) for part in np.linspace(0, 1, 9)
            ]
            steps = np.hypot(*np.moveaxis(np.diff(spots, axis=0), 1, 0)).sum(0)
            farthest = max(farthest, float(steps.max()))
        return farthest

    def depth_m(self, frame: int = 0) -> Float32:
        """float32 [H, W]: distance of the nearest layer that covers more than half of a pixel, infinity for the far."""
        out = np.full(self.shape, self._layers[0].layer.depth_m, np.float32)
        screen = Screen(self._lens, self.shape, self.camera.sensor.cfa.quad, self._oversampling)
        for drawable in self._layers[1:]:
            back = self._back(drawable, (frame, 0.5))
            zone = screen.zone(drawable, back)
            if zone is not None:
                here = (slice(zone[0], zone[0] + zone[2]), slice(zone[1], zone[1] + zone[3]))
                cover = screen.cover(drawable, back, np.ones((2, 2), np.int32), zone)
                out[here] = np.where(cover > 0.5, np.float32(drawable.layer.depth_m), out[here])
        return out

    def layers_told(self) -> list[dict[str, Any]]:
        """Every layer's name, distance and own motion, as plain data (a distance of None: infinity)."""
        return [
            {"name": d.layer.name, "depth_m": d.layer.depth_m if math.isfinite(d.layer.depth_m) else None,
             "velocity_px_s": list(d.layer.travel.velocity_px_s), "turn_deg_s": d.layer.travel.turn_deg_s,
             "growth_s": d.layer.travel.growth_s}
            for d in self._layers
        ]  # fmt: skip

    def stored(self, frame: int) -> npt.NDArray[np.uint16]:
        """What the sensor stores of a frame, uint16 [H, W]; the same at every call."""
        seed = int(np.random.SeedSequence([self.seed, 1 + self.camera.sensor.seed, frame]).generate_state(1)[0])
        light = self.light(frame)
        if self.exposure_ev[frame]:
            light *= np.float32(2 ** self.exposure_ev[frame])
        time_s = self.camera.time_s * 2 ** self.exposure_ev[frame]
        return expose(self.camera.sensor, light, self.iso, seed, self._gain, time_s)

    def info(self, frame: int, name: str = "") -> FrameInfo:
        """What the file of a frame tells."""
        camera = dataclasses.replace(self.camera, time_s=self.camera.time_s * 2 ** self.exposure_ev[frame])
        return camera.info(self.shape, self.iso, frame, START_S, name or file_name(frame))

    def burst(self) -> Burst:
        """Frames that are computed whenever they are read."""
        sources = [FrameSource(self.info(k), partial(self.stored, k)) for k in range(self.n_frames)]
        return Burst(tuple(sources), self.name)

    def truth(self) -> Truth:
        """The light of frame 0 in all colours, the motion, and masks of what moves. 16 bytes a pixel."""
        rgb = np.stack([self.light(0, c) for c in range(3)], 2)
        facts: dict[str, Any] = {"scene": self.name, "iso": self.iso, "seed": self.seed, "colour": self.colour_path}
        screen = Screen(self._lens, self.shape, self.camera.sensor.cfa.quad, self._oversampling)
        duration_s = (self.n_frames - 1) * self.camera.interval_s
        masks = masks_of(screen, self._layers, self._from_first, self.n_frames, duration_s)
        rows = None if isinstance(self.views, StillViews) else np.stack([self.rows(k) for k in range(self.n_frames)])
        return Truth(rgb, self.light(0), self.affines, self.camera.neutral(), masks, None, facts, rows)

    def _from_first(self, drawable: Drawable, frame: int) -> Float64:
        """From frame 0 to a layer where it is at the moment of another."""
        return self._back(drawable, (0, 0.5), frame)

    @property
    def n_frames(self) -> int:
        return self.views.n_frames

    @property
    def affines(self) -> Float64:
        """float64 [n_frames, 2, 3]: (x, y) in frame 0 -> (x, y) in frame k, px, of what is far away. With a shake: the
        affine motion that comes nearest to that of the rows."""
        if isinstance(self.views, StillViews):
            return self.views.affines
        return np.stack([nearest_affine(self.rows(0), self.rows(k), self.shape) for k in range(self.n_frames)])

    def rows(self, frame: int, part: float = 0.5) -> Float64:
        """float64 [m, 3, 3], for rows 0, 16, 32 ... of a frame at `part` of their exposure: position in the frame, as a
        lens without distortion shows it -> position in frame 0 as its middle row's mid-exposure sees it, px, of what is
        far away. Between the rows in straight lines; see `views.row_at` and `views.to_frame`."""
        return np.linalg.inv(self.views.turned(frame, part))


def shaken(
    shake: Shake, camera: VirtualCamera, shape: tuple[int, int], exposure_ev: Sequence[float], seed: int
) -> ShakenViews:
    """What a camera sees in an unsteady hand: a sample that follows from the seed."""
    exposure = [camera.time_s * 2**ev for ev in exposure_ev]
    begin = np.arange(len(exposure)) * camera.interval_s
    # Exposures that are longer than the interval wait for one another.
    for k in range(1, len(exposure)):
        begin[k] = max(begin[k], begin[k - 1] + exposure[k - 1])
    rng = np.random.default_rng([seed, 1])
    return shaken_views(shake, camera.stabiliser, begin, exposure, camera.readout_s, camera.focal_px(shape), shape, rng)


def file_name(frame: int) -> str:
    """As phones name the frames of a burst."""
    moment = datetime.datetime.fromtimestamp(START_S, datetime.UTC)
    return f"IMG_{moment:%Y%m%d_%H%M%S}_BURST{frame:03d}.dng"


def simulate(
    scene: Scene,
    camera: VirtualCamera | None = None,
    hand: Hand | None = None,
    n_frames: int = 10,
    iso: float = 800.0,
    seed: int = 0,
    **options: Any,
) -> SimulatedBurst:
    """Scene, camera and hand make a burst and its truth, in memory. `options` as for `Simulation`.

    Cost: 0.1 s of processor a frame of 12 MP, at each reading.
    """
    simulation = Simulation(scene, camera, hand, n_frames, iso, seed, **options)
    return SimulatedBurst(simulation.burst(), simulation.truth())
