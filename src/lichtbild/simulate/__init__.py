"""The camera run forwards: scene + camera + hand -> burst, with the truth beside it."""

from lichtbild.simulate.truth import SimulatedBurst, Truth

__all__ = ["SimulatedBurst", "Truth"]
