"""One exposure: how much light the sensor was given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Exposure:
    """Exposure of one frame; None where the file does not tell.

    Parameters
    ----------
    time_s
        Exposure time, s.
    iso
        ISO sensitivity (analogue gain relative to the base of the standard).
    f_number
        Aperture.
    focal_length_mm, focal_length_35mm
        Focal length, and its equivalent on a 36 x 24 mm frame.
    captured_s
        Time of capture, seconds since the Unix epoch with the file's sub-seconds (local clock where no zone is given).
    """

    time_s: float | None = None
    iso: float | None = None
    f_number: float | None = None
    focal_length_mm: float | None = None
    focal_length_35mm: float | None = None
    captured_s: float | None = None

    def relative_to(self, other: Exposure) -> float:
        """Raw signal of this exposure over that of `other` for the same scene (1 where either does not tell)."""
        ratio = 1.0
        for mine, theirs in ((self.time_s, other.time_s), (self.iso, other.iso)):
            if mine and theirs:
                ratio *= mine / theirs
        if self.f_number and other.f_number:
            ratio *= (other.f_number / self.f_number) ** 2
        return ratio
