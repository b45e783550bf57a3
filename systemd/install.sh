#!/usr/bin/env bash
# Installs kensa on Raspberry Pi OS (trixie), as often as you like; takes it off again with --undo.
# Read it before you run it: every change to the system is a line that begins with `run` or `put`.
set -euo pipefail

readonly here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly home=/opt/kensa config=/etc/kensa/station.yaml records=/var/lib/kensa
readonly boot_config=/boot/firmware/config.txt
readonly packages=(python3-venv python3-picamera2)
readonly files=(
    "kensa.service /etc/systemd/system/kensa.service"
    "kensa-web.service /etc/systemd/system/kensa-web.service"
    "kensa-watchdog.conf /etc/systemd/system.conf.d/kensa-watchdog.conf"
    "kensa.sysusers /usr/lib/sysusers.d/kensa.conf"
    "kensa.tmpfiles /usr/lib/tmpfiles.d/kensa.conf"
    "60-kensa.rules /etc/udev/rules.d/60-kensa.rules"
    "README.md $home/README.md"
)

dry_run=no undo=no with_records=no start=yes wheels="$here/wheels"

usage() {
    cat <<END
usage: sudo systemd/install.sh [--wheels FOLDER] [--no-start] [--dry-run]
       sudo systemd/install.sh --undo [--with-records] [--dry-run]

  --wheels FOLDER  the wheels that systemd/make_wheels.sh collected (default: wheels beside this script)
  --no-start       enable the services, but do not start them now
  --dry-run        say every step and change nothing
  --undo           stop and remove the services and the program; configuration and records stay
  --with-records   with --undo: remove configuration, records, pictures and the user kensa as well
END
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

run() {
    if [ "$dry_run" = yes ]; then say "would run: $*"; else "$@"; fi
}

# put SOURCE TARGET: copy a file if the target differs.
put() {
    if cmp -s "$1" "$2"; then
        say "as it was: $2"
    elif [ "$dry_run" = yes ]; then
        say "would write: $2"
    else
        install -D -m 644 "$1" "$2"
        say "written: $2"
    fi
}

is_running_system() { [ -d /run/systemd/system ]; }

check_system() {
    [ "$(id -u)" = 0 ] || [ "$dry_run" = yes ] || fail "must be root: sudo $0"
    . /etc/os-release
    [ "${VERSION_CODENAME:-}" = trixie ] ||
        fail "this is ${PRETTY_NAME:-an unknown system}; kensa is installed on Raspberry Pi OS trixie (Debian 13)"
    [ "$(uname -m)" = aarch64 ] || say "note: this is no 64-bit Raspberry Pi but $(uname -m)"
}

install_packages() {
    local package
    for package in "${packages[@]}"; do
        if dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
            say "as it was: package $package"
        elif [ "$(apt-cache policy "$package" 2>/dev/null | sed -n 's/^ *Candidate: //p')" ] &&
            ! apt-cache policy "$package" | grep -q 'Candidate: (none)'; then
            run apt-get install -y --no-install-recommends "$package"
        elif [ "$package" = python3-picamera2 ]; then
            say "note: there is no package $package here, so the camera driver 'picamera' cannot be used; USB cameras can"
        else
            fail "the package $package is neither installed nor to be had; run apt-get update, or look at the network"
        fi
    done
}

install_files() {
    local pair
    for pair in "${files[@]}"; do
        put "$here/${pair%% *}" "${pair##* }"
    done
    run systemd-sysusers kensa.conf
    run systemd-tmpfiles --create kensa.conf
}

# The system's own packages stay visible, for picamera2 must be the one that fits the system's libcamera.
install_program() {
    local wheel
    wheel="$(find "$wheels" -maxdepth 1 -name 'kensa-*.whl' 2>/dev/null | sort -V | tail -n 1)"
    [ -n "$wheel" ] || fail "no kensa-*.whl in $wheels; make the folder with systemd/make_wheels.sh, or name it with --wheels"
    [ -x "$home/venv/bin/python" ] || run python3 -m venv --system-site-packages "$home/venv"
    local pip=("$home/venv/bin/python" -m pip --disable-pip-version-check)
    run "${pip[@]}" install --quiet --no-index --find-links "$wheels" "$wheel[pi]"
    run "${pip[@]}" install --quiet --no-index --no-deps --force-reinstall "$wheel"
}

install_config() {
    if [ -e "$config" ]; then
        say "as it was: $config"
    elif [ "$dry_run" = yes ]; then
        say "would write: $config, the demo station"
    else
        local example
        example="$(find "$home/venv" -path '*/edge/station.yaml')"
        sed "s#^data: kensa-data #data: $records #" "$example" >"$config.new"
        chgrp kensa "$config.new"
        chmod 640 "$config.new"
        mv "$config.new" "$config"
        say "written: $config, the demo station; make it yours"
    fi
}

# What only a person may change, and only a restart of the Pi brings about.
check_boot_config() {
    if [ ! -e "$boot_config" ]; then
        say "note: there is no $boot_config, so this is no Raspberry Pi; its settings are not checked"
    elif grep -Eq '^[[:space:]]*dtparam=(.*,)?strict_gpiod(=on|,|[[:space:]]|$)' "$boot_config"; then
        say "as it should be: dtparam=strict_gpiod in $boot_config"
    else
        say "TO DO: add the line  dtparam=strict_gpiod  to $boot_config and restart the Pi."
        say "       Without it a wire keeps its level when the program that drove it has died: an OK could stay OK."
    fi
}

start_services() {
    if is_running_system; then
        run systemctl daemon-reload
        run udevadm control --reload
        run udevadm trigger --subsystem-match=gpio --subsystem-match=dma_heap
    fi
    run systemctl enable --quiet kensa.service kensa-web.service
    if [ "$start" = yes ] && is_running_system; then
        run systemctl restart --no-block kensa.service kensa-web.service
        say "started: see  systemctl status kensa  and  journalctl -u kensa"
    fi
    say "look at every part of the station:  sudo -u kensa $home/venv/bin/edge check --config $config"
}

take_off() {
    local pair
    if is_running_system; then
        run systemctl disable --quiet --now kensa.service kensa-web.service || true
    else
        run systemctl disable --quiet kensa.service kensa-web.service || true
    fi
    for pair in "${files[@]}"; do
        run rm -f "${pair##* }"
    done
    run rm -rf "$home"
    if is_running_system; then
        run systemctl daemon-reload
        run udevadm control --reload
    fi
    if [ "$with_records" = yes ]; then
        run rm -rf "$records" "$(dirname "$config")"
        if id kensa >/dev/null 2>&1; then run userdel kensa; fi
        say "removed: records, pictures, configuration and the user kensa"
    else
        say "kept: $config and everything in $records"
    fi
}

while [ $# -gt 0 ]; do
    case "$1" in
        --wheels)
            [ $# -gt 1 ] || fail "--wheels needs a folder"
            wheels="$2"
            shift
            ;;
        --dry-run) dry_run=yes ;;
        --undo) undo=yes ;;
        --with-records) with_records=yes ;;
        --no-start) start=no ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift
done
if [ "$with_records" = yes ] && [ "$undo" = no ]; then fail "--with-records goes with --undo"; fi
check_system
if [ "$undo" = yes ]; then
    take_off
    exit 0
fi
install_packages
install_files
install_program
install_config
check_boot_config
start_services
