#!/bin/sh
# Runs every test, and says how many there were. The soak, which is load, comes when all others are
# done.
set -u
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
status=0
run() {
    ${CARGO:-cargo} test --locked "$@" 2>&1 || echo "cargo test failed: $?"
}
{ run --workspace; run --workspace --test it soak -- --ignored; } | tee "$log"
grep -q '^cargo test failed: ' "$log" && status=1
awk '/^test result: / { passed += $4; failed += $6; ignored += $8 }
     END { printf "tests: %d passed, %d failed, %d ignored\n", passed, failed, ignored }' "$log"
exit "$status"
