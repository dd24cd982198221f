#!/usr/bin/env bash
# Checks the alerts, their runbooks and the dashboard: Prometheus' own checks and unit tests, and each against the others.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rules=$here/../../charts/dataworks-operator/files/prometheus-rules.yaml
promtool=$("$here/../tools/build.sh" promtool)/promtool

"$promtool" check rules --lint=all --lint-fatal "$rules"
"$promtool" test rules "$here"/*_test.yaml
# What is checked lies outside of the module, where Go's cache of test results does not look.
cd "$here" && GOWORK=off go test -count=1 .
