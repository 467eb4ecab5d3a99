"""Lens profiles: written and read, matched with reasons, refused where impossible."""

import dataclasses

import numpy as np
import pytest

from lichtbild.core import Camera, Exposure, FrameInfo, MetadataError, UnreadableFile
from lichtbild.core.corrections import GainMap, OpcodeLists, WarpRectilinear2
from lichtbild.core.transfer import TransferField
from lichtbild.optics.profile import LensProfile, Shading, fitted_terms
from lichtbild.optics.profile_file import profile_text, profiles, read_profile

SHAPE = (3000, 4000)


@pytest.fixture(scope="module")
def profile():
    """A made-up lens: barrel distortion, lateral colour, corners at a half, coma."""
    radii, f = np.linspace(0, 1, 5), np.linspace(0, 0.75, 49)
    wide = 0.5 + 0.6 * radii[:, None, None] * np.array([1.1, 1.0, 1.2])[:, None]
    radial = np.exp(-2 * (np.pi * wide * f) ** 2 - 0.06j * radii[:, None, None] * (2 * np.pi * f) ** 3)
    tangential = np.exp(-2 * (np.pi * 0.8 * wide * f) ** 2) + 0j
    terms = tuple((1 + s, 0.0, -0.05, *[0.0] * 12) for s in (2e-4, 0.0, -3e-4))
    light = np.stack([1 / (1 + k * radii**2) ** 2 for k in (0.45, 0.40, 0.42)])
    transfer = TransferField.from_edges(radii, f, radial, tangential, SHAPE)
    return LensProfile("made up", "by hand", SHAPE, focal_length_mm=4.2, f_number=2.2, distortion=terms,
                       shading=Shading(radii, light), transfer=transfer)  # fmt: skip


def info(**changes):
    camera = Camera("maker", "PHONE 1", "PHONE 1", "wide 4 mm")
    return dataclasses.replace(FrameInfo("f.dng", SHAPE, "mosaic", camera, Exposure(focal_length_mm=4.0)), **changes)


def test_a_file_keeps_what_is_known(profile, tmp_path):
    path = tmp_path / "lens.toml"
    named = dataclasses.replace(profile, camera_models=('PHONE "1"',), lens_models=("wide\\4",))
    path.write_text(profile_text(named), "utf-8")
    read = read_profile(path)
    assert (read.name, read.source, read.shape) == (named.name, named.source, named.shape)
    assert (read.camera_models, read.lens_models) == (named.camera_models, named.lens_models)
    assert read.focal_length_mm == pytest.approx(named.focal_length_mm, rel=1e-5)
    np.testing.assert_allclose(read.distortion, named.distortion, rtol=1e-8)
    np.testing.assert_allclose(read.shading.light, named.shading.light, atol=2e-5)
    # Thinned in the file, smooth in between.
    assert read.transfer.transfer.shape == named.transfer.transfer.shape
    assert np.abs(read.transfer.transfer - named.transfer.transfer).max() < 6e-3
    assert path.stat().st_size < 100_000


def test_gain_undoes_the_shading_as_far_as_asked(profile):
    whole, half, none = (profile.gain(SHAPE, share).gain for share in (1.0, 0.5, 0.0))
    corner = profile.shading.light[:, -1]
    np.testing.assert_allclose(whole[0, 0], 1 / corner, rtol=1e-6)
    np.testing.assert_allclose(half[0, 0, 1], corner[1] ** -0.5, rtol=1e-6)
    # Colour goes even where the fall of light is kept.
    np.testing.assert_allclose(none[0, 0], corner[1] / corner, rtol=1e-6)


def test_what_the_file_tells_comes_first(profile):
    completed, told = profile.corrections(info())
    assert [type(op) for op in completed.opcodes.after_demosaic] == [GainMap, WarpRectilinear2]
    assert told == ("shading", "distortion and lateral colour")
    again, told = profile.corrections(completed)
    assert again is completed
    assert told == ()
    only_gain = info(opcodes=OpcodeLists((), (completed.opcodes.after_demosaic[0],), ()))
    assert profile.corrections(only_gain)[1] == ("distortion and lateral colour",)


def test_matching_says_why(profile):
    mine = dataclasses.replace(profile, camera_models=("phone  1",), lens_models=("Wide 4 mm",), focal_length_mm=4.05)
    assert mine.objections(info()) == ()
    assert mine.grounds(info()) == ("lens wide 4 mm", "camera PHONE 1", "focal length 4 mm")
    other = info(camera=Camera("maker", "PHONE 2", "PHONE 2", "tele"), exposure=Exposure(focal_length_mm=9.0),
                 shape=(3000, 3000))  # fmt: skip
    assert [line.split()[2] for line in map(str.strip, mine.objections(other))] == ["of", "of", "of", "of"]
    assert mine.scale_for((1500, 2000)) == 2
    assert mine.scale_for((2980, 4000)) == 1  # a trimmed border


def test_impossible_numbers_are_refused(tmp_path):
    ones = (1.0, *[0.0] * 14)
    LensProfile("good", "", SHAPE, distortion=(ones,) * 3)
    for bad in ((1.0, -1.2, *[0.0] * 13), (float("nan"), *[0.0] * 14), (9.0, *[0.0] * 14)):
        with pytest.raises(MetadataError):
            LensProfile("bad", "", SHAPE, distortion=(ones, ones, bad))
    with pytest.raises(MetadataError):
        LensProfile("bad", "", SHAPE, distortion=(ones,))
    with pytest.raises(MetadataError):
        Shading(np.array([0.0, 1.0]), np.array([[1.0, 0.0]] * 3))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", MetadataError),
        ("format = 1", MetadataError),
        ("[[[", UnreadableFile),
        ('format = "lichtbild lens profile 1"\n[lens]\nname = "x"', MetadataError),
        ('format = "lichtbild lens profile 1"\n[lens]\nname = "x"\n[picture]\nheight_px = 0\nwidth_px = 5',
         MetadataError),
        (
            'format = "lichtbild lens profile 1"\n[lens]\nname = "x"\n[picture]\nheight_px = 9\nwidth_px = 5\n'
            '[shading]\nradii = [0, 1]\nlight = [[1, nan], [1, 1], [1, 1]]',
            MetadataError,
        ),
        (
            'format = "lichtbild lens profile 1"\n[lens]\nname = "x"\n[picture]\nheight_px = 9\nwidth_px = 5\n'
            '[sharpness]\nradii = [0, 1]\nfrequencies_px = [0, 1]\ndirections = 99999999\nsize = [[1]]\nphase = [[0]]',
            MetadataError,
        ),
    ],
)  # fmt: skip
def test_wrong_files_say_so(tmp_path, text, error):
    path = tmp_path / "wrong.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(error, match=r"wrong\.toml"):
        read_profile(path)


def test_folders_list_what_is_wrong_too(profile, tmp_path):
    (tmp_path / "a.toml").write_text(profile_text(profile), "utf-8")
    (tmp_path / "b.toml").write_text("nonsense = 1", "utf-8")
    found = dict(profiles((tmp_path, tmp_path / "none")))
    assert isinstance(found[tmp_path / "a.toml"], LensProfile)
    assert isinstance(found[tmp_path / "b.toml"], MetadataError)


def test_fitted_terms_are_even():
    ideal = np.linspace(0.05, 1, 24)
    terms = fitted_terms(ideal, ideal * (1 - 0.08 * ideal**2 + 0.01 * ideal**6))
    np.testing.assert_allclose(terms[:7:2], (1, -0.08, 0, 0.01), atol=1e-6)
    assert not any(terms[1::2])
