#!/usr/bin/env bash
# Runs a command on a copy of this checkout in a bare Debian of a given release: `in-debian.sh 13 make test`.
#
# The first run installs that Debian, and what make setup installs there, under the cache directory; later runs write to
# memory above it. All mounts and processes belong to namespaces of this run and end with it, however it ends. Exits as
# the command does, or with 125 when it could not be run.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
# shellcheck source=scripts/setup/debian-archive.sh
. "$here/debian-archive.sh"

OWN_FAILURE=125
# How long a command may take to end after Ctrl-C before it is ended.
INTERRUPT_GRACE_S=10
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
AUTHORITIES=/etc/ssl/certs/ca-certificates.crt
EXAMPLE='scripts/setup/in-debian.sh 13 make test'
# Whoever ends this script, even with SIGKILL, ends everything it started.
CONTAINED=(setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc)

# fail CAUSE NEXT: one line.
fail() {
  printf 'in-debian: %s. Next: %s\n' "$1" "$2" >&2
  exit "$OWN_FAILURE"
}

say() { printf 'in-debian: %s\n' "$1" >&2; }

check_arguments() {
  [ $# -gt 0 ] || fail 'No release and no command given' "$EXAMPLE"
  codename=$(debian_codename "$1") || fail "Cannot take '$1' as the release: it may be 12 or 13" "$EXAMPLE"
  [ $# -gt 1 ] || fail "No command given to run in Debian $1" "$EXAMPLE"
  [ "$(id -u)" = 0 ] || fail 'Needs root, for mounts and devices' "sudo scripts/setup/in-debian.sh $*"
  local tool
  for tool in debootstrap git tar unshare setpriv pivot_root flock; do
    command -v "$tool" >/dev/null 2>&1 || fail "Cannot find $tool" 'make setup'
  done
}

child=''
# end_child: what runs in the namespaces, and with it the namespaces.
end_child() {
  [ -z "$child" ] || kill -s KILL "$child" 2>/dev/null || true
  [ -z "$child" ] || wait "$child" 2>/dev/null || true
  child=''
}

# interrupted SIGNAL_NUMBER: a half-made root must not be taken for a whole one.
interrupted() {
  end_child
  [ -t 2 ] && printf '\r\033[K' >&2
  rm -rf "$place/root.partial"
  exit $((128 + $1))
}

# stage TITLE COMMAND…: says what is going on; the command's own words go to the log, and are shown when it fails.
stage() {
  local title=$1 started=$SECONDS
  shift
  say "$title"
  "$@" >>"$log" 2>&1 </dev/null &
  child=$!
  while kill -0 "$child" 2>/dev/null; do
    [ ! -t 2 ] || printf '\r\033[K%4d s  %.70s' $((SECONDS - started)) "$(tail -n 1 "$log" | tr -dc '[:print:]')" >&2
    sleep 0.5
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
  if ! wait "$child"; then
    child=''
    tail -n 15 "$log" >&2
    rm -rf "$place/root.partial"
    fail "$title: failed (its last words are above, all of them in $log)" 'mend what they name, then run this again'
  fi
  child=''
  say "$title: $((SECONDS - started)) s"
}

# The authorities that this machine's apt, npm and Node.js trust, as one file's text.
authorities() {
  local file
  for file in "$AUTHORITIES" "${NODE_EXTRA_CA_CERTS:-}" "$(npm_setting cafile)" \
    "$(apt-config dump --format '%v%n' Acquire::https::CaInfo)"; do
    [ ! -r "$file" ] || readlink -f "$file"
  done | sort -u | while read -r file; do cat "$file"; done
}

npm_setting() {
  command -v npm >/dev/null 2>&1 || return 0
  (cd / && npm config get "$1" 2>/dev/null) | grep -v '^null$' || true
}

# What the network needs, written into the root: names, authorities, apt's sources and settings.
connect_root() {
  local root=$1 mirror security
  mirror=$(find_mirror)
  security=$(debian_security_mirror) || security=''
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  mkdir -p "$root/etc/ssl/certs" "$root/etc/apt/apt.conf.d" "$root/etc/dpkg/dpkg.cfg.d"
  authorities >"$root/$AUTHORITIES"
  debian_sources "$codename" "$mirror" "$security" >"$root/etc/apt/sources.list"
  {
    apt_settings
    echo 'Acquire::Languages "none";'
    # Services that packages bring have nobody to serve here, and no init.
    echo 'APT::Install-Recommends "false";'
  } >"$root/etc/apt/apt.conf.d/90in-debian"
  # A root that is lost with the power is made again: no need to wait for the disk at each file.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/in-debian"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 0755 "$root/usr/sbin/policy-rc.d"
}

find_mirror() {
  local mirror
  mirror=${DEBIAN_MIRROR:-$(debian_mirror)} ||
    fail 'The sources of apt name no Debian archive (a URI that ends in /debian)' \
      'set DEBIAN_MIRROR to the URI of one, then run this again'
  case "$mirror" in
    http://* | https://*) echo "$mirror" ;;
    *) fail "Cannot install from $mirror: it is not http or https" 'set DEBIAN_MIRROR to the URI of such an archive' ;;
  esac
}

# The base system, whole or not at all.
bootstrap() {
  local mirror proxy
  mirror=$(find_mirror)
  [ -r "$KEYRING" ] || fail "Cannot verify Debian's packages: no $KEYRING" 'apt-get install debian-archive-keyring'
  proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy)
  [ -z "$proxy" ] || export http_proxy="${http_proxy:-$proxy}"
  rm -rf "$place/root.partial"
  stage "base system of Debian $release ($codename)" "${CONTAINED[@]}" \
    debootstrap --variant=minbase --include=ca-certificates,make --force-check-gpg --keyring="$KEYRING" \
    "$codename" "$place/root.partial" "$mirror"
  connect_root "$place/root.partial"
  mv "$place/root.partial" "$place/root"
}

# What decides which packages are installed.
wanted_stamp() {
  (cd "$checkout" && sha256sum package-lock.json scripts/setup/*.sh)
}

is_ready() {
  [ -d "$place/root" ] && [ "$(cat "$place/stamp" 2>/dev/null)" = "$(wanted_stamp)" ]
}

# Leaves the root ready and this run's lock on it shared, so that nobody changes it meanwhile.
prepare_root() {
  mkdir -p "$place/mount"
  exec 9>"$place/lock"
  flock --shared --nonblock 9 || { say "waiting for another run, which installs Debian $release"; flock --shared 9; }
  is_ready && return
  flock --nonblock 9 || { say "waiting for other runs in Debian $release to end"; flock 9; }
  : >"$log"
  [ -d "$place/root" ] || bootstrap
  if ! is_ready; then
    rm -f "$place/stamp"
    connect_root "$place/root"
    stage "packages that make setup installs in Debian $release" "${CONTAINED[@]}" \
      "$here/enter-root.sh" "$place" install "$checkout" 9>&-
    wanted_stamp >"$place/stamp"
  fi
  flock --shared 9
}

# The environment of the command: this machine's, where it does not name this machine's files.
export_environment() {
  local name value
  unset TMPDIR XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR QUICKJS_DIR NODE_PATH NODE_OPTIONS SSL_CERT_DIR
  unset MAKEFLAGS MAKELEVEL MFLAGS LC_ALL
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO; do export "$name=$AUTHORITIES"; done
  for name in registry proxy https-proxy noproxy; do
    value=$(npm_setting "$name")
    [ -z "$value" ] || export "npm_config_${name//-/_}=$value"
  done
  export npm_config_cafile=$AUTHORITIES LANG=C.UTF-8
}

# Ctrl-C reaches the command as it reaches this script; it gets time to end.
run_command() {
  local status=0 left=$((INTERRUPT_GRACE_S * 10))
  env --default-signal=INT,QUIT "${CONTAINED[@]}" "$here/enter-root.sh" "$place" run "$checkout" "$@" <&0 9>&- &
  child=$!
  local interrupt=''
  trap 'interrupt=1' INT
  wait "$child" || status=$?
  if [ -n "$interrupt" ]; then
    while kill -0 "$child" 2>/dev/null && [ $((left -= 1)) -gt 0 ]; do sleep 0.1; done
    interrupted 2
  fi
  child=''
  return "$status"
}

main() {
  check_arguments "$@"
  release=$1
  shift
  place=${XDG_CACHE_HOME:-$HOME/.cache}/eremite/debian-$release
  log=$place/install.log
  trap 'interrupted 2' INT
  trap 'interrupted 15' TERM
  trap 'interrupted 1' HUP
  prepare_root
  export_environment
  local status=0
  run_command "$@" || status=$?
  exit "$status"
}

main "$@"
