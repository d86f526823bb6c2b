"""Networks and the system that trains them. Importing this needs neither Lightning nor OpenCV."""

from .lifter import Lifter, load_lifter

__all__ = ["Lifter", "load_lifter"]
