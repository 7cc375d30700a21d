/** Responses as a client reads them from bytes, in one line that can be compared. */

/**
 * Each response as status, kind of framing and, for 200, content; then what became of the
 * connection. `requests` tells which of them were HEAD.
 */
export function readResponses(bytes: string, requests: string, isClosed: boolean): string {
  const methods = [...requests.matchAll(/^([A-Z]+) \S+ HTTP\/1/gm)].map((match) => match[1])
  const answers: string[] = []
  let rest = bytes
  for (let index = 0; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n')
    const head = rest.slice(0, end)
    const status = Number(/^HTTP\/1\.1 ([1-5][0-9]{2}) /.exec(head)?.[1])
    if (end === -1 || Number.isNaN(status)) return `${answers.join(' | ')} | garbage ${rest}`
    rest = rest.slice(end + 4)
    if (status < 200) {
      answers.push(`${status}`)
      continue
    }
    const isBare = methods[index++] === 'HEAD' || status === 204 || status === 304
    const { framing, content, after } = readContent(head, rest, isBare)
    rest = after
    answers.push(describe(status, head, framing, content))
  }
  answers.push(isClosed ? 'closed' : 'open')
  return answers.join(' | ')
}

function describe(status: number, head: string, framing: string, content: string): string {
  if (status >= 400) return `${status}`
  const cookies = [...head.matchAll(/^set-cookie: (.*)$/gim)].map((match) => match[1])
  const fields = cookies.length === 0 ? '' : ` ${cookies.join(';')}`
  const date = /^date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/im.test(head)
  return `${status} ${framing}${fields}${date ? '' : ' undated'} '${content}'`
}

function readContent(head: string, rest: string, isBare: boolean) {
  const length = /^content-length: (\d+)$/im.exec(head)
  const isChunked = /^transfer-encoding: chunked$/im.test(head)
  const framing = isChunked ? 'chunked' : length === null ? 'unframed' : 'length'
  if (isBare) return { framing, content: '', after: rest }
  if (isChunked) return { framing, ...readChunks(rest) }
  const end = length === null ? rest.length : Number(length[1])
  return { framing, content: rest.slice(0, end), after: rest.slice(end) }
}

function readChunks(bytes: string): { content: string; after: string } {
  let content = ''
  for (let rest = bytes; ; ) {
    const size = /^([0-9a-f]+)\r\n/i.exec(rest)
    if (size === null) return { content: `${content}…`, after: rest }
    const length = Number.parseInt(size[1]!, 16)
    rest = rest.slice(size[0].length)
    if (length === 0) return { content, after: rest.slice(2) }
    content += rest.slice(0, length)
    rest = rest.slice(length + 2)
  }
}
