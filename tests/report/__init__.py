"""Tests of what is made of result streams: model, page, SARIF, badge, difference, and the gate's recipes."""
