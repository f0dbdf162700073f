"""Campaigns: fuzzing for hours, after the suite is green.

A token is a short list of small numbers (``draws.Choices``): everything about it follows from them. So a corpus is a
file of such lists, a new input is an old list with some numbers changed, and Hypothesis makes a list that shows a
fault smaller. What a token is due comes from the edits, grammars and oracles that the suite stands on.
"""
