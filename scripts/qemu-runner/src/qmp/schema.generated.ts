/** QMP of QEMU 7.2.22, from query-qmp-schema. Made by generate/generate-qmp-types.ts: do not edit. */

export type QmpNone = Readonly<Record<string, never>>

export interface AcpiDeviceOstEvent {
  readonly info: QueryAcpiOspmStatusResult
}

export interface AddClientArguments {
  readonly protocol: string
  readonly fdname: string
  readonly skipauth?: boolean
  readonly tls?: boolean
}

export interface AddFdArguments {
  readonly 'fdset-id'?: number
  readonly opaque?: string
}

export interface AddFdResult {
  readonly 'fdset-id': number
  readonly fd: number
}

export interface AnnounceSelfArguments {
  readonly initial: number
  readonly max: number
  readonly rounds: number
  readonly step: number
  readonly interfaces?: readonly string[]
  readonly id?: string
}

export interface BalloonArguments {
  readonly value: number
}

export interface BalloonChangeEvent {
  readonly actual: number
}

export interface BlockCommitArguments {
  readonly 'job-id'?: string
  readonly device: string
  readonly 'base-node'?: string
  /** @deprecated by QEMU. */
  readonly base?: string
  readonly 'top-node'?: string
  /** @deprecated by QEMU. */
  readonly top?: string
  readonly 'backing-file'?: string
  readonly speed?: number
  readonly 'on-error'?: BlockCommitArgumentsOnError
  readonly 'filter-node-name'?: string
  readonly 'auto-finalize'?: boolean
  readonly 'auto-dismiss'?: boolean
}

export type BlockCommitArgumentsOnError =
  | 'report'
  | 'ignore'
  | 'enospc'
  | 'stop'
  | 'auto'

export interface BlockDirtyBitmapAddArguments {
  readonly node: string
  readonly name: string
  readonly granularity?: number
  readonly persistent?: boolean
  readonly disabled?: boolean
}

export interface BlockDirtyBitmapClearArguments {
  readonly node: string
  readonly name: string
}

export interface BlockDirtyBitmapMergeArguments {
  readonly node: string
  readonly target: string
  readonly bitmaps: readonly BlockDirtyBitmapMergeArgumentsBitmaps[]
}

export type BlockDirtyBitmapMergeArgumentsBitmaps = string | BlockDirtyBitmapClearArguments

export type BlockExportAddArguments = {
  readonly id: string
  readonly 'fixed-iothread'?: boolean
  readonly iothread?: string
  readonly 'node-name': string
  readonly writable?: boolean
  readonly writethrough?: boolean
} & (
  | ({ readonly type: 'nbd' } & BlockExportAddArgumentsNbd)
  | ({ readonly type: 'vhost-user-blk' } & BlockExportAddArgumentsVhostUserBlk)
  | ({ readonly type: 'fuse' } & BlockExportAddArgumentsFuse)
  | ({ readonly type: 'vduse-blk' } & BlockExportAddArgumentsVduseBlk)
)

export interface BlockExportAddArgumentsFuse {
  readonly mountpoint: string
  readonly growable?: boolean
  readonly 'allow-other'?: BlockExportAddArgumentsFuseAllowOther
}

export type BlockExportAddArgumentsFuseAllowOther =
  | 'off'
  | 'on'
  | 'auto'

export interface BlockExportAddArgumentsNbd {
  readonly name?: string
  readonly description?: string
  readonly bitmaps?: readonly BlockDirtyBitmapMergeArgumentsBitmaps[]
  readonly 'allocation-depth'?: boolean
}

export type BlockExportAddArgumentsType =
  | 'nbd'
  | 'vhost-user-blk'
  | 'fuse'
  | 'vduse-blk'

export interface BlockExportAddArgumentsVduseBlk {
  readonly name: string
  readonly 'num-queues'?: number
  readonly 'queue-size'?: number
  readonly 'logical-block-size'?: number
  readonly serial?: string
}

export interface BlockExportAddArgumentsVhostUserBlk {
  readonly addr: NetdevStreamConnectedEventAddr
  readonly 'logical-block-size'?: number
  readonly 'num-queues'?: number
}

export interface BlockExportDelArguments {
  readonly id: string
  readonly mode?: BlockExportDelArgumentsMode
}

export type BlockExportDelArgumentsMode =
  | 'safe'
  | 'hard'

export interface BlockExportDeletedEvent {
  readonly id: string
}

export interface BlockImageCorruptedEvent {
  readonly device: string
  readonly 'node-name'?: string
  readonly msg: string
  readonly offset?: number
  readonly size?: number
  readonly fatal: boolean
}

export interface BlockIoErrorEvent {
  readonly device: string
  readonly 'node-name'?: string
  readonly operation: BlockIoErrorEventOperation
  readonly action: BlockIoErrorEventAction
  readonly nospace?: boolean
  readonly reason: string
}

export type BlockIoErrorEventAction =
  | 'ignore'
  | 'report'
  | 'stop'

export type BlockIoErrorEventOperation =
  | 'read'
  | 'write'

export interface BlockJobCancelArguments {
  readonly device: string
  readonly force?: boolean
}

export interface BlockJobCancelledEvent {
  readonly type: BlockJobCancelledEventType
  readonly device: string
  readonly len: number
  readonly offset: number
  readonly speed: number
}

export type BlockJobCancelledEventType =
  | 'commit'
  | 'stream'
  | 'mirror'
  | 'backup'
  | 'create'
  | 'amend'
  | 'snapshot-load'
  | 'snapshot-save'
  | 'snapshot-delete'

export interface BlockJobCompleteArguments {
  readonly device: string
}

export interface BlockJobCompletedEvent {
  readonly type: BlockJobCancelledEventType
  readonly device: string
  readonly len: number
  readonly offset: number
  readonly speed: number
  readonly error?: string
}

export interface BlockJobDismissArguments {
  readonly id: string
}

export interface BlockJobErrorEvent {
  readonly device: string
  readonly operation: BlockIoErrorEventOperation
  readonly action: BlockIoErrorEventAction
}

export interface BlockJobFinalizeArguments {
  readonly id: string
}

export interface BlockJobPauseArguments {
  readonly device: string
}

export interface BlockJobPendingEvent {
  readonly type: BlockJobCancelledEventType
  readonly id: string
}

export interface BlockJobReadyEvent {
  readonly type: BlockJobCancelledEventType
  readonly device: string
  readonly len: number
  readonly offset: number
  readonly speed: number
}

export interface BlockJobResumeArguments {
  readonly device: string
}

export interface BlockJobSetSpeedArguments {
  readonly device: string
  readonly speed: number
}

export interface BlockLatencyHistogramSetArguments {
  readonly id: string
  readonly boundaries?: readonly number[]
  readonly 'boundaries-read'?: readonly number[]
  readonly 'boundaries-write'?: readonly number[]
  readonly 'boundaries-flush'?: readonly number[]
}

export interface BlockResizeArguments {
  readonly device?: string
  readonly 'node-name'?: string
  readonly size: number
}

export interface BlockSetIoThrottleArguments {
  /** @deprecated by QEMU. */
  readonly device?: string
  readonly id?: string
  readonly bps: number
  readonly bps_rd: number
  readonly bps_wr: number
  readonly iops: number
  readonly iops_rd: number
  readonly iops_wr: number
  readonly bps_max?: number
  readonly bps_rd_max?: number
  readonly bps_wr_max?: number
  readonly iops_max?: number
  readonly iops_rd_max?: number
  readonly iops_wr_max?: number
  readonly bps_max_length?: number
  readonly bps_rd_max_length?: number
  readonly bps_wr_max_length?: number
  readonly iops_max_length?: number
  readonly iops_rd_max_length?: number
  readonly iops_wr_max_length?: number
  readonly iops_size?: number
  readonly group?: string
}

export interface BlockSetWriteThresholdArguments {
  readonly 'node-name': string
  readonly 'write-threshold': number
}

export interface BlockStreamArguments {
  readonly 'job-id'?: string
  readonly device: string
  readonly base?: string
  readonly 'base-node'?: string
  readonly 'backing-file'?: string
  readonly bottom?: string
  readonly speed?: number
  readonly 'on-error'?: BlockCommitArgumentsOnError
  readonly 'filter-node-name'?: string
  readonly 'auto-finalize'?: boolean
  readonly 'auto-dismiss'?: boolean
}

export interface BlockWriteThresholdEvent {
  readonly 'node-name': string
  readonly 'amount-exceeded': number
  readonly 'write-threshold': number
}

export type BlockdevAddArguments = {
  readonly 'node-name'?: string
  readonly discard?: BlockdevAddArgumentsDiscard
  readonly cache?: BlockdevAddArgumentsCache
  readonly 'read-only'?: boolean
  readonly 'auto-read-only'?: boolean
  readonly 'force-share'?: boolean
  readonly 'detect-zeroes'?: BlockdevAddArgumentsDetectZeroes
} & (
  | ({ readonly driver: 'blkdebug' } & BlockdevAddArgumentsBlkdebug)
  | ({ readonly driver: 'blklogwrites' } & BlockdevAddArgumentsBlklogwrites)
  | ({ readonly driver: 'blkreplay' } & BlockdevAddArgumentsBlkreplay)
  | ({ readonly driver: 'blkverify' } & BlockdevAddArgumentsBlkverify)
  | ({ readonly driver: 'bochs' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'cloop' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'compress' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'copy-before-write' } & BlockdevAddArgumentsCopyBeforeWrite)
  | ({ readonly driver: 'copy-on-read' } & BlockdevAddArgumentsCopyOnRead)
  | ({ readonly driver: 'dmg' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'file' } & BlockdevAddArgumentsFile)
  | ({ readonly driver: 'snapshot-access' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'ftp' } & BlockdevAddArgumentsFtp)
  | ({ readonly driver: 'ftps' } & BlockdevAddArgumentsFtps)
  | ({ readonly driver: 'gluster' } & BlockdevAddArgumentsGluster)
  | ({ readonly driver: 'host_cdrom' } & BlockdevAddArgumentsFile)
  | ({ readonly driver: 'host_device' } & BlockdevAddArgumentsFile)
  | ({ readonly driver: 'http' } & BlockdevAddArgumentsHttp)
  | ({ readonly driver: 'https' } & BlockdevAddArgumentsHttps)
  | ({ readonly driver: 'iscsi' } & BlockdevAddArgumentsIscsi)
  | ({ readonly driver: 'luks' } & BlockdevAddArgumentsLuks)
  | ({ readonly driver: 'nbd' } & BlockdevAddArgumentsNbd)
  | ({ readonly driver: 'nfs' } & BlockdevAddArgumentsNfs)
  | ({ readonly driver: 'null-aio' } & BlockdevAddArgumentsNullAio)
  | ({ readonly driver: 'null-co' } & BlockdevAddArgumentsNullAio)
  | ({ readonly driver: 'nvme' } & BlockdevAddArgumentsNvme)
  | ({ readonly driver: 'parallels' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'preallocate' } & BlockdevAddArgumentsPreallocate)
  | ({ readonly driver: 'qcow' } & BlockdevAddArgumentsQcow)
  | ({ readonly driver: 'qcow2' } & BlockdevAddArgumentsQcow2)
  | ({ readonly driver: 'qed' } & BlockdevAddArgumentsQed)
  | ({ readonly driver: 'quorum' } & BlockdevAddArgumentsQuorum)
  | ({ readonly driver: 'raw' } & BlockdevAddArgumentsRaw)
  | ({ readonly driver: 'rbd' } & BlockdevAddArgumentsRbd)
  | ({ readonly driver: 'replication' } & BlockdevAddArgumentsReplication)
  | ({ readonly driver: 'ssh' } & BlockdevAddArgumentsSsh)
  | ({ readonly driver: 'throttle' } & BlockdevAddArgumentsThrottle)
  | ({ readonly driver: 'vdi' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'vhdx' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'vmdk' } & BlockdevAddArgumentsQed)
  | ({ readonly driver: 'vpc' } & BlockdevAddArgumentsBochs)
  | ({ readonly driver: 'vvfat' } & BlockdevAddArgumentsVvfat)
)

export interface BlockdevAddArgumentsBlkdebug {
  readonly image: BlockdevAddArgumentsBlkdebugImage
  readonly config?: string
  readonly align?: number
  readonly 'max-transfer'?: number
  readonly 'opt-write-zero'?: number
  readonly 'max-write-zero'?: number
  readonly 'opt-discard'?: number
  readonly 'max-discard'?: number
  readonly 'inject-error'?: readonly BlockdevAddArgumentsBlkdebugInjectError[]
  readonly 'set-state'?: readonly BlockdevAddArgumentsBlkdebugSetState[]
  readonly 'take-child-perms'?: readonly BlockdevAddArgumentsBlkdebugTakeChildPerms[]
  readonly 'unshare-child-perms'?: readonly BlockdevAddArgumentsBlkdebugTakeChildPerms[]
}

export type BlockdevAddArgumentsBlkdebugImage = BlockdevAddArguments | string

export interface BlockdevAddArgumentsBlkdebugInjectError {
  readonly event: BlockdevAddArgumentsBlkdebugInjectErrorEvent
  readonly state?: number
  readonly iotype?: BlockdevAddArgumentsBlkdebugInjectErrorIotype
  readonly errno?: number
  readonly sector?: number
  readonly once?: boolean
  readonly immediately?: boolean
}

export type BlockdevAddArgumentsBlkdebugInjectErrorEvent =
  | 'l1_update'
  | 'l1_grow_alloc_table'
  | 'l1_grow_write_table'
  | 'l1_grow_activate_table'
  | 'l2_load'
  | 'l2_update'
  | 'l2_update_compressed'
  | 'l2_alloc_cow_read'
  | 'l2_alloc_write'
  | 'read_aio'
  | 'read_backing_aio'
  | 'read_compressed'
  | 'write_aio'
  | 'write_compressed'
  | 'vmstate_load'
  | 'vmstate_save'
  | 'cow_read'
  | 'cow_write'
  | 'reftable_load'
  | 'reftable_grow'
  | 'reftable_update'
  | 'refblock_load'
  | 'refblock_update'
  | 'refblock_update_part'
  | 'refblock_alloc'
  | 'refblock_alloc_hookup'
  | 'refblock_alloc_write'
  | 'refblock_alloc_write_blocks'
  | 'refblock_alloc_write_table'
  | 'refblock_alloc_switch_table'
  | 'cluster_alloc'
  | 'cluster_alloc_bytes'
  | 'cluster_free'
  | 'flush_to_os'
  | 'flush_to_disk'
  | 'pwritev_rmw_head'
  | 'pwritev_rmw_after_head'
  | 'pwritev_rmw_tail'
  | 'pwritev_rmw_after_tail'
  | 'pwritev'
  | 'pwritev_zero'
  | 'pwritev_done'
  | 'empty_image_prepare'
  | 'l1_shrink_write_table'
  | 'l1_shrink_free_l2_clusters'
  | 'cor_write'
  | 'cluster_alloc_space'
  | 'none'

export type BlockdevAddArgumentsBlkdebugInjectErrorIotype =
  | 'read'
  | 'write'
  | 'write-zeroes'
  | 'discard'
  | 'flush'
  | 'block-status'

export interface BlockdevAddArgumentsBlkdebugSetState {
  readonly event: BlockdevAddArgumentsBlkdebugInjectErrorEvent
  readonly state?: number
  readonly new_state: number
}

export type BlockdevAddArgumentsBlkdebugTakeChildPerms =
  | 'consistent-read'
  | 'write'
  | 'write-unchanged'
  | 'resize'

export interface BlockdevAddArgumentsBlklogwrites {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly log: BlockdevAddArgumentsBlkdebugImage
  readonly 'log-sector-size'?: number
  readonly 'log-append'?: boolean
  readonly 'log-super-update-interval'?: number
}

export interface BlockdevAddArgumentsBlkreplay {
  readonly image: BlockdevAddArgumentsBlkdebugImage
}

export interface BlockdevAddArgumentsBlkverify {
  readonly test: BlockdevAddArgumentsBlkdebugImage
  readonly raw: BlockdevAddArgumentsBlkdebugImage
}

export interface BlockdevAddArgumentsBochs {
  readonly file: BlockdevAddArgumentsBlkdebugImage
}

export interface BlockdevAddArgumentsCache {
  readonly direct?: boolean
  readonly 'no-flush'?: boolean
}

export interface BlockdevAddArgumentsCopyBeforeWrite {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly target: BlockdevAddArgumentsBlkdebugImage
  readonly bitmap?: BlockDirtyBitmapClearArguments
  readonly 'on-cbw-error'?: BlockdevAddArgumentsCopyBeforeWriteOnCbwError
  readonly 'cbw-timeout'?: number
}

export type BlockdevAddArgumentsCopyBeforeWriteOnCbwError =
  | 'break-guest-write'
  | 'break-snapshot'

export interface BlockdevAddArgumentsCopyOnRead {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly bottom?: string
}

export type BlockdevAddArgumentsDetectZeroes =
  | 'off'
  | 'on'
  | 'unmap'

export type BlockdevAddArgumentsDiscard =
  | 'ignore'
  | 'unmap'

export type BlockdevAddArgumentsDriver =
  | 'blkdebug'
  | 'blklogwrites'
  | 'blkreplay'
  | 'blkverify'
  | 'bochs'
  | 'cloop'
  | 'compress'
  | 'copy-before-write'
  | 'copy-on-read'
  | 'dmg'
  | 'file'
  | 'snapshot-access'
  | 'ftp'
  | 'ftps'
  | 'gluster'
  | 'host_cdrom'
  | 'host_device'
  | 'http'
  | 'https'
  | 'iscsi'
  | 'luks'
  | 'nbd'
  | 'nfs'
  | 'null-aio'
  | 'null-co'
  | 'nvme'
  | 'parallels'
  | 'preallocate'
  | 'qcow'
  | 'qcow2'
  | 'qed'
  | 'quorum'
  | 'raw'
  | 'rbd'
  | 'replication'
  | 'ssh'
  | 'throttle'
  | 'vdi'
  | 'vhdx'
  | 'vmdk'
  | 'vpc'
  | 'vvfat'

export interface BlockdevAddArgumentsFile {
  readonly filename: string
  readonly 'pr-manager'?: string
  readonly locking?: BlockdevAddArgumentsFileLocking
  readonly aio?: BlockdevAddArgumentsFileAio
  readonly 'aio-max-batch'?: number
  readonly 'drop-cache'?: boolean
  readonly 'x-check-cache-dropped'?: boolean
}

export type BlockdevAddArgumentsFileAio =
  | 'threads'
  | 'native'
  | 'io_uring'

export type BlockdevAddArgumentsFileLocking =
  | 'auto'
  | 'on'
  | 'off'

export interface BlockdevAddArgumentsFtp {
  readonly url: string
  readonly readahead?: number
  readonly timeout?: number
  readonly username?: string
  readonly 'password-secret'?: string
  readonly 'proxy-username'?: string
  readonly 'proxy-password-secret'?: string
}

export interface BlockdevAddArgumentsFtps {
  readonly url: string
  readonly readahead?: number
  readonly timeout?: number
  readonly username?: string
  readonly 'password-secret'?: string
  readonly 'proxy-username'?: string
  readonly 'proxy-password-secret'?: string
  readonly sslverify?: boolean
}

export interface BlockdevAddArgumentsGluster {
  readonly volume: string
  readonly path: string
  readonly server: readonly NetdevStreamConnectedEventAddr[]
  readonly debug?: number
  readonly logfile?: string
}

export interface BlockdevAddArgumentsHttp {
  readonly url: string
  readonly readahead?: number
  readonly timeout?: number
  readonly username?: string
  readonly 'password-secret'?: string
  readonly 'proxy-username'?: string
  readonly 'proxy-password-secret'?: string
  readonly cookie?: string
  readonly 'cookie-secret'?: string
}

export interface BlockdevAddArgumentsHttps {
  readonly url: string
  readonly readahead?: number
  readonly timeout?: number
  readonly username?: string
  readonly 'password-secret'?: string
  readonly 'proxy-username'?: string
  readonly 'proxy-password-secret'?: string
  readonly cookie?: string
  readonly sslverify?: boolean
  readonly 'cookie-secret'?: string
}

export interface BlockdevAddArgumentsIscsi {
  readonly transport: BlockdevAddArgumentsIscsiTransport
  readonly portal: string
  readonly target: string
  readonly lun?: number
  readonly user?: string
  readonly 'password-secret'?: string
  readonly 'initiator-name'?: string
  readonly 'header-digest'?: BlockdevAddArgumentsIscsiHeaderDigest
  readonly timeout?: number
}

export type BlockdevAddArgumentsIscsiHeaderDigest =
  | 'crc32c'
  | 'none'
  | 'crc32c-none'
  | 'none-crc32c'

export type BlockdevAddArgumentsIscsiTransport =
  | 'tcp'
  | 'iser'

export interface BlockdevAddArgumentsLuks {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly 'key-secret'?: string
}

export interface BlockdevAddArgumentsNbd {
  readonly server: NetdevStreamConnectedEventAddr
  readonly export?: string
  readonly 'tls-creds'?: string
  readonly 'tls-hostname'?: string
  readonly 'x-dirty-bitmap'?: string
  readonly 'reconnect-delay'?: number
  readonly 'open-timeout'?: number
}

export interface BlockdevAddArgumentsNfs {
  readonly server: BlockdevAddArgumentsNfsServer
  readonly path: string
  readonly user?: number
  readonly group?: number
  readonly 'tcp-syn-count'?: number
  readonly 'readahead-size'?: number
  readonly 'page-cache-size'?: number
  readonly debug?: number
}

export interface BlockdevAddArgumentsNfsServer {
  readonly type: BlockdevAddArgumentsNfsServerType
  readonly host: string
}

export type BlockdevAddArgumentsNfsServerType =
  | 'inet'

export interface BlockdevAddArgumentsNullAio {
  readonly size?: number
  readonly 'latency-ns'?: number
  readonly 'read-zeroes'?: boolean
}

export interface BlockdevAddArgumentsNvme {
  readonly device: string
  readonly namespace: number
}

export interface BlockdevAddArgumentsPreallocate {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly 'prealloc-align'?: number
  readonly 'prealloc-size'?: number
}

export interface BlockdevAddArgumentsQcow {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly backing?: BlockdevAddArgumentsQcow2Backing
  readonly encrypt?: BlockdevAddArgumentsQcowEncrypt
}

export interface BlockdevAddArgumentsQcow2 {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly backing?: BlockdevAddArgumentsQcow2Backing
  readonly 'lazy-refcounts'?: boolean
  readonly 'pass-discard-request'?: boolean
  readonly 'pass-discard-snapshot'?: boolean
  readonly 'pass-discard-other'?: boolean
  readonly 'overlap-check'?: BlockdevAddArgumentsQcow2OverlapCheck
  readonly 'cache-size'?: number
  readonly 'l2-cache-size'?: number
  readonly 'l2-cache-entry-size'?: number
  readonly 'refcount-cache-size'?: number
  readonly 'cache-clean-interval'?: number
  readonly encrypt?: BlockdevAddArgumentsQcow2Encrypt
  readonly 'data-file'?: BlockdevAddArgumentsBlkdebugImage
}

export type BlockdevAddArgumentsQcow2Backing = BlockdevAddArguments | string | null

export type BlockdevAddArgumentsQcow2Encrypt = {
} & (
  | ({ readonly format: 'aes' } & BlockdevAddArgumentsQcow2EncryptAes)
  | ({ readonly format: 'luks' } & BlockdevAddArgumentsQcow2EncryptLuks)
)

export interface BlockdevAddArgumentsQcow2EncryptAes {
  readonly 'key-secret'?: string
}

export type BlockdevAddArgumentsQcow2EncryptFormat =
  | 'aes'
  | 'luks'

export interface BlockdevAddArgumentsQcow2EncryptLuks {
  readonly 'key-secret'?: string
}

export type BlockdevAddArgumentsQcow2OverlapCheck = BlockdevAddArgumentsQcow2OverlapCheckChoice1 | BlockdevAddArgumentsQcow2OverlapCheckChoice2

export interface BlockdevAddArgumentsQcow2OverlapCheckChoice1 {
  readonly template?: BlockdevAddArgumentsQcow2OverlapCheckChoice2
  readonly 'main-header'?: boolean
  readonly 'active-l1'?: boolean
  readonly 'active-l2'?: boolean
  readonly 'refcount-table'?: boolean
  readonly 'refcount-block'?: boolean
  readonly 'snapshot-table'?: boolean
  readonly 'inactive-l1'?: boolean
  readonly 'inactive-l2'?: boolean
  readonly 'bitmap-directory'?: boolean
}

export type BlockdevAddArgumentsQcow2OverlapCheckChoice2 =
  | 'none'
  | 'constant'
  | 'cached'
  | 'all'

export type BlockdevAddArgumentsQcowEncrypt = {
} & (
  | ({ readonly format: 'aes' } & BlockdevAddArgumentsQcow2EncryptAes)
)

export type BlockdevAddArgumentsQcowEncryptFormat =
  | 'aes'

export interface BlockdevAddArgumentsQed {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly backing?: BlockdevAddArgumentsQcow2Backing
}

export interface BlockdevAddArgumentsQuorum {
  readonly blkverify?: boolean
  readonly children: readonly BlockdevAddArgumentsBlkdebugImage[]
  readonly 'vote-threshold': number
  readonly 'rewrite-corrupted'?: boolean
  readonly 'read-pattern'?: BlockdevAddArgumentsQuorumReadPattern
}

export type BlockdevAddArgumentsQuorumReadPattern =
  | 'quorum'
  | 'fifo'

export interface BlockdevAddArgumentsRaw {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly offset?: number
  readonly size?: number
}

export interface BlockdevAddArgumentsRbd {
  readonly pool: string
  readonly namespace?: string
  readonly image: string
  readonly conf?: string
  readonly snapshot?: string
  readonly encrypt?: BlockdevAddArgumentsRbdEncrypt
  readonly user?: string
  readonly 'auth-client-required'?: readonly BlockdevAddArgumentsRbdAuthClientRequired[]
  readonly 'key-secret'?: string
  readonly server?: readonly BlockdevAddArgumentsRbdServer[]
}

export type BlockdevAddArgumentsRbdAuthClientRequired =
  | 'cephx'
  | 'none'

export type BlockdevAddArgumentsRbdEncrypt = {
} & (
  | ({ readonly format: 'luks' } & BlockdevAddArgumentsRbdEncryptLuks)
  | ({ readonly format: 'luks2' } & BlockdevAddArgumentsRbdEncryptLuks2)
)

export type BlockdevAddArgumentsRbdEncryptFormat =
  | 'luks'
  | 'luks2'

export interface BlockdevAddArgumentsRbdEncryptLuks {
  readonly 'key-secret': string
}

export interface BlockdevAddArgumentsRbdEncryptLuks2 {
  readonly 'key-secret': string
}

export interface BlockdevAddArgumentsRbdServer {
  readonly host: string
  readonly port: string
}

export interface BlockdevAddArgumentsReplication {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly mode: BlockdevAddArgumentsReplicationMode
  readonly 'top-id'?: string
}

export type BlockdevAddArgumentsReplicationMode =
  | 'primary'
  | 'secondary'

export interface BlockdevAddArgumentsSsh {
  readonly server: BlockdevAddArgumentsSshServer
  readonly path: string
  readonly user?: string
  readonly 'host-key-check'?: BlockdevAddArgumentsSshHostKeyCheck
}

export type BlockdevAddArgumentsSshHostKeyCheck = {
} & (
  | ({ readonly mode: 'hash' } & BlockdevAddArgumentsSshHostKeyCheckHash)
  | { readonly mode: 'none' | 'known_hosts' }
)

export interface BlockdevAddArgumentsSshHostKeyCheckHash {
  readonly type: BlockdevAddArgumentsSshHostKeyCheckHashType
  readonly hash: string
}

export type BlockdevAddArgumentsSshHostKeyCheckHashType =
  | 'md5'
  | 'sha1'
  | 'sha256'

export type BlockdevAddArgumentsSshHostKeyCheckMode =
  | 'none'
  | 'hash'
  | 'known_hosts'

export interface BlockdevAddArgumentsSshServer {
  readonly host: string
  readonly port: string
  readonly numeric?: boolean
  readonly to?: number
  readonly ipv4?: boolean
  readonly ipv6?: boolean
  readonly 'keep-alive'?: boolean
  readonly mptcp?: boolean
}

export interface BlockdevAddArgumentsThrottle {
  readonly 'throttle-group': string
  readonly file: BlockdevAddArgumentsBlkdebugImage
}

export interface BlockdevAddArgumentsVvfat {
  readonly dir: string
  readonly 'fat-type'?: number
  readonly floppy?: boolean
  readonly label?: string
  readonly rw?: boolean
}

export interface BlockdevBackupArguments {
  readonly 'job-id'?: string
  readonly device: string
  readonly sync: BlockdevBackupArgumentsSync
  readonly speed?: number
  readonly bitmap?: string
  readonly 'bitmap-mode'?: BlockdevBackupArgumentsBitmapMode
  readonly compress?: boolean
  readonly 'on-source-error'?: BlockCommitArgumentsOnError
  readonly 'on-target-error'?: BlockCommitArgumentsOnError
  readonly 'auto-finalize'?: boolean
  readonly 'auto-dismiss'?: boolean
  readonly 'filter-node-name'?: string
  readonly 'x-perf'?: BlockdevBackupArgumentsXPerf
  readonly target: string
}

export type BlockdevBackupArgumentsBitmapMode =
  | 'on-success'
  | 'never'
  | 'always'

export type BlockdevBackupArgumentsSync =
  | 'top'
  | 'full'
  | 'none'
  | 'incremental'
  | 'bitmap'

export interface BlockdevBackupArgumentsXPerf {
  readonly 'use-copy-range'?: boolean
  readonly 'max-workers'?: number
  readonly 'max-chunk'?: number
}

export interface BlockdevChangeMediumArguments {
  /** @deprecated by QEMU. */
  readonly device?: string
  readonly id?: string
  readonly filename: string
  readonly format?: string
  readonly force?: boolean
  readonly 'read-only-mode'?: BlockdevChangeMediumArgumentsReadOnlyMode
}

export type BlockdevChangeMediumArgumentsReadOnlyMode =
  | 'retain'
  | 'read-only'
  | 'read-write'

export interface BlockdevCloseTrayArguments {
  /** @deprecated by QEMU. */
  readonly device?: string
  readonly id?: string
}

export interface BlockdevCreateArguments {
  readonly 'job-id': string
  readonly options: BlockdevCreateArgumentsOptions
}

export type BlockdevCreateArgumentsOptions = {
} & (
  | ({ readonly driver: 'file' } & BlockdevCreateArgumentsOptionsFile)
  | ({ readonly driver: 'gluster' } & BlockdevCreateArgumentsOptionsGluster)
  | ({ readonly driver: 'luks' } & BlockdevCreateArgumentsOptionsLuks)
  | ({ readonly driver: 'nfs' } & BlockdevCreateArgumentsOptionsNfs)
  | ({ readonly driver: 'parallels' } & BlockdevCreateArgumentsOptionsParallels)
  | ({ readonly driver: 'qcow' } & BlockdevCreateArgumentsOptionsQcow)
  | ({ readonly driver: 'qcow2' } & BlockdevCreateArgumentsOptionsQcow2)
  | ({ readonly driver: 'qed' } & BlockdevCreateArgumentsOptionsQed)
  | ({ readonly driver: 'rbd' } & BlockdevCreateArgumentsOptionsRbd)
  | ({ readonly driver: 'ssh' } & BlockdevCreateArgumentsOptionsSsh)
  | ({ readonly driver: 'vdi' } & BlockdevCreateArgumentsOptionsVdi)
  | ({ readonly driver: 'vhdx' } & BlockdevCreateArgumentsOptionsVhdx)
  | ({ readonly driver: 'vmdk' } & BlockdevCreateArgumentsOptionsVmdk)
  | ({ readonly driver: 'vpc' } & BlockdevCreateArgumentsOptionsVpc)
  | { readonly driver: 'blkdebug' | 'blklogwrites' | 'blkreplay' | 'blkverify' | 'bochs' | 'cloop' | 'compress' | 'copy-before-write' | 'copy-on-read' | 'dmg' | 'snapshot-access' | 'ftp' | 'ftps' | 'host_cdrom' | 'host_device' | 'http' | 'https' | 'iscsi' | 'nbd' | 'null-aio' | 'null-co' | 'nvme' | 'preallocate' | 'quorum' | 'raw' | 'replication' | 'throttle' | 'vvfat' }
)

export interface BlockdevCreateArgumentsOptionsFile {
  readonly filename: string
  readonly size: number
  readonly preallocation?: BlockdevCreateArgumentsOptionsFilePreallocation
  readonly nocow?: boolean
  readonly 'extent-size-hint'?: number
}

export type BlockdevCreateArgumentsOptionsFilePreallocation =
  | 'off'
  | 'metadata'
  | 'falloc'
  | 'full'

export interface BlockdevCreateArgumentsOptionsGluster {
  readonly location: BlockdevAddArgumentsGluster
  readonly size: number
  readonly preallocation?: BlockdevCreateArgumentsOptionsFilePreallocation
}

export interface BlockdevCreateArgumentsOptionsLuks {
  readonly 'key-secret'?: string
  readonly 'cipher-alg'?: BlockdevCreateArgumentsOptionsLuksCipherAlg
  readonly 'cipher-mode'?: BlockdevCreateArgumentsOptionsLuksCipherMode
  readonly 'ivgen-alg'?: BlockdevCreateArgumentsOptionsLuksIvgenAlg
  readonly 'ivgen-hash-alg'?: BlockdevCreateArgumentsOptionsLuksIvgenHashAlg
  readonly 'hash-alg'?: BlockdevCreateArgumentsOptionsLuksIvgenHashAlg
  readonly 'iter-time'?: number
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly preallocation?: BlockdevCreateArgumentsOptionsFilePreallocation
}

export type BlockdevCreateArgumentsOptionsLuksCipherAlg =
  | 'aes-128'
  | 'aes-192'
  | 'aes-256'
  | 'des'
  | '3des'
  | 'cast5-128'
  | 'serpent-128'
  | 'serpent-192'
  | 'serpent-256'
  | 'twofish-128'
  | 'twofish-192'
  | 'twofish-256'

export type BlockdevCreateArgumentsOptionsLuksCipherMode =
  | 'ecb'
  | 'cbc'
  | 'xts'
  | 'ctr'

export type BlockdevCreateArgumentsOptionsLuksIvgenAlg =
  | 'plain'
  | 'plain64'
  | 'essiv'

export type BlockdevCreateArgumentsOptionsLuksIvgenHashAlg =
  | 'md5'
  | 'sha1'
  | 'sha224'
  | 'sha256'
  | 'sha384'
  | 'sha512'
  | 'ripemd160'

export interface BlockdevCreateArgumentsOptionsNfs {
  readonly location: BlockdevAddArgumentsNfs
  readonly size: number
}

export interface BlockdevCreateArgumentsOptionsParallels {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly 'cluster-size'?: number
}

export interface BlockdevCreateArgumentsOptionsQcow {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly 'backing-file'?: string
  readonly encrypt?: BlockdevCreateArgumentsOptionsQcowEncrypt
}

export interface BlockdevCreateArgumentsOptionsQcow2 {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly 'data-file'?: BlockdevAddArgumentsBlkdebugImage
  readonly 'data-file-raw'?: boolean
  readonly 'extended-l2'?: boolean
  readonly size: number
  readonly version?: BlockdevCreateArgumentsOptionsQcow2Version
  readonly 'backing-file'?: string
  readonly 'backing-fmt'?: BlockdevAddArgumentsDriver
  readonly encrypt?: BlockdevCreateArgumentsOptionsQcowEncrypt
  readonly 'cluster-size'?: number
  readonly preallocation?: BlockdevCreateArgumentsOptionsFilePreallocation
  readonly 'lazy-refcounts'?: boolean
  readonly 'refcount-bits'?: number
  readonly 'compression-type'?: BlockdevCreateArgumentsOptionsQcow2CompressionType
}

export type BlockdevCreateArgumentsOptionsQcow2CompressionType =
  | 'zlib'
  | 'zstd'

export type BlockdevCreateArgumentsOptionsQcow2Version =
  | 'v2'
  | 'v3'

export type BlockdevCreateArgumentsOptionsQcowEncrypt = {
} & (
  | ({ readonly format: 'qcow' } & BlockdevAddArgumentsQcow2EncryptAes)
  | ({ readonly format: 'luks' } & BlockdevCreateArgumentsOptionsQcowEncryptLuks)
)

export type BlockdevCreateArgumentsOptionsQcowEncryptFormat =
  | 'qcow'
  | 'luks'

export interface BlockdevCreateArgumentsOptionsQcowEncryptLuks {
  readonly 'key-secret'?: string
  readonly 'cipher-alg'?: BlockdevCreateArgumentsOptionsLuksCipherAlg
  readonly 'cipher-mode'?: BlockdevCreateArgumentsOptionsLuksCipherMode
  readonly 'ivgen-alg'?: BlockdevCreateArgumentsOptionsLuksIvgenAlg
  readonly 'ivgen-hash-alg'?: BlockdevCreateArgumentsOptionsLuksIvgenHashAlg
  readonly 'hash-alg'?: BlockdevCreateArgumentsOptionsLuksIvgenHashAlg
  readonly 'iter-time'?: number
}

export interface BlockdevCreateArgumentsOptionsQed {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly 'backing-file'?: string
  readonly 'backing-fmt'?: BlockdevAddArgumentsDriver
  readonly 'cluster-size'?: number
  readonly 'table-size'?: number
}

export interface BlockdevCreateArgumentsOptionsRbd {
  readonly location: BlockdevAddArgumentsRbd
  readonly size: number
  readonly 'cluster-size'?: number
  readonly encrypt?: BlockdevCreateArgumentsOptionsRbdEncrypt
}

export type BlockdevCreateArgumentsOptionsRbdEncrypt = {
} & (
  | ({ readonly format: 'luks' } & BlockdevCreateArgumentsOptionsRbdEncryptLuks)
  | ({ readonly format: 'luks2' } & BlockdevCreateArgumentsOptionsRbdEncryptLuks2)
)

export interface BlockdevCreateArgumentsOptionsRbdEncryptLuks {
  readonly 'key-secret': string
  readonly 'cipher-alg'?: BlockdevCreateArgumentsOptionsLuksCipherAlg
}

export interface BlockdevCreateArgumentsOptionsRbdEncryptLuks2 {
  readonly 'key-secret': string
  readonly 'cipher-alg'?: BlockdevCreateArgumentsOptionsLuksCipherAlg
}

export interface BlockdevCreateArgumentsOptionsSsh {
  readonly location: BlockdevAddArgumentsSsh
  readonly size: number
}

export interface BlockdevCreateArgumentsOptionsVdi {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly preallocation?: BlockdevCreateArgumentsOptionsFilePreallocation
}

export interface BlockdevCreateArgumentsOptionsVhdx {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly 'log-size'?: number
  readonly 'block-size'?: number
  readonly subformat?: BlockdevCreateArgumentsOptionsVhdxSubformat
  readonly 'block-state-zero'?: boolean
}

export type BlockdevCreateArgumentsOptionsVhdxSubformat =
  | 'dynamic'
  | 'fixed'

export interface BlockdevCreateArgumentsOptionsVmdk {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly extents?: readonly BlockdevAddArgumentsBlkdebugImage[]
  readonly subformat?: BlockdevCreateArgumentsOptionsVmdkSubformat
  readonly 'backing-file'?: string
  readonly 'adapter-type'?: BlockdevCreateArgumentsOptionsVmdkAdapterType
  readonly hwversion?: string
  readonly toolsversion?: string
  readonly 'zeroed-grain'?: boolean
}

export type BlockdevCreateArgumentsOptionsVmdkAdapterType =
  | 'ide'
  | 'buslogic'
  | 'lsilogic'
  | 'legacyESX'

export type BlockdevCreateArgumentsOptionsVmdkSubformat =
  | 'monolithicSparse'
  | 'monolithicFlat'
  | 'twoGbMaxExtentSparse'
  | 'twoGbMaxExtentFlat'
  | 'streamOptimized'

export interface BlockdevCreateArgumentsOptionsVpc {
  readonly file: BlockdevAddArgumentsBlkdebugImage
  readonly size: number
  readonly subformat?: BlockdevCreateArgumentsOptionsVpcSubformat
  readonly 'force-size'?: boolean
}

export type BlockdevCreateArgumentsOptionsVpcSubformat =
  | 'dynamic'
  | 'fixed'

export interface BlockdevDelArguments {
  readonly 'node-name': string
}

export interface BlockdevInsertMediumArguments {
  readonly id: string
  readonly 'node-name': string
}

export interface BlockdevMirrorArguments {
  readonly 'job-id'?: string
  readonly device: string
  readonly target: string
  readonly replaces?: string
  readonly sync: BlockdevBackupArgumentsSync
  readonly speed?: number
  readonly granularity?: number
  readonly 'buf-size'?: number
  readonly 'on-source-error'?: BlockCommitArgumentsOnError
  readonly 'on-target-error'?: BlockCommitArgumentsOnError
  readonly 'filter-node-name'?: string
  readonly 'copy-mode'?: BlockdevMirrorArgumentsCopyMode
  readonly 'auto-finalize'?: boolean
  readonly 'auto-dismiss'?: boolean
}

export type BlockdevMirrorArgumentsCopyMode =
  | 'background'
  | 'write-blocking'

export interface BlockdevOpenTrayArguments {
  /** @deprecated by QEMU. */
  readonly device?: string
  readonly id?: string
  readonly force?: boolean
}

export interface BlockdevRemoveMediumArguments {
  readonly id: string
}

export interface BlockdevReopenArguments {
  readonly options: readonly BlockdevAddArguments[]
}

export interface BlockdevSnapshotArguments {
  readonly node: string
  readonly overlay: string
}

export interface BlockdevSnapshotDeleteInternalSyncArguments {
  readonly device: string
  readonly id?: string
  readonly name?: string
}

export interface BlockdevSnapshotDeleteInternalSyncResult {
  readonly id: string
  readonly name: string
  readonly 'vm-state-size': number
  readonly 'date-sec': number
  readonly 'date-nsec': number
  readonly 'vm-clock-sec': number
  readonly 'vm-clock-nsec': number
  readonly icount?: number
}

export interface BlockdevSnapshotInternalSyncArguments {
  readonly device: string
  readonly name: string
}

export interface BlockdevSnapshotSyncArguments {
  readonly device?: string
  readonly 'node-name'?: string
  readonly 'snapshot-file': string
  readonly 'snapshot-node-name'?: string
  readonly format?: string
  readonly mode?: BlockdevSnapshotSyncArgumentsMode
}

export type BlockdevSnapshotSyncArgumentsMode =
  | 'existing'
  | 'absolute-paths'

export interface CalcDirtyRateArguments {
  readonly 'calc-time': number
  readonly 'sample-pages'?: number
  readonly mode?: CalcDirtyRateArgumentsMode
}

export type CalcDirtyRateArgumentsMode =
  | 'page-sampling'
  | 'dirty-ring'
  | 'dirty-bitmap'

export interface CancelVcpuDirtyLimitArguments {
  readonly 'cpu-index'?: number
}

export interface ChangeBackingFileArguments {
  readonly device: string
  readonly 'image-node-name': string
  readonly 'backing-file': string
}

export interface ChangeVncPasswordArguments {
  readonly password: string
}

export interface ChardevAddArguments {
  readonly id: string
  readonly backend: ChardevAddArgumentsBackend
}

export type ChardevAddArgumentsBackend = {
} & (
  | ({ readonly type: 'file' } & ChardevAddArgumentsBackendFile)
  | ({ readonly type: 'serial' } & ChardevAddArgumentsBackendSerial)
  | ({ readonly type: 'parallel' } & ChardevAddArgumentsBackendSerial)
  | ({ readonly type: 'pipe' } & ChardevAddArgumentsBackendSerial)
  | ({ readonly type: 'socket' } & ChardevAddArgumentsBackendSocket)
  | ({ readonly type: 'udp' } & ChardevAddArgumentsBackendUdp)
  | ({ readonly type: 'pty' } & ChardevAddArgumentsBackendPty)
  | ({ readonly type: 'null' } & ChardevAddArgumentsBackendPty)
  | ({ readonly type: 'mux' } & ChardevAddArgumentsBackendMux)
  | ({ readonly type: 'msmouse' } & ChardevAddArgumentsBackendPty)
  | ({ readonly type: 'wctablet' } & ChardevAddArgumentsBackendPty)
  | ({ readonly type: 'braille' } & ChardevAddArgumentsBackendPty)
  | ({ readonly type: 'testdev' } & ChardevAddArgumentsBackendPty)
  | ({ readonly type: 'stdio' } & ChardevAddArgumentsBackendStdio)
  | ({ readonly type: 'console' } & ChardevAddArgumentsBackendPty)
  | ({ readonly type: 'spicevmc' } & ChardevAddArgumentsBackendSpicevmc)
  | ({ readonly type: 'spiceport' } & ChardevAddArgumentsBackendSpiceport)
  | ({ readonly type: 'qemu-vdagent' } & ChardevAddArgumentsBackendQemuVdagent)
  | ({ readonly type: 'dbus' } & ChardevAddArgumentsBackendDbus)
  | ({ readonly type: 'vc' } & ChardevAddArgumentsBackendVc)
  | ({ readonly type: 'ringbuf' } & ChardevAddArgumentsBackendRingbuf)
  | ({ readonly type: 'memory' } & ChardevAddArgumentsBackendRingbuf)
)

export interface ChardevAddArgumentsBackendDbus {
  readonly data: ChardevAddArgumentsBackendDbusData
}

export interface ChardevAddArgumentsBackendDbusData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly name: string
}

export interface ChardevAddArgumentsBackendFile {
  readonly data: ChardevAddArgumentsBackendFileData
}

export interface ChardevAddArgumentsBackendFileData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly in?: string
  readonly out: string
  readonly append?: boolean
}

export interface ChardevAddArgumentsBackendMux {
  readonly data: ChardevAddArgumentsBackendMuxData
}

export interface ChardevAddArgumentsBackendMuxData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly chardev: string
}

export interface ChardevAddArgumentsBackendPty {
  readonly data: ChardevAddArgumentsBackendPtyData
}

export interface ChardevAddArgumentsBackendPtyData {
  readonly logfile?: string
  readonly logappend?: boolean
}

export interface ChardevAddArgumentsBackendQemuVdagent {
  readonly data: ChardevAddArgumentsBackendQemuVdagentData
}

export interface ChardevAddArgumentsBackendQemuVdagentData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly mouse?: boolean
  readonly clipboard?: boolean
}

export interface ChardevAddArgumentsBackendRingbuf {
  readonly data: ChardevAddArgumentsBackendRingbufData
}

export interface ChardevAddArgumentsBackendRingbufData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly size?: number
}

export interface ChardevAddArgumentsBackendSerial {
  readonly data: ChardevAddArgumentsBackendSerialData
}

export interface ChardevAddArgumentsBackendSerialData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly device: string
}

export interface ChardevAddArgumentsBackendSocket {
  readonly data: ChardevAddArgumentsBackendSocketData
}

export interface ChardevAddArgumentsBackendSocketData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly addr: NbdServerStartArgumentsAddr
  readonly 'tls-creds'?: string
  readonly 'tls-authz'?: string
  readonly server?: boolean
  readonly wait?: boolean
  readonly nodelay?: boolean
  readonly telnet?: boolean
  readonly tn3270?: boolean
  readonly websocket?: boolean
  readonly reconnect?: number
}

export interface ChardevAddArgumentsBackendSpiceport {
  readonly data: ChardevAddArgumentsBackendSpiceportData
}

export interface ChardevAddArgumentsBackendSpiceportData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly fqdn: string
}

export interface ChardevAddArgumentsBackendSpicevmc {
  readonly data: ChardevAddArgumentsBackendSpicevmcData
}

export interface ChardevAddArgumentsBackendSpicevmcData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly type: string
}

export interface ChardevAddArgumentsBackendStdio {
  readonly data: ChardevAddArgumentsBackendStdioData
}

export interface ChardevAddArgumentsBackendStdioData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly signal?: boolean
}

export type ChardevAddArgumentsBackendType =
  | 'file'
  | 'serial'
  | 'parallel'
  | 'pipe'
  | 'socket'
  | 'udp'
  | 'pty'
  | 'null'
  | 'mux'
  | 'msmouse'
  | 'wctablet'
  | 'braille'
  | 'testdev'
  | 'stdio'
  | 'console'
  | 'spicevmc'
  | 'spiceport'
  | 'qemu-vdagent'
  | 'dbus'
  | 'vc'
  | 'ringbuf'
  | 'memory'

export interface ChardevAddArgumentsBackendUdp {
  readonly data: ChardevAddArgumentsBackendUdpData
}

export interface ChardevAddArgumentsBackendUdpData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly remote: NbdServerStartArgumentsAddr
  readonly local?: NbdServerStartArgumentsAddr
}

export interface ChardevAddArgumentsBackendVc {
  readonly data: ChardevAddArgumentsBackendVcData
}

export interface ChardevAddArgumentsBackendVcData {
  readonly logfile?: string
  readonly logappend?: boolean
  readonly width?: number
  readonly height?: number
  readonly cols?: number
  readonly rows?: number
}

export interface ChardevAddResult {
  readonly pty?: string
}

export interface ChardevChangeArguments {
  readonly id: string
  readonly backend: ChardevAddArgumentsBackend
}

export interface ChardevRemoveArguments {
  readonly id: string
}

export interface ChardevSendBreakArguments {
  readonly id: string
}

export interface ClientMigrateInfoArguments {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly 'tls-port'?: number
  readonly 'cert-subject'?: string
}

export interface ClosefdArguments {
  readonly fdname: string
}

export interface ColoExitEvent {
  readonly mode: QueryColoStatusResultMode
  readonly reason: QueryColoStatusResultReason
}

export interface DeviceAddArguments {
  readonly driver: string
  readonly bus?: string
  readonly id?: string
}

export interface DeviceDelArguments {
  readonly id: string
}

export interface DeviceDeletedEvent {
  readonly device?: string
  readonly path: string
}

export interface DeviceListPropertiesArguments {
  readonly typename: string
}

export interface DeviceListPropertiesResult {
  readonly name: string
  readonly type: string
  readonly description?: string
  readonly 'default-value'?: unknown
}

export interface DeviceTrayMovedEvent {
  readonly device: string
  readonly id: string
  readonly 'tray-open': boolean
}

export interface DeviceUnplugGuestErrorEvent {
  readonly device?: string
  readonly path: string
}

export type DisplayReloadArguments = {
} & (
  | ({ readonly type: 'vnc' } & DisplayReloadArgumentsVnc)
)

export type DisplayReloadArgumentsType =
  | 'vnc'

export interface DisplayReloadArgumentsVnc {
  readonly 'tls-certs'?: boolean
}

export type DisplayUpdateArguments = {
} & (
  | ({ readonly type: 'vnc' } & DisplayUpdateArgumentsVnc)
)

export type DisplayUpdateArgumentsType =
  | 'vnc'

export interface DisplayUpdateArgumentsVnc {
  readonly addresses?: readonly NetdevStreamConnectedEventAddr[]
}

export interface DriveBackupArguments {
  readonly 'job-id'?: string
  readonly device: string
  readonly sync: BlockdevBackupArgumentsSync
  readonly speed?: number
  readonly bitmap?: string
  readonly 'bitmap-mode'?: BlockdevBackupArgumentsBitmapMode
  readonly compress?: boolean
  readonly 'on-source-error'?: BlockCommitArgumentsOnError
  readonly 'on-target-error'?: BlockCommitArgumentsOnError
  readonly 'auto-finalize'?: boolean
  readonly 'auto-dismiss'?: boolean
  readonly 'filter-node-name'?: string
  readonly 'x-perf'?: BlockdevBackupArgumentsXPerf
  readonly target: string
  readonly format?: string
  readonly mode?: BlockdevSnapshotSyncArgumentsMode
}

export interface DriveMirrorArguments {
  readonly 'job-id'?: string
  readonly device: string
  readonly target: string
  readonly format?: string
  readonly 'node-name'?: string
  readonly replaces?: string
  readonly sync: BlockdevBackupArgumentsSync
  readonly mode?: BlockdevSnapshotSyncArgumentsMode
  readonly speed?: number
  readonly granularity?: number
  readonly 'buf-size'?: number
  readonly 'on-source-error'?: BlockCommitArgumentsOnError
  readonly 'on-target-error'?: BlockCommitArgumentsOnError
  readonly unmap?: boolean
  readonly 'copy-mode'?: BlockdevMirrorArgumentsCopyMode
  readonly 'auto-finalize'?: boolean
  readonly 'auto-dismiss'?: boolean
}

export interface DumpCompletedEvent {
  readonly result: QueryDumpResult
  readonly error?: string
}

export interface DumpGuestMemoryArguments {
  readonly paging: boolean
  readonly protocol: string
  readonly detach?: boolean
  readonly begin?: number
  readonly length?: number
  readonly format?: DumpGuestMemoryArgumentsFormat
}

export type DumpGuestMemoryArgumentsFormat =
  | 'elf'
  | 'kdump-zlib'
  | 'kdump-lzo'
  | 'kdump-snappy'
  | 'win-dmp'

export interface DumpdtbArguments {
  readonly filename: string
}

export interface EjectArguments {
  /** @deprecated by QEMU. */
  readonly device?: string
  readonly id?: string
  readonly force?: boolean
}

export type ExpirePasswordArguments = {
  readonly time: string
} & (
  | ({ readonly protocol: 'vnc' } & ExpirePasswordArgumentsVnc)
  | { readonly protocol: 'spice' }
)

export type ExpirePasswordArgumentsProtocol =
  | 'vnc'
  | 'spice'

export interface ExpirePasswordArgumentsVnc {
  readonly display?: string
}

export interface FailoverNegotiatedEvent {
  readonly 'device-id': string
}

export interface GetfdArguments {
  readonly fdname: string
}

export interface GuestCrashloadedEvent {
  readonly action: GuestCrashloadedEventAction
  readonly info?: GuestCrashloadedEventInfo
}

export type GuestCrashloadedEventAction =
  | 'pause'
  | 'poweroff'
  | 'run'

export type GuestCrashloadedEventInfo = {
} & (
  | ({ readonly type: 'hyper-v' } & GuestCrashloadedEventInfoHyperV)
  | ({ readonly type: 's390' } & GuestCrashloadedEventInfoS390)
)

export interface GuestCrashloadedEventInfoHyperV {
  readonly arg1: number
  readonly arg2: number
  readonly arg3: number
  readonly arg4: number
  readonly arg5: number
}

export interface GuestCrashloadedEventInfoS390 {
  readonly core: number
  readonly 'psw-mask': number
  readonly 'psw-addr': number
  readonly reason: GuestCrashloadedEventInfoS390Reason
}

export type GuestCrashloadedEventInfoS390Reason =
  | 'unknown'
  | 'disabled-wait'
  | 'extint-loop'
  | 'pgmint-loop'
  | 'opint-loop'

export type GuestCrashloadedEventInfoType =
  | 'hyper-v'
  | 's390'

export interface GuestPanickedEvent {
  readonly action: GuestCrashloadedEventAction
  readonly info?: GuestCrashloadedEventInfo
}

export interface HumanMonitorCommandArguments {
  readonly 'command-line': string
  readonly 'cpu-index'?: number
}

export interface InputSendEventArguments {
  readonly device?: string
  readonly head?: number
  readonly events: readonly InputSendEventArgumentsEvents[]
}

export type InputSendEventArgumentsEvents = {
} & (
  | ({ readonly type: 'key' } & InputSendEventArgumentsEventsKey)
  | ({ readonly type: 'btn' } & InputSendEventArgumentsEventsBtn)
  | ({ readonly type: 'rel' } & InputSendEventArgumentsEventsRel)
  | ({ readonly type: 'abs' } & InputSendEventArgumentsEventsRel)
)

export interface InputSendEventArgumentsEventsBtn {
  readonly data: InputSendEventArgumentsEventsBtnData
}

export interface InputSendEventArgumentsEventsBtnData {
  readonly button: InputSendEventArgumentsEventsBtnDataButton
  readonly down: boolean
}

export type InputSendEventArgumentsEventsBtnDataButton =
  | 'left'
  | 'middle'
  | 'right'
  | 'wheel-up'
  | 'wheel-down'
  | 'side'
  | 'extra'
  | 'wheel-left'
  | 'wheel-right'

export interface InputSendEventArgumentsEventsKey {
  readonly data: InputSendEventArgumentsEventsKeyData
}

export interface InputSendEventArgumentsEventsKeyData {
  readonly key: SendKeyArgumentsKeys
  readonly down: boolean
}

export interface InputSendEventArgumentsEventsRel {
  readonly data: InputSendEventArgumentsEventsRelData
}

export interface InputSendEventArgumentsEventsRelData {
  readonly axis: InputSendEventArgumentsEventsRelDataAxis
  readonly value: number
}

export type InputSendEventArgumentsEventsRelDataAxis =
  | 'x'
  | 'y'

export type InputSendEventArgumentsEventsType =
  | 'key'
  | 'btn'
  | 'rel'
  | 'abs'

export interface JobCancelArguments {
  readonly id: string
}

export interface JobCompleteArguments {
  readonly id: string
}

export interface JobDismissArguments {
  readonly id: string
}

export interface JobFinalizeArguments {
  readonly id: string
}

export interface JobPauseArguments {
  readonly id: string
}

export interface JobResumeArguments {
  readonly id: string
}

export interface JobStatusChangeEvent {
  readonly id: string
  readonly status: JobStatusChangeEventStatus
}

export type JobStatusChangeEventStatus =
  | 'undefined'
  | 'created'
  | 'running'
  | 'paused'
  | 'ready'
  | 'standby'
  | 'waiting'
  | 'pending'
  | 'aborting'
  | 'concluded'
  | 'null'

export interface MemUnplugErrorEvent {
  readonly device: string
  readonly msg: string
}

export interface MemoryDeviceSizeChangeEvent {
  readonly id?: string
  readonly size: number
  readonly 'qom-path': string
}

export interface MemoryFailureEvent {
  readonly recipient: MemoryFailureEventRecipient
  readonly action: MemoryFailureEventAction
  readonly flags: MemoryFailureEventFlags
}

export type MemoryFailureEventAction =
  | 'ignore'
  | 'inject'
  | 'fatal'
  | 'reset'

export interface MemoryFailureEventFlags {
  readonly 'action-required': boolean
  readonly recursive: boolean
}

export type MemoryFailureEventRecipient =
  | 'hypervisor'
  | 'guest'

export interface MemsaveArguments {
  readonly val: number
  readonly size: number
  readonly filename: string
  readonly 'cpu-index'?: number
}

export interface MigrateArguments {
  readonly uri: string
  readonly blk?: boolean
  readonly inc?: boolean
  readonly detach?: boolean
  readonly resume?: boolean
}

export interface MigrateContinueArguments {
  readonly state: MigrateContinueArgumentsState
}

export type MigrateContinueArgumentsState =
  | 'none'
  | 'setup'
  | 'cancelling'
  | 'cancelled'
  | 'active'
  | 'postcopy-active'
  | 'postcopy-paused'
  | 'postcopy-recover'
  | 'completed'
  | 'failed'
  | 'colo'
  | 'pre-switchover'
  | 'device'
  | 'wait-unplug'

export interface MigrateIncomingArguments {
  readonly uri: string
}

export interface MigrateRecoverArguments {
  readonly uri: string
}

export interface MigrateSetCapabilitiesArguments {
  readonly capabilities: readonly QueryMigrateCapabilitiesResult[]
}

export interface MigrateSetParametersArguments {
  readonly 'announce-initial'?: number
  readonly 'announce-max'?: number
  readonly 'announce-rounds'?: number
  readonly 'announce-step'?: number
  readonly 'compress-level'?: number
  readonly 'compress-threads'?: number
  readonly 'compress-wait-thread'?: boolean
  readonly 'decompress-threads'?: number
  readonly 'throttle-trigger-threshold'?: number
  readonly 'cpu-throttle-initial'?: number
  readonly 'cpu-throttle-increment'?: number
  readonly 'cpu-throttle-tailslow'?: boolean
  readonly 'tls-creds'?: MigrateSetParametersArgumentsTlsCreds
  readonly 'tls-hostname'?: MigrateSetParametersArgumentsTlsCreds
  readonly 'tls-authz'?: MigrateSetParametersArgumentsTlsCreds
  readonly 'max-bandwidth'?: number
  readonly 'downtime-limit'?: number
  readonly 'x-checkpoint-delay'?: number
  readonly 'block-incremental'?: boolean
  readonly 'multifd-channels'?: number
  readonly 'xbzrle-cache-size'?: number
  readonly 'max-postcopy-bandwidth'?: number
  readonly 'max-cpu-throttle'?: number
  readonly 'multifd-compression'?: MigrateSetParametersArgumentsMultifdCompression
  readonly 'multifd-zlib-level'?: number
  readonly 'multifd-zstd-level'?: number
  readonly 'block-bitmap-mapping'?: readonly MigrateSetParametersArgumentsBlockBitmapMapping[]
}

export interface MigrateSetParametersArgumentsBlockBitmapMapping {
  readonly 'node-name': string
  readonly alias: string
  readonly bitmaps: readonly MigrateSetParametersArgumentsBlockBitmapMappingBitmaps[]
}

export interface MigrateSetParametersArgumentsBlockBitmapMappingBitmaps {
  readonly name: string
  readonly alias: string
  readonly transform?: MigrateSetParametersArgumentsBlockBitmapMappingBitmapsTransform
}

export interface MigrateSetParametersArgumentsBlockBitmapMappingBitmapsTransform {
  readonly persistent?: boolean
}

export type MigrateSetParametersArgumentsMultifdCompression =
  | 'none'
  | 'zlib'
  | 'zstd'

export type MigrateSetParametersArgumentsTlsCreds = string | null

export interface MigrationEvent {
  readonly status: MigrateContinueArgumentsState
}

export interface MigrationPassEvent {
  readonly pass: number
}

export interface NbdServerAddArguments {
  readonly name?: string
  readonly description?: string
  readonly device: string
  readonly writable?: boolean
  readonly bitmap?: string
}

export interface NbdServerRemoveArguments {
  readonly name: string
  readonly mode?: BlockExportDelArgumentsMode
}

export interface NbdServerStartArguments {
  readonly addr: NbdServerStartArgumentsAddr
  readonly 'tls-creds'?: string
  readonly 'tls-authz'?: string
  readonly 'max-connections'?: number
}

export type NbdServerStartArgumentsAddr = {
} & (
  | ({ readonly type: 'inet' } & NbdServerStartArgumentsAddrInet)
  | ({ readonly type: 'unix' } & NbdServerStartArgumentsAddrUnix)
  | ({ readonly type: 'vsock' } & NbdServerStartArgumentsAddrVsock)
  | ({ readonly type: 'fd' } & NbdServerStartArgumentsAddrFd)
)

export interface NbdServerStartArgumentsAddrFd {
  readonly data: NetdevStreamConnectedEventAddrFd
}

export interface NbdServerStartArgumentsAddrInet {
  readonly data: BlockdevAddArgumentsSshServer
}

export type NbdServerStartArgumentsAddrType =
  | 'inet'
  | 'unix'
  | 'vsock'
  | 'fd'

export interface NbdServerStartArgumentsAddrUnix {
  readonly data: NetdevStreamConnectedEventAddrUnix
}

export interface NbdServerStartArgumentsAddrVsock {
  readonly data: NetdevStreamConnectedEventAddrVsock
}

export type NetdevAddArguments = {
  readonly id: string
} & (
  | ({ readonly type: 'nic' } & NetdevAddArgumentsNic)
  | ({ readonly type: 'user' } & NetdevAddArgumentsUser)
  | ({ readonly type: 'tap' } & NetdevAddArgumentsTap)
  | ({ readonly type: 'l2tpv3' } & NetdevAddArgumentsL2tpv3)
  | ({ readonly type: 'socket' } & NetdevAddArgumentsSocket)
  | ({ readonly type: 'stream' } & NetdevAddArgumentsStream)
  | ({ readonly type: 'dgram' } & NetdevAddArgumentsDgram)
  | ({ readonly type: 'vde' } & NetdevAddArgumentsVde)
  | ({ readonly type: 'bridge' } & NetdevAddArgumentsBridge)
  | ({ readonly type: 'hubport' } & NetdevAddArgumentsHubport)
  | ({ readonly type: 'netmap' } & NetdevAddArgumentsNetmap)
  | ({ readonly type: 'vhost-user' } & NetdevAddArgumentsVhostUser)
  | ({ readonly type: 'vhost-vdpa' } & NetdevAddArgumentsVhostVdpa)
  | { readonly type: 'none' }
)

export interface NetdevAddArgumentsBridge {
  readonly br?: string
  readonly helper?: string
}

export interface NetdevAddArgumentsDgram {
  readonly local?: NetdevStreamConnectedEventAddr
  readonly remote?: NetdevStreamConnectedEventAddr
}

export interface NetdevAddArgumentsHubport {
  readonly hubid: number
  readonly netdev?: string
}

export interface NetdevAddArgumentsL2tpv3 {
  readonly src: string
  readonly dst: string
  readonly srcport?: string
  readonly dstport?: string
  readonly ipv6?: boolean
  readonly udp?: boolean
  readonly cookie64?: boolean
  readonly counter?: boolean
  readonly pincounter?: boolean
  readonly txcookie?: number
  readonly rxcookie?: number
  readonly txsession: number
  readonly rxsession?: number
  readonly offset?: number
}

export interface NetdevAddArgumentsNetmap {
  readonly ifname: string
  readonly devname?: string
}

export interface NetdevAddArgumentsNic {
  readonly netdev?: string
  readonly macaddr?: string
  readonly model?: string
  readonly addr?: string
  readonly vectors?: number
}

export interface NetdevAddArgumentsSocket {
  readonly fd?: string
  readonly listen?: string
  readonly connect?: string
  readonly mcast?: string
  readonly localaddr?: string
  readonly udp?: string
}

export interface NetdevAddArgumentsStream {
  readonly addr: NetdevStreamConnectedEventAddr
  readonly server?: boolean
}

export interface NetdevAddArgumentsTap {
  readonly ifname?: string
  readonly fd?: string
  readonly fds?: string
  readonly script?: string
  readonly downscript?: string
  readonly br?: string
  readonly helper?: string
  readonly sndbuf?: number
  readonly vnet_hdr?: boolean
  readonly vhost?: boolean
  readonly vhostfd?: string
  readonly vhostfds?: string
  readonly vhostforce?: boolean
  readonly queues?: number
  readonly 'poll-us'?: number
}

export type NetdevAddArgumentsType =
  | 'none'
  | 'nic'
  | 'user'
  | 'tap'
  | 'l2tpv3'
  | 'socket'
  | 'stream'
  | 'dgram'
  | 'vde'
  | 'bridge'
  | 'hubport'
  | 'netmap'
  | 'vhost-user'
  | 'vhost-vdpa'

export interface NetdevAddArgumentsUser {
  readonly hostname?: string
  readonly restrict?: boolean
  readonly ipv4?: boolean
  readonly ipv6?: boolean
  readonly ip?: string
  readonly net?: string
  readonly host?: string
  readonly tftp?: string
  readonly bootfile?: string
  readonly dhcpstart?: string
  readonly dns?: string
  readonly dnssearch?: readonly NetdevStreamConnectedEventAddrFd[]
  readonly domainname?: string
  readonly 'ipv6-prefix'?: string
  readonly 'ipv6-prefixlen'?: number
  readonly 'ipv6-host'?: string
  readonly 'ipv6-dns'?: string
  readonly smb?: string
  readonly smbserver?: string
  readonly hostfwd?: readonly NetdevStreamConnectedEventAddrFd[]
  readonly guestfwd?: readonly NetdevStreamConnectedEventAddrFd[]
  readonly 'tftp-server-name'?: string
}

export interface NetdevAddArgumentsVde {
  readonly sock?: string
  readonly port?: number
  readonly group?: string
  readonly mode?: number
}

export interface NetdevAddArgumentsVhostUser {
  readonly chardev: string
  readonly vhostforce?: boolean
  readonly queues?: number
}

export interface NetdevAddArgumentsVhostVdpa {
  readonly vhostdev?: string
  readonly vhostfd?: string
  readonly queues?: number
  readonly 'x-svq'?: boolean
}

export interface NetdevDelArguments {
  readonly id: string
}

export interface NetdevStreamConnectedEvent {
  readonly 'netdev-id': string
  readonly addr: NetdevStreamConnectedEventAddr
}

export type NetdevStreamConnectedEventAddr = {
} & (
  | ({ readonly type: 'inet' } & BlockdevAddArgumentsSshServer)
  | ({ readonly type: 'unix' } & NetdevStreamConnectedEventAddrUnix)
  | ({ readonly type: 'vsock' } & NetdevStreamConnectedEventAddrVsock)
  | ({ readonly type: 'fd' } & NetdevStreamConnectedEventAddrFd)
)

export interface NetdevStreamConnectedEventAddrFd {
  readonly str: string
}

export interface NetdevStreamConnectedEventAddrUnix {
  readonly path: string
  readonly abstract?: boolean
  readonly tight?: boolean
}

export interface NetdevStreamConnectedEventAddrVsock {
  readonly cid: string
  readonly port: string
}

export interface NetdevStreamDisconnectedEvent {
  readonly 'netdev-id': string
}

export interface NicRxFilterChangedEvent {
  readonly name?: string
  readonly path: string
}

export type ObjectAddArguments = {
  readonly id: string
} & (
  | ({ readonly 'qom-type': 'authz-list' } & ObjectAddArgumentsAuthzList)
  | ({ readonly 'qom-type': 'authz-listfile' } & ObjectAddArgumentsAuthzListfile)
  | ({ readonly 'qom-type': 'authz-pam' } & ObjectAddArgumentsAuthzPam)
  | ({ readonly 'qom-type': 'authz-simple' } & ObjectAddArgumentsAuthzSimple)
  | ({ readonly 'qom-type': 'can-host-socketcan' } & ObjectAddArgumentsCanHostSocketcan)
  | ({ readonly 'qom-type': 'colo-compare' } & ObjectAddArgumentsColoCompare)
  | ({ readonly 'qom-type': 'cryptodev-backend' } & ObjectAddArgumentsCryptodevBackend)
  | ({ readonly 'qom-type': 'cryptodev-backend-builtin' } & ObjectAddArgumentsCryptodevBackend)
  | ({ readonly 'qom-type': 'cryptodev-backend-lkcf' } & ObjectAddArgumentsCryptodevBackend)
  | ({ readonly 'qom-type': 'cryptodev-vhost-user' } & ObjectAddArgumentsCryptodevVhostUser)
  | ({ readonly 'qom-type': 'dbus-vmstate' } & ObjectAddArgumentsDbusVmstate)
  | ({ readonly 'qom-type': 'filter-buffer' } & ObjectAddArgumentsFilterBuffer)
  | ({ readonly 'qom-type': 'filter-dump' } & ObjectAddArgumentsFilterDump)
  | ({ readonly 'qom-type': 'filter-mirror' } & ObjectAddArgumentsFilterMirror)
  | ({ readonly 'qom-type': 'filter-redirector' } & ObjectAddArgumentsFilterRedirector)
  | ({ readonly 'qom-type': 'filter-replay' } & ObjectAddArgumentsFilterReplay)
  | ({ readonly 'qom-type': 'filter-rewriter' } & ObjectAddArgumentsFilterRewriter)
  | ({ readonly 'qom-type': 'input-barrier' } & ObjectAddArgumentsInputBarrier)
  | ({ readonly 'qom-type': 'input-linux' } & ObjectAddArgumentsInputLinux)
  | ({ readonly 'qom-type': 'iothread' } & ObjectAddArgumentsIothread)
  | ({ readonly 'qom-type': 'main-loop' } & ObjectAddArgumentsMainLoop)
  | ({ readonly 'qom-type': 'memory-backend-epc' } & ObjectAddArgumentsMemoryBackendEpc)
  | ({ readonly 'qom-type': 'memory-backend-file' } & ObjectAddArgumentsMemoryBackendFile)
  | ({ readonly 'qom-type': 'memory-backend-memfd' } & ObjectAddArgumentsMemoryBackendMemfd)
  | ({ readonly 'qom-type': 'memory-backend-ram' } & ObjectAddArgumentsMemoryBackendRam)
  | ({ readonly 'qom-type': 'pr-manager-helper' } & ObjectAddArgumentsPrManagerHelper)
  | ({ readonly 'qom-type': 'qtest' } & ObjectAddArgumentsQtest)
  | ({ readonly 'qom-type': 'rng-builtin' } & ObjectAddArgumentsRngBuiltin)
  | ({ readonly 'qom-type': 'rng-egd' } & ObjectAddArgumentsRngEgd)
  | ({ readonly 'qom-type': 'rng-random' } & ObjectAddArgumentsRngRandom)
  | ({ readonly 'qom-type': 'secret' } & ObjectAddArgumentsSecret)
  | ({ readonly 'qom-type': 'secret_keyring' } & ObjectAddArgumentsSecretKeyring)
  | ({ readonly 'qom-type': 'sev-guest' } & ObjectAddArgumentsSevGuest)
  | ({ readonly 'qom-type': 'thread-context' } & ObjectAddArgumentsThreadContext)
  | ({ readonly 'qom-type': 'throttle-group' } & ObjectAddArgumentsThrottleGroup)
  | ({ readonly 'qom-type': 'tls-creds-anon' } & ObjectAddArgumentsTlsCredsAnon)
  | ({ readonly 'qom-type': 'tls-creds-psk' } & ObjectAddArgumentsTlsCredsPsk)
  | ({ readonly 'qom-type': 'tls-creds-x509' } & ObjectAddArgumentsTlsCredsX509)
  | ({ readonly 'qom-type': 'tls-cipher-suites' } & ObjectAddArgumentsTlsCipherSuites)
  | ({ readonly 'qom-type': 'x-remote-object' } & ObjectAddArgumentsXRemoteObject)
  | ({ readonly 'qom-type': 'x-vfio-user-server' } & ObjectAddArgumentsXVfioUserServer)
  | { readonly 'qom-type': 'can-bus' | 'pef-guest' | 's390-pv-guest' }
)

export interface ObjectAddArgumentsAuthzList {
  readonly policy?: ObjectAddArgumentsAuthzListPolicy
  readonly rules?: readonly ObjectAddArgumentsAuthzListRules[]
}

export type ObjectAddArgumentsAuthzListPolicy =
  | 'deny'
  | 'allow'

export interface ObjectAddArgumentsAuthzListRules {
  readonly match: string
  readonly policy: ObjectAddArgumentsAuthzListPolicy
  readonly format?: ObjectAddArgumentsAuthzListRulesFormat
}

export type ObjectAddArgumentsAuthzListRulesFormat =
  | 'exact'
  | 'glob'

export interface ObjectAddArgumentsAuthzListfile {
  readonly filename: string
  readonly refresh?: boolean
}

export interface ObjectAddArgumentsAuthzPam {
  readonly service: string
}

export interface ObjectAddArgumentsAuthzSimple {
  readonly identity: string
}

export interface ObjectAddArgumentsCanHostSocketcan {
  readonly if: string
  readonly canbus: string
}

export interface ObjectAddArgumentsColoCompare {
  readonly primary_in: string
  readonly secondary_in: string
  readonly outdev: string
  readonly iothread: string
  readonly notify_dev?: string
  readonly compare_timeout?: number
  readonly expired_scan_cycle?: number
  readonly max_queue_size?: number
  readonly vnet_hdr_support?: boolean
}

export interface ObjectAddArgumentsCryptodevBackend {
  readonly queues?: number
}

export interface ObjectAddArgumentsCryptodevVhostUser {
  readonly queues?: number
  readonly chardev: string
}

export interface ObjectAddArgumentsDbusVmstate {
  readonly addr: string
  readonly 'id-list'?: string
}

export interface ObjectAddArgumentsFilterBuffer {
  readonly netdev: string
  readonly queue?: ObjectAddArgumentsFilterBufferQueue
  readonly status?: string
  readonly position?: string
  readonly insert?: ObjectAddArgumentsFilterBufferInsert
  readonly interval: number
}

export type ObjectAddArgumentsFilterBufferInsert =
  | 'before'
  | 'behind'

export type ObjectAddArgumentsFilterBufferQueue =
  | 'all'
  | 'rx'
  | 'tx'

export interface ObjectAddArgumentsFilterDump {
  readonly netdev: string
  readonly queue?: ObjectAddArgumentsFilterBufferQueue
  readonly status?: string
  readonly position?: string
  readonly insert?: ObjectAddArgumentsFilterBufferInsert
  readonly file: string
  readonly maxlen?: number
}

export interface ObjectAddArgumentsFilterMirror {
  readonly netdev: string
  readonly queue?: ObjectAddArgumentsFilterBufferQueue
  readonly status?: string
  readonly position?: string
  readonly insert?: ObjectAddArgumentsFilterBufferInsert
  readonly outdev: string
  readonly vnet_hdr_support?: boolean
}

export interface ObjectAddArgumentsFilterRedirector {
  readonly netdev: string
  readonly queue?: ObjectAddArgumentsFilterBufferQueue
  readonly status?: string
  readonly position?: string
  readonly insert?: ObjectAddArgumentsFilterBufferInsert
  readonly indev?: string
  readonly outdev?: string
  readonly vnet_hdr_support?: boolean
}

export interface ObjectAddArgumentsFilterReplay {
  readonly netdev: string
  readonly queue?: ObjectAddArgumentsFilterBufferQueue
  readonly status?: string
  readonly position?: string
  readonly insert?: ObjectAddArgumentsFilterBufferInsert
}

export interface ObjectAddArgumentsFilterRewriter {
  readonly netdev: string
  readonly queue?: ObjectAddArgumentsFilterBufferQueue
  readonly status?: string
  readonly position?: string
  readonly insert?: ObjectAddArgumentsFilterBufferInsert
  readonly vnet_hdr_support?: boolean
}

export interface ObjectAddArgumentsInputBarrier {
  readonly name: string
  readonly server?: string
  readonly port?: string
  readonly 'x-origin'?: string
  readonly 'y-origin'?: string
  readonly width?: string
  readonly height?: string
}

export interface ObjectAddArgumentsInputLinux {
  readonly evdev: string
  readonly grab_all?: boolean
  readonly repeat?: boolean
  readonly 'grab-toggle'?: ObjectAddArgumentsInputLinuxGrabToggle
}

export type ObjectAddArgumentsInputLinuxGrabToggle =
  | 'ctrl-ctrl'
  | 'alt-alt'
  | 'shift-shift'
  | 'meta-meta'
  | 'scrolllock'
  | 'ctrl-scrolllock'

export interface ObjectAddArgumentsIothread {
  readonly 'aio-max-batch'?: number
  readonly 'thread-pool-min'?: number
  readonly 'thread-pool-max'?: number
  readonly 'poll-max-ns'?: number
  readonly 'poll-grow'?: number
  readonly 'poll-shrink'?: number
}

export interface ObjectAddArgumentsMainLoop {
  readonly 'aio-max-batch'?: number
  readonly 'thread-pool-min'?: number
  readonly 'thread-pool-max'?: number
}

export interface ObjectAddArgumentsMemoryBackendEpc {
  readonly dump?: boolean
  readonly 'host-nodes'?: readonly number[]
  readonly merge?: boolean
  readonly policy?: ObjectAddArgumentsMemoryBackendEpcPolicy
  readonly prealloc?: boolean
  readonly 'prealloc-threads'?: number
  readonly 'prealloc-context'?: string
  readonly share?: boolean
  readonly reserve?: boolean
  readonly size: number
  readonly 'x-use-canonical-path-for-ramblock-id'?: boolean
}

export type ObjectAddArgumentsMemoryBackendEpcPolicy =
  | 'default'
  | 'preferred'
  | 'bind'
  | 'interleave'

export interface ObjectAddArgumentsMemoryBackendFile {
  readonly dump?: boolean
  readonly 'host-nodes'?: readonly number[]
  readonly merge?: boolean
  readonly policy?: ObjectAddArgumentsMemoryBackendEpcPolicy
  readonly prealloc?: boolean
  readonly 'prealloc-threads'?: number
  readonly 'prealloc-context'?: string
  readonly share?: boolean
  readonly reserve?: boolean
  readonly size: number
  readonly 'x-use-canonical-path-for-ramblock-id'?: boolean
  readonly align?: number
  readonly 'discard-data'?: boolean
  readonly 'mem-path': string
  readonly pmem?: boolean
  readonly readonly?: boolean
}

export interface ObjectAddArgumentsMemoryBackendMemfd {
  readonly dump?: boolean
  readonly 'host-nodes'?: readonly number[]
  readonly merge?: boolean
  readonly policy?: ObjectAddArgumentsMemoryBackendEpcPolicy
  readonly prealloc?: boolean
  readonly 'prealloc-threads'?: number
  readonly 'prealloc-context'?: string
  readonly share?: boolean
  readonly reserve?: boolean
  readonly size: number
  readonly 'x-use-canonical-path-for-ramblock-id'?: boolean
  readonly hugetlb?: boolean
  readonly hugetlbsize?: number
  readonly seal?: boolean
}

export interface ObjectAddArgumentsMemoryBackendRam {
  readonly dump?: boolean
  readonly 'host-nodes'?: readonly number[]
  readonly merge?: boolean
  readonly policy?: ObjectAddArgumentsMemoryBackendEpcPolicy
  readonly prealloc?: boolean
  readonly 'prealloc-threads'?: number
  readonly 'prealloc-context'?: string
  readonly share?: boolean
  readonly reserve?: boolean
  readonly size: number
  readonly 'x-use-canonical-path-for-ramblock-id'?: boolean
}

export interface ObjectAddArgumentsPrManagerHelper {
  readonly path: string
}

export type ObjectAddArgumentsQomType =
  | 'authz-list'
  | 'authz-listfile'
  | 'authz-pam'
  | 'authz-simple'
  | 'can-bus'
  | 'can-host-socketcan'
  | 'colo-compare'
  | 'cryptodev-backend'
  | 'cryptodev-backend-builtin'
  | 'cryptodev-backend-lkcf'
  | 'cryptodev-vhost-user'
  | 'dbus-vmstate'
  | 'filter-buffer'
  | 'filter-dump'
  | 'filter-mirror'
  | 'filter-redirector'
  | 'filter-replay'
  | 'filter-rewriter'
  | 'input-barrier'
  | 'input-linux'
  | 'iothread'
  | 'main-loop'
  | 'memory-backend-epc'
  | 'memory-backend-file'
  | 'memory-backend-memfd'
  | 'memory-backend-ram'
  | 'pef-guest'
  | 'pr-manager-helper'
  | 'qtest'
  | 'rng-builtin'
  | 'rng-egd'
  | 'rng-random'
  | 'secret'
  | 'secret_keyring'
  | 'sev-guest'
  | 'thread-context'
  | 's390-pv-guest'
  | 'throttle-group'
  | 'tls-creds-anon'
  | 'tls-creds-psk'
  | 'tls-creds-x509'
  | 'tls-cipher-suites'
  | 'x-remote-object'
  | 'x-vfio-user-server'

export interface ObjectAddArgumentsQtest {
  readonly chardev: string
  readonly log?: string
}

export interface ObjectAddArgumentsRngBuiltin {
  /** @deprecated by QEMU. */
  readonly opened?: boolean
}

export interface ObjectAddArgumentsRngEgd {
  /** @deprecated by QEMU. */
  readonly opened?: boolean
  readonly chardev: string
}

export interface ObjectAddArgumentsRngRandom {
  /** @deprecated by QEMU. */
  readonly opened?: boolean
  readonly filename?: string
}

export interface ObjectAddArgumentsSecret {
  /** @deprecated by QEMU. */
  readonly loaded?: boolean
  readonly format?: ObjectAddArgumentsSecretFormat
  readonly keyid?: string
  readonly iv?: string
  readonly data?: string
  readonly file?: string
}

export type ObjectAddArgumentsSecretFormat =
  | 'raw'
  | 'base64'

export interface ObjectAddArgumentsSecretKeyring {
  /** @deprecated by QEMU. */
  readonly loaded?: boolean
  readonly format?: ObjectAddArgumentsSecretFormat
  readonly keyid?: string
  readonly iv?: string
  readonly serial: number
}

export interface ObjectAddArgumentsSevGuest {
  readonly 'sev-device'?: string
  readonly 'dh-cert-file'?: string
  readonly 'session-file'?: string
  readonly policy?: number
  readonly handle?: number
  readonly cbitpos?: number
  readonly 'reduced-phys-bits': number
  readonly 'kernel-hashes'?: boolean
}

export interface ObjectAddArgumentsThreadContext {
  readonly 'cpu-affinity'?: readonly number[]
  readonly 'node-affinity'?: readonly number[]
}

export interface ObjectAddArgumentsThrottleGroup {
  readonly limits?: ObjectAddArgumentsThrottleGroupLimits
  readonly 'x-iops-total'?: number
  readonly 'x-iops-total-max'?: number
  readonly 'x-iops-total-max-length'?: number
  readonly 'x-iops-read'?: number
  readonly 'x-iops-read-max'?: number
  readonly 'x-iops-read-max-length'?: number
  readonly 'x-iops-write'?: number
  readonly 'x-iops-write-max'?: number
  readonly 'x-iops-write-max-length'?: number
  readonly 'x-bps-total'?: number
  readonly 'x-bps-total-max'?: number
  readonly 'x-bps-total-max-length'?: number
  readonly 'x-bps-read'?: number
  readonly 'x-bps-read-max'?: number
  readonly 'x-bps-read-max-length'?: number
  readonly 'x-bps-write'?: number
  readonly 'x-bps-write-max'?: number
  readonly 'x-bps-write-max-length'?: number
  readonly 'x-iops-size'?: number
}

export interface ObjectAddArgumentsThrottleGroupLimits {
  readonly 'iops-total'?: number
  readonly 'iops-total-max'?: number
  readonly 'iops-total-max-length'?: number
  readonly 'iops-read'?: number
  readonly 'iops-read-max'?: number
  readonly 'iops-read-max-length'?: number
  readonly 'iops-write'?: number
  readonly 'iops-write-max'?: number
  readonly 'iops-write-max-length'?: number
  readonly 'bps-total'?: number
  readonly 'bps-total-max'?: number
  readonly 'bps-total-max-length'?: number
  readonly 'bps-read'?: number
  readonly 'bps-read-max'?: number
  readonly 'bps-read-max-length'?: number
  readonly 'bps-write'?: number
  readonly 'bps-write-max'?: number
  readonly 'bps-write-max-length'?: number
  readonly 'iops-size'?: number
}

export interface ObjectAddArgumentsTlsCipherSuites {
  readonly 'verify-peer'?: boolean
  readonly dir?: string
  readonly endpoint?: ObjectAddArgumentsTlsCredsAnonEndpoint
  readonly priority?: string
}

export interface ObjectAddArgumentsTlsCredsAnon {
  readonly 'verify-peer'?: boolean
  readonly dir?: string
  readonly endpoint?: ObjectAddArgumentsTlsCredsAnonEndpoint
  readonly priority?: string
  /** @deprecated by QEMU. */
  readonly loaded?: boolean
}

export type ObjectAddArgumentsTlsCredsAnonEndpoint =
  | 'client'
  | 'server'

export interface ObjectAddArgumentsTlsCredsPsk {
  readonly 'verify-peer'?: boolean
  readonly dir?: string
  readonly endpoint?: ObjectAddArgumentsTlsCredsAnonEndpoint
  readonly priority?: string
  /** @deprecated by QEMU. */
  readonly loaded?: boolean
  readonly username?: string
}

export interface ObjectAddArgumentsTlsCredsX509 {
  readonly 'verify-peer'?: boolean
  readonly dir?: string
  readonly endpoint?: ObjectAddArgumentsTlsCredsAnonEndpoint
  readonly priority?: string
  /** @deprecated by QEMU. */
  readonly loaded?: boolean
  readonly 'sanity-check'?: boolean
  readonly passwordid?: string
}

export interface ObjectAddArgumentsXRemoteObject {
  readonly fd: string
  readonly devid: string
}

export interface ObjectAddArgumentsXVfioUserServer {
  readonly socket: NetdevStreamConnectedEventAddr
  readonly device: string
}

export interface ObjectDelArguments {
  readonly id: string
}

export interface PmemsaveArguments {
  readonly val: number
  readonly size: number
  readonly filename: string
}

export interface PrManagerStatusChangedEvent {
  readonly id: string
  readonly connected: boolean
}

export interface QmpCapabilitiesArguments {
  readonly enable?: readonly QmpCapabilitiesArgumentsEnable[]
}

export type QmpCapabilitiesArgumentsEnable =
  | 'oob'

export interface QomGetArguments {
  readonly path: string
  readonly property: string
}

export interface QomListArguments {
  readonly path: string
}

export interface QomListPropertiesArguments {
  readonly typename: string
}

export interface QomListTypesArguments {
  readonly implements?: string
  readonly abstract?: boolean
}

export interface QomListTypesResult {
  readonly name: string
  readonly abstract?: boolean
  readonly parent?: string
}

export interface QomSetArguments {
  readonly path: string
  readonly property: string
  readonly value: unknown
}

export interface QueryAcpiOspmStatusResult {
  readonly device?: string
  readonly slot: string
  readonly 'slot-type': QueryAcpiOspmStatusResultSlotType
  readonly source: number
  readonly status: number
}

export type QueryAcpiOspmStatusResultSlotType =
  | 'DIMM'
  | 'CPU'

export interface QueryBalloonResult {
  readonly actual: number
}

export interface QueryBlockExportsResult {
  readonly id: string
  readonly type: BlockExportAddArgumentsType
  readonly 'node-name': string
  readonly 'shutting-down': boolean
}

export interface QueryBlockJobsResult {
  readonly type: string
  readonly device: string
  readonly len: number
  readonly offset: number
  readonly busy: boolean
  readonly paused: boolean
  readonly speed: number
  readonly 'io-status': QueryBlockResultIoStatus
  readonly ready: boolean
  readonly status: JobStatusChangeEventStatus
  readonly 'auto-finalize': boolean
  readonly 'auto-dismiss': boolean
  readonly error?: string
}

export interface QueryBlockResult {
  readonly device: string
  readonly qdev?: string
  readonly type: string
  readonly removable: boolean
  readonly locked: boolean
  readonly inserted?: QueryNamedBlockNodesResult
  readonly tray_open?: boolean
  readonly 'io-status'?: QueryBlockResultIoStatus
}

export type QueryBlockResultIoStatus =
  | 'ok'
  | 'failed'
  | 'nospace'

export interface QueryBlockstatsArguments {
  readonly 'query-nodes'?: boolean
}

export interface QueryBlockstatsResult {
  readonly device?: string
  readonly qdev?: string
  readonly 'node-name'?: string
  readonly stats: QueryBlockstatsResultStats
  readonly 'driver-specific'?: QueryBlockstatsResultDriverSpecific
  readonly parent?: QueryBlockstatsResult
  readonly backing?: QueryBlockstatsResult
}

export type QueryBlockstatsResultDriverSpecific = {
} & (
  | ({ readonly driver: 'file' } & QueryBlockstatsResultDriverSpecificFile)
  | ({ readonly driver: 'host_device' } & QueryBlockstatsResultDriverSpecificFile)
  | ({ readonly driver: 'nvme' } & QueryBlockstatsResultDriverSpecificNvme)
  | { readonly driver: 'blkdebug' | 'blklogwrites' | 'blkreplay' | 'blkverify' | 'bochs' | 'cloop' | 'compress' | 'copy-before-write' | 'copy-on-read' | 'dmg' | 'snapshot-access' | 'ftp' | 'ftps' | 'gluster' | 'host_cdrom' | 'http' | 'https' | 'iscsi' | 'luks' | 'nbd' | 'nfs' | 'null-aio' | 'null-co' | 'parallels' | 'preallocate' | 'qcow' | 'qcow2' | 'qed' | 'quorum' | 'raw' | 'rbd' | 'replication' | 'ssh' | 'throttle' | 'vdi' | 'vhdx' | 'vmdk' | 'vpc' | 'vvfat' }
)

export interface QueryBlockstatsResultDriverSpecificFile {
  readonly 'discard-nb-ok': number
  readonly 'discard-nb-failed': number
  readonly 'discard-bytes-ok': number
}

export interface QueryBlockstatsResultDriverSpecificNvme {
  readonly 'completion-errors': number
  readonly 'aligned-accesses': number
  readonly 'unaligned-accesses': number
}

export interface QueryBlockstatsResultStats {
  readonly rd_bytes: number
  readonly wr_bytes: number
  readonly unmap_bytes: number
  readonly rd_operations: number
  readonly wr_operations: number
  readonly flush_operations: number
  readonly unmap_operations: number
  readonly rd_total_time_ns: number
  readonly wr_total_time_ns: number
  readonly flush_total_time_ns: number
  readonly unmap_total_time_ns: number
  readonly wr_highest_offset: number
  readonly rd_merged: number
  readonly wr_merged: number
  readonly unmap_merged: number
  readonly idle_time_ns?: number
  readonly failed_rd_operations: number
  readonly failed_wr_operations: number
  readonly failed_flush_operations: number
  readonly failed_unmap_operations: number
  readonly invalid_rd_operations: number
  readonly invalid_wr_operations: number
  readonly invalid_flush_operations: number
  readonly invalid_unmap_operations: number
  readonly account_invalid: boolean
  readonly account_failed: boolean
  readonly timed_stats: readonly QueryBlockstatsResultStatsTimedStats[]
  readonly rd_latency_histogram?: QueryBlockstatsResultStatsRdLatencyHistogram
  readonly wr_latency_histogram?: QueryBlockstatsResultStatsRdLatencyHistogram
  readonly flush_latency_histogram?: QueryBlockstatsResultStatsRdLatencyHistogram
}

export interface QueryBlockstatsResultStatsRdLatencyHistogram {
  readonly boundaries: readonly number[]
  readonly bins: readonly number[]
}

export interface QueryBlockstatsResultStatsTimedStats {
  readonly interval_length: number
  readonly min_rd_latency_ns: number
  readonly max_rd_latency_ns: number
  readonly avg_rd_latency_ns: number
  readonly min_wr_latency_ns: number
  readonly max_wr_latency_ns: number
  readonly avg_wr_latency_ns: number
  readonly min_flush_latency_ns: number
  readonly max_flush_latency_ns: number
  readonly avg_flush_latency_ns: number
  readonly avg_rd_queue_depth: number
  readonly avg_wr_queue_depth: number
}

export interface QueryChardevBackendsResult {
  readonly name: string
}

export interface QueryChardevResult {
  readonly label: string
  readonly filename: string
  readonly 'frontend-open': boolean
}

export interface QueryColoStatusResult {
  readonly mode: QueryColoStatusResultMode
  readonly 'last-mode': QueryColoStatusResultMode
  readonly reason: QueryColoStatusResultReason
}

export type QueryColoStatusResultMode =
  | 'none'
  | 'primary'
  | 'secondary'

export type QueryColoStatusResultReason =
  | 'none'
  | 'request'
  | 'error'
  | 'processing'

export interface QueryCommandLineOptionsArguments {
  readonly option?: string
}

export interface QueryCommandLineOptionsResult {
  readonly option: string
  readonly parameters: readonly QueryCommandLineOptionsResultParameters[]
}

export interface QueryCommandLineOptionsResultParameters {
  readonly name: string
  readonly type: QueryCommandLineOptionsResultParametersType
  readonly help?: string
  readonly default?: string
}

export type QueryCommandLineOptionsResultParametersType =
  | 'string'
  | 'boolean'
  | 'number'
  | 'size'

export interface QueryCommandsResult {
  readonly name: string
}

export interface QueryCpuDefinitionsResult {
  readonly name: string
  readonly 'migration-safe'?: boolean
  readonly static: boolean
  readonly 'unavailable-features'?: readonly string[]
  readonly typename: string
  readonly 'alias-of'?: string
  readonly deprecated: boolean
}

export interface QueryCpuModelExpansionArguments {
  readonly type: QueryCpuModelExpansionArgumentsType
  readonly model: QueryCpuModelExpansionArgumentsModel
}

export interface QueryCpuModelExpansionArgumentsModel {
  readonly name: string
  readonly props?: unknown
}

export type QueryCpuModelExpansionArgumentsType =
  | 'static'
  | 'full'

export interface QueryCpuModelExpansionResult {
  readonly model: QueryCpuModelExpansionArgumentsModel
}

export type QueryCpusFastResult = {
  readonly 'cpu-index': number
  readonly 'qom-path': string
  readonly 'thread-id': number
  readonly props?: QueryCpusFastResultProps
} & (
  | ({ readonly target: 's390x' } & QueryCpusFastResultS390x)
  | { readonly target: 'aarch64' | 'alpha' | 'arm' | 'avr' | 'cris' | 'hppa' | 'i386' | 'loongarch64' | 'm68k' | 'microblaze' | 'microblazeel' | 'mips' | 'mips64' | 'mips64el' | 'mipsel' | 'nios2' | 'or1k' | 'ppc' | 'ppc64' | 'riscv32' | 'riscv64' | 'rx' | 'sh4' | 'sh4eb' | 'sparc' | 'sparc64' | 'tricore' | 'x86_64' | 'xtensa' | 'xtensaeb' }
)

export interface QueryCpusFastResultProps {
  readonly 'node-id'?: number
  readonly 'socket-id'?: number
  readonly 'die-id'?: number
  readonly 'cluster-id'?: number
  readonly 'core-id'?: number
  readonly 'thread-id'?: number
}

export interface QueryCpusFastResultS390x {
  readonly 'cpu-state': QueryCpusFastResultS390xCpuState
}

export type QueryCpusFastResultS390xCpuState =
  | 'uninitialized'
  | 'stopped'
  | 'check-stop'
  | 'operating'
  | 'load'

export interface QueryCurrentMachineResult {
  readonly 'wakeup-suspend-support': boolean
}

export interface QueryDirtyRateResult {
  readonly 'dirty-rate'?: number
  readonly status: QueryDirtyRateResultStatus
  readonly 'start-time': number
  readonly 'calc-time': number
  readonly 'sample-pages': number
  readonly mode: CalcDirtyRateArgumentsMode
  readonly 'vcpu-dirty-rate'?: readonly QueryDirtyRateResultVcpuDirtyRate[]
}

export type QueryDirtyRateResultStatus =
  | 'unstarted'
  | 'measuring'
  | 'measured'

export interface QueryDirtyRateResultVcpuDirtyRate {
  readonly id: number
  readonly 'dirty-rate': number
}

export type QueryDisplayOptionsResult = {
  readonly 'full-screen'?: boolean
  readonly 'window-close'?: boolean
  readonly 'show-cursor'?: boolean
  readonly gl?: QueryDisplayOptionsResultGl
} & (
  | ({ readonly type: 'gtk' } & QueryDisplayOptionsResultGtk)
  | ({ readonly type: 'sdl' } & QueryDisplayOptionsResultSdl)
  | ({ readonly type: 'egl-headless' } & QueryDisplayOptionsResultEglHeadless)
  | ({ readonly type: 'curses' } & QueryDisplayOptionsResultCurses)
  | ({ readonly type: 'dbus' } & QueryDisplayOptionsResultDbus)
  | { readonly type: 'default' | 'none' | 'spice-app' }
)

export interface QueryDisplayOptionsResultCurses {
  readonly charset?: string
}

export interface QueryDisplayOptionsResultDbus {
  readonly rendernode?: string
  readonly addr?: string
  readonly p2p?: boolean
  readonly audiodev?: string
}

export interface QueryDisplayOptionsResultEglHeadless {
  readonly rendernode?: string
}

export type QueryDisplayOptionsResultGl =
  | 'off'
  | 'on'
  | 'core'
  | 'es'

export interface QueryDisplayOptionsResultGtk {
  readonly 'grab-on-hover'?: boolean
  readonly 'zoom-to-fit'?: boolean
  readonly 'show-tabs'?: boolean
  readonly 'show-menubar'?: boolean
}

export interface QueryDisplayOptionsResultSdl {
  readonly 'grab-mod'?: QueryDisplayOptionsResultSdlGrabMod
}

export type QueryDisplayOptionsResultSdlGrabMod =
  | 'lctrl-lalt'
  | 'lshift-lctrl-lalt'
  | 'rctrl'

export type QueryDisplayOptionsResultType =
  | 'default'
  | 'none'
  | 'gtk'
  | 'sdl'
  | 'egl-headless'
  | 'curses'
  | 'spice-app'
  | 'dbus'

export interface QueryDumpGuestMemoryCapabilityResult {
  readonly formats: readonly DumpGuestMemoryArgumentsFormat[]
}

export interface QueryDumpResult {
  readonly status: QueryDumpResultStatus
  readonly completed: number
  readonly total: number
}

export type QueryDumpResultStatus =
  | 'none'
  | 'active'
  | 'completed'
  | 'failed'

export interface QueryFdsetsResult {
  readonly 'fdset-id': number
  readonly fds: readonly QueryFdsetsResultFds[]
}

export interface QueryFdsetsResultFds {
  readonly fd: number
  readonly opaque?: string
}

export interface QueryHotpluggableCpusResult {
  readonly type: string
  readonly 'vcpus-count': number
  readonly props: QueryCpusFastResultProps
  readonly 'qom-path'?: string
}

export interface QueryIothreadsResult {
  readonly id: string
  readonly 'thread-id': number
  readonly 'poll-max-ns': number
  readonly 'poll-grow': number
  readonly 'poll-shrink': number
  readonly 'aio-max-batch': number
}

export interface QueryJobsResult {
  readonly id: string
  readonly type: BlockJobCancelledEventType
  readonly status: JobStatusChangeEventStatus
  readonly 'current-progress': number
  readonly 'total-progress': number
  readonly error?: string
}

export interface QueryKvmResult {
  readonly enabled: boolean
  readonly present: boolean
}

export interface QueryMachinesResult {
  readonly name: string
  readonly alias?: string
  readonly 'is-default'?: boolean
  readonly 'cpu-max': number
  readonly 'hotpluggable-cpus': boolean
  readonly 'numa-mem-supported': boolean
  readonly deprecated: boolean
  readonly 'default-cpu-type'?: string
  readonly 'default-ram-id'?: string
}

export interface QueryMemdevResult {
  readonly id?: string
  readonly size: number
  readonly merge: boolean
  readonly dump: boolean
  readonly prealloc: boolean
  readonly share: boolean
  readonly reserve?: boolean
  readonly 'host-nodes': readonly number[]
  readonly policy: ObjectAddArgumentsMemoryBackendEpcPolicy
}

export type QueryMemoryDevicesResult = {
} & (
  | ({ readonly type: 'dimm' } & QueryMemoryDevicesResultDimm)
  | ({ readonly type: 'nvdimm' } & QueryMemoryDevicesResultDimm)
  | ({ readonly type: 'virtio-pmem' } & QueryMemoryDevicesResultVirtioPmem)
  | ({ readonly type: 'virtio-mem' } & QueryMemoryDevicesResultVirtioMem)
  | ({ readonly type: 'sgx-epc' } & QueryMemoryDevicesResultSgxEpc)
)

export interface QueryMemoryDevicesResultDimm {
  readonly data: QueryMemoryDevicesResultDimmData
}

export interface QueryMemoryDevicesResultDimmData {
  readonly id?: string
  readonly addr: number
  readonly size: number
  readonly slot: number
  readonly node: number
  readonly memdev: string
  readonly hotplugged: boolean
  readonly hotpluggable: boolean
}

export interface QueryMemoryDevicesResultSgxEpc {
  readonly data: QueryMemoryDevicesResultSgxEpcData
}

export interface QueryMemoryDevicesResultSgxEpcData {
  readonly id?: string
  readonly memaddr: number
  readonly size: number
  readonly node: number
  readonly memdev: string
}

export type QueryMemoryDevicesResultType =
  | 'dimm'
  | 'nvdimm'
  | 'virtio-pmem'
  | 'virtio-mem'
  | 'sgx-epc'

export interface QueryMemoryDevicesResultVirtioMem {
  readonly data: QueryMemoryDevicesResultVirtioMemData
}

export interface QueryMemoryDevicesResultVirtioMemData {
  readonly id?: string
  readonly memaddr: number
  readonly 'requested-size': number
  readonly size: number
  readonly 'max-size': number
  readonly 'block-size': number
  readonly node: number
  readonly memdev: string
}

export interface QueryMemoryDevicesResultVirtioPmem {
  readonly data: QueryMemoryDevicesResultVirtioPmemData
}

export interface QueryMemoryDevicesResultVirtioPmemData {
  readonly id?: string
  readonly memaddr: number
  readonly size: number
  readonly memdev: string
}

export interface QueryMemorySizeSummaryResult {
  readonly 'base-memory': number
  readonly 'plugged-memory'?: number
}

export interface QueryMiceResult {
  readonly name: string
  readonly index: number
  readonly current: boolean
  readonly absolute: boolean
}

export interface QueryMigrateCapabilitiesResult {
  readonly capability: QueryMigrateCapabilitiesResultCapability
  readonly state: boolean
}

export type QueryMigrateCapabilitiesResultCapability =
  | 'xbzrle'
  | 'rdma-pin-all'
  | 'auto-converge'
  | 'zero-blocks'
  | 'compress'
  | 'events'
  | 'postcopy-ram'
  | 'x-colo'
  | 'release-ram'
  | 'block'
  | 'return-path'
  | 'pause-before-switchover'
  | 'multifd'
  | 'dirty-bitmaps'
  | 'postcopy-blocktime'
  | 'late-block-activate'
  | 'x-ignore-shared'
  | 'validate-uuid'
  | 'background-snapshot'
  | 'zero-copy-send'
  | 'postcopy-preempt'

export interface QueryMigrateParametersResult {
  readonly 'announce-initial'?: number
  readonly 'announce-max'?: number
  readonly 'announce-rounds'?: number
  readonly 'announce-step'?: number
  readonly 'compress-level'?: number
  readonly 'compress-threads'?: number
  readonly 'compress-wait-thread'?: boolean
  readonly 'decompress-threads'?: number
  readonly 'throttle-trigger-threshold'?: number
  readonly 'cpu-throttle-initial'?: number
  readonly 'cpu-throttle-increment'?: number
  readonly 'cpu-throttle-tailslow'?: boolean
  readonly 'tls-creds'?: string
  readonly 'tls-hostname'?: string
  readonly 'tls-authz'?: string
  readonly 'max-bandwidth'?: number
  readonly 'downtime-limit'?: number
  readonly 'x-checkpoint-delay'?: number
  readonly 'block-incremental'?: boolean
  readonly 'multifd-channels'?: number
  readonly 'xbzrle-cache-size'?: number
  readonly 'max-postcopy-bandwidth'?: number
  readonly 'max-cpu-throttle'?: number
  readonly 'multifd-compression'?: MigrateSetParametersArgumentsMultifdCompression
  readonly 'multifd-zlib-level'?: number
  readonly 'multifd-zstd-level'?: number
  readonly 'block-bitmap-mapping'?: readonly MigrateSetParametersArgumentsBlockBitmapMapping[]
}

export interface QueryMigrateResult {
  readonly status?: MigrateContinueArgumentsState
  readonly ram?: QueryMigrateResultRam
  readonly disk?: QueryMigrateResultRam
  readonly vfio?: QueryMigrateResultVfio
  readonly 'xbzrle-cache'?: QueryMigrateResultXbzrleCache
  readonly 'total-time'?: number
  readonly 'expected-downtime'?: number
  readonly downtime?: number
  readonly 'setup-time'?: number
  readonly 'cpu-throttle-percentage'?: number
  readonly 'error-desc'?: string
  readonly 'blocked-reasons'?: readonly string[]
  readonly 'postcopy-blocktime'?: number
  readonly 'postcopy-vcpu-blocktime'?: readonly number[]
  readonly compression?: QueryMigrateResultCompression
  readonly 'socket-address'?: readonly NetdevStreamConnectedEventAddr[]
}

export interface QueryMigrateResultCompression {
  readonly pages: number
  readonly busy: number
  readonly 'busy-rate': number
  readonly 'compressed-size': number
  readonly 'compression-rate': number
}

export interface QueryMigrateResultRam {
  readonly transferred: number
  readonly remaining: number
  readonly total: number
  readonly duplicate: number
  readonly skipped: number
  readonly normal: number
  readonly 'normal-bytes': number
  readonly 'dirty-pages-rate': number
  readonly mbps: number
  readonly 'dirty-sync-count': number
  readonly 'postcopy-requests': number
  readonly 'page-size': number
  readonly 'multifd-bytes': number
  readonly 'pages-per-second': number
  readonly 'precopy-bytes': number
  readonly 'downtime-bytes': number
  readonly 'postcopy-bytes': number
  readonly 'dirty-sync-missed-zero-copy': number
}

export interface QueryMigrateResultVfio {
  readonly transferred: number
}

export interface QueryMigrateResultXbzrleCache {
  readonly 'cache-size': number
  readonly bytes: number
  readonly pages: number
  readonly 'cache-miss': number
  readonly 'cache-miss-rate': number
  readonly 'encoding-rate': number
  readonly overflow: number
}

export interface QueryNameResult {
  readonly name?: string
}

export interface QueryNamedBlockNodesArguments {
  readonly flat?: boolean
}

export interface QueryNamedBlockNodesResult {
  readonly file: string
  readonly 'node-name'?: string
  readonly ro: boolean
  readonly drv: string
  readonly backing_file?: string
  readonly backing_file_depth: number
  readonly encrypted: boolean
  readonly detect_zeroes: BlockdevAddArgumentsDetectZeroes
  readonly bps: number
  readonly bps_rd: number
  readonly bps_wr: number
  readonly iops: number
  readonly iops_rd: number
  readonly iops_wr: number
  readonly image: QueryNamedBlockNodesResultImage
  readonly bps_max?: number
  readonly bps_rd_max?: number
  readonly bps_wr_max?: number
  readonly iops_max?: number
  readonly iops_rd_max?: number
  readonly iops_wr_max?: number
  readonly bps_max_length?: number
  readonly bps_rd_max_length?: number
  readonly bps_wr_max_length?: number
  readonly iops_max_length?: number
  readonly iops_rd_max_length?: number
  readonly iops_wr_max_length?: number
  readonly iops_size?: number
  readonly group?: string
  readonly cache: QueryNamedBlockNodesResultCache
  readonly write_threshold: number
  readonly 'dirty-bitmaps'?: readonly QueryNamedBlockNodesResultDirtyBitmaps[]
}

export interface QueryNamedBlockNodesResultCache {
  readonly writeback: boolean
  readonly direct: boolean
  readonly 'no-flush': boolean
}

export interface QueryNamedBlockNodesResultDirtyBitmaps {
  readonly name?: string
  readonly count: number
  readonly granularity: number
  readonly recording: boolean
  readonly busy: boolean
  readonly persistent: boolean
  readonly inconsistent?: boolean
}

export interface QueryNamedBlockNodesResultImage {
  readonly filename: string
  readonly format: string
  readonly 'dirty-flag'?: boolean
  readonly 'actual-size'?: number
  readonly 'virtual-size': number
  readonly 'cluster-size'?: number
  readonly encrypted?: boolean
  readonly compressed?: boolean
  readonly 'backing-filename'?: string
  readonly 'full-backing-filename'?: string
  readonly 'backing-filename-format'?: string
  readonly snapshots?: readonly BlockdevSnapshotDeleteInternalSyncResult[]
  readonly 'backing-image'?: QueryNamedBlockNodesResultImage
  readonly 'format-specific'?: QueryNamedBlockNodesResultImageFormatSpecific
}

export type QueryNamedBlockNodesResultImageFormatSpecific = {
} & (
  | ({ readonly type: 'qcow2' } & QueryNamedBlockNodesResultImageFormatSpecificQcow2)
  | ({ readonly type: 'vmdk' } & QueryNamedBlockNodesResultImageFormatSpecificVmdk)
  | ({ readonly type: 'luks' } & QueryNamedBlockNodesResultImageFormatSpecificLuks)
  | ({ readonly type: 'rbd' } & QueryNamedBlockNodesResultImageFormatSpecificRbd)
)

export interface QueryNamedBlockNodesResultImageFormatSpecificLuks {
  readonly data: QueryNamedBlockNodesResultImageFormatSpecificLuksData
}

export interface QueryNamedBlockNodesResultImageFormatSpecificLuksData {
  readonly 'cipher-alg': BlockdevCreateArgumentsOptionsLuksCipherAlg
  readonly 'cipher-mode': BlockdevCreateArgumentsOptionsLuksCipherMode
  readonly 'ivgen-alg': BlockdevCreateArgumentsOptionsLuksIvgenAlg
  readonly 'ivgen-hash-alg'?: BlockdevCreateArgumentsOptionsLuksIvgenHashAlg
  readonly 'hash-alg': BlockdevCreateArgumentsOptionsLuksIvgenHashAlg
  readonly 'payload-offset': number
  readonly 'master-key-iters': number
  readonly uuid: string
  readonly slots: readonly QueryNamedBlockNodesResultImageFormatSpecificLuksDataSlots[]
}

export interface QueryNamedBlockNodesResultImageFormatSpecificLuksDataSlots {
  readonly active: boolean
  readonly iters?: number
  readonly stripes?: number
  readonly 'key-offset': number
}

export interface QueryNamedBlockNodesResultImageFormatSpecificQcow2 {
  readonly data: QueryNamedBlockNodesResultImageFormatSpecificQcow2Data
}

export interface QueryNamedBlockNodesResultImageFormatSpecificQcow2Data {
  readonly compat: string
  readonly 'data-file'?: string
  readonly 'data-file-raw'?: boolean
  readonly 'extended-l2'?: boolean
  readonly 'lazy-refcounts'?: boolean
  readonly corrupt?: boolean
  readonly 'refcount-bits': number
  readonly encrypt?: QueryNamedBlockNodesResultImageFormatSpecificQcow2DataEncrypt
  readonly bitmaps?: readonly QueryNamedBlockNodesResultImageFormatSpecificQcow2DataBitmaps[]
  readonly 'compression-type': BlockdevCreateArgumentsOptionsQcow2CompressionType
}

export interface QueryNamedBlockNodesResultImageFormatSpecificQcow2DataBitmaps {
  readonly name: string
  readonly granularity: number
  readonly flags: readonly QueryNamedBlockNodesResultImageFormatSpecificQcow2DataBitmapsFlags[]
}

export type QueryNamedBlockNodesResultImageFormatSpecificQcow2DataBitmapsFlags =
  | 'in-use'
  | 'auto'

export type QueryNamedBlockNodesResultImageFormatSpecificQcow2DataEncrypt = {
} & (
  | ({ readonly format: 'luks' } & QueryNamedBlockNodesResultImageFormatSpecificLuksData)
  | { readonly format: 'aes' }
)

export interface QueryNamedBlockNodesResultImageFormatSpecificRbd {
  readonly data: QueryNamedBlockNodesResultImageFormatSpecificRbdData
}

export interface QueryNamedBlockNodesResultImageFormatSpecificRbdData {
  readonly 'encryption-format'?: BlockdevAddArgumentsRbdEncryptFormat
}

export type QueryNamedBlockNodesResultImageFormatSpecificType =
  | 'qcow2'
  | 'vmdk'
  | 'luks'
  | 'rbd'

export interface QueryNamedBlockNodesResultImageFormatSpecificVmdk {
  readonly data: QueryNamedBlockNodesResultImageFormatSpecificVmdkData
}

export interface QueryNamedBlockNodesResultImageFormatSpecificVmdkData {
  readonly 'create-type': string
  readonly cid: number
  readonly 'parent-cid': number
  readonly extents: readonly QueryNamedBlockNodesResultImage[]
}

export interface QueryPciResult {
  readonly bus: number
  readonly devices: readonly QueryPciResultDevices[]
}

export interface QueryPciResultDevices {
  readonly bus: number
  readonly slot: number
  readonly function: number
  readonly class_info: QueryPciResultDevicesClassInfo
  readonly id: QueryPciResultDevicesId
  readonly irq?: number
  readonly irq_pin: number
  readonly qdev_id: string
  readonly pci_bridge?: QueryPciResultDevicesPciBridge
  readonly regions: readonly QueryPciResultDevicesRegions[]
}

export interface QueryPciResultDevicesClassInfo {
  readonly desc?: string
  readonly class: number
}

export interface QueryPciResultDevicesId {
  readonly device: number
  readonly vendor: number
  readonly subsystem?: number
  readonly 'subsystem-vendor'?: number
}

export interface QueryPciResultDevicesPciBridge {
  readonly bus: QueryPciResultDevicesPciBridgeBus
  readonly devices?: readonly QueryPciResultDevices[]
}

export interface QueryPciResultDevicesPciBridgeBus {
  readonly number: number
  readonly secondary: number
  readonly subordinate: number
  readonly io_range: QueryPciResultDevicesPciBridgeBusIoRange
  readonly memory_range: QueryPciResultDevicesPciBridgeBusIoRange
  readonly prefetchable_range: QueryPciResultDevicesPciBridgeBusIoRange
}

export interface QueryPciResultDevicesPciBridgeBusIoRange {
  readonly base: number
  readonly limit: number
}

export interface QueryPciResultDevicesRegions {
  readonly bar: number
  readonly type: string
  readonly address: number
  readonly size: number
  readonly prefetch?: boolean
  readonly mem_type_64?: boolean
}

export interface QueryPrManagersResult {
  readonly id: string
  readonly connected: boolean
}

export type QueryQmpSchemaResult = {
  readonly name: string
  readonly features?: readonly string[]
} & (
  | ({ readonly 'meta-type': 'builtin' } & QueryQmpSchemaResultBuiltin)
  | ({ readonly 'meta-type': 'enum' } & QueryQmpSchemaResultEnum)
  | ({ readonly 'meta-type': 'array' } & QueryQmpSchemaResultArray)
  | ({ readonly 'meta-type': 'object' } & QueryQmpSchemaResultObject)
  | ({ readonly 'meta-type': 'alternate' } & QueryQmpSchemaResultAlternate)
  | ({ readonly 'meta-type': 'command' } & QueryQmpSchemaResultCommand)
  | ({ readonly 'meta-type': 'event' } & QueryQmpSchemaResultEvent)
)

export interface QueryQmpSchemaResultAlternate {
  readonly members: readonly QueryQmpSchemaResultAlternateMembers[]
}

export interface QueryQmpSchemaResultAlternateMembers {
  readonly type: string
}

export interface QueryQmpSchemaResultArray {
  readonly 'element-type': string
}

export interface QueryQmpSchemaResultBuiltin {
  readonly 'json-type': QueryQmpSchemaResultBuiltinJsonType
}

export type QueryQmpSchemaResultBuiltinJsonType =
  | 'string'
  | 'number'
  | 'int'
  | 'boolean'
  | 'null'
  | 'object'
  | 'array'
  | 'value'

export interface QueryQmpSchemaResultCommand {
  readonly 'arg-type': string
  readonly 'ret-type': string
  readonly 'allow-oob'?: boolean
}

export interface QueryQmpSchemaResultEnum {
  readonly members: readonly QueryQmpSchemaResultEnumMembers[]
  /** @deprecated by QEMU. */
  readonly values: readonly string[]
}

export interface QueryQmpSchemaResultEnumMembers {
  readonly name: string
  readonly features?: readonly string[]
}

export interface QueryQmpSchemaResultEvent {
  readonly 'arg-type': string
}

export type QueryQmpSchemaResultMetaType =
  | 'builtin'
  | 'enum'
  | 'array'
  | 'object'
  | 'alternate'
  | 'command'
  | 'event'

export interface QueryQmpSchemaResultObject {
  readonly members: readonly QueryQmpSchemaResultObjectMembers[]
  readonly tag?: string
  readonly variants?: readonly QueryQmpSchemaResultObjectVariants[]
}

export interface QueryQmpSchemaResultObjectMembers {
  readonly name: string
  readonly type: string
  readonly default?: unknown
  readonly features?: readonly string[]
}

export interface QueryQmpSchemaResultObjectVariants {
  readonly case: string
  readonly type: string
}

export interface QueryReplayResult {
  readonly mode: QueryReplayResultMode
  readonly filename?: string
  readonly icount: number
}

export type QueryReplayResultMode =
  | 'none'
  | 'record'
  | 'play'

export interface QueryRockerArguments {
  readonly name: string
}

export interface QueryRockerOfDpaFlowsArguments {
  readonly name: string
  readonly 'tbl-id'?: number
}

export interface QueryRockerOfDpaFlowsResult {
  readonly cookie: number
  readonly hits: number
  readonly key: QueryRockerOfDpaFlowsResultKey
  readonly mask: QueryRockerOfDpaFlowsResultMask
  readonly action: QueryRockerOfDpaFlowsResultAction
}

export interface QueryRockerOfDpaFlowsResultAction {
  readonly 'goto-tbl'?: number
  readonly 'group-id'?: number
  readonly 'tunnel-lport'?: number
  readonly 'vlan-id'?: number
  readonly 'new-vlan-id'?: number
  readonly 'out-pport'?: number
}

export interface QueryRockerOfDpaFlowsResultKey {
  readonly priority: number
  readonly 'tbl-id': number
  readonly 'in-pport'?: number
  readonly 'tunnel-id'?: number
  readonly 'vlan-id'?: number
  readonly 'eth-type'?: number
  readonly 'eth-src'?: string
  readonly 'eth-dst'?: string
  readonly 'ip-proto'?: number
  readonly 'ip-tos'?: number
  readonly 'ip-dst'?: string
}

export interface QueryRockerOfDpaFlowsResultMask {
  readonly 'in-pport'?: number
  readonly 'tunnel-id'?: number
  readonly 'vlan-id'?: number
  readonly 'eth-src'?: string
  readonly 'eth-dst'?: string
  readonly 'ip-proto'?: number
  readonly 'ip-tos'?: number
}

export interface QueryRockerOfDpaGroupsArguments {
  readonly name: string
  readonly type?: number
}

export interface QueryRockerOfDpaGroupsResult {
  readonly id: number
  readonly type: number
  readonly 'vlan-id'?: number
  readonly pport?: number
  readonly index?: number
  readonly 'out-pport'?: number
  readonly 'group-id'?: number
  readonly 'set-vlan-id'?: number
  readonly 'pop-vlan'?: number
  readonly 'group-ids'?: readonly number[]
  readonly 'set-eth-src'?: string
  readonly 'set-eth-dst'?: string
  readonly 'ttl-check'?: number
}

export interface QueryRockerPortsArguments {
  readonly name: string
}

export interface QueryRockerPortsResult {
  readonly name: string
  readonly enabled: boolean
  readonly 'link-up': boolean
  readonly speed: number
  readonly duplex: QueryRockerPortsResultDuplex
  readonly autoneg: QueryRockerPortsResultAutoneg
}

export type QueryRockerPortsResultAutoneg =
  | 'off'
  | 'on'

export type QueryRockerPortsResultDuplex =
  | 'half'
  | 'full'

export interface QueryRockerResult {
  readonly name: string
  readonly id: number
  readonly ports: number
}

export interface QueryRxFilterArguments {
  readonly name?: string
}

export interface QueryRxFilterResult {
  readonly name: string
  readonly promiscuous: boolean
  readonly multicast: QueryRxFilterResultMulticast
  readonly unicast: QueryRxFilterResultMulticast
  readonly vlan: QueryRxFilterResultMulticast
  readonly 'broadcast-allowed': boolean
  readonly 'multicast-overflow': boolean
  readonly 'unicast-overflow': boolean
  readonly 'main-mac': string
  readonly 'vlan-table': readonly number[]
  readonly 'unicast-table': readonly string[]
  readonly 'multicast-table': readonly string[]
}

export type QueryRxFilterResultMulticast =
  | 'normal'
  | 'none'
  | 'all'

export interface QuerySevAttestationReportArguments {
  readonly mnonce: string
}

export interface QuerySevAttestationReportResult {
  readonly data: string
}

export interface QuerySevCapabilitiesResult {
  readonly pdh: string
  readonly 'cert-chain': string
  readonly 'cpu0-id': string
  readonly cbitpos: number
  readonly 'reduced-phys-bits': number
}

export interface QuerySevLaunchMeasureResult {
  readonly data: string
}

export interface QuerySevResult {
  readonly enabled: boolean
  readonly 'api-major': number
  readonly 'api-minor': number
  readonly 'build-id': number
  readonly policy: number
  readonly state: QuerySevResultState
  readonly handle: number
}

export type QuerySevResultState =
  | 'uninit'
  | 'launch-update'
  | 'launch-secret'
  | 'running'
  | 'send-update'
  | 'receive-update'

export interface QuerySgxResult {
  readonly sgx: boolean
  readonly sgx1: boolean
  readonly sgx2: boolean
  readonly flc: boolean
  /** @deprecated by QEMU. */
  readonly 'section-size': number
  readonly sections: readonly QuerySgxResultSections[]
}

export interface QuerySgxResultSections {
  readonly node: number
  readonly size: number
}

export interface QuerySpiceResult {
  readonly enabled: boolean
  readonly migrated: boolean
  readonly host?: string
  readonly port?: number
  readonly 'tls-port'?: number
  readonly auth?: string
  readonly 'compiled-version'?: string
  readonly 'mouse-mode': QuerySpiceResultMouseMode
  readonly channels?: readonly SpiceInitializedEventClient[]
}

export type QuerySpiceResultMouseMode =
  | 'client'
  | 'server'
  | 'unknown'

export type QueryStatsArguments = {
  readonly providers?: readonly QueryStatsArgumentsProviders[]
} & (
  | ({ readonly target: 'vcpu' } & QueryStatsArgumentsVcpu)
  | { readonly target: 'vm' }
)

export interface QueryStatsArgumentsProviders {
  readonly provider: QueryStatsSchemasArgumentsProvider
  readonly names?: readonly string[]
}

export type QueryStatsArgumentsTarget =
  | 'vm'
  | 'vcpu'

export interface QueryStatsArgumentsVcpu {
  readonly vcpus?: readonly string[]
}

export interface QueryStatsResult {
  readonly provider: QueryStatsSchemasArgumentsProvider
  readonly 'qom-path'?: string
  readonly stats: readonly QueryStatsResultStats[]
}

export interface QueryStatsResultStats {
  readonly name: string
  readonly value: QueryStatsResultStatsValue
}

export type QueryStatsResultStatsValue = number | boolean | readonly number[]

export interface QueryStatsSchemasArguments {
  readonly provider?: QueryStatsSchemasArgumentsProvider
}

export type QueryStatsSchemasArgumentsProvider =
  | 'kvm'

export interface QueryStatsSchemasResult {
  readonly provider: QueryStatsSchemasArgumentsProvider
  readonly target: QueryStatsArgumentsTarget
  readonly stats: readonly QueryStatsSchemasResultStats[]
}

export interface QueryStatsSchemasResultStats {
  readonly name: string
  readonly type: QueryStatsSchemasResultStatsType
  readonly unit?: QueryStatsSchemasResultStatsUnit
  readonly base?: number
  readonly exponent: number
  readonly 'bucket-size'?: number
}

export type QueryStatsSchemasResultStatsType =
  | 'cumulative'
  | 'instant'
  | 'peak'
  | 'linear-histogram'
  | 'log2-histogram'

export type QueryStatsSchemasResultStatsUnit =
  | 'bytes'
  | 'seconds'
  | 'cycles'
  | 'boolean'

export interface QueryStatusResult {
  readonly running: boolean
  readonly singlestep: boolean
  readonly status: QueryStatusResultStatus
}

export type QueryStatusResultStatus =
  | 'debug'
  | 'inmigrate'
  | 'internal-error'
  | 'io-error'
  | 'paused'
  | 'postmigrate'
  | 'prelaunch'
  | 'finish-migrate'
  | 'restore-vm'
  | 'running'
  | 'save-vm'
  | 'shutdown'
  | 'suspended'
  | 'watchdog'
  | 'guest-panicked'
  | 'colo'

export interface QueryTargetResult {
  readonly arch: QueryTargetResultArch
}

export type QueryTargetResultArch =
  | 'aarch64'
  | 'alpha'
  | 'arm'
  | 'avr'
  | 'cris'
  | 'hppa'
  | 'i386'
  | 'loongarch64'
  | 'm68k'
  | 'microblaze'
  | 'microblazeel'
  | 'mips'
  | 'mips64'
  | 'mips64el'
  | 'mipsel'
  | 'nios2'
  | 'or1k'
  | 'ppc'
  | 'ppc64'
  | 'riscv32'
  | 'riscv64'
  | 'rx'
  | 's390x'
  | 'sh4'
  | 'sh4eb'
  | 'sparc'
  | 'sparc64'
  | 'tricore'
  | 'x86_64'
  | 'xtensa'
  | 'xtensaeb'

export type QueryTpmModelsResult =
  | 'tpm-tis'
  | 'tpm-crb'
  | 'tpm-spapr'

export interface QueryTpmResult {
  readonly id: string
  readonly model: QueryTpmModelsResult
  readonly options: QueryTpmResultOptions
}

export type QueryTpmResultOptions = {
} & (
  | ({ readonly type: 'passthrough' } & QueryTpmResultOptionsPassthrough)
  | ({ readonly type: 'emulator' } & QueryTpmResultOptionsEmulator)
)

export interface QueryTpmResultOptionsEmulator {
  readonly data: QueryTpmResultOptionsEmulatorData
}

export interface QueryTpmResultOptionsEmulatorData {
  readonly chardev: string
}

export interface QueryTpmResultOptionsPassthrough {
  readonly data: QueryTpmResultOptionsPassthroughData
}

export interface QueryTpmResultOptionsPassthroughData {
  readonly path?: string
  readonly 'cancel-path'?: string
}

export type QueryTpmTypesResult =
  | 'passthrough'
  | 'emulator'

export interface QueryUuidResult {
  readonly UUID: string
}

export interface QueryVcpuDirtyLimitResult {
  readonly 'cpu-index': number
  readonly 'limit-rate': number
  readonly 'current-rate': number
}

export interface QueryVersionResult {
  readonly qemu: QueryVersionResultQemu
  readonly package: string
}

export interface QueryVersionResultQemu {
  readonly major: number
  readonly minor: number
  readonly micro: number
}

export interface QueryVmGenerationIdResult {
  readonly guid: string
}

export interface QueryVncResult {
  readonly enabled: boolean
  readonly host?: string
  readonly family?: QueryVncResultFamily
  readonly service?: string
  readonly auth?: string
  readonly clients?: readonly VncDisconnectedEventClient[]
}

export type QueryVncResultFamily =
  | 'ipv4'
  | 'ipv6'
  | 'unix'
  | 'vsock'
  | 'unknown'

export interface QueryVncServersResult {
  readonly id: string
  readonly server: readonly QueryVncServersResultServer[]
  readonly clients: readonly VncDisconnectedEventClient[]
  readonly auth: QueryVncServersResultAuth
  readonly vencrypt?: QueryVncServersResultVencrypt
  readonly display?: string
}

export type QueryVncServersResultAuth =
  | 'none'
  | 'vnc'
  | 'ra2'
  | 'ra2ne'
  | 'tight'
  | 'ultra'
  | 'tls'
  | 'vencrypt'
  | 'sasl'

export interface QueryVncServersResultServer {
  readonly host: string
  readonly service: string
  readonly family: QueryVncResultFamily
  readonly websocket: boolean
  readonly auth: QueryVncServersResultAuth
  readonly vencrypt?: QueryVncServersResultVencrypt
}

export type QueryVncServersResultVencrypt =
  | 'plain'
  | 'tls-none'
  | 'x509-none'
  | 'tls-vnc'
  | 'x509-vnc'
  | 'tls-plain'
  | 'x509-plain'
  | 'tls-sasl'
  | 'x509-sasl'

export interface QueryXenReplicationStatusResult {
  readonly error: boolean
  readonly desc?: string
}

export type QueryYankResult = {
} & (
  | ({ readonly type: 'block-node' } & QueryYankResultBlockNode)
  | ({ readonly type: 'chardev' } & QueryYankResultChardev)
  | { readonly type: 'migration' }
)

export interface QueryYankResultBlockNode {
  readonly 'node-name': string
}

export interface QueryYankResultChardev {
  readonly id: string
}

export type QueryYankResultType =
  | 'block-node'
  | 'chardev'
  | 'migration'

export interface QuorumFailureEvent {
  readonly reference: string
  readonly 'sector-num': number
  readonly 'sectors-count': number
}

export interface QuorumReportBadEvent {
  readonly type: QuorumReportBadEventType
  readonly error?: string
  readonly 'node-name': string
  readonly 'sector-num': number
  readonly 'sectors-count': number
}

export type QuorumReportBadEventType =
  | 'read'
  | 'write'
  | 'flush'

export interface RdmaGidStatusChangedEvent {
  readonly netdev: string
  readonly 'gid-status': boolean
  readonly 'subnet-prefix': number
  readonly 'interface-id': number
}

export interface RemoveFdArguments {
  readonly 'fdset-id': number
  readonly fd?: number
}

export interface ReplayBreakArguments {
  readonly icount: number
}

export interface ReplaySeekArguments {
  readonly icount: number
}

export interface ResetEvent {
  readonly guest: boolean
  readonly reason: ResetEventReason
}

export type ResetEventReason =
  | 'none'
  | 'host-error'
  | 'host-qmp-quit'
  | 'host-qmp-system-reset'
  | 'host-signal'
  | 'host-ui'
  | 'guest-shutdown'
  | 'guest-reset'
  | 'guest-panic'
  | 'subsystem-reset'
  | 'snapshot-load'

export interface RingbufReadArguments {
  readonly device: string
  readonly size: number
  readonly format?: RingbufReadArgumentsFormat
}

export type RingbufReadArgumentsFormat =
  | 'utf8'
  | 'base64'

export interface RingbufWriteArguments {
  readonly device: string
  readonly data: string
  readonly format?: RingbufReadArgumentsFormat
}

export interface RtcChangeEvent {
  readonly offset: number
  readonly 'qom-path': string
}

export interface ScreendumpArguments {
  readonly filename: string
  readonly device?: string
  readonly head?: number
  readonly format?: ScreendumpArgumentsFormat
}

export type ScreendumpArgumentsFormat =
  | 'ppm'
  | 'png'

export interface SendKeyArguments {
  readonly keys: readonly SendKeyArgumentsKeys[]
  readonly 'hold-time'?: number
}

export type SendKeyArgumentsKeys = {
} & (
  | ({ readonly type: 'number' } & SendKeyArgumentsKeysNumber)
  | ({ readonly type: 'qcode' } & SendKeyArgumentsKeysQcode)
)

export interface SendKeyArgumentsKeysNumber {
  readonly data: number
}

export interface SendKeyArgumentsKeysQcode {
  readonly data: SendKeyArgumentsKeysQcodeData
}

export type SendKeyArgumentsKeysQcodeData =
  | 'unmapped'
  | 'shift'
  | 'shift_r'
  | 'alt'
  | 'alt_r'
  | 'ctrl'
  | 'ctrl_r'
  | 'menu'
  | 'esc'
  | '1'
  | '2'
  | '3'
  | '4'
  | '5'
  | '6'
  | '7'
  | '8'
  | '9'
  | '0'
  | 'minus'
  | 'equal'
  | 'backspace'
  | 'tab'
  | 'q'
  | 'w'
  | 'e'
  | 'r'
  | 't'
  | 'y'
  | 'u'
  | 'i'
  | 'o'
  | 'p'
  | 'bracket_left'
  | 'bracket_right'
  | 'ret'
  | 'a'
  | 's'
  | 'd'
  | 'f'
  | 'g'
  | 'h'
  | 'j'
  | 'k'
  | 'l'
  | 'semicolon'
  | 'apostrophe'
  | 'grave_accent'
  | 'backslash'
  | 'z'
  | 'x'
  | 'c'
  | 'v'
  | 'b'
  | 'n'
  | 'm'
  | 'comma'
  | 'dot'
  | 'slash'
  | 'asterisk'
  | 'spc'
  | 'caps_lock'
  | 'f1'
  | 'f2'
  | 'f3'
  | 'f4'
  | 'f5'
  | 'f6'
  | 'f7'
  | 'f8'
  | 'f9'
  | 'f10'
  | 'num_lock'
  | 'scroll_lock'
  | 'kp_divide'
  | 'kp_multiply'
  | 'kp_subtract'
  | 'kp_add'
  | 'kp_enter'
  | 'kp_decimal'
  | 'sysrq'
  | 'kp_0'
  | 'kp_1'
  | 'kp_2'
  | 'kp_3'
  | 'kp_4'
  | 'kp_5'
  | 'kp_6'
  | 'kp_7'
  | 'kp_8'
  | 'kp_9'
  | 'less'
  | 'f11'
  | 'f12'
  | 'print'
  | 'home'
  | 'pgup'
  | 'pgdn'
  | 'end'
  | 'left'
  | 'up'
  | 'down'
  | 'right'
  | 'insert'
  | 'delete'
  | 'stop'
  | 'again'
  | 'props'
  | 'undo'
  | 'front'
  | 'copy'
  | 'open'
  | 'paste'
  | 'find'
  | 'cut'
  | 'lf'
  | 'help'
  | 'meta_l'
  | 'meta_r'
  | 'compose'
  | 'pause'
  | 'ro'
  | 'hiragana'
  | 'henkan'
  | 'yen'
  | 'muhenkan'
  | 'katakanahiragana'
  | 'kp_comma'
  | 'kp_equals'
  | 'power'
  | 'sleep'
  | 'wake'
  | 'audionext'
  | 'audioprev'
  | 'audiostop'
  | 'audioplay'
  | 'audiomute'
  | 'volumeup'
  | 'volumedown'
  | 'mediaselect'
  | 'mail'
  | 'calculator'
  | 'computer'
  | 'ac_home'
  | 'ac_back'
  | 'ac_forward'
  | 'ac_refresh'
  | 'ac_bookmarks'
  | 'lang1'
  | 'lang2'

export type SendKeyArgumentsKeysType =
  | 'number'
  | 'qcode'

export interface SetActionArguments {
  readonly reboot?: SetActionArgumentsReboot
  readonly shutdown?: SetActionArgumentsShutdown
  readonly panic?: SetActionArgumentsPanic
  readonly watchdog?: SetActionArgumentsWatchdog
}

export type SetActionArgumentsPanic =
  | 'pause'
  | 'shutdown'
  | 'exit-failure'
  | 'none'

export type SetActionArgumentsReboot =
  | 'reset'
  | 'shutdown'

export type SetActionArgumentsShutdown =
  | 'poweroff'
  | 'pause'

export type SetActionArgumentsWatchdog =
  | 'reset'
  | 'shutdown'
  | 'poweroff'
  | 'pause'
  | 'debug'
  | 'none'
  | 'inject-nmi'

export interface SetLinkArguments {
  readonly name: string
  readonly up: boolean
}

export type SetNumaNodeArguments = {
} & (
  | ({ readonly type: 'node' } & SetNumaNodeArgumentsNode)
  | ({ readonly type: 'dist' } & SetNumaNodeArgumentsDist)
  | ({ readonly type: 'cpu' } & SetNumaNodeArgumentsCpu)
  | ({ readonly type: 'hmat-lb' } & SetNumaNodeArgumentsHmatLb)
  | ({ readonly type: 'hmat-cache' } & SetNumaNodeArgumentsHmatCache)
)

export interface SetNumaNodeArgumentsCpu {
  readonly 'node-id'?: number
  readonly 'socket-id'?: number
  readonly 'die-id'?: number
  readonly 'cluster-id'?: number
  readonly 'core-id'?: number
  readonly 'thread-id'?: number
}

export interface SetNumaNodeArgumentsDist {
  readonly src: number
  readonly dst: number
  readonly val: number
}

export interface SetNumaNodeArgumentsHmatCache {
  readonly 'node-id': number
  readonly size: number
  readonly level: number
  readonly associativity: SetNumaNodeArgumentsHmatCacheAssociativity
  readonly policy: SetNumaNodeArgumentsHmatCachePolicy
  readonly line: number
}

export type SetNumaNodeArgumentsHmatCacheAssociativity =
  | 'none'
  | 'direct'
  | 'complex'

export type SetNumaNodeArgumentsHmatCachePolicy =
  | 'none'
  | 'write-back'
  | 'write-through'

export interface SetNumaNodeArgumentsHmatLb {
  readonly initiator: number
  readonly target: number
  readonly hierarchy: SetNumaNodeArgumentsHmatLbHierarchy
  readonly 'data-type': SetNumaNodeArgumentsHmatLbDataType
  readonly latency?: number
  readonly bandwidth?: number
}

export type SetNumaNodeArgumentsHmatLbDataType =
  | 'access-latency'
  | 'read-latency'
  | 'write-latency'
  | 'access-bandwidth'
  | 'read-bandwidth'
  | 'write-bandwidth'

export type SetNumaNodeArgumentsHmatLbHierarchy =
  | 'memory'
  | 'first-level'
  | 'second-level'
  | 'third-level'

export interface SetNumaNodeArgumentsNode {
  readonly nodeid?: number
  readonly cpus?: readonly number[]
  readonly mem?: number
  readonly memdev?: string
  readonly initiator?: number
}

export type SetNumaNodeArgumentsType =
  | 'node'
  | 'dist'
  | 'cpu'
  | 'hmat-lb'
  | 'hmat-cache'

export type SetPasswordArguments = {
  readonly password: string
  readonly connected?: SetPasswordArgumentsConnected
} & (
  | ({ readonly protocol: 'vnc' } & SetPasswordArgumentsVnc)
  | { readonly protocol: 'spice' }
)

export type SetPasswordArgumentsConnected =
  | 'keep'
  | 'fail'
  | 'disconnect'

export interface SetPasswordArgumentsVnc {
  readonly display?: string
}

export interface SetVcpuDirtyLimitArguments {
  readonly 'cpu-index'?: number
  readonly 'dirty-rate': number
}

export interface SevInjectLaunchSecretArguments {
  readonly 'packet-header': string
  readonly secret: string
  readonly gpa?: number
}

export interface ShutdownEvent {
  readonly guest: boolean
  readonly reason: ResetEventReason
}

export interface SnapshotDeleteArguments {
  readonly 'job-id': string
  readonly tag: string
  readonly devices: readonly string[]
}

export interface SnapshotLoadArguments {
  readonly 'job-id': string
  readonly tag: string
  readonly vmstate: string
  readonly devices: readonly string[]
}

export interface SnapshotSaveArguments {
  readonly 'job-id': string
  readonly tag: string
  readonly vmstate: string
  readonly devices: readonly string[]
}

export interface SpiceConnectedEvent {
  readonly server: SpiceConnectedEventServer
  readonly client: SpiceConnectedEventServer
}

export interface SpiceConnectedEventServer {
  readonly host: string
  readonly port: string
  readonly family: QueryVncResultFamily
}

export interface SpiceDisconnectedEvent {
  readonly server: SpiceConnectedEventServer
  readonly client: SpiceConnectedEventServer
}

export interface SpiceInitializedEvent {
  readonly server: SpiceInitializedEventServer
  readonly client: SpiceInitializedEventClient
}

export interface SpiceInitializedEventClient {
  readonly host: string
  readonly port: string
  readonly family: QueryVncResultFamily
  readonly 'connection-id': number
  readonly 'channel-type': number
  readonly 'channel-id': number
  readonly tls: boolean
}

export interface SpiceInitializedEventServer {
  readonly host: string
  readonly port: string
  readonly family: QueryVncResultFamily
  readonly auth?: string
}

export interface TraceEventGetStateArguments {
  readonly name: string
  readonly vcpu?: number
}

export interface TraceEventGetStateResult {
  readonly name: string
  readonly state: TraceEventGetStateResultState
  readonly vcpu: boolean
}

export type TraceEventGetStateResultState =
  | 'unavailable'
  | 'disabled'
  | 'enabled'

export interface TraceEventSetStateArguments {
  readonly name: string
  readonly enable: boolean
  readonly 'ignore-unavailable'?: boolean
  readonly vcpu?: number
}

export interface TransactionArguments {
  readonly actions: readonly TransactionArgumentsActions[]
  readonly properties?: TransactionArgumentsProperties
}

export type TransactionArgumentsActions = {
} & (
  | ({ readonly type: 'abort' } & TransactionArgumentsActionsAbort)
  | ({ readonly type: 'block-dirty-bitmap-add' } & TransactionArgumentsActionsBlockDirtyBitmapAdd)
  | ({ readonly type: 'block-dirty-bitmap-remove' } & TransactionArgumentsActionsBlockDirtyBitmapRemove)
  | ({ readonly type: 'block-dirty-bitmap-clear' } & TransactionArgumentsActionsBlockDirtyBitmapRemove)
  | ({ readonly type: 'block-dirty-bitmap-enable' } & TransactionArgumentsActionsBlockDirtyBitmapRemove)
  | ({ readonly type: 'block-dirty-bitmap-disable' } & TransactionArgumentsActionsBlockDirtyBitmapRemove)
  | ({ readonly type: 'block-dirty-bitmap-merge' } & TransactionArgumentsActionsBlockDirtyBitmapMerge)
  | ({ readonly type: 'blockdev-backup' } & TransactionArgumentsActionsBlockdevBackup)
  | ({ readonly type: 'blockdev-snapshot' } & TransactionArgumentsActionsBlockdevSnapshot)
  | ({ readonly type: 'blockdev-snapshot-internal-sync' } & TransactionArgumentsActionsBlockdevSnapshotInternalSync)
  | ({ readonly type: 'blockdev-snapshot-sync' } & TransactionArgumentsActionsBlockdevSnapshotSync)
  | ({ readonly type: 'drive-backup' } & TransactionArgumentsActionsDriveBackup)
)

export interface TransactionArgumentsActionsAbort {
  readonly data: QmpNone
}

export interface TransactionArgumentsActionsBlockDirtyBitmapAdd {
  readonly data: BlockDirtyBitmapAddArguments
}

export interface TransactionArgumentsActionsBlockDirtyBitmapMerge {
  readonly data: BlockDirtyBitmapMergeArguments
}

export interface TransactionArgumentsActionsBlockDirtyBitmapRemove {
  readonly data: BlockDirtyBitmapClearArguments
}

export interface TransactionArgumentsActionsBlockdevBackup {
  readonly data: BlockdevBackupArguments
}

export interface TransactionArgumentsActionsBlockdevSnapshot {
  readonly data: BlockdevSnapshotArguments
}

export interface TransactionArgumentsActionsBlockdevSnapshotInternalSync {
  readonly data: BlockdevSnapshotInternalSyncArguments
}

export interface TransactionArgumentsActionsBlockdevSnapshotSync {
  readonly data: BlockdevSnapshotSyncArguments
}

export interface TransactionArgumentsActionsDriveBackup {
  readonly data: DriveBackupArguments
}

export type TransactionArgumentsActionsType =
  | 'abort'
  | 'block-dirty-bitmap-add'
  | 'block-dirty-bitmap-remove'
  | 'block-dirty-bitmap-clear'
  | 'block-dirty-bitmap-enable'
  | 'block-dirty-bitmap-disable'
  | 'block-dirty-bitmap-merge'
  | 'blockdev-backup'
  | 'blockdev-snapshot'
  | 'blockdev-snapshot-internal-sync'
  | 'blockdev-snapshot-sync'
  | 'drive-backup'

export interface TransactionArgumentsProperties {
  readonly 'completion-mode'?: TransactionArgumentsPropertiesCompletionMode
}

export type TransactionArgumentsPropertiesCompletionMode =
  | 'individual'
  | 'grouped'

export interface UnplugPrimaryEvent {
  readonly 'device-id': string
}

export interface VfuClientHangupEvent {
  readonly 'vfu-id': string
  readonly 'vfu-qom-path': string
  readonly 'dev-id': string
  readonly 'dev-qom-path': string
}

export interface VncConnectedEvent {
  readonly server: VncConnectedEventServer
  readonly client: VncConnectedEventClient
}

export interface VncConnectedEventClient {
  readonly host: string
  readonly service: string
  readonly family: QueryVncResultFamily
  readonly websocket: boolean
}

export interface VncConnectedEventServer {
  readonly host: string
  readonly service: string
  readonly family: QueryVncResultFamily
  readonly websocket: boolean
  readonly auth?: string
}

export interface VncDisconnectedEvent {
  readonly server: VncConnectedEventServer
  readonly client: VncDisconnectedEventClient
}

export interface VncDisconnectedEventClient {
  readonly host: string
  readonly service: string
  readonly family: QueryVncResultFamily
  readonly websocket: boolean
  readonly x509_dname?: string
  readonly sasl_username?: string
}

export interface VncInitializedEvent {
  readonly server: VncConnectedEventServer
  readonly client: VncDisconnectedEventClient
}

export interface VserportChangeEvent {
  readonly id: string
  readonly open: boolean
}

export interface WatchdogEvent {
  readonly action: SetActionArgumentsWatchdog
}

export interface WatchdogSetActionArguments {
  readonly action: SetActionArgumentsWatchdog
}

export interface XBlockdevAmendArguments {
  readonly 'job-id': string
  readonly 'node-name': string
  readonly options: XBlockdevAmendArgumentsOptions
  readonly force?: boolean
}

export type XBlockdevAmendArgumentsOptions = {
} & (
  | ({ readonly driver: 'luks' } & XBlockdevAmendArgumentsOptionsLuks)
  | ({ readonly driver: 'qcow2' } & XBlockdevAmendArgumentsOptionsQcow2)
  | { readonly driver: 'blkdebug' | 'blklogwrites' | 'blkreplay' | 'blkverify' | 'bochs' | 'cloop' | 'compress' | 'copy-before-write' | 'copy-on-read' | 'dmg' | 'file' | 'snapshot-access' | 'ftp' | 'ftps' | 'gluster' | 'host_cdrom' | 'host_device' | 'http' | 'https' | 'iscsi' | 'nbd' | 'nfs' | 'null-aio' | 'null-co' | 'nvme' | 'parallels' | 'preallocate' | 'qcow' | 'qed' | 'quorum' | 'raw' | 'rbd' | 'replication' | 'ssh' | 'throttle' | 'vdi' | 'vhdx' | 'vmdk' | 'vpc' | 'vvfat' }
)

export interface XBlockdevAmendArgumentsOptionsLuks {
  readonly state: XBlockdevAmendArgumentsOptionsLuksState
  readonly 'new-secret'?: string
  readonly 'old-secret'?: string
  readonly keyslot?: number
  readonly 'iter-time'?: number
  readonly secret?: string
}

export type XBlockdevAmendArgumentsOptionsLuksState =
  | 'active'
  | 'inactive'

export interface XBlockdevAmendArgumentsOptionsQcow2 {
  readonly encrypt?: XBlockdevAmendArgumentsOptionsQcow2Encrypt
}

export type XBlockdevAmendArgumentsOptionsQcow2Encrypt = {
} & (
  | ({ readonly format: 'luks' } & XBlockdevAmendArgumentsOptionsQcow2EncryptLuks)
  | { readonly format: 'qcow' }
)

export interface XBlockdevAmendArgumentsOptionsQcow2EncryptLuks {
  readonly state: XBlockdevAmendArgumentsOptionsLuksState
  readonly 'new-secret'?: string
  readonly 'old-secret'?: string
  readonly keyslot?: number
  readonly 'iter-time'?: number
  readonly secret?: string
}

export interface XBlockdevChangeArguments {
  readonly parent: string
  readonly child?: string
  readonly node?: string
}

export interface XBlockdevSetIothreadArguments {
  readonly 'node-name': string
  readonly iothread: MigrateSetParametersArgumentsTlsCreds
  readonly force?: boolean
}

export interface XDebugBlockDirtyBitmapSha256Result {
  readonly sha256: string
}

export interface XDebugQueryBlockGraphResult {
  readonly nodes: readonly XDebugQueryBlockGraphResultNodes[]
  readonly edges: readonly XDebugQueryBlockGraphResultEdges[]
}

export interface XDebugQueryBlockGraphResultEdges {
  readonly parent: number
  readonly child: number
  readonly name: string
  readonly perm: readonly BlockdevAddArgumentsBlkdebugTakeChildPerms[]
  readonly 'shared-perm': readonly BlockdevAddArgumentsBlkdebugTakeChildPerms[]
}

export interface XDebugQueryBlockGraphResultNodes {
  readonly id: number
  readonly type: XDebugQueryBlockGraphResultNodesType
  readonly name: string
}

export type XDebugQueryBlockGraphResultNodesType =
  | 'block-backend'
  | 'block-job'
  | 'block-driver'

export interface XQueryIrqResult {
  readonly 'human-readable-text': string
}

export interface XQueryVirtioQueueElementArguments {
  readonly path: string
  readonly queue: number
  readonly index?: number
}

export interface XQueryVirtioQueueElementResult {
  readonly name: string
  readonly index: number
  readonly descs: readonly XQueryVirtioQueueElementResultDescs[]
  readonly avail: XQueryVirtioQueueElementResultAvail
  readonly used: XQueryVirtioQueueElementResultUsed
}

export interface XQueryVirtioQueueElementResultAvail {
  readonly flags: number
  readonly idx: number
  readonly ring: number
}

export interface XQueryVirtioQueueElementResultDescs {
  readonly addr: number
  readonly len: number
  readonly flags: readonly string[]
}

export interface XQueryVirtioQueueElementResultUsed {
  readonly flags: number
  readonly idx: number
}

export interface XQueryVirtioQueueStatusArguments {
  readonly path: string
  readonly queue: number
}

export interface XQueryVirtioQueueStatusResult {
  readonly name: string
  readonly 'queue-index': number
  readonly inuse: number
  readonly 'vring-num': number
  readonly 'vring-num-default': number
  readonly 'vring-align': number
  readonly 'vring-desc': number
  readonly 'vring-avail': number
  readonly 'vring-used': number
  readonly 'last-avail-idx'?: number
  readonly 'shadow-avail-idx'?: number
  readonly 'used-idx': number
  readonly 'signalled-used': number
  readonly 'signalled-used-valid': boolean
}

export interface XQueryVirtioResult {
  readonly path: string
  readonly name: string
}

export interface XQueryVirtioStatusArguments {
  readonly path: string
}

export interface XQueryVirtioStatusResult {
  readonly name: string
  readonly 'device-id': number
  readonly 'vhost-started': boolean
  readonly 'device-endian': string
  readonly 'guest-features': XQueryVirtioStatusResultGuestFeatures
  readonly 'host-features': XQueryVirtioStatusResultGuestFeatures
  readonly 'backend-features': XQueryVirtioStatusResultGuestFeatures
  readonly 'num-vqs': number
  readonly status: XQueryVirtioStatusResultStatus
  readonly isr: number
  readonly 'queue-sel': number
  readonly 'vm-running': boolean
  readonly broken: boolean
  readonly disabled: boolean
  readonly 'use-started': boolean
  readonly started: boolean
  readonly 'start-on-kick': boolean
  readonly 'disable-legacy-check': boolean
  readonly 'bus-name': string
  readonly 'use-guest-notifier-mask': boolean
  readonly 'vhost-dev'?: XQueryVirtioStatusResultVhostDev
}

export interface XQueryVirtioStatusResultGuestFeatures {
  readonly transports: readonly string[]
  readonly 'dev-features'?: readonly string[]
  readonly 'unknown-dev-features'?: number
}

export interface XQueryVirtioStatusResultStatus {
  readonly statuses: readonly string[]
  readonly 'unknown-statuses'?: number
}

export interface XQueryVirtioStatusResultVhostDev {
  readonly 'n-mem-sections': number
  readonly 'n-tmp-sections': number
  readonly nvqs: number
  readonly 'vq-index': number
  readonly features: XQueryVirtioStatusResultGuestFeatures
  readonly 'acked-features': XQueryVirtioStatusResultGuestFeatures
  readonly 'backend-features': XQueryVirtioStatusResultGuestFeatures
  readonly 'protocol-features': XQueryVirtioStatusResultVhostDevProtocolFeatures
  readonly 'max-queues': number
  readonly 'backend-cap': number
  readonly 'log-enabled': boolean
  readonly 'log-size': number
}

export interface XQueryVirtioStatusResultVhostDevProtocolFeatures {
  readonly protocols: readonly string[]
  readonly 'unknown-protocols'?: number
}

export interface XQueryVirtioVhostQueueStatusArguments {
  readonly path: string
  readonly queue: number
}

export interface XQueryVirtioVhostQueueStatusResult {
  readonly name: string
  readonly kick: number
  readonly call: number
  readonly desc: number
  readonly avail: number
  readonly used: number
  readonly num: number
  readonly 'desc-phys': number
  readonly 'desc-size': number
  readonly 'avail-phys': number
  readonly 'avail-size': number
  readonly 'used-phys': number
  readonly 'used-size': number
}

export interface XenLoadDevicesStateArguments {
  readonly filename: string
}

export interface XenSaveDevicesStateArguments {
  readonly filename: string
  readonly live?: boolean
}

export interface XenSetGlobalDirtyLogArguments {
  readonly enable: boolean
}

export interface XenSetReplicationArguments {
  readonly enable: boolean
  readonly primary: boolean
  readonly failover?: boolean
}

export interface YankArguments {
  readonly instances: readonly QueryYankResult[]
}

export interface QmpCommands {
  'add-fd': { arguments: AddFdArguments; returns: AddFdResult }
  add_client: { arguments: AddClientArguments; returns: QmpNone }
  'announce-self': { arguments: AnnounceSelfArguments; returns: QmpNone }
  balloon: { arguments: BalloonArguments; returns: QmpNone }
  'block-commit': { arguments: BlockCommitArguments; returns: QmpNone }
  'block-dirty-bitmap-add': { arguments: BlockDirtyBitmapAddArguments; returns: QmpNone }
  'block-dirty-bitmap-clear': { arguments: BlockDirtyBitmapClearArguments; returns: QmpNone }
  'block-dirty-bitmap-disable': { arguments: BlockDirtyBitmapClearArguments; returns: QmpNone }
  'block-dirty-bitmap-enable': { arguments: BlockDirtyBitmapClearArguments; returns: QmpNone }
  'block-dirty-bitmap-merge': { arguments: BlockDirtyBitmapMergeArguments; returns: QmpNone }
  'block-dirty-bitmap-remove': { arguments: BlockDirtyBitmapClearArguments; returns: QmpNone }
  'block-export-add': { arguments: BlockExportAddArguments; returns: QmpNone }
  'block-export-del': { arguments: BlockExportDelArguments; returns: QmpNone }
  'block-job-cancel': { arguments: BlockJobCancelArguments; returns: QmpNone }
  'block-job-complete': { arguments: BlockJobCompleteArguments; returns: QmpNone }
  'block-job-dismiss': { arguments: BlockJobDismissArguments; returns: QmpNone }
  'block-job-finalize': { arguments: BlockJobFinalizeArguments; returns: QmpNone }
  'block-job-pause': { arguments: BlockJobPauseArguments; returns: QmpNone }
  'block-job-resume': { arguments: BlockJobResumeArguments; returns: QmpNone }
  'block-job-set-speed': { arguments: BlockJobSetSpeedArguments; returns: QmpNone }
  'block-latency-histogram-set': { arguments: BlockLatencyHistogramSetArguments; returns: QmpNone }
  'block-set-write-threshold': { arguments: BlockSetWriteThresholdArguments; returns: QmpNone }
  'block-stream': { arguments: BlockStreamArguments; returns: QmpNone }
  block_resize: { arguments: BlockResizeArguments; returns: QmpNone }
  block_set_io_throttle: { arguments: BlockSetIoThrottleArguments; returns: QmpNone }
  'blockdev-add': { arguments: BlockdevAddArguments; returns: QmpNone }
  'blockdev-backup': { arguments: BlockdevBackupArguments; returns: QmpNone }
  'blockdev-change-medium': { arguments: BlockdevChangeMediumArguments; returns: QmpNone }
  'blockdev-close-tray': { arguments: BlockdevCloseTrayArguments; returns: QmpNone }
  'blockdev-create': { arguments: BlockdevCreateArguments; returns: QmpNone }
  'blockdev-del': { arguments: BlockdevDelArguments; returns: QmpNone }
  'blockdev-insert-medium': { arguments: BlockdevInsertMediumArguments; returns: QmpNone }
  'blockdev-mirror': { arguments: BlockdevMirrorArguments; returns: QmpNone }
  'blockdev-open-tray': { arguments: BlockdevOpenTrayArguments; returns: QmpNone }
  'blockdev-remove-medium': { arguments: BlockdevRemoveMediumArguments; returns: QmpNone }
  'blockdev-reopen': { arguments: BlockdevReopenArguments; returns: QmpNone }
  'blockdev-snapshot': { arguments: BlockdevSnapshotArguments; returns: QmpNone }
  'blockdev-snapshot-delete-internal-sync': { arguments: BlockdevSnapshotDeleteInternalSyncArguments; returns: BlockdevSnapshotDeleteInternalSyncResult }
  'blockdev-snapshot-internal-sync': { arguments: BlockdevSnapshotInternalSyncArguments; returns: QmpNone }
  'blockdev-snapshot-sync': { arguments: BlockdevSnapshotSyncArguments; returns: QmpNone }
  'calc-dirty-rate': { arguments: CalcDirtyRateArguments; returns: QmpNone }
  'cancel-vcpu-dirty-limit': { arguments: CancelVcpuDirtyLimitArguments; returns: QmpNone }
  'change-backing-file': { arguments: ChangeBackingFileArguments; returns: QmpNone }
  'change-vnc-password': { arguments: ChangeVncPasswordArguments; returns: QmpNone }
  'chardev-add': { arguments: ChardevAddArguments; returns: ChardevAddResult }
  'chardev-change': { arguments: ChardevChangeArguments; returns: ChardevAddResult }
  'chardev-remove': { arguments: ChardevRemoveArguments; returns: QmpNone }
  'chardev-send-break': { arguments: ChardevSendBreakArguments; returns: QmpNone }
  client_migrate_info: { arguments: ClientMigrateInfoArguments; returns: QmpNone }
  closefd: { arguments: ClosefdArguments; returns: QmpNone }
  cont: { arguments: QmpNone; returns: QmpNone }
  'device-list-properties': { arguments: DeviceListPropertiesArguments; returns: readonly DeviceListPropertiesResult[] }
  device_add: { arguments: DeviceAddArguments; returns: QmpNone }
  device_del: { arguments: DeviceDelArguments; returns: QmpNone }
  'display-reload': { arguments: DisplayReloadArguments; returns: QmpNone }
  'display-update': { arguments: DisplayUpdateArguments; returns: QmpNone }
  /** @deprecated by QEMU. */
  'drive-backup': { arguments: DriveBackupArguments; returns: QmpNone }
  'drive-mirror': { arguments: DriveMirrorArguments; returns: QmpNone }
  'dump-guest-memory': { arguments: DumpGuestMemoryArguments; returns: QmpNone }
  dumpdtb: { arguments: DumpdtbArguments; returns: QmpNone }
  eject: { arguments: EjectArguments; returns: QmpNone }
  expire_password: { arguments: ExpirePasswordArguments; returns: QmpNone }
  getfd: { arguments: GetfdArguments; returns: QmpNone }
  'human-monitor-command': { arguments: HumanMonitorCommandArguments; returns: string }
  'inject-nmi': { arguments: QmpNone; returns: QmpNone }
  'input-send-event': { arguments: InputSendEventArguments; returns: QmpNone }
  'job-cancel': { arguments: JobCancelArguments; returns: QmpNone }
  'job-complete': { arguments: JobCompleteArguments; returns: QmpNone }
  'job-dismiss': { arguments: JobDismissArguments; returns: QmpNone }
  'job-finalize': { arguments: JobFinalizeArguments; returns: QmpNone }
  'job-pause': { arguments: JobPauseArguments; returns: QmpNone }
  'job-resume': { arguments: JobResumeArguments; returns: QmpNone }
  memsave: { arguments: MemsaveArguments; returns: QmpNone }
  migrate: { arguments: MigrateArguments; returns: QmpNone }
  'migrate-continue': { arguments: MigrateContinueArguments; returns: QmpNone }
  'migrate-incoming': { arguments: MigrateIncomingArguments; returns: QmpNone }
  'migrate-pause': { arguments: QmpNone; returns: QmpNone }
  'migrate-recover': { arguments: MigrateRecoverArguments; returns: QmpNone }
  'migrate-set-capabilities': { arguments: MigrateSetCapabilitiesArguments; returns: QmpNone }
  'migrate-set-parameters': { arguments: MigrateSetParametersArguments; returns: QmpNone }
  'migrate-start-postcopy': { arguments: QmpNone; returns: QmpNone }
  migrate_cancel: { arguments: QmpNone; returns: QmpNone }
  /** @deprecated by QEMU. */
  'nbd-server-add': { arguments: NbdServerAddArguments; returns: QmpNone }
  /** @deprecated by QEMU. */
  'nbd-server-remove': { arguments: NbdServerRemoveArguments; returns: QmpNone }
  'nbd-server-start': { arguments: NbdServerStartArguments; returns: QmpNone }
  'nbd-server-stop': { arguments: QmpNone; returns: QmpNone }
  netdev_add: { arguments: NetdevAddArguments; returns: QmpNone }
  netdev_del: { arguments: NetdevDelArguments; returns: QmpNone }
  'object-add': { arguments: ObjectAddArguments; returns: QmpNone }
  'object-del': { arguments: ObjectDelArguments; returns: QmpNone }
  pmemsave: { arguments: PmemsaveArguments; returns: QmpNone }
  qmp_capabilities: { arguments: QmpCapabilitiesArguments; returns: QmpNone }
  'qom-get': { arguments: QomGetArguments; returns: unknown }
  'qom-list': { arguments: QomListArguments; returns: readonly DeviceListPropertiesResult[] }
  'qom-list-properties': { arguments: QomListPropertiesArguments; returns: readonly DeviceListPropertiesResult[] }
  'qom-list-types': { arguments: QomListTypesArguments; returns: readonly QomListTypesResult[] }
  'qom-set': { arguments: QomSetArguments; returns: QmpNone }
  'query-acpi-ospm-status': { arguments: QmpNone; returns: readonly QueryAcpiOspmStatusResult[] }
  'query-balloon': { arguments: QmpNone; returns: QueryBalloonResult }
  'query-block': { arguments: QmpNone; returns: readonly QueryBlockResult[] }
  'query-block-exports': { arguments: QmpNone; returns: readonly QueryBlockExportsResult[] }
  'query-block-jobs': { arguments: QmpNone; returns: readonly QueryBlockJobsResult[] }
  'query-blockstats': { arguments: QueryBlockstatsArguments; returns: readonly QueryBlockstatsResult[] }
  'query-chardev': { arguments: QmpNone; returns: readonly QueryChardevResult[] }
  'query-chardev-backends': { arguments: QmpNone; returns: readonly QueryChardevBackendsResult[] }
  'query-colo-status': { arguments: QmpNone; returns: QueryColoStatusResult }
  'query-command-line-options': { arguments: QueryCommandLineOptionsArguments; returns: readonly QueryCommandLineOptionsResult[] }
  'query-commands': { arguments: QmpNone; returns: readonly QueryCommandsResult[] }
  'query-cpu-definitions': { arguments: QmpNone; returns: readonly QueryCpuDefinitionsResult[] }
  'query-cpu-model-expansion': { arguments: QueryCpuModelExpansionArguments; returns: QueryCpuModelExpansionResult }
  'query-cpus-fast': { arguments: QmpNone; returns: readonly QueryCpusFastResult[] }
  'query-current-machine': { arguments: QmpNone; returns: QueryCurrentMachineResult }
  'query-dirty-rate': { arguments: QmpNone; returns: QueryDirtyRateResult }
  'query-display-options': { arguments: QmpNone; returns: QueryDisplayOptionsResult }
  'query-dump': { arguments: QmpNone; returns: QueryDumpResult }
  'query-dump-guest-memory-capability': { arguments: QmpNone; returns: QueryDumpGuestMemoryCapabilityResult }
  'query-fdsets': { arguments: QmpNone; returns: readonly QueryFdsetsResult[] }
  'query-hotpluggable-cpus': { arguments: QmpNone; returns: readonly QueryHotpluggableCpusResult[] }
  'query-iothreads': { arguments: QmpNone; returns: readonly QueryIothreadsResult[] }
  'query-jobs': { arguments: QmpNone; returns: readonly QueryJobsResult[] }
  'query-kvm': { arguments: QmpNone; returns: QueryKvmResult }
  'query-machines': { arguments: QmpNone; returns: readonly QueryMachinesResult[] }
  'query-memdev': { arguments: QmpNone; returns: readonly QueryMemdevResult[] }
  'query-memory-devices': { arguments: QmpNone; returns: readonly QueryMemoryDevicesResult[] }
  'query-memory-size-summary': { arguments: QmpNone; returns: QueryMemorySizeSummaryResult }
  'query-mice': { arguments: QmpNone; returns: readonly QueryMiceResult[] }
  'query-migrate': { arguments: QmpNone; returns: QueryMigrateResult }
  'query-migrate-capabilities': { arguments: QmpNone; returns: readonly QueryMigrateCapabilitiesResult[] }
  'query-migrate-parameters': { arguments: QmpNone; returns: QueryMigrateParametersResult }
  'query-name': { arguments: QmpNone; returns: QueryNameResult }
  'query-named-block-nodes': { arguments: QueryNamedBlockNodesArguments; returns: readonly QueryNamedBlockNodesResult[] }
  'query-pci': { arguments: QmpNone; returns: readonly QueryPciResult[] }
  'query-pr-managers': { arguments: QmpNone; returns: readonly QueryPrManagersResult[] }
  'query-qmp-schema': { arguments: QmpNone; returns: readonly QueryQmpSchemaResult[] }
  'query-replay': { arguments: QmpNone; returns: QueryReplayResult }
  'query-rocker': { arguments: QueryRockerArguments; returns: QueryRockerResult }
  'query-rocker-of-dpa-flows': { arguments: QueryRockerOfDpaFlowsArguments; returns: readonly QueryRockerOfDpaFlowsResult[] }
  'query-rocker-of-dpa-groups': { arguments: QueryRockerOfDpaGroupsArguments; returns: readonly QueryRockerOfDpaGroupsResult[] }
  'query-rocker-ports': { arguments: QueryRockerPortsArguments; returns: readonly QueryRockerPortsResult[] }
  'query-rx-filter': { arguments: QueryRxFilterArguments; returns: readonly QueryRxFilterResult[] }
  'query-sev': { arguments: QmpNone; returns: QuerySevResult }
  'query-sev-attestation-report': { arguments: QuerySevAttestationReportArguments; returns: QuerySevAttestationReportResult }
  'query-sev-capabilities': { arguments: QmpNone; returns: QuerySevCapabilitiesResult }
  'query-sev-launch-measure': { arguments: QmpNone; returns: QuerySevLaunchMeasureResult }
  'query-sgx': { arguments: QmpNone; returns: QuerySgxResult }
  'query-sgx-capabilities': { arguments: QmpNone; returns: QuerySgxResult }
  'query-spice': { arguments: QmpNone; returns: QuerySpiceResult }
  'query-stats': { arguments: QueryStatsArguments; returns: readonly QueryStatsResult[] }
  'query-stats-schemas': { arguments: QueryStatsSchemasArguments; returns: readonly QueryStatsSchemasResult[] }
  'query-status': { arguments: QmpNone; returns: QueryStatusResult }
  'query-target': { arguments: QmpNone; returns: QueryTargetResult }
  'query-tpm': { arguments: QmpNone; returns: readonly QueryTpmResult[] }
  'query-tpm-models': { arguments: QmpNone; returns: readonly QueryTpmModelsResult[] }
  'query-tpm-types': { arguments: QmpNone; returns: readonly QueryTpmTypesResult[] }
  'query-uuid': { arguments: QmpNone; returns: QueryUuidResult }
  'query-vcpu-dirty-limit': { arguments: QmpNone; returns: readonly QueryVcpuDirtyLimitResult[] }
  'query-version': { arguments: QmpNone; returns: QueryVersionResult }
  'query-vm-generation-id': { arguments: QmpNone; returns: QueryVmGenerationIdResult }
  'query-vnc': { arguments: QmpNone; returns: QueryVncResult }
  'query-vnc-servers': { arguments: QmpNone; returns: readonly QueryVncServersResult[] }
  'query-xen-replication-status': { arguments: QmpNone; returns: QueryXenReplicationStatusResult }
  'query-yank': { arguments: QmpNone; returns: readonly QueryYankResult[] }
  quit: { arguments: QmpNone; returns: QmpNone }
  'remove-fd': { arguments: RemoveFdArguments; returns: QmpNone }
  'replay-break': { arguments: ReplayBreakArguments; returns: QmpNone }
  'replay-delete-break': { arguments: QmpNone; returns: QmpNone }
  'replay-seek': { arguments: ReplaySeekArguments; returns: QmpNone }
  'ringbuf-read': { arguments: RingbufReadArguments; returns: string }
  'ringbuf-write': { arguments: RingbufWriteArguments; returns: QmpNone }
  'rtc-reset-reinjection': { arguments: QmpNone; returns: QmpNone }
  screendump: { arguments: ScreendumpArguments; returns: QmpNone }
  'send-key': { arguments: SendKeyArguments; returns: QmpNone }
  'set-action': { arguments: SetActionArguments; returns: QmpNone }
  'set-numa-node': { arguments: SetNumaNodeArguments; returns: QmpNone }
  'set-vcpu-dirty-limit': { arguments: SetVcpuDirtyLimitArguments; returns: QmpNone }
  set_link: { arguments: SetLinkArguments; returns: QmpNone }
  set_password: { arguments: SetPasswordArguments; returns: QmpNone }
  'sev-inject-launch-secret': { arguments: SevInjectLaunchSecretArguments; returns: QmpNone }
  'snapshot-delete': { arguments: SnapshotDeleteArguments; returns: QmpNone }
  'snapshot-load': { arguments: SnapshotLoadArguments; returns: QmpNone }
  'snapshot-save': { arguments: SnapshotSaveArguments; returns: QmpNone }
  stop: { arguments: QmpNone; returns: QmpNone }
  system_powerdown: { arguments: QmpNone; returns: QmpNone }
  system_reset: { arguments: QmpNone; returns: QmpNone }
  system_wakeup: { arguments: QmpNone; returns: QmpNone }
  'trace-event-get-state': { arguments: TraceEventGetStateArguments; returns: readonly TraceEventGetStateResult[] }
  'trace-event-set-state': { arguments: TraceEventSetStateArguments; returns: QmpNone }
  transaction: { arguments: TransactionArguments; returns: QmpNone }
  'watchdog-set-action': { arguments: WatchdogSetActionArguments; returns: QmpNone }
  'x-blockdev-amend': { arguments: XBlockdevAmendArguments; returns: QmpNone }
  'x-blockdev-change': { arguments: XBlockdevChangeArguments; returns: QmpNone }
  'x-blockdev-set-iothread': { arguments: XBlockdevSetIothreadArguments; returns: QmpNone }
  'x-colo-lost-heartbeat': { arguments: QmpNone; returns: QmpNone }
  'x-debug-block-dirty-bitmap-sha256': { arguments: BlockDirtyBitmapClearArguments; returns: XDebugBlockDirtyBitmapSha256Result }
  'x-debug-query-block-graph': { arguments: QmpNone; returns: XDebugQueryBlockGraphResult }
  'x-exit-preconfig': { arguments: QmpNone; returns: QmpNone }
  'x-query-irq': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-jit': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-numa': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-opcount': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-profile': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-ramblock': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-rdma': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-roms': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-usb': { arguments: QmpNone; returns: XQueryIrqResult }
  'x-query-virtio': { arguments: QmpNone; returns: readonly XQueryVirtioResult[] }
  'x-query-virtio-queue-element': { arguments: XQueryVirtioQueueElementArguments; returns: XQueryVirtioQueueElementResult }
  'x-query-virtio-queue-status': { arguments: XQueryVirtioQueueStatusArguments; returns: XQueryVirtioQueueStatusResult }
  'x-query-virtio-status': { arguments: XQueryVirtioStatusArguments; returns: XQueryVirtioStatusResult }
  'x-query-virtio-vhost-queue-status': { arguments: XQueryVirtioVhostQueueStatusArguments; returns: XQueryVirtioVhostQueueStatusResult }
  'xen-colo-do-checkpoint': { arguments: QmpNone; returns: QmpNone }
  'xen-load-devices-state': { arguments: XenLoadDevicesStateArguments; returns: QmpNone }
  'xen-save-devices-state': { arguments: XenSaveDevicesStateArguments; returns: QmpNone }
  'xen-set-global-dirty-log': { arguments: XenSetGlobalDirtyLogArguments; returns: QmpNone }
  'xen-set-replication': { arguments: XenSetReplicationArguments; returns: QmpNone }
  yank: { arguments: YankArguments; returns: QmpNone }
}

export interface QmpEvents {
  ACPI_DEVICE_OST: AcpiDeviceOstEvent
  BALLOON_CHANGE: BalloonChangeEvent
  BLOCK_EXPORT_DELETED: BlockExportDeletedEvent
  BLOCK_IMAGE_CORRUPTED: BlockImageCorruptedEvent
  BLOCK_IO_ERROR: BlockIoErrorEvent
  BLOCK_JOB_CANCELLED: BlockJobCancelledEvent
  BLOCK_JOB_COMPLETED: BlockJobCompletedEvent
  BLOCK_JOB_ERROR: BlockJobErrorEvent
  BLOCK_JOB_PENDING: BlockJobPendingEvent
  BLOCK_JOB_READY: BlockJobReadyEvent
  BLOCK_WRITE_THRESHOLD: BlockWriteThresholdEvent
  COLO_EXIT: ColoExitEvent
  DEVICE_DELETED: DeviceDeletedEvent
  DEVICE_TRAY_MOVED: DeviceTrayMovedEvent
  DEVICE_UNPLUG_GUEST_ERROR: DeviceUnplugGuestErrorEvent
  DUMP_COMPLETED: DumpCompletedEvent
  FAILOVER_NEGOTIATED: FailoverNegotiatedEvent
  GUEST_CRASHLOADED: GuestCrashloadedEvent
  GUEST_PANICKED: GuestPanickedEvent
  JOB_STATUS_CHANGE: JobStatusChangeEvent
  MEMORY_DEVICE_SIZE_CHANGE: MemoryDeviceSizeChangeEvent
  MEMORY_FAILURE: MemoryFailureEvent
  /** @deprecated by QEMU. */
  MEM_UNPLUG_ERROR: MemUnplugErrorEvent
  MIGRATION: MigrationEvent
  MIGRATION_PASS: MigrationPassEvent
  NETDEV_STREAM_CONNECTED: NetdevStreamConnectedEvent
  NETDEV_STREAM_DISCONNECTED: NetdevStreamDisconnectedEvent
  NIC_RX_FILTER_CHANGED: NicRxFilterChangedEvent
  POWERDOWN: QmpNone
  PR_MANAGER_STATUS_CHANGED: PrManagerStatusChangedEvent
  QUORUM_FAILURE: QuorumFailureEvent
  QUORUM_REPORT_BAD: QuorumReportBadEvent
  RDMA_GID_STATUS_CHANGED: RdmaGidStatusChangedEvent
  RESET: ResetEvent
  RESUME: QmpNone
  RTC_CHANGE: RtcChangeEvent
  SHUTDOWN: ShutdownEvent
  SPICE_CONNECTED: SpiceConnectedEvent
  SPICE_DISCONNECTED: SpiceDisconnectedEvent
  SPICE_INITIALIZED: SpiceInitializedEvent
  SPICE_MIGRATE_COMPLETED: QmpNone
  STOP: QmpNone
  SUSPEND: QmpNone
  SUSPEND_DISK: QmpNone
  UNPLUG_PRIMARY: UnplugPrimaryEvent
  VFU_CLIENT_HANGUP: VfuClientHangupEvent
  VNC_CONNECTED: VncConnectedEvent
  VNC_DISCONNECTED: VncDisconnectedEvent
  VNC_INITIALIZED: VncInitializedEvent
  VSERPORT_CHANGE: VserportChangeEvent
  WAKEUP: QmpNone
  WATCHDOG: WatchdogEvent
}
