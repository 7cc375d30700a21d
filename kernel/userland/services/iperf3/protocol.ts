/** The numbers of the iperf3 control protocol, as the client of iperf 3.12 and later speaks it. */

export const IPERF3_PORT = 5201

/** Every connection begins with it: 36 characters that name the test, and a zero. */
export const COOKIE_BYTES = 37

/** One signed octet on the control connection; each side sends those that are its own to send. */
export const Iperf3State = {
  TestStart: 1,
  TestRunning: 2,
  TestEnd: 4,
  ParamExchange: 9,
  CreateStreams: 10,
  ServerTerminate: 11,
  ClientTerminate: 12,
  ExchangeResults: 13,
  DisplayResults: 14,
  IperfDone: 16,
  AccessDenied: -1,
  ServerError: -2,
} as const

/** Codes that follow ServerError; the client turns them into its own words. */
export const Iperf3Error = {
  Duration: 5,
  StreamCount: 6,
  BlockSize: 7,
  BufferSize: 8,
  SegmentSize: 10,
  Omit: 11,
  NoSctp: 18,
  ReceiveCookie: 107,
  UnknownMessage: 110,
  ReceiveParameters: 114,
  ReceiveResults: 117,
  UnknownProtocol: 131,
  WindowSize: 141,
  Authorization: 142,
  NoData: 144,
  AcceptStream: 204,
} as const

/** The octets of a refusal: the state, the code, and an errno of 0, since no system call failed. */
export function encodeServerError(code: number): Uint8Array {
  const bytes = new Uint8Array(9)
  const view = new DataView(bytes.buffer)
  view.setInt8(0, Iperf3State.ServerError)
  view.setInt32(1, code)
  return bytes
}

/** JSON of either side travels behind its length. */
export function encodeJson(encodeText: (text: string) => Uint8Array, value: object): Uint8Array {
  const text = encodeText(JSON.stringify(value))
  const bytes = new Uint8Array(4 + text.length)
  new DataView(bytes.buffer).setUint32(0, text.length)
  bytes.set(text, 4)
  return bytes
}
