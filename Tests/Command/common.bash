# Sourced by the scripts of this folder, whose argument is the program. Sets `attend` and `work`, an empty folder.
set -euo pipefail
attend=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state
unset ATTEND_MODEL

fail() { echo "FAILED: $*"; exit 1; }

# same WHAT EXPECTED ACTUAL
same() { [ "$2" = "$3" ] || fail "$1: expected"$'\n'"$2"$'\n'"and not"$'\n'"$3"; }

# status CODE COMMAND...: runs a command, whose output goes to $work/out and $work/err, and wants its exit code.
status() {
  local wanted=$1 code=0
  shift
  "$@" > "$work/out" 2> "$work/err" < "${stdin:-/dev/null}" || code=$?
  [ "$code" -eq "$wanted" ] || fail "$*: exit code $code, not $wanted"$'\n'"$(cat "$work/out" "$work/err")"
}

# says TEXT: the last command complained of it
says() { grep -qF -- "$1" "$work/err" || fail "no word of \"$1\" in: $(cat "$work/err")"; }
