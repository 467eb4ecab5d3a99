"""How a hand moves a camera: declared spectra of its turning and shifting, and samples of them.

What is declared is the one-sided power spectral density of the *rates* (degrees a second, mm a second) about each axis;
a path is a Gaussian process of exactly that density. The figures and where they come from stand at `STEADY`, `WALKING`
and `TRIPOD`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

# Samples of a path a second: between them it is a cubic, good to 1e-6 of the amplitude at 20 Hz.
RATE_HZ = 2000.0
# The process repeats after this long: density between 1/65 Hz and the limit.
PERIOD_S = 65.536
# Calm before and behind what is asked for, s: a stabiliser has settled when the first frame is taken.
LEAD_S = 6.0
TAIL_S = 0.1


@dataclass(frozen=True)
class Spectrum:
    """Power spectral density of a rate, one-sided: a slow part that falls off, and bumps.

    (1 + (f / corner)^2)^-slope cut off by exp(-(f / limit)^4), and Gaussian bumps, scaled so that all of it together
    has the standard deviation `rms`.

    Parameters
    ----------
    rms
        Standard deviation of the rate, degrees or mm a second.
    corner_hz, slope, limit_hz
        Of the slow part.
    bumps
        (frequency in Hz, width in Hz, share of the power) each.
    """

    rms: float
    corner_hz: float
    slope: float
    bumps: tuple[tuple[float, float, float], ...] = ()
    limit_hz: float = 22.0

    def density(self, hz: npt.ArrayLike) -> Float64:
        """float64, (unit a second)^2 / Hz at frequencies from 0."""
        f = np.asarray(hz, np.float64)
        fine = np.linspace(0, 4 * self.limit_hz, 40001)
        slow = (1 - sum(share for _, _, share in self.bumps)) / _integral(self._slow(fine), fine)
        out = slow * self._slow(f)
        for centre, width, share in self.bumps:
            out = out + share / _integral(_bell(fine, centre, width), fine) * _bell(f, centre, width)
        return np.asarray(self.rms**2 * out)

    def _slow(self, f: Float64) -> Float64:
        falling = (1 + (f / self.corner_hz) ** 2) ** -self.slope
        return np.asarray(falling * np.exp(-np.minimum((f / self.limit_hz) ** 4, 700)))

    def scaled(self, factor: float) -> Spectrum:
        return dataclasses.replace(self, rms=self.rms * factor)


def _bell(f: Float64, centre: float, width: float) -> Float64:
    return np.asarray(np.exp(-0.5 * ((f - centre) / width) ** 2))


def _integral(values: Float64, at: Float64) -> float:
    return float(np.sum(0.5 * (values[1:] + values[:-1]) * np.diff(at)))


@dataclass(frozen=True)
class Shake:
    """How a camera is held.

    Parameters
    ----------
    name
        For tables.
    pitch, yaw, roll
        Spectra of the rates about the camera's axes right, down and forward, degrees a second.
    shift
        Spectrum of the velocity along each of the three axes, mm a second.
    source
        Where the figures come from, and which are assumed.
    """

    name: str
    pitch: Spectrum
    yaw: Spectrum
    roll: Spectrum
    shift: Spectrum
    source: str = ""

    def scaled(self, factor: float) -> Shake:
        """The same hand, `factor` times as unsteady."""
        parts = {name: getattr(self, name).scaled(factor) for name in ("pitch", "yaw", "roll", "shift")}
        return dataclasses.replace(self, **parts)

    def path(self, duration_s: float, rng: np.random.Generator) -> CameraPath:
        """A sample from `LEAD_S` before to `TAIL_S` behind `duration_s`; turned and shifted by nothing at 0 s.

        Angles are rotation vectors; as they stay below a few degrees, their rates are those of the spectra to 1e-3.
        Cost: six Fourier transforms of 131072 samples (one process of 65 s, however short the burst), 30 ms.
        """
        spectra = (self.pitch, self.yaw, self.roll, self.shift, self.shift, self.shift)
        period = PERIOD_S
        while period < duration_s + LEAD_S + TAIL_S:
            period *= 2
        n = round(period * RATE_HZ)
        kept = int(np.ceil((LEAD_S + duration_s + TAIL_S) * RATE_HZ)) + 1
        found = np.empty((kept, 6))
        for k, spectrum in enumerate(spectra):
            found[:, k] = _process(spectrum, n, rng)[:kept]
        time_s = np.arange(kept) / RATE_HZ - LEAD_S
        found -= found[round(LEAD_S * RATE_HZ)]
        return CameraPath(time_s, np.deg2rad(found[:, :3]), found[:, 3:] * 1e-3)


def _process(spectrum: Spectrum, n: int, rng: np.random.Generator) -> Float64:
    """float64 [n]: the integral of a Gaussian process of this density, periodic."""
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    normal = rng.standard_normal((2, len(hz)))
    step = hz[1]
    # Half of a line's power in each of cosine and sine, numpy's scaling of irfft undone; rate to angle.
    line = np.sqrt(spectrum.density(hz) * step / 2) * (normal[0] + 1j * normal[1]) * (n / np.sqrt(2))
    line[0] = 0
    line[1:] /= 2j * np.pi * hz[1:]
    return np.asarray(np.fft.irfft(line, n))


@dataclass(frozen=True, eq=False)
class CameraPath:
    """How a camera turned and shifted, at times.

    Parameters
    ----------
    time_s
        float64 [n], evenly spaced.
    angle_rad
        float64 [n, 3]: rotation vectors about the axes right, down, forward: orientation of the camera against that of
        time 0.
    position_m
        float64 [n, 3]: right, down, forward.
    """

    time_s: Float64
    angle_rad: Float64
    position_m: Float64

    def at(self, time_s: Float64) -> tuple[Float64, Float64]:
        """Angles and positions, float64 [..., 3] each, at any times covered."""
        return between(self.time_s, self.angle_rad, time_s), between(self.time_s, self.position_m, time_s)


def between(time_s: Float64, values: Float64, asked_s: Float64) -> Float64:
    """Cubic convolution (Catmull and Rom) of evenly spaced samples [n, k] at some times [...]; float64 [..., k]."""
    step = (time_s[-1] - time_s[0]) / (len(time_s) - 1)
    at = (np.asarray(asked_s, np.float64) - time_s[0]) / step
    if at.min() < -1e-6 or at.max() > len(time_s) - 1 + 1e-6:
        raise ValueError(f"times {np.min(asked_s):.3f} to {np.max(asked_s):.3f} s are not covered")
    i = np.clip(np.floor(at).astype(np.intp), 0, len(time_s) - 2)
    f = (at - i)[..., None]
    p = [values[np.clip(i + k, 0, len(time_s) - 1)] for k in (-1, 0, 1, 2)]
    slope = 0.5 * (p[2] - p[0]), 0.5 * (p[3] - p[1])
    rise = p[2] - p[1]
    return np.asarray(
        p[1] + f * (slope[0] + f * (3 * rise - 2 * slope[0] - slope[1] + f * (slope[0] + slope[1] - 2 * rise)))
    )


# Share of the power below 1 Hz, from 1 to 4 and above, and the rms, are measured from tracked footage of hands (the
# traces of camera_shakify, CC0: 0.30 to 0.33 degrees a second median of pitch and yaw together, 75-80 % below 1 Hz,
# 20 % from 1 to 4 Hz, 2-4 % above; roll as large). The bumps at 4 Hz (microvibration of the hand, J-Stage jje1965 31(6)
# 399) and 9 Hz (physiological tremor, Wronski 2019) lie within those shares; above 12 Hz nothing was measured.
_STEADY = Spectrum(0.30, 0.8, 1.5, ((4.0, 0.8, 0.01), (9.0, 1.5, 0.006)))
STEADY = Shake(
    "steady hold", _STEADY, _STEADY, _STEADY, Spectrum(1.5, 0.8, 1.5),
    "rates: camera_shakify footage (CC0), J-Stage jje1965 31(6) 399; shift of 1.5 mm/s assumed",
)  # fmt: skip
# Ten times the steady hold (2.5 to 3.5 degrees a second median, same footage); that the steps beat at 2 Hz, and how far
# the camera bobs, is assumed.
_WALKING = Spectrum(2.55, 0.6, 1.25, ((1.9, 0.25, 0.25), (3.8, 0.4, 0.06)))
WALKING = Shake(
    "walking", _WALKING, _WALKING, _WALKING, Spectrum(60.0, 1.0, 1.5, ((1.9, 0.25, 0.5),)),
    "rates: camera_shakify footage (CC0); beat of the steps and shift of 60 mm/s assumed",
)  # fmt: skip
# A light tripod indoors, after its owner let go: assumed.
_TRIPOD = Spectrum(0.004, 1.0, 1.0, ((8.0, 1.0, 0.5),))
TRIPOD = Shake("tripod", _TRIPOD, _TRIPOD, _TRIPOD, Spectrum(0.02, 1.0, 1.0, ((8.0, 1.0, 0.5),)), "assumed")

SHAKES = {"hand": STEADY, "walking": WALKING, "tripod": TRIPOD}
