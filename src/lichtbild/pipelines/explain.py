"""What a pipeline knows, as pictures: motion, confidence, what was left out, effective frames, noise.

Each is handed out when it is there and none is kept: memory does not grow with the number of frames. All show the whole
active area of the sensor, before the lens is corrected and the picture cropped.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Burst, Frame
from lichtbild.core.explain import Bar, Explained, Observer, Picture, Wheel
from lichtbild.core.frame import GAIN_STEP_PX, sample_gain_grid
from lichtbild.pipelines import figures
from lichtbild.pipelines.figures import F32, Canvas
from lichtbild.pipelines.finishing import BAND_PX, Source, camera_rows
from lichtbild.stages import develop_display
from lichtbild.stages.align import TILE_PX, Motion

U8 = npt.NDArray[np.uint8]

# Doubt of a tile from which it is drawn in full colour, and standard deviations that reach black or white.
_DOUBT_END, _DEVIATIONS = 4.0, 3.0
_ARROWS_ACROSS = 9
_CLUSTER_PX, _LONGEST_ARROW_PX = 56, 64


class Explainer:
    """Makes the pictures of one burst and hands them to an observer.

    Parameters
    ----------
    burst
        The burst; names and numbers of frames come from it.
    reference
        Linear reference frame, for the scene behind what is drawn.
    index
        Which frame that is.
    observer
        Gets each picture.
    """

    def __init__(self, burst: Burst, reference: Frame, index: int, observer: Observer) -> None:
        self._observer = observer
        # One frame's noise is no backdrop: means over larger cells have less of it.
        self._canvas = Canvas.of(reference, figures.LONGEST_PX // 2)
        self._orientation = reference.info.orientation
        self._names = [source.info.name for source in burst.sources]
        self._whole: dict[str, Any] = {"reference": self._names[index], "size_px": list(reference.shape)}
        self._rejected = np.zeros(self._canvas.size, np.float32)
        self._followed = np.zeros(())
        self._n_others = 0

    def frame(self, index: int, frame: Frame, motion: Motion, trust: U8) -> None:
        """A frame was aligned and merged; `trust` as `Merger.add` gives it."""
        facts = _facts_of(index, frame, motion, trust)
        stem = f"{index + 1:02d}-{_file_name(self._names[index])}"
        about: dict[str, Any] = {"frame": self._names[index], "facts": facts}
        self._give(f"{stem}-motion", *motion_picture(self._canvas, motion), **about)
        self._give(f"{stem}-confidence", *confidence_picture(self._canvas, motion), **about)
        rejected = 1 - self._canvas.sampled(trust, 2.0) / 255
        self._give(
            f"{stem}-rejected",
            figures.blended(self._canvas.grey(40, 230), figures.RED, 0.85 * rejected),
            f"Red: what this frame was not trusted with, since it contradicts the reference. "
            f"{100 * facts['trust']:.1f} % of it was used.",
            _share_bar("share left out, %"),
            **about,
        )
        self._rejected += rejected
        self._followed = self._followed + motion.is_local
        self._n_others += 1

    def refused(self, index: int, why: str) -> None:
        """A frame could not be aligned: there is no picture of it, but its name and reason are told with the whole."""
        self._whole.setdefault("refused", {})[self._names[index]] = why

    def merged(self, frame: Frame) -> None:
        """The negative is there: of one frame (MOSAIC or CAMERA_RGB), or merged."""
        if isinstance(frame.n_effective, np.ndarray):
            self._canvas = Canvas.of(frame)
            self._effective_frames(frame.n_effective)
            self._all_rejected()
        self._noise(frame)

    def _give(
        self, name: str, picture: Picture, shows: str, scale: Bar | Wheel, *, facts: dict[str, Any],
        frame: str | None = None,
    ) -> None:  # fmt: skip
        self._observer(Explained(name, picture, shows, scale, self._orientation, frame, facts))

    def _effective_frames(self, n_effective: F32) -> None:
        y, x = (at.astype(np.intp) for at in self._canvas.places())
        n = n_effective[y[:, None], x]
        most = max(float(np.ceil(n.max() - 0.02)), 2.0)
        self._whole["effective_frames"] = _spread(n)
        marks = [float(k) for k in range(1, int(most) + 1) if most <= 12 or k == 1 or k % 8 == 0]
        picture = figures.heat((n - 1) / (most - 1), figures.ramp(figures.COOL))
        shows = (
            f"How many frames speak of every pixel: {np.mean(n):.1f} on average. Where it is dark, things moved or "
            "left the picture, and the reference stands alone; denoising evens that out."
        )
        scale = figures.bar(figures.COOL, (1, most), marks, "effective frames")
        self._give(
            "effective-frames", figures.shaded(picture, self._canvas.grey(190, 255)), shows, scale, facts=self._whole
        )

    def _all_rejected(self) -> None:
        share = self._rejected / max(self._n_others, 1)
        # Half of the scene's colours, so that none is taken for the sign.
        faded = figures.faded(self._canvas.backdrop, self._canvas.grey())
        picture = figures.blended(faded, figures.RED, 0.85 * share)
        shows = "Red: what the frames were not trusted with."
        least = min(2, self._n_others)
        if self._n_others and (self._followed >= least).any():
            rim = figures.rims(self._canvas.nearest(self._followed >= least, TILE_PX).astype(bool))
            picture = figures.blended(picture, figures.CYAN, rim.astype(np.float32))
            shows += f" Inside cyan lines something moved by itself and was followed, in {least} frames or more."
        self._whole["rejected"] = round(float(share.mean()), 4)
        self._give("rejected", picture, shows, _share_bar("mean share of a frame left out, %"), facts=self._whole)

    def _noise(self, frame: Frame) -> None:
        percent = 100 * predicted_deviation(self._canvas, frame)
        self._whole["noise_percent_of_white"] = _spread(percent)
        low, high = (float(v) for v in np.quantile(percent, (0.01, 0.99)))
        high = figures.round_number(max(high, 1e-3))
        low = max(min(figures.round_number(max(low, 1e-4)) / 2, high / 4), high / 200)
        part = np.log(np.maximum(percent, 1e-9) / low) / np.log(high / low)
        marks = [k * 10.0**e for e in range(-5, 3) for k in (1, 2, 5) if low <= k * 10.0**e <= high * 1.001]
        shows = (
            "Noise that is left before denoising, as predicted: standard deviation of green, in percent of the "
            f"sensor's white; half of the picture has less than {np.median(percent):.3g} %."
        )
        scale = figures.bar(figures.WARM, (low, high), marks, "% of white", is_log=True)
        self._give("noise", figures.heat(part, figures.ramp(figures.WARM)), shows, scale, facts=self._whole)


def explain_denoising(source: Source, orientation: int, observer: Observer) -> None:
    """What denoising takes away, computed once more for its pictures."""
    for name, picture, shows, scale in denoising_pictures(source):
        observer(Explained(name, picture, shows, scale, orientation))


def motion_picture(canvas: Canvas, motion: Motion) -> tuple[Picture, str, Wheel]:
    """The motion field: colours for the whole displacement, arrows for the hand and for what moved by itself."""
    own = motion.local_px - motion.hand_px
    speed = np.hypot(*np.moveaxis(motion.local_px, -1, 0))
    rim_px = figures.round_number(max(float(np.quantile(speed, 0.98)), 0.1))
    is_local = canvas.nearest(motion.is_local, TILE_PX).astype(bool)
    flow = np.where(
        is_local[..., None], canvas.nearest(motion.local_px, TILE_PX), canvas.sampled(motion.hand_px, TILE_PX)
    )
    colours = figures.motion_colours(np.asarray(flow / rim_px, np.float32))
    picture = figures.shaded(colours, canvas.grey(165, 255))

    spacing = max(canvas.size) / _ARROWS_ACROSS
    for y in np.arange(spacing / 2, canvas.size[0], spacing):
        for x in np.arange(spacing / 2, canvas.size[1], spacing):
            tile = tuple(
                min(int(at / canvas.zoom / TILE_PX), n - 1) for at, n in zip((y, x), motion.hand_px.shape, strict=False)
            )
            step = motion.hand_px[tile] / rim_px * 0.8 * spacing
            figures.arrow(picture, (y, x), (y + step[0], x + step[1]), (30, 30, 30), 1.6)
    shows = (
        "Where the reference's points lie in this frame. Dark arrows: the hand's motion; as long as the wheel's rim, "
        "they would reach 4/5 of the way to the next."
    )
    if motion.is_local.any():
        length = np.hypot(own[..., 0], own[..., 1])
        own_px = figures.round_number(float(np.quantile(length[motion.is_local], 0.9)))
        for at, step in _clusters(canvas, motion.is_local, own):
            step = step / max(own_px, float(np.hypot(*step)))
            end = at + step * _LONGEST_ARROW_PX
            figures.arrow(picture, (at[0], at[1]), (end[0], end[1]), (255, 255, 255), 2.6)
        shows += f" White arrows: what moved by itself, against the hand; the longest are {own_px:g} px or more."
    return picture, shows, figures.wheel(f"{rim_px:g} px")


def confidence_picture(canvas: Canvas, motion: Motion) -> tuple[Picture, str, Bar]:
    """How well the hand's motion explains each tile."""
    part = 0.5 + np.log(np.maximum(motion.doubt, 1e-6)) / np.log(_DOUBT_END) / 2
    colours = canvas.nearest(figures.heat(part, figures.ramp(figures.AGAINST)), TILE_PX)
    picture = figures.shaded(np.asarray(colours, np.uint8), canvas.grey(120, 255))
    shows = (
        "How well the hand's motion explains every tile of 32 px: its error over what noise and texture explain. Blue "
        "agrees; red (above 1) moved by itself, changed, or is hidden."
    )
    if motion.is_local.any():
        rim = figures.rims(canvas.nearest(motion.is_local, TILE_PX).astype(bool))
        picture = figures.blended(picture, (20, 20, 20), rim.astype(np.float32))
        shows += " Within dark lines a motion of their own explains the tiles better."
    marks = [1 / _DOUBT_END, 0.5, 1.0, 2.0, _DOUBT_END]
    scale = figures.bar(figures.AGAINST, (marks[0], marks[-1]), marks, "error over what is expected", is_log=True)
    return picture, shows, scale


def predicted_deviation(canvas: Canvas, frame: Frame) -> F32:
    """Standard deviation of green's noise at every pixel of the canvas, from the noise that travels with the frame."""
    proxy, cell = develop_display.make_proxy(frame, figures.LONGEST_PX)
    light = np.maximum(canvas.sampled(proxy.pixels[..., 1], cell), 0)
    y, x = canvas.places()
    gain: Any = 1.0
    if frame.gain is not None:
        gain = sample_gain_grid(frame.gain, y, x)[..., min(1, frame.gain.shape[2] - 1)]
    n: Any = frame.n_effective
    if isinstance(n, np.ndarray):
        n = n[y.astype(np.intp)[:, None], x.astype(np.intp)]
    alpha, beta = (v[min(1, frame.noise.n_channels - 1)] for v in (frame.noise.alpha, frame.noise.beta))
    return np.asarray(np.sqrt((alpha * gain * light + beta * gain * gain) / n), np.float32)


def denoising_pictures(source: Source) -> list[tuple[str, Picture, str, Bar]]:
    """What denoising takes away, around grey, in standard deviations of one pixel: the whole, and the centre at full
    size where the whole is shown smaller."""
    frame = source.frame
    height = frame.shape[0]
    canvas = Canvas.blank(frame.shape)
    y, x = (at.astype(np.intp) for at in canvas.places())
    whole = canvas.backdrop.copy()
    size = [min(n, m) for n, m in zip(canvas.size, frame.shape, strict=True)]
    top, left = ((n - m) // 2 for n, m in zip(frame.shape, size, strict=True))
    centre = np.empty((*size, 3), np.uint8)
    for start in range(0, height, BAND_PX):
        stop = min(start + BAND_PX, height)
        taken = _taken_away(source, start, stop)
        rows = (y >= start) & (y < stop)
        whole[rows] = taken[y[rows][:, None] - start, x]
        first, last = max(start, top), min(stop, top + size[0])
        if first < last:
            centre[first - top : last - top] = taken[first - start : last - start, left : left + size[1]]
    marks = [float(k) for k in range(-int(_DEVIATIONS), int(_DEVIATIONS) + 1)]
    scale = figures.bar(figures.GREYS, (marks[0], marks[-1]), marks, "standard deviations of the noise")
    shows = (
        "What denoising takes away, over the noise expected of each pixel. It should look like grain: what can be "
        "recognised is lost detail."
    )
    pictures = [("denoised-away", whole, shows, scale)]
    if max(frame.shape) > max(canvas.size):
        pictures.append(("denoised-away-centre", centre, f"The centre at full size. {shows}", scale))
    return pictures


def _taken_away(source: Source, start: int, stop: int) -> Picture:
    before = camera_rows(source.frame, start, stop, source.white_balance, source.params)
    after = source.denoised(start, stop)
    # The noise is the frame's, not what is left of it.
    clean = before.replaced(pixels=after.pixels)
    taken = np.empty(before.pixels.shape, np.uint8)
    for row in range(0, stop - start, GAIN_STEP_PX):
        part = slice(row, min(row + GAIN_STEP_PX, stop - start))
        deviation = np.sqrt(np.maximum(clean.rows(part.start, part.stop).variance(), 1e-12))
        shown = (before.pixels[part] - after.pixels[part]) / deviation * (127.5 / _DEVIATIONS)
        taken[part] = np.rint(np.clip(127.5 + shown, 0, 255))
    return taken


def _facts_of(index: int, frame: Frame, motion: Motion, trust: U8) -> dict[str, Any]:
    hand = motion.hand_px
    th, tw = hand.shape[:2]
    turns = []
    if tw > 1:
        turns.append(np.mean(hand[:, -1, 0] - hand[:, 0, 0]) / (TILE_PX * (tw - 1)))
    if th > 1:
        turns.append(np.mean(hand[0, :, 1] - hand[-1, :, 1]) / (TILE_PX * (th - 1)))
    return {
        "number": index + 1,
        "shift_px": {"down": round(float(hand[..., 0].mean()), 3), "right": round(float(hand[..., 1].mean()), 3)},
        "turn_deg": round(float(np.rad2deg(np.mean(turns))) if turns else 0.0, 4),
        "moving": round(float((motion.doubt > 1).mean()), 4),
        "followed": round(float(motion.is_local.mean()), 4),
        "explained": round(float(motion.is_valid.mean()), 4),
        "sigma_px": round(float(np.sqrt(np.square(motion.sigma_px).mean())), 5),
        "trust": round(float(trust.mean()) / 255, 4),
        "error_over_noise": round(float(np.median(motion.mismatch)), 3),
        "noise": {"alpha": list(frame.noise.alpha), "beta": list(frame.noise.beta), "source": frame.noise.source},
    }


def _clusters(canvas: Canvas, is_local: npt.NDArray[np.bool_], own: F32) -> list[tuple[F32, F32]]:
    """Where to draw the arrows of what moved by itself: one (place on the canvas, mean step) a neighbourhood."""
    tiles = np.argwhere(is_local)
    places = (tiles + 0.5) * TILE_PX * canvas.zoom
    keys = (places // max(_CLUSTER_PX, TILE_PX * canvas.zoom)).astype(int)
    steps = own[tuple(tiles.T)]
    groups = [np.all(keys == key, axis=1) for key in np.unique(keys, axis=0)]
    return [(places[g].mean(0), steps[g].mean(0)) for g in groups]


def _share_bar(unit: str) -> Bar:
    return figures.bar(((150, 150, 150), figures.RED), (0, 100), [0.0, 50.0, 100.0], unit)


def _spread(values: npt.NDArray[np.floating]) -> dict[str, float]:
    low, middle, high = (float(f"{v:.4g}") for v in np.quantile(values, (0.01, 0.5, 0.99)))
    return {"p01": low, "median": middle, "p99": high}


def _file_name(name: str) -> str:
    """A frame's name as part of a file name on every system."""
    stem = PurePath(name).stem or "frame"
    return re.sub(r"[^\w.-]+", "_", stem)[:80]
