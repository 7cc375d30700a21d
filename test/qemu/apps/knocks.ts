/** An app that opens one connection to the tester of raw frames, and says when it is open. */
/// <reference path="../../../kernel/eremite.d.ts" />
import { connect, system } from 'eremite'

const stream = await connect({ hostname: '10.0.0.9', port: 7 })
system.info('connected')
stream.close()
