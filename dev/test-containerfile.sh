#!/usr/bin/env bash
# Builds the operator's image from the Containerfile as a container engine does, its first stage included, and compares the
# binary with that of `make image`. The official Rust image comes from a registry: in its place stands one that is made here, of
# Debian and of this machine's toolchain.
#
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
#
# Takes root on Debian: missing packages are installed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
cache=${DATAWORKS_DEV_CACHE:-$root/.cache}
mkdir -p "$cache/images"
cache=$(cd "$cache" && pwd)

die() {
	printf 'test-containerfile: %s\n' "$*" >&2
	exit 1
}

[[ $(id -u) == 0 ]] || die 'a container engine of our own needs root'
packages=()
for package in buildah debootstrap; do
	command -v "$package" >/dev/null 2>&1 || packages+=("$package")
done
if ((${#packages[@]} > 0)); then
	command -v apt-get >/dev/null || die "these Debian packages are missing: ${packages[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) die "there are no images for $(uname -m)" ;;
esac
work=$(mktemp -d "$cache/images/.containerfile.XXXXXX")
trap 'rm -rf "$work"' EXIT
engine() { buildah --root "$work/root" --runroot "$work/run" --storage-driver vfs "$@"; }

# The image that the Containerfile begins with.
stand_in() {
	local name=$1 suite=${1##*-} base=$work/base mirror container file
	# shellcheck disable=SC2016 # apt's own variable
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 debian || echo http://deb.debian.org/debian)
	debootstrap --variant=minbase --include=ca-certificates,gcc,git,libc6-dev,make "$suite" "$base" "$mirror" >&2
	cp -a "$(rustc --print sysroot)" "$base/usr/local/rust"
	ln -s /usr/local/rust/bin/* "$base/usr/local/bin/"
	# Where packages come from here, and whom one has to trust on the way.
	install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/ca-certificates.crt"
	for file in "$HOME/.cargo/config.toml" "$HOME/.config/pip/pip.conf" /etc/pip.conf; do
		if [[ -e $file ]]; then install -D "$file" "$base$file"; fi
	done
	container=$(engine from scratch)
	engine add --quiet "$container" "$base" / >&2
	engine commit --quiet --rm "$container" "$name" >&2
	rm -rf "$base"
}

image=$(sed -n 's/^FROM .*\(docker\.io[^ ]*\) AS build$/\1/p' Containerfile)
stand_in "$image"
revision=${DATAWORKS_REVISION:-$(git rev-parse HEAD)}
engine build --pull-never --isolation chroot --target dataworks-operator --build-arg TARGETARCH="$arch" \
	--build-arg REVISION="$revision" --file Containerfile --tag built . >&2
container=$(engine from --pull-never built)
built=$(engine mount "$container")
own=$(DATAWORKS_REVISION="$revision" dev/image.sh binaries "$arch")
cmp "$built/dataworks-operator" "$own/dataworks-operator" || die 'an engine builds another binary than make image'
[[ $(find "$built" -type f | wc -l) == 1 ]] || die 'there is more in the image than the binary'
echo "containerfile: the engine's binary for $arch is that of make image"
