/** An app that allocates until there is no more. */

const hoard: Uint8Array[] = []
for (;;) hoard.push(new Uint8Array(1 << 20).fill(1))
