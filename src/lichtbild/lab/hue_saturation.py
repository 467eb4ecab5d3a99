"""A map of hue shift, saturation and value over hue and saturation, as camera profiles have it (DNG 1.7.1, chapter 6,
ProfileHueSatMap): in HSV of linear ProPhoto RGB, interpolated between nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.colour_space import PCS_WHITE_XYZ, rgb_to_xyz_matrix, xyz_to_xy

Floats = npt.NDArray[np.float64]

PROPHOTO_TO_XYZ = rgb_to_xyz_matrix(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), xyz_to_xy(PCS_WHITE_XYZ))
# How far a patch speaks for its neighbours: 1 sigma in degrees of hue and in saturation; and the weight of "no change".
HUE_REACH_DEG = 22.0
SATURATION_REACH = 0.18
RESERVE = 0.35


@dataclass(frozen=True, eq=False)
class HueSaturationMap:
    """float64 [n_hues, n_saturations, 3]: hue shift in degrees, factor of saturation, factor of value. Hue i lies at
    i / n_hues of the circle, saturation j at j / (n_saturations - 1); saturation 0 has no shift."""

    nodes: Floats

    @classmethod
    def neutral(cls, n_hues: int = 36, n_saturations: int = 8) -> HueSaturationMap:
        nodes = np.ones((n_hues, n_saturations, 3))
        nodes[..., 0] = 0.0
        return cls(nodes)

    def apply(self, xyz: Floats) -> Floats:
        """XYZ D50 [..., 3] corrected."""
        hsv = rgb_to_hsv(np.asarray(xyz) @ np.linalg.inv(PROPHOTO_TO_XYZ).T)
        shift = self.at(hsv[..., 0], hsv[..., 1])
        moved = np.stack(
            [
                (hsv[..., 0] + shift[..., 0] / 360) % 1,
                np.clip(hsv[..., 1] * shift[..., 1], 0, 1),
                hsv[..., 2] * shift[..., 2],
            ],
            -1,
        )
        return np.asarray(hsv_to_rgb(moved) @ PROPHOTO_TO_XYZ.T)

    def at(self, hue: Floats, saturation: Floats) -> Floats:
        """[..., 3], linear between nodes; hue 0..1 runs round, saturation is held within 0..1."""
        n_hues, n_saturations = self.nodes.shape[:2]
        h, s = (np.asarray(hue) % 1) * n_hues, np.clip(saturation, 0, 1) * (n_saturations - 1)
        i, j = np.floor(h).astype(np.intp), np.minimum(np.floor(s).astype(np.intp), n_saturations - 2)
        fh, fs = (h - i)[..., None], (s - j)[..., None]
        i, i1 = i % n_hues, (i + 1) % n_hues
        low = self.nodes[i, j] * (1 - fh) + self.nodes[i1, j] * fh
        high = self.nodes[i, j + 1] * (1 - fh) + self.nodes[i1, j + 1] * fh
        return np.asarray(low * (1 - fs) + high * fs)


def fit_map(xyz: Floats, target: Floats, n_hues: int = 36, n_saturations: int = 8) -> HueSaturationMap:
    """The smooth map that takes XYZ D50 [n, 3] towards target [n, 3].

    At each node the mean of the patches' corrections, weighted by a Gaussian of their distance in hue and saturation,
    against a reserve of "no change": far from every patch nothing is changed (Nadaraya 1964, with shrinkage).
    """
    inverse = np.linalg.inv(PROPHOTO_TO_XYZ).T
    seen, wanted = rgb_to_hsv(xyz @ inverse), rgb_to_hsv(target @ inverse)
    coloured = np.minimum(seen[:, 1], wanted[:, 1]) > 0.06
    seen, wanted = seen[coloured], wanted[coloured]
    turn = ((wanted[:, 0] - seen[:, 0] + 0.5) % 1 - 0.5) * 360
    change = np.stack(
        [
            turn,
            np.log(wanted[:, 1] / seen[:, 1]),
            np.log(np.maximum(wanted[:, 2], 1e-4) / np.maximum(seen[:, 2], 1e-4)),
        ],
        1,
    )
    change = np.clip(change, [-20, -0.4, -0.4], [20, 0.4, 0.4])
    hue = np.arange(n_hues)[:, None, None] / n_hues
    saturation = np.linspace(0, 1, n_saturations)[None, :, None]
    off_hue = ((hue - seen[:, 0] + 0.5) % 1 - 0.5) * 360 / HUE_REACH_DEG
    off_saturation = (saturation - seen[:, 1]) / SATURATION_REACH
    weight = np.exp(-0.5 * (off_hue**2 + off_saturation**2))
    smooth = (weight @ change) / (weight.sum(-1, keepdims=True) + RESERVE)
    # Towards grey every hue meets: nothing may jump there.
    smooth *= np.clip(saturation / 0.15, 0, 1)
    return HueSaturationMap(np.concatenate([smooth[..., :1], np.exp(smooth[..., 1:])], -1))


def rgb_to_hsv(rgb: Floats) -> Floats:
    """Hue 0..1, saturation 0..1, value, [..., 3]; negative components count as 0."""
    v = np.maximum(rgb, 0)
    r, g, b = np.moveaxis(v, -1, 0)
    top, low = v.max(-1), v.min(-1)
    span = np.where(top > low, top - low, 1.0)
    hue = np.where(top == r, ((g - b) / span) % 6, np.where(top == g, (b - r) / span + 2, (r - g) / span + 4)) / 6
    saturation = np.where(top > 0, (top - low) / np.where(top > 0, top, 1), 0)
    return np.stack([np.where(top > low, hue, 0.0) % 1, saturation, top], -1)


def hsv_to_rgb(hsv: Floats) -> Floats:
    """Inverse of `rgb_to_hsv`."""
    h, s, v = np.moveaxis(np.asarray(hsv, np.float64), -1, 0)
    k = (np.stack([5 + 0 * h, 3 + 0 * h, 1 + 0 * h], -1) + 6 * h[..., None]) % 6
    fall = np.clip(np.minimum(k, 4 - k), 0, 1)
    return np.asarray(v[..., None] * (1 - s[..., None] * fall))
