"""Threats over the requirements: none is left out without a reason, and none is named that there is not."""

from bearerproof.specification.catalogue import requirements
from bearerproof.specification.threats import threats, unthreatened


def test_every_requirement_has_a_threat_or_a_reason_why_not() -> None:
    named = {name for threat in threats() for name in threat.requirements}
    excused = {name for each in unthreatened() for name in each.requirements}
    assert named | excused == set(requirements())
    assert named & excused == set()
    assert 12 <= len(threats()) <= 15
    assert all(each.reason for each in unthreatened())
