"""A lens: prescription or calibration -> distortion, lateral colour, shading, point-spread field."""
