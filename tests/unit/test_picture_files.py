"""Picture files: metadata kept, broken ones refused by name."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lichtbild.capture import open_mosaic_array, open_picture
from lichtbild.core import ShapeError, UnreadableFile, UsageError


def _scene(h: int = 96, w: int = 128) -> np.ndarray:
    rng = np.random.default_rng(3)
    small = rng.integers(30, 220, (h // 8, w // 8, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((w, h), Image.Resampling.BICUBIC))


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Acme", "Phone 1", 6
    sub = exif.get_ifd(34665)
    sub[33434], sub[33437], sub[34855], sub[36867], sub[37521], sub[36881] = (
        0.01, 1.8, 400, "2023:10:14 18:32:46", "250", "+02:00",
    )  # fmt: skip
    exif.get_ifd(34853)[1] = "N"
    return exif


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_exif_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(_scene()).save(path, exif=_exif())
    info = open_picture(path).info
    assert info.kind == "picture"
    assert (info.camera.make, info.camera.model, info.orientation) == ("Acme", "Phone 1", 6)
    assert info.exposure.time_s == pytest.approx(0.01)
    assert info.exposure.f_number == pytest.approx(1.8)
    assert info.exposure.iso == 400
    # 2023-10-14 16:32:46.250 UTC
    assert info.exposure.captured_s == pytest.approx(1697301166.25, abs=1e-6)
    assert info.tags.exif["gps"][1] == "N"


def test_heic_is_read_upright(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is an extra")
    path = tmp_path / "a.heic"
    scene = _scene()
    image = pillow_heif.from_pillow(Image.fromarray(scene))
    image.save(path, quality=95, exif=_exif().tobytes())
    source = open_picture(path)
    pixels = source.read()
    assert source.info.orientation == 1
    assert source.info.exposure.iso == 400
    assert pixels.shape[:2] == source.info.shape
    assert sorted(pixels.shape[:2]) == [96, 128]
    code = scene / 255
    truth = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    assert np.abs(np.sort(pixels.ravel()) - np.sort(truth.ravel())).mean() < 0.02


def test_heic_of_ten_bits_keeps_them(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is an extra")
    path = tmp_path / "deep.heic"
    ramp = np.repeat(np.tile(np.linspace(8000, 60000, 256).astype(np.uint16), (64, 1))[..., None], 3, 2)
    pillow_heif.from_bytes("RGB;16", (256, 64), ramp.tobytes()).save(path, quality=-1, chroma=444)
    source = open_picture(path)
    pixels = source.read()
    code = ramp / 65535
    truth = ((code + 0.055) / 1.055) ** 2.4
    assert source.info.bits == 16
    # One step of 10 (or 12) bits is 0.1 % of full scale, 0.2 % in light; the colour transform rounds once more.
    assert np.abs(pixels - truth).max() < 0.008
    assert len(np.unique(pixels[..., 1])) > 200


def _bytes_of(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(_scene()).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "PPM"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_cut_off_picture_is_refused_by_name(tmp_path: Path, kind: str, part: float) -> None:
    data = _bytes_of(kind)
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(UnreadableFile, match="cut"):
        open_picture(path).read()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "PPM"])
def test_a_damaged_picture_reads_or_is_refused_never_anything_else(tmp_path: Path, kind: str) -> None:
    from lichtbild.core import LichtbildError

    data, rng = _bytes_of(kind), np.random.default_rng(11)
    path = tmp_path / f"bad.{kind.lower()}"
    refusals = []
    for _ in range(60):
        damaged = bytearray(data)
        for at in rng.integers(0, min(len(data), 900), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            pixels = open_picture(path).read()
        except LichtbildError as error:
            refusals.append(str(error))
        else:
            assert np.isfinite(pixels).all()
    assert refusals
    assert all(path.name in text for text in refusals)


def test_a_picture_that_claims_to_be_huge_costs_nothing(tmp_path: Path) -> None:
    data = bytearray(_bytes_of("PNG"))
    data[16:24] = (60000).to_bytes(4, "big") * 2
    path = tmp_path / "huge.png"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match="over the limit of 400 MP"):
        open_picture(path)


@pytest.mark.parametrize("kind", ["PNG", "PPM", "TIFF", "JPEG"])
def test_a_small_file_that_claims_many_pixels_is_refused_before_memory_is_spent(tmp_path: Path, kind: str) -> None:
    data = bytearray(_bytes_of(kind))
    if kind == "PNG":
        data[16:24] = (19000).to_bytes(4, "big") * 2
    elif kind == "PPM":
        data[:] = b"P6 19000 19000 255\n" + data[20:]
    elif kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = (19000).to_bytes(2, "big") * 2
    else:
        start = struct.unpack_from("<I", data, 4)[0]
        for at in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
            tag = struct.unpack_from("<H", data, at)[0]
            if tag in (256, 257):
                struct.pack_into("<HHII", data, at, tag, 4, 1, 19000)
    path = tmp_path / f"claims.{kind.lower()}"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile):
        open_picture(path)


def test_palette_and_bilevel_pngs_open(tmp_path: Path) -> None:
    """Pixels of one bit pack 8 times as many into a byte."""
    for mode in ("P", "1", "L", "LA", "RGBA"):
        path = tmp_path / f"{mode}.png"
        Image.new(mode, (3000, 2000)).save(path)
        assert open_picture(path).read().shape == (2000, 3000, 3)


def test_a_bare_grey_array_asks_for_its_description(tmp_path: Path) -> None:
    path = tmp_path / "strip.pgm"
    path.write_bytes(b"P5\n8 4\n1023\n" + np.zeros((4, 8), ">u2").tobytes())
    with pytest.raises(UnreadableFile, match="open_mosaic_array"):
        open_picture(path)


def test_mosaic_array_is_what_the_caller_says() -> None:
    numbers = np.arange(64, dtype=np.uint16).reshape(8, 8)
    source = open_mosaic_array(numbers, "GRBG", 16, 1023, name="strip")
    assert source.info.cfa is not None
    assert source.info.cfa.name == "GRBG"
    assert source.info.levels is not None
    assert source.info.levels.white == (1023.0,)
    assert np.array_equal(source.read(), numbers)
    assert source.read() is not source.read()
    with pytest.raises(ShapeError, match="H, W"):
        open_mosaic_array(numbers.astype(float), "RGGB", 0, 1)
    with pytest.raises(UsageError, match="above black"):
        open_mosaic_array(numbers, "RGGB", 64, 64)


def test_huawei_burst_opens(shared_data: Any) -> None:
    path = shared_data("burst_huawei_hlk_jpeg") / "frame00.jpg"
    source = open_picture(path)
    assert source.info.shape == (8000, 6000)
    assert source.info.exposure.time_s == pytest.approx(1 / 40)
    assert source.info.camera.name == "HUAWEI HLK-AL00"
    assert source.preview() is not None
