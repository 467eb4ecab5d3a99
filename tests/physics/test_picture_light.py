"""Pictures become light as their profile says; LittleCMS (through Pillow) is the independent truth."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from lichtbild.capture import icc, open_picture, open_picture_array
from lichtbild.capture.picture import linear_light
from lichtbild.core import MetadataError
from lichtbild.core import colour_space as cs

P3_XY = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_XY = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def _profile_bytes(profile: icc.Profile, trc: bytes, with_chad: bool) -> bytes:
    """A version 4 matrix profile, written here so that the reader is not tested with its own writer."""

    def s15(values: np.ndarray) -> bytes:
        return struct.pack(f">{values.size}i", *np.round(values.ravel() * 65536).astype(int))

    m = profile.to_xyz_d50
    white = np.array([profile.white_xy[0], profile.white_xy[1], 1 - sum(profile.white_xy)]) / profile.white_xy[1]
    tags = {b"desc": b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 8, 28) + "Test".encode("utf-16-be")}
    tags |= {name: b"XYZ \0\0\0\0" + s15(m[:, k]) for k, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc)
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + s15(icc.D50_XYZ if with_chad else white)
    if with_chad:
        tags[b"chad"] = b"sf32\0\0\0\0" + s15(cs.bradford(white, icc.D50_XYZ))
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    head = bytearray(128)
    head[0:4] = struct.pack(">I", at + len(body))
    head[8:12], head[12:24], head[36:40] = b"\x04\x30\0\0", b"mntrRGB XYZ ", b"acsp"
    head[68:80] = s15(icc.D50_XYZ)
    return bytes(head) + struct.pack(">I", len(tags)) + table + body


def _para(*numbers: float) -> bytes:
    kind = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(numbers)]
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + struct.pack(
        f">{len(numbers)}i", *(round(v * 65536) for v in numbers)
    )  # fmt: skip


SRGB_PARA = _para(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
CASES = {
    "sRGB by LittleCMS": lambda: ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "Display P3": lambda: _profile_bytes(
        icc.from_primaries("", P3_XY, icc.D65_XY, icc.srgb_curve), SRGB_PARA, with_chad=True
    ),
    "Adobe RGB, gamma curv": lambda: _profile_bytes(
        icc.from_primaries("", ADOBE_XY, icc.D65_XY, icc.linear_curve),
        b"curv\0\0\0\0" + struct.pack(">IH", 1, 563),
        with_chad=False,
    ),
    "table curve": lambda: _profile_bytes(
        icc.srgb(),
        b"curv\0\0\0\0" + struct.pack(">I256H", 256, *np.round(np.linspace(0, 1, 256) ** 1.8 * 65535).astype(int)),
        with_chad=True,
    ),
    "para 4": lambda: _profile_bytes(icc.srgb(), _para(2.2, 0.9, 0.1, 0.2862, 0.05, 0.0, 0.0), with_chad=True),
}


@pytest.mark.parametrize("name", CASES)
def test_profile_gives_the_lab_of_littlecms(name: str) -> None:
    packet = CASES[name]()
    codes = np.random.default_rng(5).integers(0, 256, (24, 24, 3), np.uint8)
    codes[0, 0], codes[0, 1] = 255, 0
    profile = icc.parse_icc(packet)
    xyz = linear_light(codes, profile).astype(np.float64) @ profile.to_xyz_d50.T
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(packet)), ImageCms.createProfile("LAB"), "RGB", "LAB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.NOOPTIMIZE,
    )  # fmt: skip
    lab8 = np.asarray(ImageCms.applyTransform(Image.fromarray(codes), transform))
    truth = np.stack([lab8[..., 0] / 255 * 100, lab8[..., 1].view(np.int8), lab8[..., 2].view(np.int8)], -1)
    inside = (np.abs(truth[..., 1:]) < 127).all(axis=-1)
    error = np.linalg.norm(_lab(xyz) - truth, axis=-1)[inside]
    # The truth has steps of 0.39 in L and 1 in a, b: half a step in each is 0.73.
    assert inside.mean() > 0.9
    assert error.max() < 0.85


def _lab(xyz: np.ndarray) -> np.ndarray:
    t = xyz / np.array([0.9642, 1.0, 0.8249])
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def test_white_is_the_profiles_own(tmp_path: Path) -> None:
    """A Display P3 picture: 1, 1, 1 is D65, whether the file says so by chad or by wtpt."""
    from_p3 = icc.from_primaries("", P3_XY, icc.D65_XY, icc.srgb_curve)
    for with_chad in (True, False):
        profile = icc.parse_icc(_profile_bytes(from_p3, SRGB_PARA, with_chad))
        assert profile.white_xy == pytest.approx(icc.D65_XY, abs=2e-4)
        assert profile.name == "Test"
    path = tmp_path / "p3.jpg"
    picture = Image.fromarray(np.full((16, 16, 3), 200, np.uint8))
    picture.save(path, icc_profile=_profile_bytes(from_p3, SRGB_PARA, with_chad=True))
    info = open_picture(path).info
    assert info.camera.is_rendered
    assert info.as_shot_neutral == (1.0, 1.0, 1.0)
    assert info.camera.colour is not None
    # Through the calibration, neutral is the white and red is P3's red.
    to_xyz = np.linalg.inv(info.camera.colour.xyz_to_camera[0])
    assert cs.xyz_to_xy(to_xyz @ np.ones(3)) == pytest.approx(icc.D65_XY, abs=3e-4)
    assert cs.xyz_to_xy(to_xyz @ np.array([1.0, 0, 0])) == pytest.approx((0.680, 0.320), abs=3e-4)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".ppm"])
def test_grey_card_is_eighteen_percent(tmp_path: Path, suffix: str) -> None:
    """sRGB code 117.6 is 18 % (IEC 61966-2-1): 118 is 0.1812."""
    path = tmp_path / f"grey{suffix}"
    Image.fromarray(np.full((32, 32, 3), 118, np.uint8)).save(path)
    pixels = open_picture(path).read()
    assert pixels.dtype == np.float32
    assert pixels.shape == (32, 32, 3)
    assert pixels == pytest.approx(0.18116, abs=2e-4)


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    import imagecodecs
    import tifffile

    ramp = np.tile(np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64, 1), 3)
    (tmp_path / "ramp.png").write_bytes(imagecodecs.png_encode(ramp))
    tifffile.imwrite(tmp_path / "ramp.tif", ramp, photometric="rgb", compression="zlib")
    (tmp_path / "ramp.ppm").write_bytes(b"P6\n# a comment\n64 64\n65535\n" + ramp.astype(">u2").tobytes())
    code = ramp / 65535
    truth = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    for name in ("ramp.png", "ramp.tif", "ramp.ppm"):
        assert open_picture(tmp_path / name).read() == pytest.approx(truth, abs=1e-6)


def test_float_tiff_is_linear_and_may_exceed_white(tmp_path: Path) -> None:
    import tifffile

    pixels = np.array([0.0, 0.18, 1.0, 3.5], np.float32).reshape(2, 2, 1).repeat(3, 2)
    tifffile.imwrite(tmp_path / "f.tif", pixels, photometric="rgb")
    source = open_picture(tmp_path / "f.tif")
    assert np.array_equal(source.read(), pixels)
    assert any("linear" in r for r in source.info.reasons)


def test_array_is_opened_as_described() -> None:
    source = open_picture_array(np.full((4, 6), 255, np.uint8))
    assert source.read() == pytest.approx(1.0)
    assert source.info.shape == (4, 6)
    linear = open_picture_array(np.full((4, 6, 3), 0.25, np.float32), is_linear=True)
    assert linear.read() == pytest.approx(0.25)


def test_high_dynamic_range_is_refused() -> None:
    with pytest.raises(MetadataError, match="PQ high dynamic range"):
        icc.from_code_points(9, 16, "x.heic")
