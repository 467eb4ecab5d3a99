"""A shot as it is asked for: which camera, what before it, how much light, held how; to the simulation of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lichtbild.core.colour_space import xyz_to_xy
from lichtbild.core.errors import UsageError
from lichtbild.core.spectra import illuminant, xyz_of
from lichtbild.core.suggest import nearest_names
from lichtbild.simulate.bodies import Body, Module, body_names, load_body
from lichtbild.simulate.burst import Simulation, shaken
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.phone import VirtualCamera, virtual_phone, with_lens
from lichtbild.simulate.scene import DEFAULT_MARGIN_PX, Scene
from lichtbild.simulate.scenes import make_scene
from lichtbild.simulate.shake import SHAKES, Shake
from lichtbild.simulate.traced_lens import TracedLens
from lichtbild.simulate.views import margin_px

PHONE = "phone"
STILL = "still"
# What a white surface is exposed to, of saturation.
WHITE_AT = 0.8
# A steady hand turns so fast; so many px of it are borne; a stabiliser bears four times as long.
_HAND_DEG_S, _BORNE_PX, _STABILISED = 0.33, 2.0, 4.0
_SHORTEST_S, _LONGEST_S = 1 / 8000, 1 / 8
_NIGHT_S = {"tripod": 1.0, STILL: 1.0}


@dataclass(frozen=True)
class Programme:
    """How the frames of a shot are exposed.

    Parameters
    ----------
    help
        One line.
    evs
        Stops against the metered exposure, over and over.
    n_frames
        What is taken where nobody says.
    patience
        Longest exposure in units of what a hand bears.
    """

    help: str
    evs: tuple[float, ...] = (0.0,)
    n_frames: int = 10
    patience: float = 1.0


PROGRAMMES = {
    "constant": Programme("all frames as metered"),
    "underexposed": Programme("all frames 1.7 stops below, for the highlights", (-1.7,)),
    "bracketed": Programme("metered, 2 stops below, 2 above, and again", (0.0, -2.0, 2.0), 6),
    "night": Programme("15 frames, each exposed as long as a hand just bears, four times that", (0.0,), 15, 4.0),
}


@dataclass(frozen=True)
class Shot:
    """What is asked for.

    Parameters
    ----------
    camera, module
        A body of `body_names()` (or "phone", the virtual phone) and one of its lenses; None: the main one.
    size
        Rows and columns; fewer than the sensor has are its middle. None: all of it.
    shrink
        The whole picture with fewer, larger pixels: 4 has a sixteenth of them.
    frames
        1 to 64; None: what the programme takes.
    iso
        None: as the light asks for.
    lux
        On the scene; sets exposure time and ISO of a body. The virtual phone has no meter: 1/100 s always.
    motion
        "hand", "walking", "tripod" or "still".
    programme
        One of `PROGRAMMES`.
    lens
        File of a prescription instead of the virtual phone's lens.
    seed
        Noise, motion and scene follow from it.
    """

    camera: str = PHONE
    module: str | None = None
    size: tuple[int, int] | None = None
    shrink: float = 1.0
    frames: int | None = None
    iso: float | None = None
    lux: float = 1000.0
    motion: str = "hand"
    programme: str = "constant"
    lens: Path | None = None
    seed: int = 7


def camera_names() -> tuple[str, ...]:
    """Every camera that can be asked for."""
    return (PHONE, *body_names())


def shoot(scene: str | Path | Scene, shot: Shot, camera: VirtualCamera | None = None) -> Simulation:
    """The simulation of a shot.

    Parameters
    ----------
    scene
        A scene, its name, or the file of a picture. Named ones are painted with as much room as the hand needs.
    camera
        A camera of yours instead of the shot's, set as it is; the shot then has to name the size of a frame.

    Raises
    ------
    UsageError
        For unknown names (the nearest are offered), numbers out of bounds, or a scene too small for the camera.

    Notes
    -----
    A body with a prescription is traced first: about 10 s of processor.
    """
    _check(shot)
    programme = PROGRAMMES[shot.programme]
    n_frames = programme.n_frames if shot.frames is None else shot.frames
    if camera is None:
        camera, iso, shape = _camera(shot, programme)
    elif shot.size is None:
        raise UsageError("a camera of yours needs the size of its frames", where="Shot.size", hint="(3024, 4032)")
    else:
        iso, shape = shot.iso or 800.0, shot.size
    evs = tuple(programme.evs[k % len(programme.evs)] for k in range(n_frames))
    shake = SHAKES.get(shot.motion)
    if not isinstance(scene, Scene):
        margin = needed_margin_px(camera, shape, shake, evs, shot.seed)
        scene = make_scene(scene, shape, margin_px=margin, seed=shot.seed)
    camera = lit_by(camera, scene)
    if shake is None:
        still = np.tile(np.eye(2, 3), (n_frames, 1, 1))
        return Simulation(scene, camera, n_frames=n_frames, iso=iso, seed=shot.seed, shape=shape, affines=still,
                          exposure_ev=evs)  # fmt: skip
    return Simulation(scene, camera, n_frames=n_frames, iso=iso, seed=shot.seed, shape=shape, shake=shake,
                      exposure_ev=evs)  # fmt: skip


def _check(shot: Shot) -> None:
    for what, given, known in (("camera", shot.camera, camera_names()), ("programme", shot.programme, PROGRAMMES),
                               ("motion", shot.motion, (*SHAKES, STILL))):  # fmt: skip
        if given not in known:
            raise UsageError(f"no {what} is named {given!r}", where=what, hint=nearest_names(given, known))
    if shot.lens is not None and shot.camera != PHONE:
        raise UsageError("a body has its own lens", where="lens", hint=f"camera {PHONE}")
    if shot.iso is not None and not 25 <= shot.iso <= 25600:
        raise UsageError(f"ISO {shot.iso:g} is out of bounds", where="iso", hint="25 to 25600")
    if not 0 < shot.lux <= 2e5:
        raise UsageError(f"{shot.lux:g} lux", where="lux", hint="above 0; full sun is 100000")
    if not 1 <= shot.shrink <= 64:
        raise UsageError(f"pixels {shot.shrink:g} times as large", where="shrink", hint="1 to 64")


def _camera(shot: Shot, programme: Programme) -> tuple[VirtualCamera, float, tuple[int, int]]:
    if shot.camera == PHONE:
        if shot.module is not None:
            raise UsageError("the virtual phone has one lens", where="module")
        shape = shot.size or (round(3024 / shot.shrink) // 2 * 2, round(4032 / shot.shrink) // 2 * 2)
        camera = virtual_phone()
        if shot.lens is not None:
            camera = with_lens(camera, shot.lens, shape)
        return camera, 800.0 if shot.iso is None else shot.iso, shape
    body = load_body(shot.camera)
    module = body.module(shot.module)
    block = 2 * module.quad
    wanted = shot.size
    if wanted is not None and module.oversampling > 1:
        # Of what comes out: a camera that makes one pixel of many reads more.
        height, width = (math.ceil(n * module.oversampling / block) * block for n in wanted)
        wanted = height, width
    camera = module.camera(body, wanted, shot.shrink)
    shape = wanted or tuple(int(n / shot.shrink) // block * block for n in module.shape)
    longest = longest_s(module, shot.motion, programme) * shot.shrink
    iso, time_s, white_at = metered(module, shot.lux, shot.iso, longest)
    return replace(camera, time_s=time_s, white_at=white_at), iso, (shape[0], shape[1])


def longest_s(module: Module, motion: str, programme: Programme) -> float:
    """The longest exposure that a hand bears with this lens, by the angle of its pixels; on a tripod a second."""
    if motion in _NIGHT_S and programme.patience > 1:
        return _NIGHT_S[motion]
    per_px_deg = math.degrees(module.pixel_um * 1e-3 / module.focal_mm)
    borne = _BORNE_PX * per_px_deg / _HAND_DEG_S * (_STABILISED if module.stabiliser else 1)
    return min(borne, _LONGEST_S) * programme.patience


def metered(
    module: Module, lux: float, iso: float | None, longest: float, light: str = "D65"
) -> tuple[float, float, float]:
    """(ISO, exposure time in s, where a white surface comes to lie) under so much light.

    White is to reach 0.8 of saturation. Where the longest exposure does not suffice, the ISO rises, and if that is
    given the picture stays darker.
    """
    per_s = module.electrons(lux, 1.0, light)
    sensor = module.sensor()
    if iso is None:
        needed = WHITE_AT * sensor.electrons_at_white(100.0) * 100 / (per_s * longest)
        iso = float(min(max(2 ** (math.ceil(3 * math.log2(needed / 100)) / 3) * 100, module.base_iso), 25600.0))
    wanted = WHITE_AT * sensor.electrons_at_white(iso) / per_s
    time_s = min(max(wanted, _SHORTEST_S), longest)
    return iso, time_s, WHITE_AT * time_s / wanted


def needed_margin_px(
    camera: VirtualCamera, shape: tuple[int, int], shake: Shake | None, evs: tuple[float, ...], seed: int
) -> int:
    """How far beyond frame 0 a scene has to reach for this hand and this lens, px."""
    usual = max(16, round(DEFAULT_MARGIN_PX * min(shape) / 3024))
    bent = bent_px(camera.lens, shape)
    if shake is None:
        return max(usual, bent + 8)
    return max(usual, bent + margin_px(shaken(shake, camera, shape, evs, seed), shape))


def bent_px(lens: Lens | TracedLens, shape: tuple[int, int]) -> int:
    """How far beyond the frame the lens sees at the corners, against one without distortion, px."""
    half = np.array([shape[1], shape[0]]) / 2
    low, high = 0.8, 1.5
    for _ in range(40):
        k = 0.5 * (low + high)
        x = lens.to_raw(np.array([half[0] * (1 + k)]), np.array([half[1] * (1 + k)]), shape, 0)[0]
        low, high = (k, high) if x[0] < shape[1] else (low, k)
    return max(0, math.ceil((low - 1) * float(half.max())) + 1)


def lit_by(camera: VirtualCamera, scene: Scene) -> VirtualCamera:
    """The camera that knows the light of the scene, where the scene tells it, and exposes for the colour that is
    brightest in it: red in the light of lamps."""
    name = scene.truth.get("illuminant")
    if name is None:
        return camera
    knowing = replace(camera, light_xy=xyz_to_xy(xyz_of(illuminant(name))))
    if camera.response is not None and all(layer.materials is not None for layer in scene.layers):
        r, g, b = (float(v) for v in camera.response.neutral(illuminant(name)))
        knowing = replace(knowing, white_rgb=(r, g, b))
    less = 1 / max(1.0, *knowing.neutral())
    return replace(knowing, time_s=camera.time_s * less, white_at=camera.white_at * less)


def shoot_pair(scene: str | Path, shot: Shot, other: str) -> tuple[Simulation, Simulation]:
    """The same moment through two lenses of one body: the module of the shot, and `other`, from where it stands.

    Both see the same hand at the same time; noise and fixed pattern are each its own. The scene is painted for the
    first; the second sees it from its own place (parallax), and as much larger as its focal length has more px.

    Raises
    ------
    UsageError
        If the second sees more than the first, or its magnification is no multiple of 1/4 of a sample.
    """
    from lichtbild.simulate.pairs import zoomed

    first_module, second_module = _modules(shot, other)
    second_shot = replace(shot, module=other, size=shot.size)
    _check(shot)
    programme = PROGRAMMES[shot.programme]
    n_frames = programme.n_frames if shot.frames is None else shot.frames
    evs = tuple(programme.evs[k % len(programme.evs)] for k in range(n_frames))
    first, iso, shape = _camera(shot, programme)
    second, second_iso, second_shape = _camera(second_shot, programme)
    shake = SHAKES.get(shot.motion)
    ratio = second.focal_px(second_shape) / first.focal_px(shape)
    oversampling = 1.5 if abs(ratio - 1) < 1e-6 else max(1.5, ratio)
    margin = max(needed_margin_px(first, shape, shake, evs, shot.seed),
                 math.ceil(needed_margin_px(second, second_shape, shake, evs, shot.seed) / ratio))  # fmt: skip
    painted = make_scene(scene, shape, oversampling=math.ceil(oversampling * 4) / 4, margin_px=margin, seed=shot.seed)
    nearer = zoomed(painted, ratio, shape, second_shape)
    stand = (second_module.position_m[0] - first_module.position_m[0],
             second_module.position_m[1] - first_module.position_m[1], 0.0)  # fmt: skip
    second = replace(second, sensor=replace(second.sensor, seed=first.sensor.seed + 1))
    still = None if shake is not None else np.tile(np.eye(2, 3), (n_frames, 1, 1))
    made = [
        Simulation(seen, lit_by(camera, painted), n_frames=n_frames, iso=of_iso, seed=shot.seed, shape=of_shape,
                   affines=still, shake=shake, exposure_ev=evs, stand_m=at)
        for seen, camera, of_iso, of_shape, at in (
            (painted, first, iso, shape, (0.0, 0.0, 0.0)), (nearer, second, second_iso, second_shape, stand))
    ]  # fmt: skip
    return made[0], made[1]


def _modules(shot: Shot, other: str) -> tuple[Module, Module]:
    if shot.camera == PHONE:
        raise UsageError("the virtual phone has one lens", where="pair", hint="camera p9")
    body: Body = load_body(shot.camera)
    return body.module(shot.module), body.module(other)
