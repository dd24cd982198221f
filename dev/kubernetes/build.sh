#!/usr/bin/env bash
# Builds etcd, kube-apiserver, kubectl and the launcher `cluster`, and prints the folder that holds them.
#
#   build.sh          what a cluster needs
#   build.sh --node   what `cluster --node` needs as well: the controllers, the programs of a node, its DNS
#
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
#   KUBEBUILDER_ASSETS   a folder that already has etcd, kube-apiserver and kubectl: only the launcher is built
#
# Standard output carries the folder and nothing else; progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# The binaries run on this machine, whatever the caller is cross-compiling for.
export CGO_ENABLED=0 GOOS='' GOARCH='' GOWORK=off

say() { printf '%s\n' "$*" >&2; }

node=''
case $#:${1:-} in
0:) ;;
1:--node) node=yes ;;
*)
	say "usage: build.sh [--node]"
	exit 2
	;;
esac

# Listing the module fails when Go is absent as well as when it is too old to read go.mod.
if ! command -v go >/dev/null 2>&1 || ! (cd "$here" && go list -m >/dev/null); then
	say "Go 1.26 or newer is needed to build the Kubernetes API server for the tests: https://go.dev/doc/install"
	exit 1
fi

module_version() { # MODULE FOLDER
	awk -v module="$1" '$1 == "require" { sub(/^require[ \t]+/, "") } $1 == module && $2 ~ /^v/ { print $2; exit }' "$2/go.mod"
}

kubernetes=$(module_version k8s.io/kubernetes "$here")
if [[ ! $kubernetes =~ ^v([0-9]+)\.([0-9]+)\. ]]; then
	say "no version of k8s.io/kubernetes in $here/go.mod"
	exit 1
fi
major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}

ldflags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	ldflags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
done

holds_assets() { # FOLDER
	local name
	for name in etcd kube-apiserver kubectl; do
		[[ -x $1/$name ]] || return 1
	done
}

assets=${KUBEBUILDER_ASSETS:-}
if [[ -n $assets ]]; then
	if holds_assets "$assets"; then
		assets=$(cd "$assets" && pwd)
	else
		say "KUBEBUILDER_ASSETS lacks etcd, kube-apiserver or kubectl; they are built instead"
		assets=''
	fi
fi

base=${DATAWORKS_DEV_CACHE:-$root/.cache}/kubernetes
out=$base/$kubernetes
if [[ -n $assets ]]; then
	out=$base/assets
fi
mkdir -p "$out"
out=$(cd "$out" && pwd)

# Without flock (macOS) two calls at once build the same twice; the rename below still keeps each file whole.
lock() { # PART
	exec 9>"$out/.lock-$1"
	if command -v flock >/dev/null 2>&1; then
		if ! flock -n 9; then
			say "waiting for another build in $out ..."
			flock 9
		fi
		# Whatever is there now was left by a build that was killed.
		rm -rf "$out/.build-$1".*
	fi
	temporary=$(mktemp -d "$out/.build-$1.XXXXXX")
}

temporary=''
trap 'rm -rf "$temporary"' EXIT

go_build() { # NAME MODULE-FOLDER PACKAGE
	(cd "$2" && go build -trimpath -buildvcs=false -ldflags "$ldflags" -o "$temporary/$1" "$3") >&2 9>&-
}

# The stamp holds everything that decides what comes out, so that a binary is built again when it changes.
build() { # NAME MODULE-FOLDER PACKAGE DURATION
	local stamp
	stamp="$3 $(cat "$2/go.mod" "$2/go.sum" | cksum) $ldflags"
	if [[ -x $out/$1 && $(cat "$out/.$1.stamp" 2>/dev/null) == "$stamp" ]]; then
		return
	fi
	say "building $1 (about $4 the first time) ..."
	go_build "$1" "$2" "$3"
	rm -f "$out/.$1.stamp"
	mv "$temporary/$1" "$out/$1"
	printf '%s\n' "$stamp" >"$out/.$1.stamp"
}

# Go's cache makes this a matter of a second, and an unchanged program keeps its file.
build_own() { # NAME
	go_build "$1" "$here" "./$1"
	if ! cmp -s "$temporary/$1" "$out/$1"; then
		mv "$temporary/$1" "$out/$1"
	fi
}

lock cluster
build_own cluster

if [[ -n $assets ]]; then
	for name in etcd kube-apiserver kubectl; do
		ln -sfn "$assets/$name" "$out/$name"
	done
else
	build etcd "$here/etcd" go.etcd.io/etcd/server/v3 "1 minute"
	build kube-apiserver "$here" k8s.io/kubernetes/cmd/kube-apiserver "4 minutes"
	build kubectl "$here" k8s.io/kubernetes/cmd/kubectl "30 seconds"
fi

if [[ -n $node ]]; then
	# A lock of its own: whoever needs no node does not wait for these.
	rm -rf "$temporary"
	lock node
	build kube-controller-manager "$here" k8s.io/kubernetes/cmd/kube-controller-manager "2 minutes"
	build kube-scheduler "$here" k8s.io/kubernetes/cmd/kube-scheduler "10 seconds"
	build kubelet "$here" k8s.io/kubernetes/cmd/kubelet "40 seconds"
	build kube-proxy "$here" k8s.io/kubernetes/cmd/kube-proxy "20 seconds"
	build_own dns
	build_own pause
fi

printf '%s\n' "$out"
