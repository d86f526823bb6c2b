"""Geometry, skeleton, metrics and pictures: what every other folder may use and which uses none of them."""
