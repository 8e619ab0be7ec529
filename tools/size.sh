#!/bin/sh
# Prints the size of the binary and the memory that it needs when nobody uses it.
set -u
binary=$1
"$binary" -s 127.0.0.1:1 -p 0 2>/dev/null &
proxy=$!
trap 'kill "$proxy" 2>/dev/null' EXIT
sleep 1
echo "$binary: $(wc -c <"$binary") bytes"
awk '/^VmRSS/ { print "resident when idle: " $2 " KiB" }' "/proc/$proxy/status"
