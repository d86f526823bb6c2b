"""Pickles inside .npz files, harmless and not."""

import io
import zipfile

import numpy as np


def write(path, pickled, name="positions_3d", shape=()):
    """A .npz with one object array, whatever its pickle is."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.npy", file.getvalue() + pickled)
    return path


class Attack:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]
