#!/usr/bin/env bash
# Runs the fuzz targets of fuzz/, one after the other, each over its seeds and what it found before.
#
#   fuzz.sh SECONDS [TARGET...]    for so many seconds each; all targets when none is named
#
# What breaks a target is kept in fuzz/artifacts/TARGET and can be given to the target again:
# fuzz/target/*/release/TARGET FILE. The compiler is the pinned one, with the flags that cargo-fuzz gives it but for a
# sanitizer, which needs a nightly and finds nothing in code without `unsafe`.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:?how many seconds}
shift
targets=("$@")
if ((${#targets[@]} == 0)); then targets=(answer desired flowspec path); fi

# With a target named, the flags are not given to build scripts and procedural macros, which run without libFuzzer.
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-fuzz/target}
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
cargo build --locked --release --manifest-path fuzz/Cargo.toml --target "$host" "${bins[@]}"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in "${targets[@]}"; do
	mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
	begun=$(date +%s)
	# What is found goes into the first folder.
	if ! "$CARGO_TARGET_DIR/$host/release/$target" "fuzz/corpus/$target" "fuzz/seeds/$target" \
		-dict="fuzz/dictionaries/$target.dict" -artifact_prefix="fuzz/artifacts/$target/" \
		-max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 2>"$log"; then
		tail -n 60 "$log" >&2
		echo "fuzz: $target is broken; the input is in fuzz/artifacts/$target" >&2
		exit 1
	fi
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	echo "fuzz: $target: $runs inputs in $(($(date +%s) - begun)) s, none breaks it"
done
