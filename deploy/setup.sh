#!/usr/bin/env bash
# Makes this checkout ready to run on Debian 12 or newer: `setup.sh demo` what the demo needs, `setup.sh test` everything,
# `setup.sh debian` what makes another Debian to run it on.
# Runs as root or with sudo; where nothing is missing it needs neither, and is done in no time.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly target=${1:-}
readonly python=${PYTHON:-python3}
readonly policy=/usr/sbin/policy-rc.d
# Peers that are not ours, of npm: an SMSC, and what CRMs speak AMQP 0-9-1 and 1.0 with.
readonly node_peers="smpp@0.5.1 amqplib@2.3.1 rabbitmq-client@5.0.8 @cloudamqp/amqp-client@4.1.1 rhea@3.0.5"

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif have sudo; then sudo "$@"
    else fail "this needs root: $*. Run it as root, or install sudo."
    fi
}

quietly() {
    local output
    output=$("$@" 2>&1 </dev/null) || { echo "$output" | tail -n 40 >&2; fail "failed: $*"; }
}

apt_updated=
apt_install() {
    have apt-get || fail "missing: $*. Without apt-get they have to be installed by hand."
    if [ -z "$apt_updated" ]; then
        quietly as_root apt-get -qq update
        apt_updated=yes
    fi
    say "apt-get install $*"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@"
}

# Debian would start a service at once, and at each boot, on all interfaces.  We only want its files.
install_without_starting() {
    local package=$1 unit
    shift
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    apt_install "$package"
    for unit in "$@"; do
        have systemctl && as_root systemctl --quiet disable "$unit" 2>/dev/null || true
    done
}

install_rabbitmq() {
    install_without_starting rabbitmq-server rabbitmq-server.service epmd.service epmd.socket
    say "the system's own broker is left off; ours are private nodes on 127.0.0.1"
}

# What checks the alert rules, the unit and the package, what looks at the status page and at PDUs, and what a power cut
# leaves.
install_judges() {
    have promtool || install_without_starting prometheus prometheus.service
    have systemd-analyze || apt_install systemd
    have chromium || apt_install chromium
    [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || apt_install fonts-dejavu-core
    have debootstrap || apt_install debootstrap
    have strace || apt_install strace
    have pivot_root || apt_install util-linux-extra # of its own after Debian 13
    have tshark || apt_install tshark
    [ -n "$(php -m 2>/dev/null | grep -x amqp)" ] || apt_install php-cli php-amqp
    ruby -e 'require "bunny"' 2>/dev/null || apt_install ruby-bunny
    have dpkg-deb || apt_install dpkg
}

install_python() {
    have "$python" || apt_install python3 python3-venv
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version) is too old: smsd needs Python 3.11 or newer. Name one with PYTHON=."
    "$python" -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
}

# The stamp also names the folder: the scripts of a copied venv point to where it came from.
stamp() { echo ".venv/.smsd-stamp-$( (pwd; echo "$1"; cat setup.cfg pyproject.toml) | sha256sum | cut -c1-16)"; }

install_project() {
    local extras=$1
    if [ ! -e "$(stamp "$extras")" ] && [ ! -e "$(stamp "[test]")" ]; then
        say "installing smsd$extras into .venv"
        install_python
        quietly "$python" -m venv .venv
        quietly .venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore -e ".$extras"
        touch "$(stamp "$extras")"
    fi
}

install_node_peers() {
    local stamp
    stamp=.venv/node/.smsd-stamp-$(echo "$node_peers" | sha256sum | cut -c1-16)
    have node || apt_install nodejs npm
    if [ ! -e "$stamp" ]; then
        have npm || apt_install npm
        say "npm install $node_peers into .venv/node"
        # shellcheck disable=SC2086 # a list
        quietly npm install --prefix .venv/node --no-audit --no-fund --loglevel=error $node_peers
        touch "$stamp"
    fi
}

case $target in
    debian)
        have debootstrap || apt_install debootstrap
        have git || apt_install git
        exit
        ;;
    demo | test) ;;
    *) fail "usage: deploy/setup.sh demo|test|debian" ;;
esac
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || install_rabbitmq
if [ "$target" = demo ]; then
    install_project ""
else
    install_project "[test]"
    install_node_peers
    install_judges
fi
