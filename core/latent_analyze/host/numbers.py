"""Numbers as a reader wants them: four significant digits, counts in full; times as written."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from latent_analyze.errors import OptionError

DIGITS = 4
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TIME = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s|m|min|h)?")
_SECONDS = {"s": 1.0, None: 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def show(value: Any, digits: int = DIGITS) -> str:
    """Return a number, truth value or text for reading.

    Integers are written in full, with commas; floats have `digits` significant digits and a power
    of ten where they are very large or small.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        return _show_float(value, digits).replace("-", "−")
    return str(value)


def show_signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign."""
    sign = "+" if value > 0 else ""
    return sign + show(float(value), digits)


def show_range(low: float, high: float) -> str:
    """Return both ends of a range."""
    return f"{show(low)} to {show(high)}"


def _show_float(value: float, digits: int) -> str:
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if value == 0 or -4 <= power < 7:
        text = f"{value:,.{max(digits - 1 - power, 0)}f}"
        return _trimmed(text)
    return f"{_trimmed(mantissa)} × 10{str(power).translate(_SUPERSCRIPTS)}"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds_of(text: str | float) -> float:
    """Read a time: ``60``, ``"60s"``, ``"2m"``, ``"1.5h"``; raises OptionError."""
    found = _TIME.fullmatch(str(text).strip())
    seconds = float(found["number"]) * _SECONDS[found["unit"]] if found else 0.0
    if not seconds > 0:
        raise OptionError(
            "a time above 0", found=repr(text), next_step="write --budget 60s, 2m or 1h"
        )
    return seconds
