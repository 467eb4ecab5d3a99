"""A hand that holds a camera: slow drift, the tremor of muscles, a little roll, and rows read out one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

TREMOR_HZ = (7.0, 9.0, 11.0)


@dataclass(frozen=True)
class Hand:
    """How a camera is held.

    The angles of pitch, yaw and roll are a drift (velocity of Ornstein and Uhlenbeck, so that it wanders) plus three
    sinusoids of physiological tremor of random phase. Pitch and yaw shift the picture, roll turns it: an affine model,
    which leaves out the keystone of second order.

    Parameters
    ----------
    drift_deg_s
        Standard deviation of the angular velocity of pitch and yaw, degrees a second.
    roll_deg_s
        The same for roll.
    tremor_deg
        Amplitude of each sinusoid, degrees (a fifth of it for roll).
    memory_s
        How long a drift lasts before it has turned to another direction.
    """

    drift_deg_s: float = 0.8
    roll_deg_s: float = 0.25
    tremor_deg: float = 0.008
    memory_s: float = 0.3

    def angles(self, times_s: Float64, rng: np.random.Generator) -> Float64:
        """float64 [n, 3]: pitch, yaw, roll at increasing times, rad, zero at the first."""
        spread = np.deg2rad([self.drift_deg_s, self.drift_deg_s, self.roll_deg_s])
        tremor = np.deg2rad(self.tremor_deg) * np.array([1, 1, 0.2])
        velocity = rng.standard_normal(3) * spread
        phase = rng.uniform(0, 2 * np.pi, (len(TREMOR_HZ), 3))
        fine = np.arange(times_s[0], times_s[-1] + 2e-3, 1e-3)
        drift = np.zeros((len(fine), 3))
        keep = np.exp(-1e-3 / self.memory_s)
        for k in range(1, len(fine)):
            velocity = keep * velocity + np.sqrt(1 - keep * keep) * spread * rng.standard_normal(3)
            drift[k] = drift[k - 1] + 1e-3 * velocity
        slow = np.stack([np.interp(times_s, fine, drift[:, k]) for k in range(3)], 1)
        hz = np.asarray(TREMOR_HZ)[None, :, None]
        quick = np.sum(np.sin(2 * np.pi * hz * times_s[:, None, None] + phase), 1) * tremor
        path = slow + quick
        return np.asarray(path - path[0])

    def affines(
        self, times_s: Float64, shape: tuple[int, int], focal_px: float, readout_s: float, rng: np.random.Generator
    ) -> Float64:
        """float64 [n, 2, 3]: (x, y) in frame 0 -> (x, y) in frame k. `readout_s` from the first row to the last."""
        step = max(readout_s, 1e-3) / 2
        moments = np.stack([times_s - step, times_s, times_s + step], 1)
        path = self.angles(np.sort(moments.ravel()) - moments[0, 0], rng)
        order = np.argsort(np.argsort(moments.ravel())).reshape(moments.shape)
        path = path[order] - path[order[0, 1]]
        full = np.stack([self._frame(path[k], shape, focal_px, readout_s > 0) for k in range(len(times_s))])
        first = np.linalg.inv(full[0])
        return np.asarray((full @ first)[:, :2])

    @staticmethod
    def _frame(path: Float64, shape: tuple[int, int], focal_px: float, has_readout: bool) -> Float64:
        """[3, 3]: ideal position -> position in the frame, given angles before, at, and after its middle row."""
        pitch, yaw, roll = path[1]
        cx, cy = shape[1] / 2, shape[0] / 2
        c, s = np.cos(roll), np.sin(roll)
        shift = focal_px * np.array([yaw, pitch])
        still = np.array([[c, -s, cx - c * cx + s * cy + shift[0]], [s, c, cy - s * cx - c * cy + shift[1]], [0, 0, 1]])
        if not has_readout:
            return still
        # Row y of the frame is read (y / H - 1/2) readouts after the middle one: position = still + slope (y - cy).
        slope = focal_px * np.array([path[2, 1] - path[0, 1], path[2, 0] - path[0, 0]]) / shape[0]
        skew = np.array([[1, -slope[0], slope[0] * cy], [0, 1 - slope[1], slope[1] * cy], [0, 0, 1]])
        return np.asarray(np.linalg.inv(skew) @ still)
