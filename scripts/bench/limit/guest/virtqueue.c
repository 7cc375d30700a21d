/* The driver's side of a split virtqueue with an event index (virtio 1.3 §2.7). */
#include "limit.h"
#include "x86.h"

#define RING_HEADER 2 /* flags and idx, in words of 16 bits */
#define INDEX 1
#define ELEMENT_WORDS 4

void queue_allocate(struct virtqueue *queue, uint16_t index, uint16_t size)
{
    *queue = (struct virtqueue){.size = size, .index = index};
    queue->descriptors = dma_allocate(size * sizeof(struct descriptor), 16);
    queue->available_ring = dma_allocate((RING_HEADER + size + 1) * sizeof(uint16_t), 8);
    queue->used_ring = dma_allocate((RING_HEADER + size * ELEMENT_WORDS + 1) * sizeof(uint16_t), 8);
    if (queue->descriptors == NULL || queue->available_ring == NULL || queue->used_ring == NULL)
        fail_boot("Cannot measure: no memory for the rings");
}

void queue_add(struct virtqueue *queue, uint16_t head)
{
    queue->available_ring[RING_HEADER + queue->available++ % queue->size] = head;
}

void queue_publish(struct virtqueue *queue)
{
    uint16_t before = queue->published;
    if (queue->available == before)
        return;
    /* x86 keeps stores in order; the compiler must, too. */
    __asm__ volatile("" : : : "memory");
    queue->available_ring[INDEX] = queue->published = queue->available;
    full_barrier();
    /* §2.7.10: the device wants to hear of the entry at avail_event, and of no other. */
    uint16_t wanted = queue->used_ring[RING_HEADER + queue->size * ELEMENT_WORDS];
    if ((uint16_t)(queue->published - wanted - 1) < (uint16_t)(queue->published - before))
        *queue->doorbell = queue->index;
}

const struct used_element *queue_take(struct virtqueue *queue)
{
    if (queue->used_ring[INDEX] == queue->seen)
        return NULL;
    __asm__ volatile("" : : : "memory");
    uint16_t place = queue->seen++ % queue->size;
    return (const struct used_element *)(const void *)&queue->used_ring[RING_HEADER + place * ELEMENT_WORDS];
}

bool queue_arm(struct virtqueue *queue, uint16_t count)
{
    queue->available_ring[RING_HEADER + queue->size] = (uint16_t)(queue->seen + count - 1);
    full_barrier();
    return (uint16_t)(queue->used_ring[INDEX] - queue->seen) < count;
}
