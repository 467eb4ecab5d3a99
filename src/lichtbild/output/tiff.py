"""TIFF with 16 (or 8) bits a sample, EXIF, XMP and profile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import exif
from lichtbild.core.frame import Frame
from lichtbild.output.credentials import Credentials, signed
from lichtbild.output.metadata import SOFTWARE
from lichtbild.output.picture import exif_directory, prepared
from lichtbild.output.xmp import Provenance

# Deflate level of libdeflate: higher ones gain 1 % for twice the time.
DEFLATE_LEVEL = 4


def write_tiff(
    path: str | Path,
    frame: Frame,
    *,
    bits: int = 16,
    provenance: Provenance | None = None,
    software: str = SOFTWARE,
    credentials: Credentials | None = None,
    force: bool = False,
) -> None:
    """Write a DISPLAY_RGB frame as TIFF, Deflate with horizontal predictor.

    Parameters
    ----------
    bits
        16 or 8 a sample.
    path, frame, provenance, software, credentials, force
        As `jpeg.write_jpeg`.

    Raises
    ------
    UsageError, DomainError, OutputError
        As `picture.prepared` and `atomic.written_whole`.
    """
    picture = prepared(frame, bits, provenance=provenance, software=software)
    height, width = picture.pixels.shape[:2]
    # A TIFF says its size itself (EXIF 3.0, table 22), the version of a Flashpix it must name all the same.
    scene = {t: v for t, v in picture.tags["exif"].items() if t not in (40962, 40963)} | {40960: b"0100"}
    directory = exif_directory({**picture.tags, "exif": scene})
    rows = max(1, min(height, (1 << 20) // (3 * width * bits // 8)))
    directory.entries |= {
        254: (exif.LONG, 0),
        256: (exif.LONG, width),
        257: (exif.LONG, height),
        258: (exif.SHORT, (bits,) * 3),
        259: (exif.SHORT, 8),
        262: (exif.SHORT, 2),
        277: (exif.SHORT, 3),
        278: (exif.LONG, rows),
        284: (exif.SHORT, 1),
        317: (exif.SHORT, 2),
        700: (exif.BYTE, picture.xmp),
        **({33723: (exif.UNDEFINED, picture.iptc)} if picture.iptc else {}),
        34675: (exif.UNDEFINED, picture.icc),
    }
    parts = [picture.pixels[top : top + rows] for top in range(0, height, rows)]
    with ThreadPoolExecutor() as pool:
        directory.segments[273, 279] = list(pool.map(_deflated, parts))
    signed(path, exif.serialise([directory]), "image/tiff", credentials, provenance or {}, force=force)


def _deflated(part: npt.NDArray[Any]) -> bytes:
    import imagecodecs

    differences = part.copy()
    # Modulo 2^bits on purpose: the reader adds in the same width.
    np.subtract(part[:, 1:], part[:, :-1], out=differences[:, 1:])
    stored = differences.astype(differences.dtype.newbyteorder("<"), copy=False)
    return bytes(imagecodecs.deflate_encode(stored.tobytes(), DEFLATE_LEVEL))
