"""Small videos of all kinds, written by PyAV, for tests."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np


def moving(picture, frames, step=4):
    """A picture that drifts to the right."""
    return [np.roll(picture, step * number, axis=1) for number in range(frames)]


def noise(frames, size=(64, 48)):
    """Pictures that no encoder makes small, whose red grows by 5 from one to the next."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8) for _ in range(frames)]
    for number, picture in enumerate(pictures):
        picture[..., 0] = min(5 * number, 255)
    return pictures


def write_video(path, pictures, times_s=None, rate=20, codec="libx264", format=None, rotation=0, aspect=1):
    """Writes pictures, at a constant rate or at times of their own; returns the path.

    Args:
        path: its suffix tells the container, unless `format` does.
        pictures: (height, width, 3) uint8 of even sides.
        times_s: when each is shown.
        rate: frames a second.
        codec, format: names of FFmpeg.
        rotation: degrees by which a player is told to turn the pictures.
        aspect: of a pixel, width to height.
    """
    times_s = times_s or [number / rate for number in range(len(pictures))]
    with av.open(f"file:{path.absolute()}", "w", format=format) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if codec == "libx264" else Fraction(1, rate)
        stream.codec_context.sample_aspect_ratio = Fraction(aspect).limit_denominator(100)
        if codec == "libx264":
            stream.options = {"crf": "12", "bf": "0"}
        if rotation:  # PyAV 17 and later
            stream.set_display_rotation(rotation)
        lengths = [later - earlier for earlier, later in pairwise(times_s)] + [1 / rate]
        for picture, seconds, length in zip(pictures, times_s, lengths, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt)
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(seconds / frame.time_base)
            for packet in stream.encode(frame):
                packet.duration = round(length / packet.time_base)
                container.mux(packet)
        container.mux(stream.encode(None))
    return path


def cut_losslessly(source, path, start_s):
    """The same packets, of which a player shall show those from a time on: an edit list, as phones write it."""
    with av.open(str(source)) as old, av.open(str(path), "w", options={"use_editlist": "1"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is None:
                continue
            offset = round(start_s / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts - offset, packet.dts - offset, stream
            new.mux(packet)
    return path
