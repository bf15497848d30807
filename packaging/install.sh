#!/usr/bin/env bash
# Installs what `cargo build --release --locked` has built, as a package would: programs, units, D-Bus files, catalog, manual.
#   packaging/install.sh [DESTDIR]      DESTDIR: put in front of every path; nothing is started
set -euo pipefail
cd "$(dirname "$0")/.."
to=${1:-}

put() { install -D -m "$1" "$2" "$to$3"; }

for program in lapwing lapwingd; do
    put 0755 "${CARGO_TARGET_DIR:-target}/release/$program" "/usr/bin/$program"
done
put 0644 systemd/lapwingd.service /usr/lib/systemd/user/lapwingd.service
put 0644 systemd/user-preset/80-lapwing.preset /usr/lib/systemd/user-preset/80-lapwing.preset
put 0644 systemd/org.lapwing.Agent1.service /usr/share/dbus-1/services/org.lapwing.Agent1.service
put 0644 daemon/org.lapwing.Agent1.xml /usr/share/dbus-1/interfaces/org.lapwing.Agent1.xml
put 0644 systemd/org.lapwing.Lapwing.desktop /usr/share/applications/org.lapwing.Lapwing.desktop
put 0644 systemd/lapwing.catalog /usr/lib/systemd/catalog/lapwing.catalog
put 0644 packaging/man/lapwingd.8 /usr/share/man/man8/lapwingd.8

# systemd before 253 knows no notify-reload.
version=$(systemd-analyze --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p' || true)
if [[ ${version:-0} -gt 0 && $version -lt 253 ]]; then
    put 0644 systemd/older.conf /usr/lib/systemd/user/lapwingd.service.d/older.conf
fi
if [[ -z $to ]]; then
    journalctl --update-catalog || true
fi
