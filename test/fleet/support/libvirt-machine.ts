/**
 * A machine with a libvirtd of its own, a bridge, and packages of guests; what guests write to
 * their serial ports is kept.
 */
import { stableUuid } from '../../../scripts/package/stable-uuid.ts'
import { PrivateMachine } from './private-machine.ts'

/** What an administrator changes of a package's domain. */
export interface DomainChanges {
  readonly name: string
  readonly address: string
  /** The folder in /var/lib/eremite. */
  readonly folder: string
}

const SERIAL_LOG = '/run/serial.log'

const SCRIPT = `
mount -t tmpfs none /etc/libvirt
mkdir -p /etc/libvirt/qemu /var/lib/libvirt/qemu /run/libvirt /var/log/libvirt/qemu /var/cache/libvirt
cat >/etc/libvirt/qemu.conf <<END
user = "root"
group = "root"
security_driver = "none"
namespaces = []
remember_owner = 0
cgroup_controllers = []
END
echo 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
ip link add br0 type bridge
ip address add 10.9.0.1/24 dev br0
ip link set br0 up
socat -u UNIX-LISTEN:/run/eremite-journal.socket,fork OPEN:${SERIAL_LOG},creat,append &
virtlogd &
libvirtd &
wait
`

export class LibvirtMachine {
  readonly machine: PrivateMachine

  private constructor(machine: PrivateMachine) {
    this.machine = machine
  }

  /** `packages` holds folders of packages, which the machine has in /var/lib/eremite. */
  static async start(packages: string): Promise<LibvirtMachine> {
    const libvirt = new LibvirtMachine(await PrivateMachine.start(packages, SCRIPT))
    await libvirt.machine.until('libvirtd', () => libvirt.virsh('list'), 30_000)
    return libvirt
  }

  async virsh(...words: string[]): Promise<string> {
    return (await this.machine.run(['virsh', '--quiet', ...words])).trim()
  }

  /** Defines the domain of a package with a name, a bridge, a static address, and TCG. */
  async define({ name, address, folder }: DomainChanges): Promise<void> {
    const changes: readonly (readonly [string, string])[] = [
      ["<domain type='kvm'>", "<domain type='qemu'>"],
      ["mode='host-passthrough'", "mode='maximum'"],
      ["<interface type='network'>", "<interface type='bridge'>"],
      ["<source network='default'/>", "<source bridge='br0'/>"],
      ['<name>versioned</name>', `<name>${name}</name>`],
      [`<uuid>${stableUuid('versioned')}</uuid>`, `<uuid>${stableUuid(name)}</uuid>`],
      ['<cmdline>log=info</cmdline>', `<cmdline>ip=${address}/24 ip6=off</cmdline>`],
    ]
    let text = await this.machine.run(['cat', `/var/lib/eremite/${folder}/libvirt.xml`])
    for (const [from, to] of changes) {
      if (!text.includes(from)) throw new Error(`Cannot change the domain: it has no ${from}`)
      text = text.replace(from, to)
    }
    text = text.replaceAll('/var/lib/eremite/versioned/', `/var/lib/eremite/${folder}/`)
    const words = ['sh', '-c', 'printf %s "$1" >/run/domain.xml', 'sh', text]
    await this.machine.run(words)
    await this.virsh('define', '/run/domain.xml')
  }

  state(name: string): Promise<string> {
    return this.virsh('domstate', name)
  }

  /** Until it is off, as `virsh shutdown` promises nothing. */
  async shutDown(name: string): Promise<void> {
    await this.virsh('shutdown', name)
    const isOff = async () => ((await this.state(name)) === 'shut off' ? true : undefined)
    await this.machine.until(`the end of ${name}`, isOff, 30_000)
  }

  /** What a guest answers at `path`. */
  async answer(address: string, path = '/'): Promise<string> {
    const url = `http://${address}${path}`
    return this.machine.run(['curl', '--silent', '--show-error', '--fail', '--max-time', '2', url])
  }

  serialText(): Promise<string> {
    return this.machine.run(['cat', SERIAL_LOG])
  }

  close(): Promise<void> {
    return this.machine.close()
  }
}
