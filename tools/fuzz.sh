#!/bin/sh
# Fuzzes each target, or those that are named, for FUZZ_SECONDS (60) each. What it learns goes into
# a folder of its own below tests/fuzz/target; the corpus of the repository is only read.
set -u
cd "$(dirname "$0")/../tests/fuzz" || exit 1
seconds=${FUZZ_SECONDS:-60}
toolchain=${FUZZ_TOOLCHAIN:-nightly}
if ! rustc "+$toolchain" --version >/dev/null 2>&1; then
    echo "fuzzing needs a nightly Rust: rustup toolchain install $toolchain" >&2
    exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked" >&2
    exit 1
fi
[ $# -gt 0 ] || set -- requests replies core
for target in "$@"; do
    learned=target/corpus/$target
    mkdir -p "$learned"
    cargo "+$toolchain" fuzz run --fuzz-dir . "$target" "$learned" "corpus/$target" -- -dict=fuzz.dict \
        -len_control=0 -max_len=4096 -rss_limit_mb=4096 -max_total_time="$seconds" \
        -verbosity=0 -print_final_stats=1 || exit 1
done
echo "fuzzing: $# targets, $seconds s each, nothing found"
