/** An app that imports a module of Node.js. */
import { readFileSync } from 'node:fs'

console.log(readFileSync('/etc/hostname', 'utf8'))
