#!/bin/sh
# Runs five memcacheds and a nodeproxy before them, until Ctrl-C, and leaves nothing behind.
#
#   PORT             where nodeproxy listens                  (11111)
#   MEMCACHED_PORT   where the first of the memcacheds does   (11220)
#   RUN_DIR          the folder for their pid files and logs  (${TMPDIR:-/tmp}/nodeproxy-run)
set -u
binary=$1
port=${PORT:-11111}
first=${MEMCACHED_PORT:-11220}
run=${RUN_DIR:-${TMPDIR:-/tmp}/nodeproxy-run}
mkdir -p "$run" || exit 1

pids=
files=
stop() {
    trap - HUP INT TERM EXIT
    # shellcheck disable=SC2086 # pids are words
    [ -n "$pids" ] && kill $pids 2>/dev/null
    wait
    printf '%s' "$files" | while read -r file; do rm -f "$file"; done
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# memcached refuses to run as root.
user=
[ "$(id -u)" -ne 0 ] || user="-u nobody"
servers=
for n in 0 1 2 3 4; do
    one=$run/memcached-$((first + n))
    # shellcheck disable=SC2086 # options are words
    memcached -l 127.0.0.1 -p $((first + n)) -U 0 -t 1 $user </dev/null >"$one.log" 2>&1 &
    echo $! >"$one.pid"
    pids="$pids $!"
    files="$files$one.pid
"
    servers="$servers${servers:+,}127.0.0.1:$((first + n))"
done
# They must be up before the proxy asks them, or it waits a second before it asks again.
sleep 1
for pid in $pids; do
    kill -0 "$pid" 2>/dev/null || {
        cat "$run"/memcached-*.log >&2
        echo "run: not all memcacheds run; are ports $first to $((first + 4)) taken?" >&2
        exit 1
    }
done

"$binary" -s "$servers" -p "$port" &
proxy=$!
pids="$proxy $pids"
sleep 1
if kill -0 "$proxy" 2>/dev/null; then
    # Not echo: some shells turn its \r and \n into what they mean.
    printf '\ntry it from another terminal:\n'
    printf "  printf '%s' | nc 127.0.0.1 %s\\n" \
        'set hello 0 0 5\r\nworld\r\nget hello\r\nquit\r\n' "$port"
    printf 'Ctrl-C ends it all.\n'
fi
wait "$proxy"
