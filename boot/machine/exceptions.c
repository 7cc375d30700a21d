/* CPU exceptions: a report with registers, cause and the TypeScript stack, then the end of the guest. */
#include "boot.h"
#include "container.h"
#include "engine.h"
#include "native.h"
#include "x86.h"

#define VECTOR_PAGE_FAULT 14
#define FAULT_PRESENT 0x01u
#define FAULT_WRITE 0x02u
#define FAULT_FETCH 0x10u
#define FRAME_MAX 48
#define REGISTER_COUNT 15

static const char *const names[32] = {
    "divide error", "debug exception", "non-maskable interrupt", "breakpoint", "overflow", "bound range exceeded",
    "invalid opcode", "device not available", "double fault", "coprocessor segment overrun", "invalid TSS",
    "segment not present", "stack-segment fault", "general protection fault", "page fault", "exception 15",
    "x87 floating-point error", "alignment check", "machine check", "SIMD floating-point error",
    "virtualization exception", "control protection exception", "exception 22", "exception 23", "exception 24",
    "exception 25", "exception 26", "exception 27", "hypervisor injection", "VMM communication exception",
    "security exception", "exception 31",
};

/* How far the report has come; a fault in the report itself goes on from there. */
static enum { NOT_STARTED, READING_STACK, REPORTING } progress;

struct buffer {
    char *text;
    size_t size, length;
};

static void buffer_sink(void *context, const char *text, size_t length)
{
    struct buffer *buffer = context;
    for (size_t i = 0; i < length && buffer->length < buffer->size - 1; i++)
        buffer->text[buffer->length++] = text[i];
    buffer->text[buffer->length] = '\0';
}

static void append(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct buffer *buffer, const char *format, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    text_format(buffer_sink, buffer, format, arguments);
    __builtin_va_end(arguments);
}

static const char *page_fault_cause(uint64_t address, uint64_t error)
{
    if (address >= stack_guard && address < stack_guard + PAGE_SIZE)
        return "the stack has overflowed into its guard page";
    if (address < PAGE_SIZE)
        return "null pointer";
    if ((error & FAULT_PRESENT) == 0)
        return "nothing is mapped there";
    return (error & FAULT_FETCH) != 0 ? "that memory is not executable" : "that memory is read-only";
}

static void describe(struct buffer *message, const struct exception_frame *f)
{
    append(message, "%s", names[f->vector & 31]);
    if (f->vector == VECTOR_PAGE_FAULT) {
        const char *action = (f->error & FAULT_FETCH) != 0 ? "execution of"
                             : (f->error & FAULT_WRITE) != 0 ? "write to"
                                                             : "read of";
        append(message, ": %s 0x%lx, %s", action, read_cr2(), page_fault_cause(read_cr2(), f->error));
    } else if (f->error != 0) {
        append(message, ", error code 0x%lx", f->error);
    }
    append(message, " (rip 0x%lx)", f->rip);
}

static void print_registers(const struct exception_frame *f)
{
    console_format("\nrip %016lx  rsp %016lx  flags %08lx  error %lx\n", f->rip, f->rsp, f->rflags, f->error);
    console_format("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    console_format("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
    console_format("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
    console_format("r13 %016lx  r14 %016lx  r15 %016lx  cr2 %016lx\n", f->r13, f->r14, f->r15, read_cr2());
}

static size_t length_of(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0')
        n++;
    return n;
}

/* A frame of the engine, and those of the calls that the build has inlined there. */
static void append_frames(struct buffer *stack, const char *function, struct source_position *p)
{
    int length;
    const char *inlined;
    while ((inlined = position_map_function(p, &length)) != NULL) {
        append(stack, "    at %.*s (%.*s:%d:%d)\n", length, inlined, p->file_length, p->file, p->line, p->column);
        if (!position_map_next(p))
            return;
    }
    append(stack, "    at %s (%.*s:%d:%d)\n", function, p->file_length, p->file, p->line, p->column);
}

static void read_stack(struct buffer *stack, const struct exception_frame *f)
{
    static struct engine_frame frames[FRAME_MAX];
    if (g_js_rt == NULL)
        return;
    /* The saved general registers are the first words of the frame, in any order. */
    int count = engine_frames(g_js_rt, &f->r15, REGISTER_COUNT, is_mapped, frames, FRAME_MAX);
    for (int i = 0; i < count; i++) {
        const struct engine_frame *frame = &frames[i];
        struct source_position p;
        if (frame->file[0] == '\0')
            append(stack, "    at %s (native)\n", frame->function);
        else if (position_map_find(frame->file, length_of(frame->file), frame->line, frame->column, &p))
            append_frames(stack, frame->function, &p);
        else
            append(stack, "    at %s (%s:%d:%d)\n", frame->function, frame->file, frame->line, frame->column);
    }
}

noreturn void handle_exception(struct exception_frame *frame)
{
    static char message_text[256], stack_text[FRAME_MAX * 320];
    static struct buffer message = {message_text, sizeof(message_text), 0};
    static struct buffer stack = {stack_text, sizeof(stack_text), 0};

    if (progress == NOT_STARTED) {
        progress = READING_STACK;
        describe(&message, frame);
        console_flush();
        print_registers(frame);
        read_stack(&stack, frame);
    } else if (progress == READING_STACK) {
        append(&stack, "    (another fault while the stack was read: %s at rip 0x%lx)\n",
               names[frame->vector & 31], frame->rip);
    } else {
        exit_guest(EXIT_CPU_EXCEPTION);
    }
    progress = REPORTING;
    panic(EXIT_CPU_EXCEPTION, message_text, stack_text);
}
