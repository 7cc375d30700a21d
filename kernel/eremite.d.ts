/** Types of the module `eremite` that apps import: the exports of kernel/main.ts. */
declare module 'eremite' {
  export type AppSystem = import('./app-system.ts').AppSystem
  export type AppTimer = import('./app-system.ts').AppTimer
  export const system: AppSystem
}
