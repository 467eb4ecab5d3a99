"""Optical stabilisation: a servo that shifts the lens against the hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import MetadataError

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stabiliser:
    """A lens (or sensor) that is shifted against pitch and yaw; roll is left as it is.

    The gyroscope's angle, slow drift taken off by a high pass of first order, is what the lens is told to undo; it
    follows as a system of second order. At frequency f the picture keeps
    1 - gain * (i f / (i f + corner)) / (1 + 2 i damping f / bandwidth - (f / bandwidth)^2) of the angle.

    Parameters
    ----------
    corner_hz
        Below, drift is let pass: panning, and the way of a hand over seconds.
    bandwidth_hz, damping
        Natural frequency and damping ratio of the moved mass in its loop.
    gain
        Of the whole chain: 0.9 leaves 20 dB, 0.975 leaves 32 dB.
    stroke_deg
        How far the picture can be shifted to each side, as an angle; there the lens stops.
    """

    corner_hz: float = 0.3
    bandwidth_hz: float = 60.0
    damping: float = 0.7
    gain: float = 0.975
    stroke_deg: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.corner_hz < self.bandwidth_hz or not self.damping > 0:
            raise MetadataError(
                f"a stabiliser from {self.corner_hz:g} to {self.bandwidth_hz:g} Hz, damping {self.damping:g}",
                where="Stabiliser", hint="0 < corner_hz < bandwidth_hz, damping above 0",
            )  # fmt: skip
        if not 0 <= self.gain <= 1.2 or not self.stroke_deg >= 0:
            raise MetadataError(f"gain {self.gain:g}, stroke {self.stroke_deg:g} degrees", where="Stabiliser",
                                hint="gain 0 to 1.2, stroke 0 or more")  # fmt: skip

    def left_over(self, hz: npt.ArrayLike) -> npt.NDArray[np.complex128]:
        """Share of an angle at these frequencies that the picture still moves by, while the stroke suffices."""
        f = np.asarray(hz, np.float64)
        drift_off = 1j * f / (1j * f + self.corner_hz)
        w = f / self.bandwidth_hz
        return np.asarray(1 - self.gain * drift_off / (1 + 2j * self.damping * w - w * w))

    def follow(self, time_s: Float64, angle_rad: Float64) -> Float64:
        """What the lens undoes of pitch and yaw at every time, float64 [n, 2], rad.

        Parameters
        ----------
        time_s, angle_rad
            Evenly spaced, at least thirty samples a period of the bandwidth; angles [n, >= 2]: pitch, yaw. The lens
            rests in its middle at the first.

        Notes
        -----
        The high pass is exact for straight lines between samples, the lens for steps of the command held in the middle
        of a sample. A lens at its stop has no speed. O(n), 2 us a sample.
        """
        dt = float(time_s[1] - time_s[0])
        command = self.gain * self._without_drift(angle_rad[:, :2], dt)
        wn, stop = 2 * np.pi * self.bandwidth_hz, np.deg2rad(self.stroke_deg)
        (a, b), (c, d) = _second_order_step(wn, self.damping, dt)
        out = np.zeros_like(command)
        middle = 0.5 * (command[1:] + command[:-1])
        for axis in range(2):
            at = speed = 0.0
            told = middle[:, axis].tolist()
            line = [0.0]
            for goal in told:
                error = at - goal
                at, speed = goal + a * error + b * speed, c * error + d * speed
                if not -stop < at < stop:
                    at, speed = (stop if at > 0 else -stop), 0.0
                line.append(at)
            out[:, axis] = line
        return out

    def _without_drift(self, angle: Float64, dt: float) -> Float64:
        """First-order high pass of a path that is straight between samples."""
        w = 2 * np.pi * self.corner_hz
        keep = float(np.exp(-w * dt))
        rise = np.diff(angle, axis=0) * ((1 - keep) / (w * dt))
        out = np.zeros_like(angle)
        for axis in range(angle.shape[1]):
            value, line = 0.0, [0.0]
            for step in rise[:, axis].tolist():
                value = keep * value + step
                line.append(value)
            out[:, axis] = line
        return out


def _second_order_step(wn: float, damping: float, dt: float) -> Float64:
    """[2, 2]: (position, speed) of a free damped oscillation dt later: the exponential of its matrix, by squaring."""
    small = np.array([[0.0, 1.0], [-wn * wn, -2 * damping * wn]]) * (dt / 1024)
    step = np.eye(2) + small @ (np.eye(2) + small @ (np.eye(2) + small / 3) / 2)
    for _ in range(10):
        step = step @ step
    return np.asarray(step)
