#!/usr/bin/env bash
# The server and the client of OpenAI's. usage: client.sh PROGRAM
. "$(dirname "$0")/common.bash"
python3 Tests/Command/serve_client.py "$attend" "$work"
