"""Pictures made smaller in linear light: a highlight keeps its light, a fine line its weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.frame import Frame

Pixels = npt.NDArray[Any]


def fitted_frame(
    frame: Frame, hdr: npt.NDArray[np.float32] | None, longest: int | None
) -> tuple[Frame, npt.NDArray[np.float32] | None]:
    """A DISPLAY_RGB frame and its HDR picture with at most `longest` px on the longer side; never enlarged.

    Lanczos' kernel of three lobes over the light, held within what the picture has; the dtype is kept. O(H W).
    """
    height, width = frame.shape
    if longest is None or max(height, width) <= longest:
        return frame, hdr
    scale = longest / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    pixels = frame.pixels
    if pixels.dtype.kind == "f":
        small = cs.srgb_encode(resized(cs.srgb_decode(pixels), size))
    else:
        top = int(np.iinfo(pixels.dtype).max)
        light = cs.srgb_decode(np.arange(top + 1, dtype=np.float64) / top).astype(np.float32)
        codes = cs.srgb_encode(np.clip(resized(pixels, size, light), 0, 1)) * np.float32(top) + np.float32(0.5)
        small = codes.astype(pixels.dtype)
    info = {"shape": size, "default_crop": (0, 0, *size)}
    made = frame.replaced(pixels=small, n_effective=float(np.mean(frame.n_effective)), gain=None).with_info(**info)
    return made, None if hdr is None else np.maximum(resized(hdr, size), 0)


def resized(pixels: Pixels, size: tuple[int, int], light: Pixels | None = None) -> npt.NDArray[np.float32]:
    """float32 [h, w, 3] of `size`; codes are looked up in `light` first. One plane at a time, for memory."""
    from PIL import Image

    planes = []
    for k in range(3):
        plane = pixels[..., k] if light is None else light[pixels[..., k]]
        image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        planes.append(np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS)))
    return np.stack(planes, axis=-1)
