"""What a perfect OpenPose network would give for people at known places, for tests."""

import numpy as np

from utils.skeleton import SOURCES


def bump(height, width, x, y, value=1.0):
    rows, columns = np.mgrid[:height, :width]
    return value * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)


def planted_maps(variant, people, size=(120, 160)):
    """Maps as a perfect network would give them: `people` are {name: (x, y)}."""
    names = SOURCES[variant.source]
    maps = np.zeros((variant.heat_maps + variant.fields, *size))
    rows, columns = np.mgrid[: size[0], : size[1]]
    for person in people:
        for name, (x, y) in person.items():
            maps[names.index(name)] = np.maximum(maps[names.index(name)], bump(*size, x, y))
        for first, second, channel in variant.limbs:
            if first in person and second in person:
                start, end = np.array(person[first], float), np.array(person[second], float)
                along = end - start
                fraction = np.clip(
                    ((columns - start[0]) * along[0] + (rows - start[1]) * along[1]) / (along @ along), 0, 1
                )
                near = np.hypot(columns - start[0] - fraction * along[0], rows - start[1] - fraction * along[1]) < 3
                maps[channel : channel + 2][:, near] = (along / np.linalg.norm(along))[:, None]
    return maps


def standing(source, x):
    places = {"nose": 10, "eye": 8, "ear": 10, "top": 5, "base": 20, "shoulder": 21, "elbow": 40, "wrist": 55,
              "chest": 40, "hip": 60, "knee": 80, "ankle": 100}  # fmt: skip
    person = {}
    for name in SOURCES[source]:
        kind = name.split("_")[-1]
        side = {"left": 1, "right": -1}.get(name.split("_")[0], 0)
        person[name] = (x + side * (3 if kind in ("eye", "ear") else 9) + side * 2 * (kind == "ear"), places[kind])
    return person
