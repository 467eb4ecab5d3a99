"""What every pipeline does first: choose the reference, settle noise and white, and make frames of one scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lichtbild.core import Burst, Cfa, Domain, Frame, FrameInfo, MetadataError, NoiseModel, ShapeError
from lichtbild.pipelines.filter_array import contradicted
from lichtbild.sensor import choose_noise, noise_of_frames
from lichtbild.stages import colour, white_balance
from lichtbild.stages.defects import DefectFacts, DefectParams, repair
from lichtbild.stages.linearise import linearise
from lichtbild.stages.quad_bayer import QuadBayerParams, to_bayer
from lichtbild.stages.reduce import ReduceParams, is_reducible_as_stored, reduce, size_of, split

MAX_FRAMES = 64
# Rows that sharpness is judged by: four bands, so that of a compressed file a part is decoded.
N_BANDS, BAND_ROWS = 4, 48
# Reduced frames that are kept from the first look, so that their files are read once; those after them are read again.
MOST_KEPT = 16
# Frames that tell what moves in a picture of few pixels.
LEAST_FRAMES = 4
White = tuple[float, float, float]


@dataclass(frozen=True)
class Form:
    """What linear frames are brought to: Bayer mosaics, and a size."""

    quad: QuadBayerParams
    size: ReduceParams


@dataclass(frozen=True, eq=False)
class Plan:
    """What was settled about a burst before its frames are merged.

    `order` starts at the reference's neighbours, so that the motion found for one frame is a first guess for the next;
    of frames that were made smaller it holds no more than a pixel needs to be as free of noise as one at full size.
    `noise` is that of the frames as `load` gives them; `kept` holds some of those that were read already.
    """

    burst: Burst
    reference: int
    order: tuple[int, ...]
    noise: NoiseModel
    white_balance: White
    form: Form
    kept: dict[int, Frame] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)


def plan(burst: Burst, quad: QuadBayerParams, size: ReduceParams | None = None) -> tuple[Plan, Frame]:
    """Look at every frame once: the sharpest of the usual exposure near the middle becomes the reference, which comes
    with the plan as `load` gives it.

    Raises
    ------
    ShapeError
        If there are no frames, more than 64, or frames of different size.
    """
    if not 1 <= len(burst) <= MAX_FRAMES:
        raise ShapeError(f"a burst has 1 to {MAX_FRAMES} frames, not {len(burst)}", where=burst.name)
    first = burst.sources[0].info
    for source in burst.sources:
        if source.info.shape != first.shape or source.info.kind != first.kind:
            raise ShapeError(
                f"{source.info.shape} {source.info.kind} does not fit {first.name} with {first.shape} {first.kind}",
                where=source.info.name, hint="frames of one burst have one size and one camera",
            )  # fmt: skip
    form, kept = Form(quad, size or ReduceParams()), dict[int, Frame]()
    reference, how = _reference_of(burst, form, kept)
    info = burst.sources[reference].info
    told = choose_noise(info)
    frame = kept[reference] if reference in kept else _linear(burst, reference, told.model, form)
    other = contradicted(frame)
    if other is not None and info.cfa is not None:
        reason = f"the pixels contradict the filter array {info.cfa.name} of the file: taken as {other.name}"
        burst = _labelled(burst, other, reason)
        kept.clear()
        info = burst.sources[reference].info
        told = choose_noise(info)
        frame = _linear(burst, reference, told.model, form)
    # A calibration followed the pixels to their size; what was binned by the camera's own pattern is another sensor.
    is_reduced = form.size.megapixels > 0 and frame.info.cfa == info.cfa
    if told.which == "calibration" and is_reduced:
        chosen = dataclasses.replace(told, model=frame.noise)
    else:
        chosen = noise_of_frames(info, [frame])
    noise = dataclasses.replace(chosen.model, correlation_px=frame.noise.correlation_px)
    if form.size.megapixels > 0:
        kept[reference] = frame
        frame = frame.replaced(pixels=frame.pixels.copy())
    frame = frame.replaced(noise=noise)
    white = _white_of(frame)
    enough = len(burst) if form.size.megapixels == 0 else _enough(len(burst), info, frame.shape)
    near = sorted(range(len(burst)), key=lambda k: abs(k - reference))[:enough]
    order = tuple(sorted(near, key=lambda k: (k < reference, abs(k - reference))))
    report = {
        "reference": {"frame": info.name, "why": how},
        "noise": {"alpha": list(noise.alpha), "beta": list(noise.beta), "source": chosen.which, "why": chosen.reason},
        "white_balance": list(white),
        "assumed": list(dict.fromkeys(line for s in burst.sources for line in s.info.reasons)),
    }
    return Plan(burst, reference, order, noise, white, form, kept, report), frame


def _enough(n_frames: int, info: FrameInfo, shape: tuple[int, int]) -> int:
    """Frames of `shape` that together have as many samples for a pixel as `n_frames` have at full size, and at least a
    few."""
    quad = 1 if info.cfa is None else info.cfa.quad
    larger = info.shape[0] * info.shape[1] / quad**2 / (shape[0] * shape[1])
    return min(n_frames, max(LEAST_FRAMES, int(np.ceil(n_frames / max(larger, 1)))))


def _labelled(burst: Burst, cfa: Cfa, reason: str) -> Burst:
    """The burst with another filter array in all its frames."""
    sources = [
        dataclasses.replace(s, info=dataclasses.replace(s.info, cfa=cfa, reasons=(*s.info.reasons, reason)))
        for s in burst.sources
    ]
    return dataclasses.replace(burst, sources=tuple(sources))


def load(plan: Plan, index: int) -> Frame:
    """Frame `index`: linear, its levels and raw opcodes applied, Bayer, of the size asked for, on the exposure scale of
    the reference."""
    info, usual = plan.burst.sources[index].info, plan.burst.sources[plan.reference].info
    # Frames of one gain have the reference's noise, whatever each file says.
    kept = plan.kept.get(index)
    frame = _linear(plan.burst, index, choose_noise(info).model, plan.form) if kept is None else kept
    if plan.form.size.megapixels > 0 and (kept is not None or len(plan.kept) < MOST_KEPT):
        plan.kept[index] = frame
        frame = frame.replaced(pixels=frame.pixels.copy())
    if info.exposure.iso == usual.exposure.iso:
        frame = frame.replaced(noise=plan.noise)
    ratio = info.exposure.relative_to(usual.exposure)
    # Twenty stops of bracket are none: such a tag is wrong.
    if not 1e-3 < ratio < 1e3:
        raise MetadataError(f"exposure is {ratio:g} times the reference's", where=frame.info.name)
    return frame if abs(ratio - 1) < 0.01 else frame.scaled(1 / ratio)


def repaired(frame: Frame, facts: DefectFacts, params: DefectParams) -> Frame:
    """Hot and dead pixels replaced, in the place of the pixels that `plan` or `load` just made; frames that have no
    mosaic any more are past that."""
    return repair(frame, facts, params, in_place=True) if frame.domain is Domain.MOSAIC else frame


def _linear(burst: Burst, index: int, noise: NoiseModel, form: Form) -> Frame:
    source = burst.sources[index]
    return _made_linear(source.read(), source.info, noise, form)


def _made_linear(pixels: np.ndarray[Any, Any], info: FrameInfo, noise: NoiseModel, form: Form) -> Frame:
    domain = Domain.MOSAIC if info.kind == "monochrome" or pixels.ndim == 2 else Domain.CAMERA_RGB
    frame = linearise(_reduced(Frame(pixels, domain, info, noise), form))
    if info.kind == "monochrome":
        grey = np.ascontiguousarray(np.broadcast_to(frame.pixels[..., None], (*frame.shape, 3)))
        noise = frame.noise
        three = (
            noise if noise.n_channels == 3 else dataclasses.replace(noise, alpha=noise.alpha * 3, beta=noise.beta * 3)
        )
        return frame.replaced(pixels=grey, domain=Domain.CAMERA_RGB, noise=three)
    if np.may_share_memory(frame.pixels, pixels):
        # Linear already: the caller's own array, which `repaired` must not write to.
        frame = frame.replaced(pixels=frame.pixels.copy())
    return reduce(to_bayer(frame, form.quad), form.size)


def _reduced(frame: Frame, form: Form) -> Frame:
    """A frame at the size asked for, before what can wait for that: most of what is done to pixels is then done to
    fewer. Quad-Bayer frames are made Bayer first."""
    cfa = frame.info.cfa
    if size_of(frame.shape, form.size) == frame.shape or (cfa is not None and cfa.quad != 1):
        return frame
    if not is_reducible_as_stored(frame):
        early, late = split(frame.info)
        frame = linearise(frame.with_info(opcodes=early))
        frame = frame.with_info(opcodes=dataclasses.replace(frame.info.opcodes, on_linear=late))
    return reduce(frame, form.size)


def _reference_of(burst: Burst, form: Form, kept: dict[int, Frame]) -> tuple[int, str]:
    """Which frame, and why; what is small enough is kept."""
    n = len(burst)
    is_reduced = n > 0 and size_of(burst.sources[0].info.shape, form.size) != burst.sources[0].info.shape
    if burst.reference is not None:
        return burst.reference, "chosen"
    if n == 1:
        return 0, "the only frame"
    ratios = [s.info.exposure.relative_to(burst.sources[0].info.exposure) for s in burst.sources]
    usual = float(np.median(ratios))
    middle = (n - 1) / 2
    scores = []
    for k, source in enumerate(burst.sources):
        if not 0.8 < ratios[k] / usual < 1.25:
            scores.append(-np.inf)
            continue
        spans = _spans(source.info.shape[0])
        if source.read_rows is not None:
            bands = [source.read_rows(*span) for span in spans]
        else:
            pixels = source.read()
            if is_reduced and len(kept) < MOST_KEPT:
                kept[k] = _made_linear(pixels, source.info, choose_noise(source.info).model, form)
            bands = [pixels[start:stop] for start, stop in spans]
        # Things move least against the middle frame; it is left for a clearly sharper one.
        scores.append(_sharpness(bands) * (1 - 0.1 * abs(k - middle) / max(middle, 1)))
    best = int(np.argmax(scores))
    return best, f"sharpest of {n}, near the middle"


def _spans(height: int) -> list[tuple[int, int]]:
    """First and last row of the bands that sharpness is judged by."""
    if height < 2 * N_BANDS * BAND_ROWS:
        return [(0, height)]
    starts = [(2 * k + 1) * (height - BAND_ROWS) // (2 * N_BANDS) for k in range(N_BANDS)]
    return [(start, start + BAND_ROWS) for start in starts]


def _sharpness(bands: Sequence[np.ndarray[Any, Any]]) -> float:
    """Energy of differences between neighbours of one colour less that between far apart rows' noise, over the mean.

    Bands of rows are enough: blur of the hand is the same all over a frame.
    """
    near_sum = second_sum = level_sum = 0.0
    n_rows, width = sum(len(band) for band in bands), bands[0].shape[1]
    for band in bands:
        plane = band if band.ndim == 2 else band[..., 1]
        # A few rows at a time stay in cache.
        for k in range(0, len(plane), 16):
            part = plane[k : k + 16].astype(np.float32)
            near = part[:, 2:] - part[:, :-2]
            second = near[:, 2:] - near[:, :-2]
            level_sum += float(part.sum())
            near_sum += float(np.abs(near, out=near).sum())
            second_sum += float(np.abs(second, out=second).sum())
    # The second difference holds more noise and less of a blurred edge: where it falls, blur grew.
    near_mean, second_mean = near_sum / max(width - 2, 1), second_sum / max(width - 4, 1)
    tiny = 1e-6 * n_rows
    return float(second_mean / (near_mean + tiny) + 0.1 * near_mean / (level_sum / width + tiny))


def _white_of(frame: Frame) -> White:
    """Multipliers that make a neutral surface grey, green 1: what the camera meant, else an estimate."""
    info = frame.info
    neutral = info.as_shot_neutral
    if neutral is None and info.as_shot_white_xy is not None:
        calibration, _ = colour.calibration_of(info.camera)
        neutral = white_balance.neutral_of_xy(calibration, info.as_shot_white_xy)
    if neutral is None:
        neutral = white_balance.find(info, None, _small(frame)).neutral
    return (1 / neutral[0], 1.0, 1 / neutral[2])


def _small(frame: Frame) -> Frame:
    """A small CAMERA_RGB picture of a frame, for estimates."""
    step = max(2, 2 * (max(frame.shape) // 512))
    pixels = frame.pixels
    if frame.domain is Domain.MOSAIC:
        cfa = frame.info.cfa
        assert cfa is not None
        planes: list[list[np.ndarray[Any, Any]]] = [[], [], []]
        h, w = (frame.shape[0] - 1) // step, (frame.shape[1] - 1) // step
        for i in (0, 1):
            for j in (0, 1):
                planes[cfa.colours[i][j]].append(pixels[i::step, j::step][:h, :w])
        rgb = np.stack([np.mean(p, axis=0) for p in planes], -1).astype(np.float32)
    else:
        rgb = np.ascontiguousarray(pixels[::step, ::step])
    return frame.replaced(pixels=rgb, domain=Domain.CAMERA_RGB, gain=None, n_effective=1.0)
