"""Lateral colour found in pictures, against what was put into them."""

import numpy as np
import pytest

from lichtbild.core import Cfa, Domain, Frame, FrameInfo, NoiseModel
from lichtbild.stages.lens.lateral import lateral_colour

SHAPE = (600, 800)
HALF = 0.5 * np.hypot(*SHAPE)
NOISE = NoiseModel((2e-4,) * 3, (2e-6,) * 3, "simulated")


def leaves(y, x, seed=4, n=1600):
    """Coloured soft discs as functions of position, [3, H, W]."""
    rng = np.random.default_rng(seed)
    out = np.full((3, *y[0].shape), 0.2)
    for _ in range(n):
        cy, cx = rng.uniform(-20, SHAPE[0] + 20), rng.uniform(-20, SHAPE[1] + 20)
        r, tone = 4 / np.sqrt(rng.uniform(0.01, 1)), rng.uniform(0.03, 0.6)
        colour = np.clip(tone * (1 + 0.35 * rng.normal(size=3)), 0.01, 0.9)
        low, high = (max(int(cy - r - 6), 0), max(int(cx - r - 6), 0)), (int(cy + r + 7), int(cx + r + 7))
        at = np.s_[low[0] : high[0], low[1] : high[1]]
        for c in range(3):
            cover = np.clip((r - np.hypot(y[c][at] - cy, x[c][at] - cx)) / 1.2 + 0.5, 0, 1)
            out[c][at] += cover * (colour[c] - out[c][at])
    return out


def torn(k_red, k_blue):
    """A picture whose red and blue lie further out than green by their k."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    dy, dx = y - SHAPE[0] / 2, x - SHAPE[1] / 2
    r2 = (dy * dy + dx * dx) / HALF**2
    ys, xs = [], []
    for k in (k_red, (0, 0, 0), k_blue):
        factor = 1 / (1 + k[0] + k[1] * r2 + k[2] * r2 * r2)  # near enough the inverse for such small k
        ys.append(SHAPE[0] / 2 + dy * factor)
        xs.append(SHAPE[1] / 2 + dx * factor)
    return leaves(ys, xs)


def frame_of(light, mosaic, seed=0):
    rng = np.random.default_rng(seed)
    if not mosaic:
        noisy = light + rng.normal(size=light.shape) * np.sqrt(2e-5 * light + 2e-7)
        info = FrameInfo("lateral", SHAPE, "linear")
        return Frame(np.ascontiguousarray(noisy.transpose(1, 2, 0), np.float32), Domain.CAMERA_RGB, info, NOISE)
    cfa = Cfa.from_name("GRBG")
    index = np.asarray(cfa.colours)[np.arange(SHAPE[0])[:, None] % 2, np.arange(SHAPE[1])[None, :] % 2]
    raw = np.take_along_axis(light, index[None], 0)[0]
    raw = raw + rng.normal(size=raw.shape) * np.sqrt(2e-4 * raw + 2e-6)
    return Frame(raw.astype(np.float32), Domain.MOSAIC, FrameInfo("lateral", SHAPE, "mosaic", cfa=cfa), NOISE)


@pytest.mark.parametrize("mosaic", [False, True])
@pytest.mark.parametrize(
    ("red", "blue"), [((2e-3, 0.0, 0.0), (-3e-3, 1e-3, 0.0)), ((-1e-3, 5e-3, -1e-3), (4e-3, 0.0, 2e-3))]
)
def test_what_was_put_in_is_found(mosaic, red, blue):
    found = lateral_colour(frame_of(torn(red, blue), mosaic))
    r = np.linspace(0, 0.9, 20)
    for mine, wanted in ((found.red, red), (found.blue, blue)):
        error = HALF * r * np.polynomial.polynomial.polyval(r * r, np.subtract(mine, wanted))
        assert np.abs(error).max() < 0.2
        assert np.sqrt(np.mean(error**2)) < 0.1
    assert found.is_certain


@pytest.mark.parametrize("mosaic", [False, True])
def test_none_is_found_where_none_is(mosaic):
    found = lateral_colour(frame_of(torn((0, 0, 0), (0, 0, 0)), mosaic))
    assert max(found.greatest_px) < 0.2
    assert not found.is_certain


def test_flat_and_small_pictures_tell_nothing():
    assert lateral_colour(frame_of(np.full((3, *SHAPE), 0.3), False)) is None
    small = Frame(
        np.full((100, 100, 3), 0.3, np.float32), Domain.CAMERA_RGB, FrameInfo("s", (100, 100), "linear"), NOISE
    )
    assert lateral_colour(small) is None


def test_the_opcode_brings_colours_together():
    from lichtbild.core.corrections import OpcodeLists
    from lichtbild.stages.lens import correct

    light = torn((3e-3, 0.0, 0.0), (-4e-3, 0.0, 0.0))
    frame = frame_of(light, False)
    warp = lateral_colour(frame).warp()
    straight = leaves(*(np.repeat(v[None], 3, 0) for v in np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5))
    before = frame.pixels.transpose(2, 0, 1) - straight
    done = correct(frame.with_info(opcodes=OpcodeLists((), (), (warp,))))
    after = done.pixels.transpose(2, 0, 1) - straight
    inside = np.s_[8:-8, 8:-8]
    for c in (0, 2):
        assert np.std(after[c][inside]) < 0.35 * np.std(before[c][inside])
