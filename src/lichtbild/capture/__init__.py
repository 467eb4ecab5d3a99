"""Files to bursts: what a camera wrote, opened without a guess that is not told.

`open_file` opens one file of any kind, `read` gives the one burst of a folder or list, `find_bursts` proposes the
bursts of a folder with reasons, `inspect_file` tells all that is known of a file.
"""

from __future__ import annotations

from lichtbild.capture.array import open_mosaic_array, open_picture_array
from lichtbild.capture.bursts import Survey, check_burst, find_bursts, open_file, read, survey
from lichtbild.capture.candidates import Proposal
from lichtbild.capture.gyro import GyroLog, read_gyro, with_gyro
from lichtbild.capture.inspect import inspect_file
from lichtbild.capture.picture import open_picture
from lichtbild.capture.sniff import Sniffed, sniff

__all__ = [
    "GyroLog",
    "Proposal",
    "Sniffed",
    "Survey",
    "check_burst",
    "find_bursts",
    "inspect_file",
    "open_file",
    "open_mosaic_array",
    "open_picture",
    "open_picture_array",
    "read",
    "read_gyro",
    "sniff",
    "survey",
    "with_gyro",
]
