#!/bin/sh
# Runs five memcacheds and a nodeproxy before them, until Ctrl-C, and leaves nothing behind.
set -u
binary=$1
here=$(dirname "$0")
port=${PORT:-11111}
first=${MEMCACHED_PORT:-11220}

servers=
ports=
for n in 0 1 2 3 4; do
    servers="$servers${servers:+,}127.0.0.1:$((first + n))"
    ports="$ports $((first + n))"
done

proxy=
stop() {
    trap - HUP INT TERM EXIT
    [ -n "$proxy" ] && kill "$proxy" 2>/dev/null && wait "$proxy"
    # Only its own: there may be others of another run.
    # shellcheck disable=SC2086 # ports are words
    "$here/stop_memcached.sh" $ports
}
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

"$here/start_memcached.sh" || exit 1
trap stop EXIT
"$binary" -s "$servers" -p "$port" &
proxy=$!
sleep 1
if kill -0 "$proxy" 2>/dev/null; then
    # Not echo: some shells turn its \r and \n into what they mean.
    printf '\ntry it from another terminal:\n'
    printf "  printf '%s' | nc 127.0.0.1 %s\\n" \
        'set hello 0 0 5\r\nworld\r\nget hello\r\nquit\r\n' "$port"
    printf 'Ctrl-C ends it all.\n'
fi
wait "$proxy"
status=$?
proxy=
exit "$status"
