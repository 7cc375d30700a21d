/** An app that takes the guest for Node.js. */
export {}

declare const module: unknown
console.log(module)
