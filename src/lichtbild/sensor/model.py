"""A sensor by its physics: photons to numbers the EMVA 1288 way. `simulate` runs it forwards; files tell its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lichtbild.core import Cfa, Levels, MetadataError, NoiseModel

Float32 = npt.NDArray[np.float32]

# Dark current doubles about every eight degrees.
DOUBLING_K = 8.0
REFERENCE_C = 25.0


@dataclass(frozen=True)
class Crosstalk:
    """What each of the four neighbours of an edge, and of a corner, gets of a pixel; the rest stays."""

    edge: float = 0.0
    corner: float = 0.0

    def __post_init__(self) -> None:
        if min(self.edge, self.corner) < 0 or self.edge + self.corner > 0.2:
            raise MetadataError(f"crosstalk of {self.edge}, {self.corner}", where="Crosstalk", hint="0 to 0.2 together")

    @property
    def stays(self) -> float:
        return 1 - 4 * (self.edge + self.corner)


@dataclass(frozen=True)
class Sensor:
    """What turns light into stored numbers (EMVA 1288 R4.0, linear model, with what phones add to it).

    Photons strike, are mixed by the optical crosstalk, counted (Poisson, with each pixel's own response), the electrons
    are mixed by the electrical crosstalk, held by the well, disturbed by the dark signal and read out: noise before the
    gain, gain by ISO, noise behind it, black level, whole numbers.

    Parameters
    ----------
    cfa
        Any Bayer phase; quad-Bayer by `quad=2`.
    bits, black
        Stored range 0 ... 2^bits - 1; the level of no light, DN.
    saturation_e
        Electrons that reach the white level at ISO 100.
    well_e
        Electrons that a pixel holds; None: the converter is full first at every ISO.
    read_before_e, read_after_dn
        Standard deviation of the noise before the gain (grows with ISO in DN), and behind it, DN.
    dark_e_s
        Dark current at 25 degrees Celsius, electrons a second; `temperature_c` is the sensor's own.
    prnu, dsnu_e
        Standard deviation over pixels of the response (share of 1) and of the dark signal (electrons), fixed.
    row_e, column_e
        Standard deviation of the noise that a row shares in one frame, and of the offset that a column keeps.
    telegraph_fraction, telegraph_e
        Share of pixels that jump between two levels from frame to frame, and the mean (exponential) of the jump.
    optical, electrical
        Crosstalk before and behind the Poisson draw.
    hot_fraction, hot_scale, dead_fraction
        Share of hot pixels (0 to 1), and the mean of their exponentially distributed extra signal in units of
        saturation at ISO 100; share of pixels that see nothing.
    seed
        Where hot, dead and jumping pixels lie, and the fixed pattern: the same on every frame.
    """

    cfa: Cfa = field(default_factory=lambda: Cfa.from_name("RGGB"))
    bits: int = 10
    black: float = 64.0
    saturation_e: float = 1 / 1.807e-4
    well_e: float | None = None
    read_before_e: float = math.sqrt(3.194e-6) / 1.807e-4
    read_after_dn: float = 0.0
    dark_e_s: float = 0.0
    temperature_c: float = REFERENCE_C
    prnu: float = 0.0
    dsnu_e: float = 0.0
    row_e: float = 0.0
    column_e: float = 0.0
    telegraph_fraction: float = 0.0
    telegraph_e: float = 20.0
    optical: Crosstalk = Crosstalk()
    electrical: Crosstalk = Crosstalk()
    hot_fraction: float = 0.0
    hot_scale: float = 0.2
    dead_fraction: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 6 <= self.bits <= 16 or not 0 <= self.black < self.white:
            raise MetadataError(f"{self.bits} bits and black level {self.black:g}", where="Sensor",
                                hint="6 to 16 bits, black below white")  # fmt: skip
        if not self.saturation_e > 0 or (self.well_e is not None and not self.well_e > 0):
            raise MetadataError("a pixel holds more than no electron", where="Sensor.saturation_e, well_e")
        spreads = (self.read_before_e, self.read_after_dn, self.dark_e_s, self.prnu, self.dsnu_e, self.row_e,
                   self.column_e, self.telegraph_e, self.hot_scale)  # fmt: skip
        shares = (self.telegraph_fraction, self.hot_fraction, self.dead_fraction)
        if min(spreads) < 0 or not all(0 <= share <= 1 for share in shares):
            raise MetadataError("noise cannot be negative, and a share lies between 0 and 1", where="Sensor")

    @property
    def white(self) -> float:
        return float(2**self.bits - 1)

    @property
    def site_colours(self) -> tuple[int, int, int, int]:
        """Colour of the sites (0, 0), (0, 1), (1, 0), (1, 1)."""
        (a, b), (c, d) = self.cfa.colours
        return a, b, c, d

    def mixing(self) -> npt.NDArray[np.float64]:
        """float64 [3, 3]: what crosstalk makes of three even colours, rows are what is read. A camera's white balance
        and colour matrices are those of its pixels with their crosstalk."""
        period = 2 * self.cfa.quad
        at = np.arange(period) // self.cfa.quad
        colour = np.array(self.cfa.colours)[at[:, None], at[None, :]]
        out = np.eye(3)
        for talk in (self.optical, self.electrical):
            one = np.zeros((3, 3))
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    share = (talk.stays, talk.edge, talk.corner)[abs(dy) + abs(dx)]
                    given = np.roll(colour, (dy, dx), (0, 1))
                    np.add.at(one, (colour, given), share)
            out = one / one.sum(1, keepdims=True) @ out
        return out

    def levels(self) -> Levels:
        return Levels(np.full((1, 1, 1), self.black, np.float32), (self.white,))

    def electrons_at_white(self, iso: float) -> float:
        """Electrons that reach the white level."""
        return self.saturation_e * 100 / iso

    def gain_dn_e(self, iso: float) -> float:
        """K of EMVA 1288, DN an electron."""
        return (self.white - self.black) / self.electrons_at_white(iso)

    def read_noise_dn(self, iso: float) -> float:
        """Standard deviation of one dark pixel from frame to frame, DN, without rounding: both noises and the row's."""
        before = math.hypot(self.read_before_e, self.row_e) * self.gain_dn_e(iso)
        return math.hypot(before, self.read_after_dn)

    def dark_e(self, time_s: float) -> float:
        """Mean dark signal of an exposure, electrons."""
        return self.dark_e_s * time_s * 2 ** ((self.temperature_c - REFERENCE_C) / DOUBLING_K)

    def noise(self, iso: float, time_s: float = 0.0) -> NoiseModel:
        """Temporal noise of one exposure, equal in all channels, as a DNG's NoiseProfile has it:
        S = K / (W - B), O = (K sigma / (W - B))^2 with the dark current's photon noise in sigma.

        Electrical crosstalk mixes counts that were drawn apart: both fall by the sum of its squared shares.
        """
        span = self.white - self.black
        c = self.electrical
        mixing = c.stays**2 + 4 * (c.edge**2 + c.corner**2)
        gain = self.gain_dn_e(iso) / span
        alpha = gain * mixing
        beta = (self.read_noise_dn(iso) / span) ** 2 + gain**2 * mixing * self.dark_e(time_s)
        return NoiseModel((alpha,) * 3, (beta,) * 3, "NoiseProfile")

    def hot_pixels(self, shape: tuple[int, int]) -> tuple[npt.NDArray[np.intp], Float32]:
        """Flat indices and extra signal (units of saturation at ISO 100) of the hot pixels."""
        rng = np.random.default_rng(self.seed)
        n = int(rng.poisson(self.hot_fraction * shape[0] * shape[1])) if self.hot_fraction else 0
        where = np.unique(rng.integers(0, shape[0] * shape[1], n))
        return where, rng.exponential(self.hot_scale, len(where)).astype(np.float32)

    def dead_pixels(self, shape: tuple[int, int]) -> npt.NDArray[np.intp]:
        """Flat indices of the pixels that see nothing."""
        rng = np.random.default_rng([self.seed, 2])
        n = int(rng.poisson(self.dead_fraction * shape[0] * shape[1])) if self.dead_fraction else 0
        return np.unique(rng.integers(0, shape[0] * shape[1], n))
