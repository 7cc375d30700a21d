/** The report behind /stats: text and object agree, facts are put into words once. */
import { describe, expect, it } from 'vitest'
import { StatisticsReport } from '../../../kernel/statistics-report.ts'

const READINGS = { uptimeNs: 1, sleptNs: 2, sentBytes: 3, receivedBytes: 4, connections: 5 }

function report() {
  const counters = { frames: 0, drops: { runt: 0 } }
  let factReads = 0
  const readFacts = () => {
    factReads++
    return { version: '1', list: ['a'] }
  }
  return {
    counters,
    report: new StatisticsReport(
      readFacts,
      () => counters,
      () => READINGS,
    ),
    factReads: () => factReads,
  }
}

describe('StatisticsReport', () => {
  it('gives the same as an object and as JSON, whichever is asked for first', () => {
    for (const first of ['object', 'text'] as const) {
      const { counters, report: it } = report()
      it[first]()
      counters.frames++
      counters.drops.runt = 7
      expect(JSON.parse(it.text())).toEqual(it.object())
      expect(it.object()).toEqual({ version: '1', list: ['a'], frames: 1, drops: { runt: 7 } })
    }
  })

  it('reads the facts when first asked and never again', () => {
    const { report: it, factReads } = report()
    expect(factReads()).toBe(0)
    it.text()
    it.object()
    it.text()
    expect(factReads()).toBe(1)
  })
})
