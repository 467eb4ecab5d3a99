"""A hand by its spectrum, a stabiliser by its transfer function, a gyroscope's log by what it says of both."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.signal import welch

from lichtbild.capture import read_gyro, with_gyro
from lichtbild.core import Burst, Exposure, FrameInfo, FrameSource, MetadataError
from lichtbild.core.turns import turns_by, vectors_of
from lichtbild.simulate.gyro_log import Gyro, write_gyro
from lichtbild.simulate.shake import RATE_HZ, SHAKES, STEADY, TRIPOD, WALKING, Spectrum
from lichtbild.simulate.stabiliser import Stabiliser
from lichtbild.simulate.views import row_at, shaken_views, to_frame

SHAPE = (480, 640)


def views_of(shake=STEADY, stabiliser=None, seed=1, n=4, time_s=1 / 30, readout_s=0.02, focal_px=3000.0):
    begin = np.arange(n) / 15
    return shaken_views(
        shake, stabiliser, begin, np.full(n, time_s), readout_s, focal_px, SHAPE, np.random.default_rng(seed)
    )


@pytest.mark.parametrize("shake", [STEADY, WALKING])
def test_a_path_has_the_declared_spectrum(shake):
    """Within 1 dB from 0.2 to 12 Hz, in bands a third of an octave wide, over 12 paths of a minute."""
    found = []
    for seed in range(12):
        path = shake.path(58.0, np.random.default_rng(seed))
        rate = np.diff(np.rad2deg(path.angle_rad[::10]), axis=0) * (RATE_HZ / 10)
        hz, density = welch(rate, RATE_HZ / 10, nperseg=4096, axis=0)
        found.append(density.mean(1))
    edges = 0.2 * 2 ** (np.arange(19) / 3)
    for low, high in itertools.pairwise(edges):
        band = (hz >= low) & (hz < min(high, 12.0))
        if band.any():
            ratio = np.mean(found, 0)[band].mean() / shake.pitch.density(hz[band]).mean()
            assert abs(10 * np.log10(ratio)) < 1.0, (low, high)


def test_a_steady_hand_is_that_of_the_study():
    """Expected peak to bottom of the angle during an exposure, mdeg, and the shares of the rate's power."""
    path = STEADY.path(58.0, np.random.default_rng(3))
    for time_s, mdeg in ((1 / 60, 4), (1 / 30, 8), (1 / 15, 16), (1 / 8, 30), (1 / 4, 57), (1 / 2, 107)):
        n = round(time_s * RATE_HZ)
        swings = [np.ptp(path.angle_rad[k : k + n + 1, :2], 0) for k in range(0, len(path.time_s) - n, 150)]
        assert np.rad2deg(np.mean(swings)) * 1e3 == pytest.approx(mdeg, rel=0.2)
    hz = np.linspace(0, 24, 24001)
    power = STEADY.pitch.density(hz)
    shares = [power[(hz >= a) & (hz < b)].sum() / power.sum() for a, b in ((0, 1), (1, 4), (4, 24))]
    assert 0.75 <= shares[0] <= 0.80
    assert shares[1] == pytest.approx(0.2, abs=0.02)
    assert 0.02 <= shares[2] <= 0.04


def test_seeds_make_paths():
    one, other = (STEADY.path(1.0, np.random.default_rng(s)).angle_rad for s in (1, 2))
    np.testing.assert_array_equal(one, STEADY.path(1.0, np.random.default_rng(1)).angle_rad)
    assert np.abs(one - other).max() > 1e-4
    assert TRIPOD.pitch.rms < 0.05 * STEADY.pitch.rms < 0.01 * WALKING.pitch.rms
    assert set(SHAKES) == {"hand", "walking", "tripod"}


@pytest.mark.parametrize("hz", [0.1, 0.3, 1.0, 4.0, 11.0, 40.0])
def test_a_stabiliser_leaves_what_its_formula_says(hz):
    servo = Stabiliser()
    time_s = np.arange(0, 30, 1 / RATE_HZ)
    angle = np.deg2rad(0.2) * np.sin(2 * np.pi * hz * time_s)
    left = angle - servo.follow(time_s, np.stack([angle, angle], 1))[:, 1]
    tail = slice(len(time_s) // 3, len(time_s) // 3 + round(20 * RATE_HZ))
    wave = np.exp(-2j * np.pi * hz * time_s[tail])
    ratio = (left[tail] @ wave) / (angle[tail] @ wave)
    # A command held for half a ms is late by a little where the lens resonates.
    assert ratio == pytest.approx(servo.left_over(hz), abs=2e-3 if hz < 20 else 1e-2)


def test_a_stabiliser_stops_at_its_stroke():
    servo = Stabiliser(stroke_deg=0.1)
    time_s = np.arange(0, 2, 1 / RATE_HZ)
    angle = np.deg2rad(0.5) * np.sin(2 * np.pi * 2 * time_s)[:, None] * np.ones(2)
    undone = np.rad2deg(servo.follow(time_s, angle))
    assert np.abs(undone).max() == pytest.approx(0.1)
    assert np.mean(np.abs(undone) > 0.0999) > 0.3
    for wrong in ({"corner_hz": 0.0}, {"gain": -1.0}, {"bandwidth_hz": 0.1}, {"stroke_deg": -1.0}):
        with pytest.raises(MetadataError):
            Stabiliser(**wrong)


def test_rows_see_where_they_look():
    """There and back, through nodes of the kernel's."""
    views = views_of(WALKING)
    back = np.linalg.inv(views.turned(2, 0.3))
    x, y = np.array([10.0, 320, 630]), np.array([5.0, 240, 470])
    u, v = to_frame(back, x, y)
    w = row_at(back, v) @ np.stack([u, v, np.ones(3)], 1)[..., None]
    np.testing.assert_allclose(w[:, :2, 0] / w[:, 2:, 0], np.stack([x, y], 1), atol=1e-9)
    # And against the ray itself: frame 0's middle -> this row's moment.
    moment = views.begin_s[2] + 0.3 * views.exposure_s[2] + v / SHAPE[0] * views.readout_s
    ray = np.stack([(x - 320) / 3000, (y - 240) / 3000, np.ones(3)], 1)
    seen = np.einsum("nji,nj->ni", turns_by(views.path.at(moment)[0]), ray)
    np.testing.assert_allclose(u, 320 + 3000 * seen[:, 0] / seen[:, 2], atol=1e-3)
    np.testing.assert_allclose(v, 240 + 3000 * seen[:, 1] / seen[:, 2], atol=1e-3)


@pytest.mark.parametrize("suffix", [".gcsv", "_gyro.csv"])
def test_a_log_leads_back_to_the_turns(tmp_path, suffix):
    """Written, read by `capture`, and the turns of frames and rows are those of the path, within noise and bias."""
    views = views_of(WALKING, n=5)
    silent = Gyro(rate_hz=500.0, bias_deg_s=0.0, noise_deg_s=0.0)
    write_gyro(tmp_path, "shot", views, silent, np.random.default_rng(0), clock_s=77.0)
    burst = burst_of(tmp_path, views)
    turns = [s.info.turns for s in with_gyro(burst, read_gyro(tmp_path / f"shot{suffix}")).sources]
    first = views.begin_s[0] + 0.5 * views.exposure_s[0]
    for k, found in enumerate(turns):
        moments = views.begin_s[k] + 0.5 * views.exposure_s[k] + np.linspace(0, 1, len(found)) * views.readout_s
        wanted = turns_by(views.path.at(moments)[0])
        begin = turns_by(views.path.at(np.array([first]))[0])[0]
        np.testing.assert_allclose(vectors_of(found), vectors_of(begin.T @ wanted), atol=2e-5)


def burst_of(folder, views):
    info = FrameInfo("", SHAPE, "mosaic", exposure=Exposure(time_s=float(views.exposure_s[0])))
    camera = dataclasses.replace(info.camera, readout_s=views.readout_s)
    infos = [
        dataclasses.replace(info, name=f"{k}.dng", path=folder / f"{k}.dng", camera=camera)
        for k in range(views.n_frames)
    ]
    return Burst(tuple(FrameSource(i, lambda: np.zeros(SHAPE)) for i in infos), "shot")


def test_a_log_has_the_noise_and_bias_it_says(tmp_path):
    views = views_of(TRIPOD.scaled(0.0), n=9, time_s=0.1)
    views = dataclasses.replace(views, begin_s=views.begin_s * 8)
    path = STEADY.scaled(0.0).path(12.0, np.random.default_rng(0))
    views = dataclasses.replace(views, path=path, undone_rad=np.zeros((len(path.time_s), 2)))
    gyro = Gyro(rate_hz=300.0, bias_deg_s=0.2, noise_deg_s=0.01)
    rates = [np.rad2deg(gyro.log(views, np.random.default_rng(s))[1]) for s in range(40)]
    assert np.std([r.mean(0) for r in rates]) == pytest.approx(0.2, rel=0.2)
    assert np.mean([r.std(0) for r in rates]) == pytest.approx(0.01 * np.sqrt(150), rel=0.03)


def test_the_lens_shift_is_logged(tmp_path):
    """At every line of `_ois.csv`, body and lens together are what the picture does."""
    views = views_of(stabiliser=Stabiliser())
    paths = write_gyro(tmp_path, "shot", views, Gyro(), np.random.default_rng(0), clock_s=5.0, kinds=("gcsv",))
    assert {p.name for p in paths} == {"shot.gcsv", "shot_timestamps.csv", "shot_ois.csv"}
    x, y, t = np.loadtxt(tmp_path / "shot_ois.csv", delimiter=",", unpack=True)
    at = t * 1e-9 - 5.0
    body = dataclasses.replace(views, undone_rad=np.zeros_like(views.undone_rad))
    middle = np.array([320.0, 240.0, 1.0])
    still = views.picture(at) @ middle
    alone = body.picture(at) @ middle
    start = views.lens_shift_px(np.zeros(1))[0]
    moved = still[:, :2] / still[:, 2:] - alone[:, :2] / alone[:, 2:]
    np.testing.assert_allclose(moved, np.stack([x, y], 1) - start, atol=0.03)  # roll turns the shift of the start
    # It works against a hand that trembles at 4 Hz.
    trembling = Spectrum(0.3, 0.8, 1.5, ((4.0, 0.3, 0.99),))
    views = views_of(dataclasses.replace(STEADY, pitch=trembling, yaw=trembling), Stabiliser(), n=9)
    body = dataclasses.replace(views, undone_rad=np.zeros_like(views.undone_rad))
    left, all_of_it = (np.std((v.picture(at) @ middle)[:, :2], 0) for v in (views, body))
    assert (left < 0.5 * all_of_it).all()
    with pytest.raises(MetadataError, match="gcsv, opencamera"):
        write_gyro(tmp_path, "shot", views, Gyro(), np.random.default_rng(0), kinds=("camm",))
