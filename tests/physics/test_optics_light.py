"""Optics against formulas and against what two other programs trace."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import j1

from lichtbild.core.errors import MetadataError, UsageError
from lichtbild.optics.aim import ObjectPoint, aim, chief_ray, launch
from lichtbild.optics.field import field_table, full_angle_deg, illumination
from lichtbild.optics.lens_file import read_lens
from lichtbild.optics.material import AIR, Material
from lichtbild.optics.prescription import Prescription, Surface, paraxial
from lichtbild.optics.psf import huygens_psf, mtf, psf
from lichtbild.optics.pupil import fit_pupil
from lichtbild.optics.trace import Rays, trace

LENSES = Path(__file__).parent.parent / "golden" / "lenses"
NAMES = ("stigmat", "doublet", "triplet", "phone_even", "phone_odd", "wide")
WAVE = 550.0


def lens(name):
    return read_lens(LENSES / f"{name}.json")


def stigmat(radius_mm=0.5, n=1.5, focal_mm=60.0):
    """A plane and a hyperboloid of conic -n^2: collimated light meets in one point, by the conic's definition."""
    surfaces = (
        Surface(0.0, 2.0, Material(constant=n), radius_mm),
        Surface(-1 / (focal_mm * (n - 1)), focal_mm, AIR, conic=-n * n),
    )
    return Prescription("stigmat", surfaces, 0, 1.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("program", ["optiland", "rayoptics"])
def test_rays_of_other_programs(name, program):
    system = lens(name)
    for number in range(len(system.surfaces)):
        system = system.with_surface(number, semi_diameter_mm=1e9)
    rows = json.loads((LENSES / f"{name}.rays.json").read_text())
    if program not in rows[0]:
        pytest.skip(f"{program} traces centred lenses only")
    count = 0
    for row in rows:
        at = np.stack([row["x_mm"], row["y_mm"], np.zeros(len(row["x_mm"]))])
        end = trace(system, Rays.make(at, np.array(row["direction"])[:, None]), row["wavelength_nm"])
        theirs = np.array(row[program])
        # 1e-6 nm and 1e-5 waves are asked for; mm here.
        assert np.abs(end.position_mm[:2] - theirs[:2]).max() < 1e-12
        assert np.abs(end.path_mm - theirs[5]).max() < 1e-5 * row["wavelength_nm"] * 1e-6
        count += at.shape[1]
    assert count > 100


def test_stigmatic_lens_has_no_aberration():
    system = stigmat(5.0)
    grid = np.linspace(-5, 5, 11)
    x, y = (v.ravel() for v in np.meshgrid(grid, grid))
    rays, _ = launch(system, ObjectPoint(), np.stack([x, y]))
    end = trace(system, rays, WAVE)
    ok = end.lost == 0
    assert ok.sum() == np.count_nonzero(x * x + y * y <= 25)
    assert np.abs(end.position_mm[:2, ok]).max() < 1e-11
    assert np.ptp(end.path_mm[ok]) < 1e-10


def test_airy_pattern():
    system = stigmat(0.25)
    pupil = fit_pupil(system, ObjectPoint(), WAVE)
    aperture = 0.25 / 60
    pitch = WAVE * 1e-6 / (4 * aperture) * 0.7
    pattern = psf(pupil, pitch, 128)
    at = (np.arange(128) - 63.5) * pitch
    v = 2 * np.pi / (WAVE * 1e-6) * aperture * np.hypot(at[:, None], at)
    airy = np.pi * 0.25**2 * np.pi * aperture**2 / (WAVE * 1e-6) ** 2 * (2 * j1(v) / v) ** 2
    # Absolute: the peak is energy times solid angle over wavelength^2.
    assert np.abs(pattern - airy).max() < 1e-4 * airy.max()


@pytest.mark.parametrize("waves", [0.25, 0.6, 1.0, 1.7])
def test_defocus_on_the_axis(waves):
    # Strehl ratio of defocus: sinc^2 of W020 in waves.
    system, aperture = stigmat(0.5), 0.5 / 60
    shift = waves * 2 * WAVE * 1e-6 / aperture**2
    pitch = WAVE * 1e-6 / (4 * aperture) * 0.7
    sharp, soft = (
        psf(fit_pupil(s, ObjectPoint(), WAVE, (0, 0)), pitch, 65)[32, 32] for s in (system, system.focused(shift))
    )
    # Terms of higher order and the uneven amplitude of a hyperboloid are of the order of the aperture squared, 7e-5.
    assert soft / sharp == pytest.approx(np.sinc(waves) ** 2, abs=1e-4)


def test_diffraction_limit_of_mtf():
    system, aperture = stigmat(0.5), 0.5 / 60
    cutoff = 2 * aperture / (WAVE * 1e-6)
    pitch = 0.45 / cutoff
    pattern = psf(fit_pupil(system, ObjectPoint(), WAVE), pitch, 512)
    f = np.array([0.1, 0.3, 0.5, 0.8])
    wanted = 2 / np.pi * (np.arccos(f) - f * np.sqrt(1 - f**2))
    # The window cuts the rings' tail off, 2 / (pi^2 v) of the light.
    assert np.abs(mtf(pattern, pitch, f * cutoff, 30.0) - wanted).max() < 4e-3


@pytest.mark.parametrize(("name", "share"), [("triplet", 0.0), ("triplet", 0.7), ("doublet", 0.9)])
def test_huygens_agrees(name, share):
    system = lens(name).stopped_down(0.6)
    angle = share * full_angle_deg(system, system.image_radius_mm, WAVE)
    point = ObjectPoint((0.0, angle))
    pupil = fit_pupil(system, point, WAVE)
    pitch = WAVE * 1e-6 / (4 * float(pupil.half.max())) * 0.99
    ours = psf(pupil, pitch, 32)
    theirs = huygens_psf(system, point, WAVE, pupil.centre_mm, pitch, 32, 128)
    f = np.linspace(0.1, 0.8, 6) / (2 * pitch)
    for angle_deg in (0.0, 90.0):
        assert np.abs(mtf(ours, pitch, f, angle_deg) - mtf(theirs, pitch, f, angle_deg)).max() < 1e-3


def test_energy_of_the_pattern():
    system = stigmat(2.0)
    pupil = fit_pupil(system, ObjectPoint(), WAVE)
    light, _ = pupil.light()
    assert light == pytest.approx(np.pi * 4, rel=1e-4)
    pattern = psf(pupil, WAVE * 1e-6 / (4 * pupil.half.max()), 400)
    pitch = WAVE * 1e-6 / (4 * pupil.half.max())
    # The rings beyond the window hold about 2 / (pi^2 * radius in units of wavelength * f-number), 0.4 % here.
    assert 0.993 < pattern.sum() * pitch**2 / light < 1


@pytest.mark.parametrize("name", ["stigmat", "triplet", "doublet"])
def test_illumination_both_ways(name):
    """From the object's side: light of a star times solid angle over the picture's area; from the sensor's side: the
    bundle that reaches a place. Radiance is kept, so they are the same."""
    system = lens(name).stopped_down(0.5)
    angle = 0.6 * full_angle_deg(system, system.image_radius_mm, WAVE)
    d = 0.02
    here = fit_pupil(system, ObjectPoint((0.0, angle)), WAVE)
    above, below = (fit_pupil(system, ObjectPoint((0.0, angle + s * d)), WAVE).centre_mm[1] for s in (1, -1))
    beside = fit_pupil(system, ObjectPoint((d, angle)), WAVE).centre_mm[0]
    tangents = math.tan(math.radians(angle + d)) - math.tan(math.radians(angle - d)), math.tan(math.radians(d))
    solid_angle = tangents[0] * tangents[1] * math.cos(math.radians(angle)) ** 3
    from_object = here.light()[0] * solid_angle / abs((above - below) * beside)
    assert illumination(system, abs(here.centre_mm[1]), WAVE) == pytest.approx(from_object, rel=1e-3)


def test_r2_coefficient_is_power():
    # Half of the curvature in the r^2 coefficient is the same lens; programs that overlook it see another focal length.
    plain = Prescription("plain", (Surface(0.01, 60.0, Material(constant=1.5), 5.0), Surface(0.0, 10.0)), 0, 1.0)
    hidden = plain.with_surface(0, curvature=0.0, even=(0.005,))
    assert paraxial(hidden, WAVE).focal_length_mm == pytest.approx(paraxial(plain, WAVE).focal_length_mm, rel=1e-12)
    ray = trace(hidden, Rays.make(np.array([[0.0], [1e-4], [0.0]]), np.array([[0.0], [0.0], [1.0]])), WAVE)
    assert -1e-4 / (ray.direction[1, 0] / ray.direction[2, 0]) == pytest.approx(200.0, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_aimed_rays_hit_their_mark(name):
    system = lens(name)
    angle = 0.8 * full_angle_deg(system, system.image_radius_mm, WAVE)
    radius = system.surfaces[system.stop].semi_diameter_mm
    marks = radius * np.array([[0.0, 0.5, -0.7, 0.0], [0.0, 0.5, 0.1, -0.6]])
    places = aim(system, ObjectPoint((0.0, angle)), marks, WAVE)
    at_stop = trace(system, launch(system, ObjectPoint((0.0, angle)), places)[0], WAVE, until=system.stop)
    assert np.abs(at_stop.position_mm[:2] - marks).max() < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_light_goes_back_where_it_came_from(name):
    system = lens(name)
    place = aim(system, ObjectPoint((0.0, 5.0)), np.array([[0.1], [-0.2]]), WAVE)
    there = trace(system, launch(system, ObjectPoint((0.0, 5.0)), place)[0], WAVE)
    # Turned about x: y and z change sign; the old sensor stands before the new first surface.
    flip = np.array([[1.0], [-1.0], [-1.0]])
    start = there.position_mm * np.array([[1.0], [-1.0], [0.0]])
    start[2] = -system.surfaces[-1].thickness_mm
    back = trace(system.turned_round(), Rays.make(start, -there.direction * flip), WAVE)
    sine, cosine = np.sin(np.radians(5.0)), np.cos(np.radians(5.0))
    assert back.direction[:, 0] == pytest.approx([0.0, sine, cosine], abs=1e-11)
    # Down to the plane of the first vertex both ways are as long; `there` began on a plane through that vertex.
    assert back.path_mm[0] == pytest.approx(there.path_mm[0] - sine * place[1, 0], abs=1e-9)


def test_triplet_over_the_field():
    table = field_table(lens("triplet"), n=5)
    assert table.focal_length_mm == pytest.approx(paraxial(lens("triplet"), 587.56).focal_length_mm, rel=5e-3)
    assert np.abs(table.distortion).max() < 0.02
    assert np.all(np.diff(table.illumination[1]) < 0)
    # cos^4 is what a thin lens would give; vignetting takes more.
    assert table.illumination[1, -1] < math.cos(math.radians(table.angle_deg[-1])) ** 4


def test_a_scaled_lens_is_the_same_lens():
    small = lens("phone_even")
    for number, s in enumerate(small.surfaces):
        small = small.with_surface(
            number, curvature=s.curvature / 3, thickness_mm=s.thickness_mm * 3, semi_diameter_mm=s.semi_diameter_mm * 3,
            even=tuple(a / 3 ** (2 * m + 1) for m, a in enumerate(s.even)),
        )  # fmt: skip
    one, three = (chief_ray(system, ObjectPoint((0.0, 12.0)), WAVE) for system in (lens("phone_even"), small))
    assert three.position_mm[1, 0] == pytest.approx(3 * one.position_mm[1, 0], rel=1e-10)


def test_impossible_lenses_say_why():
    with pytest.raises(MetadataError, match="no focus"):
        paraxial(
            Prescription("window", (Surface(0.0, 2.0, Material(constant=1.5), 1.0), Surface(0.0, 5.0)), 0, 1.0), WAVE
        )
    # Total reflection: a ball of glass so thick that nothing but the middle gets out at 40 degrees.
    deep = Prescription(
        "rod", (Surface(0.0, 4.0, AIR, 0.3), Surface(0.9, 0.9, Material(constant=1.9)), Surface(-1.5, 3.0)), 0, 3.0
    )
    with pytest.raises(MetadataError, match=r"no light|hardly any light|no object"):
        full_angle_deg(deep, 3.0, WAVE)
    with pytest.raises(UsageError, match="too coarsely"):
        psf(fit_pupil(stigmat(), ObjectPoint(), WAVE), 1.0)
    with pytest.raises(MetadataError, match="inside the lens"):
        launch(lens("triplet"), ObjectPoint((0, 0), 5.0), np.zeros((2, 1)))


def test_light_that_is_lost_is_told_where():
    """A ball too small to be met, glass left at too flat an angle: rays are counted and the surface is named."""
    ball, glass = Surface(1 / 0.5, 4.0, Material(constant=1.5), 30.0), Material(constant=1.9)
    steep = Prescription("steep", (Surface(0.0, 1.0, AIR, 3.0), ball, Surface(0.0, 5.0, AIR, 3.0)), 1, 1.0)
    with pytest.raises(MetadataError) as caught:
        fit_pupil(steep, ObjectPoint((0.0, 70.0)), WAVE)
    assert "miss surface 1" in caught.value.hint
    back = Surface(-0.02, 9.0, AIR, 9.0, tilt_deg=(50.0, 0.0))
    with pytest.raises(MetadataError) as caught:
        fit_pupil(Prescription("prism", (Surface(0.0, 2.0, glass, 1.0), back), 0, 1.0), ObjectPoint(), WAVE)
    assert "totally reflected by surface 1" in caught.value.hint
