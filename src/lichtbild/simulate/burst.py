"""Scene + camera + hand -> burst, with the truth beside it; in memory or as DNG files."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import (
    Burst,
    Domain,
    Frame,
    FrameInfo,
    FrameSource,
    Progress,
    ProgressEvent,
    ShapeError,
    UsageError,
    native,
    silent,
)
from lichtbild.simulate.glass import Glass, Splines
from lichtbild.simulate.hand import Hand, invert
from lichtbild.simulate.lens import Lens, lens_frame
from lichtbild.simulate.phone import VirtualCamera, virtual_phone
from lichtbild.simulate.scene import STILL, Layer, Scene
from lichtbild.simulate.sensor import expose
from lichtbild.simulate.traced_lens import TracedLens
from lichtbild.simulate.truth import SimulatedBurst, Truth

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# 22 November 2026, 12:00 UTC: a fixed moment, so that equal seeds give equal files.
START_S = datetime.datetime(2026, 11, 22, 12, 0, 0, tzinfo=datetime.UTC).timestamp()
MAX_FRAMES = 64
# Clearance of a mover's box on the sensor, px, over what its corners say.
BOX_MARGIN_PX = 6


@dataclasses.dataclass(frozen=True, eq=False)
class _Drawable:
    """A layer as it is drawn: splines of its light in camera RGB, its box (left, top, right, bottom) in frame 0, and
    how it moves (`layer`, whose light is gone)."""

    splines: Splines
    box_px: tuple[float, float, float, float]
    layer: Layer


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
    ) -> None:
        if not 1 <= n_frames <= MAX_FRAMES:
            raise UsageError(f"{n_frames} frames", where="n_frames", hint=f"1 to {MAX_FRAMES}")
        self.camera, self.iso, self.seed = camera or virtual_phone(), float(iso), seed
        # The scene's own samples are not kept: they weigh as much as the coefficients.
        self.name, self._oversampling = scene.name, scene.oversampling
        self.shape = shape or scene.frame_shape
        block = 2 * self.camera.sensor.cfa.quad
        if min(self.shape) < 16 or self.shape[0] % block or self.shape[1] % block:
            raise ShapeError(f"frames of {self.shape}: at least 16 px, whole blocks of {block}", where="shape")
        if any(a > b for a, b in zip(self.shape, scene.frame_shape, strict=True)):
            raise ShapeError(f"frames of {self.shape} do not fit a scene for {scene.frame_shape}", where="shape")
        if affines is None:
            times = np.arange(n_frames) * self.camera.interval_s
            focal, readout = self.camera.focal_px(self.shape), self.camera.readout_s
            rng = np.random.default_rng([seed, 1])
            affines = (hand or Hand()).affines(times, self.shape, focal, readout, rng)
        self.affines = np.asarray(affines, np.float64)
        if self.affines.shape != (n_frames, 2, 3):
            raise ShapeError(f"affines are [{n_frames}, 2, 3], not {list(self.affines.shape)}", where="affines")
        self.exposure_ev = (0.0,) * n_frames if exposure_ev is None else tuple(float(ev) for ev in exposure_ev)
        if len(self.exposure_ev) != n_frames:
            raise ShapeError(f"{len(self.exposure_ev)} exposures for {n_frames} frames", where="exposure_ev")
        self.positions_m = np.zeros((n_frames, 3)) if positions_m is None else np.asarray(positions_m, np.float64)
        if self.positions_m.shape != (n_frames, 3):
            raise ShapeError(f"positions are [{n_frames}, 3], not {list(self.positions_m.shape)}", where="positions_m")
        self._lens = self.camera.lens
        self._nodes = self._lens.psf_nodes() if isinstance(self._lens, TracedLens) else None
        self._gain = None
        if self._lens.has_shading:
            self._gain = self._lens.shading_gain(self.shape, self.camera.sensor.site_colours)
        self._layers = tuple(self._drawable(layer, scene.margin_px) for layer in scene.layers)

    def _drawable(self, layer: Layer, margin_px: int) -> _Drawable:
        """A layer's splines, without its samples."""
        height, width = (n / self._oversampling for n in layer.light.shape[1:])
        left, top = -float(margin_px), -float(margin_px)
        if layer.centre_px is not None:
            left, top = layer.centre_px[0] - width / 2, layer.centre_px[1] - height / 2
        splines = Splines(self._blurred(layer.light), left, top)
        return _Drawable(
            splines,
            (left, top, left + width, top + height),
            dataclasses.replace(layer, light=np.zeros((len(layer.light), 8, 8), np.float32)),
        )

    def _blurred(self, rgb: Float32) -> Float32:
        """Scene samples to spline coefficients in camera RGB, through lens and pixel."""
        matrix = np.zeros((rgb.shape[0],) * 2, np.float32)
        matrix[:3, :3] = self.camera.scene_to_camera()
        matrix[3:, 3:] = 1
        out = np.empty_like(rgb)
        taps = self._lens.blur_taps(self._oversampling)
        native.call("simulate_blur", np.ascontiguousarray(rgb), matrix, taps, out)
        return out

    def _sample(
        self, layer: Splines, back: Float64, planes: npt.NDArray[np.int32], zone: tuple[int, int, int, int], lens: Lens
    ) -> Float32:
        """Values of `layer` at the pixels of `zone` (top, left, height, width) of a frame; `back` leads from the ideal
        position in the frame to the layer's."""
        top, left, height, width = zone
        out = np.empty((height, width), np.float32)
        s = self._oversampling
        affine = back.copy()
        affine[0, 0] -= 1
        affine[1, 1] -= 1
        # A layer's fraction of a px goes with the motion: origins are whole numbers in single precision.
        whole = int(np.floor(layer.left_px)), int(np.floor(layer.top_px))
        affine[:, 2] -= (layer.left_px - whole[0], layer.top_px - whole[1])
        native.call(
            "simulate_sample",
            layer.coefficients,
            np.ascontiguousarray(lens.undistortion()),
            np.asarray(lens_frame(self.shape), np.float32),
            np.ascontiguousarray(affine, np.float32),
            planes,
            self.camera.sensor.cfa.quad - 1,
            top,
            left,
            s,
            -whole[0] * s - 0.5,
            -whole[1] * s - 0.5,
            out,
        )
        return out

    def light(self, frame: int, plane: int | None = None, *, ideal: bool = False) -> Float32:
        """Noise-free signal of a frame without shading, float32 [H, W], 1 = saturation, not clipped.

        `plane` None: each pixel's own colour; 0, 1, 2: that colour everywhere. `ideal`: through a lens that does not
        distort, as the picture is to be after correction.
        """
        planes = np.full((2, 2), 0 if plane is None else plane, np.int32)
        if plane is None:
            planes = np.asarray(self.camera.sensor.cfa.colours, np.int32)
        ways = [self._way(layer, frame, frame) for layer in self._layers]
        if isinstance(self._lens, TracedLens):
            glass = Glass(self._lens, [layer.splines for layer in self._layers], self._oversampling, self._nodes)
            backs = [invert(way) for way in ways]
            return glass.light(backs, planes, self.camera.sensor.cfa.quad, is_distorted=not ideal)
        lens = Lens(self._lens.psf_sigma_px) if ideal else self._lens
        out = self._sample(self._layers[0].splines, invert(ways[0]), planes, (0, 0, *self.shape), lens)
        for layer, way in zip(self._layers[1:], ways[1:], strict=True):
            self._place(out, layer, way, planes, lens)
        return out

    def _way(self, layer: _Drawable, camera_at: int, scene_at: int) -> Float64:
        """[2, 3]: position of a point of the layer in frame 0 -> its position to the camera of frame `camera_at` when
        the layer is where it is in frame `scene_at`, px of a picture without distortion."""
        height, width = self.shape
        position = tuple(float(v) for v in self.positions_m[camera_at] - self.positions_m[0])
        focal = self.camera.focal_px(self.shape)
        time_s = scene_at * self.camera.interval_s
        seen = layer.layer.seen(time_s, position, focal, (width / 2, height / 2))  # type: ignore[arg-type]
        hand = self.affines[camera_at]
        return np.asarray(np.concatenate([hand[:, :2] @ seen[:, :2], hand[:, :2] @ seen[:, 2:] + hand[:, 2:]], 1))

    def _place(
        self, out: Float32, layer: _Drawable, way: Float64, planes: npt.NDArray[np.int32], lens: Lens | TracedLens
    ) -> None:
        """Draw one layer over `out`."""
        zone = self._zone(layer, way, lens)
        if zone is None:
            return
        top, left, height, width = zone
        back = invert(way)
        paint = self._sample(layer.splines, back, planes, zone, lens)
        here = (slice(top, top + height), slice(left, left + width))
        cover = self._sample(layer.splines, back, np.full((2, 2), 3, np.int32), zone, lens)
        out[here] = out[here] * (1 - np.clip(cover, 0, 1)) + paint

    def _zone(self, layer: _Drawable, way: Float64, lens: Lens | TracedLens) -> tuple[int, int, int, int] | None:
        """(top, left, height, width) of the sensor that a layer can touch; None: it is outside."""
        x0, y0, x1, y1 = layer.box_px
        px, py = (a.ravel() for a in np.meshgrid(np.linspace(x0, x1, 5), np.linspace(y0, y1, 5)))
        fx, fy = (way[k, 0] * px + way[k, 1] * py + way[k, 2] for k in (0, 1))
        fx, fy = lens.to_raw(fx, fy, self.shape)
        left, top = (int(max(0, np.floor(v.min()) - BOX_MARGIN_PX)) for v in (fx, fy))
        right = int(min(self.shape[1], np.ceil(fx.max()) + BOX_MARGIN_PX))
        bottom = int(min(self.shape[0], np.ceil(fy.max()) + BOX_MARGIN_PX))
        return (top, left, bottom - top, right - left) if bottom > top and right > left else None

    def stored(self, frame: int) -> npt.NDArray[np.uint16]:
        """What the sensor stores of a frame, uint16 [H, W]; the same at every call."""
        seed = int(np.random.SeedSequence([self.seed, 2, frame]).generate_state(1)[0])
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
        sources = [FrameSource(self.info(k), partial(self.stored, k)) for k in range(len(self.affines))]
        return Burst(tuple(sources), self.name)

    def truth(self) -> Truth:
        """The light of frame 0 in all colours, the motion, and masks of what moves. 16 bytes a pixel."""
        rgb = np.stack([self.light(0, c) for c in range(3)], 2)
        facts: dict[str, Any] = {"scene": self.name, "iso": self.iso, "seed": self.seed}
        neutral = self.camera.neutral()
        return Truth(rgb, self.light(0), self.affines, neutral, self._masks(), None, facts)

    def _masks(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Where things that move by themselves are; nothing for a scene that holds still."""
        moving = [layer for layer in self._layers if layer.layer.travel != STILL]
        names = ("objects", "swept", "boxes") if moving else ()
        masks = {name: np.zeros(self.shape, bool) for name in names}
        for layer in moving:
            for k in range(len(self.affines)):
                # Where frame 0 would show it at the moment of frame k.
                zone = self._zone(layer, self._way(layer, 0, k), self._lens)
                if zone is None:
                    continue
                here = (slice(zone[0], zone[0] + zone[2]), slice(zone[1], zone[1] + zone[3]))
                touched = self._cover(layer, 0, k, zone) > 0.005
                masks["swept"][here] |= touched
                if k == 0:
                    masks["objects"][here] |= touched
                    self._mark_box(masks["boxes"], layer, here, touched)
        return masks

    def _cover(self, layer: _Drawable, camera_at: int, scene_at: int, zone: tuple[int, int, int, int]) -> Float32:
        """How much of each pixel of `zone` a layer covers."""
        back = invert(self._way(layer, camera_at, scene_at))
        return self._sample(layer.splines, back, np.full((2, 2), 3, np.int32), zone, self._lens)

    def _mark_box(self, boxes: Any, layer: _Drawable, here: tuple[slice, slice], touched: Any) -> None:
        """The box around what frame 0 shows, widened by the way of the whole burst."""
        rows, columns = np.nonzero(touched.any(1))[0], np.nonzero(touched.any(0))[0]
        if len(rows):
            duration_s = (len(self.affines) - 1) * self.camera.interval_s
            way = np.ceil(np.abs(layer.layer.travel.velocity_px_s) * np.float64(duration_s)).astype(int)
            top, left = here[0].start, here[1].start
            boxes[
                max(0, top + rows[0] - way[1]) : top + rows[-1] + 1 + way[1],
                max(0, left + columns[0] - way[0]) : left + columns[-1] + 1 + way[0],
            ] = True


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


def write_burst(
    directory: str | Path,
    simulation: Simulation,
    *,
    compress: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write every frame as a DNG, named as phones name bursts; returns the paths in order.

    The truth is `simulation.truth()`. Cost: about 0.3 s of processor a frame of 12 MP.
    """
    from lichtbild.output import write_dng

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    n_frames = len(simulation.affines)
    for k in range(n_frames):
        info = simulation.info(k)
        path = directory / info.name
        frame = Frame(simulation.stored(k), Domain.MOSAIC, info, info.noise)
        write_dng(path, frame, compress=compress, force=force, software="lichtbild simulate")
        paths.append(path)
        progress(ProgressEvent("simulate", k + 1, n_frames, info.name))
    return tuple(paths)
