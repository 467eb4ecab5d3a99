"""The sensor obeys what its parameters say: EMVA 1288's relations, from the stored numbers alone."""

import dataclasses

import numpy as np
import pytest

from lichtbild.core import MetadataError
from lichtbild.simulate import Crosstalk, Sensor, expose

PHONE = Sensor(
    bits=12, black=512, saturation_e=6000, well_e=12500, read_before_e=2.2, read_after_dn=1.1, prnu=0.007, dsnu_e=1.2,
    dark_e_s=5.0,
)  # fmt: skip


def flat(level: float, shape=(300, 400)) -> np.ndarray:
    return np.full(shape, level, np.float32)


def temporal(sensor, level, iso, time_s=0.01, n=2):
    """Mean and variance from frame to frame, in units of the white level."""
    frames = np.stack([expose(sensor, flat(level), iso, s + 50, time_s=time_s).astype(float) for s in range(n)])
    span = sensor.white - sensor.black
    return (frames.mean() - sensor.black) / span, frames.var(0, ddof=1).mean() / span**2


@pytest.mark.parametrize("iso", [50.0, 100.0, 400.0, 1600.0, 6400.0])
def test_the_noise_profile_is_the_noise_of_the_pixels(iso):
    levels = np.linspace(0.05, 0.75, 6)
    found = np.array([temporal(PHONE, level, iso, n=4) for level in levels])
    rounding = 1 / 12 / (PHONE.white - PHONE.black) ** 2
    model = PHONE.noise(iso, 0.01)
    wanted = model.alpha[0] * found[:, 0] + model.beta[0] + rounding
    # 120 000 pixels, three degrees of freedom: a variance is known to 0.25 %.
    np.testing.assert_allclose(found[:, 1], wanted, rtol=0.012)
    _, dark = temporal(PHONE, 0.0, iso, n=4)
    assert dark == pytest.approx(model.beta[0] + rounding, rel=0.012)


def test_fixed_pattern_stays_and_follows_light():
    stack = lambda level, seeds: np.mean([expose(PHONE, flat(level), 100, s) for s in seeds], 0)  # noqa: E731
    span = PHONE.white - PHONE.black
    one, two = (stack(0.6, range(a, a + 30)) for a in (0, 1000))
    # What two stacks of other frames share is the pattern.
    pattern = np.cov(one.ravel(), two.ravel())[0, 1]
    dark_one, dark_two = (stack(0.0, range(a, a + 30)) for a in (2000, 3000))
    dark_pattern = np.cov(dark_one.ravel(), dark_two.ravel())[0, 1]
    assert np.sqrt(dark_pattern) / PHONE.gain_dn_e(100) == pytest.approx(1.2, rel=0.02)
    assert np.sqrt(pattern - dark_pattern) / (0.6 * span) == pytest.approx(0.007, rel=0.02)


@pytest.mark.parametrize("kind", ["optical", "electrical"])
def test_crosstalk_spreads_light_and_loses_none(kind):
    light = flat(0.0, (61, 61))
    light[30, 30] = 0.5
    sensor = dataclasses.replace(PHONE, prnu=0.0, dark_e_s=0.0, dsnu_e=0.0, **{kind: Crosstalk(0.03, 0.01)})
    mean = np.mean([expose(sensor, light, 100, s).astype(float) for s in range(300)], 0) - sensor.black
    total = 0.5 * (sensor.white - sensor.black)
    assert mean[28:33, 28:33].sum() == pytest.approx(total, rel=0.02)
    assert mean[30, 31] / total == pytest.approx(0.03, abs=0.002)
    assert mean[31, 31] / total == pytest.approx(0.01, abs=0.002)
    assert mean[30, 30] / total == pytest.approx(0.84, abs=0.01)


def test_only_electrical_crosstalk_correlates_noise():
    pairs = {}
    for kind in ("optical", "electrical"):
        sensor = dataclasses.replace(PHONE, prnu=0.0, **{kind: Crosstalk(0.04, 0.0)})
        a, b = (expose(sensor, flat(0.5, (600, 600)), 100, s).astype(float) for s in (1, 2))
        noise = a - b
        pairs[kind] = np.mean(noise[:, 1:] * noise[:, :-1]) / noise.var()
        model = sensor.noise(100)
        wanted = model.alpha[0] * 0.5 + model.beta[0]
        assert noise.var() / 2 / (sensor.white - sensor.black) ** 2 == pytest.approx(wanted, rel=0.01)
    assert pairs["optical"] == pytest.approx(0, abs=0.005)
    # Both neighbours share: 2 * 0.84 * 0.04 of the shot noise, which is nearly all of it.
    assert pairs["electrical"] == pytest.approx(2 * 0.84 * 0.04 / (0.84**2 + 4 * 0.04**2), rel=0.1)


def test_the_well_holds_what_it_holds():
    sensor = dataclasses.replace(PHONE, well_e=3000.0, prnu=0.0)
    span = sensor.white - sensor.black
    full = expose(sensor, flat(0.9), 100, 1).astype(float) - sensor.black
    assert full.mean() / span == pytest.approx(3000 / 6000, rel=0.005)
    # At ISO 400 the converter is full before the well.
    assert expose(sensor, flat(1.5), 400, 1).min() > sensor.white - 3 * sensor.read_noise_dn(400) - 1


def test_dark_current_doubles_in_eight_degrees():
    means = [
        temporal(dataclasses.replace(PHONE, dark_e_s=200.0, temperature_c=t), 0.0, 100, time_s=1.0)[0] for t in (25, 33)
    ]
    assert means[0] * 6000 == pytest.approx(200, rel=0.01)
    assert means[1] / means[0] == pytest.approx(2, rel=0.01)


def test_rows_share_their_noise_and_columns_keep_theirs():
    sensor = dataclasses.replace(PHONE, dsnu_e=0.0, row_e=4.0, column_e=3.0)
    gain = sensor.gain_dn_e(100)
    frames = np.stack([expose(sensor, flat(0.0, (800, 600)), 100, s).astype(float) for s in range(8)])
    rows = (frames[0] - frames[1]).mean(1)
    assert rows.std() / np.sqrt(2) / gain == pytest.approx(4.0, rel=0.1)
    columns = frames.mean((0, 1))
    assert columns.std() / gain == pytest.approx(3.0, rel=0.12)


def test_telegraph_pixels_are_few_and_jump():
    sensor = dataclasses.replace(PHONE, telegraph_fraction=0.01, telegraph_e=200.0)
    frames = np.stack([expose(sensor, flat(0.1), 100, s).astype(float) for s in range(24)])
    spread = frames.std(0) / sensor.gain_dn_e(100)
    # Shot and read noise make 25 e-; a jump of j e- a spread of j / 2.
    jumping = spread > 45
    expected = 0.01 * np.exp(-2 * np.sqrt(45**2 - 25**2) / 200)
    assert jumping.mean() == pytest.approx(expected, rel=0.25)


def test_dead_pixels_see_nothing():
    sensor = dataclasses.replace(PHONE, dead_fraction=0.002)
    frame = expose(sensor, flat(0.5), 100, 1)
    where = sensor.dead_pixels(frame.shape)
    assert len(where) == pytest.approx(240, abs=60)
    assert np.all(frame.ravel()[where] == 512)


@pytest.mark.parametrize(
    "wrong",
    [{"bits": 3}, {"black": 5000.0}, {"saturation_e": 0.0}, {"well_e": -1.0}, {"prnu": -0.1}, {"hot_fraction": 1.5}],
)
def test_impossible_sensors_are_refused(wrong):
    with pytest.raises(MetadataError):
        dataclasses.replace(PHONE, **wrong)
    with pytest.raises(MetadataError):
        Crosstalk(0.3, 0.0)
