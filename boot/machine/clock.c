/* Sets the clocks: the rates of the timers, and the date from the CMOS real-time clock (read once). */
#include "boot.h"
#include "x86.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define CMOS_STATUS_A 0x0a
#define CMOS_STATUS_B 0x0b
#define UPDATE_IN_PROGRESS 0x80
#define STATUS_B_BINARY 0x04
#define STATUS_B_24_HOURS 0x02
#define HOUR_PM 0x80
#define RTC_TRIES 4

static uint8_t cmos_read(uint8_t index)
{
    port_write8(CMOS_INDEX, index);
    return port_read8(CMOS_DATA);
}

/* Digits that are none make a number that no field has. */
static uint32_t from_bcd(uint32_t value)
{
    return (value & 15) > 9 ? 0xff : (value >> 4) * 10 + (value & 15);
}

/* Of the years that the clock can tell, 2000 to 2099, every fourth has a leap day. */
static uint32_t last_day(uint32_t year, uint32_t month)
{
    if (month == 2)
        return year % 4 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March, so the leap day is the last of them. */
static uint64_t days_since_epoch(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t y = month <= 2 ? year - 1 : year;
    uint32_t month_from_march = (month + 9) % 12;
    uint32_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    uint64_t days = 365ull * y + y / 4 - y / 100 + y / 400 + day_of_year;
    return days - 719468;
}

struct rtc_time {
    uint8_t second, minute, hour, day, month, year;
};

/* Where nobody answers, every bit reads as one; as status, that is an update which never ends. */
static bool rtc_is_missing(void)
{
    return cmos_read(CMOS_STATUS_A) == 0xff && cmos_read(CMOS_STATUS_B) == 0xff;
}

static struct rtc_time read_registers(void)
{
    for (uint32_t polls = 100000; polls != 0 && (cmos_read(CMOS_STATUS_A) & UPDATE_IN_PROGRESS) != 0; polls--)
        ;
    return (struct rtc_time){cmos_read(0), cmos_read(2), cmos_read(4), cmos_read(7), cmos_read(8), cmos_read(9)};
}

/* Seconds since 1970, or 0 when there is no clock that makes sense. */
static uint64_t rtc_seconds(void)
{
    if (rtc_is_missing())
        return 0;
    struct rtc_time t = read_registers();
    bool is_still = false;
    for (int i = 0; i < RTC_TRIES && !is_still; i++) {
        struct rtc_time again = read_registers();
        is_still = __builtin_memcmp(&t, &again, sizeof(t)) == 0;
        t = again; /* An update may have fallen between two registers. */
    }
    if (!is_still)
        return 0;
    uint8_t status = cmos_read(CMOS_STATUS_B);
    bool binary = (status & STATUS_B_BINARY) != 0;
    bool is_of_12 = (status & STATUS_B_24_HOURS) == 0;
    uint32_t hour = is_of_12 ? t.hour & ~HOUR_PM : t.hour;
    uint32_t fields[6] = {t.second, t.minute, hour, t.day, t.month, t.year};
    for (int i = 0; i < 6 && !binary; i++)
        fields[i] = from_bcd(fields[i]);
    if (is_of_12 && (fields[2] < 1 || fields[2] > 12))
        return 0;
    if (is_of_12)
        fields[2] = fields[2] % 12 + ((t.hour & HOUR_PM) != 0 ? 12 : 0);
    if (fields[0] > 59 || fields[1] > 59 || fields[2] > 23 || fields[4] < 1 || fields[4] > 12 || fields[5] > 99)
        return 0;
    if (fields[3] < 1 || fields[3] > last_day(fields[5], fields[4]))
        return 0;
    uint64_t days = days_since_epoch(2000 + fields[5], fields[4], fields[3]);
    return ((days * 24 + fields[2]) * 60 + fields[1]) * 60 + fields[0];
}

void clock_init(void)
{
    uint64_t tsc_ticks_per_second;
    if (!calibrate_timers(&tsc_ticks_per_second, &local_apic_ticks_per_second))
        fail_boot("Cannot boot: no timer agrees with itself (PIT, CPUID, ACPI PM timer and APIC timer were tried)");
    monotonic_start(tsc_ticks_per_second);
    uint64_t seconds = rtc_seconds();
    if (seconds != 0)
        realtime_start(seconds * SECOND);
}
