# shellcheck shell=bash
# What ./run, ./test, .ci/run and bench/run share: finding tools, and installing them where that is allowed.
# Sourced, never run. Everything here is said on stderr, so that stdout stays the program's.

NEXUS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
NEXUS_TARGET=${CARGO_TARGET_DIR:-$NEXUS_ROOT/target}
if [ -n "${CARGO_TARGET_DIR:-}" ]; then
  # Relative to where the caller stands, as cargo takes it; the scripts go elsewhere.
  case $NEXUS_TARGET in /*) ;; *) NEXUS_TARGET=$PWD/$NEXUS_TARGET ;; esac
  export CARGO_TARGET_DIR=$NEXUS_TARGET
fi
NEXUS_VENV=$NEXUS_TARGET/python
# Pinned so that a new release can't turn a green commit red.
CARGO_DENY_VERSION=0.20.2
CARGO_NEXTEST_VERSION=0.9.143
CARGO_FUZZ_VERSION=0.13.2

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
in_ci() { [ "${CI:-}" = true ]; }

# Runs as root if we are root or may become it without a question; else fails.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
  else return 1
  fi
}

# need COMMAND PACKAGE...: makes sure that COMMAND is there, by apt if need be.
need() {
  local command=$1; shift
  PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null && return 0
  apt_install "$@" || die "'$command' is missing. Install it first, on Debian or Ubuntu with:
    sudo apt-get update && sudo apt-get install -y $*"
}

apt_install() {
  command -v apt-get >/dev/null || return 1
  as_root true || return 1
  say "installing $* …"
  export DEBIAN_FRONTEND=noninteractive
  if [ -z "${NEXUS_APT_UPDATED:-}" ]; then
    as_root apt-get update -qq >&2 || return 1
    NEXUS_APT_UPDATED=1
  fi
  as_root apt-get install -y -qq --no-install-recommends "$@" >&2
}

# The compilers. Rust itself is never installed behind a person's back.
need_rust() {
  command -v cargo >/dev/null || [ ! -x "$HOME/.cargo/bin/cargo" ] || PATH=$HOME/.cargo/bin:$PATH
  command -v cargo >/dev/null || die "Rust is missing. Install it from https://rustup.rs with:
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
  need cc gcc libc6-dev
  # The pinned toolchain may be absent where rustup may not download; a stable one that is new enough does too.
  if ! (cd "$NEXUS_ROOT" && cargo --version >/dev/null 2>&1); then
    if cargo +stable --version >/dev/null 2>&1; then
      export RUSTUP_TOOLCHAIN=stable
      say "note: the toolchain of rust-toolchain.toml is not installed, using $(cargo +stable --version)"
    else
      (cd "$NEXUS_ROOT" && cargo --version) || true
      die "the Rust toolchain of rust-toolchain.toml is not installed. Run: rustup toolchain install"
    fi
  fi
}

# need_cargo_tool NAME VERSION: a cargo subcommand, built from crates.io into ~/.cargo/bin when missing.
need_cargo_tool() {
  local name=$1 version=$2
  (cd "$NEXUS_ROOT" && cargo "${name#cargo-}" --version >/dev/null 2>&1) && return 0
  say "installing $name $version (some minutes, once) …"
  (cd "$NEXUS_ROOT" && cargo install --quiet --locked --version "$version" "$name") >&2 ||
    die "could not install $name. Run: cargo install --locked --version $version $name"
}

# A Python of our own for the independent reader, with the few packages it uses.
need_python() {
  local stamp=$NEXUS_VENV/requirements.txt wanted=$NEXUS_ROOT/tools/requirements.txt
  if [ -x "$NEXUS_VENV/bin/python" ] && cmp -s "$wanted" "$stamp"; then return 0; fi
  need python3 python3 python3-venv
  rm -rf "$NEXUS_VENV"
  mkdir -p "$NEXUS_TARGET"
  if ! python3 -m venv "$NEXUS_VENV" >/dev/null 2>&1; then
    # Debian's python3 comes without the module.
    apt_install python3-venv || die "Python's venv module is missing. Run: sudo apt-get install -y python3-venv"
    rm -rf "$NEXUS_VENV"
    python3 -m venv "$NEXUS_VENV" >&2
  fi
  "$NEXUS_VENV/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2 ||
    die "pip could not install what tools/requirements.txt names (is the network there?)"
  cp "$wanted" "$stamp"
}
