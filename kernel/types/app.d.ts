/**
 * Types for apps: the module `eremite` and the web globals of the guest. Not part of the image's own program, so
 * that kernel, drivers and net cannot lean on globals: `/// <reference path=".../kernel/types/app.d.ts" />`.
 */
/// <reference path="../eremite.d.ts" />

type EremiteGlobals = import('../globals/app-globals.ts').AppGlobals

declare const console: EremiteGlobals['console']
declare const setTimeout: EremiteGlobals['setTimeout']
declare const clearTimeout: EremiteGlobals['clearTimeout']
declare const setInterval: EremiteGlobals['setInterval']
declare const clearInterval: EremiteGlobals['clearInterval']
declare const queueMicrotask: EremiteGlobals['queueMicrotask']
declare const performance: EremiteGlobals['performance']
declare const crypto: EremiteGlobals['crypto']
declare const TextEncoder: EremiteGlobals['TextEncoder']
declare const TextDecoder: EremiteGlobals['TextDecoder']
type TextEncoder = InstanceType<EremiteGlobals['TextEncoder']>
type TextDecoder = InstanceType<EremiteGlobals['TextDecoder']>
