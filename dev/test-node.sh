#!/usr/bin/env bash
# Tests the images and the chart on a real node: builds them, Helm and the parts of a node, brings up a cluster of one
# node, and runs tests/node.rs beside it. The launcher of the cluster cleans up, however this ends.
#
#   test-node.sh              all of it
#   test-node.sh --packages   only installs the missing packages
#   test-node.sh --build      no test: only what takes long to build, the node, Helm and the images
#
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
#
# Takes root on Debian: missing packages are installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/.."

die() {
	printf 'test-node: %s\n' "$*" >&2
	exit 1
}

# The packages whose commands or files are not there.
missing() {
	local package file
	while read -r package file; do
		command -v "$file" >/dev/null 2>&1 || [[ -x $file ]] || echo "$package"
	done <<-END
		buildah buildah
		conntrack conntrack
		containerd containerd
		containernetworking-plugins /usr/lib/cni/ptp
		iptables iptables
		runc runc
	END
}

mapfile -t packages < <(missing)
if ((${#packages[@]} > 0)); then
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then die "these Debian packages are missing: ${packages[*]}"; fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi
if [[ ${1:-} == --packages ]]; then exit; fi
[[ $(uname -s) == Linux && $(id -u) == 0 ]] || die 'a node needs root on Linux'

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) die "there are no images for $(uname -m)" ;;
esac

bin=$("$here/kubernetes/build.sh" --node)
"$here/tools/build.sh" helm >/dev/null
archives=$("$here/image.sh" images "$arch")
if [[ ${1:-} == --build ]]; then exit; fi
# Of the whole workspace: what `make test` has compiled is taken.
test=(cargo test --locked --workspace --features node-tests --test node)
# Before there is a node that would wait for it.
"${test[@]}" --no-run

images=()
while read -r archive; do images+=(--image "$archive"); done <<<"$archives"
# In place of this script, so that signals reach the launcher.
exec "$bin/cluster" --node "${images[@]}" -- "${test[@]}" -- --nocapture
