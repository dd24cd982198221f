#!/usr/bin/env bash
# Checks the container images of `make image`, without an engine and without a registry:
#
#   - what is in them: one static binary for the right machine, run as nobody, that names no folder of this machine;
#   - the list of dependencies inside each binary, against Cargo.lock and the bill of materials;
#   - that both machines' binaries run, the foreign one under QEMU;
#   - that the same sources give the same images to the byte: at another place, under another name of everything.
#
#   QUICK=1              the last with the simulator's binary only: some minutes
#   FULL=1               the last with the images for arm64 as well, not for amd64 only
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DATAWORKS_DEV_CACHE=${DATAWORKS_DEV_CACHE:-$root/.cache}
mkdir -p "$DATAWORKS_DEV_CACHE/images"
cache=$(cd "$DATAWORKS_DEV_CACHE" && pwd)
names=(dataworks-operator dataworks-simulator)
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
# The second place has no history to take it from.
DATAWORKS_REVISION=${DATAWORKS_REVISION:-$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)}
export DATAWORKS_REVISION

work=$(mktemp -d "$cache/images/.test.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*"; }

die() {
	printf 'test-image: %s\n' "$*" >&2
	exit 1
}

machine() { # ARCH
	case $1 in amd64) echo x86_64 ;; arm64) echo aarch64 ;; esac
}

# Prints the emulator for a machine that is not this one; nothing and success for this one.
emulator() { # ARCH
	local name
	name=qemu-$(machine "$1")
	if [[ $(uname -m) == $(machine "$1") ]]; then return; fi
	if ! command -v "$name-static" "$name" >/dev/null 2>&1 && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null 2>&1; then
		export DEBIAN_FRONTEND=noninteractive
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends qemu-user-static; } >&2
	fi
	command -v "$name-static" || command -v "$name"
}

check_elf() { # BINARY ARCH
	local header
	header=$(LC_ALL=C readelf --wide --file-header --program-headers --dynamic "$1")
	case $2 in
	amd64) [[ $header == *'Advanced Micro Devices X86-64'* ]] || die "$1 is not for amd64" ;;
	arm64) [[ $header == *AArch64* ]] || die "$1 is not for arm64" ;;
	esac
	if [[ $header == *INTERP* || $header == *NEEDED* ]]; then die "$1 is not static"; fi
}

check_paths() { # BINARY
	local folder
	for folder in "$root" "$cache" "${CARGO_HOME:-$HOME/.cargo}" "${RUSTUP_HOME:-$HOME/.rustup}"; do
		if LC_ALL=C grep -qaF "$folder/" "$1"; then die "$(basename "$1") names $folder"; fi
	done
}

check_run() { # FOLDER ARCH
	local run=() qemu
	if ! qemu=$(emulator "$2"); then
		say "$2: not run, because QEMU is not there (Debian: qemu-user-static)"
		return
	fi
	if [[ -n $qemu ]]; then run=("$qemu"); fi
	for name in "${names[@]}"; do
		[[ $("${run[@]}" "$1/$name" --version) == "$name $version" ]] || die "$name for $2 does not tell its version"
	done
	"${run[@]}" "$1/dataworks-operator" crds | cmp - <(awk 'FNR == 1 && NR > 1 { print "---" } { print }' "$root"/crds/*.yaml) ||
		die "the operator for $2 prints other CRDs"
	say "$2: both run${qemu:+ under $(basename "$qemu")}"
}

check_images() { # ARCH
	local arch=$1 name folder=$work/$1 digest
	mkdir -p "$folder"
	for name in "${names[@]}"; do
		digest=$(python3 "$root/dev/image/archive.py" "$cache/images/$name-$arch.tar" "$name" "$arch" "$version" \
			"$DATAWORKS_REVISION" "$folder") || die "the archive of $name for $arch is not as it should be"
		check_elf "$folder/$name" "$arch"
		check_paths "$folder/$name"
		"$tools/rust-audit-info" "$folder/$name" |
			python3 "$root/dev/image/audit.py" "$name" "$version" "$root/Cargo.lock" "$cache/sbom/$name.cdx.json"
		# The index has the image that the archive has.
		tar -tf "$cache/images/$name.tar" | grep -F "blobs/sha256/${digest#*:}" >/dev/null || die "$name.tar lacks the image for $arch"
	done
	check_run "$folder" "$arch"
}

# The sources, as they are now, elsewhere; crates below another folder; another time zone, language and mask.
twin() {
	twin=$work/a/place/whose/name/is/longer/than/that/of/the/first
	mkdir -p "$twin/source" "$twin/cargo/registry" "$twin/cache"
	git -C "$root" ls-files -z --cached --others --exclude-standard |
		tar -C "$root" --null --files-from=- --create --file=- | tar -x -C "$twin/source"
	local from=${CARGO_HOME:-$HOME/.cargo} part
	for part in index cache src; do
		cp -al "$from/registry/$part" "$twin/cargo/registry/" 2>/dev/null || cp -a "$from/registry/$part" "$twin/cargo/registry/"
	done
	if [[ -e $from/config.toml ]]; then cp "$from/config.toml" "$twin/cargo/"; fi
	for part in python cargo-tools; do ln -s "$cache/$part" "$twin/cache/$part"; done
}

# Runs image.sh there.
there() { # ARGUMENT...
	(
		cd "$twin/source"
		umask 077
		env CARGO_HOME="$twin/cargo" CARGO_NET_OFFLINE=true DATAWORKS_DEV_CACHE="$twin/cache" TZ=Pacific/Auckland LC_ALL=C \
			dev/image.sh "$@"
	)
}

compare_quickly() {
	cmp "$("$root/dev/image.sh" alone dataworks-simulator)" "$(there alone dataworks-simulator)" ||
		die "the simulator differs at another place"
	say "the same simulator from two places"
}

compare() { # ARCH
	local name
	there images "$1" >/dev/null
	for name in "${names[@]}"; do
		cmp "$cache/images/bin/$1/$name" "$twin/cache/images/bin/$1/$name" || die "$name for $1 differs at another place"
		cmp "$cache/images/$name-$1.tar" "$twin/cache/images/$name-$1.tar" || die "the image of $name for $1 differs at another place"
	done
	say "$1: the same images from two places"
}

if [[ ${QUICK:-} == 1 ]]; then
	twin
	compare_quickly
	exit
fi

tools=$("$root/dev/tools/cargo.sh" rust-audit-info)
"$root/dev/sbom.sh" >/dev/null
"$root/dev/image.sh" index >/dev/null
check_images amd64
check_images arm64
twin
compare amd64
if [[ ${FULL:-} == 1 ]]; then compare arm64; else say "arm64: built once only (FULL=1 compares)"; fi
