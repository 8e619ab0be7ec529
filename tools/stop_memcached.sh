#!/bin/sh
# Ends the memcacheds that start_memcached.sh started, and no others; with arguments, only those on
# these ports.
#
#   NODEPROXY_RUN    the folder of their pid files   (${TMPDIR:-/tmp}/nodeproxy-run)
set -eu

run=${NODEPROXY_RUN:-${TMPDIR:-/tmp}/nodeproxy-run}
tries_max=100 # times 50 ms

# Whether the process of that id is a memcached, and not only its remains: the pid may have gone to
# another process since it was written down.
is_memcached() {
    if [ -d /proc/self ]; then
        grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null &&
            grep -q '^memcached' "/proc/$1/comm" 2>/dev/null
    else
        ps -o stat= -p "$1" | grep -q '^[^ZX]' &&
            ps -o comm= -p "$1" | grep -q 'memcached[^/]*$'
    fi
}

# The pid files that are meant.
pid_files() {
    for pid_file in "$run"/memcached-*.pid; do
        [ -s "$pid_file" ] || continue
        port=${pid_file##*memcached-}
        case " $ports " in
        "  " | *" ${port%.pid} "*) echo "$pid_file" ;;
        esac
    done
}

ports=$*
IFS='
' # a folder may have blanks in its name
stopped=0
failed=
# All are asked before any is waited for: a memcached takes up to a second to end.
for pid_file in $(pid_files); do
    pid=$(cat "$pid_file")
    if is_memcached "$pid" && kill "$pid"; then stopped=$((stopped + 1)); fi
done
for pid_file in $(pid_files); do
    pid=$(cat "$pid_file")
    tries=0
    while is_memcached "$pid" && [ "$tries" -lt "$tries_max" ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    if is_memcached "$pid"; then
        failed="$failed $pid"
    else
        rm -f "$pid_file"
    fi
done
if [ -n "$failed" ]; then
    echo "stop_memcached: still running:$failed" >&2
    exit 1
fi
echo "$stopped memcached stopped"
