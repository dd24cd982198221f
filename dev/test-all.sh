#!/usr/bin/env bash
# Everything that can be checked here, the slow parts too: hours on two cores. Goes on after a part that fails; the
# verdict of each, with its time, comes at the end. Ends with 1 when one failed.
#
#   test-all.sh [TARGET...]   these targets of the Makefile only
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# The quick ones first.
targets=(lint test demo fuzz test-docs test-alerts test-chart test-argocd test-kube-state-metrics sbom test-image test-node
	test-memory chaos model)
if (($#)); then targets=("$@"); fi

verdicts=() failed=0
for target in "${targets[@]}"; do
	printf '\n==== %s\n' "$target"
	begun=$SECONDS verdict=ok
	if ! make --no-print-directory "$target" </dev/null; then
		verdict=FAILED failed=1
	fi
	verdicts+=("$(printf '%-24s %-6s %6d s' "$target" "$verdict" $((SECONDS - begun)))")
done

printf '\n==== all of it took %d s\n' "$SECONDS"
printf '%s\n' "${verdicts[@]}"
exit "$failed"
