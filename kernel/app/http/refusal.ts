/** What a request is refused with: a status, a reason a person can act on, and fields the status demands. */

export const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  304: 'Not Modified',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  505: 'HTTP Version Not Supported',
}

export interface Refusal {
  readonly status: number
  readonly reason: string
  /** Methods for the Allow field of 405 (RFC 9110 §15.5.6). */
  readonly allow: string | null
}

export function refuse(status: number, reason: string, allow: string | null = null): Refusal {
  return { status, reason, allow }
}
