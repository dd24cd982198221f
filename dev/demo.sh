#!/usr/bin/env bash
# Shows the operator at work: a real Kubernetes API server, the simulated DataWorks API and the operator, all on
# loopback, all started here and ended here. It is a check too: a step that does not show what it should fails it.
#
#   KEEP=1               leaves everything running at the end, until Ctrl-C
#   DATAWORKS_DEV_CACHE  where the Kubernetes binaries are built (default: .cache at the top of the repository)
#
# Rust and Go are all it needs. Your own kubeconfig and clusters are not touched.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
unset KUBECONFIG

project=123456
hello=openapi-test-resource

if [[ -t 1 ]]; then bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'; else bold='' red='' plain=''; fi
steps=0 failures=0

heading() { steps=$((steps + 1)); printf '\n%s%d. %s%s\n' "$bold" "$steps" "$1" "$plain"; }
shown() { printf '\n$ %s\n' "$*"; }
die() { printf '%sdemo: %s%s\n' "$red" "$*" "$plain" >&2; exit 1; }

check() { # WHAT GOT WANTED
	if [[ $2 == "$3" ]]; then
		printf '   ok: %s: %s\n' "$1" "${2//$'\n'/ }"
	else
		printf '   %sFAILED: %s: got %s, wanted %s%s\n' "$red" "$1" "${2:-nothing}" "$3" "$plain"
		failures=$((failures + 1))
	fi
}

contains() { # WHAT TEXT PART
	case $2 in
	*"$3"*) printf '   ok: %s\n' "$1" ;;
	*) check "$1" "${2:0:200}" "a text with \"$3\"" ;;
	esac
}

# ---- what is needed ----------------------------------------------------------------------------------------------

command -v cargo >/dev/null 2>&1 || die "Rust is needed: https://rustup.rs"
command -v go >/dev/null 2>&1 || die "Go 1.26 or newer is needed: https://go.dev/doc/install"

printf '%sBuilding etcd, kube-apiserver and kubectl (minutes the first time, seconds afterwards) ...%s\n' "$bold" "$plain"
assets=$(dev/kubernetes/build.sh)
printf '%sBuilding the operator and the simulator ...%s\n' "$bold" "$plain"
cargo build --locked --workspace --bins
binaries=$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug
# Everything below is on loopback.
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy

# ---- processes: none outlives this script ------------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/dataworks-demo.XXXXXX")
guards=()

# The pipe's only writer is this shell (descriptor 9, closed in every process started below). However this shell
# ends, the pipe ends with it, and what reads it takes its process down.
mkfifo "$work/alive"
exec 9<>"$work/alive"

# shellcheck disable=SC2317,SC2329 # the trap below calls it
finish() {
	local code=$?
	trap '' INT TERM
	exec 9>&-
	if ((code != 0)) && [[ -s $work/operator.log ]]; then
		printf '\nThe last lines of the operator'\''s log:\n' >&2
		tail -n 15 "$work/operator.log" >&2
	fi
	for guard in ${guards[@]+"${guards[@]}"}; do
		wait "$guard" 2>/dev/null || true
	done
	rm -rf "$work"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs a command until it ends or this script does.
guarded() { # NAME COMMAND...
	local name=$1
	shift
	(
		trap '' INT
		exec 9>&-
		"$@" </dev/null >"$work/$name.out" 2>"$work/$name.log" &
		child=$!
		(
			cat >/dev/null
			kill "$child" 2>/dev/null || exit 0
			for _ in $(seq 100); do
				kill -0 "$child" 2>/dev/null || exit 0
				sleep 0.1
			done
			kill -9 "$child" 2>/dev/null
		) <"$work/alive" >/dev/null 2>&1 &
		watcher=$!
		wait "$child" || true
		: >"$work/$name.ended"
		kill "$watcher" 2>/dev/null || true
	) &
	guards+=("$!")
}

# The first line of a file that matches, waited for.
line_of() { # FILE PATTERN SECONDS
	local line tenths
	for ((tenths = 0; tenths < $3 * 10; tenths++)); do
		line=$(grep -m 1 -- "$2" "$work/$1" 2>/dev/null) && break
		[[ ! -e $work/${1%.*}.ended ]] || break
		sleep 0.1
	done
	[[ -n ${line:-} ]] || {
		tail -n 15 "$work/${1%.*}.log" >&2 || true
		die "${1%.*} did not start (waited up to $3 s)"
	}
	printf '%s\n' "$line"
}

# ---- talking to the parts ----------------------------------------------------------------------------------------

kubectl() { "$assets/kubectl" --kubeconfig "$work/kubeconfig" --cache-dir "$work/cache" "$@"; }
field() { kubectl get dwr "$1" -o "jsonpath={$2}"; } # NAME JSONPATH
reason() { field "$1" '.status.conditions[?(@.type=="Ready")].reason'; }
message() { field "$1" '.status.conditions[?(@.type=="Ready")].message'; }
shows() { shown kubectl "$@"; kubectl "$@"; }

# One request to the simulator's admin API, with nothing but the shell.
simulator() { # METHOD PATH [BODY]
	local body=${3:-} line
	exec 8<>"/dev/tcp/127.0.0.1/${simulator_url##*:}"
	printf '%s /_simulator/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
		"$1" "$2" "${#body}" "$body" >&8
	while IFS= read -r line <&8 && [[ $line != $'\r' ]]; do :; done
	cat <&8
	exec 8>&-
}

# JSON, indented.
pretty() {
	awk '
		function newline(  i) { printf "\n   "; for (i = 0; i < depth; i++) printf "  " }
		BEGIN { printf "   " }
		{
			for (i = 1; i <= length($0); i++) {
				c = substr($0, i, 1)
				if (text) {
					printf "%s", c
					if (skip) skip = 0
					else if (c == "\\") skip = 1
					else if (c == "\"") text = 0
				} else if (c == "\"") { text = 1; printf "%s", c }
				else if (c == "{" || c == "[") {
					after = substr($0, i + 1, 1)
					if (after == "}" || after == "]") { printf "%s%s", c, after; i++ }
					else { depth++; printf "%s", c; newline() }
				}
				else if (c == "}" || c == "]") { depth--; newline(); printf "%s", c }
				else if (c == ",") { printf "%s", c; newline() }
				else if (c == ":") printf ": "
				else if (c != " ") printf "%s", c
			}
		}
		END { printf "\n" }'
}

files() { simulator GET "state?project=$project" | pretty | grep -c '^ *"contentSha256":' || true; }
paths() { simulator GET "state?project=$project" | pretty | sed -n 's/^      *"path": "\(.*\)",*$/   \1/p' | grep -v '^   /' || true; }
# The calls made since a number, one a line.
calls_since() { # SEQ
	simulator GET "calls?since=$1" | pretty | awk -F': ' '
		/^ *"action":/ { gsub(/[",]/, "", $2); action = $2 }
		/^ *"outcome":/ { gsub(/[",]/, "", $2); outcome = $2 }
		/^ *"seq":/ { print "   " action ": " outcome }'
}
last_call() { simulator GET "calls?since=999999999" | sed 's/.*"lastSeq":\([0-9]*\).*/\1/'; }
# The FlowSpec of a file: a JSON text inside the simulator's JSON.
document() { # PATH
	simulator GET "state?project=$project" | pretty | awk -v want="\"$1\"" '
		/^ *"path":/ { path = $0; sub(/^ *"path": /, "", path); sub(/,$/, "", path) }
		/^ *"spec":/ && path == want && !found++ { sub(/^ *"spec": "/, ""); sub(/",?$/, ""); print }' |
		sed 's/\\\(.\)/\1/g'
}

# ---- the show ----------------------------------------------------------------------------------------------------

begun=$SECONDS
printf '\n%sStarting the API server, the simulated DataWorks API and the operator ...%s\n' "$bold" "$plain"
(
	trap '' INT
	exec 9>&- "$assets/cluster" --kubeconfig "$work/kubeconfig" <"$work/alive" >"$work/cluster.out" 2>"$work/cluster.log"
) &
guards+=("$!")
guarded simulator "$binaries/dataworks-simulator" --listen 127.0.0.1:0 --latency-ms 20 --project "$project=analytics"
simulator_url=$(line_of simulator.out '"url"' 20 | sed 's/.*"url":"\([^"]*\)".*/\1/')
line_of cluster.out '"kubeconfig"' 120 >/dev/null

kubectl apply -f crds/ >/dev/null
kubectl wait --for=condition=Established crd/dataworksresources.dataworks.alibabacloud.com --timeout=30s >/dev/null

# The bounds are shrunk: this service answers within milliseconds, and nobody wants to watch a minute pass.
guarded operator env \
	KUBECONFIG="$work/kubeconfig" \
	ALIBABA_CLOUD_ACCESS_KEY_ID=LTAIexampleAKID \
	ALIBABA_CLOUD_ACCESS_KEY_SECRET=exampleSecret \
	DATAWORKS_ENDPOINT="$simulator_url" \
	DATAWORKS_DEFAULT_CONNECTION_NAMESPACES='*' \
	DATAWORKS_REQUESTS_PER_SECOND=20 \
	"$binaries/dataworks-operator" run --no-leader-elect \
	--health-address 127.0.0.1:0 --metrics-address 127.0.0.1:0 \
	--call-deadline 5s --commit-lag 2s --signature-validity 30s --start-deadline 5s --clock-skew 10s
line_of operator.log '"leading"' 30 >/dev/null
metrics=$(grep '"serving HTTP"' "$work/operator.log" | sed -n '2s/.*"address":"\([^"]*\)".*/\1/p')
echo "API server, simulator ($simulator_url) and operator are up."

heading "Seven manifests become seven files"
shown kubectl apply -f examples/
kubectl apply -f examples/
shown kubectl wait dwr --all --for=condition=Ready --timeout=60s
kubectl wait dwr --all --for=condition=Ready --timeout=60s || true
shows get dwr -o wide
printf '\nThe calls that it took:\n'
calls_since 0 | sort | uniq -c
check "files in the workspace" "$(files)" 7

heading "What the object says of itself"
shown kubectl get dwr $hello -o "jsonpath={.status}"
field $hello .status | pretty
check "the reason of Ready" "$(reason $hello)" Succeeded

heading "The FlowSpec in the workspace, as GetResource shows it"
path=XX/OpenAPITest/ResourcesTest/OpenAPITestResource.py
document $path | pretty
contains "the document holds the text" "$(document $path)" 'print(\"hello\")'
contains "and runs as what follows from path and data source" "$(document $path)" '"command":"ODPS_PYTHON"'

heading "An edit changes the file and keeps its id"
before=$(field $hello .status.id)
edit='{"spec":{"content":{"inline":"print(1)\n"}}}'
shown kubectl patch dwr $hello --type merge -p "'$edit'"
seen=$(last_call)
kubectl patch dwr $hello --type merge -p "$edit"
kubectl wait dwr/$hello --for=condition=Ready --timeout=30s >/dev/null || true
after=$(field $hello .status.id)
printf '   id before: %s\n   id after:  %s\n   content:   %s\n   calls:\n' "$before" "$after" \
	"$(document $path | sed 's/.*"content":\("[^"]*"\).*/\1/')"
calls_since "$seen"
check "the id is still" "$after" "$before"
contains "the file's text" "$(document $path)" 'print(1)'

heading "A manifest that cannot work is refused when it is applied"
refused=$work/refused.yaml
sed -e 's/openapi-test-resource/refused/' -e 's|path: XX/|path: /XX/|' examples/python-inline.yaml >"$refused"
shown "kubectl apply -f -    # path: /XX/OpenAPITest/..."
if said=$(kubectl apply -f "$refused" 2>&1); then accepted=yes; else accepted=no; fi
printf '%s\n' "$said"
check "accepted" "$accepted" no
contains "the message says what to do" "$said" "remove the leading '/'"

heading "A second object for the same file gets nothing and is told why"
sed 's/openapi-test-resource/second/' examples/python-inline.yaml >"$work/second.yaml"
seen=$(last_call)
shown "kubectl apply -f -    # name: second, the same path"
kubectl apply -f "$work/second.yaml"
kubectl wait dwr/second --for=condition=Stalled --timeout=30s >/dev/null || true
shows get dwr second
printf '   %s\n' "$(message second)"
check "the reason of Ready" "$(reason second)" AlreadyManaged
check "calls made for it" "$(calls_since "$seen" | grep -c .)" 0
kubectl delete dwr second --timeout=30s >/dev/null
check "the first one's file is still there" "$(document $path | grep -c .)" 1

heading "A lost answer does not make a second file"
echo "The next CreateResource is carried out, and its connection is closed without an answer."
simulator POST faults '{"action":"CreateResource","kind":"lost","count":1}' >/dev/null
seen=$(last_call)
sed -e 's/openapi-test-resource/lost/' -e 's|path: .*|path: XX/lost.py|' examples/python-inline.yaml >"$work/lost.yaml"
shown "kubectl apply -f -    # name: lost, path: XX/lost.py"
kubectl apply -f "$work/lost.yaml"
kubectl wait dwr/lost --for=condition=Ready --timeout=60s >/dev/null || true
shows get dwr lost
printf '   calls:\n'
calls_since "$seen"
printf '   event: %s\n' "$(kubectl get events --field-selector involvedObject.name=lost -o 'jsonpath={.items[0].message}')"
check "CreateResource was sent" "$(calls_since "$seen" | grep -c CreateResource) time(s)" "1 time(s)"
check "files at XX/lost.py" "$(paths | grep -c 'XX/lost.py')" 1
check "the reason of Ready" "$(reason lost)" Succeeded

heading "Deleted objects take their files with them, except where deletionPolicy is Retain"
shown kubectl delete dwr --all --timeout=60s
kubectl delete dwr --all --timeout=60s || true
printf '\nFiles in the workspace:\n'
paths
check "what is left" "$(paths | tr -d ' ')" Archives/deps.tar.gz
check "objects left" "$(kubectl get dwr -o name | grep -c . || true)" 0

printf '\n'
for name in operator simulator; do
	[[ ! -e $work/$name.ended ]] || die "the $name ended before its time"
done
if ((failures > 0)); then
	printf '%sdemo: %d checks of %d steps did not show what they should%s\n' "$red" "$failures" "$steps" "$plain"
else
	printf '%sdemo: all %d steps showed what they should, in %d s%s\n' "$bold" "$steps" "$((SECONDS - begun))" "$plain"
fi

if [[ ${KEEP:-} == 1 ]]; then
	cat <<-END

		Everything is left running until Ctrl-C. In another terminal:

		  export KUBECONFIG=$work/kubeconfig
		  alias kubectl=$assets/kubectl
		  kubectl apply -f examples/
		  kubectl get dwr -o wide

		  simulator   $simulator_url/_simulator/state   (simulator/README.md lists what else it can do)
		  metrics     http://$metrics/metrics
		  logs        $work/operator.log
		              $work/simulator.log
	END
	trap 'exit $((failures > 0))' INT TERM HUP
	while :; do
		sleep 3600 9>&- &
		wait "$!"
	done
fi
exit $((failures > 0))
