"""Oracles: what a hint, a source id, an event and a stream of admissions may be, by the specification alone.

They share no code with any implementation and are written another way than one would be: they read
backwards, from the outside, or by enumerating what is admissible.
"""
