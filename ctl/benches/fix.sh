#!/usr/bin/env bash
# What `lapwing fix` costs: 500 findings in 50 files, and a transcript of 500 MB. Needs a release build
# (`cargo build --release --locked -p lapwing`), python3, GNU time and `script`; makes everything in a directory of its own.
#
#   ctl/benches/fix.sh [PROGRAM]
set -euo pipefail
program=$(realpath "${1:-target/release/lapwing}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
run() { env -i HOME="$dir/home" PATH=/usr/bin:/bin LANG=C.UTF-8 TERM=xterm "$@"; }
fresh() { rm -rf "${dir:?}/home"; mkdir -m 700 "$dir/home"; }

# Tokens with a checksum that holds, another one each time.
make() {
    python3 - "$dir/home" "$@" <<'PY'
import json, os, random, sys, zlib
home, what = sys.argv[1], sys.argv[2]
digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
dice = random.Random(7)
def token():
    body, tail = "".join(dice.choice(digits) for _ in range(30)), ""
    left = zlib.crc32(body.encode())
    for _ in range(6):
        left, digit = divmod(left, 62)
        tail = digits[digit] + tail
    return "ghp_" + body + tail
projects = os.path.join(home, ".claude/projects/-home-dev-shop")
os.makedirs(projects, mode=0o700)
def transcript(path, lines, every):
    with open(path, "w") as out:
        for n in range(lines):
            text = f"token {token()} here" if n % every == every // 2 else "an answer of ordinary length, with words. " * 12
            out.write(json.dumps({"type": "assistant", "n": n, "message": {"content": text}}) + "\n")
    os.utime(path, (1e9, 1e9))
if what == "many":
    for n in range(50):
        transcript(f"{projects}/{n}.jsonl", 200, 20)
else:
    transcript(f"{projects}/large.jsonl", 900_000, 9_000)
PY
}

# Open findings make `list` end with 1.
found() {
    run "$program" list --format json >"$dir/list" || true
    python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["findings"]), "findings")' "$dir/list"
}

echo "== 500 findings in 50 files"
fresh; make many
run "$program" doctor -q >/dev/null || true
found
printf 'a\n' | run /usr/bin/time -f '%e s in all, %U s user, %S s system, %M KiB' -o "$dir/time" \
    script -qec "'$program' fix" /dev/null | tail -n 3 || true
cat "$dir/time"
run "$program" doctor -q >/dev/null && echo "clean afterwards"

echo "== a transcript of 500 MB"
fresh; make large
size=$(stat -c %s "$dir"/home/.claude/projects/*/large.jsonl)
run "$program" doctor -q --all >/dev/null || true
found
printf 'a\n' | run script -qec "/usr/bin/time -f '%e %U %S %M' -o '$dir/time' '$program' fix" /dev/null | tail -n 3 || true
read -r seconds user system memory <"$dir/time"
python3 -c "print(f'{$size / 1e6:.0f} MB in {$seconds} s, {$user} s user, {$system} s system, $memory KiB: {$size / 1e6 / $seconds:.0f} MB/s')"
run "$program" doctor -q --all >/dev/null && echo "clean afterwards"
