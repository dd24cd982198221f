#!/usr/bin/env bash
# Checks the Helm chart, without a cluster, and writes what is made from it. tests/deploy.rs does the rest beside one.
#
#   chart.sh test       lints, packages and renders it with each ci/*-values.yaml, runs its unit tests, and compares what
#                       is made from it with what is in the repository
#   chart.sh matrix     lints and renders the same with Helm 3, and compares with what Helm 4 makes of it
#   chart.sh update     writes that anew: tests/fixtures/chart, deploy/ and the chart's README.md
#   chart.sh render VALUES [ARGUMENT...]
#                       prints what it renders with ci/VALUES-values.yaml and more of Helm's arguments
#
# Go is needed to build Helm (and, for the matrix, Helm 3), helm-unittest and helm-docs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
chart=$root/charts/dataworks-operator

die() {
	printf 'chart: %s\n' "$*" >&2
	exit 1
}

render() { # VALUES [ARGUMENT...]
	"$helm" template release "$chart" --namespace dataworks-system --values "$chart/ci/$1-values.yaml" "${@:2}"
}

shapes() {
	basename -a -s -values.yaml "$chart"/ci/*-values.yaml
}

# What the chart takes from its files as it is would be said twice: CRDs (deploy/crds has them), alerts, dashboard.
without_files() {
	awk '
		/^---$/ { kind = ""; skip = 0 }
		/^kind: / { kind = $2 }
		skip && /^[^ ]/ { skip = 0 }
		!skip { print }
		kind == "CustomResourceDefinition" && /^spec:$/ { skip = 1; print "  # as in the file" }
		kind == "PrometheusRule" && /^spec:$/ { skip = 1; print "  # as in the file" }
		kind == "ConfigMap" && /^  [^ ]*\.json: \|-$/ { skip = 1; print "    # as in the file" }
	'
}

# A manifest that Helm does not manage. Variables that say the operator's default are left to settings.env: in the
# Deployment they would win over it.
without_helm() {
	echo '# Rendered from the chart by dev/chart.sh.'
	sed -E \
		-e '/^ +(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): /d' \
		-e '/^# Source: /d' \
		-e '/^ +- name: DATAWORKS_(EDITION|DRIFT_INTERVAL|CALL_DEADLINE|COMMIT_LAG|SIGNATURE_VALIDITY|START_DEADLINE|CLOCK_SKEW|LEASE_DURATION|LOG_FORMAT)$/,+1d'
}

render_plain() { # [ARGUMENT...]
	"$helm" template dataworks-operator "$chart" --namespace dataworks-system --values "$root/deploy/values.yaml" "$@" | without_helm
}

# Everything that is made from the chart, at its place below a folder.
write() { # FOLDER
	local shape
	mkdir -p "$1"/tests/fixtures/chart "$1"/deploy/{crds,simulator} "$1/charts/dataworks-operator"
	for shape in $(shapes); do
		render "$shape" | without_files >"$1/tests/fixtures/chart/$shape.yaml"
	done
	render_plain --show-only templates/crds.yaml >"$1/deploy/crds/crds.yaml"
	render_plain --set crds.enabled=false >"$1/deploy/operator.yaml"
	render_plain --set crds.enabled=false --values "$root/deploy/simulator/values.yaml" >"$1/deploy/simulator/operator.yaml"
	"$tools/helm-docs" --chart-search-root "$root/charts" --sort-values-order file --log-level warning \
		--dry-run >"$1/charts/dataworks-operator/README.md"
}

tools() { # TOOL...
	tools=$("$here/tools/build.sh" "$@")
	helm=$tools/helm
}

temporary() {
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
}

test_files() {
	local crd
	for crd in "$root"/crds/*.yaml; do
		cmp "$crd" "$chart/files/crds/$(basename "$crd")" ||
			die "the chart's CRD is not the one in crds/: cp crds/*.yaml charts/dataworks-operator/files/crds/"
	done
}

# clap ignores a variable that it does not know, so a wrong name would be silent.
test_variables() { # FILE
	local name
	while read -r name; do
		grep -qF "env = \"$name\"" "$root/src/cli/run.rs" "$root/simulator/src/cli.rs" || die "sets $name, which nothing reads"
	done < <(grep -oE '^ +- name: (DATAWORKS|ALIBABA_CLOUD|POD)_[A-Z_]+$' "$1" | sed 's/.*: //')
}

# The simulator's own key: with another one every call would be refused.
test_simulator() { # FILE
	local name value
	for name in ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET; do
		value=$(grep -A 1 "name: $name\$" "$1" | sed -n 's/^ *value: //p')
		grep -qF "\"$value\".to_owned()" "$root/simulator/src/config.rs" || die "the simulator does not know the key '$value'"
	done
}

test_shapes() { # FOLDER
	local shape
	for shape in $(shapes); do
		"$helm" lint --strict --quiet "$chart" --values "$chart/ci/$shape-values.yaml"
		test_variables "$1/tests/fixtures/chart/$shape.yaml"
		printf 'chart: %s values: %s objects\n' "$shape" "$(grep -c '^kind: ' "$1/tests/fixtures/chart/$shape.yaml")"
	done
}

test_fresh() { # FOLDER
	local stale=0
	diff -ru "$root/tests/fixtures/chart" "$1/tests/fixtures/chart" || stale=1
	for file in deploy/crds/crds.yaml deploy/operator.yaml deploy/simulator/operator.yaml charts/dataworks-operator/README.md; do
		diff -u --label "$file" --label "$file (new)" "$root/$file" "$1/$file" || stale=1
	done
	((stale == 0)) || die 'what is made from the chart is stale: look at the difference, then make chart'
}

test_readme() {
	if grep -E '\|  \|$' "$chart/README.md"; then die 'values.yaml does not say what these are'; fi
}

# What is in the package: all that an installation needs, and nothing of our tests.
test_package() { # FOLDER
	local files file
	"$helm" package "$chart" --destination "$1/package" >/dev/null
	files=$(tar -tzf "$1"/package/dataworks-operator-*.tgz | sed 's,^dataworks-operator/,,')
	for file in Chart.yaml README.md values.yaml values.schema.json templates/NOTES.txt templates/deployment.yaml \
		files/dashboard.json files/prometheus-rules.yaml files/crds/dataworks.alibabacloud.com_dataworksresources.yaml \
		files/crds/dataworks.alibabacloud.com_dataworksworkspaces.yaml; do
		grep -qxF "$file" <<<"$files" || die "the package lacks $file"
	done
	if grep -E '^(ci|tests)/|\.gotmpl$|_test\.yaml$' <<<"$files"; then die 'the package has what is only ours'; fi
	printf 'chart: package of %s files\n' "$(wc -l <<<"$files")"
}

chart_test() {
	tools helm helm-unittest helm-docs
	temporary
	test_files
	write "$folder"
	test_shapes "$folder"
	test_simulator "$folder/tests/fixtures/chart/simulator.yaml"
	"$tools/helm-unittest" --strict --color=false "$chart"
	test_package "$folder"
	test_fresh "$folder"
	test_readme
	echo 'chart: good'
}

chart_update() {
	tools helm helm-docs
	temporary
	write "$folder"
	rm -f "$root"/tests/fixtures/chart/*.yaml
	cp -r "$folder/." "$root"
}

# Helm 4 keeps empty lines at the end of a document, Helm 3 takes them away.
without_empty_ends() {
	awk '/^ *$/ { held = held $0 "\n"; next } /^---$/ { held = "" } { printf "%s%s\n", held, $0; held = "" }'
}

# Helm 3 is what many still have: it takes the chart as Helm 4 does, and makes the same of it.
chart_matrix() {
	local shape kubernetes
	# The oldest that the chart is for. Helm 3 takes a still older one when it is not built by its own Makefile.
	kubernetes=--kube-version=$(sed -n 's/^kubeVersion: ">=\(.*\)-0"$/\1/p' "$chart/Chart.yaml")
	tools helm helm3
	temporary
	for shape in $(shapes); do
		"$tools/helm3" lint --strict --quiet "$kubernetes" "$chart" --values "$chart/ci/$shape-values.yaml"
		render "$shape" "$kubernetes" | without_empty_ends >"$folder/4"
		(helm=$tools/helm3 && render "$shape" "$kubernetes" | without_empty_ends >"$folder/3")
		diff -u --label "$shape by Helm 4" --label "$shape by Helm 3" "$folder/4" "$folder/3" ||
			die "Helm 3 makes something else of the $shape values"
		printf 'chart: %s values: %s objects, the same by Helm 3\n' "$shape" "$(grep -c '^kind: ' "$folder/3")"
	done
	echo 'chart: good'
}

case ${1:-} in
test) chart_test ;;
matrix) chart_matrix ;;
update) chart_update ;;
render)
	tools helm
	render "${@:2}"
	;;
*) die 'what? chart.sh test | matrix | update | render VALUES [ARGUMENT...]' ;;
esac
