#!/usr/bin/env bash
# First process of the namespaces that in-debian.sh makes: mounts a root, moves into it, installs or runs a command there.
#
# enter-root.sh PLACE install CHECKOUT         set-up of the checkout, in PLACE/root itself
# enter-root.sh PLACE run CHECKOUT COMMAND…    a command on a copy of the checkout, in memory above PLACE/root
#
# A chroot would do but for one thing: in a chroot the kernel refuses user namespaces. So the root is pivoted.
set -Eeuo pipefail
trap 'exit 125' ERR
place=$1 kind=$2 checkout=$3
shift 3
# Where the copy of the checkout lies: every user may read it there.
COPY=/srv/eremite
DEVICES=(null zero full random urandom tty net/tun kvm)
root=$place/mount

mount_root() {
  if [ "$kind" = install ]; then
    mount --bind "$place/root" "$root"
    return
  fi
  mount -t tmpfs -o mode=0755 eremite "$root"
  mkdir "$root/upper" "$root/work" "$root/root"
  mount -t overlay -o "lowerdir=$place/root,upperdir=$root/upper,workdir=$root/work" overlay "$root/root"
  root=$root/root
}

mount_kernel_views() {
  local device
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
  mount -t tmpfs -o nosuid,mode=0755 dev "$root/dev"
  mkdir -p "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
  for device in "${DEVICES[@]}"; do
    [ -c "/dev/$device" ] || continue
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o nosuid,nodev,mode=1777 shm "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"
  ln -s fd/1 "$root/dev/stdout"
  ln -s fd/2 "$root/dev/stderr"
}

# What the network needs: names, authorities, apt's sources and settings.
connect_root() {
  local bundle=$root/etc/ssl/certs/ca-certificates.crt file
  cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
  mkdir -p "$root/etc/ssl/certs" "$root/etc/apt/apt.conf.d" "$root/etc/dpkg/dpkg.cfg.d"
  : >"$bundle"
  while read -r file; do [ ! -f "$file" ] || cat "$file" >>"$bundle"; done <<<"$IN_DEBIAN_AUTHORITIES"
  printf '%s\n' "$IN_DEBIAN_SOURCES" >"$root/etc/apt/sources.list"
  printf '%s\n' "$IN_DEBIAN_APT_SETTINGS" 'Acquire::Languages "none";' 'APT::Install-Recommends "false";' \
    >"$root/etc/apt/apt.conf.d/90in-debian"
  # A root that is lost with the power is made again: no need to wait for the disk at each file.
  printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
    'path-exclude=/usr/share/locale/*' >"$root/etc/dpkg/dpkg.cfg.d/in-debian"
  # Services that packages bring have nobody to serve here, and no init.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 0755 "$root/usr/sbin/policy-rc.d"
  unset IN_DEBIAN_AUTHORITIES IN_DEBIAN_SOURCES IN_DEBIAN_APT_SETTINGS
}

# The files of the checkout, one name ended by NUL each: what git knows, or all where there is no git.
checkout_files() {
  cd "$checkout"
  git -c safe.directory="$checkout" ls-files -z --cached --others --exclude-standard 2>/dev/null ||
    find . \( -path ./build -o -path ./node_modules -o -path ./.git \) -prune -o \( -type f -o -type l \) -print0
}

copy_checkout() {
  mkdir -p "$root$COPY"
  checkout_files | while IFS= read -r -d '' name; do
    if [ -e "$checkout/$name" ] || [ -L "$checkout/$name" ]; then printf '%s\0' "$name"; fi
  done | tar -C "$checkout" --null --files-from=- -c | tar -C "$root$COPY" -x --no-same-owner
}

# The engine's source, if this machine has it already.
copy_downloads() {
  local file
  mkdir -p "$root/root/.cache/eremite"
  for file in "$(dirname "$place")"/*quickjs*; do
    [ ! -f "$file" ] || cp "$file" "$root/root/.cache/eremite/"
  done
}

# Reports and bundles of failed tests are to outlive the copy.
keep_reports() {
  local kept
  kept=$checkout/build/$(basename "$place")
  mkdir -p "$kept" "$root$COPY/build/test"
  mount --bind "$kept" "$root$COPY/build/test"
}

# move_in: `pivot_root . .` lays the old root over the new one, from where it is taken away.
move_in() {
  cd "$root"
  pivot_root . .
  umount --lazy .
  cd "$COPY"
  # No more of this machine's programs, and the home of the root's own user.
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root SHELL=/bin/bash
  hash -r
}

# What setup.sh leaves in the checkout is kept (npm packages, a Node.js); the copy of the checkout itself is not.
install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  dpkg --configure -a
  scripts/setup/setup.sh
  apt-get clean
  find . -mindepth 1 -maxdepth 1 ! -name node_modules ! -name build -exec rm -rf {} +
}

# A shell reads a script as it goes: as one function this one may be changed meanwhile.
main() {
  mount_root
  mount_kernel_views
  connect_root
  copy_checkout
  copy_downloads
  [ "$kind" = install ] || keep_reports
  move_in
  if [ "$kind" = install ]; then
    install_packages
    exit
  fi
  git init --quiet . && git add --all
  # The first process of a namespace is spared by signals it does not ask for.
  trap : INT TERM HUP
  trap - ERR
  local status=0
  "$@" || status=$?
  exit "$status"
}

main "$@"
