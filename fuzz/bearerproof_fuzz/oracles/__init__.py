"""Oracles: what an event, a hint, a source id and a stream of admissions may be, computed from the specification.

They share no code with any implementation and are written another way than one would be: they read backwards,
from the outside, or by enumerating what is admissible.
"""
