#!/bin/sh
# Tries clients as their users would, against a nodeproxy before four memcacheds. What they need is
# installed into a temporary folder, which is removed; what cannot be installed is skipped, loudly.
set -u
binary=$1
here=$(dirname "$0")
work=$(mktemp -d) || exit 1
port=${PORT:-11117}
first=${MEMCACHED_PORT:-11250}
pids=
finish() {
    trap - INT TERM EXIT
    # shellcheck disable=SC2086
    [ -n "$pids" ] && kill $pids 2>/dev/null && wait $pids 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as=
[ "$(id -u)" -eq 0 ] && as="-u nobody"
servers=
for n in 0 1 2 3; do
    # shellcheck disable=SC2086
    memcached -l 127.0.0.1 -U 0 -p $((first + n)) $as & pids="$pids $!"
    servers="$servers${servers:+,}127.0.0.1:$((first + n))"
done
# They must be up before the proxy asks them, or it waits a second before it asks again.
sleep 1
"$binary" -s "$servers" -p "$port" -n 2 2>"$work/log" & pids="$pids $!"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    grep -q listening "$work/log" && break
    sleep 0.2
done
grep -q listening "$work/log" || { cat "$work/log" >&2; exit 1; }

passed=0 failed=0 skipped=0
try() {
    name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        echo "pass     $name"
        passed=$((passed + 1))
    else
        echo "FAIL     $name"
        tail -n 20 "$work/out"
        failed=$((failed + 1))
    fi
}
skip() {
    echo "SKIPPED  $1: $2"
    skipped=$((skipped + 1))
}

if command -v memccapable >/dev/null; then
    try "memccapable (libmemcached)" memccapable -h 127.0.0.1 -p "$port" -a
else
    skip memccapable "it is not here; it comes with libmemcached-tools"
fi

# The packages that each script needs, behind its name.
if python3 -m venv "$work/venv" >/dev/null 2>&1; then
    while read -r script packages; do
        # shellcheck disable=SC2086
        if "$work/venv/bin/pip" -q install $packages >"$work/out" 2>&1; then
            try "$script" timeout 120 "$work/venv/bin/python" -P "$here/clients/$script" "$port"
        else
            skip "$script" "pip cannot install $packages"
        fi
    done <<END
pymemcache.py pymemcache
python_memcached.py python-memcached
emcache.py emcache aiomcache
meta_memcache.py meta-memcache
pylibmc.py pylibmc
django_cache.py django pymemcache pylibmc
END
else
    skip "the Python clients" "python3 with venv is not here"
fi

if command -v npm >/dev/null && npm install --silent --prefix "$work" memcached >"$work/out" 2>&1; then
    try memcached.js env NODE_PATH="$work/node_modules" timeout 120 \
        node "$here/clients/memcached.js" "$port"
else
    skip memcached.js "npm is not here, or cannot install memcached"
fi

echo "clients: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
