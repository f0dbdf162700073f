"""bearerproof: a security specification harness for bearer tokens and the audit events about them.

The package holds what belongs to no single implementation: the catalogue of requirements, the contract
between the harness and an implementation, the connections that speak it, judgement, results and reports.
The properties that attack an implementation live in ``bearerproof_fuzz``; a minimal implementation that
conforms lives in ``bearerproof_reference``.
"""

__version__ = "0.1.0"

PROTOCOL = 1
"""Version of the contract this harness speaks (``spec/contract.md``)."""
