"""Turns of a camera: rotation vectors and matrices, and how a phone's axes lie in its pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

# A back camera as phones mount it: right in the stored picture is the device's -y, down its -x (held against the frames
# of a phone's clip in tests/physics). Rates about the camera's axes (right, down, forward) are this times the device's.
AXES_OF_ANDROID = np.array([[0.0, -1, 0], [-1, 0, 0], [0, 0, -1]])


def turns_by(angle_rad: F64) -> F64:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] (Rodrigues)."""
    angle = np.asarray(angle_rad, np.float64)
    size = np.sqrt((angle**2).sum(-1))[..., None, None]
    x, y, z = np.moveaxis(angle, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*angle.shape[:-1], 3, 3)
    return np.asarray(np.eye(3) + np.sinc(size / np.pi) * cross + np.sinc(size / (2 * np.pi)) ** 2 / 2 * cross @ cross)


def vectors_of(turns: F64) -> F64:
    """Rotation vectors [..., 3] of rotation matrices [..., 3, 3] that turn by less than a right angle."""
    odd = 0.5 * (turns - np.swapaxes(turns, -1, -2))
    sine = np.stack([odd[..., 2, 1], odd[..., 0, 2], odd[..., 1, 0]], -1)
    size = np.sqrt((sine**2).sum(-1, keepdims=True))
    angle = np.arcsin(np.clip(size, 0, 1))
    return np.asarray(sine * np.where(size > 1e-12, angle / np.maximum(size, 1e-300), 1.0))
