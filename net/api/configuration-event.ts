/** What changes about a stack's addresses and leases while it runs, in words that logs can use. */

export type ConfigurationEvent =
  | {
      readonly kind: 'added' | 'removed' | 'deprecated' | 'duplicate'
      /** With prefix length: "10.9.0.2/24". */
      readonly address: string
      readonly origin: string
    }
  | {
      /** What became of a lease: see Dhcpv4EventKind. */
      readonly kind: 'bound' | 'renewed' | 'rebinding' | 'expired' | 'refused' | 'declined'
      readonly address: string
      readonly server: string
      /** Infinity = for ever. */
      readonly leaseSeconds: number
      /** Routers of default routes. */
      readonly gateways: readonly string[]
    }
