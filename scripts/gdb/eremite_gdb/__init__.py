"""gdb commands for Eremite: the TypeScript stack of a stopped guest, its variables and its interrupts."""
