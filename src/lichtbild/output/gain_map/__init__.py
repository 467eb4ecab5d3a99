"""How much more light an HDR picture has than the SDR picture beside it, as a small picture and a few numbers.

Both are our own renderings of one scene; nothing is guessed from the SDR picture. The numbers are written in both forms
in use: the binary one of ISO 21496-1 (Apple, Chromium, libultrahdr, libavif) and the XMP of Adobe's and Android's
"hdrgm".
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core import memory, native
from lichtbild.core.errors import ShapeError
from lichtbild.output.gain_map import reference

__all__ = ["ISO_IDENTIFIER", "LEAST_HEADROOM_EV", "GainMap", "applied", "measure"]

Codes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
ISO_IDENTIFIER = b"urn:iso:std:iso:ts:21496:-1\0"
OFFSET = 1 / 64
"""Added to the light of both pictures before they are divided: the gain of black stays a small number."""
EDGE_EV = 0.15
"""Gains this far apart within 2 px are an edge that a coarser map would blur to be seen."""
EDGES_SHARE = 0.003
_DARK_CODE = 63
LEAST_HEADROOM_EV = 0.05
"""An HDR picture that is brighter by less is the SDR picture."""
_DENOMINATOR = 1_000_000
_MULTICHANNEL, _IN_BASE_SPACE = 0x80, 0x40


@dataclass(frozen=True, eq=False)
class GainMap:
    """log2((hdr + offset) / (sdr + offset)) = low_ev + code / 255 * (high_ev - low_ev), of the upright picture.

    Parameters
    ----------
    codes
        uint8 [h, w, 3], or [h, w] where the three colours have one gain.
    low_ev, high_ev
        Gain that code 0 and code 255 stand for, one a channel.
    headroom_ev
        Peak of the HDR picture above SDR white: a display that shows as much gets the whole gain.
    offset
        See the formula.
    """

    codes: Codes
    low_ev: tuple[float, ...]
    high_ev: tuple[float, ...]
    headroom_ev: float
    offset: float = OFFSET

    def iso(self) -> bytes:
        """The binary form of ISO 21496-1, without an identifier before it.

        Version (2 x 16 bits), flags, then every number as a fraction: headroom of base and alternate picture, and for
        each channel lowest and highest gain (signed, log2), gamma, offset of base and alternate.
        """
        flags = _IN_BASE_SPACE | (_MULTICHANNEL if len(self.low_ev) == 3 else 0)
        head = struct.pack(">HHB", 0, 0, flags) + _fraction(0.0) + _fraction(self.headroom_ev)
        offset = _fraction(self.offset)
        channels = [
            _fraction(low, signed=True) + _fraction(high, signed=True) + _fraction(1.0) + offset + offset
            for low, high in zip(self.low_ev, self.high_ev, strict=True)
        ]
        return head + b"".join(channels)

    def xmp(self) -> bytes:
        """The packet of the gain map's own JPEG, with the same numbers."""
        one = {
            "Version": "1.0",
            "BaseRenditionIsHDR": "False",
            "HDRCapacityMin": "0",
            "HDRCapacityMax": _text(self.headroom_ev),
            "OffsetSDR": _text(self.offset),
            "OffsetHDR": _text(self.offset),
            "Gamma": "1",
        }
        many = {"GainMapMin": self.low_ev, "GainMapMax": self.high_ev}
        if len(self.low_ev) == 1:
            one |= {name: _text(values[0]) for name, values in many.items()}
            many = {}
        attributes = "".join(f' hdrgm:{name}="{value}"' for name, value in one.items())
        elements = "".join(
            f"<hdrgm:{name}><rdf:Seq>{''.join(f'<rdf:li>{_text(v)}</rdf:li>' for v in values)}</rdf:Seq></hdrgm:{name}>"
            for name, values in many.items()
        )
        return (
            "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
            f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}"{attributes}>{elements}</rdf:Description>'
            "</rdf:RDF></x:xmpmeta>"
        ).encode()


def measure(sdr: Codes, hdr: Floats, *, step: int | None = None) -> GainMap | None:
    """The gain map of two renderings of one scene; None where the HDR picture shows no more than the SDR picture.

    Parameters
    ----------
    sdr
        uint8 [H, W, 3] with the sRGB curve, as a reader will decode it.
    hdr
        float32 [H, W, 3], linear light in the same primaries, relative to SDR white.
    step
        Pixels of the picture along each axis for one of the map, 1 or 2; None: 2 where no edge needs more (lamps in the
        dark do: between their light and the dark a coarser map leaves a halo).

    Raises
    ------
    ShapeError
        If the two have another size or kind.

    Notes
    -----
    O(H W), 0.15 s of processor for 12 MP (the kernels' twin: `reference.log_gains`). Gains are kept within what the
    brightest pixel allows, so a value that is not finite does no harm beyond its own place.
    """
    if sdr.shape != hdr.shape or sdr.dtype != np.uint8 or hdr.dtype != np.float32:
        raise ShapeError(f"{hdr.dtype} {list(hdr.shape)} is no HDR picture for {sdr.dtype} {list(sdr.shape)}")
    peak = float(np.fmax.reduce(hdr, axis=None, initial=0.0))
    if not (math.isfinite(peak) and peak > 2.0**LEAST_HEADROOM_EV):
        return None
    sdr, hdr = np.ascontiguousarray(sdr), np.ascontiguousarray(hdr)
    height, width = sdr.shape[:2]
    gains = memory.empty((-(-height // 2), -(-width // 2), 3))
    native.call("gain_map_cells", sdr, hdr, _LIGHT, OFFSET, gains)
    np.fmin(gains, np.float32(math.log2((peak + OFFSET) / OFFSET)), out=gains)
    np.fmax(gains, np.float32(math.log2(OFFSET / (1 + OFFSET))), out=gains)
    # The brightest pixel may be alone in its cell.
    brightest = math.log2((peak + OFFSET) / (1 + OFFSET))
    low = tuple(float(v) for v in gains.min(axis=(0, 1)))
    high = tuple(max(float(v), brightest, a + 1 / 64) for v, a in zip(gains.max(axis=(0, 1)), low, strict=True))
    if step is None:
        step = 1 if _has_edges(sdr, hdr) else 2
    bottom = np.asarray(low, np.float32)
    scale = np.float32(255) / (np.asarray(high, np.float32) - bottom)
    if step == 1:
        codes = np.empty(sdr.shape, np.uint8)
        native.call("gain_map_codes", sdr, hdr, _LIGHT, bottom, scale, OFFSET, codes)
    else:
        codes = _coded(gains, bottom, scale)
    if _is_grey(gains):
        codes, low, high = np.ascontiguousarray(codes[..., 1]), low[1:2], high[1:2]
    return GainMap(codes, low, high, math.log2(peak))


def applied(sdr: Codes, gain_map: GainMap) -> Floats:
    """The HDR picture that `gain_map` makes of `sdr`: float32 [H, W, 3], relative to SDR white.

    Map pixels are laid over the picture and interpolated linearly. For tests and for looking at.
    """
    from PIL import Image

    height, width = sdr.shape[:2]
    codes = gain_map.codes.reshape(*gain_map.codes.shape[:2], -1)
    planes = [
        np.asarray(Image.fromarray(codes[..., k].astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))
        for k in range(codes.shape[2])
    ]
    low, high = (np.asarray(v, np.float32) for v in (gain_map.low_ev, gain_map.high_ev))
    gains = low + np.stack(planes, -1) * ((high - low) / np.float32(255))
    offset = np.float32(gain_map.offset)
    return np.asarray((_LIGHT[sdr] + offset) * np.exp2(gains) - offset, np.float32)


def _coded(gains: Floats, bottom: Floats, scale: Floats) -> Codes:
    codes = np.empty(gains.shape, np.uint8)
    for first in range(0, len(gains), 64):  # what lies between stays in the cache
        codes[first : first + 64] = (gains[first : first + 64] - bottom) * scale + np.float32(0.5)
    return codes


def _has_edges(sdr: Codes, hdr: Floats) -> bool:
    """Whether more than EDGES_SHARE of the cells, of some rows, hold gains that lie EDGE_EV apart."""
    rows = np.arange(0, max(len(sdr) - 1, 1), 32)
    parts = [reference.log_gains(sdr[k : k + 2], hdr[k : k + 2], _LIGHT, OFFSET, 1) for k in rows]
    width = sdr.shape[1] // 2 * 2
    if width == 0 or len(sdr) < 2:
        return True
    cells = np.stack(parts)[:, :, :width].reshape(len(parts), 2, width // 2, 2, 3)
    apart = cells.max(axis=(1, 3)) - cells.min(axis=(1, 3))
    # In the dark a code of the SDR picture is a large step: nothing that a map could hold.
    lit = np.stack([sdr[k : k + 2, :width] for k in rows]).reshape(cells.shape).min(axis=(1, 3)) > _DARK_CODE
    return bool(np.mean((apart > EDGE_EV) & lit) > EDGES_SHARE)


def _is_grey(gains: Floats) -> bool:
    """Whether the colours have one gain: of a picture without colours."""
    some = gains[::4, ::4]
    return bool(np.max(np.abs(some - some[..., 1:2])) < 1 / 256) and bool(
        np.max(np.abs(gains[..., 0] - gains[..., 2])) < 1 / 128
    )


def _fraction(value: float, *, signed: bool = False) -> bytes:
    return struct.pack(">iI" if signed else ">II", round(value * _DENOMINATOR), _DENOMINATOR)


def _text(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


_LIGHT: npt.NDArray[Any] = cs.srgb_decode(np.arange(256, dtype=np.float64) / 255).astype(np.float32)
