"""The simulation obeys the physics it claims: photon transfer, motion, blur, geometry, colour."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from lichtbild.core import Cfa, UsageError
from lichtbild.core.camera import RED
from lichtbild.core.colour_space import D50_XY, bradford, xy_to_xyz
from lichtbild.core.frame import cfa_plane_index
from lichtbild.simulate import (
    Hand,
    Layer,
    Lens,
    Scene,
    Sensor,
    Simulation,
    Travel,
    VirtualCamera,
    expose,
    reference,
    simulate,
)
from lichtbild.simulate.lens import lens_frame
from lichtbild.simulate.scene import samples_for

PLAIN = VirtualCamera(Sensor(), Lens())


def ramp(shape: tuple[int, int], low: float = 0.0, high: float = 0.9) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(np.linspace(low, high, shape[1], dtype=np.float32), shape))


def random_scene(shape: tuple[int, int], margin: int = 24, oversampling: float = 1.5, seed: int | None = None) -> Scene:
    """Smooth random texture with detail down to about 3 px."""
    rng = np.random.default_rng(seed)
    n = samples_for(shape, oversampling, margin)
    rgb = np.stack([scipy.ndimage.gaussian_filter(rng.standard_normal(n), 1.8 * oversampling / 1.5) for _ in range(3)])
    return Scene.flat((0.35 + 0.6 * rgb / np.abs(rgb).max()).astype(np.float32), oversampling, margin)


@pytest.mark.parametrize("iso", [100.0, 800.0, 3200.0])
def test_photon_transfer_gives_the_noise_profile(iso: float) -> None:
    sensor = Sensor(bits=14, black=4096)
    light = ramp((600, 800), 0.0, 0.6)
    frames = [expose(sensor, light, iso, seed).astype(np.float64) for seed in (11, 12)]
    scale = sensor.white - sensor.black
    # Columns are equal light; the difference of two frames holds noise alone.
    signal = (np.mean(frames, 0).mean(0) - sensor.black) / scale
    variance = (frames[0] - frames[1]).var(0) / 2 / scale**2
    inner = slice(40, -40)
    alpha, beta = np.polyfit(signal[inner], variance[inner], 1, w=1 / variance[inner])
    truth = sensor.noise(iso)
    assert alpha == pytest.approx(truth.alpha[0], rel=0.03)
    dark = expose(sensor, np.zeros((500, 500), np.float32), iso, 3).astype(np.float64)
    assert dark.var() / scale**2 == pytest.approx(truth.beta[0] + 1 / 12 / scale**2, rel=0.03)
    assert beta == pytest.approx(truth.beta[0], rel=0.25, abs=4e-6)


def test_light_is_conserved() -> None:
    sensor = Sensor(bits=14, black=1024)
    light = ramp((400, 400), 0.001, 0.8)
    mean = np.mean([expose(sensor, light, 3200, seed) for seed in range(20)], 0)
    signal = (mean - sensor.black) / (sensor.white - sensor.black)
    np.testing.assert_allclose(signal.mean(0), light[0], atol=5 * np.sqrt(0.008 / 8000))
    assert signal.mean() == pytest.approx(light.mean(), rel=1e-3)


@pytest.mark.parametrize("mean", [0.3, 3.0, 9.9, 10.1, 40.0])
def test_counts_are_poisson(mean: float) -> None:
    z, _, u = reference.random_numbers((300, 400), int(mean * 1000) + 5)
    counts = reference.poisson(np.full((300, 400), mean), u, z).ravel()
    edges = np.arange(int(mean + 8 * np.sqrt(mean) + 4))
    wanted = scipy.stats.poisson.pmf(edges, mean) * counts.size
    seen = np.bincount(counts.astype(int), minlength=len(edges))[: len(edges)]
    usual = wanted > 20
    chi2 = ((seen - wanted)[usual] ** 2 / wanted[usual]).sum()
    assert chi2 < scipy.stats.chi2.ppf(0.999999, usual.sum())


def test_random_numbers_are_normal_and_white() -> None:
    a, b, u = reference.random_numbers((512, 512), 7)
    for values in (a, b):
        assert scipy.stats.kstest(values.ravel()[::7], "norm").pvalue > 1e-4
    assert scipy.stats.kstest(u.ravel()[::7], "uniform").pvalue > 1e-4
    for p, q in ((a, b), (a, u), (a[1:], a[:-1]), (a[:, 1:], a[:, :-1]), (b[2:, 1:], b[:-2, :-1])):
        assert abs(np.corrcoef(p.ravel(), q.ravel())[0, 1]) < 0.01
    spectrum = np.abs(np.fft.fft2(a - a.mean())) ** 2 / a.size
    assert spectrum.max() < 25  # exponential with mean 1: the largest of 2.6e5 is near 12.5


def test_noise_of_frames_is_independent_and_repeatable() -> None:
    scene = random_scene((96, 128), seed=1)
    options = {"n_frames": 3, "iso": 1600, "affines": np.tile(np.eye(2, 3), (3, 1, 1))}
    simulation = Simulation(scene, PLAIN, seed=5, **options)
    light = simulation.light(0)
    noise = [simulation.stored(k) - (light * 959 + 64) for k in range(3)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(noise[a].ravel(), noise[b].ravel())[0, 1]) < 0.04
    np.testing.assert_array_equal(simulation.stored(1), Simulation(scene, PLAIN, seed=5, **options).stored(1))
    assert np.any(simulation.stored(1) != Simulation(scene, PLAIN, seed=6, **options).stored(1))


def _shift_by_phase(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Least-squares fit of the phase of the cross-spectrum at low frequencies: (dx, dy) of b against a."""
    window = np.hanning(a.shape[0])[:, None] * np.hanning(a.shape[1])
    fa, fb = (np.fft.fft2((v - v.mean()) * window) for v in (a, b))
    fy, fx = np.fft.fftfreq(a.shape[0])[:, None], np.fft.fftfreq(a.shape[1])[None, :]
    use = (np.hypot(fx, fy) < 0.08) & (np.hypot(fx, fy) > 0.005)
    cross = fb * np.conj(fa)
    weight = np.abs(cross)[use]
    grid = np.stack([np.broadcast_to(fx, a.shape)[use], np.broadcast_to(fy, a.shape)[use]], 1) * -2 * np.pi
    left, right = grid * weight[:, None], np.angle(cross)[use] * weight
    dx, dy = np.linalg.lstsq(left, right, rcond=None)[0]
    return dx, dy


def test_shift_and_rotation_are_where_the_truth_says() -> None:
    shape = (256, 320)
    scene = random_scene(shape, seed=3)
    angle = np.deg2rad(0.4)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([160.0, 128.0])
    affines = np.stack([np.eye(2, 3), np.c_[np.eye(2), [2.37, -1.61]], np.c_[turn, centre - turn @ centre]])
    simulation = Simulation(scene, PLAIN, n_frames=3, shape=shape, affines=affines)
    first, shifted, turned = (simulation.light(k, 1) for k in range(3))
    assert _shift_by_phase(first, shifted) == pytest.approx((2.37, -1.61), abs=0.01)
    # A rotation seen at two ends: the shift is perpendicular to the lever arm.
    for cx, cy in ((64, 128), (256, 128), (160, 60)):
        box = (slice(cy - 60, cy + 60), slice(cx - 60, cx + 60))
        expected = (turn - np.eye(2)) @ (np.array([cx, cy]) - centre)
        assert _shift_by_phase(first[box], turned[box]) == pytest.approx(tuple(expected), abs=0.04)


def test_blur_is_the_gaussian_and_the_pixel() -> None:
    # Waves of a known frequency keep exp(-2 pi^2 s^2 f^2) sinc(f) of their amplitude.
    for f in (0.05, 0.2, 0.4, 0.6):
        oversampling, margin, shape = 1.5, 24, (16, 512)
        n = samples_for(shape, oversampling, margin)
        at = (np.arange(n[1]) + 0.5) / oversampling - margin
        wave = np.broadcast_to(0.5 + 0.4 * np.cos(2 * np.pi * f * at), (3, *n)).astype(np.float32)
        camera = VirtualCamera(Sensor(), Lens(0.45), white_at=1.0)
        light = Simulation(
            Scene.flat(np.ascontiguousarray(wave), oversampling, margin), camera, n_frames=1, shape=shape
        ).light(0, 1)[8]
        x = np.arange(shape[1]) + 0.5
        c, s = np.cos(2 * np.pi * f * x), np.sin(2 * np.pi * f * x)
        fit = np.linalg.lstsq(np.stack([np.ones_like(c), c, s], 1), light, rcond=None)[0]
        wanted = 0.4 * np.exp(-2 * (np.pi * 0.45 * f) ** 2) * np.sinc(f)
        assert fit[0] == pytest.approx(0.5, abs=2e-4)
        assert fit[1] == pytest.approx(wanted, abs=0.004)
        assert abs(fit[2]) < 0.002  # no shift


def test_undistortion_undoes_the_dng_warp() -> None:
    lens = Lens(radial=((-0.05, 0.01, -0.002), (-0.051, 0.011, -0.002), (-0.03, 0.0, 0.0)))
    shape = (3024, 4032)
    cx, cy, inverse_r2 = lens_frame(shape)
    for plane in range(3):
        x, y = np.meshgrid(np.linspace(0, shape[1], 30), np.linspace(0, shape[0], 20))
        rx, ry = lens.to_raw(x, y, shape, plane)
        r2 = ((rx - cx) ** 2 + (ry - cy) ** 2) * inverse_r2
        stretch = sum(float(a) * r2 ** (k / 2) for k, a in enumerate(lens.undistortion()[plane]))
        error = np.hypot(cx + (rx - cx) * (1 + stretch) - x, cy + (ry - cy) * (1 + stretch) - y)
        assert error.max() < 0.01


def test_gain_maps_flatten_a_flat_field() -> None:
    shape = (120, 160)
    scene = Scene.flat(np.full((3, *samples_for(shape, 1.0, 8)), 0.5, np.float32), 1.0, 8)
    lens = Lens(corner_gain=(2.4, 2.0, 1.8))
    camera = VirtualCamera(Sensor(Cfa.from_name("GBRG")), lens)
    simulation = Simulation(scene, camera, n_frames=1, iso=50, shape=shape)
    mean = np.mean([expose(camera.sensor, simulation.light(0), 50, s, simulation._gain) for s in range(60)], 0)
    linear = (mean - 64) / 959
    maps = simulation.info(0).opcodes.on_linear
    assert len(maps) == 4
    for gain_map in maps:
        area = gain_map.area
        rows, columns = np.arange(area.top, area.bottom, 2), np.arange(area.left, area.right, 2)
        v = ((rows + 0.5) / shape[0] - gain_map.origin_v) / gain_map.spacing_v
        u = ((columns + 0.5) / shape[1] - gain_map.origin_h) / gain_map.spacing_h
        gain = scipy.ndimage.map_coordinates(gain_map.gain[..., 0], np.meshgrid(v, u, indexing="ij"), order=1)
        linear[area.top :: 2, area.left :: 2] *= gain
    planes = cfa_plane_index(camera.sensor.cfa, shape)
    for colour in range(3):
        values = linear[planes == colour]
        assert values.mean() == pytest.approx(0.5 * 0.8 * camera.neutral()[colour], rel=2e-3)
        corner = linear[:20, :20][planes[:20, :20] == colour].mean()
        assert corner == pytest.approx(values.mean(), rel=0.01)


@pytest.mark.parametrize("name", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("quad", [1, 2])
def test_every_site_sees_its_own_colour(name: str, quad: int) -> None:
    shape = (32, 48)
    rgb = np.zeros((3, *samples_for(shape, 1.0, 8)), np.float32)
    rgb[RED] = 0.9
    camera = VirtualCamera(Sensor(Cfa.from_name(name, quad)), Lens())
    simulation = Simulation(Scene.flat(rgb, 1.0, 8), camera, n_frames=1, iso=100, shape=shape)
    light = simulation.light(0)
    wanted = (camera.scene_to_camera() @ [0.9, 0, 0])[cfa_plane_index(camera.sensor.cfa, shape)]
    np.testing.assert_allclose(light, wanted, atol=1e-5)


def test_matrices_lead_back_to_the_scene() -> None:
    camera = VirtualCamera()
    # The forward matrix of a calibration illuminant brings its white to the white of the connection space.
    for matrix in camera.colour.camera_to_pcs:
        np.testing.assert_allclose(matrix @ np.ones(3), xy_to_xyz(D50_XY), atol=1e-9)
    neutral = np.array(camera.neutral())
    np.testing.assert_allclose(camera.scene_to_camera() @ np.ones(3), camera.white_at * neutral, atol=1e-9)
    for xy, xyz_to_camera, forward in zip(
        camera.colour.illuminants_xy, camera.colour.xyz_to_camera, camera.colour.camera_to_pcs, strict=True
    ):
        white = xy_to_xyz(xy)
        patch = np.array([0.3, 0.2, 0.1])
        balanced = (xyz_to_camera @ patch) / (xyz_to_camera @ white)
        np.testing.assert_allclose(forward @ balanced, bradford(white, xy_to_xyz(D50_XY)) @ patch, atol=1e-9)


def test_movers_cover_move_and_are_masked() -> None:
    shape, margin = (120, 160), 16
    scene = random_scene(shape, margin)
    layer = np.zeros((4, 60, 60), np.float32)
    layer[:, 12:48, 12:48] = 1.0  # a white square of 24 px
    mover = Layer(layer, (50.0, 60.0), travel=Travel((7.0 * 15, -2.0 * 15)))
    scene = Scene.flat(scene.ground, 1.5, margin, (mover,))
    still = np.tile(np.eye(2, 3), (4, 1, 1))
    made = simulate(scene, PLAIN, n_frames=4, affines=still, shape=shape)
    simulation = Simulation(scene, PLAIN, n_frames=4, affines=still, shape=shape)
    for k in range(4):
        light = simulation.light(k, 1)
        y, x = 60 - 2 * k, 50 + 7 * k
        np.testing.assert_allclose(light[y - 10 : y + 10, x - 10 : x + 10], 0.8, atol=2e-3)
    masks = made.truth.masks
    ys, xs = np.nonzero(masks["objects"])
    assert (xs.mean(), ys.mean()) == pytest.approx((49.5, 59.5), abs=0.3)
    assert np.all(masks["swept"][masks["objects"]])
    assert np.all(masks["boxes"][masks["swept"]])
    assert masks["swept"].sum() > 1.5 * masks["objects"].sum()
    moved = np.abs(simulation.light(3) - simulation.light(0)) > 0.01
    assert np.all(masks["swept"][moved])


def test_hot_pixels_stay_where_they_are() -> None:
    sensor = Sensor(hot_fraction=0.01, hot_scale=0.3)
    where, extra = sensor.hot_pixels((100, 120))
    assert len(where) == pytest.approx(120, abs=45)
    frames = [expose(sensor, np.full((100, 120), 0.05, np.float32), 100, s) for s in (1, 2)]
    clear = where[extra > 0.2]
    for frame in frames:
        assert np.all(frame.ravel()[clear] > 64 + 959 * 0.2)


def test_a_hand_wanders_as_told() -> None:
    times = np.arange(8) / 15
    paths = np.stack([Hand().angles(times, np.random.default_rng(s)) for s in range(60)])
    assert np.all(paths[:, 0] == 0)
    step = np.rad2deg(np.diff(paths[:, :, 0], axis=1)) * 15
    # The drift's 0.8 degrees a second, and three tremors of 0.008 degrees sampled 15 times a second.
    assert 0.6 < step.std() < 1.3
    still = Hand(0, 0, 0).affines(times, (100, 100), 300, 0.01, np.random.default_rng(0))
    np.testing.assert_allclose(still, np.tile(np.eye(2, 3), (8, 1, 1)), atol=1e-12)


def test_rolling_shutter_skews() -> None:
    hand = Hand(drift_deg_s=20, roll_deg_s=0, tremor_deg=0, memory_s=1e6)
    shape, times = (400, 400), np.arange(3) / 20
    moved = hand.affines(times, shape, 500.0, 0.04, np.random.default_rng(2))
    plain = hand.affines(times, shape, 500.0, 0.0, np.random.default_rng(2))
    # Constant velocity: every frame is skewed alike, so that between frames only a shift is left.
    np.testing.assert_allclose(moved[:, :, :2], np.tile(np.eye(2), (3, 1, 1)), atol=1e-5)
    assert np.all(np.abs(plain[1:, :, 2]).max(1) > 1)


def test_wrong_arguments_are_named() -> None:
    scene = random_scene((32, 32), 8)
    with pytest.raises(UsageError, match="n_frames"):
        Simulation(scene, PLAIN, n_frames=65)
    with pytest.raises(Exception, match="do not fit"):
        Simulation(scene, PLAIN, shape=(64, 64))


def test_a_bracket_scales_light_and_time() -> None:
    shape = (40, 60)
    scene = Scene.flat(np.full((3, *samples_for(shape, 1.0, 8)), 0.2, np.float32), 1.0, 8)
    simulation = Simulation(scene, PLAIN, n_frames=3, iso=50, shape=shape, exposure_ev=(0, -2, 1))
    means = [simulation.stored(k).mean() - 64 for k in range(3)]
    assert means[1] / means[0] == pytest.approx(0.25, rel=0.01)
    assert means[2] / means[0] == pytest.approx(2, rel=0.01)
    times = [simulation.info(k).exposure.relative_to(simulation.info(0).exposure) for k in range(3)]
    assert times == pytest.approx([1, 0.25, 2])
