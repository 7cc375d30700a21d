/** Longest prefix match. */
import { expect, it } from 'vitest'
import { MAX_ROUTES, RouteTable } from '../../../../net/iface/route-table.ts'
import { parseCidr } from '../../../../net/wire/cidr.ts'
import { formatIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { address } from '../../../support/interface-harness.ts'

function nextHop(table: RouteTable, destination: string): string | null {
  const route = table.lookup(address(destination))
  if (route === null) return null
  return formatIpAddress(route.gateway ?? address(destination))
}

it('takes the longest match, whatever the order of addition', () => {
  const routes: [string, string | null][] = [
    ['0.0.0.0/0', '10.0.0.1'],
    ['10.0.0.0/24', null],
    ['10.0.0.64/26', '10.0.0.65'],
    ['::/0', 'fe80::1'],
    ['2001:db8::/32', null],
  ]
  for (const order of [routes, [...routes].reverse()]) {
    const table = new RouteTable()
    for (const [prefix, gateway] of order) {
      table.add(parseCidr(prefix)!, gateway === null ? null : address(gateway))
    }
    expect(nextHop(table, '10.0.0.9')).toBe('10.0.0.9')
    expect(nextHop(table, '10.0.0.100')).toBe('10.0.0.65')
    expect(nextHop(table, '10.0.1.9')).toBe('10.0.0.1')
    expect(nextHop(table, '2001:db8::9')).toBe('2001:db8::9')
    expect(nextHop(table, '2a00::9')).toBe('fe80::1')
    expect(table.isGateway(address('10.0.0.65'))).toBe(true)
    expect(table.isGateway(address('10.0.0.9'))).toBe(false)
    table.remove(parseCidr('10.0.0.64/26')!, address('10.0.0.65'))
    expect(nextHop(table, '10.0.0.100')).toBe('10.0.0.100')
  }
})

it('is bounded, keeps families apart and holds each route once', () => {
  const table = new RouteTable()
  const add = (prefix: string, gateway: string | null) =>
    table.add(parseCidr(prefix)!, gateway === null ? null : address(gateway))
  add('10.0.0.0/8', null)
  add('10.1.2.3/8', null)
  expect(table.routes).toHaveLength(1)
  expect(nextHop(table, '::a00:1')).toBeNull()
  expect(() => add('::/0', '10.0.0.1')).toThrow('Cannot add route: gateway is of another family')
  for (let index = 1; index < MAX_ROUTES; index++) add(`10.0.${index}.0/24`, null)
  expect(() => add('11.0.0.0/8', null)).toThrow(`Cannot add route: the table holds ${MAX_ROUTES}`)
})
