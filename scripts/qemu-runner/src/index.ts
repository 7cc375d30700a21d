/** qemu-runner: start, drive and inspect QEMU guests. Everything public is named here. */
export { AcceleratorError, chooseAccelerator } from './accelerator.ts'
export { buildCommandLine, kernelCommandLine } from './command-line.ts'
export { findExecutable, MissingToolError, requireExecutable } from './executables.ts'
export { CLEAN_EXIT_STATUS, classifyExit, describeExit, type ExitInfo } from './exit-info.ts'
export { type BundleOptions, leaveBundle } from './failure-bundle.ts'
export { guarded } from './guarded-command.ts'
export { type ExpectOptions, GuestConsole } from './guest-console.ts'
export {
  type GuestEvent,
  type GuestEventOptions,
  GuestEvents,
  type ReceivedEvent,
} from './guest-events.ts'
export type { Impairment, ImpairmentCounters } from './lan/impairment.ts'
export type * from './lan/impairment-options.ts'
export { Lan, type LanFrame, type LanOptions } from './lan/lan.ts'
export { launch } from './launch.ts'
export { LaunchError } from './launch-error.ts'
export { Capture, type CaptureOptions } from './netns/capture.ts'
export {
  type InterfaceStatistics,
  NamespaceCommandError,
  NamespaceError,
  type NamespacePrivilege,
  NetworkNamespace,
} from './netns/network-namespace.ts'
export {
  type CapturePoint,
  GUEST_ADDRESS4,
  GUEST_ADDRESS6,
  Topology,
  type TopologyOptions,
  TWIN_ADDRESS4,
  TWIN_ADDRESS6,
} from './netns/topology.ts'
export {
  ANYWHERE,
  FAR_LINK_LOCAL,
  type SideNetwork,
  TwoNetworks,
} from './netns/two-networks.ts'
export type * from './options.ts'
export {
  type ChecksumState,
  type DecodedFrame,
  type DecodedIp,
  type DecodedTcp,
  decodeFrame,
} from './pcap/decode-frame.ts'
export { readFilterDump, withoutVnetHeader } from './pcap/filter-dump.ts'
export { onesComplementSum } from './pcap/internet-checksum.ts'
export { encodePcap, type PcapFrame, parsePcap, readPcap } from './pcap/pcap-file.ts'
export { encodePcapng, type PcapngFrame, type PcapngInterface } from './pcap/pcapng-file.ts'
export {
  judgeDeviceFrames,
  judgeSegments,
  type SegmentationVerdict,
} from './pcap/segmentation-judge.ts'
export { PATTERN_PERIOD, patternBlock, patternCrc32, patternSha256 } from './peer/pattern.ts'
export { Peer, PeerError } from './peer/peer.ts'
export type * from './peer/requests.ts'
export { GuestWaitError, type WaitOptions } from './pending-waits.ts'
export { buildProbeImage, type ProbeImageOptions } from './probe-image.ts'
export {
  QmpClient,
  type QmpClientOptions,
  QmpError,
  type QmpEventOptions,
  type QmpExecuteOptions,
  type QmpParameters,
  QmpProtocolError,
  QmpTimeoutError,
  type ReceivedQmpEvent,
} from './qmp/client.ts'
/** Every type of QEMU's schema, e.g. `Qmp.QueryStatusResult`. */
export type * as Qmp from './qmp/schema.generated.ts'
export type { QmpCommands, QmpEvents } from './qmp/schema.generated.ts'
export { quoteCommand } from './quote.ts'
export { Relay, type RelayCounters, type RelayReport } from './relay/relay.ts'
export type { RelayOptions } from './relay/relay-settings.ts'
export { standaloneCommand } from './standalone-command.ts'
export type { LaunchHooks } from './start-vm.ts'
export type * from './storage-options.ts'
export type { VirtioDeviceView, VirtioQueueView } from './virtio-view.ts'
export { Vm } from './vm.ts'
