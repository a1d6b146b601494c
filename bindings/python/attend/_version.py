"""The version of the header that this package was written against; a test compares it with include/attend.h."""

__version__ = "0.2.0"


def number(version: str) -> int:
    """A version as ``attend_version_number`` spells it: major * 10000 + minor * 100 + patch."""
    major, minor, patch = (int(part) for part in version.split("."))
    return major * 10000 + minor * 100 + patch
