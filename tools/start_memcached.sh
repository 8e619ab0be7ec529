#!/bin/sh
# Starts memcacheds on 127.0.0.1 for tests and trials. stop_memcached.sh ends them.
#
#   MEMCACHED        the program                      (memcached)
#   MEMCACHED_PORT   where the first of five listens  (11220)
#   MEMCACHED_PORTS  where all of them listen         (the five from MEMCACHED_PORT on)
#   MEMCACHED_ARGS   more options for each of them    (none)
#   NODEPROXY_RUN    the folder for their pid files   (${TMPDIR:-/tmp}/nodeproxy-run)
set -eu

memcached=${MEMCACHED:-memcached}
first=${MEMCACHED_PORT:-11220}
ports=${MEMCACHED_PORTS:-"$first $((first + 1)) $((first + 2)) $((first + 3)) $((first + 4))"}
run=${NODEPROXY_RUN:-${TMPDIR:-/tmp}/nodeproxy-run}
tries_max=100 # times 50 ms

here=$(dirname "$0")

fail() {
    echo "start_memcached: $*" >&2
    exit 1
}

# Ends what this call has started, and nothing else.
give_up() {
    if [ -n "$started" ]; then
        # shellcheck disable=SC2086 # ports are words
        NODEPROXY_RUN=$run "$here/stop_memcached.sh" $started >/dev/null 2>&1 || :
    fi
    fail "$@"
}

# What whoever listens on that port of 127.0.0.1 answers to `version`.
ask_version() {
    if command -v nc >/dev/null 2>&1; then
        printf 'version\r\nquit\r\n' | nc -w 1 127.0.0.1 "$1" 2>/dev/null
    elif command -v bash >/dev/null 2>&1; then
        bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "version\r\nquit\r\n" >&3 && cat <&3' \
            ask "$1" 2>/dev/null
    else
        fail "neither nc nor bash is installed; one of them is needed to ask for the version"
    fi
}

# Whether there is a process of that id, and not only its remains.
is_alive() {
    if [ -d /proc/self ]; then
        grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null
    else
        ps -o stat= -p "$1" | grep -q '^[^ZX]'
    fi
}

is_memcached() {
    if [ -d /proc/self ]; then
        is_alive "$1" && grep -q '^memcached' "/proc/$1/comm" 2>/dev/null
    else
        is_alive "$1" && ps -o comm= -p "$1" | grep -q 'memcached[^/]*$'
    fi
}

command -v "$memcached" >/dev/null 2>&1 ||
    fail "$memcached is not installed (on Debian: apt-get install memcached)"
mkdir -p "$run" || fail "cannot make the folder $run"

# memcached refuses to run as root.
user=
[ "$(id -u)" -ne 0 ] || user="-u nobody"

started=
for port in $ports; do
    pid_file=$run/memcached-$port.pid
    if [ -s "$pid_file" ] && is_memcached "$(cat "$pid_file")"; then
        give_up "a memcached that was started here runs on port $port already (pid $(cat "$pid_file"))"
    fi
    # shellcheck disable=SC2086 # options are words
    "$memcached" -l 127.0.0.1 -p "$port" -U 0 -t 1 $user ${MEMCACHED_ARGS:-} \
        </dev/null >"$run/memcached-$port.log" 2>&1 &
    pid=$!
    echo "$pid" >"$pid_file"
    started="$started $port"
done

for port in $started; do
    pid=$(cat "$run/memcached-$port.pid")
    tries=0
    until ask_version "$port" | grep -q '^VERSION '; do
        is_alive "$pid" ||
            give_up "no memcached on port $port: $(tail -n 1 "$run/memcached-$port.log")"
        tries=$((tries + 1))
        [ "$tries" -lt "$tries_max" ] || give_up "memcached on port $port gives no version"
        sleep 0.05
    done
    # Who answered may be another one, while ours was failing to listen.
    is_memcached "$pid" ||
        give_up "no memcached on port $port: $(tail -n 1 "$run/memcached-$port.log")"
done
echo "memcached on 127.0.0.1, ports$started; pid files in $run"
