"""A sensor: colour filter array, photon and read noise, hot pixels, numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa, Levels, NoiseModel, ShapeError, native

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sensor:
    """What turns light into stored numbers.

    Parameters
    ----------
    cfa
        Any Bayer phase; quad-Bayer by `quad=2`.
    bits, black
        Stored range 0 ... 2^bits - 1; the level of no light.
    alpha_iso100, beta_iso100
        Photon and read noise at ISO 100 in units of saturation; alpha goes with ISO, beta with its square.
    hot_fraction, hot_scale
        Share of hot pixels (0 to 1), and the mean of their exponentially distributed extra signal.
    seed
        Where the hot pixels lie: the same on every frame.
    """

    cfa: Cfa = field(default_factory=lambda: Cfa.from_name("RGGB"))
    bits: int = 10
    black: float = 64.0
    alpha_iso100: float = 1.807e-4
    beta_iso100: float = 3.194e-6
    hot_fraction: float = 0.0
    hot_scale: float = 0.2
    seed: int = 1

    @property
    def white(self) -> float:
        return float(2**self.bits - 1)

    @property
    def site_colours(self) -> tuple[int, int, int, int]:
        """Colour of the sites (0, 0), (0, 1), (1, 0), (1, 1)."""
        (a, b), (c, d) = self.cfa.colours
        return a, b, c, d

    def levels(self) -> Levels:
        return Levels(np.full((1, 1, 1), self.black, np.float32), (self.white,))

    def noise(self, iso: float) -> NoiseModel:
        """The model of one exposure, equal in all channels: what its file says."""
        gain = iso / 100
        return NoiseModel((self.alpha_iso100 * gain,) * 3, (self.beta_iso100 * gain * gain,) * 3, "NoiseProfile")

    def hot_pixels(self, shape: tuple[int, int]) -> tuple[npt.NDArray[np.intp], Float32]:
        """Flat indices and extra signal (units of saturation at ISO 100) of the hot pixels."""
        rng = np.random.default_rng(self.seed)
        n = int(rng.poisson(self.hot_fraction * shape[0] * shape[1])) if self.hot_fraction else 0
        where = rng.integers(0, shape[0] * shape[1], n)
        return np.unique(where), rng.exponential(self.hot_scale, len(np.unique(where))).astype(np.float32)

    def expose(self, light: Float32, iso: float, seed: int, gain: Float32 | None = None) -> npt.NDArray[np.uint16]:
        """Stored numbers of one exposure.

        Parameters
        ----------
        light
            float32 [H, W], 1 = saturation, what each pixel would read without noise and shading.
        seed
            Noise is a function of the seed and of the pixel's place; another seed is another exposure.
        gain
            float32 [n, m, 4], what undoes the shading, per CFA site, nodes from edge to edge; None: no shading.
        """
        if light.ndim != 2 or light.dtype != np.float32 or min(light.shape) < 2:
            raise ShapeError(f"light is float32 [H >= 2, W >= 2], not {light.dtype} {list(light.shape)}", where="light")
        if gain is None:
            gain = np.ones((2, 2, 4), np.float32)
        if gain.ndim != 3 or gain.shape[2] != 4 or min(gain.shape[:2]) < 2:
            raise ShapeError(f"a shading gain is [n >= 2, m >= 2, 4], not {list(gain.shape)}", where="gain")
        noise = self.noise(iso)
        stored = np.empty(light.shape, np.uint16)
        arguments = (noise.alpha[0], noise.beta[0], self.black, self.white, self.cfa.quad - 1, scrambled(seed))
        native.call("simulate_expose", np.ascontiguousarray(light), np.ascontiguousarray(gain), *arguments, stored)
        where, extra = self.hot_pixels(light.shape)
        if len(where):
            rng = np.random.default_rng([self.seed, seed])
            signal = extra * (iso / 100)
            signal += rng.standard_normal(len(where)).astype(np.float32) * np.sqrt(noise.alpha[0] * signal)
            hot = stored.ravel()[where] + signal * (self.white - self.black)
            stored.ravel()[where] = np.clip(np.rint(hot), 0, self.white).astype(np.uint16)
        return stored


def scrambled(seed: int) -> int:
    """32 bits that differ in half their places for seeds that differ in one."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0])
