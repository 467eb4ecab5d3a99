"""Calibrations of the lensfun database: against lensfun itself, and forwards and back through the virtual camera."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lichtbild.core.errors import MetadataError, UnreadableFile, UsageError
from lichtbild.optics.lensfun import read_lensfun
from lichtbild.optics.profile_opcodes import profile_of_file
from lichtbild.simulate import Scene, Simulation, VirtualCamera
from lichtbild.simulate.profiled_lens import ProfiledLens
from lichtbild.simulate.scene import samples_for

DATABASE = """<!DOCTYPE lensdatabase SYSTEM "lensfun-database.dtd">
<lensdatabase version="1">
  <camera><maker>Test</maker><model>Body</model><mount>m</mount><cropfactor>1.5</cropfactor></camera>
  <mount><name>m</name></mount>
{lenses}
</lensdatabase>
"""
LENS = """  <lens><maker>Test</maker><model>{name}</model><model lang="de">anders</model><mount>m</mount>
    <cropfactor>{crop}</cropfactor>{aspect}<calibration>{lines}</calibration></lens>
"""
PTLENS = '<distortion model="ptlens" focal="18" a="0.0161" b="-0.0482" c="0.0238"/>'
POLY3 = '<distortion model="poly3" focal="18" k1="-0.03"/>'
POLY5 = '<distortion model="poly5" focal="18" k1="-0.04" k2="0.006"/>'
TCA = '<tca model="poly3" focal="18" br="-0.00004" vr="1.0003" bb="0.00006" cb="0.0001" vb="0.9998"/>'
LINEAR = '<tca model="linear" focal="18" kr="1.0004" kb="0.9997"/>'
PA = '<vignetting model="pa" focal="18" aperture="2.8" distance="1000" k1="-0.3" k2="0.1" k3="-0.05"/>'
SHAPE = (1000, 1500)


def database(folder, lines, name="Lens 18 mm", crop=1.5, aspect=""):
    path = folder / "db.xml"
    path.write_text(DATABASE.format(lenses=LENS.format(name=name, crop=crop, aspect=aspect, lines=lines)))
    return path


@pytest.mark.parametrize(
    ("lines", "crop", "aspect", "body"),
    [
        (PTLENS + TCA + PA, 1.5, "", 1.5),
        (POLY3 + LINEAR, 1.5, "", 1.5),
        (POLY5 + TCA + PA, 1.0, "", 1.5),
        (PTLENS + LINEAR, 1.0, "<aspect-ratio>4:3</aspect-ratio>", 1.5),
    ],
)
def test_lensfun_agrees(tmp_path, lines, crop, aspect, body):
    """Where each colour of a pixel is read, and how much light it lacks, by lensfun.

    Its three colours differ by 0.05 px where it knows no lateral colour, by its fast reciprocal roots; the other two
    agree with ours to 1e-4 px in poly3 and poly5.
    """
    lensfunpy = pytest.importorskip("lensfunpy")
    path = database(tmp_path, lines, crop=crop, aspect=aspect)
    theirs = lensfunpy.Database(xml=path.read_text(), load_common=False)
    camera = theirs.find_cameras("Test", "Body")[0]
    lens = theirs.find_lenses(camera, "Test", "Lens 18 mm")[0]
    height, width = SHAPE
    modifier = lensfunpy.Modifier(lens, body, width, height)
    modifier.initialize(18.0, 2.8, 1000.0, scale=1.0, pixel_format=np.float64, flags=lensfunpy.ModifyFlags.ALL)
    profile = read_lensfun(path, "lens 18 MM").profile(SHAPE, body, 18.0, 2.8)
    seen = modifier.apply_subpixel_geometry_distortion()
    rows, columns = np.mgrid[:height:50, :width:50]
    # Their middle of a picture lies between its first and its last pixel's centre, and so does their radius.
    x, y = columns - (width - 1) / 2, rows - (height - 1) / 2
    corner = 0.5 * np.hypot(width - 1, height - 1)
    r = np.hypot(x, y) / corner
    for colour in range(3):
        factor = np.polynomial.polynomial.polyval(r, profile.distortion[colour])
        at = seen[::50, ::50, colour]
        error = np.hypot(at[..., 0] - (width - 1) / 2 - x * factor, at[..., 1] - (height - 1) / 2 - y * factor)
        assert np.median(error) < 0.03
        assert error.max() < 0.2
    if "vignetting" in lines:
        flat = np.ones((height, width, 3))
        assert modifier.apply_color_modification(flat)
        gain = flat[::50, ::50, 1]
        np.testing.assert_allclose(np.interp(r, profile.shading.radii, profile.shading.light[1]) * gain, 1, atol=2e-3)


def test_settings_between_are_mixed(tmp_path):
    tele = POLY3.replace('"18"', '"30"').replace("-0.03", "0.01")
    lens = read_lensfun(database(tmp_path, POLY3 + tele), "Lens 18 mm")
    terms = [lens.profile(SHAPE, focal_mm=f).distortion[1][2] for f in (18.0, 24.0, 30.0, 50.0)]
    assert terms[1] == pytest.approx((terms[0] + terms[2]) / 2)
    assert terms[3] == terms[2]
    with pytest.raises(UsageError, match="larger"):
        lens.profile(SHAPE, crop=1.0)


def test_a_database_that_is_none(tmp_path):
    path = database(tmp_path, PTLENS)
    with pytest.raises(UsageError, match="no lens") as caught:
        read_lensfun(path, "Lens 81 mm")
    assert "Lens 18 mm" in caught.value.hint
    for lines, message in (('<distortion model="acm" focal="18"/>', "acm"), ('<distortion model="poly3"/>', "focal"),
                           ("", "no calibration"), (POLY3.replace("-0.03", "many"), "many")):  # fmt: skip
        with pytest.raises(MetadataError, match=message):
            read_lensfun(database(tmp_path, lines), "Lens 18 mm")
    for text in ("no xml", "<other/>", "<!ENTITY a 'b'>"):
        path.write_text(text)
        with pytest.raises(UnreadableFile):
            read_lensfun(path, "Lens 18 mm")
    with pytest.raises(UnreadableFile):
        read_lensfun(tmp_path / "nothing.xml", "x")


def test_every_lens_of_the_database_is_read(shared_data):
    folder = shared_data("lens_calibration_lensfun")
    lens = read_lensfun(folder / "misc.xml", "Lumia 1020")
    assert lens.crop == pytest.approx(3.93)
    profile = lens.profile((3024, 5376))
    # c + b + a at the half shorter side.
    at = 1 / np.hypot(16 / 9, 1)
    assert np.polynomial.polynomial.polyval(at, profile.distortion[1]) == pytest.approx(1.0)


@pytest.mark.parametrize("lines", [PTLENS + TCA + PA, POLY5 + LINEAR])
def test_a_profile_is_run_both_ways(tmp_path, lines):
    """The virtual camera bends by it, its file's opcodes undo it, and the profile of that file is the profile."""
    shape, margin = (320, 448), 24
    profile = read_lensfun(database(tmp_path, lines), "Lens 18 mm").profile(shape)
    lens = ProfiledLens(profile, 0.5)
    x, y = np.meshgrid(np.linspace(0, 4032, 40), np.linspace(0, 3024, 30))
    terms = lens.undistortion().astype(np.float64)
    for plane in range(3):
        u, v = lens.to_raw(x, y, (3024, 4032), plane)
        r = np.hypot(u - 2016, v - 1512) / (0.5 * np.hypot(3024, 4032))
        stretch = np.polynomial.polynomial.polyval(r, terms[plane])
        back = np.hypot(2016 + (u - 2016) * (1 + stretch) - x, 1512 + (v - 1512) * (1 + stretch) - y)
        assert back[r <= 1].max() < 0.03
    white = Scene.flat(np.full((3, *samples_for(shape, 1.0, margin)), 0.5, np.float32), 1.0, margin)
    camera = dataclasses.replace(VirtualCamera(), lens=lens)
    info = Simulation(white, camera, n_frames=1, shape=shape, affines=np.eye(2, 3)[None]).info(0)
    again = profile_of_file(info)
    np.testing.assert_allclose(again.distortion, profile.distortion, atol=1e-12)
    if profile.shading is not None:
        light = np.interp(again.shading.radii, profile.shading.radii, profile.shading.light[1])
        np.testing.assert_allclose(again.shading.light[1], light, atol=0.01)
    else:
        assert again.shading is None
