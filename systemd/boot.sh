#!/usr/bin/env bash
# Starts the units under a real systemd, in a container that is thrown away, and looks at what a program in them can do and
# cannot; and lets `lapwing fix` end a worm that runs as a unit there. Needs root, systemd-nspawn, mmdebstrap and, the first time, a Debian mirror.
#   systemd/boot.sh IMAGE [PROGRAMS]
#   IMAGE     a directory with a minimal Debian; made when it is not there (about 200 MB)
#   PROGRAMS  a directory with lapwingd and lapwing, to be started as well
# SUITE is the release of Debian that an image is made of. Otherwise it is this machine's where that is a Debian: the programs were linked
# against its C library, which an older one does not do for.
# Ends with 77, having said why, where it cannot be done; with another code when something is not as it should be.
set -euo pipefail

image=$(realpath -m "${1:?where the image is, or is to be made}")
programs=${2:+$(realpath "$2")}
cd "$(dirname "$0")"
cannot() {
    echo "The units were NOT tried under systemd: $1" >&2
    exit 77
}
for tool in systemd-nspawn mmdebstrap nsenter unshare; do
    command -v "$tool" >/dev/null || cannot "$tool is not installed (packages systemd-container, mmdebstrap, util-linux)"
done
[[ $EUID -eq 0 ]] || cannot 'only root may start a container'
unshare --mount true 2>/dev/null || cannot 'root may not mount here'

user=dev
work=$(mktemp -d)
name=lapwing-$$
group=/sys/fs/cgroup
[[ ! -d $group/unified ]] || group=$group/unified
group=$group/$name

suite() {
    # shellcheck source=/dev/null
    [[ -z ${SUITE:-} ]] && (. /etc/os-release && [[ $ID == debian ]] && echo "${VERSION_CODENAME:-}") || echo "${SUITE:-bookworm}"
}

make_image() {
    mmdebstrap --quiet --variant=minbase \
        --include=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,passwd,procps \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
        --customize-hook="chroot \"\$1\" useradd --create-home --uid 1000 $user" \
        "$(suite)" "$image.new" && mv "$image.new" "$image"
}

# What stands for the agent: it tries things, says what it could, and is ready.
probe() {
    cat <<'PROBE'
#!/bin/bash
try() {
    local name=$1 could=no
    shift
    if "$@" >/dev/null 2>&1; then could=yes; fi
    echo "$name=$could" >>"$told"
}
net() { echo >/dev/tcp/127.0.0.1/9; } # refused by nobody who listens, or not supported at all
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$UID}
told=$HOME/.local/state/lapwing/told
: >"$told" || exit 1
try write-home touch "$HOME/written"
try write-runtime touch "$XDG_RUNTIME_DIR/written"
try write-own-runtime touch "$XDG_RUNTIME_DIR/lapwing/written"
try read-private cat "$HOME/private"
try read-limits cat /proc/sys/fs/inotify/max_user_watches
try session-bus busctl --user list
try system-bus busctl --system list
try journal logger --journald <<<'MESSAGE=lapwing probe'
try environment-of-others cat "/proc/$PPID/environ"
try root-files cat /etc/shadow
said=$( (net) 2>&1)
[[ $said == *supported* ]] && echo network=no >>"$told" || echo network=yes >>"$told"
[[ $(ulimit -c) == 0 ]] && echo core=no >>"$told"
grep -qx 'NoNewPrivs:.1' /proc/self/status && echo new-privileges=no >>"$told"
grep -qx 'CapBnd:.0*' /proc/self/status && echo capabilities=no >>"$told"
systemd-notify --ready
exec sleep infinity
PROBE
}

install_units() {
    local root=$1 unit
    mkdir -p "$root"/etc/systemd/{user,system} "$root/usr/lib/systemd/user-preset" "$root/usr/bin"
    cp lapwingd.service "$root/etc/systemd/user/"
    cp lapwingd@.service "$root/etc/systemd/system/"
    cp user-preset/80-lapwing.preset "$root/usr/lib/systemd/user-preset/"
    for unit in user/lapwingd system/lapwingd@; do
        mkdir -p "$root/etc/systemd/$unit.service.d"
        # The probe is a script: another process speaks for it.
        printf '[Service]\nNotifyAccess=all\n' >"$root/etc/systemd/$unit.service.d/probe.conf"
        # As the packages for such systems do.
        ((version >= 253)) || cp older.conf "$root/etc/systemd/$unit.service.d/"
    done
    probe >"$root/usr/bin/lapwingd"
    chmod 755 "$root/usr/bin/lapwingd"
    mkdir -p "$root/var/lib/systemd/linger"
    touch "$root/var/lib/systemd/linger/$user"
    echo private >"$root/home/$user/private"
    chmod 600 "$root/home/$user/private"
    chown 1000:1000 "$root/home/$user/private"
}

# A container of its own in a hierarchy of control groups of its own, whatever this machine has.
boot() {
    mkdir "$group"
    # shellcheck disable=SC2016 # expanded by the inner shells
    bash -c 'echo $$ >"$1/cgroup.procs"; shift; exec unshare --mount --propagation private "$@"' - "$group" \
        bash -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec systemd-nspawn "$@"' - \
        --quiet --boot --register=no --keep-unit --machine="$name" --directory="$work/root" --link-journal=no \
        --console=pipe --private-network \
        --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
        </dev/null >"$work/console" 2>&1 &
    container=$!
    for ((i = 0; i < 600; i++)); do
        leader=$(pgrep -P "$container" | head -n 1) || true
        if [[ -n $leader ]] && [[ $(inside systemctl is-system-running 2>/dev/null) == @(running|degraded) ]]; then
            return 0
        fi
        kill -0 "$container" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/console" >&2
    return 1
}

inside() {
    nsenter --target "$leader" --all -- "$@"
}

clean() {
    if [[ -n ${container:-} ]]; then
        kill -TERM "$container" 2>/dev/null || true
        wait "$container" 2>/dev/null || true
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    fi
    umount "$work/root" 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT

expect() {
    local unit=$1 told=/home/$user/.local/state/lapwing/told wrong=0 line
    shift
    for line in "$@"; do
        inside grep -qx "$line" "$told" || { echo "$unit: not so: $line" >&2; wrong=1; }
    done
    ((wrong == 0)) || { inside cat "$told" >&2; return 1; }
    echo "$unit: as it should be"
}

if [[ ! -d $image ]]; then
    rm -rf "$image.new"
    make_image || cannot 'the image cannot be made; is there a Debian mirror?'
fi
mkdir "$work/root" "$work/upper" "$work/overlay"
mount -t overlay overlay -o "lowerdir=$image,upperdir=$work/upper,workdir=$work/overlay" "$work/root"
version=$(chroot "$work/root" systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
install_units "$work/root"
boot
echo "systemd $version"

common=(write-home=no write-runtime=no read-private=yes read-limits=yes session-bus=yes system-bus=yes journal=yes
    root-files=no network=no core=no new-privileges=no capabilities=no)

as_user=(inside systemctl --user --machine="$user@")
"${as_user[@]}" --quiet preset lapwingd.service
[[ $("${as_user[@]}" is-enabled lapwingd.service) == enabled ]]
"${as_user[@]}" start lapwingd.service || { inside journalctl --no-pager -n 20 >&2; exit 1; }
expect 'user unit' "${common[@]}" write-own-runtime=yes environment-of-others=no
"${as_user[@]}" stop lapwingd.service

inside systemctl start lapwingd@$user.service || { inside journalctl --no-pager -n 20 >&2; exit 1; }
expect 'system unit' "${common[@]}"
inside systemctl stop lapwingd@$user.service

# The agent itself: it says when it is ready, answers, ends when told to, and is not started again on a bad configuration.
real() {
    local home=$work/root/home/$user code ask
    ask=(inside systemd-run --quiet --user --machine="$user@" --pipe --wait lapwing)
    install -m 755 "$programs/lapwingd" "$programs/lapwing" "$work/root/usr/bin/"
    "${as_user[@]}" start lapwingd.service || { inside journalctl --no-pager -n 20 >&2; return 1; }
    "${ask[@]}" status | grep -F 'is watching'
    "${as_user[@]}" reload lapwingd.service
    "${as_user[@]}" --quiet is-active lapwingd.service
    "${as_user[@]}" stop lapwingd.service
    [[ $("${as_user[@]}" show --value --property=Result lapwingd.service) == success ]]
    inside systemctl start lapwingd@$user.service
    "${ask[@]}" status | grep -F 'is watching'
    inside systemctl stop lapwingd@$user.service
    inside journalctl --no-pager --output=cat SYSLOG_IDENTIFIER=lapwingd
    mkdir -p "$home/.config/lapwing"
    echo 'no = "such key"' >"$home/.config/lapwing/config.toml"
    if "${as_user[@]}" start lapwingd.service 2>/dev/null; then
        echo 'started with a bad configuration' >&2
        return 1
    fi
    code=$("${as_user[@]}" show --value --property=ExecMainStatus lapwingd.service)
    [[ $code == 78 && $("${as_user[@]}" show --value --property=NRestarts lapwingd.service) == 0 ]] ||
        { echo "ended with $code, and was started again" >&2; return 1; }
    echo 'agent: as it should be'
}

# In a terminal of the user's session, where somebody types these lines.
typed() {
    local lines=$1
    shift
    # shellcheck disable=SC2016 # expanded by the inner shell
    inside systemd-run --quiet --user --machine="$user@" --pipe --wait --setenv=TERM=xterm -- \
        bash -c 'printf "$1" | script --quiet --return --command "$2" /dev/null' - "$lines" "$*" </dev/null
}

# What a worm of the indicator pack leaves, as a unit that does harm when it is stopped, does not end when it is told to, and
# is started again.
plant() {
    local home=$work/root/home/$user unit=gh-token-monitor
    mkdir -p "$home/.config/systemd/user" "$home/.local/bin" "$home/.config/$unit"
    cat >"$home/.config/systemd/user/$unit.service" <<'UNIT'
[Service]
ExecStart=/bin/bash %h/.local/bin/gh-token-monitor.sh
ExecStop=/bin/touch %h/wiped
ExecStopPost=/bin/touch %h/wiped
Restart=always
RestartSec=0
[Install]
WantedBy=default.target
UNIT
    cat >"$home/.local/bin/$unit.sh" <<'WORM'
trap '' TERM HUP
while :; do sleep 1; done
WORM
    echo x >"$home/.config/$unit/token"
    chown -R 1000:1000 "$home/.config" "$home/.local"
}

# Everything that it has left, in the order of their names.
left() {
    inside find "/home/$user/.config" "/home/$user/.local/bin" -name 'gh-token-monitor*' -o -path '*gh-token-monitor/*' | sort
}

worm() {
    local unit=gh-token-monitor.service link state before found
    link=/home/$user/.config/systemd/user/default.target.wants/$unit
    wrong() { echo "worm: $1" >&2; inside journalctl --no-pager -n 30 >&2; return 1; }
    rm -f "$work/root/home/$user/.config/lapwing/config.toml"
    plant
    before=$(left)
    "${as_user[@]}" daemon-reload
    "${as_user[@]}" --quiet enable --now $unit
    "${as_user[@]}" --quiet is-active $unit
    inside pgrep -u $user -f gh-token-monitor.sh >/dev/null || wrong 'it does not run'
    typed '' lapwing doctor >/dev/null && wrong 'it was not found'
    typed 'y\n' lapwing fix --rule "'ioc.*'" || wrong 'it was not mended'
    state=$("${as_user[@]}" show --value --property=ActiveState $unit)
    [[ $state == @(inactive|failed) ]] || wrong "its unit is $state"
    "${as_user[@]}" --quiet is-enabled $unit 2>/dev/null && wrong 'its unit is still enabled'
    inside pgrep -u $user -f gh-token-monitor.sh >/dev/null && wrong 'a process of it is left'
    [[ -z $(left) ]] || wrong "this is left: $(left)"
    inside test ! -e "/home/$user/wiped" || wrong 'what it does when it is stopped was done'
    [[ -z $(inside find /run/user/1000/systemd/user -name '*lapwing*' 2>/dev/null) ]] || wrong 'what disarmed it is left'
    (($(inside find "/home/$user/.local/state/lapwing/quarantine" -name manifest.json | wc -l) == 3)) ||
        wrong 'not everything is in the quarantine'
    found=$(typed '' lapwing doctor) || wrong "something is still found: $found"
    # Its files come back as they were; it stays stopped.
    typed '' lapwing undo || wrong 'it was not taken back'
    [[ $(left) == "$before" ]] || wrong "this came back: $(left)"
    [[ $(inside stat -c %U "/home/$user/.local/bin/gh-token-monitor.sh") == "$user" ]]
    inside test ! -e "$link" || wrong 'it would start with the next session'
    "${as_user[@]}" --quiet is-active $unit && wrong 'it runs again'
    inside test ! -e "/home/$user/wiped" || wrong 'taking it back has done what it does when it is stopped'
    echo 'worm: as it should be'
}
[[ -z $programs ]] || { real; worm; }
