#!/bin/bash -eu
# Builds each target of fuzz/targets, as ClusterFuzzLite and OSS-Fuzz call it: into $OUT, with what it imports.
python3 -m pip install "$SRC/bearerproof[subjects]" -c "$SRC/bearerproof/constraints.txt"
for target in "$SRC"/bearerproof/fuzz/targets/fuzz_*.py; do
  compile_python_fuzzer "$target" --collect-all bearerproof --collect-all bearerproof_fuzz --copy-metadata bearerproof
done
