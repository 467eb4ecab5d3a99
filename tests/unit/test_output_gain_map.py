"""JPEG with a gain map, as libultrahdr, exiftool and a plain JPEG reader see it."""

import json
import re
import shutil
import struct
import subprocess

import numpy as np
import pytest

from lichtbild.core import Domain, Frame, FrameInfo, NoiseModel, ShapeError, UsageError
from lichtbild.core import colour_space as cs
from lichtbild.output.gain_map import OFFSET, applied, measure, reference
from lichtbild.output.jpeg import JpegOptions, write_jpeg

imagecodecs = pytest.importorskip("imagecodecs")
NOISE = NoiseModel((1e-3,), (1e-5,), "simulated")
LUMA = np.array([0.2126, 0.7152, 0.0722])
HEADROOM_EV = 3.0


def curve(light, peak, knee=0.25):
    """Light as it is up to the knee, above it eased towards the peak: the same scene for two displays."""
    above = knee + (peak - knee) * (1 - np.exp(-(np.maximum(light, knee) - knee) / (peak - knee)))
    return np.where(light < knee, light, above)


def renderings(height=192, width=256, orientation=1):
    """A display frame and the HDR picture of a scene with soft light, fine detail, lamps with hard edges, and black."""
    y, x = np.mgrid[:height, :width]
    light = 0.25 + 0.22 * np.sin(x / 23) * np.cos(y / 17) + 0.03 * np.sin(x / 3)
    scene = light[..., None] * [1.0, 0.9, 0.7]
    for cy, cx, radius in ((40, 50, 18), (120, 200, 30), (160, 70, 6)):
        scene[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = [7.0, 5.0, 3.0]
    scene[:20, -30:] = 0
    sdr = np.rint(cs.srgb_encode(curve(scene, 1.0)) * 255).astype(np.uint8)
    info = FrameInfo("shot", (height, width), "mosaic", orientation=orientation)
    hdr = curve(scene, 2.0**HEADROOM_EV).astype(np.float32)
    return Frame(sdr, Domain.DISPLAY_RGB, info, NOISE, colour_space="srgb"), hdr


def plain_parts(data):
    """The pieces of a JPEG from its quantisation tables on, up to EOI."""
    return data[data.index(b"\xff\xdb") : data.index(b"\xff\xd9") + 2]


def test_libultrahdr_gives_our_hdr_picture_back(tmp_path):
    frame, hdr = renderings()
    write_jpeg(tmp_path / "a.jpg", frame, hdr=hdr)
    decoded = imagecodecs.ultrahdr_decode((tmp_path / "a.jpg").read_bytes(), dtype="float16")[..., :3]
    seen, wanted = decoded.astype(np.float64) @ LUMA, hdr @ LUMA
    lit = wanted > 0.05
    error = np.abs(np.log2(seen[lit] / wanted[lit]))
    # The goal of the house; what is left is the coding of the SDR picture.
    assert np.percentile(error, 50) < 0.02
    assert np.percentile(error, 95) < 0.10
    lamps = wanted > 2.5
    assert np.median(seen[lamps] / wanted[lamps]) == pytest.approx(1, abs=0.01)


def test_the_picture_is_that_of_the_plain_jpeg_bit_for_bit(tmp_path):
    frame, hdr = renderings()
    write_jpeg(tmp_path / "a.jpg", frame, hdr=hdr)
    write_jpeg(tmp_path / "b.jpg", frame)
    with_map, plain = ((tmp_path / name).read_bytes() for name in ("a.jpg", "b.jpg"))
    thumbnail_end = plain.index(b"ICC_PROFILE")
    assert plain_parts(with_map[with_map.index(b"ICC_PROFILE") :]) == plain_parts(plain[thumbnail_end:])


def test_both_forms_of_metadata_say_the_same(tmp_path):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    frame, hdr = renderings()
    write_jpeg(tmp_path / "a.jpg", frame, hdr=hdr)
    data = (tmp_path / "a.jpg").read_bytes()
    told = json.loads(
        subprocess.run(
            ["exiftool", "-n", "-j", "-G", "-struct", "-MPF:all", "-XMP:all", "-warning", str(tmp_path / "a.jpg")],
            capture_output=True, text=True, check=True,
        ).stdout
    )[0]  # fmt: skip
    assert told["MPF:NumberOfImages"] == 2
    assert "ExifTool:Warning" not in told
    length = told["MPF:MPImageLength"]
    start = told["MPF:MPImageStart"]
    assert (start + length, data[start : start + 2]) == (len(data), b"\xff\xd8")
    items = told["XMP:Directory"]
    assert [item["Item"]["Semantic"] for item in items] == ["Primary", "GainMap"]
    assert int(items[1]["Item"]["Length"]) == length
    second = data[start:]
    at = second.index(b"urn:iso:std:iso:ts:21496:-1\0") + 28
    numbers = struct.unpack_from(">HHBIIII", second, at)
    assert numbers[:3] == (0, 0, 0xC0)  # versions, three channels in the space of the base
    assert numbers[5] / numbers[6] == pytest.approx(np.log2(hdr.max()), abs=1e-5)
    channels = [struct.unpack_from(">iIiI6I", second, at + 21 + 40 * k) for k in range(3)]
    high = [float(v) for v in re.findall(rb"<rdf:li>([-0-9.]+)</rdf:li>", second.split(b"GainMapMax")[1])]
    assert [c[2] / c[3] for c in channels] == pytest.approx(high, abs=2e-6)
    assert all(c[6] / c[7] == pytest.approx(OFFSET) for c in channels)


def test_a_turned_picture_keeps_its_map_in_place(tmp_path):
    frame, hdr = renderings(orientation=6)
    write_jpeg(tmp_path / "a.jpg", frame, hdr=hdr)
    decoded = imagecodecs.ultrahdr_decode((tmp_path / "a.jpg").read_bytes(), dtype="float16")[..., :3]
    wanted = np.rot90(hdr, -1)
    lit = wanted.min(-1) > 0.1
    assert np.percentile(np.abs(np.log2(decoded[lit] / wanted[lit])), 95) < 0.15


def test_an_hdr_picture_without_more_light_is_a_plain_jpeg(tmp_path):
    frame, hdr = renderings()
    write_jpeg(tmp_path / "a.jpg", frame, hdr=np.minimum(hdr, 1.0))
    write_jpeg(tmp_path / "b.jpg", frame)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("size", [(7, 9), (64, 33), (130, 70)])
def test_kernel_and_reference_agree(step, size):
    rng = np.random.default_rng(1)
    sdr = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    hdr = (rng.random((*size, 3)) * 6 - 0.1).astype(np.float32)
    light = cs.srgb_decode(np.arange(256) / 255).astype(np.float32)
    gains, cells = (reference.log_gains(sdr, hdr, light, OFFSET, n) for n in (step, 2))
    made = measure(sdr, hdr, step=step)
    low, high = (np.asarray(v) for v in (made.low_ev, made.high_ev))
    np.testing.assert_allclose(low, cells.min((0, 1)), atol=1e-4)
    brightest = np.log2((hdr.max() + OFFSET) / (1 + OFFSET))
    np.testing.assert_allclose(high, np.maximum(cells.max((0, 1)), brightest), atol=1e-4)
    # Half a code and the coarser logarithm of the kernel; what lies outside of the range of cells is held in it.
    held = np.clip(gains, low, high)
    np.testing.assert_allclose(low + made.codes / 255 * (high - low), held, atol=float((high - low).max()) / 509)


def test_edges_of_lamps_ask_for_a_map_of_full_size():
    frame, hdr = renderings()
    assert measure(frame.pixels, hdr).codes.shape == frame.pixels.shape
    smooth = np.repeat(np.linspace(0.1, 4, 256, dtype=np.float32)[None], 192, 0)[..., None].repeat(3, 2)
    shown = np.rint(cs.srgb_encode(curve(smooth, 1.0)) * 255).astype(np.uint8)
    assert measure(shown, np.ascontiguousarray(smooth * [1, 1.01, 1]).astype(np.float32)).codes.shape == (96, 128, 3)


def test_values_that_are_no_light_spoil_only_their_cell():
    frame, hdr = renderings()
    hdr = hdr.copy()
    hdr[100, 100] = [np.nan, -3.0, np.inf]
    with np.errstate(invalid="ignore"):
        made = measure(frame.pixels, np.where(np.isinf(hdr), np.float32(8), hdr))
    near = applied(frame.pixels, made)[:90]
    lit = hdr[:90] > 0.1
    assert np.percentile(np.abs(np.log2(near[lit] / hdr[:90][lit])), 90) < 0.1


def test_a_picture_without_colours_has_a_map_of_one_channel(tmp_path):
    frame, hdr = renderings()
    grey = frame.replaced(pixels=np.repeat(frame.pixels[..., :1], 3, 2))
    light = np.ascontiguousarray(np.repeat(hdr[..., :1], 3, 2))
    made = measure(grey.pixels, light)
    assert made.codes.ndim == 2
    assert len(made.low_ev) == 1
    write_jpeg(tmp_path / "a.jpg", grey, hdr=light)
    decoded = imagecodecs.ultrahdr_decode((tmp_path / "a.jpg").read_bytes(), dtype="float16")[..., :3]
    lit = light > 0.1
    assert np.percentile(np.abs(np.log2(decoded[lit] / light[lit])), 95) < 0.1


def test_another_size_is_refused(tmp_path):
    frame, hdr = renderings()
    with pytest.raises(ShapeError, match="no HDR picture"):
        write_jpeg(tmp_path / "a.jpg", frame, hdr=hdr[1:])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("coder", ["fast", "progressive", "small"])
def test_size_and_difference_choose_the_quality(tmp_path, coder):
    if coder == "small":
        pytest.importorskip("pyjpegli")
        pytest.importorskip("mozjpeg_lossless_optimization")
    frame, hdr = renderings()
    path = tmp_path / "a.jpg"
    write_jpeg(path, frame, options=JpegOptions(coder=coder, kbytes=24), hdr=hdr)
    assert 16_000 < path.stat().st_size <= 24_000
    sizes = []
    for most in (1.5, 4.0):
        write_jpeg(path, frame, options=JpegOptions(coder=coder, difference=most), force=True)
        sizes.append(path.stat().st_size)
        seen = imagecodecs.jpeg8_decode(path.read_bytes())
        # The whole picture is held to what the squares promise, with a little room for places they do not show.
        difference = cs.delta_e_2000(*(cells_lab(v) for v in (frame.pixels, seen)))
        assert np.percentile(difference, 95) <= most * 1.15
    assert sizes[1] < 0.8 * sizes[0]


def cells_lab(pixels):
    light = cs.srgb_decode(pixels / 255.0)
    cells = light.reshape(light.shape[0] // 2, 2, light.shape[1] // 2, 2, 3).mean((1, 3))
    return cs.xyz_to_lab(cells @ cs.SRGB_TO_XYZ.T, cs.SRGB_TO_XYZ.sum(1))


def test_a_size_that_cannot_be_reached_is_told(tmp_path):
    frame, _ = renderings()
    with pytest.raises(Exception, match="kB at the least"):
        write_jpeg(tmp_path / "a.jpg", frame, options=JpegOptions(kbytes=1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong", [{"coder": "best"}, {"kbytes": -1}, {"difference": 0}, {"kbytes": 9, "difference": 1}]
)
def test_options_out_of_bounds_are_refused(wrong):
    with pytest.raises(UsageError):
        JpegOptions(**wrong)
