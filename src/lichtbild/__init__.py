"""lichtbild: from a burst of raw frames to the photograph that the light allowed."""

__version__ = "0.1.0"
