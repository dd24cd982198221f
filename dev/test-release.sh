#!/usr/bin/env bash
# Releases to a registry on this machine, with a key made for it, and checks what a user of it would: that all is there and
# signed, that the signature is of this key, and that nothing that was published is ever changed.
#
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
#
# Takes skopeo and docker-registry, which are installed where they are missing and root may do so.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export DATAWORKS_DEV_CACHE=${DATAWORKS_DEV_CACHE:-$root/.cache}
# As in test-image.sh: what is not committed is tested as well, and what that built is taken.
DATAWORKS_REVISION=${DATAWORKS_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
export DATAWORKS_REVISION PLAIN_HTTP=1
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)

die() {
	printf 'test-release: %s\n' "$*" >&2
	exit 1
}

packages=()
for package in skopeo docker-registry; do command -v "$package" >/dev/null || packages+=("$package"); done
if ((${#packages[@]} > 0)); then
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then die "these Debian packages are missing: ${packages[*]}"; fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi

tools=$(dev/tools/build.sh helm cosign)
work=$(mktemp -d)
# Nobody's login, and none of this test's is left behind.
export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
GOPATH=$(go env GOPATH) GOCACHE=$(go env GOCACHE)
export GOPATH GOCACHE HOME=$work/home DOCKER_CONFIG=$work/login
mkdir -p "$DOCKER_CONFIG" "$HOME"
registry_process=''
# shellcheck disable=SC2317,SC2329 # the trap below calls it
finish() {
	if [[ -n $registry_process ]]; then kill "$registry_process" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap finish EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/registry.yaml" <<END
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
END
docker-registry serve "$work/registry.yaml" >"$work/registry.log" 2>&1 &
registry_process=$!
curl -fsS --retry 50 --retry-connrefused --retry-delay 1 "http://127.0.0.1:$port/v2/" >/dev/null
registry=127.0.0.1:$port

export COSIGN_PASSWORD=a-password
mkdir "$work/other"
(cd "$work" && "$tools/cosign" generate-key-pair >&2)
(cd "$work/other" && "$tools/cosign" generate-key-pair >&2)
export COSIGN_KEY=$work/cosign.key

verify() { # KEY REFERENCE
	"$tools/cosign" verify --key "$1" --insecure-ignore-tlog=true --allow-http-registry "$2" >/dev/null 2>&1
}

# Prints a field of what was attested and signed by our key.
attested() { # REFERENCE TYPE FIELD
	"$tools/cosign" verify-attestation --key "$work/cosign.pub" --insecure-ignore-tlog=true --allow-http-registry --type "$2" "$1" \
		2>/dev/null | python3 -c "import base64, json, sys
statement = json.loads(base64.b64decode(json.loads(sys.stdin.readline())['payload']))
print(statement['predicate']$3)"
}

refused() { # REGISTRY WORDS
	local said
	if said=$(dev/release.sh "$1" 2>&1); then die "released to $1 where $2"; fi
	[[ $said == *"$2"* ]] || die "$1 was refused otherwise: $said"
}

dev/release.sh "$registry/good" >"$work/first"
mapfile -t published <"$work/first"
((${#published[@]} == 3)) || die "not three were published: ${published[*]}"
for reference in "${published[@]}"; do
	verify "$work/cosign.pub" "$reference" || die "$reference is not signed"
	if verify "$work/other/cosign.pub" "$reference"; then die "$reference is signed by anybody"; fi
done
for name in dataworks-operator dataworks-simulator; do
	raw=$(skopeo inspect --raw --tls-verify=false "docker://$registry/good/$name:$version")
	mapfile -t machines < <(grep -oE 'sha256:[0-9a-f]{64}' <<<"$raw")
	((${#machines[@]} == 2)) || die "$name is not there for two machines"
	for machine in "${machines[@]}"; do
		verify "$work/cosign.pub" "$registry/good/$name@$machine" || die "$name@$machine is not signed"
	done
	told=$(attested "$registry/good/$name:$version" cyclonedx '["metadata"]["component"]["name"]') || die "$name has no bill of materials"
	[[ $told == "$name" ]] || die "the bill of materials of $name is that of $told"
done
for reference in "${published[@]}"; do
	told=$(attested "$reference" slsaprovenance1 '["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"]') ||
		die "$reference has no provenance"
	[[ $told == "$DATAWORKS_REVISION" ]] || die "$reference is said to be of $told"
done
"$tools/helm" pull "oci://$registry/good/charts/dataworks-operator" --plain-http --untar --untardir "$work/pulled" >&2
# Helm writes Chart.yaml in its own order, and leaves out what .helmignore says.
mapfile -t left_out < <(sed -n 's/^[^#]/--exclude=&/p' charts/dataworks-operator/.helmignore | tr -d /)
diff -r --exclude=Chart.yaml --exclude=.helmignore "${left_out[@]}" charts/dataworks-operator "$work/pulled/dataworks-operator" >&2 ||
	die 'the chart that was published is another'
echo 'published, and signed by the key and by no other'

dev/release.sh "$registry/good" >"$work/second"
cmp "$work/first" "$work/second" || die 'a second release of the same published something else'
echo 'a second release changes nothing'

skopeo copy --quiet --all --dest-tls-verify=false "oci-archive:$DATAWORKS_DEV_CACHE/images/dataworks-operator.tar" \
	"docker://$registry/taken/dataworks-simulator:$version"
refused "$registry/taken" 'is another image'
if skopeo inspect --raw --tls-verify=false "docker://$registry/taken/dataworks-operator:$version" >/dev/null 2>&1; then
	die 'a release that was refused published an image'
fi
cp -r charts/dataworks-operator "$work/chart"
echo '# Another.' >>"$work/chart/values.yaml"
"$tools/helm" package "$work/chart" --destination "$work" >&2
"$tools/helm" push "$work/dataworks-operator-$version.tgz" "oci://$registry/changed/charts" --plain-http >&2
refused "$registry/changed" 'is another chart'
echo 'what is published is not changed'

kill "$registry_process"
wait "$registry_process" || true
registry_process=''
refused "$registry/good" 'cannot be read'
echo 'nothing is published to a registry that cannot be read'
