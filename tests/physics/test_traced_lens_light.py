"""A picture through a traced lens: light, places and sharpness are those of the glass."""

from pathlib import Path

import numpy as np
import pytest

from lichtbild.core import UsageError
from lichtbild.core.corrections import WarpRectilinear2
from lichtbild.optics.aim import ObjectPoint
from lichtbild.optics.field import full_angle_deg
from lichtbild.optics.lens_file import read_lens
from lichtbild.optics.psf_field import Band, through_pixels
from lichtbild.optics.pupil import fit_pupil
from lichtbild.simulate import Layer, Lens, Scene, Sensor, Simulation, VirtualCamera, traced_lens
from lichtbild.simulate.patterns import along
from lichtbild.simulate.scene import samples_for

LENS = read_lens(Path(__file__).parent.parent / "golden" / "lenses" / "triplet.json")
SHAPE, PIXEL_MM, MARGIN = (200, 296), 0.05, 16
WAVES = (610.0, 540.0, 465.0)


@pytest.fixture(scope="module")
def glass():
    bands = tuple(Band((wave,), (1.0,)) for wave in WAVES)
    return traced_lens(LENS, SHAPE, PIXEL_MM, bands, reach_px=4.0, n_radii=5)


def seen(glass, rgb, plane=None, movers=(), ideal=False):
    camera = VirtualCamera(Sensor(bits=14, black=512), glass, white_at=0.8)
    scene = Scene.flat(rgb, 2.0, MARGIN, movers)
    return Simulation(scene, camera, n_frames=1, shape=SHAPE, affines=np.eye(2, 3)[None]).light(0, plane, ideal=ideal)


def dots(step=40, sigma_px=1.2):
    n = samples_for(SHAPE, 2.0, MARGIN)
    y, x = np.mgrid[0 : n[0], 0 : n[1]].astype(np.float32)
    y, x = (y + 0.5) / 2 - MARGIN, (x + 0.5) / 2 - MARGIN
    d2 = ((y - SHAPE[0] / 2 + step / 2) % step - step / 2) ** 2 + ((x - SHAPE[1] / 2 + step / 2) % step - step / 2) ** 2
    return np.ascontiguousarray(np.broadcast_to(np.exp(-d2 / (2 * sigma_px**2)), (3, *n)), np.float32)


def test_white_stays_white(glass):
    light = seen(glass, np.full((3, *samples_for(SHAPE, 2.0, MARGIN)), 0.5, np.float32), 1)
    # Patterns have the sum 1 everywhere, and so has their mixture.
    np.testing.assert_allclose(light, 0.4, rtol=1e-5)


def test_dots_land_where_the_rays_go(glass):
    focal = glass.table.focal_length_mm
    colour = VirtualCamera().scene_to_camera().sum(1) > 0
    assert colour.all()
    for plane, wave in enumerate(WAVES):
        light = seen(glass, dots(), plane)
        for i, j in ((0, 1), (2, 3), (-2, -3), (0, -3)):
            ideal = np.array([j * 40.0, i * 40.0]) * PIXEL_MM
            angles = tuple(np.degrees(np.arctan(ideal / focal)))
            centre = fit_pupil(LENS, ObjectPoint(angles), wave).centre_mm
            # The picture is upright, the lens's image upside down.
            wanted = np.array([SHAPE[1] / 2, SHAPE[0] / 2]) - np.array(centre) / PIXEL_MM
            left, top = (np.floor(wanted) - 7).astype(int)
            cut = light[top : top + 15, left : left + 15].astype(float)
            at = np.arange(15) + 0.5
            found = (cut.sum(0) @ at / cut.sum() + left, cut.sum(1) @ at / cut.sum() + top)
            np.testing.assert_allclose(found, wanted, atol=0.03)


def test_every_pixel_has_its_own_pattern(glass):
    """Mixing the patterns of the cells' corners against the very pattern of a pixel's place. A cell is a third of this
    picture; of 12 MP it is a thirtieth, and the error 0.1 %."""
    rng = np.random.default_rng(3)
    n = samples_for(SHAPE, 2.0, MARGIN)
    rgb = np.clip(np.cumsum(rng.normal(size=(3, *n)), 2) * 0.05 + 0.5, 0.05, 1).astype(np.float32)
    light = seen(glass, rgb, 1, ideal=True)
    fine = (VirtualCamera(lens=glass, white_at=0.8).scene_to_camera() @ rgb.reshape(3, -1)).reshape(rgb.shape)[1]
    taps, error, level = glass.taps, [], []
    for _ in range(60):
        row, column = rng.integers(8, SHAPE[0] - 8), rng.integers(8, SHAPE[1] - 8)
        place = (np.array([column, row]) + 0.5 - np.array([SHAPE[1], SHAPE[0]]) / 2) * PIXEL_MM
        weights = through_pixels(glass.field.at(place[:1], place[1:])[0, 1], glass.field.pitch_mm, PIXEL_MM, taps)
        top, left = 2 * (row + MARGIN) - taps // 2 + 1, 2 * (column + MARGIN) - taps // 2 + 1
        exact = (fine[top : top + taps, left : left + taps] * weights).sum()
        error.append(light[row, column] - exact)
        level.append(exact)
    assert np.sqrt(np.mean(np.square(error))) < 6e-3 * np.mean(level)


def test_lateral_colour_and_shading_are_the_lens_s(glass):
    gain = glass.shading_gain(SHAPE, (0, 1, 1, 2))
    corner = 0.5 * np.hypot(*SHAPE) * PIXEL_MM
    np.testing.assert_allclose(
        gain[0, 0, 1], 1 / np.interp(corner, glass.table.height_mm[1], glass.table.illumination[1]), rtol=1e-3
    )
    assert gain[6, 8, 1] == pytest.approx(1, abs=1e-3)
    # The middle of the green table is what a ray says.
    angle = full_angle_deg(LENS, 0.7 * corner, WAVES[1])
    x, y = glass.to_raw(
        np.array([SHAPE[1] / 2]),
        np.array([SHAPE[0] / 2 + glass.table.focal_length_mm * np.tan(np.radians(angle)) / PIXEL_MM]),
        SHAPE,
    )
    assert y[0] - SHAPE[0] / 2 == pytest.approx(0.7 * corner / PIXEL_MM, abs=0.02)
    assert x[0] == SHAPE[1] / 2


def test_the_file_s_warp_is_the_lens_s(glass):
    lists = glass.opcodes(SHAPE, (0, 1, 1, 2))
    warp = next(op for group in vars(lists).values() for op in group if isinstance(op, WarpRectilinear2))
    for plane in range(3):
        raw, ideal = glass._radii(plane)
        r = np.linspace(0.05, 1, 40)
        wanted = np.interp(r, ideal, raw)
        mine = r * sum(k * r**i for i, k in enumerate(warp.radial[plane]))
        # px at the corner's scale; the table is read by straight lines here.
        assert np.abs(mine - wanted).max() * 0.5 * np.hypot(*SHAPE) < 0.05


def test_what_is_in_front_hides_what_is_behind(glass):
    n = samples_for(SHAPE, 2.0, MARGIN)
    layer = np.zeros((4, 60, 60), np.float32)
    layer[3, 15:45, 15:45] = 1
    mover = Layer(layer, (SHAPE[1] / 2 + 30.3, SHAPE[0] / 2 - 20.6))
    light = seen(glass, np.full((3, *n), 0.5, np.float32), 1, (mover,))
    assert light[78:81, 177:180].max() < 2e-3
    # The darkness missing is as large as what stands in front.
    assert (0.4 - light).sum() / 0.4 == pytest.approx(15 * 15, rel=0.02)


def test_the_hand_blurs_along_its_path():
    pattern = np.zeros((65, 65))
    pattern[32, 32] = 1
    path = np.stack([np.linspace(-1.5, 1.5, 31), np.zeros(31)], 1)
    still = through_pixels(pattern, 0.125, 1.0, 24)
    ways = np.broadcast_to(path, (1, 1, 31, 2))
    moved = along(np.broadcast_to(still, (1, 1, 3, 24, 24)), ways, np.full(31, 1 / 31))[0, 0, 1]
    at, away = ((np.arange(len(h)) - (len(h) - 1) / 2) / 2 for h in (still, moved))
    variance = [np.sum(h.sum(0) * a**2) for h, a in ((still, at), (moved, away))]
    # 31 places 0.1 px apart; the square of the pixel itself has a variance of 1 / 12.
    assert variance[1] - variance[0] == pytest.approx(0.01 * (31**2 - 1) / 12, rel=0.02)
    f = np.linspace(0, 0.5, 6)
    mtf = np.abs(np.exp(-2j * np.pi * np.outer(f, away)) @ moved.sum(0))
    wanted = np.abs(np.mean(np.exp(-2j * np.pi * np.outer(f, path[:, 0])), 1)) * np.sinc(f)
    np.testing.assert_allclose(mtf, wanted, atol=2e-3)
    inner = slice((len(moved) - 24) // 2, (len(moved) + 24) // 2)
    np.testing.assert_allclose(still.sum(1), moved.sum(1)[inner], atol=1e-3)


def test_a_sensor_larger_than_the_picture_is_refused():
    with pytest.raises(UsageError, match="diagonal"):
        traced_lens(LENS, (3000, 4000), 0.05)
    assert not Lens().has_warp


def test_out_of_focus_the_traced_lens_makes_the_spot_of_its_aperture(glass):
    """Variance of the pattern grows by that of an even disc, d^2 / 8, as the thin lens's spot says."""
    still, wide = (glass.psf_nodes(SHAPE, spot)[0, 0, 1].astype(float) for spot in (0.0, 4.0))
    spread = []
    for weights in (still, wide):
        at = (np.arange(len(weights)) - (len(weights) - 1) / 2) / 2
        total = weights.sum()
        cx, cy = (weights.sum(0) * at).sum() / total, (weights.sum(1) * at).sum() / total
        spread.append(((weights.sum(0) * (at - cx) ** 2).sum() + (weights.sum(1) * (at - cy) ** 2).sum()) / total)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    # At the corner the beam is cut and seen from the side.
    assert 0.3 * 2 < spread[1] - spread[0] < 1.2 * 2
