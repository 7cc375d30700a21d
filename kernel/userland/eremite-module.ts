/**
 * What an app gets by `import … from 'eremite'`: what the image offers, and what is bundled into
 * apps that name it.
 */
export {
  connect,
  connectDatagram,
  env,
  files,
  listen,
  listenDatagram,
  listenTcp,
  listenUdp,
  NetError,
  openRaw,
  ping,
  resolve,
  system,
  tcpInfo,
} from 'eremite'
export { dashboard, metrics } from './status/handlers.ts'
