#!/usr/bin/env bash
# Prints the files of others' CRDs that integrations/ and the chart are held against, one a line.
#
#   crds.sh             of Argo CD and Flux
#   crds.sh prometheus  of prometheus-operator
#
# They are taken out of the Go modules that these projects publish, each pinned by version and hash. Standard output
# carries the files and nothing else.
set -euo pipefail

export GOFLAGS='' GOWORK=off

# MODULE@VERSION HASH FOLDER-OR-FILES...
crds() {
	local found folder
	found=$(cd / && go mod download -json "$1")
	if [[ $(field Sum <<<"$found") != "$2" ]]; then
		echo "$1 is not what was pinned: $found" >&2
		return 1
	fi
	folder=$(field Dir <<<"$found")
	shift 2
	printf "$folder/%s\n" "$@"
}

# A string of go's JSON, which has one field a line.
field() { # NAME
	sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",\{0,1\}$/\1/p"
}

case ${1:-gitops} in
gitops)
	crds github.com/argoproj/argo-cd/v3@v3.2.12 h1:XbOyqcoPIjMhiP+y05Zi2U+HfG3b2TNfGJgVuK5Y8g0= \
		manifests/crds/application-crd.yaml manifests/crds/appproject-crd.yaml
	crds github.com/fluxcd/kustomize-controller@v1.7.3 h1:SzNnGn/4ObAPEHHleM5U7y/AKxKXph3Vj6ZhteeXw8M= \
		config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml
	crds github.com/fluxcd/helm-controller@v1.4.0 h1:rkm8rmB6Na7eNc4pJOnvtXEaJ19iKluRtayHKjBxcUM= \
		config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml
	crds github.com/fluxcd/source-controller@v1.8.0 h1:h549HUCBEG4jGs3uFYfb2+/XhJjcz+pvB8VG4mdSYDw= \
		config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml
	;;
prometheus)
	crds github.com/prometheus-operator/prometheus-operator@v0.85.0 h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s= \
		example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml \
		example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml \
		example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml
	;;
*)
	echo "whose CRDs are $1?" >&2
	exit 1
	;;
esac
