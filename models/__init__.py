"""Networks and the system that trains them. Importing this needs neither Lightning nor OpenCV."""

from .checkpoint import load_lifter, save_lifter
from .lifter import Lifter

__all__ = ["Lifter", "load_lifter", "save_lifter"]
