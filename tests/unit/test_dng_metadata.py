"""What a DNG tells beside its pixels, held against exiftool, the numbers written and the specification."""

from __future__ import annotations

import calendar
import importlib.util
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lichtbild.capture.dng import open_dng
from lichtbild.capture.dng.colour import xy_of_spectrum, xy_of_temperature
from lichtbild.capture.dng.metadata import parse_time
from lichtbild.core import MetadataError, corrections

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "dng_seeds.py"
spec = importlib.util.spec_from_file_location("dng_seeds", SCRIPT)
make = sys.modules.get("dng_seeds") or importlib.util.module_from_spec(spec)
if "dng_seeds" not in sys.modules:
    sys.modules["dng_seeds"] = make
    spec.loader.exec_module(make)

IMAGE = make.scene(32, 40, 16)


def opened(tmp_path, data):
    path = tmp_path / "a.dng"
    path.write_bytes(data)
    return open_dng(path)


def simple(tmp_path, extra=None, **more):
    """A plain file; `extra` are tags of IFD0 beside the colour's, `more` of the raw picture."""
    return opened(tmp_path, make.dng(make.raw_ifd(IMAGE, [make.pack(IMAGE, 16)], 1, 16, **more), extra=extra)).info


@pytest.mark.parametrize("form", [("<", False), (">", False), ("<", True)])
def test_a_file_with_every_tag(tmp_path, form):
    source = opened(tmp_path, make.full_file(*form)[0])
    info = source.info
    assert (info.camera.make, info.camera.model, info.camera.unique_name) == ("Maker", "Model 7", "Maker Model 7")
    assert info.camera.lens == "Main lens"
    assert (info.shape, info.kind, info.orientation, info.bits) == ((48, 64), "mosaic", 6, 12)
    # Crop tags are (horizontal, vertical), ours (top, left, height, width).
    assert info.default_crop == (4, 2, 40, 60)
    assert info.baseline_exposure_ev == 0.25
    assert info.as_shot_neutral == (0.5, 1.0, 0.625)
    assert info.exposure.time_s == pytest.approx(1 / 250)
    assert (info.exposure.iso, info.exposure.f_number) == (640, 1.8)
    assert (info.exposure.focal_length_mm, info.exposure.focal_length_35mm) == (4.38, 26)
    utc = calendar.timegm((2024, 5, 6, 5, 8, 9))
    assert info.exposure.captured_s == pytest.approx(utc + 0.125)
    assert info.noise.alpha == (1e-4, 2e-4, 3e-4)
    assert info.noise.beta == (1e-7, 2e-7, 3e-7)
    np.testing.assert_allclose(info.levels.black[..., 0], [[100, 101], [102, 103.5]])
    assert info.levels.white == (8190.0,)
    assert (len(info.levels.black_delta_h), len(info.levels.black_delta_v)) == (64, 48)
    assert info.levels.black_delta_v[-1] == 2
    assert info.levels.table[100] == 200
    colour = info.camera.colour
    assert colour.illuminants_xy[0] == pytest.approx((0.4476, 0.4074), abs=1e-4)
    assert colour.illuminants_xy[1] == pytest.approx((0.3127, 0.3290), abs=1e-4)
    np.testing.assert_allclose(colour.xyz_to_camera[1][0], [0.70, -0.08, -0.10])
    np.testing.assert_allclose(colour.camera_calibration[0], np.diag([0.99, 1, 1.01]))
    assert len(colour.camera_to_pcs) == 2
    assert colour.analog_balance == (1.1, 1.0, 0.9)
    assert isinstance(info.opcodes.on_linear[0], corrections.GainMap)
    assert isinstance(info.opcodes.after_demosaic[0], corrections.WarpRectilinear)
    assert info.opcodes.on_stored == ()
    assert info.tags.exif["exif"][33434] == (1, 250)
    assert info.tags.exif["gps"][1] == "N"
    assert info.tags.exif["ifd0"][271] == "Maker"
    assert info.tags.xmp.startswith(b"<x:xmpmeta")
    assert not any(tag in info.tags.exif["ifd0"] for tag in (256, 258, 262, 274, 330, 50706))
    preview = source.preview()
    assert preview.shape == (48, 64, 3)
    assert preview.dtype == np.uint8


def test_real_files_agree_with_exiftool(shared_data):
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed")
    for name in ("dng_lossy_linear_canon6d/canon_eos_6d.dng", "raw_colorchecker_canon550d/colorchart.dng"):
        folder, file = name.split("/")
        path = shared_data(folder) / file
        found = json.loads(
            subprocess.run(["exiftool", "-j", "-n", "-a", path], capture_output=True, check=True).stdout
        )[0]
        info = open_dng(path).info
        assert info.camera.unique_name == found["UniqueCameraModel"]
        assert info.exposure.iso == (found["ISO"] or None)
        assert info.exposure.f_number == (found["FNumber"] or None)
        assert info.exposure.time_s == (pytest.approx(found["ExposureTime"]) if found["ExposureTime"] else None)
        neutral = [float(x) for x in found["AsShotNeutral"].split()]
        assert info.as_shot_neutral == pytest.approx([x / neutral[1] for x in neutral], rel=1e-5)
        for k, matrix in enumerate(info.camera.colour.xyz_to_camera, 1):
            np.testing.assert_allclose(matrix.ravel(), [float(x) for x in found[f"ColorMatrix{k}"].split()], atol=1e-6)
        for k, matrix in enumerate(info.camera.colour.camera_to_pcs, 1):
            np.testing.assert_allclose(
                matrix.ravel(), [float(x) for x in found[f"ForwardMatrix{k}"].split()], atol=1e-6
            )
        assert info.levels.white[0] == float(str(found["WhiteLevel"]).split()[0])
        if "NoiseProfile" in found:
            pairs = [float(x) for x in found["NoiseProfile"].split()]
            assert [x for p in zip(info.noise.alpha, info.noise.beta, strict=True) for x in p] == pytest.approx(pairs)
        if "ActiveArea" in found:
            top, left, bottom, right = map(int, found["ActiveArea"].split())
            assert info.shape == (bottom - top, right - left)
        if "LensModel" in found:
            assert info.camera.lens == found["LensModel"]


def test_a_bare_file_gets_the_specifications_defaults_and_says_so(shared_data):
    info = open_dng(shared_data("raw_pi_dng_minimal") / "pi_640x480_10bit_pidng.dng").info
    assert info.levels.white == (1023.0,)
    assert not info.levels.black.any()
    assert (info.noise, info.camera.colour, info.as_shot_neutral) == (None, None, None)
    for tag in ("BlackLevel", "WhiteLevel", "AsShotNeutral", "ColorMatrix1", "NoiseProfile"):
        assert any(tag in reason for reason in info.reasons), tag


def test_black_measured_from_masked_pixels(tmp_path):
    rng = np.random.default_rng(2)
    image = rng.normal(20000, 10, (40, 64)).clip(0, 65535).astype(np.uint16)
    level = np.array([[500, 510], [520, 530]])
    # The active area begins at an odd corner: phases count from there.
    masked = np.tile(np.roll(level, (1, 1), (0, 1)), (20, 8)) + rng.integers(-3, 4, (40, 16))
    image[:, :16] = masked
    image[5, 3] = 60000  # a hot pixel must not count
    raw = make.raw_ifd(
        image, [make.pack(image, 16)], 1, 16, t50829=(make.LONG, [1, 17, 40, 64]), t50830=(make.LONG, [0, 0, 40, 16])
    )
    info = opened(tmp_path, make.dng(raw)).info
    np.testing.assert_allclose(info.levels.black[..., 0], level, atol=0.6)
    assert any("masked" in reason for reason in info.reasons)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1e-4, 1e-7], ((1e-4,) * 3, (1e-7,) * 3)),
        ([1e-4, 0, 2e-4, 0, 3e-4, 0], ((1e-4, 2e-4, 3e-4), (0, 0, 0))),
        ([1e-4, 0, 2e-4, 0, 4e-4, 0, 5e-4, 0], ((1e-4, 3e-4, 5e-4), (0, 0, 0))),
        ([1e-4, -1e-6], ((1e-4,) * 3, (0.0,) * 3)),
        ([1.0, 1e-7], None),
        ([0.01, 2.0], None),
        ([0, 0], None),
        ([-1e-4, 1e-7], None),
        ([1e-4, 1e-7, 1e-4], None),
        ([float("nan"), 1e-7], None),
    ],
)
def test_noise_profiles(tmp_path, numbers, expected):
    info = simple(tmp_path, t51041=(make.DOUBLE, numbers))
    if expected is None:
        assert info.noise is None
        assert any("NoiseProfile" in reason for reason in info.reasons)
    else:
        np.testing.assert_allclose(info.noise.alpha, expected[0])
        np.testing.assert_allclose(info.noise.beta, expected[1])


def test_white_point_as_xy(tmp_path):
    info = simple(tmp_path, {50728: (make.RATIONAL, [0, 1] * 3), 50729: (make.RATIONAL, make.rationals(0.3, 0.31))})
    assert info.as_shot_neutral is None
    assert info.as_shot_white_xy == pytest.approx((0.3, 0.31))


def test_three_illuminants_with_their_own_data(tmp_path):
    xy = struct.pack("<H4I", 0, 28, 100, 30, 100)
    nm = np.arange(380, 781, 5)
    spectrum = struct.pack("<HI4I", 1, len(nm), 380, 1, 5, 1) + struct.pack(f"<{2 * len(nm)}I", *[1, 1] * len(nm))
    third = make.colour_tags()[50722]
    info = simple(tmp_path, {
        50778: (make.SHORT, 255), 52533: (make.UNDEFINED, xy), 52529: (make.SHORT, 255), 52531: third,
        52535: (make.UNDEFINED, spectrum), 52532: make.colour_tags()[50964],
    })  # fmt: skip
    colour = info.camera.colour
    assert len(colour.xyz_to_camera) == len(colour.camera_to_pcs) == 3
    assert colour.illuminants_xy[0] == pytest.approx((0.28, 0.30))
    # An equal-energy spectrum lies at (1/3, 1/3); the fit of the observer is good to half a per cent.
    assert colour.illuminants_xy[2] == pytest.approx((1 / 3, 1 / 3), abs=2e-3)


@pytest.mark.parametrize(
    ("kelvin", "xy"), [(6504, (0.3127, 0.3291)), (5003, (0.3457, 0.3586)), (2856, (0.4475, 0.4074))]
)
def test_chromaticity_of_a_temperature(kelvin, xy):
    assert xy_of_temperature(kelvin) == pytest.approx(xy, abs=6e-4)


def test_chromaticity_of_a_black_body_spectrum():
    nm = np.arange(380.0, 781.0, 5.0)
    planck = nm**-5 / (np.exp(1.4388e7 / (nm * 2856)) - 1)
    assert xy_of_spectrum(nm, planck) == pytest.approx((0.4476, 0.4074), abs=3e-3)


def test_one_forward_matrix_of_two_is_left_aside(tmp_path):
    tags = make.colour_tags()
    del tags[50965]
    raw = make.raw_ifd(IMAGE, [make.pack(IMAGE, 16)], 1, 16)
    ifd = make.Ifd({**tags, **raw.tags}, raw.segments)
    info = opened(tmp_path, make.tiff([ifd])).info
    assert info.camera.colour.camera_to_pcs == ()
    assert any("ForwardMatrix" in reason for reason in info.reasons)


def test_calibrations_of_another_signature_are_not_applied(tmp_path):
    info = simple(tmp_path, {50931: (make.ASCII, "com.maker"), 50932: (make.ASCII, "com.adobe")})
    assert info.camera.colour.camera_calibration == ()
    assert any("CameraCalibration" in reason for reason in info.reasons)


def test_exposure_in_ifd0_as_some_phones_write_it(tmp_path):
    info = simple(tmp_path, {33434: (make.RATIONAL, [1, 30]), 34855: (make.SHORT, 65535), 34866: (make.LONG, 102400)})
    assert info.exposure.time_s == pytest.approx(1 / 30)
    assert info.exposure.iso == 102400


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (("1970:01:02 00:00:01", "5", ""), 86401.5),
        (("1970:01:02 01:00:00", "", "+01:00"), 86400.0),
        (("1970:01:01 19:00:00", "", "-05:00"), 86400.0),
        (("0000:00:00 00:00:00", "", ""), None),
        (("    :  :     :  :  ", "", ""), None),
        (("2024:13:01 00:00:00", "", ""), None),
    ],
)
def test_times(texts, seconds):
    assert parse_time(*texts) == (None if seconds is None else pytest.approx(seconds))


def test_levels_that_make_no_sense_are_refused_by_tag(tmp_path):
    for more, tag in (
        ({"t50714": (make.LONG, 70000)}, "WhiteLevel"),
        ({"t50717": (make.LONG, 0)}, "WhiteLevel"),
        ({"t50714": (make.LONG, [1, 2, 3])}, "BlackLevel"),
        ({"t50714": (make.RATIONAL, [1, 0])}, "BlackLevel"),
        ({"t50829": (make.LONG, [0, 0, 99, 40])}, "ActiveArea"),
        ({"t50829": (make.LONG, [9, 0, 9, 40])}, "ActiveArea"),
        ({"t258": (make.SHORT, 7)}, "BitsPerSample"),
        ({"t339": (make.SHORT, 2)}, "SampleFormat"),
        ({"t33422": None}, "CFAPattern"),
        ({"t50711": (make.SHORT, 2)}, "CFALayout"),
        ({"t51009": (make.UNDEFINED, b"\0\0\0\x05abc")}, "OpcodeList2"),
    ):
        with pytest.raises(MetadataError, match=rf"a\.dng.*{tag}"):
            simple(tmp_path, **more)


def test_four_black_levels_without_their_pattern(tmp_path):
    info = simple(tmp_path, t50714=(make.SHORT, [1, 2, 3, 4]))
    assert info.levels.black.shape == (2, 2, 1)
    assert any("BlackLevel" in reason for reason in info.reasons)


def test_a_crop_beyond_the_picture_is_cut_to_it(tmp_path):
    info = simple(tmp_path, t50719=(make.LONG, [10, 2]), t50720=(make.LONG, [100, 20]))
    assert info.default_crop == (2, 10, 20, 30)
    info = simple(tmp_path, t50719=(make.LONG, [100, 2]), t50720=(make.LONG, [100, 20]))
    assert info.default_crop is None
    assert any("DefaultCrop" in reason for reason in info.reasons)
