#!/usr/bin/env bash
# A conversation in a real terminal, with tmux at its keys. usage: chat.sh PROGRAM
. "$(dirname "$0")/common.bash"
command -v tmux > /dev/null || { echo "SKIPPED: there is no tmux"; exit 77; }
export TMUX_TMPDIR=$work LC_ALL=C.UTF-8
unset TMUX
number=0
terminal() { tmux -L attend$number -f /dev/null "$@"; }
trap 'terminal kill-server 2> /dev/null || true; rm -rf "$work"' EXIT

# open COLUMNS ARGUMENTS...: the program in a terminal, which tells its exit code
open() {
  local columns=$1
  shift
  number=$((number + 1)) # a server that was killed may still hold its socket
  terminal new-session -d -x "$columns" -y 40 "NO_COLOR=1 XDG_STATE_HOME='$work/state' '$attend' $*; echo ended with \$?; cat"
}
screen() { terminal capture-pane -p -J -S -; }
# sees TEXT: waits until the terminal shows it
sees() {
  for _ in $(seq 600); do
    screen | grep -qF -- "$1" && return
    sleep 0.05
  done
  fail "no \"$1\" in the terminal:"$'\n'"$(screen)"
}
# times COUNT TEXT: waits until the terminal shows it so often
times() {
  for _ in $(seq 600); do
    [ "$(screen | grep -cF -- "$2")" -eq "$1" ] && return
    sleep 0.05
  done
  fail "not $1 times \"$2\" in the terminal:"$'\n'"$(screen)"
}
keys() { terminal send-keys "$@"; }
close() { terminal kill-server; }

# Editing: a letter that was left out, words that go, history, completion; without a chat template each line stands alone.
open 80 run -m models/g2p-en
sees "no chat template"
keys -l helo
keys Left
keys -l l
keys Enter
sees "HH EH1 L OW0"
sees "end: end"
keys Up C-a
keys -l "X X "
keys C-a C-k
keys -l "cat dog"
keys C-w
keys Home
keys Delete BSpace
keys C-e C-u
keys -l attention
keys Enter
sees "AH0 T EH1 N SH AH0 N"
keys Up Up Enter
times 2 "HH EH1 L OW0"
keys -l /he
keys Tab Enter
sees "/retry"
keys -l "/set num_beams 4"
keys Enter
keys -l /options
keys Enter
sees "num_beams = 4"
keys -l hello
keys Enter
times 3 "HH EH1 L OW0"
keys -l /nonsense
keys Enter
sees "there is no command /nonsense"
keys -l "/set no_such 1"
keys Enter
keys -l hello
keys Enter
sees "no_such"
keys -l "never sent"
keys C-c
keys C-d
sees "ended with 0"
close
grep -qx attention "$work/state/attend/history" || fail "the history was not kept"
grep -q "never sent" "$work/state/attend/history" && fail "a dropped line is in the history"

# A line longer than the terminal is wide, and one of wide characters.
open 30 run -m models/g2p-en
sees ">>> "
keys -l "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"
keys Home
keys -l "東京"
sees ">>> 東京aaaaaaaaaabbbbbbbbbb"
keys C-k C-u
keys -l hello
keys Enter
sees "HH EH1 L OW0"
keys -l /exit
keys Enter
sees "ended with 0"
close

# A conversation by a chat template, with a picture; it is saved, and goes on. The model is random: what counts is that
# it was asked.
model=Tests/Fixtures/features/smolvlm
open 80 run -m $model --max-new-tokens 4 --conversation "$work/talk.json" --system Calm
sees "conversation)"
keys -l '"""first line'
keys Enter
keys -l 'second line"""'
keys Enter
times 1 "4 tokens, first after"
keys -l "/image models/shapes-en/scene.png"
keys Enter
keys -l "and this"
keys Enter
times 2 "4 tokens, first after"
keys -l /retry
keys Enter
times 3 "4 tokens, first after"
keys -l "one too many"
keys Enter
times 4 "4 tokens, first after"
keys -l /undo
keys Enter
keys C-d
sees "ended with 0"
close
python3 - "$work/talk.json" <<'P'
import json, sys

talk = json.load(open(sys.argv[1]))
assert [message["role"] for message in talk] == ["system", "user", "assistant", "user", "assistant"], talk
assert talk[0]["content"] == "Calm" and talk[1]["content"] == "first line\nsecond line", talk
P

# One prompt, without a terminal.
status 0 "$attend" run -m models/g2p-en attention
same "an answer" "AH0 T EH1 N SH AH0 N" "$(cat "$work/out")"
same "of a pipe" "HH EH1 L OW0" "$(printf hello | "$attend" run -m models/g2p-en)"
status 0 "$attend" run -m $model --max-new-tokens 3 --image models/shapes-en/scene.png --format json "What is this?"
python3 -c '
import json, sys
(row,) = json.load(open(sys.argv[1]))
assert row["tokens"] == 3 and row["finish_reason"] == "length" and row["prompt"] == "What is this?", row' "$work/out"
printf 'hello\nattention\n' > "$work/prompts"
same "many" $'HH EH1 L OW0\nAH0 T EH1 N SH AH0 N' "$("$attend" run -m models/g2p-en -i "$work/prompts")"
status 1 "$attend" run -m models/g2p-en --system Calm hello
says "chat template"
