#!/usr/bin/env bash
# Bills of materials: a CycloneDX file for the operator and one for the simulator, of what is compiled into their images.
# Prints the files. The same sources and the same commit give the same files, wherever they lie.
#
#   DATAWORKS_DEV_CACHE  base folder of what is made (default: .cache at the top of the repository)
#   SOURCE_DATE_EPOCH    the time in them, in seconds since 1970 (default: the commit's)
#
# Standard output carries the files and nothing else; progress goes to standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${DATAWORKS_DEV_CACHE:-$root/.cache}
mkdir -p "$cache/sbom"
out=$(cd "$cache/sbom" && pwd)
# It has every crate that arm64 has; test-image.sh holds the binaries of both against these files.
target=x86_64-unknown-linux-musl
declare -A folders=([dataworks-operator]=$root [dataworks-simulator]=$root/simulator)

cd "$root"
tools=$(dev/tools/cargo.sh cargo-cyclonedx)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# They are written beside each manifest of the workspace.
sweep() { rm -f "$root"/*.cdx.json "$root"/*/*.cdx.json "$root"/*/*/*.cdx.json; }
trap sweep EXIT

PATH="$tools:$PATH" cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --no-build-deps >&2
for name in dataworks-operator dataworks-simulator; do
	file=$out/$name.cdx.json
	cargo tree --quiet --locked --package "$name" --edges normal,no-proc-macro --target "$target" --prefix none --format '{p}' |
		python3 dev/image/sbom.py "${folders[$name]}/$name.cdx.json" "$name" "$root" >"$file.new"
	mv "$file.new" "$file"
	echo "$file"
done
