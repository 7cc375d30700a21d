#!/usr/bin/env bash
# Runs a command on a copy of this checkout in a bare Debian of a given release: `in-debian.sh 13 make test`.
#
# The first run installs that Debian, and what make setup installs there, in the cache directory; each run writes to memory
# above it. Mounts and processes belong to namespaces of the run and end with it, however it ends. What failed tests
# report is left in build/debian-RELEASE. Exits as the command does, or with 125 when it could not be run.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
# shellcheck source=scripts/setup/debian-archive.sh
. "$here/debian-archive.sh"

OWN_FAILURE=125
EXAMPLE='scripts/setup/in-debian.sh 13 make test'
# How long a command may take to end after Ctrl-C before it is ended.
INTERRUPT_GRACE_S=10
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
AUTHORITIES=/etc/ssl/certs/ca-certificates.crt
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
# Ends what runs in the namespaces, and with it the namespaces.
end_child() {
  [ -n "$child" ] || return 0
  kill -s KILL "$child" 2>/dev/null || true
  wait "$child" 2>/dev/null || true
  child=''
}

# end_early SIGNAL_NUMBER: a half-made root must not be taken for a whole one.
end_early() {
  end_child
  clear_line
  rm -rf "$place/root.partial"
  leave_reports "$((128 + $1))"
  exit $((128 + $1))
}

clear_line() { [ ! -t 2 ] || printf '\r\033[K' >&2; }

# stage TITLE COMMAND…: says what is going on; the command's own words go to the log, and are shown when it fails.
stage() {
  local title=$1 started=$SECONDS
  shift
  say "$title …"
  "$@" >>"$log" 2>&1 </dev/null 9>&- &
  child=$!
  while kill -0 "$child" 2>/dev/null; do
    [ ! -t 2 ] ||
      printf '\r\033[K%4d s  %.70s' $((SECONDS - started)) "$(tail -n 1 "$log" | tr -dc '[:print:]')" >&2
    sleep 0.5
  done
  clear_line
  if ! wait "$child"; then
    child=''
    rm -rf "$place/root.partial"
    tail -n 15 "$log" >&2
    fail "Failed: $title (its last words are above, all of them in $log)" 'mend what they name, then run this again'
  fi
  child=''
  say "$title: $((SECONDS - started)) s"
}

find_mirror() {
  mirror=${DEBIAN_MIRROR:-$(debian_mirror || true)}
  case "$mirror" in
    http://* | https://*) ;;
    '')
      fail 'The sources of apt name no Debian archive (a URI that ends in /debian)' \
        'set DEBIAN_MIRROR to the URI of one, then run this again'
      ;;
    *) fail "Cannot install from $mirror: it is neither http nor https" 'set DEBIAN_MIRROR to the URI of such an archive' ;;
  esac
}

# What enter-root.sh writes into the root so that apt and npm reach there what they reach here.
export_network() {
  local security name value settings=''
  security=$(debian_security_mirror || true)
  ! command -v npm >/dev/null 2>&1 ||
    settings=$(cd / && npm config get registry proxy https-proxy noproxy cafile 2>/dev/null || true)
  IN_DEBIAN_SOURCES=$(debian_sources "$codename" "$mirror" "$security")
  IN_DEBIAN_APT_SETTINGS=$(apt_settings)
  IN_DEBIAN_AUTHORITIES=$(
    printf '%s\n' "$AUTHORITIES" "${NODE_EXTRA_CA_CERTS:-}" "$(apt_authorities)" \
      "$(sed -n 's/^cafile=//p' <<<"$settings")" | while read -r name; do [ ! -f "$name" ] || readlink -f "$name"; done |
      sort -u
  )
  export IN_DEBIAN_SOURCES IN_DEBIAN_APT_SETTINGS IN_DEBIAN_AUTHORITIES
  while IFS='=' read -r name value; do
    case "$name=$value" in
      cafile=* | *= | *=null | *=undefined) ;;
      *) export "npm_config_${name//-/_}=$value" ;;
    esac
  done <<<"$settings"
  export npm_config_cafile=$AUTHORITIES
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO; do export "$name=$AUTHORITIES"; done
}

# The rest of the environment is handed on, but for what names files of this machine or belongs to another make.
clean_environment() {
  unset TMPDIR XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR QUICKJS_DIR NODE_PATH NODE_OPTIONS \
    SSL_CERT_DIR MAKEFLAGS MAKELEVEL MFLAGS LC_ALL LANGUAGE
  export LANG=C.UTF-8
}

# The base system, whole or not at all.
bootstrap() {
  local proxy
  [ -r "$KEYRING" ] || fail "Cannot verify Debian's packages: no $KEYRING" 'apt-get install debian-archive-keyring'
  proxy=$(apt_proxy)
  [ -z "$proxy" ] || export http_proxy="${http_proxy:-$proxy}"
  rm -rf "$place/root.partial"
  stage "installing the base of Debian $release ($codename)" "${CONTAINED[@]}" \
    debootstrap --variant=minbase --include=ca-certificates,make --force-check-gpg --keyring="$KEYRING" \
    "$codename" "$place/root.partial" "$mirror"
  mv "$place/root.partial" "$place/root"
}

# What decides which packages are installed, and how.
wanted_stamp() {
  (cd "$checkout" && sha256sum package-lock.json scripts/setup/{setup,requirements,enter-root}.sh)
}

is_ready() {
  [ -d "$place/root" ] && [ "$(cat "$place/stamp" 2>/dev/null)" = "$(wanted_stamp)" ]
}

# Leaves the root ready and this run's lock on it shared, so that nobody changes it meanwhile.
prepare_root() {
  mkdir -p "$place/mount"
  exec 9>"$place/lock"
  flock --shared --nonblock 9 || { say "waiting for a run that installs Debian $release" && flock --shared 9; }
  ! is_ready || return 0
  flock --nonblock 9 || { say "waiting for other runs in Debian $release to end" && flock 9; }
  : >"$log"
  [ -d "$place/root" ] || bootstrap
  if ! is_ready; then
    rm -f "$place/stamp"
    stage "installing what make setup installs in Debian $release" "${CONTAINED[@]}" \
      "$here/enter-root.sh" "$place" install "$checkout"
    wanted_stamp >"$place/stamp"
  fi
  flock --shared 9
}

# Ctrl-C reaches the command as it reaches this script; it gets time to end.
run_command() {
  local status=0 interrupt='' left=$((INTERRUPT_GRACE_S * 10))
  trap 'interrupt=1' INT
  # Without job control a shell has what runs in the background ignore Ctrl-C.
  env --default-signal=INT,QUIT "${CONTAINED[@]}" "$here/enter-root.sh" "$place" run "$checkout" "$@" <&0 9>&- &
  child=$!
  wait "$child" || status=$?
  if [ -n "$interrupt" ]; then
    while kill -0 "$child" 2>/dev/null && [ $((left -= 1)) -gt 0 ]; do sleep 0.1; done
    end_early 2
  fi
  child=''
  return "$status"
}

# leave_reports STATUS: what tests report stays only where some failed.
leave_reports() {
  local reports=$checkout/build/debian-$release
  [ -d "$reports" ] || return 0
  if [ "$1" = 0 ]; then rm -rf "$reports"; else rmdir "$reports" 2>/dev/null || true; fi
  rmdir "$checkout/build" 2>/dev/null || true
  [ -d "$reports" ] || return 0
  chown -R --reference="$checkout" "$checkout/build/debian-$release"
  say "reports and bundles of failed tests are in build/debian-$release"
}

main() {
  check_arguments "$@"
  release=$1
  shift
  place=${XDG_CACHE_HOME:-$HOME/.cache}/eremite/debian-$release
  log=$place/install.log
  trap 'end_early 2' INT
  trap 'end_early 15' TERM
  trap 'end_early 1' HUP
  { : <&0; } 2>/dev/null || exec </dev/null
  find_mirror
  export_network
  clean_environment
  prepare_root
  rm -rf "$checkout/build/debian-$release"
  local status=0
  run_command "$@" || status=$?
  leave_reports "$status"
  exit "$status"
}

main "$@"
