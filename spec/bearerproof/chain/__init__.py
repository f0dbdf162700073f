"""Judging the hash chain of an audit trail: whether its lines are those that its writer wrote, offline, from copies."""

from bearerproof.chain.judge import ChainFile, judge
from bearerproof.chain.keys import ChainKey, KeyRefused
from bearerproof.chain.records import Checkpoint, Kind, genesis, link, read_checkpoint
from bearerproof.chain.report import ChainReport, Fault, Verdict

__all__ = [
    "ChainFile",
    "ChainKey",
    "ChainReport",
    "Checkpoint",
    "Fault",
    "KeyRefused",
    "Kind",
    "Verdict",
    "genesis",
    "judge",
    "link",
    "read_checkpoint",
]
