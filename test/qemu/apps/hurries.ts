/**
 * An app that wants a name before the network has told the guest anything: the first thing that it
 * does.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { resolve, system } from 'eremite'

const addresses = await resolve('web')
const response = await fetch('http://web:8000/')
system.info(`web is at ${addresses.join(' and ')} and says ${await response.text()}`)
