"""AVIF, HEIC, JPEG XL and OpenEXR as other people's readers see them."""

import contextlib
import shutil
import struct
import subprocess

import numpy as np
import pytest
from PIL import Image

from lichtbild.core import Camera, Domain, DomainError, Exposure, Frame, FrameInfo, NoiseModel, OutputError, UsageError
from lichtbild.core import colour_space as cs
from lichtbild.output import boxes, jxl
from lichtbild.output.exr import write_exr
from lichtbild.output.hdr_signal import hlg, pq, signal
from lichtbild.output.heif import HeifOptions, write_heif
from lichtbild.output.jxl import JxlOptions, write_jxl

imagecodecs = pytest.importorskip("imagecodecs")
NOISE = NoiseModel((1e-3,), (1e-5,), "simulated")


def display(dtype=np.uint16, orientation=1, space="srgb", height=96, width=160):
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([0.5 + 0.4 * np.sin(x / 19), 0.5 + 0.4 * np.cos(y / 23), 0.5 + 0.3 * np.sin((x + y) / 27)], -1)
    pixels = np.rint(rgb * np.iinfo(dtype).max).astype(dtype)
    info = FrameInfo(
        "shot", (height, width), "mosaic", Camera("Maker", "Phone 1"), Exposure(1 / 125, 100, 1.8, 4.3),
        orientation=orientation,
    )  # fmt: skip
    return Frame(pixels, Domain.DISPLAY_RGB, info, NOISE, colour_space=space)


def light(frame):
    """An HDR picture for it: the upper third three times as bright."""
    linear = cs.srgb_decode(frame.pixels / np.float32(np.iinfo(frame.pixels.dtype).max)).astype(np.float32)
    linear[: len(linear) // 3] *= 3
    return linear


def decoded(path):
    """(pixels 0..1, bits) as libavif or libheif reads it."""
    if path.suffix == ".avif":
        pixels = imagecodecs.avif_decode(path.read_bytes())
        return pixels / (255 if pixels.dtype == np.uint8 else 1023), 8 if pixels.dtype == np.uint8 else 10
    pillow_heif = pytest.importorskip("pillow_heif")
    image = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    pixels = np.asarray(image)
    return pixels / np.iinfo(pixels.dtype).max, image.info["bit_depth"]


@pytest.mark.parametrize("codec", ["avif", "heic"])
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_picture_arrives(tmp_path, codec, bits, orientation):
    if codec == "heic":
        pytest.importorskip("pillow_heif")
    frame = display(np.uint8 if bits == 8 else np.uint16, orientation)
    path = tmp_path / f"a.{codec}"
    write_heif(path, frame, codec, options=HeifOptions(95, bits=bits))
    seen, depth = decoded(path)
    wanted = frame.pixels / np.iinfo(frame.pixels.dtype).max
    wanted = np.rot90(wanted, -1) if orientation == 6 else wanted
    assert depth == bits
    assert np.sqrt(np.mean((seen - wanted) ** 2)) < 0.006


@pytest.mark.parametrize("codec", ["avif", "heic"])
@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_signals_arrive_with_their_numbers(tmp_path, codec, transfer):
    if codec == "heic":
        pytest.importorskip("pillow_heif")
    frame = display(space="p3")
    path = tmp_path / f"a.{codec}"
    write_heif(path, frame, codec, hdr=light(frame), options=HeifOptions(95, hdr=transfer))
    seen, depth = decoded(path)
    assert depth == 10
    assert np.sqrt(np.mean((seen - signal(light(frame), "p3", transfer)) ** 2)) < 0.008
    name = "PQ" if transfer == "pq" else "HLG"
    if shutil.which("exiftool"):
        told = subprocess.run(["exiftool", str(path)], capture_output=True, text=True, check=True).stdout
        assert f"BT.2100 {name}" in told
        assert "BT.2020" in told


def test_signals_are_those_of_bt2100():
    colour = pytest.importorskip("colour", reason="colour-science is not installed")
    nits = np.array([0, 0.1, 58, 203, 1000, 4000], np.float64)
    np.testing.assert_allclose(pq(nits.astype(np.float32)), colour.models.eotf_inverse_ST2084(nits), atol=1e-5)
    grey = np.repeat(np.array([1.0, 26.0, 203.0, 1000.0])[:, None, None], 3, 2)
    with np.errstate(invalid="ignore"):  # of their own branches
        wanted = colour.models.eotf_inverse_BT2100_HLG(grey)
    np.testing.assert_allclose(hlg(grey.astype(np.float32)), wanted, atol=1e-4)


def test_white_of_the_sdr_picture_is_at_58_and_75_per_cent():
    """BT.2408: 203 cd/m2 are 58 % of PQ and 75 % of HLG."""
    white = np.ones((1, 1, 3), np.float32)
    assert signal(white, "srgb", "pq")[0, 0, 0] == pytest.approx(0.581, abs=0.001)
    assert signal(white, "srgb", "hlg")[0, 0, 0] == pytest.approx(0.75, abs=0.003)


@pytest.mark.parametrize("codec", ["avif", "heic"])
def test_a_gain_map_stands_beside_the_sdr_picture(tmp_path, codec):
    if codec == "heic":
        pytest.importorskip("pillow_heif")
    frame = display()
    path = tmp_path / f"a.{codec}"
    write_heif(path, frame, codec, hdr=light(frame), options=HeifOptions(95))
    data = path.read_bytes()
    seen, _ = decoded(path)
    assert np.sqrt(np.mean((seen - frame.pixels / 65535) ** 2)) < 0.006
    assert b"tmap" in data[:32]
    meta = dict(boxes.boxes_of(memoryview(data)))[b"meta"][4:]
    inside = dict(boxes.boxes_of(meta))
    kinds = [bytes(content[8:12]) for kind, content in boxes.boxes_of(inside[b"iinf"][6:]) if kind == b"infe"]
    picture = b"av01" if codec == "avif" else b"hvc1"
    assert kinds == [picture, picture, b"tmap", b"Exif", b"mime"]
    references = {bytes(kind): struct.unpack(f">{len(c) // 2}H", c) for kind, c in boxes.boxes_of(inside[b"iref"][4:])}
    assert references[b"dimg"] == (3, 2, 1, 2)
    start, size = boxes.located(inside[b"iloc"], 3)
    assert data[start : start + size][:6] == b"\0\0\0\0\0\xc0"
    start, size = boxes.located(inside[b"iloc"], 1)
    assert start + size <= len(data)


def test_chromium_and_pillow_need_no_more_than_the_base(tmp_path):
    frame = display()
    write_heif(tmp_path / "a.avif", frame, "avif", hdr=light(frame), options=HeifOptions(95))
    with Image.open(tmp_path / "a.avif") as image:
        assert image.info["icc_profile"]
        assert image.getexif()[272] == "Phone 1"
        seen = np.asarray(image.convert("RGB")) / 255
    assert np.sqrt(np.mean((seen - frame.pixels / 65535) ** 2)) < 0.008


@pytest.mark.parametrize("space", ["srgb", "p3", "rec2020"])
@pytest.mark.parametrize("quality", [95, 100])
def test_jpeg_xl_arrives_in_every_space(tmp_path, space, quality):
    """libjxl gives the numbers back that the space's own curve makes of them."""
    frame = display(space=space)
    write_jxl(tmp_path / "a.jxl", frame, hdr=light(frame), options=JxlOptions(quality))
    seen = imagecodecs.jpegxl_decode((tmp_path / "a.jxl").read_bytes())
    if quality == 100:
        np.testing.assert_array_equal(seen, frame.pixels)
    else:
        top = 65535 if seen.dtype == np.uint16 else 1
        assert np.sqrt(np.mean((seen / top - frame.pixels / 65535) ** 2)) < 0.006


def test_jpeg_xl_header_is_read_with_care():
    for data in (b"", b"\xff\x0a", b"\xff\x0a" + bytes(40), bytes(range(64)), b"\xff\x0a" + b"\xff" * 40):
        with pytest.raises(OutputError):
            jxl.in_space(data, "p3")


def test_spaces_that_a_format_cannot_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match="prophoto"):
        write_jxl(tmp_path / "a.jxl", display(space="prophoto"))
    with pytest.raises(UsageError, match="no HDR picture"):
        write_heif(tmp_path / "a.avif", display(), "avif", options=HeifOptions(hdr="pq"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"quality": 0}, {"speed": 11}, {"bits": 12}, {"hdr": "dolby"}])
def test_options_out_of_bounds_are_refused(wrong):
    with pytest.raises(UsageError):
        HeifOptions(**wrong)


def test_an_encoder_that_makes_something_else_is_found_out():
    rng = np.random.default_rng(0)
    whole = bytes(imagecodecs.avif_encode(display(np.uint8).pixels, 60, speed=10))
    kind, data, found = boxes.coded_picture(whole)
    assert (kind, data in whole, b"av1C" in found) == (b"av01", True, True)
    for _ in range(200):
        damaged = bytearray(whole[: rng.integers(8, len(whole))])
        for at in rng.integers(0, min(len(damaged), 400), 4):
            damaged[at] = rng.integers(0, 256)
        with contextlib.suppress(OutputError):
            boxes.coded_picture(bytes(damaged))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(UsageError, match="pillow-heif") as told:
        write_heif(tmp_path / "a.heic", display(), "heic")
    assert "lichtbild[heic]" in told.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("orientation", [1, 8])
def test_openexr_reads_the_light_of_the_scene(tmp_path, orientation):
    openexr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    frame = display(orientation=orientation, height=50, width=67)
    scene = light(frame) * 40 - 0.01
    scene[3, 4] = [np.nan, np.inf, 1e9]
    write_exr(tmp_path / "a.exr", frame.replaced(pixels=scene, domain=Domain.WORK_RGB, colour_space=""))
    with openexr.File(str(tmp_path / "a.exr")) as file:
        seen = file.channels()["RGB"].pixels.astype(np.float32)
        header = dict(file.header())
    wanted = np.clip(np.nan_to_num(scene, nan=0, posinf=65504), -65504, 65504).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(seen, np.rot90(wanted, 1) if orientation == 8 else wanted)
    assert header["chromaticities"][:2] == pytest.approx((0.708, 0.292))
    assert (header["cameraModel"], header["expTime"]) == ("Phone 1", pytest.approx(1 / 125))


def test_openexr_is_of_the_scene_only(tmp_path):
    with pytest.raises(DomainError):
        write_exr(tmp_path / "a.exr", display())


def test_gain_map_of_jpeg_xl_is_a_bundle(tmp_path):
    frame = display()
    write_jxl(tmp_path / "a.jxl", frame, hdr=light(frame))
    parts = dict(boxes.boxes_of(memoryview((tmp_path / "a.jxl").read_bytes())))
    bundle = bytes(parts[b"jhgm"])
    size = struct.unpack_from(">H", bundle, 1)[0]
    assert (bundle[0], bundle[3 + size], bundle[4 + size : 8 + size]) == (0, 0, bytes(4))
    codes = imagecodecs.jpegxl_decode(bundle[8 + size :])
    assert codes.dtype == np.uint8
