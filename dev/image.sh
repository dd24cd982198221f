#!/usr/bin/env bash
# Container images of the operator and the simulator, without a container engine and without a registry.
#
#   image.sh binaries [ARCH]   static binaries for amd64 (default) or arm64; prints the folder that holds them
#   image.sh alone NAME [ARCH] the one, with no more of its dependencies than it needs by itself; prints it
#   image.sh images [ARCH]     the same, and an OCI archive of each image around them; prints the archives
#   image.sh index             the images for both, and an OCI archive for both at once; prints these archives
#
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
#   DATAWORKS_REVISION   the commit that labels and metrics name (default: Git's)
#
# Standard output carries those paths and nothing else; progress goes to standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${DATAWORKS_DEV_CACHE:-$root/.cache}
mkdir -p "$cache/images" "$cache/python"
cache=$(cd "$cache" && pwd)
out=$cache/images
images=(dataworks-operator dataworks-simulator)
arches=(amd64 arm64)
registry=ghcr.io/dataworks-operator

say() { printf '%s\n' "$*" >&2; }

fail() {
	say "$*"
	exit 1
}

triple() { # ARCH
	case $1 in
	amd64) echo x86_64-unknown-linux-musl ;;
	arm64) echo aarch64-unknown-linux-musl ;;
	*) fail "ARCH is amd64 or arm64, not $1" ;;
	esac
}

# Prints the folder of the linker's commands.
zig() {
	local list=$root/dev/tools/zig.txt home
	home=$cache/python/zig-$(cksum <"$list" | cut -d' ' -f1)
	if [[ ! -e $home/.complete ]]; then
		say "installing Zig ..."
		rm -rf "$home"
		python3 -m venv "$home" >&2 || fail "python3 with venv is needed (Debian: python3-venv)"
		"$home/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$list" >&2
		touch "$home/.complete"
	fi
	echo "$home/bin"
}

# Compiles into TARGET-FOLDER. What comes out depends on the sources, the toolchain and the lock file, not on where
# they lie.
compile() { # ARCH TARGET-FOLDER PACKAGES...
	local target page linker tools
	target=$(triple "$1")
	linker=$(zig)
	tools=$("$root/dev/tools/cargo.sh" cargo-auditable)
	# Kernels of arm64 have pages of 4, 16 or 64 KiB; jemalloc works on those that are no larger than it was built for.
	case $1 in amd64) page=12 ;; arm64) page=16 ;; esac
	if [[ ! -d $(rustc --print sysroot)/lib/rustlib/$target/lib ]]; then
		say "adding the standard library for $target ..."
		rustup target add "$target" >&2
	fi
	say "building for $target ..."
	# The wrapper links the list of dependencies into each binary. `cargo auditable zigbuild` would do the same, but names
	# the wrapper with its folder, and Cargo mixes that name into each symbol.
	env -u CARGO_ENCODED_RUSTFLAGS \
		PATH="$linker:$tools:$PATH" \
		RUSTC_WORKSPACE_WRAPPER=cargo-auditable \
		CARGO_AUDITABLE_ORIG_ARGS='{"offline":false,"locked":true,"frozen":false,"config":[]}' \
		DATAWORKS_REVISION="$(revision)" \
		CARGO_ZIGBUILD_CACHE_DIR="$out/zig" \
		ZIG_GLOBAL_CACHE_DIR="$out/zig/global" \
		CARGO_TARGET_DIR="$2" \
		CARGO_INCREMENTAL=0 \
		JEMALLOC_SYS_WITH_LG_PAGE=$page \
		RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$2=/target" \
		cargo zigbuild --locked --release "${@:3}" --bins --target "$target" >&2
}

binaries() { # ARCH
	local target folder=$out/bin/$1 name
	target=$(triple "$1")
	compile "$1" "$out/target" --workspace
	mkdir -p "$folder"
	for name in "${images[@]}"; do
		# Of one mode, whatever the umask: the mode is a part of the image.
		install -m 0755 "$out/target/$target/release/$name" "$folder/$name"
	done
	echo "$folder"
}

alone() { # NAME ARCH
	local target
	target=$(triple "$2")
	compile "$2" "$out/target" --package "$1"
	mkdir -p "$out/alone/$2"
	install -m 0755 "$out/target/$target/release/$1" "$out/alone/$2/$1"
	echo "$out/alone/$2/$1"
}

need_buildah() {
	if command -v buildah >/dev/null 2>&1; then return; fi
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null 2>&1; then
		fail "buildah is needed (Debian: buildah)"
	fi
	say "installing buildah ..."
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends buildah >&2
}

version() {
	sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml"
}

# The commit, marked when what is built is not what was committed.
revision() {
	local commit
	if [[ -n ${DATAWORKS_REVISION:-} ]]; then
		echo "$DATAWORKS_REVISION"
	elif ! commit=$(git -C "$root" rev-parse HEAD 2>/dev/null); then
		echo unknown
	elif [[ -n $(git -C "$root" status --porcelain --untracked-files=no) ]]; then
		echo "$commit-dirty"
	else
		echo "$commit"
	fi
}

# Buildah with a store of its own: nothing is left behind, and builds at the same time do not meet.
buildah() {
	command buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs "$@"
}

open_storage() {
	storage=$(mktemp -d "$out/.storage.XXXXXX")
	# shellcheck disable=SC2064 # the folder of now
	trap "rm -rf '$storage'" EXIT
}

# Makes an archive of what was pushed into the storage's folder `oci`, the same to the byte for the same content.
close_storage() { # FILE
	tar -C "$storage/oci" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar \
		-cf "$storage/archive" oci-layout index.json blobs
	mv "$storage/archive" "$1"
	rm -rf "$storage"
	trap - EXIT
}

# An OCI archive of one image, the same to the byte for the same binaries, labels and version of buildah.
archive() { # NAME ARCH BINARIES FILE
	local name=$1 arch=$2 binaries=$3 file=$4
	open_storage
	buildah bud --quiet --isolation chroot --format oci --timestamp 0 --identity-label=false \
		--platform "linux/$arch" --target "$name" --build-context "build=$binaries" \
		--build-arg "VERSION=$(version)" --build-arg "REVISION=$(revision)" \
		--file "$root/Containerfile" --tag image "$binaries" >"$storage/log" 2>&1 || fail "$(<"$storage/log")"
	buildah push --quiet image "oci:$storage/oci:$registry/$name:$(version)" >&2
	close_storage "$file"
}

# An OCI archive with the images for both machines below one name.
index() { # NAME FILE
	local name=$1 file=$2 arch
	open_storage
	buildah manifest create index >"$storage/log"
	for arch in "${arches[@]}"; do
		buildah manifest add index "oci-archive:$out/$name-$arch.tar" >"$storage/log" 2>&1 || fail "$(<"$storage/log")"
	done
	buildah manifest push --quiet --all --format oci index "oci:$storage/oci:$registry/$name:$(version)" >&2
	close_storage "$file"
}

images() { # ARCH
	local folder name file
	need_buildah
	folder=$(binaries "$1")
	for name in "${images[@]}"; do
		file=$out/$name-$1.tar
		archive "$name" "$1" "$folder" "$file"
		say "$name for $1: binary $(size "$folder/$name"), archive $(size "$file"), $(digest "$file")"
		echo "$file"
	done
}

indexes() {
	local arch name file
	for arch in "${arches[@]}"; do images "$arch" >/dev/null; done
	for name in "${images[@]}"; do
		file=$out/$name.tar
		index "$name" "$file"
		say "$name for ${arches[*]}: archive $(size "$file"), $(digest "$file")"
		echo "$file"
	done
}

size() { # FILE
	numfmt --to=iec-i --suffix=B --format=%.1f "$(stat -c %s "$1")"
}

# What the image is known by in a registry: the digest of its manifest.
digest() { # ARCHIVE
	tar -xOf "$1" index.json | sed -n 's/.*"digest":"\([^"]*\)".*/\1/p'
}

cd "$root"
case ${1:-} in
binaries) binaries "${2:-amd64}" ;;
alone) alone "$2" "${3:-amd64}" ;;
images) images "${2:-amd64}" ;;
index) indexes ;;
*) fail "usage: image.sh binaries|images [amd64|arm64], image.sh alone NAME [amd64|arm64], image.sh index" ;;
esac
