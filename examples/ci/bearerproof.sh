#!/usr/bin/env bash
# The gate for any other place: judge, compare with the run that was kept, keep this one if it is green.
#
#   ADAPTER=./my-adapter KEPT=/var/lib/ci/bearerproof ./bearerproof.sh
#
# Exit codes are those of bearerproof check: 0 conforms, 1 does not, 2 stale expectations, 3 not judged.
set -euo pipefail

: "${ADAPTER:?the command that starts your adapter}"
: "${KEPT:=.bearerproof}"
: "${BEARERPROOF:=bearerproof[report]==0.1.0}"
: "${OUT:=bearerproof-out}"

mkdir -p "$KEPT" "$OUT"
if [ ! -x "$KEPT/environment/bin/bearerproof" ]; then
  python3 -m venv "$KEPT/environment"
  "$KEPT/environment/bin/python" -m pip install --quiet "$BEARERPROOF"
fi

expect=()
if [ -f expectations.toml ]; then expect=(--expect expectations.toml); fi

exit=0
"$KEPT/environment/bin/bearerproof" check ${expect[@]+"${expect[@]}"} --report "$OUT/run.jsonl" \
  --report "html=$OUT/report.html" --report "badge=$OUT/badge.json" --junit "$OUT/junit.xml" \
  -- bash -c "$ADAPTER" || exit=$?

if [ -f "$KEPT/run.jsonl" ]; then
  "$KEPT/environment/bin/bearerproof" diff "$KEPT/run.jsonl" "$OUT/run.jsonl" || true
fi
if [ "$exit" -eq 0 ]; then cp "$OUT/run.jsonl" "$KEPT/run.jsonl"; fi
exit "$exit"
