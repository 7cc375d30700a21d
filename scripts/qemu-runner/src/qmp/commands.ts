/** The QMP commands and events this package uses, with the shapes QEMU documents for them. */

export interface QmpVirtioFeatures {
  readonly transports: readonly string[]
  readonly 'dev-features'?: readonly string[]
  readonly 'unknown-dev-features'?: number
}

export interface QmpVirtioStatus {
  readonly name: string
  readonly broken: boolean
  readonly started: boolean
  readonly isr: number
  readonly 'num-vqs': number
  readonly status: { readonly statuses: readonly string[]; readonly 'unknown-statuses'?: number }
  readonly 'guest-features': QmpVirtioFeatures
  readonly 'host-features': QmpVirtioFeatures
  readonly 'backend-features': QmpVirtioFeatures
}

export interface QmpVirtioQueueStatus {
  readonly name: string
  readonly 'queue-index': number
  readonly inuse: number
  readonly 'vring-num': number
  readonly 'vring-desc': number
  readonly 'vring-avail': number
  readonly 'vring-used': number
  readonly 'last-avail-idx'?: number
  readonly 'shadow-avail-idx'?: number
  readonly 'used-idx': number
  readonly 'signalled-used': number
  readonly 'signalled-used-valid': boolean
}

type None = Record<string, never>

/** Command name to its arguments and what it returns. */
export interface QmpCommands {
  qmp_capabilities: { arguments: { enable?: string[] }; returns: None }
  cont: { arguments: None; returns: None }
  stop: { arguments: None; returns: None }
  quit: { arguments: None; returns: None }
  system_powerdown: { arguments: None; returns: None }
  system_reset: { arguments: None; returns: None }
  set_link: { arguments: { name: string; up: boolean }; returns: None }
  'query-status': { arguments: None; returns: { status: string; running: boolean } }
  'query-kvm': { arguments: None; returns: { enabled: boolean; present: boolean } }
  'query-version': {
    arguments: None
    returns: { qemu: { major: number; minor: number; micro: number }; package: string }
  }
  'query-qmp-schema': { arguments: None; returns: unknown[] }
  'human-monitor-command': { arguments: { 'command-line': string }; returns: string }
  'dump-guest-memory': {
    arguments: { paging: boolean; protocol: string; detach?: boolean }
    returns: None
  }
  'x-query-virtio': { arguments: None; returns: { path: string; name: string }[] }
  'x-query-virtio-status': { arguments: { path: string }; returns: QmpVirtioStatus }
  'x-query-virtio-queue-status': {
    arguments: { path: string; queue: number }
    returns: QmpVirtioQueueStatus
  }
}

export interface QmpEvents {
  SHUTDOWN: { guest: boolean; reason: string }
  RESET: { guest: boolean; reason: string }
  STOP: None
  RESUME: None
  POWERDOWN: None
  GUEST_PANICKED: { action: string }
  NIC_RX_FILTER_CHANGED: { name?: string; path: string }
}
