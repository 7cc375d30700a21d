# Where this machine gets Debian from, as apt itself reads its configuration: both forms of sources, whatever file they are in.

# debian_codename RELEASE: the name that the archive gives to a release.
debian_codename() {
  case "$1" in
    12) echo bookworm ;;
    13) echo trixie ;;
    *) return 1 ;;
  esac
}

# Entries of apt's sources that hold packages, one a line: URI|SUITE|COMPONENT. Lists need not be there.
apt_entries() {
  apt-get indextargets --no-release-info --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages'
}

# plain_uri URI: of a list of mirrors (apt-transport-mirror(1)), the first, which debootstrap can ask too.
plain_uri() {
  case "$1" in
    mirror+file:*)
      local list=${1#mirror+file:}
      sed -n 's/^\(https\?:[^[:space:]]*\).*/\1/p; T; q' "/${list##/}" 2>/dev/null
      ;;
    *) echo "$1" ;;
  esac
}

# debian_mirror: the main archive. Other archives have Debian's suites as well; Debian's own path ends in /debian.
debian_mirror() {
  local uri suite component
  while IFS='|' read -r uri suite component; do
    uri=$(plain_uri "${uri%/}")
    case "$suite" in *[!a-z]*) continue ;; esac
    [[ $component = main && ${uri%/} = */debian ]] && { echo "${uri%/}"; return; }
  done < <(apt_entries)
  return 1
}

# debian_security_mirror: the archive of security updates; fails when this machine takes none.
debian_security_mirror() {
  local uri suite component
  while IFS='|' read -r uri suite component; do
    uri=$(plain_uri "${uri%/}")
    [[ $component = main && $suite = *-security && ${uri%/} = */debian-security ]] && { echo "${uri%/}"; return; }
  done < <(apt_entries)
  return 1
}

# debian_sources CODENAME MIRROR [SECURITY]: sources for a machine of that release, from the same archives.
debian_sources() {
  printf 'deb %s %s main\n' "$2" "$1" "$2" "$1-updates"
  [ -z "${3:-}" ] || printf 'deb %s %s main\n' "$3" "$1-security"
}

# apt_settings: how this machine's apt reaches its archives (proxy, retries, clock), for another apt. Without settings that
# name files of this machine.
apt_settings() {
  apt-config dump --no-empty | grep -E '^Acquire::(https?::|ForceIPv|Retries|Check-Valid-Until|Check-Date)' |
    grep -viE '^[^ ]*(Auto-?Detect|CaInfo|CaPath|CrlFile|SslCert|SslKey|IssuerCert)' || true
}

# apt_authorities: files of certificates that apt trusts beside the machine's own.
apt_authorities() {
  apt-config dump --no-empty | sed -n 's/^Acquire::https::\(.*::\)\?CaInfo "\(.*\)";$/\2/Ip'
}

apt_proxy() {
  apt-config dump --no-empty | sed -n 's/^Acquire::http::Proxy "\(.*\)";$/\1/Ip' | grep -v '^DIRECT$' || true
}
