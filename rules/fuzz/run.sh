#!/usr/bin/env bash
# Fuzzes every decoder, checksum, reader, import and container, each for so many seconds, and prints a line for each:
#
#     rules/fuzz/run.sh [SECONDS] [NAME…]
#
# NAME is a target (`checksum/github`) or a group (`container`), of which the targets run one by one; a group with a
# slash behind it (`checksum/`) is one program, in which the first byte of an input picks the target. Needs cargo-fuzz.
# LAPWING_JOBS is how many run at once. Inputs that break something are kept in target/fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-600}
shift || true
out=$PWD/target/fuzz
# Stable Rust has what it takes, but keeps it for itself.
export RUSTC_BOOTSTRAP=1
TMPDIR=$(mktemp -d -p "$([[ -d /dev/shm ]] && echo /dev/shm || echo /tmp)")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

mkdir -p "$out/logs" "$out/found"
for room in rules daemon; do
    # What is fuzzed is what is shipped.
    cp Cargo.lock "$room/fuzz/Cargo.lock"
    cargo fuzz build --fuzz-dir "$room/fuzz" --target-dir "$out" "$room"
    cp "$out"/*/release/"$room" "$out/$room.bin"
    LAPWING_LIST=1 "$out/$room.bin" 2>/dev/null | sed "s/^/$room /"
done >"$out/targets"

one() { # room, name
    local name=${2%/} corpus log status=0 executions crashes
    # The inputs of a group begin with a byte that those of its targets have not.
    [[ $2 == */ ]] && name=all-$name
    name=${name//\//-}
    corpus=$out/corpus/$name log=$out/logs/$name
    mkdir -p "$corpus"
    export LAPWING_FUZZ=${2%/}
    LAPWING_SEEDS=$corpus "$out/$1.bin" >"$log" 2>&1
    nice -n 19 "$out/$1.bin" "$corpus" -max_total_time="$seconds" -timeout=20 -max_len=8192 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="$out/found/$name-" >"$log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    crashes=$(grep -c '^SUMMARY: ' "$log" || true)
    printf '%-36s %5s s  %12s executions  %s crashes\n' "$2" "$seconds" "${executions:-?}" "$crashes"
    return "$((status != 0))"
}
export -f one
export seconds out

# shellcheck disable=SC2016 # the shell that xargs starts expands it
while read -r room name; do
    if [[ $# -eq 0 ]]; then
        echo "$room $name"
    fi
    for wanted; do
        case $wanted in
        "$name" | "${name%%/*}") echo "$room $name" ;;
        "${name%%/*}/") echo "$room $wanted" ;;
        esac
    done
done <"$out/targets" | sort -u | xargs -r -P "${LAPWING_JOBS:-1}" -n 2 bash -c 'one "$0" "$1"'
