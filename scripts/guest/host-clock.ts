/**
 * QEMU's words for what tells a guest the host's fractions of a second: a management controller,
 * whose seconds begin with the host's, while the real-time clock begins with a whole one.
 */
export const HOST_CLOCK_ARGUMENTS = [
  ...['-device', 'ipmi-bmc-sim,id=bmc0'],
  ...['-device', 'isa-ipmi-kcs,bmc=bmc0'],
] as const
