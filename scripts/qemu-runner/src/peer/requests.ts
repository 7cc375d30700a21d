/** What a peer process can be asked to do: plain data that crosses an IPC channel. */

export interface Target {
  readonly host: string
  readonly port: number
}

export interface TransferResult {
  readonly bytes: number
  /** From the request's first byte sent to the last byte of the answer. */
  readonly elapsedMs: number
  readonly connectMs: number
  /** Processor time the peer itself took: near elapsedMs, the peer is the bottleneck. */
  readonly peerCpuMs: number
}

export interface DownloadResult extends TransferResult {
  readonly status: number
  /** Of the body, hexadecimal: SHA-256 or CRC-32, or empty when none was asked for. */
  readonly digest: string
  /** From the first byte of the body to the last. */
  readonly bodyMs: number
}

export interface UploadResult extends TransferResult {
  readonly status: number
  readonly body: string
  /** CRC-32 of what was sent, 8 hexadecimal digits. */
  readonly crc32: string
}

export interface EchoRound {
  readonly bytes: number
  readonly equal: boolean
  readonly elapsedMs: number
}

export interface ExchangeResult {
  /** What came back, base64. */
  readonly received: string
  /** How the connection ended: `end` (FIN), `reset`, or `open` when the time was up. */
  readonly ended: 'end' | 'reset' | 'open'
  readonly elapsedMs: number
}

export interface DatagramResult {
  /** `refused` = a port unreachable came back. */
  readonly outcome: 'answer' | 'refused' | 'silence'
  /** The answer, base64. */
  readonly received: string
  readonly elapsedMs: number
}

/** Name of a request to what it takes and gives. */
export interface PeerRequests {
  /** GET `path`; the body is digested as asked, or only counted. */
  download: {
    takes: Target & { path: string; digest: 'sha256' | 'crc32' | 'none'; timeoutMs: number }
    gives: DownloadResult
  }
  /** PUT `bytes` octets of the pattern to `path`. */
  upload: {
    takes: Target & { path: string; bytes: number; timeoutMs: number }
    gives: UploadResult
  }
  /** Sends each size in one write on one connection and waits for the same bytes. */
  echo: { takes: Target & { sizes: readonly number[]; timeoutMs: number }; gives: EchoRound[] }
  /**
   * Sends `bytes` of the pattern to a service that answers nothing, closes, waits for the other
   * FIN.
   */
  discard: { takes: Target & { bytes: number; timeoutMs: number }; gives: TransferResult }
  /**
   * Sends base64 `send`, optionally half-closes, collects until FIN, reset, `expectBytes` or the
   * time is up.
   */
  exchange: {
    takes: Target & {
      send: string
      halfClose: boolean
      timeoutMs: number
      expectBytes?: number
    }
    gives: ExchangeResult
  }
  /**
   * Sends base64 `send` in one UDP datagram, from `sourcePort` if given, and waits for one answer,
   * a refusal or the end of the time.
   */
  datagram: {
    takes: Target & { send: string; sourcePort?: number; timeoutMs: number }
    gives: DatagramResult
  }
  /** Connects and closes at once; rejects with the system's error code. */
  connect: { takes: Target & { timeoutMs: number }; gives: { connectMs: number } }
  /**
   * From now on serves HTTP at `port`: GET /bytes/N and PUT /sink, as the guest's own service does.
   */
  'serve-pattern': { takes: Target; gives: Record<string, never> }
  /** Accepts connections on the server handle sent along and relays each to the target. */
  forward: { takes: Target; gives: Record<string, never> }
}

export type PeerRequestName = keyof PeerRequests

export interface PeerCall {
  readonly id: number
  readonly name: PeerRequestName
  readonly argument: unknown
}

export interface PeerAnswer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly message: string; readonly code?: string }
}
