"""Hypothesis strategies for files that are almost right: valid bytes with damage, valid trees with junk in them."""

import io
import json
import struct
import warnings
import zipfile
import zlib

import numpy as np
from hypothesis import strategies as st

LENGTHS = (0, 1, 2, 3, 5, 17, 34, -1, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 10**40)
NUMBERS = (0, 1, -1, 0.5, 255, 2**31, -(2**63), 2**64, 1e30, -1e30, 1e300, 10**400, 5e-324, float("nan"),
           float("inf"), float("-inf"))  # fmt: skip
PATHS = ("", ".", "/", "~", "-", "/dev/null", "/dev/zero", "\0", "a" * 300, "a/" * 3000, "új képek/ő.png", "two\nlines",
         "%d.mp4", "http://localhost:1/a.mp4", "\udcff.png", "²", "9" * 30, "nowhere.png", "--", "nan")  # fmt: skip
INTERESTING_INTS = (0, 1, 127, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
JUNK = st.one_of(
    st.sampled_from([None, True, "", "a", "5", "nan", "two\nlines", "\ud800"]),
    st.sampled_from([[], {}, [[]], [None], {"a": 1}, [1, [2]]]),
    st.sampled_from(NUMBERS),
    st.integers(-10, 70),
)


@st.composite
def damaged(draw, whole):
    """One of the given files after one to three accidents: bits, blocks and lengths."""
    content = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(("bit", "byte", "int", "int", "zeros", "repeat", "delete", "cut")))
        at, length = draw(st.integers(0, max(len(content) - 1, 0))), draw(st.sampled_from((1, 2, 4, 8, 16, 64, 512)))
        if kind == "bit" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and content:
            content[at] = draw(st.integers(0, 255))
        elif kind == "int":
            order, number = draw(st.sampled_from("<>")), draw(st.sampled_from(INTERESTING_INTS))
            content[at : at + 4] = struct.pack(f"{order}I", number)
        elif kind == "zeros":
            content[at : at + length] = bytes(length)
        elif kind == "repeat":
            content[at:at] = content[at : at + length]
        elif kind == "delete":
            del content[at : at + length]
        elif kind == "cut":
            del content[at:]
    return bytes(content)


@st.composite
def beginnings(draw, whole):
    """One of the given files, cut anywhere: its number and what is left."""
    number = draw(st.integers(0, len(whole) - 1))
    return number, whole[number][: draw(st.integers(0, len(whole[number]) - 1))]


def copied(tree):
    """The same containers anew, around the same values."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


@st.composite
def with_junk(draw, trees, junk=JUNK):
    """One of the given nests of dictionaries and lists with one node replaced, repeated or gone."""
    tree = copied(draw(st.sampled_from(trees)))
    if draw(st.integers(0, 19)) == 0:
        return draw(junk)
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return tree
        key = draw(st.sampled_from(keys))
        deeper = isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 3))
        if not deeper:
            break
        node = node[key]
    action = draw(st.sampled_from(("replace", "replace", "replace", "delete", "repeat")))
    if action == "delete":
        del node[key]
    elif action == "repeat" and isinstance(node, list):
        node.insert(key, node[key])
    else:
        node[key] = draw(junk)
    return tree


@st.composite
def json_texts(draw, trees):
    """Bytes that look like JSON: trees with junk, odd encodings, repeated keys, bottomless nests."""
    kind = draw(st.sampled_from(("tree",) * 12 + ("bom", "utf-16", "latin1", "twice", "deep", "digits", "cut")))
    if kind == "deep":
        depth, bracket = draw(st.sampled_from((50, 900, 5000, 100_000))), draw(st.sampled_from(("[", '{"people":')))
        return (bracket * depth).encode() + draw(st.sampled_from((b"", b"]" * depth, b"1" + b"}" * depth)))
    text = json.dumps(draw(with_junk(trees)), ensure_ascii=draw(st.booleans()))
    if kind == "bom":
        return b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
    if kind == "utf-16":
        return text.encode("utf-16", "surrogatepass")
    if kind == "latin1":
        return text.replace("e", "\xe9", draw(st.integers(1, 3))).encode("latin1", "replace")
    if kind == "twice":
        key = draw(st.sampled_from(('"keypoints": ', '"people": ', '"joint_self": ')))
        text = text.replace(key, f"{key}[1], {key}")
    if kind == "digits":
        text = text.replace("1", "1" * draw(st.sampled_from((30, 400, 5000))), 1)
    content = text.encode("utf-8", "surrogatepass")
    return content[: draw(st.integers(0, len(content)))] if kind == "cut" else content


DTYPES = ("<f4", ">f8", "<f2", "<f8", "<i2", "|u1", "|b1", "|O", "<U0", "<U5", "|S4", "<c8", "<M8[s]", "|V4", "<f16",
          "(2,3)f4", "x", "", [("x", "<f4")], "O,O", 7, None)  # fmt: skip


@st.composite
def npy_files(draw):
    """Headers that claim anything, before data that may or may not be as long."""
    shape = tuple(draw(st.lists(st.sampled_from(LENGTHS), max_size=4)))
    if draw(st.booleans()):
        shape = draw(st.sampled_from(((5, 34), (5, 17, 2), (5, 16, 3), (5, 25, 3), (0, 34), (34,), (17, 2))))
    descr = draw(st.sampled_from(DTYPES[:4] if draw(st.booleans()) else DTYPES))
    head = {"descr": descr, "fortran_order": draw(st.sampled_from((False, True, 1))), "shape": shape}
    text = repr(head) if draw(st.integers(0, 9)) else repr(head).replace(draw(st.sampled_from("{}'(,: ")), "", 1)
    text = text.encode() + b"\n"
    major = draw(st.sampled_from((1, 1, 1, 2, 3, 9)))
    claimed = len(text) + draw(st.sampled_from((0, 0, 0, 1, -1, 59_500)))
    length = struct.pack("<H" if major == 1 else "<I", claimed)
    try:
        exact = int(np.prod([float(n) for n in shape])) * np.dtype(descr).itemsize
    except (TypeError, ValueError, OverflowError):
        exact = 64
    size = max(0, min(exact, 10_000) + draw(st.sampled_from((0, 0, 0, -1, 1, 400))))
    data = np.arange(-(-size // 4) + 1, dtype="<f4").tobytes()[:size]
    if draw(st.integers(0, 3)) == 0:
        data = draw(st.sampled_from((b"\xff", b"\x7f", b"\x00", b"\xff\xff\x7f\x7f"))) * size
    return b"\x93NUMPY" + bytes((major, 0)) + length + text + data[:size]


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = ("keypoints.npy", "keypoints.npy", "keypoints.npy", "skeleton.npy", "keypoints", "../../escaped.npy",
         "/escaped.npy", "a/b.npy", "", "metadata.npy", "ő.npy", "keypoints.npy/")  # fmt: skip


@st.composite
def archives(draw, members):
    """Zip files of any members under any names, packed in any way."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for _ in range(draw(st.integers(0, 3))):
            name, content = draw(st.sampled_from(NAMES)), draw(members)
            method = draw(st.sampled_from(METHODS))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # two of one name
                archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


@st.composite
def png_files(draw):
    """PNGs whose head claims any size and kind, with right sums over wrong data."""
    sides = st.sampled_from((0, 1, 2, 7, 300, 12_000, 60_000, 2**31 - 1, 2**32 - 1))
    head = struct.pack(">IIBBBBB", draw(sides), draw(sides), draw(st.sampled_from((0, 1, 8, 16, 32))),
                       draw(st.integers(0, 7)), *(draw(st.sampled_from((0, 0, 0, 1))) for _ in range(3)))  # fmt: skip
    data = zlib.compress(bytes(draw(st.sampled_from((0, 1, 100, 3000)))))
    chunks = [(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")]
    extra = draw(st.sampled_from((b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"zTXt", b"gAMA", b"IHDR", b"fcTL")))
    chunks.insert(draw(st.integers(0, 2)), (extra, draw(st.binary(max_size=30))))
    packed = (struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
              for kind, body in chunks)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
