#!/usr/bin/env bash
# Everything that can be checked here, the slow parts too: hours on two cores. Goes on after a part that fails; the
# verdict of each, with its time, comes at the end. Ends with 1 when one failed.
#
#   test-all.sh [TARGET...]   these targets of the Makefile only
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# The quick ones first.
targets=(lint test demo fuzz test-docs test-alerts test-chart test-chart-matrix test-argocd test-kube-state-metrics sbom
	test-node chaos test-memory test-image test-release model)
if (($#)); then targets=("$@"); fi

# Images of both machines, each built twice.
export FULL=1

verdicts=() failed=0 model='' model_begun=0
model_log=$(mktemp)

# shellcheck disable=SC2317,SC2329 # the trap below calls it
finish() {
	# It leads a process group of its own.
	if [[ -n $model ]]; then kill -- "-$model" 2>/dev/null || true; fi
	rm -f "$model_log"
}
trap finish EXIT

verdict() { # TARGET CODE SECONDS
	local word=ok
	if (($2 != 0)); then word=FAILED failed=1; fi
	verdicts+=("$(printf '%-24s %-6s %6d s' "$1" "$word" "$3")")
}

# The model waits for nothing and the others wait most of the time: it gets what they leave of the processors, and has a
# folder of its own, since cargo lets one at a time build in one.
begin_model() {
	local idle=(nice -n 19)
	if chrt --idle 0 true 2>/dev/null; then idle=(chrt --idle 0); fi
	model_begun=$SECONDS
	set -m
	CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/model "${idle[@]}" make --no-print-directory model \
		</dev/null >"$model_log" 2>&1 &
	model=$!
	set +m
}

end_model() {
	local code=0
	wait "$model" || code=$?
	model=''
	cat "$model_log"
	verdict model "$code" $((SECONDS - model_begun))
}

for target in "${targets[@]}"; do
	if [[ $target == model ]]; then begin_model; fi
done

for target in "${targets[@]}"; do
	printf '\n==== %s\n' "$target"
	begun=$SECONDS code=0
	if [[ $target == model ]]; then
		end_model
		continue
	fi
	make --no-print-directory "$target" </dev/null || code=$?
	verdict "$target" "$code" $((SECONDS - begun))
done

printf '\n==== all of it took %d s\n' "$SECONDS"
printf '%s\n' "${verdicts[@]}"
exit "$failed"
