"""Many small pixels to few large ones: what a camera of 41 MP does to give 5."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa, Domain, Frame, NoiseModel, ShapeError
from lichtbild.core.corrections import OpcodeLists
from lichtbild.core.frame import GAIN_STEP_PX, sample_gain_grid
from lichtbild.simulate.burst import Simulation

Float64 = npt.NDArray[np.float64]


def oversampled(mosaic: npt.NDArray[np.floating], cfa: Cfa, factor: float) -> Float64:
    """float64 [h, w, 3]: for each pixel of the small picture the mean of each colour over its own area of the mosaic.

    Parameters
    ----------
    mosaic
        float [H, W], black subtracted.
    factor
        Pixels of the mosaic to one, along each axis, at least 2: every area then holds all colours.

    Raises
    ------
    ShapeError
        If the factor is below 2 or the mosaic smaller than one area.

    Notes
    -----
    Areas are boxes of `factor` px with parts of pixels weighed by what of them lies inside, so that all of the light
    is used once. O(H W). The colours' middles lie up to half a px of the mosaic apart, as in all such cameras.
    """
    height, width = (int(n / factor) for n in mosaic.shape)
    if factor < 2 or min(height, width) < 1:
        raise ShapeError(f"{factor:g} pixels to one of {list(mosaic.shape)}", where="factor", hint="2 or more")
    out = np.empty((height, width, 3))
    y, x = np.arange(mosaic.shape[0]) // cfa.quad % 2, np.arange(mosaic.shape[1]) // cfa.quad % 2
    pattern = np.array(cfa.colours)[y[:, None], x[None, :]]
    for colour in range(3):
        mask = pattern == colour
        total, count = (
            _boxed(_boxed(plane, height, factor).T, width, factor).T for plane in (np.where(mask, mosaic, 0.0), mask)
        )
        out[..., colour] = total / count
    return out


def oversampled_frame(simulation: Simulation, frame: int, name: str) -> Frame:
    """A frame as such a camera writes it: CAMERA_RGB, linear, its shading undone, the noise that is left said."""
    camera, info = simulation.camera, simulation.info(frame, name)
    sensor, factor = camera.sensor, camera.oversampling
    stored = simulation.stored(frame).astype(np.float32)
    rgb = oversampled((stored - sensor.black) / (sensor.white - sensor.black), sensor.cfa, factor)
    height, width = rgb.shape[:2]
    gain = None
    if camera.lens.has_shading:
        sites = camera.lens.shading_gain(simulation.shape, (0, 1, 1, 2))[..., [0, 1, 3]]
        sites = np.ascontiguousarray(sites, np.float32)
        nodes = [np.arange(-(-n // GAIN_STEP_PX) + 1) * GAIN_STEP_PX / n for n in (height, width)]
        middles = [(np.arange(n) + 0.5) / n for n in (height, width)]

        def at(places: list[Float64]) -> npt.NDArray[np.float32]:
            """The lens's nodes lie from edge to edge."""
            rows, columns = (
                np.clip(t, 0, 1) * (m - 1) * GAIN_STEP_PX for t, m in zip(places, sites.shape[:2], strict=True)
            )
            return sample_gain_grid(sites, rows, columns)

        gain = at(nodes)
        rgb *= at(middles)
    # A quarter of the pixels is red, a half green.
    counts = tuple(factor**2 * share for share in (0.25, 0.5, 0.25))
    noise = NoiseModel(
        tuple(a / n for a, n in zip(info.noise.alpha, counts, strict=True)),
        tuple(b / n for b, n in zip(info.noise.beta, counts, strict=True)), info.noise.source,
    )  # fmt: skip
    made = Frame(rgb.astype(np.float32), Domain.CAMERA_RGB, info, noise, gain=gain)
    opcodes = OpcodeLists(after_demosaic=info.opcodes.after_demosaic)
    return made.with_info(kind="linear", cfa=None, levels=None, shape=(height, width), bits=16, noise=noise,
                          default_crop=(0, 0, height, width), opcodes=opcodes)  # fmt: skip


def _boxed(plane: npt.NDArray[np.generic], n: int, factor: float) -> Float64:
    """Sums over boxes of `factor` rows, from the running sum between whole rows."""
    running = np.concatenate([np.zeros((1, plane.shape[1])), np.cumsum(plane, 0, np.float64)])
    at = np.arange(n + 1) * factor
    k = np.minimum(at.astype(int), plane.shape[0] - 1)
    edges = running[k] + (at - k)[:, None] * (running[k + 1] - running[k])
    return np.asarray(np.diff(edges, axis=0))
