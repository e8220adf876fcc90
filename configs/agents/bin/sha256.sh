#!/bin/sh
# The SHA-256 of the file whose path is the payload: a JSON string without escapes. Payload on stdin, result on stdout.
set -eu
path=$(cat)
path=${path#\"}
path=${path%\"}
if [ ! -r "$path" ]; then
  echo "the file '$path' cannot be read" >&2
  exit 1
fi
sum=$(sha256sum <"$path")
printf '{"sha256":"%s"}' "${sum%% *}"
