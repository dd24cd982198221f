#!/usr/bin/env bash
# Checks the Helm chart, without a cluster.
#
#   chart.sh test   lints and renders it with each ci/*-values.yaml; sees that it fits the operator, that unknown
#                   and wrong values are refused, and what some values become
#
# Go is needed to build Helm.
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

# What is refused has to be refused for the reason that is meant.
refuses() { # TEXT VALUES [ARGUMENT...]
	local said
	if said=$(render "${@:2}" 2>&1 >/dev/null); then die "takes ${*:2}"; fi
	if [[ $said != *"$1"* ]]; then die "refuses ${*:2}, but does not say '$1': $said"; fi
}

has() { # FILE LINE...: the lines, one after the other, whatever their indentation
	local want
	want=$(printf '%s\n' "${@:2}")
	if [[ $(sed 's/^ *\(- \)\?//' "$1") != *"$want"* ]]; then die "$(basename "$1" .yaml) values do not render: $want"; fi
}

lacks() { # FILE PATTERN
	if grep -nE "$2" "$1"; then die "$(basename "$1" .yaml) values render $2"; fi
}

test_files() {
	local crd copy
	for crd in "$root"/crds/*.yaml; do
		copy=$chart/files/crds/$(basename "$crd")
		cmp "$crd" "$copy" || die "the chart's CRD is not the one in crds/: cp crds/*.yaml charts/dataworks-operator/files/crds/"
	done
}

# clap ignores a variable that it does not know, so a wrong name would be silent. Those of RRSA are the webhook's.
test_variables() { # FILE
	local name
	while read -r name; do
		grep -qF "env = \"$name\"" "$root/src/cli/run.rs" "$root/simulator/src/cli.rs" || die "sets $name, which nothing reads"
	done < <(grep -oE '^ +- name: (DATAWORKS|ALIBABA_CLOUD_(ACCESS|SECURITY)|POD)_[A-Z_]+$' "$1" | sed 's/.*: //')
}

test_values() { # FOLDER
	has "$1/default.yaml" 'name: DATAWORKS_REGION' 'value: "cn-shanghai"'
	has "$1/default.yaml" 'kind: PodDisruptionBudget'
	has "$1/default.yaml" 'helm.sh/resource-policy: keep'
	has "$1/default.yaml" 'helm.sh/hook: pre-delete'
	has "$1/default.yaml" 'args:' 'guard-uninstall'
	has "$1/default.yaml" 'data:' 'level: "info"'
	has "$1/default.yaml" 'name: DATAWORKS_LOG_FILE' 'value: /etc/dataworks-operator/logs/level'
	lacks "$1/default.yaml" '^kind: (NetworkPolicy|ServiceMonitor|PodMonitor|PrometheusRule|Secret)$'
	lacks "$1/default.yaml" 'DEFAULT_CONNECTION|SECURITY_TOKEN|_PROXY|DATAWORKS_CLUSTER_ID|PLAIN_HTTP|CA_BUNDLE|pod-identity|simulator'

	has "$1/full.yaml" 'name: DATAWORKS_DEFAULT_CONNECTION_PROJECTS' 'value: "1234567890,17"'
	has "$1/full.yaml" 'name: DATAWORKS_REQUESTS_PER_DAY' 'value: "1000000"'
	has "$1/full.yaml" 'name: DATAWORKS_REQUESTS_PER_SECOND' 'value: "2.5"'
	has "$1/full.yaml" 'name: DATAWORKS_PROXY_FROM_ENVIRONMENT' 'value: "true"' 'name: HTTPS_PROXY' 'value: "http://proxy.example.com:3128"'
	has "$1/full.yaml" 'level: "info,dataworks_operator=debug"'
	has "$1/full.yaml" 'secret:' 'secretName: company-ca' 'items:' 'key: "bundle.pem"' 'path: ca.crt'
	has "$1/full.yaml" 'name: DATAWORKS_CA_BUNDLE' 'value: /etc/dataworks-operator/ca/ca.crt'
	has "$1/full.yaml" 'hostUsers: false'
	has "$1/full.yaml" 'maxUnavailable: 50%'
	has "$1/full.yaml" 'kind: ServiceMonitor'
	has "$1/full.yaml" 'kind: NetworkPolicy'
	has "$1/full.yaml" "name: 'release-more'"
	if [[ -e $chart/files/prometheus-rules.yaml ]]; then has "$1/full.yaml" 'alert: DataWorksOperatorDown'; fi

	has "$1/namespaced.yaml" 'kind: Role' 'metadata:' 'name: release-dataworks-operator' 'namespace: finance'
	has "$1/namespaced.yaml" 'serviceAccountName: given'
	has "$1/namespaced.yaml" 'type: Recreate'
	has "$1/namespaced.yaml" 'name: DATAWORKS_NO_LEADER_ELECT' 'value: "true"'
	has "$1/namespaced.yaml" 'name: DATAWORKS_METRICS_ADDRESS' 'value: "[::1]:8080"'
	has "$1/namespaced.yaml" 'guard-uninstall' '--namespace=analytics' '--namespace=finance'
	lacks "$1/namespaced.yaml" '^kind: (ClusterRole|ServiceAccount|CustomResourceDefinition|Service|PodDisruptionBudget)$'

	has "$1/simulator.yaml" 'name: DATAWORKS_ENDPOINT' 'value: "http://release-dataworks-operator-simulator.dataworks-system.svc"'
	has "$1/simulator.yaml" 'name: DATAWORKS_ALLOW_PLAIN_HTTP' 'value: "true"'
	has "$1/simulator.yaml" 'name: DATAWORKS_SIMULATOR_PROJECTS' 'value: "12345678"'
	has "$1/simulator.yaml" 'name: DATAWORKS_REGION' 'value: "cn-shanghai"'
	has "$1/simulator.yaml" 'image: "ghcr.io/dataworks-operator/dataworks-simulator:'"$(sed -n 's/^appVersion: //p' "$chart/Chart.yaml")"'"'

	has "$1/rrsa.yaml" 'name: DATAWORKS_DEFAULT_CONNECTION_PROJECTS' 'value: "9007199254740993"'
	has "$1/rrsa.yaml" 'name: ALIBABA_CLOUD_OIDC_TOKEN_FILE' 'value: /var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token'
	has "$1/rrsa.yaml" 'audience: "sts.aliyuncs.com"' 'expirationSeconds: 3600' 'path: token'
	has "$1/rrsa.yaml" 'configMap:' 'name: company-ca' 'items:' 'key: "ca.crt"' 'path: ca.crt'
	has "$1/rrsa.yaml" 'name: NO_PROXY' 'value: ".internal.example.com,10.0.0.0/8"'
	lacks "$1/rrsa.yaml" 'helm.sh/hook|ACCESS_KEY'
}

# The simulator's own key: with another one every call would be refused.
test_simulator() { # FILE
	local value
	for value in "$(sed -n 's/^ *value: \(LTAI.*\)/\1/p' "$1")" "$(grep -A 1 'name: ALIBABA_CLOUD_ACCESS_KEY_SECRET' "$1" | sed -n 's/^ *value: //p')"; do
		grep -qF "\"$value\".to_owned()" "$root/simulator/src/config.rs" || die "the simulator does not know the key '$value'"
	done
	render default --set connection.existingSecret.name=,rrsa.roleName=operator >"$folder/role.yaml"
	has "$folder/role.yaml" 'annotations:' 'pod-identity.alibabacloud.com/role-name: operator'
	has "$folder/role.yaml" 'pod-identity.alibabacloud.com/injection: "on"'
	lacks "$folder/role.yaml" 'ALIBABA_CLOUD_'
}

test_refusals() {
	local unknown="additional properties"
	refuses "$unknown" default --set connetion.region=cn-shanghai
	refuses "$unknown" default --set connection.regoin=cn-shanghai
	refuses "$unknown" default --set image.tagg=1
	refuses "$unknown" default --set networkPolicy.cloud.port=443
	refuses replicaCount default --set replicaCount=two
	refuses edition default --set connection.edition=Free
	refuses endpoint default --set connection.endpoint=http://dataworks.example.com
	refuses 'connection.region is needed' default --set connection.region=
	refuses 'Nothing says what calls are signed with' default --set connection.existingSecret.name=
	refuses 'connection.existingSecret.name and rrsa.roleName are set' default --set rrsa.roleName=operator
	refuses 'connection.existingSecret.name and simulator.enabled are set' default --set simulator.enabled=true
	refuses 'rrsa.roleName and rrsa.manual.enabled are set' rrsa --set rrsa.roleName=operator
	refuses 'needs rrsa.manual.roleArn' rrsa --set rrsa.manual.roleArn=
	refuses 'simulator.enabled and connection.endpoint are both set' simulator --set connection.endpoint=https://dataworks.example.com
	refuses 'caBundle.configMap.name and caBundle.secret.name are both set' rrsa --set caBundle.secret.name=other
	refuses httpsProxy rrsa --set proxy.httpsProxy=http://user:hush@proxy.example.com:3128
	refuses httpsProxy rrsa --set proxy.httpsProxy=socks5://proxy.example.com:1080
	refuses 'proxy.noProxy needs proxy.httpsProxy' default --set proxy.noProxy=example.com
	refuses "$unknown" default --set proxy.url=http://proxy.example.com:3128
	refuses level default --set logs.level=inof
	refuses projects default --set 'connection.projects={12x}'
	refuses projects default --set 'connection.projects={9007199254740993}'
	refuses 'extraEnv sets DATAWORKS_REGION' default --set 'extraEnv[0].name=DATAWORKS_REGION,extraEnv[0].value=cn-beijing'
	refuses 'needs leaderElection.enabled' default --set leaderElection.enabled=false
	refuses 'has to be at least 70' default --set bounds.callDeadline=1m
	refuses 'clusterId is needed' namespaced --set clusterId=
	refuses 'need metrics.enabled' namespaced --set serviceMonitor.enabled=true
	refuses 'enable one' full --set podMonitor.enabled=true
}

chart_test() {
	local values name
	helm=$("$here/tools/build.sh" helm)/helm
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	test_files
	for values in "$chart"/ci/*-values.yaml; do
		name=$(basename "$values" -values.yaml)
		"$helm" lint --strict --quiet "$chart" --values "$values"
		render "$name" >"$folder/$name.yaml"
		test_variables "$folder/$name.yaml"
		printf 'chart: %s values: %s objects\n' "$name" "$(grep -c '^kind: ' "$folder/$name.yaml")"
	done
	test_values "$folder"
	test_simulator "$folder/simulator.yaml"
	test_refusals
	echo 'chart: good'
}

case ${1:-} in
test) chart_test ;;
*) die 'what? chart.sh test' ;;
esac
