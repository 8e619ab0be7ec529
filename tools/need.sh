#!/bin/sh
# need.sh PROGRAM: makes sure that memcached, or nutcracker (twemproxy), is there: installs it with
# the system's package manager when it is missing and this user may, else says in one line how.
set -u
program=$1
# Daemons live in the sbin folders, which not every user has in the path.
PATH=$PATH:/usr/sbin:/usr/local/sbin:/sbin
command -v "$program" >/dev/null && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root=no; fi
fi

if command -v apt-get >/dev/null; then
    install="apt-get install -y --no-install-recommends $program" update="apt-get update"
elif command -v dnf >/dev/null; then
    install="dnf install -y $program" update=true
elif command -v yum >/dev/null; then
    install="yum install -y $program" update=true
elif command -v apk >/dev/null; then
    install="apk add $program" update=true
elif command -v pacman >/dev/null; then
    install="pacman -S --noconfirm $program" update=true
elif command -v zypper >/dev/null; then
    install="zypper --non-interactive install $program" update=true
elif command -v brew >/dev/null; then
    install="brew install $(echo "$program" | sed s/nutcracker/twemproxy/)" update=true as_root=
else
    echo "$program is missing, and no package manager that is known here; install it and try again" >&2
    exit 1
fi

if [ "$as_root" = no ]; then
    echo "$program is missing; install it as root: $install" >&2
    exit 1
fi
echo "$program is missing; installing it: $install"
export DEBIAN_FRONTEND=noninteractive
# A package list that is too old names files that are gone: it is fetched anew then.
# shellcheck disable=SC2086
$as_root $install >/dev/null 2>&1 || { $as_root $update >/dev/null && $as_root $install >/dev/null; }
command -v "$program" >/dev/null && exit 0
echo "$program could not be installed; install it by hand: $install" >&2
exit 1
