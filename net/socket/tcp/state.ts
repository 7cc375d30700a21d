/** TCP connection states and the transitions RFC 9293 §3.3.2 allows between them. */

export const TcpState = {
  Closed: 0,
  SynSent: 1,
  SynReceived: 2,
  Established: 3,
  FinWait1: 4,
  FinWait2: 5,
  CloseWait: 6,
  Closing: 7,
  LastAck: 8,
  TimeWait: 9,
} as const
export type TcpState = (typeof TcpState)[keyof typeof TcpState]

const STATE_NAMES = [
  'CLOSED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const

const S = TcpState

/**
 * Figure 5 of RFC 9293, one bit a target state. LISTEN is no state of a connection here: a listener
 * makes connections that begin in SYN-RECEIVED. CLOSED is reachable from everywhere (reset,
 * timeout, abort).
 */
const ALLOWED: readonly number[] = [
  bits(S.SynSent, S.SynReceived),
  bits(S.Closed, S.SynReceived, S.Established),
  bits(S.Closed, S.Established, S.FinWait1, S.CloseWait),
  bits(S.Closed, S.FinWait1, S.CloseWait),
  bits(S.Closed, S.FinWait2, S.Closing, S.TimeWait),
  bits(S.Closed, S.TimeWait),
  bits(S.Closed, S.LastAck),
  bits(S.Closed, S.TimeWait),
  bits(S.Closed),
  bits(S.Closed),
]

function bits(...states: TcpState[]): number {
  let mask = 0
  for (const state of states) mask |= 1 << state
  return mask
}

export function canTransition(from: TcpState, to: TcpState): boolean {
  return (ALLOWED[from]! & (1 << to)) !== 0
}

/** The RFC's name, for people. */
export function tcpStateName(state: TcpState): string {
  return STATE_NAMES[state]
}
