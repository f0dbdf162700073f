"""Adapters of ordinary libraries, so that they can be judged by name; each does as its library documents."""
