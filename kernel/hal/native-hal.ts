/** Hal and Platform on the C function table: the only file that names it. */
import * as native from 'eremite:native'
import type { DmaBuffer } from '../../drivers/dma-buffer.ts'
import type { Hal, HalBulk } from '../../drivers/hal.ts'
import type { MemoryUsage, Platform } from './platform.ts'

/**
 * The table's functions themselves, so that a bulk operation costs one native call and no wrapper.
 */
const BULK: HalBulk = {
  copy: native.copyBytes,
  fill: native.fillBytes,
  checksum: native.internetChecksum,
  crc32: native.crc32,
  matches: native.matchBytes,
  countMatching: native.countMatching,
  countContinuing: native.countContinuing,
  loadWords: native.loadWords,
  storeWords: native.storeWords,
  keyedHash: native.keyedHash,
  copyRecord: native.copyRecord,
  writeSeries: native.writeSeries,
  storeSeries: native.storeSeries,
  markSlots: native.markSlots,
  countAlike: native.countAlike,
  pushSlots: native.pushSlots,
  pullSlots: native.pullSlots,
}

function allocateDma(lengthBytes: number, alignmentBytes: number): DmaBuffer {
  const buffer = native.allocateDma(lengthBytes, alignmentBytes)
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    physicalAddress: native.physicalAddressOf(buffer),
    lengthBytes,
  }
}

export function createNativeHal(): Hal {
  return {
    bulk: BULK,
    portRead8: native.portRead8,
    portRead16: native.portRead16,
    portRead32: native.portRead32,
    portWrite8: native.portWrite8,
    portWrite16: native.portWrite16,
    portWrite32: native.portWrite32,
    mapMemory: native.mapMemory,
    allocateDma,
    memoryBarrier: native.memoryBarrier,
    interruptCounters: new Uint32Array(native.interruptCounters()),
    interruptVectorCount: native.interruptVectorCount(),
    interruptMessageAddress: native.interruptMessageAddress(),
    interruptMessageData: native.interruptMessageData,
    routeInterruptLine: native.routeInterruptLine,
    unmaskInterruptLine: native.unmaskInterruptLine,
    monotonicNs: native.monotonicNs,
    hardwareRandom: native.hardwareRandom,
    timestampCounter: native.timestampCounter,
    acpiRootPointer: native.acpiRootPointer(),
  }
}

function memoryUsage(): MemoryUsage {
  const usage = native.memoryUsage()
  return {
    engineBytes: usage[0],
    heapBytes: usage[1],
    dmaBytes: usage[2],
    ramBytes: usage[3],
    freeBytes: usage[4],
  }
}

export function createNativePlatform(): Platform {
  return {
    writeConsole: native.writeConsole,
    flushConsole: native.flushConsole,
    writeEvent: native.writeEvent,
    monotonicNs: native.monotonicNs,
    realtimeUs: native.realtimeUs,
    realtimeIsKnown: native.realtimeIsKnown,
    correctRealtime: native.correctRealtime,
    waitForInterrupt: native.waitForInterrupt,
    waitForWord: native.waitForWord,
    commandLine: native.commandLine,
    bootStages: native.bootStages,
    memoryUsage,
    engineVersion: native.engineVersion,
    collectGarbage: native.collectGarbage,
    runPendingJobs: native.runPendingJobs,
    takeUnhandledRejection: native.takeUnhandledRejection,
    mapStackTrace: native.mapStackTrace,
    appContainer: () => native.initialRamdisk() ?? native.builtinApp(),
    hasExternalApp: () => native.initialRamdisk() !== undefined,
    loadApp: native.loadApp,
    encodeUtf8: native.encodeUtf8,
    decodeUtf8: native.decodeUtf8,
    isUtf8: native.isUtf8,
    headLength: native.headLength,
    maskBytes: native.maskBytes,
    startDigest: native.startDigest,
    digestBlocks: native.digestBlocks,
    exit: native.exit,
  }
}
