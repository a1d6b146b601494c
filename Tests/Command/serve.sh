#!/usr/bin/env bash
# The server: its endpoints, bounds and ends. usage: serve.sh PROGRAM
. "$(dirname "$0")/common.bash"
for part in answers bounds; do python3 "Tests/Command/serve_$part.py" "$attend" "$work"; done
status 2 "$attend" serve -m models/g2p-en --port 70000
status 2 "$attend" serve -m models/g2p-en --max-body 0
status 1 "$attend" serve -m /nowhere
says "/nowhere"
status 1 "$attend" serve -m models/g2p-en -m other/../models/g2p-en
says 'two models are named "g2p-en"'
status 1 "$attend" serve -m models/g2p-en --host 203.0.113.1
says "203.0.113.1"
