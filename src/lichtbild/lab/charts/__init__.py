"""Colour charts: what their patches are, where they lie in a picture, what the picture made of them."""

from lichtbild.lab.charts.find import FoundChart, find_chart
from lichtbild.lab.charts.reference import KINDS, ChartReference, chart_reference

__all__ = ["KINDS", "ChartReference", "FoundChart", "chart_reference", "find_chart"]
