#!/usr/bin/env bash
# Checks the dependencies with cargo-deny: licences, duplicates and sources (deny.toml), and the RustSec advisories where
# their database can be fetched or has been before.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
databases=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
tools=$("$root/dev/tools/cargo.sh" cargo-deny)
cd "$root"

deny() { PATH="$tools:$PATH" cargo deny --locked --workspace "$@"; }

# A network that swallows packets is not waited for.
fetch() {
	local within=()
	if command -v timeout >/dev/null 2>&1; then within=(timeout 120); fi
	PATH="$tools:$PATH" "${within[@]}" cargo deny --locked fetch db 2>&1
}

deny check bans licenses sources
if said=$(fetch); then
	deny --offline check advisories
elif compgen -G "$databases/advisory-db-*/crates" >/dev/null; then
	echo "the advisories cannot be fetched: those of an earlier day are looked at"
	deny --offline check advisories
else
	printf '%s\n' "$said" | grep -m1 -E 'fatal|ERROR' || true
	echo "advisories: NOT CHECKED, because their database cannot be fetched"
fi
