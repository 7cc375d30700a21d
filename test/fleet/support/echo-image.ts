/**
 * Guests of other architectures, a few instructions each: they greet, echo what is typed, and
 * switch the machine off at a `q`.
 */
import type { Architecture } from 'qemu-runner'

/**
 * For QEMU's `virt` machines: PL011 at 0x09000000 and PSCI; 16550 at 0x10000000 and the SiFive test
 * device at 0x100000.
 */
const INSTRUCTIONS: Record<Exclude<Architecture, 'x86_64'>, readonly number[]> = {
  aarch64: [
    ...[0x10000241, 0xd2a12002], // adr x1, greeting; movz x2, #0x900, lsl #16
    ...[0x38401423, 0x34000063, 0x39000043, 0x17fffffd], // until 0: strb w3, [x2]
    ...[0xb9401844, 0x3727ffe4, 0x39400043], // until UARTFR.RXFE is clear; ldrb w3, [x2]
    ...[0x7101c47f, 0x54000060, 0x39000043, 0x17fffffa], // unless 'q': strb w3, [x2]
    ...[0xd2800100, 0xf2b08000, 0xd4000002], // x0 = SYSTEM_OFF; hvc #0
    ...[0xd503207f, 0x17ffffff], // wfi, for ever
  ],
  riscv64: [
    ...[0x00000597, 0x05858593, 0x10000637], // la a1, greeting; lui a2, 0x10000
    ...[0x0005c683, 0x00068863, 0x00d60023, 0x00158593, 0xff1ff06f], // until 0: sb a3, 0(a2)
    ...[0x00564703, 0x00177713, 0xfe070ce3, 0x00064683], // until LSR.DR is set; lbu a3, 0(a2)
    ...[0x07100793, 0x00f68663, 0x00d60023, 0xfe5ff06f], // unless 'q': sb a3, 0(a2)
    ...[0x00100637, 0x000056b7, 0x5556869b, 0x00d62023], // sw 0x5555, 0(0x100000): pass
    ...[0x10500073, 0xffdff06f], // wfi, for ever
  ],
}

/** A raw image for `-kernel`, which begins with its first instruction. */
export function buildEchoImage(
  architecture: Exclude<Architecture, 'x86_64'>,
  greeting: string,
): Buffer {
  const words = INSTRUCTIONS[architecture]
  const code = Buffer.alloc(words.length * 4)
  for (const [index, word] of words.entries()) code.writeUInt32LE(word, index * 4)
  return Buffer.concat([code, Buffer.from(`${greeting}\0`, 'latin1')])
}
