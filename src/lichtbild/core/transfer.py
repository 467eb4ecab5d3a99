"""What a lens leaves of each spatial frequency, over its whole picture: the numbers that deconvolution divides by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichtbild.core.errors import MetadataError, ShapeError

Float64 = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

N_DIRECTIONS = 13
"""From radial to tangential, 7.5 degrees apart."""
N_FREQUENCIES = 49
HIGHEST_PX = 0.75
"""Cycles per px: the diagonal of what pixels hold ends at 0.71."""


@dataclass(frozen=True, eq=False)
class TransferField:
    """Optical transfer, pixel aperture included, of a lens that is the same all around its axis.

    Parameters
    ----------
    radii
        float64 [R], distance from the optical centre in half diagonals of the picture, from 0, ascending.
    frequencies_px
        float64 [F], cycles per px from 0, ascending.
    transfer
        complex128 [R, C, K, F], 1 at frequency 0. Direction k runs from radial (0, outwards) to tangential (K - 1); the
        lens is its own mirror image in the plane of centre and place, so a quarter of a turn tells all. The phase is
        counted from the place where the colour's light arrives in the mean.
    shape
        Rows and columns of the picture whose pixels are meant.

    Raises
    ------
    MetadataError
        If the tables do not fit together, or more than all the light is left.
    """

    radii: Float64
    frequencies_px: Float64
    transfer: Complex
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        wanted = (self.radii.size, self.frequencies_px.size)
        if self.transfer.ndim != 4 or (self.transfer.shape[0], self.transfer.shape[3]) != wanted:
            raise MetadataError(
                f"a table of transfer {list(self.transfer.shape)} for {wanted[0]} radii and {wanted[1]} frequencies",
                where="TransferField",
            )
        if self.transfer.shape[2] < 2 or self.transfer.shape[1] not in (1, 3) or min(wanted) < 2:
            raise MetadataError("at least two radii, directions and frequencies, one or three colours",
                                where="TransferField")  # fmt: skip
        for name in ("radii", "frequencies_px"):
            axis = getattr(self, name)
            if not np.all(np.isfinite(axis)) or axis[0] != 0 or np.any(np.diff(axis) <= 0):
                raise MetadataError(f"{name} begin with 0 and ascend", where="TransferField")
        if not np.all(np.isfinite(self.transfer)) or np.abs(self.transfer).max() > 1.001:
            raise MetadataError("transfer is a number of size 1 at most", where="TransferField")

    @classmethod
    def from_edges(
        cls, radii: Float64, frequencies_px: Float64, radial: Complex, tangential: Complex, shape: tuple[int, int]
    ) -> TransferField:
        """Of edges measured along two directions only: complex [R, C, F] each.

        Between them the logarithm of the size goes with the squared cosine, as every elliptic blur has it. Coma, whose
        phase falls with the cosine's cube, is what turns the phase of an edge measured radially; along the tangent
        symmetry leaves none.
        """
        angle = np.linspace(0, np.pi / 2, N_DIRECTIONS)[:, None]
        share = np.cos(angle) ** 2
        size = [np.log(np.maximum(np.abs(t), 1e-4))[:, :, None] for t in (radial, tangential)]
        phase = np.unwrap(np.angle(radial), axis=-1)[:, :, None] * np.cos(angle) ** 3
        # Phase of what is lost in noise would be noise too.
        value = np.exp(share * size[0] + (1 - share) * size[1] + 1j * phase)
        return cls(np.asarray(radii, np.float64), np.asarray(frequencies_px, np.float64), value / value[..., :1], shape)

    def thinned(self) -> TransferField:
        """Every second frequency and direction: enough for a file, see `refined`."""
        return TransferField(
            self.radii, self.frequencies_px[::2], np.ascontiguousarray(self.transfer[:, :, ::2, ::2]), self.shape
        )

    def refined(self) -> TransferField:
        """Frequencies and directions halved by cubics, where straight lines between them would be too coarse."""
        if min(self.transfer.shape[2:]) < 4 or not np.allclose(np.diff(self.frequencies_px, 2), 0, atol=1e-6):
            return self
        # Of frequencies of the other sign the conjugate is left; beyond the highest a parabola goes on.
        v = self.transfer
        values = _halved(v, np.conj(v[..., 1]), 3 * (v[..., -1] - v[..., -2]) + v[..., -3])
        # The picture is its own mirror image in the plane of centre and place, and across it the sign turns.
        v = np.swapaxes(values, 2, 3)
        values = np.swapaxes(_halved(v, v[..., 1], np.conj(v[..., -2])), 2, 3)
        n = 2 * self.frequencies_px.size - 1
        size = np.maximum(np.abs(values), 1e-12)
        values *= np.minimum(size, 1) / size
        return TransferField(
            self.radii, np.linspace(0, self.frequencies_px[-1], n), np.ascontiguousarray(values), self.shape
        )

    @property
    def n_colours(self) -> int:
        return int(self.transfer.shape[1])

    def at(self, y: Float64, x: Float64, fy_px: Float64, fx_px: Float64) -> npt.NDArray[np.complex64]:
        """Transfer at places of the picture.

        Parameters
        ----------
        y, x
            float64 [P], from the optical centre in half diagonals, rows downwards. Beyond the last radius its values
            hold.
        fy_px, fx_px
            float64 [A], [B], cycles per px along rows and columns.

        Returns
        -------
        complex64 [P, C, A, B]; beyond the last frequency its values hold. Linear in radius, direction and frequency.
        """
        if y.shape != x.shape or y.ndim != 1:
            raise ShapeError("places are two lists of equal length", where="TransferField.at")
        radius = np.hypot(y, x)
        safe = np.maximum(radius, 1e-12)
        uy, ux = np.where(radius > 0, y / safe, 1.0), x / safe
        size = np.hypot(fy_px[:, None], fx_px[None, :])
        f, df = _split(size, self.frequencies_px)
        r, dr = _split(radius, self.radii)
        out = np.empty((y.size, self.n_colours, fy_px.size, fx_px.size), np.complex64)
        for p in range(y.size):
            along = fy_px[:, None] * uy[p] + fx_px[None, :] * ux[p]
            across = np.abs(fx_px[None, :] * uy[p] - fy_px[:, None] * ux[p])
            turn = np.arctan2(across, np.abs(along)) * ((self.transfer.shape[2] - 1) / (np.pi / 2))
            k = np.minimum(turn.astype(np.intp), self.transfer.shape[2] - 2)
            dk = turn - k
            here = (1 - dr[p]) * self.transfer[r[p]] + dr[p] * self.transfer[r[p] + 1]
            value = (1 - dk) * ((1 - df) * here[:, k, f] + df * here[:, k, f + 1]) + dk * (
                (1 - df) * here[:, k + 1, f] + df * here[:, k + 1, f + 1]
            )
            out[p] = np.where(along >= 0, value, np.conj(value))
        return out


def _halved(values: Complex, before: Complex, after: Complex) -> Complex:
    """[.., n] with values between neighbours, [.., 2 n - 1], by cubics through four; `before` and `after` [..] stand
    beyond the ends."""
    v = np.concatenate([before[..., None], values, after[..., None]], -1)
    out = np.empty((*v.shape[:-1], 2 * values.shape[-1] - 1), np.complex128)
    out[..., ::2] = values
    out[..., 1::2] = (9 * (v[..., 1:-2] + v[..., 2:-1]) - v[..., :-3] - v[..., 3:]) / 16
    return out


def _split(values: Float64, axis: Float64) -> tuple[npt.NDArray[np.intp], Float64]:
    """Index below and share above of values on an ascending axis, held at its ends."""
    low = np.clip(np.searchsorted(axis, values, "right") - 1, 0, axis.size - 2)
    return low, np.clip((values - axis[low]) / (axis[low + 1] - axis[low]), 0, 1)
