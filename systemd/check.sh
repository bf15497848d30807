#!/usr/bin/env bash
# Checks the units with systemd's own tools: that nothing in them is misspelt, and how exposed they leave the agent.
#   systemd/check.sh [PROGRAM]      PROGRAM stands for /usr/bin/lapwingd, which need not be installed
set -euo pipefail
cd "$(dirname "$0")"

# Tenths, as systemd-analyze counts exposure: 0 is none, 100 is all of it.
system_most=20
user_most=19

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -m 0700 "$work/run"
export XDG_RUNTIME_DIR=$work/run SYSTEMD_PAGER='' SYSTEMD_COLORS=0

version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
program=${1:-$(command -v true)}

# The units as they are checked: with a program that exists, and without what a systemd before 253 does not know.
for unit in lapwingd.service lapwingd@.service; do
    sed "s|/usr/bin/lapwingd|$program|" "$unit" >"$work/$unit"
    if ((version < 253)); then
        # shellcheck disable=SC2016 # systemd's variable, not this script's
        sed -i 's/^Type=notify-reload$/Type=notify\nExecReload=\/bin\/kill -HUP $MAINPID/' "$work/$unit"
    fi
done

# A mistake is only a warning to systemd: whatever it says is an error here.
verify() {
    local said
    if ! said=$(systemd-analyze "$1" --man=no verify "$work/$2" 2>&1) || [[ -n $said ]]; then
        printf '%s: %s\n' "$2" "$said" >&2
        return 1
    fi
}

exposure() {
    local said
    if ! said=$(systemd-analyze "$1" security --offline=yes --threshold="$3" "$work/$2" 2>&1); then
        grep -v '^✓' <<<"$said" >&2
        printf '%s: more exposed than %s tenths\n' "$2" "$3" >&2
        return 1
    fi
    printf '%s\n' "${said##*$'\n'}" | sed 's/^[^A-Za-z]*//'
}

verify --user lapwingd.service
verify --system lapwingd@.service
exposure --user lapwingd.service "$user_most"
exposure --system lapwingd@.service "$system_most"

# What the other files say must fit.
grep -qx 'SystemdService=lapwingd.service' org.lapwing.Agent1.service
grep -qx 'enable lapwingd.service' user-preset/80-lapwing.preset
if command -v desktop-file-validate >/dev/null; then
    desktop-file-validate org.lapwing.Lapwing.desktop
fi
echo 'units: correct'
