"""What says that there is no value, and what is done about it."""

from typing import Literal

Missing = Literal["mean", "median", "most_frequent", "constant", "drop"]

NA_VALUES = ("", "NA", "N/A", "na", "NaN", "nan", "NULL", "null", "?")
