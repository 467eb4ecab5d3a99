"""The pipeline in memory: every kind of burst that cameras give, from stored numbers to a finished picture."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from functools import partial

import numpy as np
import pytest
import scipy.ndimage

from lichtbild import api
from lichtbild.core import Burst, Cfa, Domain, Frame, FrameInfo, FrameSource, Levels, NoiseModel
from lichtbild.core.corrections import Area, MapPolynomial
from lichtbild.core.errors import DomainError, MetadataError, RecipeError, ShapeError
from lichtbild.core.frame import cfa_plane_index
from lichtbild.core.mosaic import mosaic_of
from lichtbild.lab.against_truth import Region, colour_difference
from lichtbild.pipelines import disputed, finishing, intake
from lichtbild.simulate import Scene, Sensor, Simulation, VirtualCamera, procedural_scene, virtual_phone
from lichtbild.stages.demosaic import DemosaicParams
from lichtbild.stages.quad_bayer import QuadBayerParams
from lichtbild.stages.wiener import WienerParams

SHAPE = (160, 208)


@pytest.fixture(scope="module")
def scene():
    return procedural_scene(SHAPE, 1.0, 16, has_movers=False)


def burst_of(scene, n_frames, camera=None, iso=400.0, **options):
    affines = np.tile(np.eye(2, 3), (n_frames, 1, 1))
    affines[1:, :, 2] = np.random.default_rng(20261122).uniform(-3, 3, (n_frames - 1, 2))
    return Simulation(
        scene, camera or VirtualCamera(), n_frames=n_frames, iso=iso, shape=SHAPE, affines=affines, **options
    ).burst()


def is_a_picture(photo, shape=SHAPE):
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == (*shape, 3)
    # Neither black nor white nor flat.
    assert 20 < photo.pixels.mean() < 235
    assert photo.pixels.std() > 10
    assert photo.negative.domain is Domain.CAMERA_RGB
    assert np.isfinite(photo.negative.pixels).all()
    for key in (
        "burst",
        "frames",
        "stages",
        "reference",
        "noise",
        "white_balance",
        "frames_used",
        "white",
        "exposure_ev",
    ):
        assert key in photo.report, key
    return True


@pytest.mark.parametrize("n_frames", [1, 2, 10])
def test_bursts_of_any_length(scene, n_frames):
    photo = api.develop(burst_of(scene, n_frames))
    assert is_a_picture(photo)
    assert len(photo.report["frames"]) == n_frames
    # Of a still scene most of every frame is used.
    assert 0.7 * n_frames < photo.report["frames_used"] <= n_frames
    if n_frames > 1:
        assert len(photo.report["motion"]) == n_frames - 1
        assert np.mean(photo.negative.n_effective) == pytest.approx(photo.report["frames_used"], abs=0.01)


def test_more_frames_come_closer_to_the_truth(scene):
    simulation = Simulation(
        scene, VirtualCamera(), n_frames=6, iso=1600, shape=SHAPE, affines=np.tile(np.eye(2, 3), (6, 1, 1))
    )
    burst = dataclasses.replace(simulation.burst(), reference=0)
    truth = np.stack([simulation.light(0, c) for c in range(3)], -1)
    alone = api.merge(dataclasses.replace(burst, sources=burst.sources[:1])).pixels
    together = api.merge(burst).pixels
    is_clear = truth.max(-1) < 0.9
    errors = [np.sqrt(np.square(p - truth)[is_clear].mean()) for p in (alone, together)]
    assert errors[1] < 0.6 * errors[0]


def test_a_phone_with_all_corrections(scene):
    photo = api.develop(burst_of(scene, 2, virtual_phone("GBRG")))
    assert is_a_picture(photo)
    assert photo.negative.gain is not None


@pytest.mark.parametrize("n_frames", [1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_bands_join_without_a_seam(scene, n_frames, bits, monkeypatch):
    """Through a lens that bends lines, cropped, with brightened corners: in one piece or in bands of 32 rows."""
    burst = burst_of(scene, n_frames, virtual_phone("GBRG"))
    crop = (3, 5, SHAPE[0] - 17, SHAPE[1] - 12)
    burst = dataclasses.replace(
        burst,
        sources=tuple(
            dataclasses.replace(s, info=dataclasses.replace(s.info, default_crop=crop)) for s in burst.sources
        ),
    )
    pictures = []
    for band in (32, 10_000):
        monkeypatch.setattr(finishing, "BAND_PX", band)
        pictures.append(api.develop(burst, bits=bits).pixels.astype(int))
    assert pictures[0].shape[0] < SHAPE[0]
    # An encoded number may fall to the other side of a rounding edge.
    assert np.abs(pictures[0] - pictures[1]).max() <= {8: 1, 16: 16}[bits]


@pytest.mark.parametrize("scale", [1, 2])
def test_corrections_that_cannot_be_done_in_bands(scene, scale):
    """A polynomial of values between two warps: the whole picture goes through the list at once."""
    burst = burst_of(scene, 2, virtual_phone("RGGB"))
    source = burst.sources[0].info
    (warp, *_) = [op for op in source.opcodes.after_demosaic if type(op).__name__.startswith("Warp")]
    bent = MapPolynomial(Area(0, 0, *SHAPE, 0, 3, 1, 1), (0.0, 0.9))
    opcodes = dataclasses.replace(source.opcodes, after_demosaic=(warp, bent, warp))
    sources = tuple(dataclasses.replace(s, info=dataclasses.replace(s.info, opcodes=opcodes)) for s in burst.sources)
    photo = api.develop(dataclasses.replace(burst, sources=sources), {"reconstruct": {"scale": scale}})
    assert is_a_picture(photo, (scale * SHAPE[0], scale * SHAPE[1]))


def test_quad_bayer(scene):
    photo = api.develop(burst_of(scene, 2, virtual_phone("RGGB", 2)))
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape[2] == 3
    assert photo.pixels.std() > 10


def as_kind(burst, kind):
    """The frames of a burst as another kind of camera would give them: grey sites, or demosaiced by the camera."""

    def read(source):
        stored = source.read()
        if kind == "monochrome":
            return stored
        blocks = stored.reshape(SHAPE[0] // 2, 2, SHAPE[1] // 2, 2).astype(np.float32)
        rgb = np.stack([blocks[:, 0, :, 0], (blocks[:, 0, :, 1] + blocks[:, 1, :, 0]) / 2, blocks[:, 1, :, 1]], -1)
        return np.rint(rgb).astype(np.uint16)

    sources = []
    for source in burst.sources:
        info = source.info
        n = 1 if kind == "monochrome" else 3
        shape = SHAPE if n == 1 else (SHAPE[0] // 2, SHAPE[1] // 2)
        info = dataclasses.replace(
            info, kind=kind, cfa=None, shape=shape, default_crop=(0, 0, *shape),
            levels=Levels(np.full((1, 1, n), 64, np.float32), (1023.0,) * n),
            noise=NoiseModel(info.noise.alpha[:n], info.noise.beta[:n], "NoiseProfile"),
            as_shot_neutral=(1.0, 1.0, 1.0) if n == 1 else info.as_shot_neutral,
        )  # fmt: skip
        sources.append(FrameSource(info, partial(read, source)))
    return dataclasses.replace(burst, sources=tuple(sources))


@pytest.mark.parametrize("kind", ["monochrome", "linear"])
@pytest.mark.parametrize("n_frames", [1, 3])
def test_frames_that_are_no_mosaic(scene, kind, n_frames):
    burst = as_kind(burst_of(scene, n_frames), kind)
    photo = api.develop(burst)
    assert is_a_picture(photo, burst.sources[0].info.shape)
    assert photo.report["frames_used"] > 0.7 * n_frames


def test_a_bracket(scene):
    """The usual exposure is the reference; the others are brought to its scale."""
    photo = api.develop(burst_of(scene, 4, exposure_ev=(0.0, 1.5, 0.0, -1.5)))
    assert is_a_picture(photo)
    reference = photo.report["reference"]["frame"]
    assert reference in (photo.report["frames"][0], photo.report["frames"][2])
    # On one grid, what no exposure clips is as bright as without a bracket.
    bursts = burst_of(scene, 4, exposure_ev=(0.0, 1.5, 0.0, -1.5)), burst_of(scene, 4)
    bracket, plain = (api.merge(dataclasses.replace(b, reference=0)).pixels for b in bursts)
    is_plain = (plain.max(-1) > 0.1) & (plain.max(-1) < 0.8)
    assert bracket[is_plain].mean() / plain[is_plain].mean() == pytest.approx(1, abs=0.01)


def test_a_burst_that_shows_nothing_twice_is_its_reference(scene):
    """What two other scenes bring is not the reference's: it is developed as if it were alone."""
    burst = dataclasses.replace(burst_of(scene, 3), reference=0)
    others = [
        FrameSource(source.info, lambda source=source: source.read_pixels()[::-1, ::-1].copy())
        for source in burst.sources[1:]
    ]
    strange = dataclasses.replace(burst, sources=(burst.sources[0], *others))
    alone = dataclasses.replace(burst, sources=burst.sources[:1])
    made, one = (api.develop(b) for b in (strange, alone))
    assert made.report["frames_used"] == 1.0
    assert len(made.report["motion"]) == 2
    np.testing.assert_array_equal(made.pixels, one.pixels)


def test_the_chosen_reference_is_used(scene):
    burst = dataclasses.replace(burst_of(scene, 3), reference=2)
    photo = api.develop(burst)
    assert photo.report["reference"] == {"frame": burst.sources[2].info.name, "why": "chosen"}


def test_sixteen_bits(scene):
    assert api.develop(burst_of(scene, 1), bits=16).pixels.dtype == np.uint16


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"nonsense": {}}, "no stage 'nonsense'"),
        ({"merge": {"nonsense": 1}}, "no parameter 'nonsense'"),
        ({"merge": {"kernel_px": 99.0}}, "kernel_px"),
        ({"align": {"local_search": "far"}}, "local_search"),
    ],
)
def test_wrong_parameters(scene, params, says):
    with pytest.raises(RecipeError, match=says):
        api.develop(burst_of(scene, 1), params)


def test_parameters_reach_their_stage(scene):
    burst = burst_of(scene, 3)
    usual, strict = (api.develop(burst, {"merge": {"strictness": s}}) for s in (1.0, 10.0))
    assert strict.report["frames_used"] < usual.report["frames_used"] - 0.05


def test_frames_of_different_size_are_named(scene):
    burst = burst_of(scene, 2)
    odd = dataclasses.replace(burst.sources[1].info, name="odd one.dng", shape=(80, 80))
    burst = dataclasses.replace(burst, sources=(burst.sources[0], FrameSource(odd, burst.sources[1].read_pixels)))
    with pytest.raises(ShapeError, match=r"odd one\.dng"):
        api.develop(burst)


def test_no_frames_and_too_many(scene):
    with pytest.raises(ShapeError, match="0"):
        api.develop(Burst((), "none"))
    burst = burst_of(scene, 1)
    with pytest.raises(ShapeError, match="65"):
        api.develop(dataclasses.replace(burst, sources=burst.sources * 65))


def test_an_impossible_exposure_is_refused(scene):
    burst = burst_of(scene, 2)
    info = burst.sources[1].info
    wrong = dataclasses.replace(info, exposure=dataclasses.replace(info.exposure, time_s=1e4))
    burst = dataclasses.replace(
        burst, reference=0, sources=(burst.sources[0], FrameSource(wrong, burst.sources[1].read_pixels))
    )
    with pytest.raises(MetadataError, match="exposure"):
        api.develop(burst)


def test_frames_are_let_go(scene, monkeypatch):
    """Memory does not grow with frames: never are more than three of them alive, however long the burst."""
    alive, most = [], []
    load = intake.load

    def watched(plan, index):
        gc.collect()
        most.append(sum(ref() is not None for ref in alive))
        frame = load(plan, index)
        alive.append(weakref.ref(frame.pixels))
        return frame

    monkeypatch.setattr(intake, "load", watched)
    for n_frames in (4, 9):
        alive.clear()
        most.clear()
        api.merge(burst_of(scene, n_frames))
        assert len(most) >= n_frames
        # The reference, the last (read first, for defects), and the one before.
        assert max(most) <= 3


@pytest.mark.parametrize("kind", ["mosaic", "linear"])
@pytest.mark.parametrize("size", [(16, 16), (17, 40), (31, 48)])
def test_frames_too_small_to_align_leave_the_reference(scene, kind, size):
    """A picture, and a line that says that the other frames are not in it."""
    whole = burst_of(scene, 3)
    if kind == "linear":
        whole = as_kind(whole, kind)
    sources = tuple(
        FrameSource(
            dataclasses.replace(s.info, shape=size, default_crop=None),
            lambda s=s: np.ascontiguousarray(s.read()[: size[0], : size[1]]),
        )
        for s in whole.sources
    )
    burst = dataclasses.replace(whole, sources=sources, reference=1)
    photo = api.develop(burst)
    assert photo.pixels.shape == (*size, 3)
    assert photo.report["frames_used"] == 1
    (note,) = photo.notes
    assert "alone of 3 frames" in note
    assert sources[1].info.name in note
    alone = api.develop(dataclasses.replace(burst, sources=sources[1:2], reference=0))
    assert np.array_equal(photo.pixels, alone.pixels)
    assert not alone.notes
    for negative in ("linear", "bayer"):
        assert note in api.merge(burst, negative).info.reasons


def area_means(pixels, shape):
    """A picture at another size: light averaged over the area of each of its pixels, encoded again."""
    light = rgb_of_srgb(pixels / 255.0)
    for axis, n in enumerate(shape):
        edges = np.linspace(0, light.shape[axis], n + 1)
        total = np.concatenate([np.zeros_like(light.take([0], axis)), np.cumsum(light, axis)], axis)
        low = np.minimum(edges.astype(int), light.shape[axis] - 1)
        part = (edges - low).reshape([-1 if k == axis else 1 for k in range(3)])
        at = total.take(low, axis) * (1 - part) + total.take(low + 1, axis) * part
        light = np.diff(at, axis=axis) / np.diff(edges).reshape([-1 if k == axis else 1 for k in range(3)])
    return light


def rgb_of_srgb(v):
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def encoded(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def mean_de00(light, pixels):
    return float(colour_difference(np.clip(light, 0, 1), rgb_of_srgb(pixels / 255.0), Region(border_px=0)).mean())


@pytest.mark.parametrize("quad", [1, 2])
def test_a_preview_is_the_picture_made_smaller(quad):
    """Through all corrections of a phone: the look is that of the whole picture, and so is what is shown where."""
    shape = (480, 640)
    # Detail as large as in a picture of 12 MP; half the light, so that nothing clips.
    scene = procedural_scene((SHAPE[0], SHAPE[1]), 1.0, 16, has_movers=False)
    light = np.maximum(scipy.ndimage.zoom(scene.ground, (1, 8, 8), order=1), 0)[:, : 480 + 32, : 640 + 32] / 2
    scene = Scene.flat(np.ascontiguousarray(light, np.float32), scene.oversampling, scene.margin_px)
    affines = np.tile(np.eye(2, 3), (4, 1, 1))
    affines[1:, :, 2] = np.random.default_rng(20261122).uniform(-4, 4, (3, 2))
    camera = virtual_phone("GRBG", quad)
    burst = Simulation(scene, camera, n_frames=4, iso=400.0, shape=shape, affines=affines).burst()
    whole, small = api.develop(burst), api.preview(burst, 0.02)
    ratio = np.sqrt(shape[0] * shape[1] / quad**2 / 0.02e6)
    assert small.pixels.shape[0] == pytest.approx(whole.pixels.shape[0] / ratio, abs=2)
    assert small.report["frames_used"] > 3
    assert small.report["exposure_ev"] == pytest.approx(whole.report["exposure_ev"], abs=0.1)
    shrunk = area_means(whole.pixels, small.pixels.shape[:2])
    # Leaves as small as its pixels; over four of them the look alone is left.
    assert mean_de00(shrunk, small.pixels) < 3.5
    light = rgb_of_srgb(small.pixels / 255.0)[:120, :164].reshape(30, 4, 41, 4, 3).mean((1, 3))
    blocks = np.rint(255 * encoded(light))
    assert mean_de00(shrunk[:120, :164].reshape(30, 4, 41, 4, 3).mean((1, 3)), blocks) < 2
    # A pixel to the side is worse: nothing is displaced.
    for rows, columns in ((0, 1), (1, 0)):
        assert mean_de00(np.roll(shrunk, (rows, columns), (0, 1)), small.pixels) > 1.2 * mean_de00(shrunk, small.pixels)


def test_files_of_a_preview_are_read_once(scene):
    burst, read = burst_of(scene, 4), []
    sources = tuple(
        FrameSource(s.info, lambda s=s: (read.append(s.info.name), s.read_pixels())[1]) for s in burst.sources
    )
    photo = api.preview(dataclasses.replace(burst, sources=sources), 0.01)
    assert sorted(read) == sorted(s.info.name for s in burst.sources)
    assert photo.report["frames_used"] > 3


def test_a_preview_takes_no_more_frames_than_its_pixels_need(scene):
    """At least four; of nine frames five where a pixel has 2.2 samples of each."""
    burst = burst_of(scene, 9)
    assert len(api.preview(burst, 0.006).report["motion"]) == 3
    assert len(api.preview(burst, SHAPE[0] * SHAPE[1] / 2.2e6).report["motion"]) == 4
    assert len(api.develop(burst).report["motion"]) == 8


@pytest.mark.parametrize("kind", ["monochrome", "linear"])
def test_previews_of_frames_that_are_no_mosaic(scene, kind):
    photo = api.preview(as_kind(burst_of(scene, 3), kind), 0.004)
    assert 0.003e6 < photo.pixels[..., 0].size < 0.005e6
    assert photo.pixels.std() > 10


def test_a_preview_of_a_small_picture_is_the_picture(scene):
    burst = burst_of(scene, 2)
    assert np.array_equal(api.preview(burst).pixels, api.develop(burst).pixels)


def test_noise_of_binned_quads_is_counted_once():
    """Means of four have a quarter of the noise, of the reference as of the others."""
    scene = procedural_scene(SHAPE, 1.0, 16, has_movers=False)
    burst = burst_of(scene, 2, virtual_phone("RGGB", 2))
    plan, reference = intake.plan(burst, QuadBayerParams())
    told = burst.sources[0].info.noise
    for noise in (plan.noise, reference.noise, intake.load(plan, 1).noise):
        assert noise.alpha == pytest.approx(np.array(told.alpha) / 4)


def test_the_bayer_negative_is_the_cameras_mosaic(scene):
    """Of the camera's own filter array, with less noise than a frame, and near the truth where a merge is not."""
    camera = VirtualCamera(Sensor(Cfa.from_name("GBRG")))
    affines = np.tile(np.eye(2, 3), (6, 1, 1))
    affines[1:, :, 2] = np.random.default_rng(1).uniform(-3, 3, (5, 2))
    simulation = Simulation(scene, camera, n_frames=6, iso=400, shape=SHAPE, affines=affines)
    burst = dataclasses.replace(simulation.burst(), reference=0)
    light = np.stack([simulation.light(0, c) for c in range(3)], -1)
    truth = np.take_along_axis(light, cfa_plane_index(camera.sensor.cfa, SHAPE)[..., None], 2)[..., 0]
    clear = light.max(-1) < 0.9
    photo = api.develop(burst)
    negative = api.merge(burst, "bayer")
    assert negative.domain is Domain.MOSAIC
    assert negative.info.cfa == camera.sensor.cfa
    assert np.array_equal(photo.mosaic().pixels, negative.pixels)
    error = {
        name: np.sqrt(np.square(pixels - truth)[clear].mean())
        for name, pixels in {
            "kept": negative.pixels,
            "sampled": mosaic_of(api.merge(burst), camera.sensor.cfa).pixels,
            "one": api.merge(dataclasses.replace(burst, sources=burst.sources[:1]), "bayer").pixels,
        }.items()
    }
    assert error["kept"] < 0.7 * error["one"]
    assert error["kept"] <= 1.005 * error["sampled"]


def test_disputed_places_are_the_references():
    """A merge that shows something else in one place: there the reference's own samples, and one frame, are told."""
    rng = np.random.default_rng(11)
    noise = NoiseModel((2e-4,) * 3, (2e-6,) * 3, "simulated")
    shape = (150, 201)
    mosaic = (0.2 + rng.standard_normal(shape) * 0.0065).astype(np.float32)
    mosaic[70:110, 81:120] += 0.2
    info = FrameInfo("r", shape, "mosaic", cfa=Cfa.from_name("BGGR"))
    reference = Frame(mosaic, Domain.MOSAIC, info, noise)
    pixels = np.full((*shape, 3), 0.2, np.float32)
    merged = Frame(pixels, Domain.CAMERA_RGB, info, noise, np.full(shape, 9.0, np.float32))
    part = disputed.settle(merged, reference, (1.0, 1.0, 1.0), WienerParams(), DemosaicParams())
    assert 0.04 < part < 0.15
    assert merged.pixels[72:108, 83:118].mean() == pytest.approx(0.4, abs=0.01)
    assert merged.n_effective[75:105, 86:115].mean() == pytest.approx(1, abs=0.3)
    far = np.ones(shape, bool)
    far[50:130, 61:140] = False
    assert np.abs(merged.pixels[far] - 0.2).mean() < 1e-3
    assert merged.n_effective[far].mean() > 8.5


def test_refused_frames_are_told(scene):
    burst = burst_of(scene, 3)
    dark = FrameSource(burst.sources[2].info, lambda: np.full(SHAPE, 64, np.uint16))
    burst = dataclasses.replace(burst, sources=(*burst.sources[:2], dark), reference=0)
    photo = api.develop(burst)
    (note,) = photo.notes
    assert note.startswith(f"not used: {dark.info.name}: ")


def test_progress_only_grows(scene):
    events = []
    api.develop(burst_of(scene, 3), progress=events.append)
    parts = [event.done / event.total for event in events]
    assert parts == sorted(parts)
    assert parts[-1] == pytest.approx(1)
    assert {event.stage for event in events} >= {"read", "merge", "develop"}


def test_a_mosaic_that_is_no_bayer_is_no_crash(scene):
    """A mosaic without a colour filter array is refused by name, not by a broken picture."""
    burst = burst_of(scene, 2)
    blind = tuple(FrameSource(dataclasses.replace(s.info, cfa=None), s.read_pixels) for s in burst.sources)
    with pytest.raises((DomainError, MetadataError, ShapeError)):
        api.develop(dataclasses.replace(burst, sources=blind))


def test_the_sharpest_frame_is_the_reference_whoever_reads_it(scene):
    """Of whole frames and of rows, without decoding the rest."""
    burst = dataclasses.replace(burst_of(scene, 3), reference=None)
    blurred = [np.round((s.read() + np.roll(s.read(), 2, 1) + np.roll(s.read(), -2, 1)) / 3) for s in burst.sources]
    stored = [burst.sources[0].read(), *(np.asarray(b, np.uint16) for b in blurred[1:])]
    tall = [np.tile(pixels, (-(-400 // pixels.shape[0]), 1)) for pixels in stored]
    asked: list[int] = []

    def source(k, with_rows):
        info = dataclasses.replace(burst.sources[k].info, shape=tall[k].shape, default_crop=None)

        def rows(start, stop):
            asked.append(stop - start)
            return tall[k][start:stop]

        return FrameSource(info, lambda: tall[k].copy(), read_rows=rows if with_rows else None)

    for with_rows in (False, True):
        whole = dataclasses.replace(burst, sources=tuple(source(k, with_rows) for k in range(3)))
        plan, _ = intake.plan(whole, QuadBayerParams())
        assert plan.reference == 0
    assert 0 < sum(asked) < 3 * tall[0].shape[0] / 1.5


def test_repairing_leaves_what_the_caller_gave(scene):
    """Linear pixels in memory are the caller's own."""
    given = burst_of(scene, 1).sources[0]
    pixels = (given.read().astype(np.float32) - 64) / 959
    pixels[20, 20] = 5.0
    info = dataclasses.replace(given.info, levels=None)
    before = pixels.copy()
    burst = dataclasses.replace(burst_of(scene, 1), sources=(FrameSource(info, lambda: pixels),))
    api.develop(burst)
    np.testing.assert_array_equal(pixels, before)
