"""How answers are judged: trials, the harness inside pytest, records, reports, and what is expected to deviate."""
