"""Calibrations of cameras, one TOML file each; `lichtbild.sensor.calibration` tells the format."""
