# ruff: noqa: A005 - it is `tests.http`, beside which `http` stays what it is
