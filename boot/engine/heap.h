/* The allocator of heap.c as QuickJS wants to see it. */
#ifndef EREMITE_HEAP_H
#define EREMITE_HEAP_H

#include <quickjs.h>

extern const JSMallocFunctions heap_functions;

#endif
