#!/bin/sh
# Puts Debian's cloud kernel and an initramfs of busybox into a folder, from packages that are downloaded and not installed.
# Needs apt, dpkg-deb, cpio and xz, and package lists (apt-get update).
set -eu

[ $# = 1 ] || { echo 'fetch-linux: give the folder to write to: fetch-linux.sh guest' >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
folder=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The package of that name is empty: it depends on the newest kernel.
image=$(apt-cache depends --important linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -n 1)
[ -n "$image" ] || { echo 'fetch-linux: apt knows no linux-image-cloud-amd64. Next: apt-get update' >&2; exit 1; }
# As root, apt drops its rights for the download and complains that it cannot write here.
apt-get -q -q -o APT::Sandbox::User=root download "$image" busybox-static
for package in ./*.deb; do dpkg-deb --extract "$package" tree; done

mkdir -p root/bin root/modules
cp tree/boot/vmlinuz-* "$folder/vmlinuz"
cp "$(find tree -path '*bin/busybox' -type f)" root/bin/busybox
cp "$here/init" root/init
chmod 755 root/init
# In the order in which they need each other; what the kernel has built in is not there.
number=10
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net; do
  found=$(find tree -name "$module.ko*" | head -n 1)
  number=$((number + 1))
  case $found in
    '') ;;
    *.xz) xz --decompress --stdout "$found" >"root/modules/$number-$module.ko" ;;
    *) cp "$found" "root/modules/$number-$module.ko" ;;
  esac
done
(cd root && find . | cpio --quiet --create --format=newc --owner=0:0) | gzip -1 >"$folder/initramfs.gz"
echo "$image"
