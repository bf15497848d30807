#!/usr/bin/env bash
# Times the whole program side by side with ripgrep and find, and prints figures; nothing is asserted.
#
#   rules/benches/compare.sh TREE [RUNS]
#
# TREE is a large tree of mixed source. Needs rg, find, python3 and some 6 GB below TMPDIR for a made home and made files. LAPWING names another
# program than target/release/lapwing. CPU is user + system time of the whole process; runs alternate, medians are shown.
set -euo pipefail
export LC_ALL=C TIMEFORMAT='%U %S'

tree=${1:?usage: compare.sh TREE [RUNS]}
runs=${2:-5}
root=$(cd "$(dirname "$0")/../.." && pwd)
lapwing=${LAPWING:-$root/target/release/lapwing}
[[ -x $lapwing ]] || { echo "build it first: cargo build --release --locked -p lapwing" >&2; exit 2; }
command -v rg >/dev/null || { echo 'rg (ripgrep) is not installed' >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# State of its own, and no keyring: nothing of whoever runs this is touched.
export HOME=$work/self XDG_STATE_HOME=$work/state XDG_CONFIG_HOME=$work/config
unset DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR
mkdir -p "$HOME"

# CPU milliseconds of a command, whatever its exit code and output.
cpu() {
    { time "$@" >/dev/null 2>"$work/stderr" || true; } 2>"$work/time"
    awk '{ printf "%.0f\n", ($1 + $2) * 1000 }' "$work/time"
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# Alternates two commands, each the name of a function.
versus() {
    local title=$1 one=$2 other=$3 i
    : >"$work/one"
    : >"$work/other"
    "$one" >/dev/null
    "$other" >/dev/null
    for ((i = 0; i < runs; i++)); do
        "$one" >>"$work/one"
        "$other" >>"$work/other"
    done
    local a b
    a=$(median <"$work/one")
    b=$(median <"$work/other")
    awk -v t="$title" -v a="$a" -v b="$b" 'BEGIN { printf "%-46s %7d ms  against %7d ms  ratio %.2f\n", t, a, b, a / (b ? b : 1) }'
}

# One command by itself.
alone() {
    local title=$1 one=$2 i
    "$one" >/dev/null
    for ((i = 0; i < runs; i++)); do
        "$one"
    done >"$work/one"
    printf '%-46s %7d ms\n' "$title" "$(median <"$work/one")"
}

# Largest resident set of a command (below some 10 MiB it is that of Python, which starts it), its CPU and elapsed time.
peak() {
    local title=$1
    shift
    python3 - "$title" "$@" <<'PY'
import os, sys, time
title, command = sys.argv[1], sys.argv[2:]
begun = time.monotonic()
child = os.fork()
if child == 0:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.execv(command[0], command)
_, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - begun
print(f"{title:46} {usage.ru_maxrss / 1024:7.1f} MiB  {(usage.ru_utime + usage.ru_stime) * 1000:7.0f} ms CPU"
      f"  {seconds:6.1f} s  exit {os.waitstatus_to_exitcode(status)}")
PY
}

scan_tree() { cpu "$lapwing" scan --all "$tree"; }
rg_tree() { cpu rg -uuu -c ghp_ "$tree"; }
scan_one() { cpu "$lapwing" scan "$work/small"; }
doctor() { cpu "$lapwing" doctor --home "$work/home"; }
find_home() { cpu find "$work/home" -printf '%p %s %T@ %C@ %i\n'; }

echo "$("$lapwing" --version), $(rg --version | head -n 1), $(nproc) processors, $runs runs"
echo "$(find "$tree" -type f | wc -l) files, $(du -s --apparent-size -BM "$tree" | cut -f1) in the tree"
echo
versus 'scan --all TREE, against rg -uuu -c ghp_' scan_tree rg_tree
peak 'scan --all TREE' "$lapwing" scan --all "$tree"

printf 'export EDITOR=vim\nalias ll="ls -l"\n' >"$work/small"
alone 'scan of one small file' scan_one

# A home of 100,000 small files in 2,000 directories.
python3 - "$work/home" <<'PY'
import os, sys
home = sys.argv[1]
for d in range(2000):
    at = f"{home}/src/project{d // 40}/module{d % 40}"
    os.makedirs(at)
    for f in range(50):
        with open(f"{at}/file{f}.py", "w") as out:
            out.write(f"def f{f}(x):\n    return x * {d} + {f}\n" * 20)
PY
peak 'doctor, the first, on 100,000 files' "$lapwing" doctor --home "$work/home"
versus 'doctor, unchanged home, against find -printf' doctor find_home
peak 'doctor, unchanged home' "$lapwing" doctor --home "$work/home"
rm -rf "${work:?}/home"

# Files that are large, or nothing but trouble. None is sparse.
python3 - "$work" <<'PY'
import random, string, sys
work = sys.argv[1]
dice = random.Random(7)
words = ["".join(dice.choices(string.ascii_lowercase, k=dice.randint(2, 9))) for _ in range(5000)]
block = " ".join(dice.choices(words, k=200_000))
lines = "\n".join(" ".join(dice.choices(words, k=12)) for _ in range(15_000)) + "\n"

def write(name, unit, size):
    with open(f"{work}/{name}", "w") as out:
        for _ in range(size // len(unit) + 1):
            out.write(unit)

write("large", lines, 2 << 30)
write("line", block, 1 << 30)
alphabet = string.ascii_letters + string.digits
some = lambda n: "".join(dice.choices(alphabet, k=n))
with open(f"{work}/dense", "w") as out:
    while out.tell() < 10 << 20:
        out.write(f"token = {'gh' + 'p_'}{some(35)}\npassword=${{PASSWORD}}\napi_key: \"your-{some(6)}-key\"\n")
        out.write(f"https://user:{{password}}@host.example/{some(9)}\nsecret: {some(60)}==\n")
PY
peak '2 GiB of text' "$lapwing" scan --all "$work/large"
peak '1 GiB on one line' "$lapwing" scan --all "$work/line"
peak '10 MiB of near-secrets' "$lapwing" scan --all "$work/dense"
