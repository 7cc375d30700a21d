/** An app that takes the guest for Node.js. */
export {}

console.log(__dirname)
