"""Tests of what is made of result streams: model, page, SARIF, badge, difference, collection, and the gate's recipes."""
