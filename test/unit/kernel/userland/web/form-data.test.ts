/**
 * FormData, Blob, File and forms as bodies against Node's (XMLHttpRequest §4, File API, RFC 7578),
 * hostile ones included.
 */
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Blob as OurBlob, File as OurFile } from '../../../../../kernel/userland/web/blob.ts'
import { FormData as OurForm } from '../../../../../kernel/userland/web/form-data.ts'
import {
  FIELDS_LIMIT,
  HEAD_LIMIT_BYTES,
} from '../../../../../kernel/userland/web/multipart-reader.ts'
import { Request as OurRequest } from '../../../../../kernel/userland/web/request.ts'
import { Response as OurResponse } from '../../../../../kernel/userland/web/response.ts'
import { factsOf } from '../../../../support/compared-facts.ts'

/** Thousands of cases on a machine that does other work too. */
vi.setConfig({ testTimeout: 60_000 })

interface Kind {
  readonly Response: typeof Response
  readonly FormData: typeof FormData
  readonly Blob: typeof Blob
  readonly File: typeof File
}
const OURS = {
  Response: OurResponse,
  FormData: OurForm,
  Blob: OurBlob,
  File: OurFile,
} as unknown as Kind
const NODES: Kind = { Response, FormData, Blob, File }

const BOUNDARY = '----WebKitFormBoundary0123456789abcdef'
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`

async function describeForm(form: FormData): Promise<unknown[]> {
  const fields: unknown[] = []
  for (const [name, value] of form) {
    if (typeof value === 'string') fields.push([name, value])
    else {
      const { name: fileName, type, size } = value
      fields.push([
        name,
        fileName,
        type,
        size,
        Buffer.from(await value.arrayBuffer()).toString('hex'),
      ])
    }
  }
  return fields
}

/** The fields, or the name of what is thrown. */
async function readForm({ Response }: Kind, body: string | Uint8Array, type: string) {
  const headers = { 'content-type': type }
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  try {
    return await describeForm(await new Response(new Uint8Array(bytes), { headers }).formData())
  } catch (error) {
    return (error as Error).name
  }
}

const lines = (...it: string[]) => it.join('\r\n')
const field = (head: string, content: string) => lines(`--${BOUNDARY}`, head, '', content)
const END = `--${BOUNDARY}--`
const named = (name: string) => `Content-Disposition: form-data; name="${name}"`
const utf8 = (text: string) => Buffer.from(text).toString('latin1')

const FORMS: [string, string][] = [
  ['two fields', lines(field(named('a'), '1'), field(named('b'), '2'), END, '')],
  ['no last line end', lines(field(named('a'), '1'), END)],
  ['line ends before and after', lines('', '', field(named('a'), '1'), END, '', '')],
  ['no field', lines(END, '')],
  ['an empty field', lines(field(named('a'), ''), END, '')],
  ['names that repeat', lines(field(named('a'), '1'), field(named('a'), '2'), END)],
  ['UTF-8', lines(field(utf8(named('größe')), utf8('\ufeffmaß')), END)],
  ['bytes that are no UTF-8', lines(field(named('a'), '\xff\xfe'), END)],
  ['escapes', lines(field(named('a%22b%0D%0Ac%41'), '%22'), END)],
  ['line ends and dashes', lines(field(named('a'), '\r\n\r\r\n--\r\n--x\n\r\n'), END)],
  ['part of the boundary', lines(field(named('a'), `\r\n--${BOUNDARY.slice(0, -1)}`), END)],
  [
    'a file',
    lines(field(`${named('f')}; filename="a.txt"\r\nContent-Type: Text/HTML`, '<p>'), END),
  ],
  ['a file without a type', lines(field(`${named('f')}; filename="a"`, '\x00\xff\r'), END)],
  ['a file without a name', lines(field(`${named('f')}; filename=""`, ''), END)],
  ['a file of many lines', lines(field(`${named('f')}; filename="l"`, 'x\r\n'.repeat(5000)), END)],
  ['other fields in a head', lines(field(`X-One: 1\r\n${named('a')}\r\nx-two:`, '1'), END)],
  ['any case', lines(field('CONTENT-disposition: form-data; name="a"', '1'), END)],
  ['blanks around a field', lines(field(`${named('a')}\r\nContent-Type : \t text/x \t`, '1'), END)],
  [
    'a type that is no ASCII',
    lines(field(`${named('a')}; filename="f"\r\nContent-Type: \xe4`, '1'), END),
  ],
  // What is none.
  ['nothing', ''],
  ['no end', field(named('a'), '1')],
  ['a cut end', lines(field(named('a'), '1'), `--${BOUNDARY}-`)],
  ['another boundary', lines(field(named('a'), '1'), END).replaceAll(BOUNDARY, 'other')],
  ['a longer boundary', lines(field(named('a'), '1'), `--${BOUNDARY}x`, '', END)],
  ['text before', `x${lines(field(named('a'), '1'), END)}`],
  ['text after', lines(field(named('a'), '1'), END, 'x')],
  ['bare line feeds', lines(field(named('a'), '1'), END).replaceAll('\r\n', '\n')],
  ['no disposition', lines(field('Content-Type: text/plain', '1'), END)],
  ['no head', lines(`--${BOUNDARY}`, '', '1', END)],
  ['no name', lines(field('Content-Disposition: form-data', '1'), END)],
  ['another disposition', lines(field('Content-Disposition: attachment; name="a"', '1'), END)],
  ['a name without an end', lines(field('Content-Disposition: form-data; name="a', '1'), END)],
  ['a line that is no field', lines(field(`${named('a')}\r\nnonsense`, '1'), END)],
  ['a name with blanks', lines(field(`${named('a')}\r\nx y: z`, '1'), END)],
  ['a content that is missing', lines(`--${BOUNDARY}`, named('a'), '', END)],
  ['a head that does not end', lines(`--${BOUNDARY}`, named('a'), END)],
]

describe('formData() of multipart/form-data', () => {
  it.each(FORMS)('of %s gives what Node gives', async (_name, body) => {
    const ours = await readForm(OURS, body, MULTIPART)
    expect(ours).toEqual(await readForm(NODES, body, MULTIPART))
  })

  it.each([
    [
      'parameters that Node refuses',
      `${named('a')}; filename=f.txt; filename*=UTF-8''f.txt`,
      ['a', 'f.txt'],
    ],
    [
      'a name without quotes, as .NET sends it',
      'Content-Disposition: form-data; name=a',
      ['a', '1'],
    ],
    ['an encoding that is none', `${named('a')}\r\nContent-Transfer-Encoding: binary`, ['a', '1']],
  ])('forgives %s', async (_name, head, start) => {
    const [found] = (await readForm(OURS, lines(field(head, '1'), END), MULTIPART)) as string[][]
    expect(found!.slice(0, 2)).toEqual(start)
  })

  it.each([
    [
      'a content that it would have to decode',
      `${named('a')}\r\nContent-Transfer-Encoding: base64`,
    ],
    ['two names', 'Content-Disposition: form-data; name="a"; name="b"'],
    ['a lone carriage return in a head', `${named('a')}\r\nx: a\rb`],
  ])('refuses %s', async (_name, head) => {
    expect(await readForm(OURS, lines(field(head, 'MQ=='), END), MULTIPART)).toBe('TypeError')
  })

  it.each([
    ['multipart/form-data'],
    ['multipart/form-data; boundary='],
    ['multipart/mixed; boundary=x'],
    ['text/plain'],
    [''],
    [`Multipart/Form-Data; charset=utf-8; BOUNDARY="${BOUNDARY}"`],
    [`multipart/form-data;boundary=${BOUNDARY};x=y`],
  ])('with Content-Type %j is read as Node does', async (type) => {
    const body = lines(field(named('a'), '1'), END)
    expect(await readForm(OURS, body, type)).toEqual(await readForm(NODES, body, type))
  })

  it('takes boundaries of up to 70 characters, and no others (RFC 2046 §5.1.1)', async () => {
    const body = (boundary: string) => `--${boundary}\r\n${named('a')}\r\n\r\n1\r\n--${boundary}--`
    const read = (it: string) => readForm(OURS, body(it), `multipart/form-data; boundary="${it}"`)
    expect(await read('x'.repeat(70))).toEqual([['a', '1']])
    expect(await read("a'()+_,-./:=? b")).toEqual([['a', '1']])
    expect(await read('x'.repeat(71))).toBe('TypeError')
    expect(await read('a b ')).toBe('TypeError')
    expect(await read('ä')).toBe('TypeError')
  })

  it('is bounded in fields and heads', async () => {
    const many = (count: number) =>
      lines(...Array.from({ length: count }, () => field(named('a'), '')), END)
    expect(await readForm(OURS, many(FIELDS_LIMIT), MULTIPART)).toHaveLength(FIELDS_LIMIT)
    expect(await readForm(OURS, many(FIELDS_LIMIT + 1), MULTIPART)).toBe('TypeError')
    const head = (length: number) =>
      `${named('a')}\r\nx: ${'y'.repeat(length - named('a').length - 5)}`
    expect(
      await readForm(OURS, lines(field(head(HEAD_LIMIT_BYTES - 2), '1'), END), MULTIPART),
    ).toEqual([['a', '1']])
    expect(
      await readForm(OURS, lines(field(head(HEAD_LIMIT_BYTES - 1), '1'), END), MULTIPART),
    ).toBe('TypeError')
    const flood = `${named('a')}\r\n${'x: y\r\n'.repeat(10_000)}z: z`
    expect(await readForm(OURS, lines(field(flood, '1'), END), MULTIPART)).toBe('TypeError')
  })

  it('has blanks in a head that is malformed refused in linear time', async () => {
    const head = `${named('a')}\r\nx:${' '.repeat(8000)}\n`
    const start = performance.now()
    for (let count = 0; count < 20; count++) {
      expect(await readForm(OURS, lines(field(head, '1'), END), MULTIPART)).toBe('TypeError')
    }
    expect(performance.now() - start).toBeLessThan(400)
  })

  it('lets the network have its turn while it looks through line ends without end', async () => {
    const body = lines(field(named('a'), '\r'.repeat(500_000)), END)
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    expect(await readForm(OURS, body, MULTIPART)).toEqual([['a', '\r'.repeat(500_000)]])
    clearInterval(timer)
    expect(turns).toBeGreaterThan(5)
  })

  it('never fails otherwise than by TypeError, nor takes what Node takes otherwise', async () => {
    const piece = fc.constantFrom(
      '\r\n',
      '\r',
      '\n',
      '--',
      BOUNDARY,
      `--${BOUNDARY}`,
      END,
      ':',
      ';',
      '"',
      'x',
      named('a'),
      `${named('f')}; filename="g"`,
      'Content-Type: text/x',
      'Content-Disposition: ',
      ' ',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 24 }), async (pieces) => {
        const body = `--${BOUNDARY}\r\n${named('a')}\r\n\r\n${pieces.join('')}\r\n${END}`
        const nodes = await readForm(NODES, body, MULTIPART)
        const ours = await readForm(OURS, body, MULTIPART)
        if (typeof ours === 'string') expect(ours).toBe('TypeError')
        // Text that merely holds the boundary ends a field in Node; it refuses that then.
        if (typeof nodes !== 'string') expect(ours, JSON.stringify(body)).toEqual(nodes)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('formData() of application/x-www-form-urlencoded', () => {
  it.each([['a=b&c=d&a=e'], ['a=%C3%A4+%26&=x&y'], [''], ['&&'], ['%ff=%zz'], ['\ufeffa=b']])(
    'of %j gives what Node gives',
    async (text) => {
      const type = 'application/x-www-form-urlencoded;charset=UTF-8'
      const bytes = new Uint8Array(Buffer.from(text))
      expect(await readForm(OURS, bytes, type)).toEqual(await readForm(NODES, bytes, type))
    },
  )

  it('takes a question mark as part of the first name (URL §5.1; Node drops it)', async () => {
    expect(await readForm(OURS, '?a=b', 'application/x-www-form-urlencoded')).toEqual([['?a', 'b']])
  })

  it('is bounded in fields', async () => {
    const type = 'application/x-www-form-urlencoded'
    expect(await readForm(OURS, 'a&'.repeat(FIELDS_LIMIT - 1), type)).toHaveLength(FIELDS_LIMIT - 1)
    expect(await readForm(OURS, 'a&'.repeat(FIELDS_LIMIT), type)).toBe('TypeError')
  })
})

describe('a form as a body', () => {
  function fill({ FormData, Blob, File }: Kind): FormData {
    const form = new FormData()
    form.append('text', 'grü\nße')
    form.append('na"me\r\n', '\ud800')
    form.append(
      'file',
      new File(['<p>', new Uint8Array([0, 255])], 'ä"b.html', { type: 'text/html' }),
    )
    form.append('blob', new Blob(['x']), 'named')
    return form
  }

  it('is written as Node does, but for the boundary', async () => {
    const written = async (kind: Kind) => {
      const response = new kind.Response(fill(kind))
      const type = response.headers.get('content-type')!
      const boundary = type.slice('multipart/form-data; boundary='.length)
      expect(boundary.length).toBeGreaterThan(30)
      const text = Buffer.from(await response.arrayBuffer()).toString('latin1')
      return text.replaceAll(boundary, 'B')
    }
    expect(await written(OURS)).toBe(await written(NODES))
  })

  it('is read back as it was, from requests too', async () => {
    const request = new OurRequest('http://h/', { method: 'POST', body: fill(OURS) as never })
    const back = await request.formData()
    expect(await describeForm(back as unknown as FormData)).toEqual(
      await describeForm(await new Response(fill(NODES)).formData()),
    )
  })

  it('has a boundary that nobody foretells', () => {
    const boundaries = Array.from({ length: 50 }, () =>
      new OurResponse(new OurForm() as never).headers.get('content-type'),
    )
    expect(new Set(boundaries).size).toBe(50)
  })

  it('that is a blob brings its type, and is one again', async () => {
    const facts = async ({ Response, Blob }: Kind) => {
      const response = new Response(new Blob(['a', 'b'], { type: 'Text/X' }))
      const blob = await response.blob()
      const plain = new Response(new Blob(['a']))
      return [
        response.headers.get('content-type'),
        blob.type,
        await blob.text(),
        [...plain.headers],
      ]
    }
    expect(await facts(OURS)).toEqual(await facts(NODES))
  })
})

/** Each writes down what it sees; both implementations must see the same. */
const SCENARIOS: [string, (kind: Kind, log: (...facts: unknown[]) => void) => unknown][] = [
  [
    'blob parts',
    async ({ Blob }, log) => {
      const bytes = new Uint8Array([65, 66, 67])
      const blob = new Blob(['ä', bytes.subarray(1), bytes.buffer, new Blob(['x'])], {
        type: 'A/B',
      })
      bytes.fill(0)
      log(blob.size, blob.type, await blob.text(), String(blob))
      log([...new Uint8Array(await blob.arrayBuffer())])
      log(new Blob([]).size, new Blob([], { type: 'ä' }).type, await new Blob([1 as never]).text())
      log(await new Blob(['a\r\nb\nc\r\n'], { endings: 'native' }).text())
    },
  ],
  [
    'slices',
    async ({ Blob }, log) => {
      const blob = new Blob(['0123456789'], { type: 'a/b' })
      for (const [start, end] of [[2, 4], [-3], [8, 99], [5, 2], [], [-99, -9]]) {
        const slice = blob.slice(start, end, 'X/Y')
        log(await slice.text(), slice.size, slice.type)
      }
      log(blob.slice().type)
    },
  ],
  [
    'a stream of a blob',
    async ({ Blob }, log) => {
      const pieces: Uint8Array[] = []
      const blob = new Blob(['x'.repeat(200_000)])
      for await (const piece of blob.stream() as unknown as AsyncIterable<Uint8Array>)
        pieces.push(piece)
      log(Buffer.concat(pieces).length, await blob.slice(0, 3).text())
    },
  ],
  ['a blob of no sequence', ({ Blob }) => new Blob('x' as never)],
  [
    'files',
    async ({ File, Blob }, log) => {
      const file = new File(['x'], 'a/b', { type: 'T/X', lastModified: 7 })
      log(file.name, file.type, file.lastModified, file.size, String(file), file instanceof Blob)
      log(
        Math.abs(new File([], 'x').lastModified - Date.now()) < 10_000,
        new File([], '\ud800').name,
      )
    },
  ],
  ['a file without a name', ({ File }) => new (File as never as new (parts: unknown) => File)([])],
  [
    'fields',
    ({ FormData }, log) => {
      const form = new FormData()
      for (const [name, value] of ['a1', 'b2', 'a3', 'c4'] as unknown as [string, string][]) {
        form.append(name, value)
      }
      log([...form], form.get('a'), form.getAll('a'), form.get('x'), form.has('b'), form.has('x'))
      form.set('a', 'new')
      form.set('d', 5 as never)
      form.delete('b')
      log([...form.keys()], [...form.values()], [...form.entries()], String(form))
      form.forEach((value, name, whole) => {
        log(value, name, whole === form)
      })
    },
  ],
  [
    'files in fields',
    async ({ FormData, Blob, File }, log) => {
      const form = new FormData()
      const file = new File(['x'], 'f', { type: 'a/b', lastModified: 1 })
      form.append('a', file)
      form.append('a', file, 'renamed')
      form.append('a', new Blob(['y'], { type: 'c/d' }))
      for (const it of form.getAll('a') as File[])
        log(it.name, it.type, await it.text(), it === file)
    },
  ],
  ['a name for a text', ({ FormData }) => new FormData().append('a', 'b' as never, 'c' as never)],
  [
    'a form of a form',
    ({ FormData }) => new (FormData as never as new (form: unknown) => FormData)({}),
  ],
]

describe('Blob, File and FormData as Node has them', () => {
  it.each(SCENARIOS)('%s', async (_name, play) => {
    expect(await factsOf(OURS, play)).toEqual(await factsOf(NODES, play))
  })
})
