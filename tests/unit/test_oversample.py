"""Many small pixels to few: light is kept, noise falls as counted, crosstalk's calibration is that of flat colours."""

import numpy as np
import pytest

from lichtbild.core import Cfa, ShapeError
from lichtbild.sensor.model import Crosstalk, Sensor
from lichtbild.simulate.oversample import oversampled
from lichtbild.simulate.sensor import expose


def test_flat_colours_stay_and_a_ramp_stays_in_place():
    cfa = Cfa.from_name("GRBG")
    mosaic = np.zeros((60, 90))
    for colour, value in enumerate((0.2, 0.5, 0.7)):
        mosaic[np.array(cfa.colours)[np.arange(60)[:, None] % 2, np.arange(90) % 2] == colour] = value
    np.testing.assert_allclose(oversampled(mosaic, cfa, 2.76), np.broadcast_to((0.2, 0.5, 0.7), (21, 32, 3)))
    ramp = np.broadcast_to(np.arange(90) + 0.5, (60, 90)).astype(float)
    found = oversampled(ramp, cfa, 3.0)[0, :, 1]
    np.testing.assert_allclose(found, (np.arange(30) + 0.5) * 3, atol=0.34)
    with pytest.raises(ShapeError, match="2 or more"):
        oversampled(mosaic, cfa, 1.5)


def test_seven_pixels_to_one_have_the_signal_to_noise_of_seven():
    """Photons alone, grey light. Compared are blocks of 4 x 4 pixels each, as parts of pixels are shared between
    neighbours and their noise with them."""
    sensor = Sensor(bits=14, black=512, saturation_e=4000, read_before_e=0.0)
    light = np.full((276, 276), 0.5, np.float32)
    frames = [expose(sensor, light, 100, s).astype(float) - 512 for s in (1, 2)]
    small = [oversampled(f, sensor.cfa, 2.76) @ (0.25, 0.5, 0.25) for f in frames]
    blocks = [[f[: len(f) // 4 * 4, : len(f) // 4 * 4].reshape(len(f) // 4, 4, -1, 4).mean((1, 3)) for f in kind]
              for kind in (frames, small)]  # fmt: skip
    snr = [a.mean() / np.std(a - b) * np.sqrt(2) for a, b in blocks]
    assert snr[1] / snr[0] == pytest.approx(2.76, rel=0.06)


@pytest.mark.parametrize("quad", [1, 2])
def test_crosstalk_is_in_the_calibration(quad):
    sensor = Sensor(Cfa.from_name("RGGB", quad), 14, 512, 1e6, optical=Crosstalk(0.02, 0.004),
                    electrical=Crosstalk(0.01, 0.002), read_before_e=0.0)  # fmt: skip
    colours = np.array([0.2, 0.6, 0.35])
    n = 80
    at = np.arange(n) // quad % 2
    pattern = np.array(sensor.cfa.colours)[at[:, None], at[None, :]]
    frame = expose(sensor, colours[pattern].astype(np.float32), 100, 1).astype(float) - 512
    inside = np.zeros((n, n), bool)
    inside[8:-8, 8:-8] = True
    read = [frame[inside & (pattern == c)].mean() / (sensor.white - 512) for c in range(3)]
    np.testing.assert_allclose(read, sensor.mixing() @ colours, rtol=2e-3)
    np.testing.assert_allclose(sensor.mixing().sum(1), 1)


def test_a_camera_that_oversamples_writes_the_small_picture(tmp_path):
    """White stays white over the shaded picture, and the noise is the one that the file tells."""
    from lichtbild import capture
    from lichtbild.core import Domain, Frame
    from lichtbild.simulate import Lens, Shot, VirtualCamera, shoot, write_burst

    sensor = Sensor(bits=14, black=512, saturation_e=4000, read_before_e=2.0)
    camera = VirtualCamera(sensor, Lens(corner_gain=(1.6, 1.5, 1.4)), oversampling=2.5)
    simulation = shoot("flat:level=0.4", Shot(size=(120, 160), frames=2, iso=100.0, motion="still"), camera)
    sources = [capture.open_file(path) for path in write_burst(tmp_path, simulation)]
    assert {source.info.shape for source in sources} == {(48, 64)}
    frames = [Frame(s.read(), Domain.CAMERA_RGB, s.info, s.info.noise) for s in sources]
    from lichtbild.stages.linearise import linearise

    light = [linearise(f) for f in frames]
    mean = (light[0].pixels + light[1].pixels) / 2
    for c in range(3):
        wanted = 0.4 * 0.8 * camera.neutral()[c]
        assert mean[:8, :8, c].mean() == pytest.approx(wanted, rel=0.02)
        assert mean[20:28, 28:36, c].mean() == pytest.approx(wanted, rel=0.02)
        # In the middle, where no gain was needed; parts of pixels are shared, which calms a little more.
        found = np.var((light[0].pixels - light[1].pixels)[16:32, 24:40, c]) / 2
        told = sources[0].info.noise.alpha[c] * wanted + sources[0].info.noise.beta[c]
        assert 0.5 < found / told < 1.3
