"""Pictures in and out: ``bytes`` travel as they are, without base64 and without a copy into JSON.

Reads and writes PNG (8 bits a channel, not interlaced) with nothing but the standard library, so
that it runs everywhere; a real adapter would import Pillow here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from terrarium import tool

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type: grey, RGB, grey and alpha, RGB and alpha
SIDE_MAX = 10_000


@dataclass
class Picture:
    """Pixels, row by row."""

    width: int
    height: int
    color: int
    rows: list[bytes]

    @property
    def channels(self) -> int:
        """Bytes a pixel."""
        return CHANNELS[self.color]


@tool(idempotent=True)
def thumbnail(image: bytes, width: int = 128) -> bytes:
    """Make a PNG smaller; what is narrow enough already comes back as it is."""
    if not 1 <= width <= SIDE_MAX:
        raise ValueError(f"width must be 1 to {SIDE_MAX}, not {width}")
    picture = read(image)
    return image if picture.width <= width else write(shrink(picture, width))


def shrink(picture: Picture, width: int) -> Picture:
    """Average the pixels that fall into one."""
    height = max(1, picture.height * width // picture.width)
    lefts = [x * picture.width // width for x in range(width + 1)]
    tops = [y * picture.height // height for y in range(height + 1)]
    rows = [
        bytes(row_of_means(picture, range(top, max(bottom, top + 1)), lefts))
        for top, bottom in zip(tops, tops[1:])
    ]
    return Picture(width, height, picture.color, rows)


def row_of_means(picture: Picture, ys: range, lefts: list[int]) -> list[int]:
    """One row of the small picture."""
    step = picture.channels
    return [
        sum(sum(picture.rows[y][left * step + channel : right * step : step]) for y in ys)
        // ((right - left) * len(ys))
        for left, right in zip(lefts, lefts[1:])
        for channel in range(step)
    ]


def read(png: bytes) -> Picture:
    """Decode a PNG."""
    if not png.startswith(SIGNATURE):
        raise ValueError("this is not a PNG")
    header, data = b"", b""
    for kind, content in chunks(png):
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            data += content
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or color not in CHANNELS or interlaced or max(width, height) > SIDE_MAX:
        raise ValueError(f"a kind of PNG that is not read here: {depth} bits, colour type {color}")
    return Picture(
        width, height, color, unfilter(zlib.decompress(data), width * CHANNELS[color], color)
    )


def chunks(png: bytes):
    """The chunks of a PNG: kind and content."""
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def unfilter(data: bytes, stride: int, color: int) -> list[bytes]:
    """Undo what makes PNG compress well: each byte is stored as the difference from its neighbours."""
    step = CHANNELS[color]
    above = bytes(stride)
    rows = []
    for at in range(0, len(data), stride + 1):
        row = bytearray(data[at + 1 : at + 1 + stride])
        kind = data[at]
        for i in range(stride):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            row[i] = (row[i] + predict(kind, left, above[i], corner)) & 0xFF
        above = bytes(row)
        rows.append(above)
    return rows


def predict(kind: int, left: int, above: int, corner: int) -> int:
    """What the byte's neighbours say it might be; which of them counts is said row by row."""
    if kind == 4:  # Paeth: the neighbour nearest to left + above - corner
        goal = left + above - corner
        return min((left, above, corner), key=lambda neighbour: abs(goal - neighbour))
    return (0, left, above, (left + above) // 2)[kind]


def write(picture: Picture) -> bytes:
    """Encode a PNG."""
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, picture.color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in picture.rows))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
