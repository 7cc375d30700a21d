/** The types of the module `eremite`, under a path that tests on Node can resolve too. */
/// <reference path="../../eremite.d.ts" />
export type { AppSystem, AppTimer } from 'eremite'
