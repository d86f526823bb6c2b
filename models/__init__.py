"""Networks and the system that trains them. Importing this needs neither Lightning nor OpenCV."""

from .lifter import Lifter
from .weights import load_lifter, save_lifter

__all__ = ["Lifter", "load_lifter", "save_lifter"]
