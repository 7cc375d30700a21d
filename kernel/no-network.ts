/**
 * Why a guest has no network: said in the log where it shows, and to machines in the `ready` event.
 */
export interface NoNetwork {
  readonly reason: 'no-pci' | 'no-entropy' | 'no-device' | 'device-unusable'
  /** One line: the cause and the next step. */
  readonly message: string
}

export type TellNoNetwork = (problem: NoNetwork) => void
