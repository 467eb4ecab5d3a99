"""Which noise model a burst gets: its files' own, else a calibration of its camera, else one fitted from its pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import Camera, Domain, Frame, FrameInfo, NoiseModel, ShapeError
from lichtbild.core.frame import cfa_plane_index, sample_gain_grid
from lichtbild.sensor.calibration import calibration_of
from lichtbild.sensor.noise_fit import fit_noise, rounding_variance

Array = npt.NDArray[Any]

# Of large frames, bands of this many rows are looked at, so many px in all.
BAND_ROWS = 128
BANDS_PX = 3_000_000


@dataclass(frozen=True)
class ChosenNoise:
    """A noise model and where it comes from.

    Parameters
    ----------
    model
        In linear units, 0 black, 1 saturation.
    which
        "NoiseProfile", "calibration", "fitted" or "assumed".
    reason
        One line for people.
    """

    model: NoiseModel
    which: str
    reason: str


def choose_noise(
    info: FrameInfo, linear_frames: Sequence[Array] | Callable[[], Sequence[Array]] = (), *, saturation: float = 1.0
) -> ChosenNoise:
    """Choose, in this order: file, calibration, fit; what a file says is checked for sense first.

    Parameters
    ----------
    info
        What the reference frame's file tells.
    linear_frames
        Linear pixels of one to eight frames of that exposure (0 black, `saturation` clipped, no spatial gain yet), or
        a function that gives them, called only where a fit is needed. Without any, the fit falls back to an assumption.
    saturation
        Value of a clipped pixel.

    Returns
    -------
    The model; its `source` is `which`. A picture always gets 3 channels.
    """
    notes = []
    if info.noise is not None:
        doubt = implausible(info.noise, range_bits(info))
        if not doubt:
            return ChosenNoise(info.noise, info.noise.source, f"noise by the file ({info.noise.source})")
        notes.append(f"the file's noise profile is left out: {doubt}")
    found = None if info.kind == "picture" else calibration_of(info.camera)
    iso = info.exposure.iso
    if found is not None and iso is not None and (model := found.noise(iso)) is not None:
        return ChosenNoise(model, "calibration", _line(notes, f"noise by the calibration {found.file} at ISO {iso:g}"))
    frames = list(linear_frames() if callable(linear_frames) else linear_frames)
    if frames:
        is_picture = info.kind == "picture"
        fit = fit_noise(frames, info.cfa, saturation=saturation, bits=range_bits(info), is_picture=is_picture)
        return ChosenNoise(fit.model, "fitted", _line(notes, f"noise {fit.note}"))
    return ChosenNoise(assumed_noise(iso, info), "assumed", _line(notes, "noise assumed: nothing told, nothing to fit"))


def noise_of_frames(info: FrameInfo, frames: Sequence[Frame]) -> ChosenNoise:
    """The same for frames that were made linear already, spatial gain and all.

    Parameters
    ----------
    info
        What the reference frame's file told, before anything was used up.
    frames
        One to eight linear frames of that exposure, the reference first: MOSAIC or CAMERA_RGB. Where the file's own
        model holds, the reference's `noise` is given back, as it followed the pixels.

    Returns
    -------
    The model for `Frame.noise`: of pixels without spatial gain, with 3 channels for CAMERA_RGB. Cost: 0.15 s.

    Raises
    ------
    ShapeError
        If there are no frames.
    """
    if not frames:
        raise ShapeError("noise is chosen for at least one frame")
    first = frames[0]
    if info.noise is not None and not implausible(info.noise, range_bits(info)):
        return ChosenNoise(first.noise, info.noise.source, f"noise by the file ({info.noise.source})")
    # A calibration is of single pixels: not of what was binned or remosaicked from them.
    is_as_read = info.cfa == first.info.cfa
    described = dataclasses.replace(info, cfa=first.info.cfa if first.domain is Domain.MOSAIC else None)
    if not is_as_read:
        described = dataclasses.replace(described, camera=Camera())
    chosen = choose_noise(described, lambda: [_without_gain(f) for f in frames], saturation=first.saturation)
    model = chosen.model
    if first.domain is not Domain.MOSAIC and model.n_channels == 1:
        model = dataclasses.replace(model, alpha=model.alpha * 3, beta=model.beta * 3)
    return dataclasses.replace(chosen, model=model)


def _without_gain(frame: Frame) -> npt.NDArray[np.float32]:
    """Pixels over spatial gain; of a large frame bands of rows, one below the other."""
    height, width = frame.shape
    n_bands = max(1, min(height // BAND_ROWS, BANDS_PX // (BAND_ROWS * width)))
    starts = np.linspace(0, max(height - BAND_ROWS, 0), n_bands).astype(int) // 4 * 4
    bands = []
    for top in starts if n_bands * BAND_ROWS < height else [0]:
        rows = slice(top, top + BAND_ROWS if n_bands * BAND_ROWS < height else height)
        pixels = frame.pixels[rows]
        if frame.gain is not None:
            y, x = np.arange(top, top + len(pixels)) + 0.5, np.arange(width) + 0.5
            gain = sample_gain_grid(frame.gain, y, x)
            if frame.domain is Domain.MOSAIC:
                cfa = frame.info.cfa
                plane = np.zeros(pixels.shape, np.intp) if cfa is None else cfa_plane_index(cfa, pixels.shape)
                gain = np.take_along_axis(gain, np.minimum(plane, gain.shape[2] - 1)[..., None], 2)[..., 0]
            pixels = pixels / gain
        bands.append(pixels)
    return np.ascontiguousarray(np.concatenate(bands), np.float32)


def implausible(model: NoiseModel, bits: int) -> str:
    """Why a file's noise model cannot be true, or empty. Some phones write 1, 0 or the numbers of another scale."""
    alpha, beta = np.array(model.alpha), np.array(model.beta)
    grey = float(np.median(alpha * 0.18 + beta))
    if grey > 0.09:
        return f"noise of {np.sqrt(grey):.2f} at mid grey is more than the signal"
    if grey < 0.01 * sum(a * b for a, b in zip(rounding_variance(bits, False), (0.18, 1.0), strict=True)):
        return f"noise of {np.sqrt(grey):.1e} at mid grey is far below one step of the stored numbers"
    if alpha.max() > 30 * max(alpha.min(), 1e-12) and alpha.min() > 0:
        return "its channels differ by more than 30 times"
    return ""


def assumed_noise(iso: float | None, info: FrameInfo) -> NoiseModel:
    """A phone's sensor of about 2019 (the virtual phone's law), where nothing else is known."""
    gain = (iso or 400.0) / 100
    n = 1 if info.kind == "monochrome" else 3
    return NoiseModel((1.807e-4 * gain,) * n, (3.194e-6 * gain**2,) * n, "assumed")


def at_iso(model: NoiseModel, ratio: float) -> NoiseModel:
    """The model of the same sensor at `ratio` times the ISO: alpha goes with the gain, beta with its square.

    For the frames of a bracket whose noise is known at one of them. Exposure time changes nothing: the model is of
    numbers in units of saturation.
    """
    return dataclasses.replace(
        model, alpha=tuple(a * ratio for a in model.alpha), beta=tuple(b * ratio**2 for b in model.beta)
    )


def range_bits(info: FrameInfo) -> int:
    """Bits of the stored range from black to white: what a step of the numbers is."""
    if info.levels is None:
        return info.bits
    return max(1, round(float(np.log2(max(info.levels.white[0] - float(info.levels.black.min()), 2.0)))))


def _line(notes: Sequence[str], text: str) -> str:
    return "; ".join([*notes, text])
