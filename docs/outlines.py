"""Write the outlines of the earth's land that the page draws under its map.

    python docs/outlines.py land-10m.json web/static/vendor/natural-earth/land.bin

`land-10m.json` is of the npm package `world-atlas` (TopoJSON of Natural Earth). What is written is read by
`web/static/land.js`: four little-endian doubles (degrees of a step east and north, degrees of the origin),
then the rings of all polygons, outer ones and holes alike. Each is its number of points and then, of every
point, the steps east and north from the one before it (of the first, from the origin). All are LEB128
numbers of seven bits a byte, steps zigzag. A ring that crosses the 180th meridian goes on beyond it; the
one around the south pole is closed there.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

Point = tuple[int, int]


def rings(topology: dict[str, Any]) -> list[list[Point]]:
    """Every ring of the land, in steps from the origin; the last point of a ring is not its first."""
    arcs = []
    for steps in topology["arcs"]:
        x = y = 0
        arc: list[Point] = []
        for east, north in steps:
            x, y = x + east, y + north
            arc.append((x, y))
        arcs.append(arc)
    found = []
    for shape in topology["objects"]["land"]["geometries"]:
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        for ring in (ring for polygon in polygons for ring in polygon):
            points: list[Point] = []
            for place in ring:
                arc = arcs[place] if place >= 0 else arcs[~place][::-1]
                # Arcs share their ends, and a ring ends where it begins.
                points += arc[:-1]
            found.append(flat(points, topology["transform"]))
    return found


def flat(points: list[Point], transform: dict[str, list[float]]) -> list[Point]:
    """A ring of the globe as one of the plane."""
    (step, tall), (_, south) = transform["scale"], transform["translate"]
    turn = round(360 / step)
    east = 0
    out = []
    for (before, _), (x, y) in zip([points[-1], *points[:-1]], points, strict=True):
        if out and abs(x - before) > turn / 2:
            east += turn if x < before else -turn
        out.append((x + east, y))
    if abs(out[-1][0] - out[0][0]) > turn / 2:
        pole = round((-90 - south) / tall)
        out += [(out[-1][0], pole), (out[0][0], pole)]
    return out


def number(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    """A number that may be negative."""
    return number(value << 1 if value >= 0 else (-value << 1) - 1)


def written(topology: dict[str, Any]) -> bytes:
    """The file for the page."""
    transform = topology["transform"]
    out = bytearray(struct.pack("<4d", *transform["scale"], *transform["translate"]))
    for points in rings(topology):
        out += number(len(points))
        x = y = 0
        for east, north in points:
            out += zigzag(east - x) + zigzag(north - y)
            x, y = east, north
    return bytes(out)


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_bytes(written(json.loads(source.read_text())))
