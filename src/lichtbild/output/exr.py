"""OpenEXR: light of the scene in half floats, linear, for compositing and for whoever grades elsewhere.

Written from its own description (openexr.com, "File Layout"): one part of scan lines, compressed by Deflate in blocks
of sixteen lines.
"""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lichtbild.core import colour_space as cs
from lichtbild.core.domain import Domain
from lichtbild.core.frame import Frame
from lichtbild.output.atomic import write_whole
from lichtbild.output.metadata import SOFTWARE, carried_exif
from lichtbild.output.picture import turned
from lichtbild.output.xmp import Provenance, xmp_packet

_ZIP, _LINES = 3, 16
_DEFLATE_LEVEL = 4
_HALF, _LARGEST = 1, 65504.0


def write_exr(
    path: str | Path,
    frame: Frame,
    *,
    provenance: Provenance | None = None,
    software: str = SOFTWARE,
    force: bool = False,
) -> None:
    """Write a WORK_RGB frame as OpenEXR, half floats, turned upright.

    Parameters
    ----------
    frame
        WORK_RGB: linear, primaries of BT.2020, white of D65, 0.18 = mid grey. What is not finite becomes 0, what a half
        float cannot hold its largest number.
    path, provenance, software, force
        As `jpeg.write_jpeg`.

    Raises
    ------
    DomainError
        If the frame is in another domain.
    OutputError
        As `atomic.written_whole`.
    """
    frame.require(Domain.WORK_RGB)
    pixels = turned(np.asarray(frame.pixels, np.float32), frame.info.orientation)
    height, width = pixels.shape[:2]
    header = _header(frame, height, width, xmp_packet(frame.info.tags.xmp, provenance or {}, software), software)
    tops = range(0, height, _LINES)
    with ThreadPoolExecutor() as pool:
        chunks = list(pool.map(lambda top: _chunk(pixels, top), tops))
    at = len(header) + 8 * len(chunks)
    offsets = []
    for chunk in chunks:
        offsets.append(at)
        at += len(chunk)
    write_whole(path, [header, struct.pack(f"<{len(offsets)}Q", *offsets), *chunks], force=force)


def _header(frame: Frame, height: int, width: int, xmp: bytes, software: str) -> bytes:
    channels = b"".join(name + b"\0" + struct.pack("<iB3xii", _HALF, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    places = [v for xy in (*cs.REC2020_PRIMARIES, cs.DISPLAY_WHITE_XY) for v in xy]
    attributes: list[tuple[str, str, bytes]] = [
        ("channels", "chlist", channels),
        ("compression", "compression", bytes([_ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
        ("chromaticities", "chromaticities", struct.pack("<8f", *places)),
        ("software", "string", software.encode()),
        ("xmp", "string", xmp),
        *_shot(frame),
    ]
    # Names over 31 letters would need a flag in the version; there are none.
    body = b"".join(
        name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value
        for name, kind, value in attributes
    )
    return struct.pack("<II", 20000630, 2) + body + b"\0"


def _shot(frame: Frame) -> list[tuple[str, str, bytes]]:
    """Exposure and camera under OpenEXR's standard names."""
    exposure, camera = frame.info.exposure, frame.info.camera
    texts = {"cameraMake": camera.make, "cameraModel": camera.model, "lensModel": camera.lens}
    dates = carried_exif(frame.info).get("exif", {}).get(36867)
    texts["capDate"] = dates if isinstance(dates, str) else ""
    numbers = {
        "expTime": exposure.time_s, "aperture": exposure.f_number, "isoSpeed": exposure.iso,
        "nominalFocalLength": exposure.focal_length_mm,
    }  # fmt: skip
    return [
        *((name, "string", text.encode()) for name, text in texts.items() if text),
        *((name, "float", struct.pack("<f", number)) for name, number in numbers.items() if number),
    ]


def _chunk(pixels: npt.NDArray[np.float32], top: int) -> bytes:
    """One block of lines: line by line the planes B, G, R, then reordered and differenced as OpenEXR's ZIP wants."""
    import imagecodecs

    lines = np.nan_to_num(pixels[top : top + _LINES], nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    halves = np.clip(lines, -_LARGEST, _LARGEST).astype("<f2")[:, :, ::-1]
    raw = np.ascontiguousarray(halves.swapaxes(1, 2)).view(np.uint8).ravel()
    parted = np.concatenate([raw[::2], raw[1::2]])
    differences: npt.NDArray[Any] = parted.copy()
    differences[1:] = parted[1:] - parted[:-1] + np.uint8(128)  # modulo 256 on purpose
    packed = bytes(imagecodecs.zlib_encode(differences, _DEFLATE_LEVEL))
    data = packed if len(packed) < raw.size else raw.tobytes()
    return struct.pack("<iI", top, len(data)) + data
