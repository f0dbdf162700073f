"""Machines: an implementation driven through long streams of requests, with a model of what is due."""
