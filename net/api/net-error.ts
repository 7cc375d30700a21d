/** NetError and its codes, as applications import them. */
export { NetError, type NetErrorCode } from '../socket/net-error.ts'
