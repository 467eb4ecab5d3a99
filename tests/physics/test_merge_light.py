"""What light demands of the merge: noise falls as it must, brightness stays, nothing that moved leaves a trace."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lichtbild.core import Camera, Cfa, Domain, DomainError, Frame, FrameInfo, NoiseModel, ShapeError
from lichtbild.core.frame import cfa_plane_index
from lichtbild.core.mosaic import mosaic_of as mosaic_picture
from lichtbild.stages.align import AlignParams, Motion, align, pyramid, tile_grid
from lichtbild.stages.demosaic import demosaic
from lichtbild.stages.denoise import DenoiseParams, denoise_rgb
from lichtbild.stages.merge import MergeParams, Merger

WB = (2.0, 1.0, 1.6)
BALANCE = np.array(WB)
ALPHA, BETA = 1.45e-3, 2e-4  # a phone at ISO 800
SHAPE = (192, 240)


def camera_light(balanced, gain=None):
    rgb = np.maximum(balanced, 0) / BALANCE
    return rgb if gain is None else rgb * gain


def mosaic_of(balanced, rng=None, cfa="RGGB", gain_grid=None, alpha=ALPHA, beta=BETA, clip=np.inf):
    """A mosaic of balanced light [H, W, 3] under a spatial gain, with noise of the model where `rng` is given."""
    pattern = Cfa.from_name(cfa)
    shape = balanced.shape[:2]
    info = FrameInfo("test", shape, "mosaic", cfa=pattern)
    noise = NoiseModel((alpha,) * 3, (beta,) * 3, "simulated")
    light = np.take_along_axis(camera_light(balanced), cfa_plane_index(pattern, shape)[..., None], 2)[..., 0]
    frame = Frame(np.asarray(light, np.float32), Domain.MOSAIC, info, noise, gain=gain_grid)
    full = frame.gain_at_full_size()
    if not isinstance(full, float):
        light = light * full[..., 1]
        frame = frame.replaced(pixels=light.astype(np.float32))
    if rng is None:
        return frame
    noisy = light + rng.normal(size=shape) * np.sqrt(frame.variance())
    return frame.replaced(pixels=np.minimum(noisy, clip).astype(np.float32))


def rgb_of(balanced, rng):
    noise = NoiseModel((ALPHA,) * 3, (BETA,) * 3, "simulated")
    rgb = camera_light(balanced)
    noisy = rgb + rng.normal(size=rgb.shape) * np.sqrt(ALPHA * rgb + BETA)
    return Frame(noisy.astype(np.float32), Domain.CAMERA_RGB, FrameInfo("test", rgb.shape[:2], "linear"), noise)


def guess_of(frame):
    """The first guess as the pipeline makes it."""
    rgb = demosaic(frame, WB) if frame.domain is Domain.MOSAIC else frame
    return denoise_rgb(rgb, WB, DenoiseParams(luminance=1.0))


def shifted(shape, shift):
    """The motion of a frame that is known to be shifted."""
    th, tw = tile_grid((shape[0] // 2, shape[1] // 2))
    flow = np.broadcast_to(np.asarray(shift, np.float32), (th, tw, 2)).copy()
    calm = np.zeros((th, tw), np.float32)
    return Motion(np.zeros(8), flow, flow.copy(), calm > 1, calm + 1, calm + 0.3)


def merged(frames, motions=None, params=None):
    """The merged frame and the trust of each frame but the first; motion is found where it is not given."""
    merger = Merger(frames[0], guess_of(frames[0]), WB, params or MergeParams())
    trusts = []
    for k, frame in enumerate(frames[1:]):
        motion = motions[k] if motions else align(pyramid(frames[0], WB), pyramid(frame, WB), AlignParams())
        trusts.append(merger.add(frame, motion))
    return merger.finish(), trusts


def step(distance):
    """From 1 where `distance` is negative to 0: an edge as a lens draws it."""
    return 0.5 - 0.5 * np.tanh(distance)


def scene(rng, shape=SHAPE):
    """Function (shift) -> balanced RGB: bars, a disc and waves, each drawn exactly where it lies."""
    phase = rng.uniform(0, 2 * np.pi, 12)
    length, turn = rng.uniform(0.02, 0.2, 12), rng.uniform(0, np.pi, 12)

    def draw(shift):
        y, x = (np.arange(n) + 0.5 - s for n, s in zip(shape, shift, strict=True))
        y = y[:, None]
        light = np.full(shape, 0.3)
        for k in range(12):
            light += 0.015 * np.cos(2 * np.pi * length[k] * (y * np.sin(turn[k]) + x * np.cos(turn[k])) + phase[k])
        disc, bar = step(np.hypot(y - 60, x - 80) - 30), step(170 - x - 0.2 * y)
        light = light * (1 - 0.7 * disc) + 0.35 * bar
        return light[..., None] * (1 + np.array([0.3, 0, -0.3]) * (disc + bar)[..., None])

    return draw


def random_shifts(rng, n, reach=3.0):
    return [np.zeros(2), *rng.uniform(-reach, reach, (n - 1, 2))]


def rms(a):
    return float(np.sqrt(np.mean(np.square(a))))


@pytest.mark.parametrize("level", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("kind", ["mosaic", "rgb"])
def test_noise_falls_with_the_root_of_the_number_of_frames(level, kind):
    rng = np.random.default_rng(20261122)
    n = 8
    light = np.full((*SHAPE, 3), level)
    frames = [mosaic_of(light, rng) if kind == "mosaic" else rgb_of(light, rng) for _ in range(n)]
    motions = [shifted(SHAPE, s) for s in random_shifts(rng, n)[1:]]
    out, _ = merged(frames, motions, MergeParams(guess_frames=0.0))
    assert out.domain is Domain.CAMERA_RGB
    assert out.info.cfa is None
    inner = out.pixels[8:-8, 8:-8]
    # All colours of a mosaic are told by one luminance of four samples and by blurred differences of colour.
    falls = inner.std((0, 1)) / np.sqrt(ALPHA * level / BALANCE + BETA) * np.sqrt(n)
    # The kernel draws on four samples, so that some noise goes from single pixels into their neighbours.
    assert (falls > 0.6).all()
    assert (falls < 1.05).all()
    # A twentieth of the noise looks like disagreement; what counts as used is never more than what was used.
    assert 0.85 * n < out.n_effective[8:-8, 8:-8].mean() <= n
    mean = np.stack([f.pixels[8:-8, 8:-8].mean() for f in frames]).mean() if kind == "rgb" else None
    ratio = inner.mean((0, 1)) * BALANCE / level
    # 0.2 % of light, and what a mean over so many noisy samples is off by itself.
    sample = np.sqrt(ALPHA * level / BALANCE + BETA) * BALANCE / level / np.sqrt(n * inner[..., 0].size / 4)
    assert (np.abs(ratio - 1) < 0.002 + 3 * sample).all()
    assert mean is None or abs(inner.mean() / mean - 1) < 0.002


@pytest.mark.parametrize(("cfa", "shifts"), [
    ("RGGB", [(0, 0)]), ("GRBG", [(0.5, 0.5)]), ("GBRG", [(1, 0)]), ("BGGR", [(3.5, -2)]),
    ("RGGB", [(0.3, 1.7), (-2.2, 0.9), (0.5, 0.5), (4, -4)]),
])  # fmt: skip
def test_noise_does_not_depend_on_where_samples_fell(cfa, shifts):
    """Read where the filter array has green, noise is that of one frame over the root of the number of frames."""
    rng = np.random.default_rng(20261122)
    n, shape = len(shifts) + 1, (320, 352)
    light = np.full((*shape, 3), 0.2)
    frames = [mosaic_of(light, rng, cfa) for _ in range(n)]
    out, _ = merged(frames, [shifted(shape, s) for s in shifts])
    inner = mosaic_picture(out, Cfa.from_name(cfa)).pixels[16:-16, 16:-16]
    green = cfa_plane_index(Cfa.from_name(cfa), inner.shape) == 1
    fall = np.sqrt(ALPHA * 0.2 + BETA) / (inner[green].std() * np.sqrt(n))
    # Four standard deviations of a spread over so many neighbours that share samples; one odd step of two frames, where
    # no pixel has green twice, comes out at 0.97. Without the blur that follows from the motion: 0.92 to 1.08.
    assert 0.955 < fall < 1.03


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_a_still_scene_comes_closer_to_the_truth(cfa):
    rng = np.random.default_rng(20261122)
    draw = scene(rng)
    shifts = random_shifts(rng, 8)
    frames = [mosaic_of(draw(s), rng, cfa) for s in shifts]
    out, trusts = merged(frames)
    truth = camera_light(draw(np.zeros(2)))
    inner = (slice(8, -8), slice(8, -8))
    guess = guess_of(frames[0]).pixels
    alone = demosaic(frames[0], WB).pixels
    errors = [rms((p - truth)[inner] * BALANCE) for p in (alone, guess, out.pixels)]
    assert errors[2] < 0.5 * errors[0]
    assert errors[2] < 0.8 * errors[1]
    assert np.mean(trusts) > 0.9 * 255


def test_aliasing_is_resolved():
    """Without noise, stripes near the sampling limit of red come nearer the truth than any one frame."""
    rng = np.random.default_rng(20261122)

    def draw(shift):
        y, x = (np.arange(n) + 0.5 - s for n, s in zip(SHAPE, shift, strict=True))
        wave = 0.4 + 0.2 * np.cos(2 * np.pi * 0.31 * (0.6 * y[:, None] + 0.8 * x))
        return wave[..., None] * np.array([1.5, 1, 0.6])

    shifts = random_shifts(rng, 12)
    frames = [mosaic_of(draw(s), None, alpha=1e-6, beta=1e-7) for s in shifts]
    out, _ = merged(frames, [shifted(SHAPE, s) for s in shifts[1:]], MergeParams(guess_frames=0.2))
    truth = camera_light(draw(np.zeros(2)))
    inner = (slice(16, -16), slice(16, -16))
    before, after = (rms((p - truth)[inner] * BALANCE) for p in (guess_of(frames[0]).pixels, out.pixels))
    assert after < before


def moving(draw, shift, place):
    """The scene with a red disc of 24 px at `place`."""
    out = draw(shift)
    y, x = np.mgrid[0 : out.shape[0], 0 : out.shape[1]] + 0.5
    cover = step(np.hypot(y - place[0], x - place[1]) - 24)[..., None]
    return out * (1 - cover) + cover * np.array([0.8, 0.15, 0.1])


def test_what_moves_leaves_no_ghost():
    rng = np.random.default_rng(20261122)
    shape = (384, 448)
    draw = scene(rng, shape)
    places = [(200 + 3 * k, 120 + 21 * k) for k in range(8)]
    frames = [mosaic_of(moving(draw, (0, 0), p), rng) for p in places]
    out, trusts = merged(frames)
    truth = camera_light(moving(draw, (0, 0), places[0]))
    box = (slice(160, 260), slice(80, 320))
    single, many = (rms((p - truth)[box] * BALANCE) for p in (guess_of(frames[0]).pixels, out.pixels))
    assert many < single
    # Where the disc was only now and then, what it showed is nowhere added: no local error beyond noise.
    swept = (slice(190, 230), slice(180, 300))
    bias = np.abs((out.pixels - truth)[swept].mean((0, 1)) * BALANCE)
    assert (bias < 0.005).all()
    n = out.n_effective
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    on_disc = np.hypot(y - places[0][0], x - places[0][1]) < 20
    still = np.ones(shape, bool)
    still[140:280, 60:340] = False
    assert n[still].mean() > 0.8 * 8
    # The first frame that shows the disc apart from itself loses trust there, but where a block finds its own motion.
    rim = (np.hypot(y - places[2][0], x - places[2][1]) < 18) & ~on_disc
    assert trusts[1].repeat(2, 0).repeat(2, 1)[rim].mean() < 0.6 * 255


def test_another_scene_is_rejected():
    rng = np.random.default_rng(20261122)
    first, other = scene(rng), scene(np.random.default_rng(7))
    frames = [mosaic_of(first((0, 0)), rng), mosaic_of(1 - other((90, 70))[::-1, ::-1] * 0.9, rng)]
    motion = shifted(SHAPE, (0, 0))
    out, (trust,) = merged(frames, [motion])
    assert trust.mean() < 0.05 * 255
    truth = camera_light(first((0, 0)))
    one, both = (rms((p - truth) * BALANCE) for p in (guess_of(frames[0]).pixels, out.pixels))
    # The reference itself counts beside its denoised guess: half of its noise is back, nothing of the other scene.
    assert both < 1.4 * one
    assert np.abs(out.pixels - truth).mean((0, 1)).max() < 0.02


def test_what_agrees_by_chance_counts_nothing():
    """One part in thirty of another scene looks like the reference: too little to be more than chance."""
    rng = np.random.default_rng(20261122)
    first = scene(rng)
    light = first((0, 0))
    other = light + 0.5
    other[:40, :40] = light[:40, :40]
    frames = [mosaic_of(light, rng), mosaic_of(other, rng)]
    out, (trust,) = merged(frames, [shifted(SHAPE, (0, 0))])
    assert not trust.any()
    assert (out.n_effective == 1).all()
    # A fifth of it is more than that.
    other[:, :48] = light[:, :48]
    frames[1] = mosaic_of(other, rng)
    _, (trust,) = merged(frames, [shifted(SHAPE, (0, 0))])
    assert 0.1 < trust.mean() / 255 < 0.3


def test_clipped_samples_of_a_longer_exposure_are_left_out(monkeypatch):
    """A lamp of 0.9 clips in a frame of three times the exposure; scaled back it would read 0.33."""
    rng = np.random.default_rng(20261122)
    light = np.full((*SHAPE, 3), 0.1)
    light[:, 120:] = np.array([0.9, 0.9, 0.9]) * 0.9
    usual = [mosaic_of(light, rng) for _ in range(2)]
    longer = [mosaic_of(3 * light, rng, clip=1.0).scaled(1 / 3) for _ in range(2)]
    assert longer[0].saturation == pytest.approx(1 / 3)
    motion = shifted(SHAPE, (0, 0))
    # Trusted everywhere by force: only the clip itself protects the lamp.
    merger = Merger(usual[0], guess_of(usual[0]), WB, MergeParams())

    def sure(guide, frame, motion, shape):
        return np.stack([np.full(shape, 255, np.uint8), np.zeros(shape, np.uint8)])

    monkeypatch.setattr("lichtbild.stages.merge.trust_of", sure)
    for frame in (usual[1], *longer):
        merger.add(frame, motion)
    out = merger.finish().pixels
    lamp, dark = out[20:-20, 140:-10], out[20:-20, 10:100]
    np.testing.assert_allclose(lamp.mean((0, 1)) * BALANCE, 0.81, rtol=0.01)
    np.testing.assert_allclose(dark.mean((0, 1)) * BALANCE, 0.1, rtol=0.01)
    # A longer exposure has less noise and counts for more: 2 frames of 1 and 2 of about 3.
    alone, _ = merged(usual, [motion])
    assert (dark.var((0, 1)) < 0.5 * alone.pixels[20:-20, 10:100].var((0, 1))).all()


def test_spatial_gain_is_counted():
    """Corners brightened four times have noise four times as large: they agree as well as the centre."""
    rng = np.random.default_rng(20261122)
    y, x = np.mgrid[0 : SHAPE[0] // 16 + 1, 0 : SHAPE[1] // 16 + 1]
    distance = np.hypot(y / y.max() - 0.5, x / x.max() - 0.5) / np.sqrt(0.5)
    grid = np.repeat((1 + 3 * distance**2)[..., None], 3, -1).astype(np.float32)
    light = np.full((*SHAPE, 3), 0.2)
    frames = [mosaic_of(light, rng, gain_grid=grid) for _ in range(6)]
    _, trusts = merged(frames, [shifted(SHAPE, (0.4, 0.3))] * 5)
    lost = 1 - np.mean(trusts, 0) / 255
    corner = np.mean(
        [lost[a, b].mean() for a in (slice(0, 24), slice(-24, None)) for b in (slice(0, 24), slice(-24, None))]
    )
    centre = lost[36:60, 48:72].mean()
    # Some noise always looks like disagreement, as much here as there.
    assert corner < 0.15
    assert abs(corner - centre) < 0.07
    # Without telling it, the corners would be thrown away.
    blind = Merger(frames[0].replaced(gain=None), guess_of(frames[0]), WB, MergeParams()).add(
        frames[1], shifted(SHAPE, (0.4, 0.3))
    )
    assert 1 - blind[:24, :24].mean() / 255 > 3 * corner


def test_the_order_of_frames_does_not_matter():
    rng = np.random.default_rng(20261122)
    draw = scene(rng)
    shifts = random_shifts(rng, 5)
    frames = [mosaic_of(draw(s), rng) for s in shifts]
    motions = [shifted(SHAPE, s) for s in shifts[1:]]
    one, _ = merged(frames, motions)
    two, _ = merged([frames[0], *frames[:0:-1]], motions[::-1])
    # Sums are kept in half precision: 1/2000 of what the frames add to the guess.
    np.testing.assert_allclose(one.pixels, two.pixels, atol=5e-4)
    assert np.abs(one.pixels - two.pixels).mean() < 2e-5
    np.testing.assert_allclose(one.n_effective, two.n_effective, atol=1e-5)


def test_inputs_are_not_changed():
    rng = np.random.default_rng(20261122)
    frames = [mosaic_of(np.full((*SHAPE, 3), 0.3), rng) for _ in range(2)]
    before = [f.pixels.copy() for f in frames]
    merged(frames)
    for frame, old in zip(frames, before, strict=True):
        np.testing.assert_array_equal(frame.pixels, old)


def test_frames_that_do_not_fit():
    rng = np.random.default_rng(20261122)
    frame, small = (mosaic_of(np.full((*s, 3), 0.3), rng) for s in (SHAPE, (64, 64)))
    merger = Merger(frame, guess_of(frame), WB, MergeParams())
    with pytest.raises(ShapeError, match="does not fit"):
        merger.add(small, shifted((64, 64), (0, 0)))
    with pytest.raises(ShapeError, match="another size"):
        Merger(frame, guess_of(small), WB, MergeParams())
    with pytest.raises(DomainError):
        merger.add(rgb_of(np.full((*SHAPE, 3), 0.3), rng), shifted(SHAPE, (0, 0)))


@pytest.mark.parametrize("side", [8, 20, 31])
def test_frames_too_small_are_refused_by_name(side):
    frame = mosaic_of(np.full((side, 64, 3), 0.3), np.random.default_rng(20261122))
    with pytest.raises(ShapeError, match="too small"):
        Merger(frame, demosaic(frame, WB), WB, MergeParams())
    with pytest.raises(ShapeError, match="too small"):
        pyramid(frame, WB)


@pytest.mark.parametrize("correlation_px", [0.0, 0.7, 1.5])
def test_blurred_grain_is_still_grain(correlation_px):
    """A camera's picture has blurred noise, of which a mean over a block takes little: it agrees all the same."""
    rng = np.random.default_rng(20261122)
    noise = NoiseModel((ALPHA,) * 3, (BETA,) * 3, "simulated", correlation_px)
    light = np.full((*SHAPE, 3), 0.3)
    frames = []
    for _ in range(4):
        grain = rng.normal(size=light.shape)
        if correlation_px:
            grain = gaussian_filter(grain, (correlation_px, correlation_px, 0), mode="wrap")
            grain /= grain.std()
        noisy = light + grain * np.sqrt(ALPHA * light + BETA)
        frames.append(Frame(noisy.astype(np.float32), Domain.CAMERA_RGB, FrameInfo("test", SHAPE, "linear"), noise))
    _, trusts = merged(frames, [shifted(SHAPE, (0.4, 0.3))] * 3)
    assert np.mean(trusts) > 0.9 * 255


@pytest.mark.parametrize("doubt", [0.3, 10.0])
def test_a_wrong_sample_does_not_pass_where_something_moves(doubt):
    """Ten deviations in one sample are too little for a block's mean to tell, and enough for a dot."""
    rng = np.random.default_rng(20261122)
    light = np.full((*SHAPE, 3), 0.3)
    frames = [mosaic_of(light, rng) for _ in range(3)]
    sigma = float(np.sqrt(ALPHA * 0.3 + BETA))
    at = np.s_[20::40, 21::40]  # green
    for frame in frames[1:]:
        frame.pixels[at] += 10 * sigma
    motion = shifted(SHAPE, 0)
    motion.doubt[:] = doubt
    result, _ = merged(frames, [motion, motion])
    dots = (result.pixels - camera_light(light))[at][..., 1].mean() / sigma
    assert dots < 1.5 if doubt > 3 else dots > 3


def rendered(balanced, rng, grain=0.02):
    """What a camera developed: grain of two pixels' width, little of it in single pixels, noise told of those alone."""
    rgb = camera_light(balanced)
    coarse = np.stack([gaussian_filter(rng.normal(size=rgb.shape[:2]), 2.0) for _ in range(3)], 2) / 0.141
    info = FrameInfo("test", rgb.shape[:2], "linear", camera=Camera("a", "phone", is_rendered=True))
    noise = NoiseModel((1e-6,) * 3, (1e-6,) * 3, "fitted")
    return Frame((rgb + grain * coarse).astype(np.float32), Domain.CAMERA_RGB, info, noise)


def test_coarse_grain_of_a_developed_picture_is_not_taken_for_motion():
    rng = np.random.default_rng(20261122)
    shape = (480, 640)
    light = np.full((*shape, 3), 0.3) + 0.1 * np.linspace(0, 1, shape[1])[:, None]
    frames = [rendered(light, rng) for _ in range(3)]
    moved = np.array(light)
    moved[100:200, 100:200] += 0.25
    frames.append(rendered(moved, rng))
    motion = shifted(shape, 0)
    motion.doubt[:] = 40  # as alignment sees it, by the noise of single pixels
    result, trusts = merged(frames, [motion] * 3)
    assert all(trust.mean() > 0.85 * 255 for trust in trusts[:2])
    assert (trusts[2][54:96, 54:96] == 0).all()
    assert result.n_effective[300:, 300:].mean() > 3.4
