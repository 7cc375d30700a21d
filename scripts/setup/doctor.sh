#!/usr/bin/env bash
# Names what is missing on this machine and the command that mends it; fails when something required is missing.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
# shellcheck source=scripts/setup/requirements.sh
. scripts/setup/requirements.sh
PATH=$PATH:/usr/sbin:/sbin
[ -x build/tools/bin/node ] && PATH=$root/build/tools/bin:$PATH

# What forbids unprivileged user namespaces here, as the command that allows them.
userns_remedy() {
  for knob in kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0; do
    [ -e "/proc/sys/$(printf '%s' "${knob%%=*}" | tr . /)" ] && { printf '%s' "${sudo}sysctl $knob"; return; }
  done
  printf 'run it as root'
}

failures=0
row() { printf '%-9s %-34s %s\n' "$1" "$2" "$3"; }
ok() { row ok "$1" "$2"; }
bad() { failures=$((failures + 1)); row MISSING "$1" "$2"; }
note() { row note "$1" "$2"; }

sudo=''
[ "$(id -u)" = 0 ] || sudo='sudo '

while IFS='|' read -r probe package need purpose; do
  if requirement_met "$probe"; then
    ok "$probe" "$purpose"
  elif [ "$need" = run ]; then
    bad "$probe" "$purpose: ${sudo}apt-get install $package"
  elif is_needed "$need" test; then
    bad "$probe" "($(command_of "$need") only) $purpose: ${sudo}apt-get install $package"
  else
    note "$probe" "($(command_of "$need") only, which installs it) $purpose: ${sudo}apt-get install $package"
  fi
done < <(requirements)

if node_is_recent; then
  ok "node $(node --version)" 'scripts and tests'
else
  bad "node >= $NODE_MAJOR" 'scripts and tests: make setup (takes a pinned one from npm)'
fi
if command -v npm >/dev/null 2>&1; then ok npm 'the packages of package-lock.json'; else bad npm "${sudo}apt-get install npm"; fi
if cmp -s package-lock.json node_modules/.eremite-lock; then
  ok 'npm packages' 'as package-lock.json has them'
else
  bad 'npm packages' 'not installed or out of date: make setup'
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/eremite
if [ -n "${QUICKJS_DIR:-}" ]; then
  note 'QuickJS source' "from QUICKJS_DIR=$QUICKJS_DIR (the build verifies its checksum)"
elif compgen -G "$cache/*quickjs*" >/dev/null; then
  ok 'QuickJS source' "in $cache"
else
  note 'QuickJS source' 'not cached yet: the first build takes it from the Debian source package through apt'
fi

if [ "$(uname -m)" = x86_64 ]; then ok x86_64 'the only guest and host architecture for now'; else bad x86_64 "this machine is $(uname -m): use an x86_64 machine"; fi
if [ -c /dev/net/tun ] && (: <>/dev/net/tun) 2>/dev/null; then
  ok /dev/net/tun 'TAP devices: checksum and segmentation offload'
elif [ -c /dev/net/tun ]; then
  note /dev/net/tun "not for this user: make run falls back to user-mode networking without offloads (${sudo}chmod 0666 /dev/net/tun)"
else
  note /dev/net/tun "not there: make run falls back to user-mode networking without offloads (${sudo}modprobe tun)"
fi
if [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
  ok 'network namespaces' 'as root'
elif unshare -rn true 2>/dev/null; then
  ok 'network namespaces' 'through an unprivileged user namespace'
else
  note 'network namespaces' "not permitted: make run falls back to user-mode networking ($(userns_remedy))"
fi
if [ -c /dev/kvm ] && (: <>/dev/kvm) 2>/dev/null; then
  note /dev/kvm 'opens; make run proves it with a 64-bit guest and uses TCG when that fails'
elif [ -c /dev/kvm ]; then
  note /dev/kvm "not for this user: QEMU runs the guest under TCG, about ten times slower (${sudo}adduser $(id -un) kvm)"
else
  note /dev/kvm 'not there: QEMU runs the guest under TCG, about ten times slower'
fi

if [ "$failures" -gt 0 ]; then
  printf '\n%d missing. "make setup" installs all of it.\n' "$failures"
  exit 1
fi
printf '\nNothing is missing.\n'
