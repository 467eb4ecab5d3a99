"""The camera run forwards: scene + camera + hand -> burst, with the truth beside it."""

from lichtbild.sensor.model import Crosstalk, Sensor
from lichtbild.simulate.bodies import Body, Module, body_names, load_body
from lichtbild.simulate.burst import Simulation, simulate, write_burst
from lichtbild.simulate.hand import Hand
from lichtbild.simulate.harbour import procedural_scene
from lichtbild.simulate.lens import Lens
from lichtbild.simulate.phone import VirtualCamera, virtual_phone, with_lens
from lichtbild.simulate.scene import Layer, Scene, Travel, from_picture
from lichtbild.simulate.scenes import SCENES, make_scene
from lichtbild.simulate.sensor import expose
from lichtbild.simulate.traced_lens import TracedLens, traced_lens
from lichtbild.simulate.truth import SimulatedBurst, Truth

__all__ = [
    "SCENES",
    "Body",
    "Crosstalk",
    "Hand",
    "Layer",
    "Lens",
    "Module",
    "Scene",
    "Sensor",
    "SimulatedBurst",
    "Simulation",
    "TracedLens",
    "Travel",
    "Truth",
    "VirtualCamera",
    "body_names",
    "expose",
    "from_picture",
    "load_body",
    "make_scene",
    "procedural_scene",
    "simulate",
    "traced_lens",
    "virtual_phone",
    "with_lens",
    "write_burst",
]
