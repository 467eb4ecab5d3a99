"""What is written as DNG, our own reader reads: every field of a frame, and the real files of other makers."""

import dataclasses

import numpy as np
import pytest

from lichtbild.capture.dng import open_dng
from lichtbild.core import Camera, Cfa, ColourCalibration, Domain, Exposure, Frame, FrameInfo, Levels, NoiseModel, Tags
from lichtbild.core.corrections import (
    Area,
    FixVignetteRadial,
    GainMap,
    MapTable,
    OpcodeLists,
    WarpRectilinear,
    WarpRectilinear2,
)
from lichtbild.output import write_dng

NOISE = NoiseModel((1e-3, 2e-3, 3e-3), (1e-5, 2e-5, 3e-5), "NoiseProfile")


def matrices(seed, n=3):
    rng = np.random.default_rng(seed)
    return tuple(np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3)) for _ in range(n))


def info(n_illuminants=2, **changes):
    lights = ((0.44758, 0.40745), (0.31272, 0.32903), (0.37, 0.38))[:n_illuminants]
    d50 = np.array([0.9642, 1.0, 0.8249])
    forward = tuple(m / m.sum(1, keepdims=True) * d50[:, None] for m in matrices(2, n_illuminants))
    colour = ColourCalibration(
        lights, matrices(1, n_illuminants), forward, tuple(np.diag([0.98, 1, 1.02]) for _ in lights), (1.1, 1.0, 0.9)
    )
    made = FrameInfo(
        "a.dng", (96, 130), "mosaic", Camera("Maker", "Phone 1", "Maker Phone 1", "Lens 1.8", colour),
        Exposure(1 / 125, 800, 1.8, 4.3, 26, 1.7e9), Cfa.from_name("GRBG"), None, NOISE,
        default_crop=(2, 4, 90, 120), orientation=6, as_shot_neutral=(0.5, 1.0, 0.625), baseline_exposure_ev=-0.5,
        tags=Tags({"gps": {1: "N", 2: ((48, 1), (8, 1), (12, 1))}}, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def same(a, b):
    """Dataclasses, arrays and tuples compared to six digits, as DNG's rationals keep them."""
    if dataclasses.is_dataclass(a):
        assert type(a) is type(b)
        for field in dataclasses.fields(a):
            same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, tuple | list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, np.ndarray | float):
        np.testing.assert_allclose(b, a, atol=2e-6, rtol=1e-6)
    else:
        assert a == b


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("n_illuminants", [1, 2, 3])
def test_a_stored_mosaic_comes_back_whole(tmp_path, compress, n_illuminants):
    rng = np.random.default_rng(n_illuminants)
    levels = Levels(
        np.array([[60, 61.25], [62, 63]], np.float32)[..., None], (1020.0,),
        rng.integers(-40, 40, 96).astype(np.float32) / 8, rng.integers(-40, 40, 130).astype(np.float32) / 8,
        np.sort(rng.integers(0, 1021, 900)).astype(np.uint16),
    )  # fmt: skip
    area = Area(0, 1, 96, 130, row_pitch=2, column_pitch=2)
    opcodes = OpcodeLists(
        (MapTable(Area(0, 0, 96, 130), np.arange(1024, dtype=np.uint16)),),
        (GainMap(area, 0.5, 0.25, 0.0, 0.0, rng.random((3, 5, 1), np.float32) + 1),),
        (
            WarpRectilinear(((1.0, 0.02, -0.01, 0.0),) * 3, ((0.001, 0.0),) * 3, 0.5, 0.5),
            FixVignetteRadial((0.1, 0.2, 0.0, 0.0, 0.0), 0.5, 0.5, optional=True),
        ),
    )
    about = info(n_illuminants, levels=levels, opcodes=opcodes)
    pixels = rng.integers(0, 900, (96, 130), dtype=np.uint16)
    write_dng(tmp_path / "a.dng", Frame(pixels, Domain.MOSAIC, about, NOISE), compress=compress)
    back = open_dng(tmp_path / "a.dng")
    np.testing.assert_array_equal(back.read(), pixels)
    own = {"path", "compression", "bits", "tags", "reasons"}
    for field in dataclasses.fields(about):
        if field.name not in own:
            same(getattr(about, field.name), getattr(back.info, field.name))
    assert back.info.reasons == ()
    assert back.info.tags.exif["gps"] == {0: b"\2\3\0\0"} | about.tags.exif["gps"]
    assert back.info.tags.xmp == about.tags.xmp
    assert max(back.preview().shape) <= 256


def test_a_wide_warp_asks_for_a_reader_of_1_6(tmp_path):
    warp = WarpRectilinear2(((1.0,) + (0.0,) * 14,) * 3, ((0.0, 0.0),) * 3, ((0.0, 1.0),) * 3, 0.5, 0.5, False)
    frame = Frame(np.full((96, 130, 3), 0.5, np.float32), Domain.CAMERA_RGB, info(), NOISE)
    write_dng(tmp_path / "a.dng", frame.with_info(opcodes=OpcodeLists((), (), (warp,))))
    back = open_dng(tmp_path / "a.dng")
    same(back.info.opcodes.after_demosaic, (warp,))
    assert b"\x13\xc6\x01\x00\x04\x00\x00\x00\x01\x06\x00\x00" in (tmp_path / "a.dng").read_bytes()


@pytest.mark.parametrize("compress", [True, False])
def test_a_linear_negative_is_read_as_the_same_light(tmp_path, compress):
    rng = np.random.default_rng(4)
    rgb = (rng.random((96, 130, 3)) - 0.05).astype(np.float32)
    gain = np.full((7, 10, 3), 1.5, np.float32)
    frame = Frame(rgb * 2, Domain.CAMERA_RGB, info(), NOISE.scaled(2.0), 6.0, gain, 2.0)
    write_dng(tmp_path / "a.dng", frame, compress=compress)
    back = open_dng(tmp_path / "a.dng")
    levels = back.info.levels
    stored = levels.table[back.read()].astype(np.float64)
    light = (stored - levels.black[0, 0]) / (np.array(levels.white) - levels.black[0, 0])
    variance = (1.5 * min(NOISE.alpha) * np.maximum(rgb, 0) + 1.5**2 * min(NOISE.beta)) / 6
    assert np.all(np.abs(light - rgb) < np.sqrt(variance) / 16 + 1 / (levels.white[0] - levels.black[0, 0, 0]))
    assert back.info.kind == "linear"
    assert back.info.baseline_exposure_ev == pytest.approx(0.5)
    np.testing.assert_allclose(back.info.noise.alpha, np.array(NOISE.alpha) * 1.5 / 6)
    np.testing.assert_allclose(back.info.noise.beta, np.array(NOISE.beta) * 1.5**2 / 6)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("raw_colorchecker_canon550d", "colorchart.dng"),
        ("dng_lossy_linear_canon6d", "canon_eos_6d.dng"),
        ("raw_pi_dng_minimal", "pi_640x480_10bit_pidng.dng"),
    ],
)
def test_a_real_file_written_anew_says_the_same(tmp_path, shared_data, folder, name):
    original = open_dng(shared_data(folder) / name)
    pixels = original.read()
    domain = Domain.MOSAIC if pixels.ndim == 2 else Domain.CAMERA_RGB
    frame = Frame(pixels, domain, original.info, original.info.noise or NOISE)
    write_dng(tmp_path / "a.dng", frame)
    back = open_dng(tmp_path / "a.dng")
    np.testing.assert_array_equal(back.read(), pixels)
    for field in ("shape", "kind", "cfa", "levels", "opcodes", "as_shot_neutral", "orientation", "exposure"):
        same(getattr(original.info, field), getattr(back.info, field))
    same(original.info.camera.colour, back.info.camera.colour)
    for group in ("exif", "gps"):
        tags = original.info.tags.exif.get(group, {})
        kept = {t: v for t, v in tags.items() if t not in (37500, 37510, 40961, 40962, 40963)}
        assert kept.items() <= back.info.tags.exif.get(group, {}).items()
