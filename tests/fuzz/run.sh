#!/usr/bin/env bash
# A long run guided by coverage, on stable Rust: the flags are those of `cargo fuzz`, without a sanitizer, which safe
# code does not need. New inputs come to $TARGET/fuzz; one that breaks a rule is printed and kept there as crash-*.
set -euo pipefail
cd "$(dirname "$0")"
: "${CARGO_TARGET_DIR:?}" "${TRANSFUSE_FUZZ_SECONDS:=600}" "${TRANSFUSE_FUZZ_SEED:=0}"
found=$CARGO_TARGET_DIR/fuzz
mkdir -p "$found/inputs"
host=$(rustc --print host-tuple)
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# A target is named so that the flags reach no build script.
RUSTFLAGS="$coverage --cfg fuzzing" cargo build --quiet --release --target "$host" --manifest-path guided/Cargo.toml
exec "$CARGO_TARGET_DIR/$host/release/transfuse-fuzz-guided" -max_total_time="$TRANSFUSE_FUZZ_SECONDS" \
  -seed="$TRANSFUSE_FUZZ_SEED" -timeout=5 -max_len=4096 -dict=hl7.dict -artifact_prefix="$found/" -print_final_stats=1 \
  "$found/inputs" corpus
