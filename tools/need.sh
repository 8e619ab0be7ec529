#!/bin/sh
# need.sh PROGRAM: makes sure that memcached, or nutcracker (twemproxy), is there. A missing one is
# installed in CI (CI=true), when asked for (INSTALL=1), and on a terminal when the answer is yes;
# else it says how, and fails: nobody expects `make test` to change the system.
set -u
program=$1
# Daemons live in the sbin folders, which not every user has in the path.
PATH=$PATH:/usr/sbin:/usr/local/sbin:/sbin
command -v "$program" >/dev/null && exit 0

update=true
for manager in apt-get dnf yum apk pacman zypper brew none; do
    command -v "$manager" >/dev/null && break
done
case $manager in
# A package list that is too old names files that are gone.
apt-get) update="apt-get update" install="apt-get install -y --no-install-recommends $program" ;;
dnf | yum) install="$manager install -y $program" ;;
apk) install="apk add $program" ;;
pacman) install="pacman -S --noconfirm $program" ;;
zypper) install="zypper --non-interactive install $program" ;;
brew) install="brew install $(echo "$program" | sed s/nutcracker/twemproxy/)" ;;
none)
    echo "$program is missing, and no package manager that is known here; install it and try again" >&2
    exit 1
    ;;
esac
as_root=
[ "$manager" = brew ] || [ "$(id -u)" -eq 0 ] || as_root="sudo"
install="${as_root:+$as_root }$install" update="${as_root:+$as_root }$update"

asked=${INSTALL:-0}
[ "${CI:-}" = true ] && asked=1
if [ "$asked" != 1 ] && [ -t 0 ] && [ -t 2 ]; then
    printf '%s is missing. Install it by "%s"? [y/N] ' "$program" "$install" >&2
    read -r answer
    case $answer in [yY]*) asked=1 ;; esac
fi
if [ "$asked" != 1 ]; then
    echo "$program is missing; install it: $install (INSTALL=1 does that)" >&2
    exit 1
fi

echo "$program is missing; installing it: $install"
export DEBIAN_FRONTEND=noninteractive
$update >/dev/null 2>&1
$install >/dev/null && command -v "$program" >/dev/null && exit 0
echo "$program could not be installed; install it by hand: $install" >&2
exit 1
