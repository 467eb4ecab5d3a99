"""What the reference's own samples say against a merge: heard where it is more than noise, and only there."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from lichtbild.core import Cfa, Domain, DomainError, Frame, FrameInfo, NoiseModel, ShapeError
from lichtbild.stages.wiener import CELL_PX, WienerParams, believed_less, contradiction, own_samples_kept

NOISE = NoiseModel((2e-4,) * 3, (2e-6,) * 3, "simulated")
SHAPE, N_FRAMES = (192, 256), 10
BALANCE = (2.0, 1.0, 1.6)
CFA = Cfa.from_name("GRBG")


def mosaic_frame(pixels, n_effective=1.0):
    return Frame(pixels.astype(np.float32), Domain.MOSAIC, FrameInfo("f", SHAPE, "mosaic", cfa=CFA), NOISE, n_effective)


def grey(light):
    """A mosaic of a grey surface: what each colour's filter lets through."""
    colour = np.asarray(CFA.colours)[np.arange(SHAPE[0])[:, None] % 2, np.arange(SHAPE[1]) % 2]
    return light / np.float32(BALANCE)[colour]


def exposed(light, rng, n=1, frames=None):
    """Reference and merge of n frames, the reference among them."""
    clean = grey(light)
    sigma = np.sqrt(NOISE.alpha[0] * clean + NOISE.beta[0])
    noise = rng.standard_normal((n, *SHAPE)) * sigma
    return (
        mosaic_frame(clean + noise[0]),
        mosaic_frame(clean + noise.mean(0), np.full(SHAPE, float(n), np.float32)),
        clean,
    )


def error(frame, clean, where=np.s_[:]):
    return float(np.sqrt(np.square(frame.pixels - clean)[where].mean()))


def test_a_right_merge_is_left_alone():
    reference, merged, clean = exposed(np.full(SHAPE, 0.3), np.random.default_rng(1), N_FRAMES)
    kept = own_samples_kept(merged, reference, BALANCE, WienerParams())
    assert error(kept, clean) < 1.02 * error(merged, clean)
    assert kept.info.cfa == CFA
    deaf = own_samples_kept(merged, reference, BALANCE, WienerParams(evidence=1000.0))
    assert np.allclose(deaf.pixels, merged.pixels, atol=1e-6)


@pytest.mark.parametrize("corner", [(60, 90), (0, 0), (168, 226)])
def test_what_the_merge_shows_wrongly_comes_back(corner):
    """A thing that is in the reference alone, and a merge that does not show it."""
    place = np.s_[corner[0] : corner[0] + 24, corner[1] : corner[1] + 30]
    reference, merged, clean = exposed(np.full(SHAPE, 0.3), np.random.default_rng(2), N_FRAMES)
    thing = grey(np.full(SHAPE, 0.25))[place]
    clean[place] += thing
    reference.pixels[place] += thing.astype(np.float32)
    kept = own_samples_kept(merged, reference, BALANCE, WienerParams())
    assert error(merged, clean, place) > 0.1
    # As good as one frame, with a rim where the windows of blocks without it end.
    assert error(kept, clean, place) < 1.3 * error(reference, clean, place)
    far = scipy.ndimage.distance_transform_edt(thing_mask(place) == 0) > 24
    assert error(kept, clean, far) < 1.02 * error(merged, clean, far)


def thing_mask(place):
    mask = np.zeros(SHAPE)
    mask[place] = 1
    return mask


def test_lost_detail_comes_back_as_far_as_it_stands_out():
    """Stripes that the merge has at half their strength."""
    x = np.arange(SHAPE[1])
    for contrast, gain in ((0.1, 1.5), (0.001, 0.98)):
        light = 0.3 + contrast * np.sin(2 * np.pi * 0.2 * x) * np.ones((SHAPE[0], 1))
        reference, merged, clean = exposed(light, np.random.default_rng(3), N_FRAMES)
        merged.pixels[:] -= (0.5 * (clean - grey(np.full(SHAPE, 0.3)))).astype(np.float32)
        kept = own_samples_kept(merged, reference, BALANCE, WienerParams())
        assert error(merged, clean) > gain * error(kept, clean)


def test_clipped_samples_say_nothing():
    """A merge of shorter exposures knows more of a highlight than a reference that clips there."""
    reference, merged, _ = exposed(np.full(SHAPE, 1.6), np.random.default_rng(4), N_FRAMES)
    reference.pixels[:] = np.minimum(reference.pixels, 1)
    kept = own_samples_kept(merged, reference, BALANCE, WienerParams())
    green = np.asarray(CFA.colours)[np.arange(SHAPE[0])[:, None] % 2, np.arange(SHAPE[1]) % 2] == 1
    assert kept.pixels[green].mean() == pytest.approx(1.6, abs=0.002)


def test_the_merge_of_colours_is_read_at_the_sites():
    reference, _, clean = exposed(np.full(SHAPE, 0.3), np.random.default_rng(5))
    rgb = np.broadcast_to((0.3 / np.float32(BALANCE)), (*SHAPE, 3))
    merged = Frame(rgb, Domain.CAMERA_RGB, FrameInfo("m", SHAPE, "linear"), NOISE, 10.0)
    kept = own_samples_kept(merged, reference, BALANCE, WienerParams())
    assert kept.domain is Domain.MOSAIC
    assert error(kept, clean) < 0.2 * error(reference, clean)


def test_what_is_refused():
    reference, merged, _ = exposed(np.full(SHAPE, 0.3), np.random.default_rng(6))
    with pytest.raises(DomainError, match="Bayer"):
        own_samples_kept(merged, reference.with_info(cfa=None), BALANCE, WienerParams())
    smaller = reference.replaced(pixels=reference.pixels[:-2].copy())
    with pytest.raises(ShapeError, match="fit"):
        own_samples_kept(merged, smaller, BALANCE, WienerParams())


def test_contradiction_is_where_something_else_is_shown():
    place = np.s_[64:96, 96:136]
    reference, merged, _ = exposed(np.full(SHAPE, 0.3), np.random.default_rng(7), N_FRAMES)
    assert contradiction(merged, reference, BALANCE, WienerParams()).mean() < 2e-3
    reference.pixels[place] += grey(np.full(SHAPE, 0.15))[place].astype(np.float32)
    cells = contradiction(merged, reference, BALANCE, WienerParams())
    assert cells.shape == (SHAPE[0] // CELL_PX, SHAPE[1] // CELL_PX)
    assert (cells[8:12, 12:17] == 1).all()
    near = np.zeros(cells.shape, bool)
    near[6:14, 10:19] = True
    assert cells[~near].mean() < 2e-3


def test_aliasing_is_no_contradiction():
    """Detail near the highest frequency that the merge shows otherwise than one frame."""
    light = 0.3 + 0.05 * np.cos(np.pi * 0.96 * np.arange(SHAPE[1])) * np.ones((SHAPE[0], 1))
    reference, merged, clean = exposed(light, np.random.default_rng(8), N_FRAMES)
    merged.pixels[:] += (grey(np.full(SHAPE, 0.3)) - clean).astype(np.float32)
    assert contradiction(merged, reference, BALANCE, WienerParams()).mean() < 5e-3


def test_odd_sizes_have_cells_to_their_end():
    reference, merged, _ = exposed(np.full(SHAPE, 0.3), np.random.default_rng(9), N_FRAMES)
    odd = [f.replaced(pixels=np.ascontiguousarray(f.pixels[:61, :45]), n_effective=5.0) for f in (merged, reference)]
    assert contradiction(*odd, BALANCE, WienerParams()).shape == (8, 6)


def test_noise_of_a_mixture_is_told():
    rng = np.random.default_rng(10)
    frames = rng.standard_normal((N_FRAMES, *SHAPE, 3)).astype(np.float32)
    info = FrameInfo("m", SHAPE, "linear")
    merged = Frame(frames.mean(0), Domain.CAMERA_RGB, info, NOISE, np.full(SHAPE, float(N_FRAMES), np.float32))
    own = Frame(frames[0], Domain.CAMERA_RGB, info, NOISE)
    for part in (0.0, 0.3, 0.7, 1.0):
        mixed = believed_less(merged, own, np.full(SHAPE, part, np.float32))
        assert 1 / mixed.pixels.var() == pytest.approx(float(mixed.n_effective.mean()), rel=0.03)
