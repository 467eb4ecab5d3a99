"""DNG files as other people's readers see them: LibRaw bit for bit, exiftool without complaint."""

import dataclasses
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from lichtbild.capture.dng import open_dng
from lichtbild.core import (
    Camera,
    Cfa,
    ColourCalibration,
    Domain,
    DomainError,
    Exposure,
    Frame,
    FrameInfo,
    Levels,
    MetadataError,
    NoiseModel,
    ShapeError,
    Tags,
)
from lichtbild.core import exif as codec
from lichtbild.core.corrections import Area, GainMap, OpcodeLists, WarpRectilinear
from lichtbild.output import write_dng
from lichtbild.output.dng_profile import Profile

rawpy = pytest.importorskip("rawpy", reason="LibRaw (rawpy) is not installed")

COLOUR = ColourCalibration(
    ((0.44757, 0.40745), (0.31271, 0.32902)),
    (np.array([[0.9, -0.3, -0.1], [-0.4, 1.3, 0.1], [0.0, 0.2, 0.5]]), np.array([[0.7, -0.15, -0.1],
     [-0.4, 1.2, 0.25], [-0.05, 0.2, 0.6]])),
    (np.array([[0.7, 0.15, 0.11], [0.25, 0.8, -0.05], [0.02, -0.2, 1.0]]),) * 2,
    (np.diag([0.99, 1, 1.01]),) * 2,
    (1.0, 1.0, 1.0),
)  # fmt: skip
NOISE = NoiseModel((1e-3, 2e-3, 3e-3), (1e-5, 2e-5, 3e-5), "simulated")
TAGS = Tags(
    {
        "ifd0": {315: "A. Author", 33432: "2026 A. Author", 274: 3},
        "exif": {
            36867: "2026:08:01 12:30:45",
            36880: "+02:00",
            36881: "+02:00",
            37500: b"maker" * 50,
            42036: "Lens 1.8",
        },
        "gps": {1: "N", 2: ((48, 1), (8, 1), (12, 1)), 3: "E", 4: ((11, 1), (34, 1), (30, 1))},
    },
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
    b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
    b"xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'/></rdf:RDF></x:xmpmeta><?xpacket end='w'?>",
)


def scene(height, width, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([0.3 + 0.25 * np.sin(x / 17), 0.4 + 0.3 * np.cos(y / 13), 0.3 + 0.2 * np.sin((x + y) / 23)], -1)
    return (rgb * [0.5, 1, 0.6] + rng.normal(0, 0.01, rgb.shape)).astype(np.float32)


def info(height, width, **changes):
    base = FrameInfo(
        "shot.dng", (height, width), "mosaic", Camera("Maker", "Phone 1", "Maker Phone 1", colour=COLOUR),
        Exposure(1 / 125, 800, 1.8, 4.3, 26, 1.7e9), Cfa.from_name("RGGB"), None, NOISE,
        as_shot_neutral=(0.5, 1.0, 0.6), baseline_exposure_ev=0.25, tags=TAGS,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def half_a_step(light, n_frames):
    """A sixteenth of the noise of the channel that has the least, as it is in black below it."""
    return np.sqrt((min(NOISE.alpha) * np.maximum(light, 0) + min(NOISE.beta)) / n_frames) / 16


def stored_frame(height, width, cfa="RGGB", quad=1, dtype=np.uint16, white=1023, full_range=False):
    rng = np.random.default_rng(height * width)
    pixels = (scene(height, width)[..., 1] * (white - 64) + 64).clip(0, white).astype(dtype)
    if full_range:
        pixels = rng.integers(0, 65536, (height, width), dtype=np.uint16)
        pixels[0, :4] = 0, 32768, 32768, 0  # differences of -32768, coded by a length of 16 and no bits
    levels = Levels(np.array([[60, 61], [62, 63]], np.float32)[..., None], (float(white),))
    about = info(height, width, cfa=Cfa.from_name(cfa, quad), levels=levels)
    return Frame(pixels, Domain.MOSAIC, about, NOISE)


def exiftool(path, *arguments):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    done = subprocess.run(["exiftool", *arguments, str(path)], capture_output=True, text=True, check=False)
    return done.stdout


def assert_valid(path):
    assert re.search(r"Validate +: OK", exiftool(path, "-validate", "-warning", "-a")), exiftool(
        path, "-validate", "-warning", "-a"
    )


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize(
    ("cfa", "size"), [("RGGB", (600, 808)), ("BGGR", (331, 517)), ("GRBG", (66, 64)), ("GBRG", (40, 30))]
)
def test_a_stored_mosaic_is_bit_exact_through_libraw(tmp_path, compress, cfa, size):
    frame = stored_frame(*size, cfa=cfa)
    write_dng(tmp_path / "a.dng", frame, compress=compress)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        np.testing.assert_array_equal(raw.raw_image, frame.pixels)
        names = np.array(list("RGBG"))[raw.raw_pattern]
        assert "".join(names.ravel()) == cfa
        assert raw.white_level == 1023
        assert sorted(raw.black_level_per_channel) == [60, 61, 62, 63]
        balance = np.array(raw.camera_whitebalance[:3])
        np.testing.assert_allclose(balance / balance[1], [2, 1, 1 / 0.6], rtol=1e-5)
    assert_valid(tmp_path / "a.dng")


def test_every_difference_of_16_bit_numbers_survives(tmp_path):
    frame = stored_frame(96, 128, white=65535, full_range=True)
    write_dng(tmp_path / "a.dng", frame)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        np.testing.assert_array_equal(raw.raw_image, frame.pixels)


def test_8_bits_are_stored_as_8_bits(tmp_path):
    frame = stored_frame(64, 96, dtype=np.uint8, white=255)
    write_dng(tmp_path / "a.dng", frame)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        np.testing.assert_array_equal(raw.raw_image, frame.pixels)
    assert_valid(tmp_path / "a.dng")


@pytest.mark.parametrize("compress", [True, False])
def test_a_linear_negative_keeps_noise_below_black_and_light_above_white(tmp_path, compress):
    rgb = scene(301, 403)
    rgb[:20] -= 0.32
    rgb[30:40, 50:60] = 1.9
    frame = Frame(rgb, Domain.CAMERA_RGB, info(301, 403), NOISE, n_effective=8.0)
    write_dng(tmp_path / "a.dng", frame, compress=compress)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        stored = raw.raw_image[..., :3].copy()
        black, white = raw.black_level_per_channel[0], raw.white_level
    back = (stored.astype(np.float64) - black) / (white - black)
    assert np.all(np.abs(back - rgb) < half_a_step(rgb, 8) + 1 / (white - black))
    assert_valid(tmp_path / "a.dng")


def test_a_merged_mosaic_is_a_16_bit_cfa(tmp_path):
    mosaic = scene(200, 300)[..., 1].copy()
    frame = Frame(mosaic, Domain.MOSAIC, info(200, 300), NOISE, n_effective=np.full((200, 300), 5, np.float32))
    write_dng(tmp_path / "a.dng", frame)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        black, white = raw.black_level_per_channel[0], raw.white_level
        back = (raw.raw_image.astype(np.float64) - black) / (white - black)
    assert np.all(np.abs(back - mosaic) < half_a_step(mosaic, 5) + 1 / (white - black))
    values = exiftool(tmp_path / "a.dng", "-s3", "-n", "-NoiseProfile").split()
    expected = [v / 5 for pair in zip(NOISE.alpha, NOISE.beta, strict=True) for v in pair]
    np.testing.assert_allclose(np.array(values, float), expected, rtol=1e-6)


@pytest.mark.parametrize("noise", [(1e-4, 1e-7), (1.4e-3, 2e-4), (6e-3, 4e-5)])
def test_steps_of_a_negative_are_an_eighth_of_its_noise(tmp_path, noise):
    """At every brightness, so that nothing is lost and no noise is stored; readers find it in the table."""
    ramp = np.broadcast_to(np.linspace(-4 * noise[1] ** 0.5, 1, 4096, dtype=np.float32)[:, None, None], (4096, 32, 3))
    model = NoiseModel((noise[0],) * 3, (noise[1],) * 3, "simulated")
    write_dng(tmp_path / "a.dng", Frame(ramp.copy(), Domain.CAMERA_RGB, info(4096, 32), model))
    levels = open_dng(tmp_path / "a.dng").info.levels
    black, unit = levels.black.flat[0], levels.white[0] - levels.black.flat[0]
    table = levels.table.astype(np.float64)
    light, step = (table[1:] - black) / unit, np.diff(table) / unit
    sigma = np.sqrt(noise[0] * np.maximum(light, 0) + noise[1])
    inside = light < 1
    assert np.all(step[inside] < sigma[inside] / 8 * 1.1 + 1.5 / unit)
    assert step[inside][-1] > sigma[inside][-1] / 8 * 0.8


def test_nan_becomes_black_and_nothing_warns(tmp_path):
    rgb = scene(64, 64)
    rgb[3, 4] = np.nan
    rgb[5, 6] = np.inf
    write_dng(tmp_path / "a.dng", Frame(rgb, Domain.CAMERA_RGB, info(64, 64), NOISE))
    assert (tmp_path / "a.dng").stat().st_size > 1000


def test_saturation_is_taken_out_and_named(tmp_path):
    frame = Frame(scene(64, 64), Domain.CAMERA_RGB, info(64, 64), NOISE).scaled(4.0)
    write_dng(tmp_path / "a.dng", frame)
    assert float(exiftool(tmp_path / "a.dng", "-s3", "-n", "-BaselineExposure")) == pytest.approx(2.25)
    values = np.array(exiftool(tmp_path / "a.dng", "-s3", "-n", "-NoiseProfile").split(), float)
    np.testing.assert_allclose(values[::2], NOISE.alpha, rtol=1e-6)


def test_metadata_arrive(tmp_path):
    write_dng(tmp_path / "a.dng", stored_frame(64, 64))
    tags = "Orientation Artist Copyright DateTimeOriginal OffsetTimeOriginal LensModel ExposureTime ISO FNumber Rating"
    tags += " FocalLength FocalLengthIn35mmFormat GPSLatitude GPSLongitude UniqueCameraModel Make MakerNotes"
    out = exiftool(tmp_path / "a.dng", "-n", "-s2", *(f"-{t}" for t in tags.split()))
    got = dict(line.split(": ", 1) for line in out.splitlines())
    assert got.pop("GPSLatitude").startswith("48.13666")
    assert got.pop("GPSLongitude").startswith("11.575")
    assert got == {
        "Orientation": "1", "Artist": "A. Author", "Copyright": "2026 A. Author", "LensModel": "Lens 1.8",
        "DateTimeOriginal": "2026:08:01 12:30:45", "OffsetTimeOriginal": "+02:00", "ExposureTime": "0.008",
        "ISO": "800", "FNumber": "1.8", "FocalLength": "4.3", "FocalLengthIn35mmFormat": "26", "Rating": "4",
        "Make": "Maker",
        "UniqueCameraModel": "Maker Phone 1",
    }  # fmt: skip


def test_opcodes_stand_in_the_raw_directory_and_come_back(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    from lichtbild.core.opcode_bytes import parse

    warp = WarpRectilinear(((1.0, 0.02, 0.0, 0.0),) * 3, ((0.0, 0.0),) * 3, 0.5, 0.5)
    gain = GainMap(Area(0, 0, 64, 64, row_pitch=2, column_pitch=2), 0.5, 0.5, 0.0, 0.0, np.ones((3, 3, 1), np.float32))
    frame = stored_frame(64, 64).with_info(opcodes=OpcodeLists((), (gain,), (warp,)))
    write_dng(tmp_path / "a.dng", frame)
    assert_valid(tmp_path / "a.dng")
    with tifffile.TiffFile(tmp_path / "a.dng") as tif:
        raw = tif.pages[0].pages[0]
        assert parse(raw.tags[51022].value) == (warp,)
        assert parse(raw.tags[51009].value)[0].area == gain.area
        assert raw.tags.get(51008) is None
        assert tuple(tif.pages[0].tags[50707].value) == (1, 3, 0, 0)
    linear = Frame(scene(64, 64), Domain.CAMERA_RGB, frame.info, NOISE).with_info(levels=None)
    with pytest.raises(MetadataError, match="GainMap still pending"):
        write_dng(tmp_path / "b.dng", linear)
    assert not (tmp_path / "b.dng").exists()


def test_an_illuminant_without_a_number_is_written_as_xy(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    colour = dataclasses.replace(COLOUR, illuminants_xy=((0.44, 0.40), (0.31271, 0.32902)))
    frame = stored_frame(64, 64)
    frame = frame.with_info(camera=dataclasses.replace(frame.info.camera, colour=colour))
    write_dng(tmp_path / "a.dng", frame)
    with tifffile.TiffFile(tmp_path / "a.dng") as tif:
        tags = tif.pages[0].tags
        assert (tags[50778].value, tags[50779].value) == (255, 21)
        numbers = codec.decode_value(tags[52533].value[2:], codec.RATIONAL)
        assert [n / d for n, d in numbers] == pytest.approx([0.44, 0.40])
        assert tuple(tags[50707].value) == (1, 6, 0, 0)


def test_display_pixels_are_refused(tmp_path):
    frame = Frame(scene(8, 8), Domain.DISPLAY_RGB, info(8, 8), NOISE)
    with pytest.raises(DomainError, match="MOSAIC or CAMERA_RGB"):
        write_dng(tmp_path / "a.dng", frame)


def test_absurd_numbers_are_left_out_of_the_exif_and_odd_frames_are_written(tmp_path):
    exposure = Exposure(1e-30, float("inf"), -1.0, float("nan"), 1e12, 1e30)
    frame = stored_frame(64, 64).with_info(exposure=exposure, tags=Tags({"exif": {34855: None}}), orientation=77)
    write_dng(tmp_path / "a.dng", frame)
    with open(tmp_path / "a.dng", "rb") as file:
        assert codec.parse_exif(file.read())["exif"].keys() == {36864}
    wrong = stored_frame(64, 64).with_info(as_shot_neutral=(1e9, 1.0, -1.0))
    with pytest.raises(MetadataError, match=r"tag 50728"):
        write_dng(tmp_path / "b.dng", wrong)
    assert [p.name for p in tmp_path.iterdir()] == ["a.dng"]


# ---- half floats, JPEG XL, looks


@pytest.mark.parametrize("size", [(64, 96), (53, 71)])
@pytest.mark.parametrize("domain", [Domain.CAMERA_RGB, Domain.MOSAIC])
@pytest.mark.parametrize("compress", [True, False])
def test_half_floats_are_the_pixels_rounded_once(tmp_path, size, domain, compress):
    """Read by tifffile: the numbers over saturation, nothing cut, NaN as 0."""
    tifffile = pytest.importorskip("tifffile")
    pixels = scene(*size) * np.float32(3)
    pixels[2, 3] = [np.nan, -0.5, 1e9]
    frame = Frame(pixels, Domain.CAMERA_RGB, info(*size), NOISE, saturation=2.0)
    if domain is Domain.MOSAIC:
        frame = frame.replaced(pixels=np.ascontiguousarray(pixels[..., 0]), domain=domain)
    write_dng(tmp_path / "a.dng", frame, is_half=True, compress=compress)
    with tifffile.TiffFile(tmp_path / "a.dng") as file:
        raw = file.pages[0].pages[0]
        seen = raw.asarray().reshape(frame.pixels.shape)
    wanted = np.clip(np.nan_to_num(frame.pixels / 2, nan=0), -65504, 65504).astype(np.float16)
    np.testing.assert_array_equal(seen, wanted)
    assert warnings_of(tmp_path / "a.dng") == []


@pytest.mark.parametrize("size", [(64, 96), (53, 71), (600, 530)])
@pytest.mark.parametrize("domain", [Domain.CAMERA_RGB, Domain.MOSAIC])
def test_jpeg_xl_holds_the_same_numbers_as_jpeg(tmp_path, size, domain):
    frame = Frame(scene(*size), Domain.CAMERA_RGB, info(*size), NOISE)
    if domain is Domain.MOSAIC:
        frame = frame.replaced(pixels=np.ascontiguousarray(frame.pixels[..., 0]), domain=domain)
    stored = []
    for coding in ("jpeg", "jxl"):
        write_dng(tmp_path / f"{coding}.dng", frame, coding=coding)
        source = open_dng(tmp_path / f"{coding}.dng")
        stored.append(source.read())
        assert source.info.compression.lower().startswith("jpeg xl" if coding == "jxl" else "lossless")
    np.testing.assert_array_equal(*stored)
    assert all("xcd43" in line or "Compression" in line for line in warnings_of(tmp_path / "jxl.dng"))


def warnings_of(path):
    """What exiftool has to say against a file."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    words = ["exiftool", "-validate", "-warning", "-a", str(path)]
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return re.findall(r"^Warning +: (.*)$", told, re.M)


def test_a_look_stands_beside_the_pixels(tmp_path):
    """exiftool reads curve, table and exposure; the stored numbers are those of the file without it."""
    frame = Frame(scene(64, 96), Domain.CAMERA_RGB, info(64, 96), NOISE)
    curve = np.stack([np.linspace(0, 1, 9), np.linspace(0, 1, 9) ** 0.7], 1)
    table = np.ones((6, 3, 2, 3), np.float32)
    table[..., 0] = np.arange(36).reshape(6, 3, 2)
    profile = Profile("evening", curve, table, is_srgb=True, exposure_ev=-0.75)
    write_dng(tmp_path / "a.dng", frame, profile=profile)
    write_dng(tmp_path / "b.dng", frame)
    np.testing.assert_array_equal(open_dng(tmp_path / "a.dng").read(), open_dng(tmp_path / "b.dng").read())
    assert warnings_of(tmp_path / "a.dng") == []
    names = ("ProfileName", "ProfileToneCurve", "ProfileLookTableDims", "ProfileLookTableData",
             "BaselineExposureOffset", "ProfileLookTableEncoding")  # fmt: skip
    words = ["exiftool", "-n", "-b", "-j", "-struct", *(f"-{name}" for name in names), str(tmp_path / "a.dng")]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)[0]
    assert (told["ProfileName"], told["BaselineExposureOffset"]) == ("evening", -0.75)
    np.testing.assert_allclose(np.array(told["ProfileToneCurve"].split(), float).reshape(9, 2), curve, atol=1e-6)
    assert told["ProfileLookTableDims"] == "6 3 2"
    data = np.array(told["ProfileLookTableData"].split(), float).reshape(2, 6, 3, 3)
    np.testing.assert_array_equal(np.moveaxis(data, 0, 2), table)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tone_curve": np.array([[0, 0], [0.5, 0.4], [0.5, 0.6], [1, 1]])},
        {"tone_curve": np.array([[0, 0.1], [1, 1]])},
        {"tone_curve": np.zeros((3, 3))}, {"look_table": np.ones((4, 4, 3), np.float32)},
        {"hue_sat_map": np.full((2, 2, 1, 3), np.nan, np.float32)},
    ],
)  # fmt: skip
def test_profiles_that_say_nonsense_are_refused(wrong):
    with pytest.raises(ShapeError):
        Profile("x", **wrong)


def test_stored_numbers_are_no_half_floats(tmp_path):
    with pytest.raises(DomainError, match="half floats"):
        write_dng(tmp_path / "a.dng", stored_frame(32, 48), is_half=True)
    assert not list(tmp_path.iterdir())
