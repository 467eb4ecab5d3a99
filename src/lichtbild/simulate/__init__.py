"""The camera run forwards: scene + camera + hand -> burst, with the truth beside it.

>>> import lichtbild as lb
>>> made = lb.simulate("backlit", "p9", lb.simulate.Shot(frames=8, iso=800, size=(768, 1024)))
>>> photo = lb.develop(made.burst)
"""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from lichtbild.sensor.model import Crosstalk, Sensor
from lichtbild.simulate.bodies import Body, Module, body_names, load_body
from lichtbild.simulate.burst import Simulation, shaken, simulate
from lichtbild.simulate.gyro_log import Gyro, write_gyro
from lichtbild.simulate.hand import Hand
from lichtbild.simulate.harbour import procedural_scene
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.phone import VirtualCamera, virtual_phone, with_lens
from lichtbild.simulate.scene import Layer, Materials, Scene, Travel, from_picture
from lichtbild.simulate.scenes import SCENES, make_scene
from lichtbild.simulate.sensor import expose
from lichtbild.simulate.shake import SHAKES, STEADY, TRIPOD, WALKING, Shake, Spectrum
from lichtbild.simulate.shot import PROGRAMMES, Shot, camera_names, shoot, shoot_pair
from lichtbild.simulate.stabiliser import Stabiliser
from lichtbild.simulate.traced_lens import TracedLens, traced_lens
from lichtbild.simulate.truth import SimulatedBurst, Truth
from lichtbild.simulate.write import write_burst, write_truth

__all__ = [
    "PROGRAMMES",
    "SCENES",
    "SHAKES",
    "STEADY",
    "TRIPOD",
    "WALKING",
    "Body",
    "Crosstalk",
    "Gyro",
    "Hand",
    "Layer",
    "Lens",
    "Materials",
    "Module",
    "Scene",
    "Sensor",
    "Shake",
    "Shot",
    "SimulatedBurst",
    "Simulation",
    "Spectrum",
    "Stabiliser",
    "TracedLens",
    "Travel",
    "Truth",
    "VirtualCamera",
    "body_names",
    "camera_names",
    "expose",
    "from_picture",
    "load_body",
    "make_scene",
    "procedural_scene",
    "shaken",
    "shoot",
    "shoot_pair",
    "simulate",
    "traced_lens",
    "virtual_phone",
    "with_lens",
    "write_burst",
    "write_gyro",
    "write_truth",
]


class _Room(ModuleType):
    """The room itself can be called: `lb.simulate(scene, camera)` is what most want of it."""

    def __call__(
        self, scene: str | Path | Scene, camera: str | VirtualCamera = "phone", shot: Shot | None = None
    ) -> SimulatedBurst:
        """Burst and truth in memory, from a scene and a camera or their names; errors and cost as those of `shoot`."""
        shot = Shot() if shot is None else shot
        made = shoot(scene, replace(shot, camera=camera)) if isinstance(camera, str) else shoot(scene, shot, camera)
        return SimulatedBurst(made.burst(), made.truth())


sys.modules[__name__].__class__ = _Room
