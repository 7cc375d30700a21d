/* Native functions for ports, interrupts, clock, entropy and boot information. */
#include <math.h>
#include "boot.h"
#include "container.h"
#include "native.h"
#include "x86.h"

#define PORT_MAX 0xffffu
#define CORRECTION_MAX_US (1ll << 53)
#define ARGUMENTS JSContext *context, JSValueConst self, int argc, JSValueConst *argv

static bool port_argument(JSContext *context, JSValueConst value, uint16_t *port)
{
    uint32_t number;
    if (!argument_u32(context, value, &number))
        return false;
    if (number > PORT_MAX) {
        JS_ThrowRangeError(context, "Cannot access port %u: ports end at 65535", number);
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

static JSValue port_read(JSContext *context, JSValueConst self, int argc, JSValueConst *argv, int width)
{
    (void)self, (void)argc;
    uint16_t port;
    if (!port_argument(context, argv[0], &port))
        return JS_EXCEPTION;
    if (width == 1)
        return JS_NewInt32(context, port_read8(port));
    if (width == 2)
        return JS_NewInt32(context, port_read16(port));
    return JS_NewUint32(context, port_read32(port));
}

static JSValue port_write(JSContext *context, JSValueConst self, int argc, JSValueConst *argv, int width)
{
    (void)self, (void)argc;
    uint16_t port;
    uint32_t value;
    if (!port_argument(context, argv[0], &port) || !argument_u32(context, argv[1], &value))
        return JS_EXCEPTION;
    if (width < 4 && value >> 8 * width != 0)
        return JS_ThrowRangeError(context, "Cannot write %u to a port: it has more than %d bits", value, 8 * width);
    if (width == 1)
        port_write8(port, (uint8_t)value);
    else if (width == 2)
        port_write16(port, (uint16_t)value);
    else
        port_write32(port, value);
    return JS_UNDEFINED;
}

static bool vector_argument(JSContext *context, JSValueConst value, uint32_t *vector)
{
    if (!argument_u32(context, value, vector))
        return false;
    if (*vector >= DEVICE_VECTORS) {
        JS_ThrowRangeError(context, "Cannot use device vector %u: there are %d", *vector, DEVICE_VECTORS);
        return false;
    }
    return true;
}

static JSValue native_interrupt_counters(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewArrayBuffer(context, (uint8_t *)interrupt_counters, sizeof(interrupt_counters), NULL, NULL, false);
}

static JSValue native_interrupt_vector_count(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewInt32(context, DEVICE_VECTORS);
}

static JSValue native_interrupt_message_address(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewUint32(context, interrupt_message_address());
}

static JSValue native_interrupt_message_data(ARGUMENTS)
{
    (void)self, (void)argc;
    uint32_t vector;
    if (!vector_argument(context, argv[0], &vector))
        return JS_EXCEPTION;
    return JS_NewUint32(context, interrupt_message_data(vector));
}

static JSValue native_route_interrupt_line(ARGUMENTS)
{
    (void)self, (void)argc;
    uint32_t line, vector;
    if (!argument_u32(context, argv[0], &line) || !vector_argument(context, argv[1], &vector))
        return JS_EXCEPTION;
    if (!route_interrupt_line(line, vector, JS_ToBool(context, argv[2]) > 0))
        return JS_ThrowRangeError(context, "Cannot route interrupt %u: no I/O APIC has that input", line);
    return JS_UNDEFINED;
}

static JSValue native_unmask_interrupt_line(ARGUMENTS)
{
    (void)self, (void)argc;
    uint32_t line;
    if (!argument_u32(context, argv[0], &line))
        return JS_EXCEPTION;
    if (!unmask_interrupt_line(line))
        return JS_ThrowRangeError(context, "Cannot unmask interrupt %u: no I/O APIC has that input", line);
    return JS_UNDEFINED;
}

static JSValue native_wait_for_interrupt(ARGUMENTS)
{
    (void)self, (void)argc;
    uint32_t seen;
    double deadline;
    if (!argument_u32(context, argv[0], &seen) || JS_ToFloat64(context, &deadline, argv[1]) != 0)
        return JS_EXCEPTION;
    if (isnan(deadline))
        return JS_ThrowRangeError(context, "Cannot wait: the deadline is not a number");
    uint64_t deadline_ns = deadline <= 0 ? 0 : deadline >= 0x1p63 ? UINT64_MAX : (uint64_t)deadline;
    wait_for_interrupt(seen, deadline_ns);
    return JS_UNDEFINED;
}

static JSValue native_wait_for_word(ARGUMENTS)
{
    (void)self, (void)argc;
    double address, until;
    uint32_t mask, value, seen;
    if (JS_ToFloat64(context, &address, argv[0]) != 0 || !argument_u32(context, argv[1], &mask) ||
        !argument_u32(context, argv[2], &value) || !argument_u32(context, argv[3], &seen) ||
        JS_ToFloat64(context, &until, argv[4]) != 0)
        return JS_EXCEPTION;
    uint64_t place = address >= 0 && address < 0x1p52 ? (uint64_t)address : 0;
    if (place % sizeof(uint16_t) != 0 || !dma_contains(place))
        return JS_ThrowRangeError(context, "Cannot wait for a word: it is not in DMA memory");
    uint64_t until_ns = until > 0 && until < 0x1p63 ? (uint64_t)until : 0;
    console_catch_up(monotonic_ns());
    return JS_NewBool(context, wait_for_word((const volatile uint16_t *)place, mask, value, seen, until_ns));
}

static JSValue native_monotonic_ns(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewInt64(context, (int64_t)monotonic_ns());
}

static JSValue native_realtime_us(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewInt64(context, (int64_t)(realtime_ns() / MICROSECOND));
}

static JSValue native_realtime_is_known(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewBool(context, realtime_is_known);
}

static JSValue native_correct_realtime(ARGUMENTS)
{
    (void)self, (void)argc;
    int64_t offset_us, frequency_ppb;
    if (JS_ToInt64(context, &offset_us, argv[0]) != 0 || JS_ToInt64(context, &frequency_ppb, argv[1]) != 0)
        return JS_EXCEPTION;
    if (offset_us > CORRECTION_MAX_US || offset_us < -CORRECTION_MAX_US)
        return JS_ThrowRangeError(context, "Cannot correct the date by %lld us: that is more than 280 years",
                                  (long long)offset_us);
    realtime_correct(offset_us * (int64_t)MICROSECOND, frequency_ppb);
    return JS_UNDEFINED;
}

static JSValue native_hardware_random(ARGUMENTS)
{
    (void)self, (void)argc;
    uint8_t *target;
    size_t length;
    if (!argument_range(context, argv[0], argv[1], argv[2], &target, &length))
        return JS_EXCEPTION;
    return JS_NewBool(context, hardware_random(target, length));
}

static JSValue native_timestamp_counter(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewUint32(context, (uint32_t)read_tsc());
}

static JSValue native_command_line(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewString(context, command_line);
}

static JSValue native_initial_ramdisk(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    uint64_t length = initial_ramdisk.end - initial_ramdisk.start;
    if (length == 0)
        return JS_UNDEFINED;
    return JS_NewArrayBuffer(context, (uint8_t *)initial_ramdisk.start, length, NULL, NULL, false);
}

static JSValue native_acpi_root_pointer(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewInt64(context, (int64_t)acpi.root_pointer);
}

static JSValue native_boot_stages(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    JSValue list = JS_NewArray(context);
    for (uint32_t i = 0; i < boot_stage_count; i++) {
        JSValue pair = JS_NewArray(context);
        JS_SetPropertyUint32(context, pair, 0, JS_NewString(context, boot_stages[i].name));
        JS_SetPropertyUint32(context, pair, 1, JS_NewInt64(context, (int64_t)boot_stages[i].ns));
        JS_SetPropertyUint32(context, list, i, pair);
    }
    return list;
}

static JSValue native_memory_usage(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    const uint64_t values[] = {heap_bytes_in_use(), heap_bytes_reserved(), dma_bytes_used(), ram_bytes_found,
                               heap_bytes_free()};
    JSValue list = JS_NewArray(context);
    for (uint32_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        JS_SetPropertyUint32(context, list, i, JS_NewInt64(context, (int64_t)values[i]));
    return list;
}

static JSValue native_collect_garbage(ARGUMENTS)
{
    (void)context, (void)self, (void)argc, (void)argv;
    JS_RunGC(g_js_rt);
    heap_reclaim();
    return JS_UNDEFINED;
}

static JSValue native_engine_version(ARGUMENTS)
{
    (void)self, (void)argc, (void)argv;
    return JS_NewString(context, "QuickJS " CONFIG_VERSION);
}

static JSValue native_exit(ARGUMENTS)
{
    (void)self, (void)argc;
    uint32_t code;
    if (!argument_u32(context, argv[0], &code))
        return JS_EXCEPTION;
    exit_guest((int)code);
}

const JSCFunctionListEntry platform_functions[] = {
    JS_CFUNC_MAGIC_DEF("portRead8", 1, port_read, 1),
    JS_CFUNC_MAGIC_DEF("portRead16", 1, port_read, 2),
    JS_CFUNC_MAGIC_DEF("portRead32", 1, port_read, 4),
    JS_CFUNC_MAGIC_DEF("portWrite8", 2, port_write, 1),
    JS_CFUNC_MAGIC_DEF("portWrite16", 2, port_write, 2),
    JS_CFUNC_MAGIC_DEF("portWrite32", 2, port_write, 4),
    JS_CFUNC_DEF("interruptCounters", 0, native_interrupt_counters),
    JS_CFUNC_DEF("interruptVectorCount", 0, native_interrupt_vector_count),
    JS_CFUNC_DEF("interruptMessageAddress", 0, native_interrupt_message_address),
    JS_CFUNC_DEF("interruptMessageData", 1, native_interrupt_message_data),
    JS_CFUNC_DEF("routeInterruptLine", 3, native_route_interrupt_line),
    JS_CFUNC_DEF("unmaskInterruptLine", 1, native_unmask_interrupt_line),
    JS_CFUNC_DEF("waitForInterrupt", 2, native_wait_for_interrupt),
    JS_CFUNC_DEF("waitForWord", 5, native_wait_for_word),
    JS_CFUNC_DEF("monotonicNs", 0, native_monotonic_ns),
    JS_CFUNC_DEF("realtimeUs", 0, native_realtime_us),
    JS_CFUNC_DEF("realtimeIsKnown", 0, native_realtime_is_known),
    JS_CFUNC_DEF("correctRealtime", 2, native_correct_realtime),
    JS_CFUNC_DEF("hardwareRandom", 3, native_hardware_random),
    JS_CFUNC_DEF("timestampCounter", 0, native_timestamp_counter),
    JS_CFUNC_DEF("commandLine", 0, native_command_line),
    JS_CFUNC_DEF("initialRamdisk", 0, native_initial_ramdisk),
    JS_CFUNC_DEF("acpiRootPointer", 0, native_acpi_root_pointer),
    JS_CFUNC_DEF("bootStages", 0, native_boot_stages),
    JS_CFUNC_DEF("memoryUsage", 0, native_memory_usage),
    JS_CFUNC_DEF("collectGarbage", 0, native_collect_garbage),
    JS_CFUNC_DEF("engineVersion", 0, native_engine_version),
    JS_CFUNC_DEF("exit", 1, native_exit),
};
const int platform_function_count = sizeof(platform_functions) / sizeof(platform_functions[0]);
