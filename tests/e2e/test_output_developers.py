"""Our DNGs in the developers photographers use: RawTherapee and darktable open every form and show the scene."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from lichtbild.core import Camera, Cfa, ColourCalibration, Domain, Exposure, Frame, FrameInfo, Levels, NoiseModel
from lichtbild.core.corrections import Area, GainMap, OpcodeLists, WarpRectilinear
from lichtbild.output import bayer_negative, write_dng

NOISE = NoiseModel((1e-4,) * 3, (1e-6,) * 3, "simulated")
SRGB_TO_XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
NEUTRAL = (0.5, 1.0, 0.6)
HEIGHT, WIDTH = 400, 560


def scene():
    """Linear sRGB: waves of light over four coloured quarters."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 0.3 + 0.2 * np.sin(x / 31) * np.cos(y / 37)
    rgb = np.repeat(light[..., None], 3, 2)
    rgb[: HEIGHT // 2, : WIDTH // 2] *= [1.0, 0.7, 0.5]
    rgb[HEIGHT // 2 :, WIDTH // 2 :] *= [0.6, 0.8, 1.0]
    return rgb


def frame(kind):
    matrix = np.diag(NEUTRAL) @ np.linalg.inv(SRGB_TO_XYZ)
    colour = ColourCalibration(((0.31271, 0.32902),), (matrix,))
    warp = WarpRectilinear(((1.0, 0.0, 0.0, 0.0),) * 3, ((0.0, 0.0),) * 3, 0.5, 0.5)
    info = FrameInfo(
        "shot", (HEIGHT, WIDTH), "mosaic", Camera("Maker", "Phone 1", "Maker Phone 1", colour=colour),
        Exposure(1 / 125, 100, 1.8, 4.3, 26, 1.7e9), Cfa.from_name("RGGB"), None, NOISE, as_shot_neutral=NEUTRAL,
        opcodes=OpcodeLists((), (), (warp,)),
    )  # fmt: skip
    negative = Frame((scene() * NEUTRAL).astype(np.float32), Domain.CAMERA_RGB, info, NOISE)
    if kind == "linear":
        return negative
    mosaic = bayer_negative(negative)
    if kind == "bayer":
        return mosaic
    area = Area(0, 0, HEIGHT, WIDTH)
    gain = GainMap(area, 0.5, 0.5, 0.0, 0.0, np.ones((3, 3, 1), np.float32))
    stored = np.clip(mosaic.pixels * 959 + 64.5, 0, 1023).astype(np.uint16)
    levels = Levels(np.full((2, 2, 1), 64, np.float32), (1023.0,))
    return mosaic.replaced(pixels=stored).with_info(levels=levels, opcodes=OpcodeLists((), (gain,), (warp,)))


def developed(developer, path, folder):
    """The picture that `developer` makes of `path`, float [H, W, 3], or a skip where it is not installed."""
    if shutil.which(developer) is None:
        pytest.skip(f"{developer} is not installed")
    out = folder / "developed.png"
    home = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    if developer == "rawtherapee-cli":
        command = [developer, "-o", str(out), "-n", "-Y", "-c", str(path)]
    else:
        command = [developer, str(path), str(out), "--core", "--disable-opencl", "--library", ":memory:"]
        command += ["--configdir", str(folder / "config")]
    done = subprocess.run(command, capture_output=True, text=True, env=home, timeout=120, check=False)
    assert out.exists(), done.stdout + done.stderr
    with Image.open(out) as picture:
        return np.asarray(picture.convert("RGB"), float)


@pytest.mark.parametrize("developer", ["rawtherapee-cli", "darktable-cli"])
@pytest.mark.parametrize("kind", ["stored", "bayer", "linear"])
def test_a_developer_shows_the_scene(tmp_path, developer, kind):
    write_dng(tmp_path / "shot.dng", frame(kind))
    picture = developed(developer, tmp_path / "shot.dng", tmp_path)
    # RawTherapee cuts a border off a mosaic.
    trim = (HEIGHT - picture.shape[0]) // 2, (WIDTH - picture.shape[1]) // 2
    assert max(trim) <= 4
    expected = scene()[trim[0] : trim[0] + picture.shape[0], trim[1] : trim[1] + picture.shape[1]]
    inner = np.s_[16:-16, 16:-16]
    # Each developer has its own curve, but brighter stays brighter and redder redder.
    light = _ranks(expected[inner].sum(-1)), _ranks(picture[inner].sum(-1))
    assert np.corrcoef(*light)[0, 1] > 0.97
    warmth = (expected[..., 0] - expected[..., 2])[inner], (picture[..., 0] - picture[..., 2])[inner]
    assert np.corrcoef(warmth[0].ravel(), warmth[1].ravel())[0, 1] > 0.9
    grey = picture[40 : HEIGHT // 2 - 40, WIDTH // 2 + 40 : -40]
    assert np.abs(grey - grey.mean(-1, keepdims=True)).mean() < 6


def _ranks(values):
    return np.argsort(np.argsort(values.ravel()))


@pytest.mark.parametrize("kind", ["stored", "bayer", "linear"])
def test_compressed_and_plain_are_the_same_picture(tmp_path, kind):
    rawpy = pytest.importorskip("rawpy", reason="LibRaw (rawpy) is not installed")
    pictures = []
    for compress in (True, False):
        write_dng(tmp_path / "shot.dng", frame(kind), compress=compress, force=True)
        with rawpy.imread(str(tmp_path / "shot.dng")) as raw:
            pictures.append(raw.postprocess(use_camera_wb=True))
    np.testing.assert_array_equal(*pictures)
