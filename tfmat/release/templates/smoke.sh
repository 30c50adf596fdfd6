#!/usr/bin/env bash
# Asks a running server for the state of every model and for one prediction, and compares it with
# what ONNX Runtime computed when these files were written.
#   ./smoke.sh [http://HOST:PORT]
set -euo pipefail
export LC_ALL=C # numbers have a point
cd "$(dirname "$0")"
url="${1:-@url}"
version=@version
answer="$(mktemp)"
trap 'rm -f "$answer"' EXIT

fail() {
  echo "smoke: $*" >&2
  # A server's words must not command the terminal.
  if [ -s "$answer" ]; then head -c 500 "$answer" | tr -c '[:print:]\n' ' ' >&2; echo >&2; fi
  exit 1
}

ask() { # what, then what curl gets; the answer must come with status 200
  local what="$1" status
  shift
  : >"$answer"
  status="$(curl -sS --max-time 60 --max-filesize 100000000 -o "$answer" -w '%{http_code}' "$@@")" || fail "$what: no answer"
  [ "$status" = 200 ] || fail "$what: status $status"
}

for model in @models; do
  ask "$model" "$url/v1/models/$model/versions/$version"
  grep -q '"state": *"AVAILABLE"' "$answer" || fail "$model: version $version is not available"
  echo "$model: version $version is available"
done

model=@smoke_model
ask "$model" -H 'Content-Type: application/json' --data-binary @@smoke.json \
  "$url/v1/models/$model/versions/$version:predict"
grep -q '"outputs"' "$answer" || fail "$model: no outputs"
# Number and sum of all numbers of the answer.
tr -c '0-9eE.+-' '\n' <"$answer" | awk -v count=@count -v sum=@sum -v most=@most '
  /^[-+]?[0-9]/ { found += $1; numbers += 1 }
  END {
    difference = found > sum ? found - sum : sum - found
    if (numbers != count || difference > most) {
      printf "%d numbers with sum %.6g, not %d with sum %.6g\n", numbers, found, count, sum
      exit 1
    }
  }' >&2 || fail "$model: not what this package predicts"
echo "$model: predicts as ONNX Runtime does"
