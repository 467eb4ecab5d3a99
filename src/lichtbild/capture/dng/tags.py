"""Numbers and names of the TIFF, EXIF and DNG 1.7.1 tags this reader understands."""

from __future__ import annotations

from enum import IntEnum


class Tag(IntEnum):
    """Tag numbers; names as in the specifications, in capitals."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC_INTERPRETATION = 262
    FILL_ORDER = 266
    MAKE = 271
    MODEL = 272
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PLANAR_CONFIGURATION = 284
    DATE_TIME = 306
    PREDICTOR = 317
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    SAMPLE_FORMAT = 339
    JPEG_INTERCHANGE_FORMAT = 513
    JPEG_INTERCHANGE_FORMAT_LENGTH = 514
    XMP = 700
    CFA_REPEAT_PATTERN_DIM = 33421
    CFA_PATTERN = 33422
    EXPOSURE_TIME = 33434
    F_NUMBER = 33437
    EXIF_IFD = 34665
    ICC_PROFILE = 34675
    GPS_IFD = 34853
    ISO_SPEED_RATINGS = 34855
    RECOMMENDED_EXPOSURE_INDEX = 34866
    ISO_SPEED = 34867
    DATE_TIME_ORIGINAL = 36867
    DATE_TIME_DIGITIZED = 36868
    OFFSET_TIME = 36880
    OFFSET_TIME_ORIGINAL = 36881
    OFFSET_TIME_DIGITIZED = 36882
    SHUTTER_SPEED_VALUE = 37377
    APERTURE_VALUE = 37378
    FOCAL_LENGTH = 37386
    SUBSEC_TIME = 37520
    SUBSEC_TIME_ORIGINAL = 37521
    SUBSEC_TIME_DIGITIZED = 37522
    FOCAL_LENGTH_35MM = 41989
    LENS_MODEL = 42036
    DNG_VERSION = 50706
    DNG_BACKWARD_VERSION = 50707
    UNIQUE_CAMERA_MODEL = 50708
    CFA_PLANE_COLOR = 50710
    CFA_LAYOUT = 50711
    LINEARIZATION_TABLE = 50712
    BLACK_LEVEL_REPEAT_DIM = 50713
    BLACK_LEVEL = 50714
    BLACK_LEVEL_DELTA_H = 50715
    BLACK_LEVEL_DELTA_V = 50716
    WHITE_LEVEL = 50717
    DEFAULT_SCALE = 50718
    DEFAULT_CROP_ORIGIN = 50719
    DEFAULT_CROP_SIZE = 50720
    COLOR_MATRIX_1 = 50721
    COLOR_MATRIX_2 = 50722
    CAMERA_CALIBRATION_1 = 50723
    CAMERA_CALIBRATION_2 = 50724
    ANALOG_BALANCE = 50727
    AS_SHOT_NEUTRAL = 50728
    AS_SHOT_WHITE_XY = 50729
    BASELINE_EXPOSURE = 50730
    LENS_INFO = 50736
    CALIBRATION_ILLUMINANT_1 = 50778
    CALIBRATION_ILLUMINANT_2 = 50779
    ACTIVE_AREA = 50829
    MASKED_AREAS = 50830
    CAMERA_CALIBRATION_SIGNATURE = 50931
    PROFILE_CALIBRATION_SIGNATURE = 50932
    FORWARD_MATRIX_1 = 50964
    FORWARD_MATRIX_2 = 50965
    SUB_TILE_BLOCK_SIZE = 50974
    ROW_INTERLEAVE_FACTOR = 50975
    OPCODE_LIST_1 = 51008
    OPCODE_LIST_2 = 51009
    OPCODE_LIST_3 = 51022
    NOISE_PROFILE = 51041
    DEFAULT_USER_CROP = 51125
    PROFILE_GAIN_TABLE_MAP = 52525
    CALIBRATION_ILLUMINANT_3 = 52529
    CAMERA_CALIBRATION_3 = 52530
    COLOR_MATRIX_3 = 52531
    FORWARD_MATRIX_3 = 52532
    ILLUMINANT_DATA_1 = 52533
    ILLUMINANT_DATA_2 = 52534
    ILLUMINANT_DATA_3 = 52535
    PROFILE_GAIN_TABLE_MAP_2 = 52544
    COLUMN_INTERLEAVE_FACTOR = 52547


_SPELLED = {"DNG": "DNG", "CFA": "CFA", "XMP": "XMP", "ICC": "ICC", "EXIF": "Exif", "GPS": "GPS", "IFD": "IFD",
            "ISO": "ISO", "IFDS": "IFDs", "XY": "XY", "JPEG": "JPEG", "35MM": "In35mmFilm"}  # fmt: skip


def name_of(tag: int) -> str:
    """ "BlackLevelDeltaH (50715)"; only the number where the tag is not known."""
    try:
        words = Tag(tag).name.split("_")
    except ValueError:
        return f"tag {tag}"
    return f"{''.join(_SPELLED.get(word, word.capitalize()) for word in words)} ({tag})"


class Photometric(IntEnum):
    """PhotometricInterpretation of raw pixels."""

    CFA = 32803
    LINEAR_RAW = 34892


class Compression(IntEnum):
    """Compression of image data that DNG 1.7.1 knows."""

    NONE = 1
    JPEG = 7
    DEFLATE = 8
    DEFLATE_OLD = 32946
    LOSSY_JPEG = 34892
    JPEG_XL = 52546

    @property
    def label(self) -> str:
        """In the words of `inspect`."""
        return _LABELS[self]


_LABELS = {
    Compression.NONE: "uncompressed",
    Compression.JPEG: "lossless JPEG",
    Compression.DEFLATE: "Deflate",
    Compression.DEFLATE_OLD: "Deflate",
    Compression.LOSSY_JPEG: "lossy JPEG",
    Compression.JPEG_XL: "JPEG XL",
}

FOREIGN_COMPRESSIONS = {
    2: "CCITT", 3: "CCITT Group 3", 4: "CCITT Group 4", 5: "LZW", 6: "old JPEG", 9: "VC-5, GoPro", 32767: "Sony ARW",
    32769: "packed raw", 32770: "Samsung SRW", 32773: "PackBits", 34713: "Nikon NEF", 34925: "LZMA", 50000: "Zstandard",
    50001: "WebP", 50002: "JPEG XL (draft number)", 65535: "Pentax PEF",
}  # fmt: skip
