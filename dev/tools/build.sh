#!/usr/bin/env bash
# Builds the named Go tools, each from its own module in this folder, and prints the folder that holds them.
#
#   build.sh helm promtool
#
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
#
# A module is a folder with go.mod, go.sum and tools.go, whose only import is the command to build.
# Standard output carries the folder and nothing else; progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${DATAWORKS_DEV_CACHE:-$root/.cache}/tools
mkdir -p "$out"
out=$(cd "$out" && pwd)

# The tools run on this machine, whatever the caller is cross-compiling for.
export CGO_ENABLED=0 GOOS='' GOARCH='' GOWORK=off

say() { printf '%s\n' "$*" >&2; }

exec 9>"$out/.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi

for tool in "$@"; do
	module=$here/$tool
	package=$(sed -n 's/^import _ "\(.*\)".*/\1/p' "$module/tools.go")
	if [[ -z $package ]]; then
		say "$module/tools.go imports no command"
		exit 1
	fi
	# The stamp holds everything that decides what comes out, so that a tool is built again when it changes.
	stamp="$package $(cat "$module/go.mod" "$module/go.sum" | cksum)"
	if [[ -x $out/$tool && $(cat "$out/.$tool.stamp" 2>/dev/null) == "$stamp" ]]; then
		continue
	fi
	say "building $tool ..."
	temporary=$(mktemp -d "$out/.build.XXXXXX")
	if ! (cd "$module" && go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$temporary/$tool" "$package") >&2 9>&-; then
		rm -rf "$temporary"
		exit 1
	fi
	mv "$temporary/$tool" "$out/$tool"
	printf '%s\n' "$stamp" >"$out/.$tool.stamp"
	rm -rf "$temporary"
done

printf '%s\n' "$out"
