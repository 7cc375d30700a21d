/**
 * An app without any interest in the end of the machine: it accepts for ever and reads what never
 * comes.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { listen } from 'eremite'

const listener = listen({ port: 7777 })
for (;;) {
  const connection = await listener.accept()
  console.log('accepted')
  void connection.read(new Uint8Array(1))
}
