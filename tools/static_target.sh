#!/bin/sh
# Prints the target of the static binary: musl where its target is installed, else the GNU target of
# this machine, which links statically with crt-static.
host=$(rustc -vV 2>/dev/null | sed -n 's/^host: //p')
musl=$(printf '%s' "$host" | sed 's/-gnu$/-musl/')
if [ -n "$musl" ] && [ -d "$(rustc --print sysroot)/lib/rustlib/$musl/lib" ]; then
    echo "$musl"
else
    echo "${host:-unknown}"
fi
