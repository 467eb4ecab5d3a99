"""Motion that is known, found again: scenes are sums of waves, evaluated exactly wherever a frame's pixels look."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.ndimage

from lichtbild.core import Camera, Cfa, Domain, Frame, FrameInfo, NoiseModel, ShapeError
from lichtbild.core.frame import cfa_plane_index
from lichtbild.stages.align import AlignParams, align, field, fine, guide, levels, pyramid
from lichtbild.stages.align.field import Hand

WB = (2.0, 1.0, 1.6)
ALPHA, BETA = 2e-4, 5e-6  # a phone at ISO 100
PARAMS = AlignParams()
SHAPE = (384, 448)


class Waves:
    """Light as a sum of plane waves below `finest` cycles/px (0.12: no aliasing even after the first halving), all
    colours alike but for a slow tint. A motion of the plane leaves each wave a wave, so that frames are products of two
    matrices."""

    def __init__(self, rng, n=70, finest=0.12):
        length = np.exp(rng.uniform(np.log(0.004), np.log(finest), n))
        turn = rng.uniform(0, np.pi, n)
        self.k = 2 * np.pi * np.stack([length * np.sin(turn), length * np.cos(turn)], 1)
        size = length**-0.4
        self.a = 0.05 * size / np.sqrt((size**2).mean() * n / 12) * np.exp(2j * np.pi * rng.random(n))
        self.tint = 1 + 0.1 * rng.standard_normal((3, n)) * (length < 0.02)

    def seen(self, shape, turn_deg=0.0, shift=(0.0, 0.0)):
        """Balanced RGB [H, W, 3] of a frame in which the scene's point p lies at R (p - c) + c + shift."""
        c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
        turned = self.k @ np.array([[c, -s], [s, c]])
        centre = np.array(shape) / 2
        a = self.a * np.exp(1j * (self.k @ centre - turned @ (centre + np.asarray(shift))))
        rows = np.exp(1j * np.outer(np.arange(shape[0]) + 0.5, turned[:, 0]))
        columns = np.exp(1j * np.outer(turned[:, 1], np.arange(shape[1]) + 0.5))
        return 0.3 + np.stack([((rows * (a * tint)) @ columns).real for tint in self.tint], -1)


def true_flow(shape, turn_deg, shift):
    """Displacement of the centres of 32 px tiles."""
    th, tw = -(-shape[0] // 32), -(-shape[1] // 32)
    y, x = np.mgrid[0:th, 0:tw] * 32.0 + 16 - np.array(shape)[:, None, None] / 2
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    # Rows first: (y, x) turned by R = [[c, s], [-s, c]] as in `Waves.seen`.
    return np.stack([c * y + s * x - y + shift[0], -s * y + c * x - x + shift[1]], -1)


def frame_of(balanced, rng=None, cfa="RGGB"):
    """A mosaic of balanced light, with noise of the model where `rng` is given."""
    pattern = Cfa.from_name(cfa)
    shape = balanced.shape[:2]
    planes = np.maximum(balanced, 0) / np.array(WB)
    light = np.take_along_axis(planes, cfa_plane_index(pattern, shape)[..., None], 2)[..., 0]
    if rng is not None:
        light = light + rng.normal(size=shape) * np.sqrt(ALPHA * light + BETA)
    info = FrameInfo("test", shape, "mosaic", cfa=pattern)
    return Frame(light.astype(np.float32), Domain.MOSAIC, info, NoiseModel((ALPHA,) * 3, (BETA,) * 3, "simulated"))


def found(first, second, start=None):
    return align(pyramid(first, WB), pyramid(second, WB), PARAMS, start)


def error_px(motion, turn_deg, shift, shape=SHAPE):
    """Root mean square error of the hand's motion over tiles that lie in both frames, px."""
    truth = true_flow(shape, turn_deg, shift)
    th, tw = truth.shape[:2]
    y, x = np.mgrid[0:th, 0:tw] * 32.0 + 16
    is_in = [
        (p + truth[..., k] > 16) & (p + truth[..., k] < n - 16)
        for k, (p, n) in enumerate(zip((y, x), shape, strict=True))
    ]
    inside = is_in[0] & is_in[1]
    return np.sqrt(np.square(motion.hand_px - truth)[inside].mean())


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_a_fraction_of_a_pixel(cfa):
    rng = np.random.default_rng(20261122)
    scene, shift = Waves(rng), rng.uniform(-3, 3, 2)
    motion = found(frame_of(scene.seen(SHAPE), rng, cfa), frame_of(scene.seen(SHAPE, 0, shift), rng, cfa))
    # Noise alone leaves some thousandths; the cubic warp and what is left of aliasing 0.01 px.
    assert error_px(motion, 0, shift) < 0.03
    # Fine waves are left by the cubic warp with an error that passes for motion now and then.
    assert (motion.doubt > 1).mean() < 0.3
    assert motion.is_local.mean() < 0.06
    assert motion.hand_px.shape == (12, 14, 2)
    # What is left after the best motion is noise, as declared.
    assert 0.8 < np.median(motion.mismatch) < 1.3


@pytest.mark.parametrize("turn_deg", [-3.0, -1.0, 0.5, 2.0])
def test_a_turn(turn_deg):
    rng = np.random.default_rng(20261122)
    scene, shift = Waves(rng), rng.uniform(-10, 10, 2)
    motion = found(frame_of(scene.seen(SHAPE), rng), frame_of(scene.seen(SHAPE, turn_deg, shift), rng))
    assert error_px(motion, turn_deg, shift) < 0.03


@pytest.mark.parametrize("direction", [(0.1, 0.0), (0.0, -0.1), (-0.07, 0.07)])
def test_a_shift_of_a_tenth_of_the_frame(direction):
    rng = np.random.default_rng(20261122)
    scene, shift = Waves(rng), np.array(direction) * min(SHAPE)
    motion = found(frame_of(scene.seen(SHAPE), rng), frame_of(scene.seen(SHAPE, 0.3, shift), rng))
    assert error_px(motion, 0.3, shift) < 0.03


def test_there_and_back():
    rng = np.random.default_rng(20261122)
    scene = Waves(rng)
    frames = [frame_of(scene.seen(SHAPE), rng), frame_of(scene.seen(SHAPE, 0, (2.3, -4.1)), rng)]
    there, back = found(*frames), found(*frames[::-1])
    # No bias towards the reference: both ways give the same shift.
    np.testing.assert_allclose(there.hand_px.mean((0, 1)), -back.hand_px.mean((0, 1)), atol=0.01)


def test_a_frame_against_itself_does_not_move():
    frame = frame_of(Waves(np.random.default_rng(20261122)).seen(SHAPE), np.random.default_rng())
    motion = found(frame, frame)
    assert np.abs(motion.hand_px).max() < 1e-3
    assert motion.mismatch.max() < 1e-3


def test_rgb_frames():
    rng = np.random.default_rng(20261122)
    scene, shift = Waves(rng), (1.4, -0.7)
    frames = []
    for part in (scene.seen(SHAPE), scene.seen(SHAPE, 0, shift)):
        rgb = np.maximum(part, 0) / np.array(WB)
        rgb = rgb + rng.normal(size=rgb.shape) * np.sqrt(ALPHA * rgb + BETA)
        info = FrameInfo("test", SHAPE, "linear")
        noise = NoiseModel((ALPHA,) * 3, (BETA,) * 3, "simulated")
        frames.append(Frame(rgb.astype(np.float32), Domain.CAMERA_RGB, info, noise))
    assert error_px(found(*frames), 0, shift) < 0.03


def test_a_thing_that_moves_by_itself():
    rng = np.random.default_rng(20261122)
    back, front = Waves(rng), Waves(rng)
    hand, own = np.array([1.6, -2.3]), np.array([9.2, 14.5])
    first, second = back.seen(SHAPE), back.seen(SHAPE, 0, hand)
    patches = front.seen(SHAPE), front.seen(SHAPE, 0, own)
    top, left, height, width = 120, 150, 128, 128
    first[top : top + height, left : left + width] = patches[0][top : top + height, left : left + width]
    there = slice(top + 9, top + 9 + height), slice(left + 15, left + 15 + width)
    second[there] = patches[1][there]
    motion = found(frame_of(first, rng), frame_of(second, rng))
    # A tenth of the picture pulls the hand's motion by no more than it may be off anyway.
    assert error_px(motion, 0, hand) < 0.05
    inside = slice(top // 32 + 1, (top + height) // 32 - 1), slice(left // 32 + 1, (left + width) // 32 - 1)
    assert motion.is_local[inside].all()
    np.testing.assert_allclose(motion.local_px[inside], np.broadcast_to(own, motion.local_px[inside].shape), atol=0.15)
    assert (motion.doubt[inside] > 3).all()
    # Far from it, tiles follow the hand.
    far = np.ones(motion.is_local.shape, bool)
    far[top // 32 - 1 : (top + height + 9) // 32 + 2, left // 32 - 1 : (left + width + 15) // 32 + 2] = False
    assert motion.is_local[far].mean() < 0.1
    # Tiles beside it are lent its motion, all others follow the hand.
    beside = scipy.ndimage.binary_dilation(motion.is_local, np.ones((3, 3)))
    np.testing.assert_array_equal(motion.local_px[~beside], motion.hand_px[~beside])


@pytest.mark.parametrize("kind", ["flat sky", "noise alone", "black", "gradient", "half sky"])
def test_nothing_to_hold_on_to(kind):
    rng = np.random.default_rng(20261122)
    light = np.full((*SHAPE, 3), 0.3)
    if kind == "black":
        light[:] = 0
    if kind == "gradient":
        light *= np.linspace(0.3, 1.5, SHAPE[0])[:, None, None]
    frames = [frame_of(light, rng) for _ in range(2)]
    if kind == "noise alone":
        frames = [f.replaced(pixels=rng.normal(0.2, 0.2, SHAPE).astype(np.float32)) for f in frames]
    if kind == "half sky":
        scene = Waves(rng)
        pair = [scene.seen(SHAPE), scene.seen(SHAPE, 0, (1.2, 2.4))]
        for part, horizon in zip(pair, (192, 193.2), strict=True):
            sky = 0.5 - 0.5 * np.tanh(np.arange(SHAPE[0]) + 0.5 - horizon)[:, None, None]
            part += sky * (0.5 - part)
        frames = [frame_of(part, rng) for part in pair]
    motion = found(*frames)
    for part in (motion.hand_px, motion.local_px, motion.mismatch, motion.doubt):
        assert np.isfinite(part).all()
    if kind == "half sky":
        assert np.sqrt(np.square(motion.hand_px[7:, 1:-1] - (1.2, 2.4)).mean()) < 0.05
        # The sky goes with the hand: extrapolated, so less exactly.
        assert np.abs(motion.hand_px[:6] - (1.2, 2.4)).max() < 0.5
    elif kind != "noise alone":
        # Within reach of the hand; these frames show the same whatever the motion.
        assert np.abs(motion.hand_px).max() < PARAMS.max_shift * min(SHAPE)
        assert motion.is_local.mean() < 0.06
    else:
        # Far more noise than declared: nothing fits, whatever the motion.
        assert motion.refused
        assert not motion.hand_px.any()


def test_a_facade_of_equal_windows():
    """Period 24 px: a shift of five px must not be taken for one of five less a period."""
    rng = np.random.default_rng(20261122)
    scene = Waves(rng)
    scene.a *= 0.35
    angle = 2 * np.pi / 24
    pair = []
    for shift in ((0, 0), (5.3, -4.6)):
        y, x = (np.arange(n) + 0.5 - s for n, s in zip(SHAPE, shift, strict=True))
        windows = 0.12 * np.multiply.outer(np.cos(angle * y), np.cos(angle * x))
        pair.append(scene.seen(SHAPE, 0, shift) + windows[..., None])
    assert error_px(found(*(frame_of(part, rng) for part in pair)), 0, (5.3, -4.6)) < 0.03


def test_the_motion_before_is_a_first_guess():
    rng = np.random.default_rng(20261122)
    scene = Waves(rng)
    first, second, third = (frame_of(scene.seen(SHAPE, 0, s), rng) for s in ((0, 0), (18, 12), (20.5, 13.5)))
    near = found(first, second)
    assert error_px(found(first, third, near), 0, (20.5, 13.5)) < 0.03
    # A wrong one does no harm.
    wrong = dataclasses.replace(near, hand=Hand.turned(2.0, (-40.0, 30.0), SHAPE))
    assert error_px(found(first, third, wrong), 0, (20.5, 13.5)) < 0.03


@pytest.mark.parametrize(("turn_deg", "direction"), [(7.0, (-0.1, 0.15)), (-6.0, (0.2, 0.05)), (0.5, (0.24, 0.0))])
def test_a_camera_that_was_moved(turn_deg, direction):
    rng = np.random.default_rng(20261122)
    scene, shift = Waves(rng), np.array(direction) * min(SHAPE)
    motion = found(frame_of(scene.seen(SHAPE), rng), frame_of(scene.seen(SHAPE, turn_deg, shift), rng))
    assert not motion.refused
    assert error_px(motion, turn_deg, shift) < 0.05


def test_another_scene_is_refused():
    rng = np.random.default_rng(20261122)
    motion = found(*(frame_of(Waves(rng).seen(SHAPE), rng) for _ in range(2)))
    assert motion.refused
    assert not motion.hand_px.any()
    assert not motion.local_px.any()


def seen_at(scene, points_yx):
    """Balanced RGB [H, W, 3] of a scene at points [H, W, 2]: slow, for motions of any kind."""
    phase = points_yx.reshape(-1, 2).astype(np.float32) @ scene.k.T.astype(np.float32)
    light = np.exp(1j * phase) @ (scene.a * scene.tint).T.astype(np.complex64)
    return 0.3 + light.real.reshape(*points_yx.shape[:2], 3)


@pytest.mark.parametrize("kind", ["keystone", "shear", "rows"])
def test_motion_beyond_a_similarity(kind):
    """A camera that pitches and yaws, a rolling shutter in steady and in quickening motion."""
    rng = np.random.default_rng(20261122)
    scene, half = Waves(rng), max(SHAPE) / 2
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    v, u = (y - SHAPE[0] / 2) / half, (x - SHAPE[1] / 2) / half
    if kind == "keystone":
        matrix = np.array([[1, 0, 0.01], [0, 1, -0.02], [0.006, -0.009, 1]])
        seen = np.linalg.inv(matrix) @ np.stack([u, v, np.ones_like(u)]).reshape(3, -1)
        u_ref, v_ref = (seen[k] / seen[2] for k in (0, 1))
    elif kind == "shear":
        matrix = np.array([[1, 0.008, 0.01], [0, 1.004, -0.02], [0, 0, 1]])
        seen = np.linalg.inv(matrix) @ np.stack([u, v, np.ones_like(u)]).reshape(3, -1)
        u_ref, v_ref = seen[0], seen[1]
    else:
        matrix, bend = np.eye(3), np.array([0.004, -0.007])
        # v = v_ref + bend v_ref^2, solved for v_ref.
        v_ref = (2 * v / (1 + np.sqrt(1 + 4 * bend[0] * v))).ravel()
        u_ref = u.ravel() - bend[1] * v_ref**2
    points = np.stack([v_ref * half + SHAPE[0] / 2, u_ref * half + SHAPE[1] / 2], -1).reshape(*SHAPE, 2)
    motion = found(frame_of(seen_at(scene, np.stack([y, x], -1)), rng), frame_of(seen_at(scene, points), rng))
    truth = Hand(matrix, bend if kind == "rows" else np.zeros(2), SHAPE)
    grid = np.argwhere(np.ones(motion.hand_px.shape[:2]))
    wanted = truth.at((grid + 0.5) * 32)[:, :2].reshape(motion.hand_px.shape)
    assert np.sqrt(np.square(motion.hand_px - wanted).mean()) < 0.03


def test_terms_that_nothing_proves_are_left_out():
    rng = np.random.default_rng(20261122)
    scene = Waves(rng)
    motion = found(frame_of(scene.seen(SHAPE), rng), frame_of(scene.seen(SHAPE, 0.4, (3.2, -1.7)), rng))
    assert np.abs(motion.hand.beyond_similarity()).max() < 1e-9
    # What it says about its own error is of the order of the error.
    error = error_px(motion, 0.4, (3.2, -1.7))
    assert 0.2 * error < np.sqrt(np.square(motion.sigma_px).mean()) < 5 * error


def test_noise_kept_by_each_level():
    """One dimension of the filters squared: the sum of squares of their impulse response, the spline's included."""
    binomial, spline, slope = np.array([1, 3, 3, 1]) / 8, np.array([1, 4, 1]) / 6, np.array([1, 0, -1]) / 2
    smooth = np.exp(-0.5 * (np.arange(-3, 4) / 0.7) ** 2)

    def spread(kernel, step):
        out = np.zeros((len(kernel) - 1) * step + 1)
        out[::step] = kernel
        return out

    response = np.convolve(binomial, spread(smooth / smooth.sum(), 2))
    for level, declared in enumerate(levels.LEVEL_NOISE):
        if level:
            response = np.convolve(response, spread(binomial, 2**level))
        value, gradient = (np.convolve(response, spread(k, 2 ** (level + 1))) for k in (spline, slope))
        variance = (value**2).sum()
        assert declared == pytest.approx(variance**2, rel=0.01)
        # Gradients of both axes over twice the variance.
        assert levels.GRADIENT_NOISE[level] == pytest.approx((gradient**2).sum() / variance, rel=0.02)


def test_noise_kept_at_full_size():
    smooth, spline, slope = np.array([1, 2, 1]) / 4, np.array([1, 4, 1]) / 6, np.array([1, 0, -1]) / 2
    value, gradient = np.convolve(smooth, spline), np.convolve(smooth, slope)
    assert (value**2).sum() ** 2 == pytest.approx(fine.FINE_NOISE, rel=0.01)
    assert (gradient**2).sum() / (value**2).sum() == pytest.approx(fine.FINE_GRADIENT_NOISE, rel=0.01)


def test_noisy_frames_come_near_the_bound():
    """Shift, roll and scale from the same-colour slopes of the noise-free picture: nobody can err less on average."""
    rng = np.random.default_rng(20261122)
    scene = Waves(rng, finest=0.35)
    clean = scene.seen(SHAPE)
    base = field.basis(np.argwhere(np.ones(SHAPE)) + 0.5, SHAPE)[:, :, :4]
    plane = cfa_plane_index(Cfa.from_name("RGGB"), SHAPE)[..., None]
    slopes = (np.take_along_axis(part / np.array(WB), plane, 2).ravel() for part in np.gradient(clean, axis=(0, 1)))
    terms = sum(base[:, k] * slope[:, None] for k, slope in enumerate(slopes))
    sigma = 0.05
    covariance = np.linalg.inv(terms.T @ terms / (2 * sigma**2))
    bound = np.sqrt(np.einsum("nik,kl,nil->n", base, covariance, base).mean())

    def noisy(balanced):
        frame = frame_of(balanced)
        pixels = (frame.pixels + rng.normal(0, sigma, SHAPE)).astype(np.float32)
        return frame.replaced(pixels=pixels, noise=NoiseModel((1e-9,) * 3, (sigma**2,) * 3, "simulated"))

    errors = []
    for _ in range(8):
        shift = rng.uniform(-3, 3, 2)
        motion = found(noisy(clean), noisy(scene.seen(SHAPE, 0.3, shift)))
        # `error_px` is of each axis.
        errors.append(2 * error_px(motion, 0.3, shift) ** 2)
    assert np.sqrt(np.mean(errors)) < 1.6 * bound


def test_a_guide_needs_no_frame():
    rng = np.random.default_rng(20261122)
    scene = Waves(rng)
    first, second = (frame_of(scene.seen(SHAPE, 0, s), rng) for s in ((0, 0), (1.3, -0.4)))
    kept = guide(first, WB)
    assert kept.mosaic.size == 0
    np.testing.assert_array_equal(align(kept, pyramid(second, WB), PARAMS).hand_px, found(first, second).hand_px)


@pytest.mark.parametrize("gain", [None, 2.0])
def test_noise_of_a_pyramid_is_what_frames_have(gain):
    """Grey light of a known model under white balance and gain: each level's variance is what `Pyramid.noise` says."""
    rng = np.random.default_rng(20261122)
    shape = (768, 768)
    frame = frame_of(np.full((*shape, 3), 0.3), rng)
    if gain is not None:
        clean = frame_of(np.full((*shape, 3), 0.3)).pixels
        grid = np.full((shape[0] // 16 + 1, shape[1] // 16 + 1, 3), gain, np.float32)
        noisy = clean + rng.normal(size=shape) * np.sqrt(ALPHA * gain * clean + BETA * gain**2)
        frame = frame.replaced(pixels=noisy.astype(np.float32), gain=grid)
    made = pyramid(frame, WB)
    # Neighbours of the first levels are correlated: about a quarter of the samples count.
    for level, tolerance in ((0, 0.03), (1, 0.05), (2, 0.1)):
        part = made.level(level).astype(np.float64)
        rows = (part[:-2] + 4 * part[1:-1] + part[2:]) / 6
        inner = ((rows[:, :-2] + 4 * rows[:, 1:-1] + rows[:, 2:]) / 6)[8:-8, 8:-8]
        expected = made.noise[level][..., 0].mean() * 0.3 + made.noise[level][..., 1].mean()
        assert inner.var() == pytest.approx(expected, rel=tolerance)
        assert inner.mean() == pytest.approx(0.3, rel=2e-3)


def test_frames_that_do_not_fit():
    big, small = (pyramid(frame_of(np.full((n, n, 3), 0.3)), WB) for n in (128, 96))
    with pytest.raises(ShapeError, match="differ in size"):
        align(big, small, PARAMS)
    with pytest.raises(ShapeError, match="20 x 6 px: too small"):
        pyramid(frame_of(np.full((6, 20, 3), 0.3)), WB)


def test_grain_of_developed_pictures_is_measured():
    """Noise blurred over several px, declared as if it were white: tiles do not doubt what is only grain."""
    rng = np.random.default_rng(20261122)
    scene, shift, frames = Waves(rng), (1.4, -0.7), []
    for part in (scene.seen(SHAPE), scene.seen(SHAPE, 0, shift)):
        part[:, : SHAPE[1] // 2] = 0.3  # shows nothing
        grain = scipy.ndimage.gaussian_filter(rng.normal(size=part.shape), (2.5, 2.5, 0)) * 0.05
        rgb = (np.maximum(part, 0) / np.array(WB) + grain).astype(np.float32)
        info = FrameInfo("test", SHAPE, "picture", camera=Camera(is_rendered=True))
        frames.append(Frame(rgb, Domain.CAMERA_RGB, info, NoiseModel((1e-9,) * 3, (1e-6,) * 3, "fitted")))
    motion = found(*frames)
    assert error_px(motion, 0, shift) < 0.3
    assert 0.3 < np.median(motion.mismatch[2:-2, 1:6]) < 3
    assert motion.is_local[2:-2, 1:6].mean() < 0.1
