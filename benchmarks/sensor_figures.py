"""A simulated sensor against what its file says and against first principles: `python benchmarks/sensor_figures.py`.

- noise profile: S and O of the file at each ISO, and the straight line through mean and variance of 24 flats (pairs of
  frames, so that what is fixed to the pixels falls out; levels whose noise stays off both ends of the numbers), for
  the plain sensor and one with all that phones add.
- electrons: those of `sensor.response` for a lux second of D65 through a Gaussian green filter of 535 nm and 42 nm, and
  the sum over 1 nm written out here: photons of the energy of each wavelength in a lux by the eye's curve (CIE 018).
`emva_certificate.py` has the sensor judged by the standard's reference code.
"""

from __future__ import annotations

import numpy as np

from lichtbild.core.spectra import WAVELENGTHS_NM, illuminant, observer
from lichtbild.sensor.model import Crosstalk, Sensor
from lichtbild.sensor.response import Response
from lichtbild.simulate import expose

ISOS = (50, 100, 200, 400, 800, 1600, 3200, 6400, 12800)
SHAPE = (700, 800)
FULL = Sensor(
    well_e=12000.0, read_before_e=2.2, read_after_dn=0.6, dark_e_s=8.0, prnu=0.007, dsnu_e=1.2, row_e=0.25,
    column_e=0.3, electrical=Crosstalk(0.01, 0.004), bits=12, black=256.0,
)  # fmt: skip
TIME_S = 1 / 30


def levels_within(sensor: Sensor, iso: float) -> np.ndarray | None:
    """24 levels whose noise, four standard deviations of it, stays off the ends of the numbers and the well; None where
    there are none to speak of."""
    span, told = sensor.white - sensor.black, sensor.noise(iso, TIME_S)
    at = np.linspace(0, 0.95, 400)
    if sensor.well_e is not None:
        at = at * min(1.0, 0.85 * sensor.well_e / sensor.electrons_at_white(iso))
    spread = 4 * np.sqrt(told.alpha[0] * at + told.beta[0])
    free = at[(at - spread > -sensor.black / span) & (at + spread < 1)]
    return np.linspace(free[0], free[-1], 24) if len(free) and free[-1] > 2.5 * free[0] + 0.1 * at[-1] else None


def fitted(sensor: Sensor, iso: float) -> tuple[float, float] | None:
    """S and O of the pixels themselves, less the rounding: weighted least squares over levels."""
    span, levels = sensor.white - sensor.black, levels_within(sensor, iso)
    if levels is None:
        return None
    means, variances = [], []
    for k, level in enumerate(levels):
        light = np.full(SHAPE, level, np.float32)
        a, b = (expose(sensor, light, iso, 100 * k + m, time_s=TIME_S).astype(float) for m in (1, 2))
        dark = sensor.dark_e(TIME_S) * sensor.gain_dn_e(iso)
        means.append(((a + b).mean() / 2 - sensor.black - dark) / span)
        variances.append(np.mean((a - b) ** 2) / 2 / span**2 - 1 / 12 / span**2)
    weight = 1 / np.asarray(variances)
    basis = np.stack([np.asarray(means), np.ones(len(means))], 1)
    slope, offset = np.linalg.lstsq(basis * weight[:, None], np.asarray(variances) * weight, rcond=None)[0]
    return float(slope), float(offset)


def green_electrons() -> tuple[float, float]:
    """Electrons a square um for a lux second of D65: ours, and first principles at 1 nm."""
    cut = (400.0, 700.0)
    ours = Response.bells(1.0, ((600.0, 40.0), (535.0, 42.0), (460.0, 35.0)), cut)
    light = illuminant("D65")
    mine = float(ours.electrons_um2_lux_s(light)[1])
    nm = np.arange(380.0, 781.0)
    power, eye = np.interp(nm, WAVELENGTHS_NM, light), np.interp(nm, WAVELENGTHS_NM, observer()[1])
    watt = 1 / (683.0 * np.sum(power * eye))
    joule = 6.62607015e-34 * 2.99792458e8 / (nm * 1e-9)
    seen = np.exp(-0.5 * ((nm - 535) / 42) ** 2) * ((nm >= cut[0]) & (nm <= cut[1]))
    return mine, float(np.sum(power * watt / joule * seen) * 1e-12)


def main() -> None:
    print("## A sensor and what its file says\n")
    print("| ISO | plain S, % off | plain O, % off | full S, % off | full O, % off |\n|---|---|---|---|---|")
    worst = 0.0
    for iso in ISOS:
        cells = []
        for sensor in (Sensor(), FULL):
            told = sensor.noise(iso, TIME_S)
            found_pair = fitted(sensor, iso)
            if found_pair is None:
                cells += ["noise wider than the numbers"] * 2
                continue
            for found, said in zip(found_pair, (told.alpha[0], told.beta[0]), strict=True):
                off = 100 * (found / said - 1)
                worst = max(worst, abs(off))
                cells.append(f"{off:+.2f}")
        print(f"| {iso} | {' | '.join(cells)} |")
    mine, theirs = green_electrons()
    print(f"\nWorst {worst:.2f} % (goal 2 %). Electrons a square um and lux second of D65 through a green filter: "
          f"{mine:.0f}, first principles {theirs:.0f} ({100 * (mine / theirs - 1):+.2f} %, goal 1 %).")  # fmt: skip


if __name__ == "__main__":
    main()
