#!/bin/sh
# Builds the container image with whichever tool is there.
set -u
binary=$1
image=$2
containerfile=$(dirname "$0")/../etc/Containerfile

context=$(mktemp -d) || exit 1
trap 'rm -rf "$context"' EXIT
install -m 755 "$binary" "$context/nodeproxy" || exit 1

why=
for tool in docker podman buildah; do
    command -v "$tool" >/dev/null || continue
    if [ "$tool" = docker ] && ! docker version >/dev/null 2>&1; then
        why="docker is there, but its engine does not run; "
        continue
    fi
    echo "$tool builds $image"
    "$tool" build -f "$containerfile" -t "$image" "$context"
    exit
done
echo "${why}found no docker, podman or buildah that works; install one of them" >&2
exit 1
