# Makes the packages. usage: make.sh FOLDER        in the root of the repository
set -euo pipefail
command -v swift > /dev/null || { echo "skipped: there is no swift here"; exit 77; }
swift package resolve --package-path program > /dev/null 2>&1 || { echo "skipped: what the program depends on cannot be had here"; exit 77; }
scripts/package "$1"
