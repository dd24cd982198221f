#!/usr/bin/env bash
# Publishes this version to an OCI registry, and signs it: the images for both machines with their bills of materials, and
# the chart. What is there already and is the same stays as it is; when any of it is another, nothing is published.
#
#   release.sh REGISTRY  such as ghcr.io/dataworks-operator
#
#   COSIGN_KEY           what signs: a file, or another key that cosign knows; its signatures go into no public log
#                        (default: none; the identity that a CI's token tells signs, by Fulcio and Rekor)
#   COSIGN_PASSWORD      the password of that file
#   DOCKER_CONFIG        the folder of the config.json with the login to the registry (default: ~/.docker)
#   DATAWORKS_DEV_CACHE  base folder of what is built (default: .cache at the top of the repository)
#   DATAWORKS_REVISION   the commit that labels and metrics name (default: Git's, of a clean checkout only)
#   BUILDER_ID           the address of what runs this, for the provenance (default: of this script)
#   PLAIN_HTTP=1         the registry has no TLS
#
# Prints what was published, one a line, each by its digest. Progress goes to standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${DATAWORKS_DEV_CACHE:-$root/.cache}
chart=dataworks-operator
images=(dataworks-operator dataworks-simulator)

say() { printf '%s\n' "$*" >&2; }

die() {
	say "release: $*"
	exit 1
}

[[ $# == 1 && $1 != *://* ]] || die 'usage: release.sh REGISTRY, without a scheme'
registry=${1%/}
cd "$root"
if [[ -z ${DATAWORKS_REVISION:-} && -n $(git status --porcelain) ]]; then
	die 'the checkout holds what is not committed, so that nobody could build the same'
fi
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
command -v skopeo >/dev/null || die 'skopeo is needed (Debian: skopeo)'

tools=$(dev/tools/build.sh helm cosign)
mkdir -p "$cache"
work=$(mktemp -d "$cache/.release.XXXXXX")
trap 'rm -rf "$work"' EXIT

login=${DOCKER_CONFIG:-$HOME/.docker}/config.json
export HELM_REGISTRY_CONFIG=$login HELM_CACHE_HOME=$work/helm
if [[ -e $login ]]; then export REGISTRY_AUTH_FILE=$login; fi
over_http=() from_http=() to_http=() signed_http=()
if [[ ${PLAIN_HTTP:-} == 1 ]]; then
	over_http=(--plain-http) from_http=(--tls-verify=false) to_http=(--dest-tls-verify=false)
	signed_http=(--allow-http-registry)
fi
key=()
if [[ -n ${COSIGN_KEY:-} ]]; then
	# Services to sign with: none.
	"$tools/cosign" signing-config create --out "$work/signing-config.json"
	key=(--key "$COSIGN_KEY" --signing-config "$work/signing-config.json")
fi

# Sets `digest` to what a tag has in the registry. Fails where there is none, and ends the script where that cannot be
# told: not in a subshell, which would only end itself.
look_up() { # REFERENCE
	if skopeo inspect --raw "${from_http[@]}" "docker://$1" >"$work/manifest" 2>"$work/said"; then
		digest=$(sha256sum <"$work/manifest")
		digest=sha256:${digest%% *}
	elif grep -qiE 'manifest unknown|name unknown' "$work/said"; then
		return 1
	else
		die "$1 cannot be read: $(<"$work/said")"
	fi
}

# What is in an archive, by the digest that the registry will tell.
digest_in() { # ARCHIVE
	tar -xOf "$1" index.json | sed -n 's/.*"digest":"\([^"]*\)".*/\1/p'
}

archive() { echo "$cache/images/$1.tar"; } # NAME

# Fails where the chart is not there yet, and ends the script where it is another.
same_chart() {
	look_up "$registry/charts/$chart:$version" || return 1
	"$tools/helm" pull "oci://$registry/charts/$chart" --version "$version" --untar --untardir "$work/there" "${over_http[@]}" >&2
	tar -xzf "$package" -C "$work"
	diff -r "$work/there/$chart" "$work/$chart" >&2 || die "$registry/charts/$chart:$version is another chart: it needs a new version"
}

sign() { # REFERENCE-BY-DIGEST [ARGUMENT...]
	say "signing $1 ..."
	"$tools/cosign" sign --yes "${key[@]}" "${signed_http[@]}" "${@:2}" "$1" >&2
	attest "$1" slsaprovenance1 "$work/provenance.json"
}

attest() { # REFERENCE-BY-DIGEST TYPE FILE
	"$tools/cosign" attest --yes "${key[@]}" "${signed_http[@]}" --type "$2" --predicate "$3" "$1" >&2
}

dev/image.sh index >/dev/null
dev/sbom.sh >/dev/null
"$tools/helm" package "charts/$chart" --destination "$work" >&2
package=$work/$chart-$version.tgz
[[ -e $package ]] || die "the chart's version is not $version"

source=$(sed -n 's/^home: //p' "charts/$chart/Chart.yaml")
python3 dev/image/provenance.py "$source" "${DATAWORKS_REVISION:-$(git rev-parse HEAD)}" "$version" \
	"${BUILDER_ID:-$source/blob/main/dev/release.sh}" >"$work/provenance.json"

# All of it is looked at before anything is published.
declare -A there
for name in "${images[@]}"; do
	if look_up "$registry/$name:$version"; then
		[[ $digest == "$(digest_in "$(archive "$name")")" ]] || die "$registry/$name:$version is another image ($digest): it needs a new version"
		there[$name]=1
	fi
done
if same_chart; then there[chart]=1; fi

for name in "${images[@]}"; do
	if [[ -z ${there[$name]:-} ]]; then
		say "pushing $registry/$name:$version ..."
		skopeo copy --quiet --all --preserve-digests "${to_http[@]}" "oci-archive:$(archive "$name")" "docker://$registry/$name:$version" >&2
	fi
	by_digest=$registry/$name@$(digest_in "$(archive "$name")")
	# Both machines' images too: that is what a node asks for.
	sign "$by_digest" --recursive
	attest "$by_digest" cyclonedx "$cache/sbom/$name.cdx.json"
	echo "$by_digest"
done
if [[ -z ${there[chart]:-} ]]; then
	"$tools/helm" push "$package" "oci://$registry/charts" "${over_http[@]}" >&2
fi
look_up "$registry/charts/$chart:$version" || die "$registry/charts/$chart:$version is not there after it was pushed"
by_digest=$registry/charts/$chart@$digest
sign "$by_digest"
echo "$by_digest"
