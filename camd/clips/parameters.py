"""What a decoder must be set up with: the parameter sets in front of a key picture.

Rule: pure. A file holds pictures of one set-up: players take it from the file's head. Where it changes in mid-stream
(another resolution, another camera mode) a new file begins.
"""

from collections.abc import Iterator

_START = b"\x00\x00\x01"
_KINDS = frozenset({7, 8})  # sequence and picture parameter set, ITU-T H.264 table 7-1
_HEAD = 4096  # bytes; parameter sets are some tens of bytes and stand in front of the picture


def parameters(data: bytes) -> frozenset[bytes]:
    """The parameter sets at the head of an H.264 picture in Annex B form, without trailing zeros."""
    return frozenset(unit for unit in _units(data[:_HEAD]) if unit[0] & 31 in _KINDS)


def _units(data: bytes) -> Iterator[bytes]:
    """The whole units in `data`; the last one, which may be cut off, is the picture and left out."""
    *between, _ = data.split(_START)[1:] or [b""]
    return (unit.rstrip(b"\x00") for unit in between if unit)
