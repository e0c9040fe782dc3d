// Queue peer: moodycamel's ConcurrentQueue, with producer and consumer tokens, its fastest way; its blocking variant
// where the consumer sleeps.
#include "queue_bench.h"

#include <concurrentqueue/blockingconcurrentqueue.h>
#include <deque>

namespace {

using Message = bench_message *;

struct Queue {
    explicit Queue(size_t capacity)
        : plain(capacity, BENCH_PRODUCERS, 0), blocking(capacity, BENCH_PRODUCERS, 0), plain_consumer(plain),
          blocking_consumer(blocking)
    {
        for (unsigned i = 0; i < BENCH_PRODUCERS; i++) {
            plain_producer.emplace_back(plain);
            blocking_producer.emplace_back(blocking);
        }
    }
    moodycamel::ConcurrentQueue<Message> plain;
    moodycamel::BlockingConcurrentQueue<Message> blocking;
    std::deque<moodycamel::ProducerToken> plain_producer, blocking_producer;
    moodycamel::ConsumerToken plain_consumer, blocking_consumer;
};

void *create(size_t capacity)
{
    return new Queue(capacity);
}

void destroy(void *queue)
{
    delete static_cast<Queue *>(queue);
}

void push_many(void *queue, unsigned producer, bench_message *messages, size_t count)
{
    auto *q = static_cast<Queue *>(queue);
    auto &token = q->plain_producer[producer];
    for (size_t i = 0; i < count; i++) q->plain.enqueue(token, &messages[i]);
}

size_t pop_many(void *queue, size_t most, uintptr_t *sum)
{
    auto *q = static_cast<Queue *>(queue);
    size_t count = 0;
    Message message;
    while (count < most && q->plain.try_dequeue(q->plain_consumer, message)) {
        *sum += message->payload;
        count++;
    }
    return count;
}

void send_many(void *queue, unsigned producer, bench_message *messages, size_t count)
{
    auto *q = static_cast<Queue *>(queue);
    auto &token = q->blocking_producer[producer];
    for (size_t i = 0; i < count; i++) q->blocking.enqueue(token, &messages[i]);
}

size_t receive_many(void *queue, size_t most, uintptr_t *sum)
{
    auto *q = static_cast<Queue *>(queue);
    Message message;
    q->blocking.wait_dequeue(q->blocking_consumer, message);
    *sum += message->payload;
    size_t count = 1;
    while (count < most && q->blocking.try_dequeue(q->blocking_consumer, message)) {
        *sum += message->payload;
        count++;
    }
    return count;
}

const bench_queue_impl impl = {"moodycamel", create, destroy, push_many, pop_many, send_many, receive_many};

} // namespace

extern "C" const bench_queue_impl *const bench_queue_impls[] = {&impl, nullptr};
