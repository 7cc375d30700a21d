/** An app whose promise is rejected and that nobody listens to. */

async function fail(): Promise<never> {
  await Promise.resolve()
  throw new RangeError('rejected on purpose')
}

void fail()
