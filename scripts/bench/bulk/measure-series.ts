/**
 * The datagram rows of bulk: a guest answers each request with fifty datagrams in a row, some
 * requests are always on their way, and the host counts what arrives.
 */
import { GUEST_ADDRESS4 } from 'qemu-runner'
import { type Contestant, Site } from '../contestant.ts'
import type { LimitPrograms } from '../limit/build-limit-guest.ts'
import { BULK_ROWS, type BulkFigure, isSeries, type SeriesKind } from './bulk-rows.ts'
import { type Moved, metered, parseMoved } from './moved.ts'

export interface SeriesPlan {
  readonly seriesContestants: readonly Contestant[]
  readonly limit: Pick<LimitPrograms, 'datagramWindow'>
  readonly seconds: number
}

/** As scripts/bench/bulk/series-app.ts and scripts/bench/linux/datagram-series.c have them. */
const PORTS: Readonly<Record<SeriesKind, string>> = { cut: '7777', whole: '7778' }
const DATAGRAMS = 50
const SEGMENT_OCTETS = 1200
const REQUEST_OCTETS = '4'
/** What the smallest socket buffer of a Linux host holds: it is the guest that is measured. */
const WINDOW = '3'

/** That of cut datagrams only where QEMU offers to cut them. */
export async function measureSeries(plan: SeriesPlan): Promise<BulkFigure[]> {
  const figures: BulkFigure[] = []
  const sites: Site[] = []
  try {
    for (const contestant of plan.seriesContestants) sites.push(await Site.open(contestant))
    for (const row of BULK_ROWS.filter(isSeries)) {
      for (const site of sites) {
        if (row.kind === 'cut' && !(await site.vm.virtioNet()).offered.has('HOST_USO')) continue
        const measured = await metered(site.vm, () => countDatagrams(site, row.kind, plan))
        figures.push({ row, guest: site.name, ...measured })
      }
    }
  } finally {
    for (const site of sites) await site.close()
  }
  return figures
}

async function countDatagrams(site: Site, kind: SeriesKind, plan: SeriesPlan): Promise<Moved> {
  const { stdout } = await site.topology.near.run([
    ...[plan.limit.datagramWindow, GUEST_ADDRESS4, PORTS[kind], WINDOW],
    ...[String(plan.seconds * 1000), REQUEST_OCTETS, String(DATAGRAMS * SEGMENT_OCTETS)],
  ])
  const { moved, elapsedMs } = parseMoved(stdout)
  return { moved: moved * DATAGRAMS, elapsedMs }
}
