"""One-line changes of the sources, each of which a model must catch."""

# (model, source, what is broken, old text, new text)
MUTANTS = [
    ("lifecycle", "core/lifecycle.c", "a store for the compare-and-swap",
     """    } while (!atomic_compare_exchange_strong_explicit(
        &lc->word, &cur, next, memory_order_acq_rel, memory_order_acquire));
""",
     """    } while (0);
    atomic_store_explicit(&lc->word, next, memory_order_release);
"""),
    ("lifecycle", "core/lifecycle.c", "a step without release",
     "&lc->word, &cur, next, memory_order_acq_rel, memory_order_acquire",
     "&lc->word, &cur, next, memory_order_acquire, memory_order_acquire"),
    ("lifecycle", "core/lifecycle.c", "a lost step without acquire",
     "&lc->word, &cur, next, memory_order_acq_rel, memory_order_acquire",
     "&lc->word, &cur, next, memory_order_acq_rel, memory_order_relaxed"),
    ("lifecycle", "core/lifecycle.c", "a close while creating is refused",
     """                           STATE_BIT(AUV_STATE_CLOSE_REQUESTED) |
""", ""),
    ("queue", "core/queue.c", "publish without release",
     "atomic_store_explicit(cell_of(lane, tail), item, memory_order_release)",
     "atomic_store_explicit(cell_of(lane, tail), item, memory_order_relaxed)"),
    ("queue", "core/queue.c", "take without acquire",
     "void *item = atomic_load_explicit(cell, memory_order_acquire);",
     "void *item = atomic_load_explicit(cell, memory_order_relaxed);"),
    ("queue", "core/queue.c", "head without release",
     """atomic_store_explicit(&queue->head[i], head + 1, memory_order_release);""",
     """atomic_store_explicit(&queue->head[i], head + 1, memory_order_relaxed);"""),
    ("queue", "core/queue.c", "head looked at without acquire",
     """        atomic_load_explicit(&queue->head[which], memory_order_acquire);

    /* Release: hands""",
     """        atomic_load_explicit(&queue->head[which], memory_order_relaxed);

    /* Release: hands"""),
    ("queue", "core/queue.c", "head_seen handed on without release",
     "atomic_store_explicit(&lane->head_seen, head, memory_order_release);",
     "atomic_store_explicit(&lane->head_seen, head, memory_order_relaxed);"),
    ("queue", "core/queue.c", "head_seen taken without acquire",
     "seen = atomic_load_explicit(&lane->head_seen, memory_order_acquire);",
     "seen = atomic_load_explicit(&lane->head_seen, memory_order_relaxed);"),
    ("queue", "core/queue.c", "claim not sequentially consistent",
     """&lane->tail, &tail, tail + 1,
                                                  memory_order_seq_cst,""",
     """&lane->tail, &tail, tail + 1,
                                                  memory_order_acq_rel,"""),
    ("queue", "core/queue.c", "producer's look not sequentially consistent",
     "atomic_load_explicit(&queue->asleep, memory_order_seq_cst)",
     "atomic_load_explicit(&queue->asleep, memory_order_acquire)"),
    ("queue", "core/queue.c", "asleep not sequentially consistent",
     "atomic_store_explicit(&queue->asleep, 1, memory_order_seq_cst);",
     "atomic_store_explicit(&queue->asleep, 1, memory_order_release);"),
    ("queue", "core/queue.c", "consumer's look not sequentially consistent",
     """                                                 memory_order_seq_cst);

            if (INDEX(tail) !=""",
     """                                                 memory_order_acquire);

            if (INDEX(tail) !="""),
    ("queue", "core/queue.c", "a store for the claim",
     """        if (atomic_compare_exchange_weak_explicit(&lane->tail, &tail, tail + 1,
                                                  memory_order_seq_cst,
                                                  memory_order_acquire))
            break;
""",
     """        atomic_store_explicit(&lane->tail, tail + 1, memory_order_seq_cst);
        break;
"""),
    ("queue", "core/queue.c", "sleep without a second look",
     """        if (i == AUVI_LANES)
            return true;
        wake_up(queue);
""",
     """        return true;
"""),
    ("queue", "core/queue.c", "head moves before the cell is empty",
     """        atomic_store_explicit(cell, NULL, memory_order_relaxed);
        /* Release: a producer that sees this head sees the cell empty. */
        atomic_store_explicit(&queue->head[i], head + 1, memory_order_release);
""",
     """        atomic_store_explicit(&queue->head[i], head + 1, memory_order_release);
        atomic_store_explicit(cell, NULL, memory_order_relaxed);
"""),
    ("queue", "core/queue.c", "quiet without looking at the cells",
     "while (!is_settled(queue, i, place)) {",
     "while (0) {"),
    ("queue", "core/queue.c", "shutdown by load and store",
     """        atomic_fetch_or_explicit(&queue->lanes[i].tail, CLOSED,
                                 memory_order_acq_rel);
""",
     """        atomic_store_explicit(
            &queue->lanes[i].tail,
            CLOSED | atomic_load_explicit(&queue->lanes[i].tail,
                                          memory_order_acquire),
            memory_order_release);
"""),
    ("queue", "core/queue.c", "a waiter that does not say so",
     """        atomic_exchange_explicit(&queue->wanted, 1, memory_order_acq_rel);
""",
     """        atomic_store_explicit(&queue->wanted, 1, memory_order_release);
"""),
    ("queue", "core/queue.c", "a waiter that does not acquire",
     "atomic_exchange_explicit(&queue->wanted, 1, memory_order_acq_rel);",
     "atomic_exchange_explicit(&queue->wanted, 1, memory_order_release);"),
    ("queue", "core/queue.c", "room offered without release",
     "if (!atomic_exchange_explicit(&queue->wanted, 0, memory_order_acq_rel))",
     "if (!atomic_exchange_explicit(&queue->wanted, 0, memory_order_acquire))"),
    ("queue", "core/queue.c", "room offered only after a load",
     "if (!atomic_exchange_explicit(&queue->wanted, 0, memory_order_acq_rel))",
     "if (!atomic_load_explicit(&queue->wanted, memory_order_acquire) || "
     "!atomic_exchange_explicit(&queue->wanted, 0, memory_order_acq_rel))"),
    ("queue", "core/queue.c", "a waiter that does not try again",
     """        result = push_lane(queue, lane, item, places);
        if (result != AUV_ERR_QUEUE_FULL)
            break;
        if (deadline_us""",
     """        if (deadline_us"""),
    ("queue", "core/queue.c", "a waiter that looks at room too late",
     "auvi_futex_wait(&queue->room, room, left_us);",
     "auvi_futex_wait(&queue->room, atomic_load_explicit(&queue->room, "
     "memory_order_acquire), left_us);"),
    ("queue", "core/queue.c", "room is offered, nobody is woken",
     "    auvi_futex_wake_all(&queue->room);\n", ""),
    ("queue", "core/queue.c", "a consumer that sleeps and offers no room",
     """    offer_room(queue);
    /* Looked at before""",
     """    /* Looked at before"""),
    ("queue", "core/queue.c", "a shutdown that leaves the waiting asleep",
     """                                 memory_order_acq_rel);
    offer_room(queue);
""",
     """                                 memory_order_acq_rel);
"""),
    ("wake", "core/wake.c", "the flag is cleared before the descriptor",
     """    auvi_wake_fd_clear(wake->fd);
    atomic_exchange_explicit(&wake->signalled, 0, memory_order_acq_rel);
""",
     """    atomic_exchange_explicit(&wake->signalled, 0, memory_order_acq_rel);
    auvi_wake_fd_clear(wake->fd);
"""),
    ("wake", "core/wake.c", "a fire without release",
     "atomic_exchange_explicit(&wake->signalled, 1, memory_order_acq_rel)",
     "atomic_exchange_explicit(&wake->signalled, 1, memory_order_acquire)"),
    ("wake", "core/wake.c", "a clear without acquire",
     "atomic_exchange_explicit(&wake->signalled, 0, memory_order_acq_rel)",
     "atomic_exchange_explicit(&wake->signalled, 0, memory_order_release)"),
    ("wake", "core/wake.c", "a clear by a store",
     "atomic_exchange_explicit(&wake->signalled, 0, memory_order_acq_rel)",
     "atomic_store_explicit(&wake->signalled, 0, memory_order_release)"),
    ("wake", "core/wake.c", "a clear that leaves the flag",
     "    atomic_exchange_explicit(&wake->signalled, 0, memory_order_acq_rel);\n",
     ""),
    ("wake", "core/wake.c", "a fire by load and store",
     """    if (atomic_exchange_explicit(&wake->signalled, 1, memory_order_acq_rel))
        return;
""",
     """    if (atomic_load_explicit(&wake->signalled, memory_order_acquire))
        return;
    atomic_store_explicit(&wake->signalled, 1, memory_order_release);
"""),
    ("wake", "core/wake.c", "a wake that is put off for ever",
     "    wake->defer(wake->defer_ctx, delay);\n", ""),
    ("wake", "core/wake.c", "an urgent push that trusts the timer",
     """            is_urgent(wake, lane))
            auvi_wake_fire(wake);
        return;""",
     """            0)
            auvi_wake_fire(wake);
        return;"""),
    ("request", "core/request.c", "a store for the take",
     """    if (!atomic_compare_exchange_strong_explicit(
            &slot->word, &expected, make_word(generation, SLOT_TAKING),
            memory_order_acquire, memory_order_relaxed))
        return false;
""",
     """    if (atomic_load_explicit(&slot->word, memory_order_acquire) != expected)
        return false;
    atomic_store_explicit(&slot->word, make_word(generation, SLOT_TAKING),
                          memory_order_relaxed);
"""),
    ("request", "core/request.c", "a take without acquire",
     """make_word(generation, SLOT_TAKING),
            memory_order_acquire,""",
     """make_word(generation, SLOT_TAKING),
            memory_order_relaxed,"""),
    ("request", "core/request.c", "a take that does not look at the generation",
     "    uint64_t expected = make_word(generation, SLOT_PENDING);\n",
     """    uint64_t expected = atomic_load_explicit(&slot->word, memory_order_relaxed);
    if (state_of(expected) != SLOT_PENDING)
        return false;
    generation = generation_of(expected);
"""),
    ("request", "core/request.c", "a generation that stands still",
     """        generation_of(atomic_load_explicit(&slot->word, memory_order_relaxed)) +
        1;""",
     """        generation_of(atomic_load_explicit(&slot->word, memory_order_relaxed)) |
        1;"""),
    ("request", "core/request.c", "pending without release",
     """make_word(generation, SLOT_PENDING),
                          memory_order_seq_cst);
    lower""",
     """make_word(generation, SLOT_PENDING),
                          memory_order_relaxed);
    lower"""),
    ("request", "core/request.c", "pending not sequentially consistent",
     """make_word(generation, SLOT_PENDING),
                          memory_order_seq_cst);
    lower""",
     """make_word(generation, SLOT_PENDING),
                          memory_order_release);
    lower"""),
    ("request", "core/request.c", "a free list whose tag stands still",
     """        ((head >> FREE_BITS) + 1) << FREE_BITS | mine, memory_order_release,""",
     """        (head >> FREE_BITS) << FREE_BITS | mine, memory_order_release,"""),
    ("request", "core/request.c", "a slot given back without release",
     """        ((head >> FREE_BITS) + 1) << FREE_BITS | mine, memory_order_release,""",
     """        ((head >> FREE_BITS) + 1) << FREE_BITS | mine, memory_order_relaxed,"""),
    ("request", "core/request.c", "a free slot taken without acquire",
     """                memory_order_acquire, memory_order_acquire))
            return slot;""",
     """                memory_order_relaxed, memory_order_relaxed))
            return slot;"""),
    ("request", "core/request.c", "the free list's head without acquire",
     "atomic_load_explicit(&requests->free_head, memory_order_acquire);",
     "atomic_load_explicit(&requests->free_head, memory_order_relaxed);"),
    ("request", "core/request.c", "the bound reset not sequentially consistent",
     "atomic_store_explicit(&requests->nearest, INT64_MAX, memory_order_seq_cst);",
     "atomic_store_explicit(&requests->nearest, INT64_MAX, memory_order_release);"),
    ("request", "core/request.c", "the bound reset after the scan",
     "    lower_nearest(requests, taken ? now_us : next);",
     """    atomic_store_explicit(&requests->nearest, INT64_MAX, memory_order_seq_cst);
    lower_nearest(requests, taken ? now_us : next);"""),
    ("request", "core/request.c", "the scan's look not sequentially consistent",
     "uint64_t word = atomic_load_explicit(&slot->word, memory_order_seq_cst);",
     "uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);"),
    ("request", "core/request.c", "the adder's look not sequentially consistent",
     "atomic_load_explicit(&requests->nearest, memory_order_seq_cst);",
     "atomic_load_explicit(&requests->nearest, memory_order_acquire);"),
    ("request", "core/request.c", "the bound lowered by a store",
     """    while (deadline_us < nearest &&
           !atomic_compare_exchange_weak_explicit(
               &requests->nearest, &nearest, deadline_us, memory_order_seq_cst,
               memory_order_seq_cst))
        ;
""",
     """    if (deadline_us < nearest)
        atomic_store_explicit(&requests->nearest, deadline_us,
                              memory_order_seq_cst);
"""),
    ("request", "core/request.c", "opened not sequentially consistent",
     """                &requests->opened, &opened, opened + 1, memory_order_seq_cst,""",
     """                &requests->opened, &opened, opened + 1, memory_order_relaxed,"""),
    ("request", "core/request.c", "opened looked at too loosely",
     "opened = atomic_load_explicit(&requests->opened, memory_order_seq_cst);",
     "opened = atomic_load_explicit(&requests->opened, memory_order_relaxed);"),
    ("request", "core/request.c", "a find by view without acquire",
     """        uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
""",
     """        uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
"""),
    ("ring", "wire/ring.c", "publish not sequentially consistent",
     """                          writer->record | (uint64_t)writer->packets << 32,
                          memory_order_seq_cst);""",
     """                          writer->record | (uint64_t)writer->packets << 32,
                          memory_order_release);"""),
    ("ring", "wire/ring.c", "publish without release",
     """                          writer->record | (uint64_t)writer->packets << 32,
                          memory_order_seq_cst);""",
     """                          writer->record | (uint64_t)writer->packets << 32,
                          memory_order_relaxed);"""),
    ("ring", "wire/ring.c", "writer's look not sequentially consistent",
     "if (!atomic_load_explicit(&writer->shared->asleep, memory_order_seq_cst))",
     "if (!atomic_load_explicit(&writer->shared->asleep, memory_order_acquire))"),
    ("ring", "wire/ring.c", "asleep not sequentially consistent",
     "atomic_store_explicit(&reader->shared->asleep, 1, memory_order_seq_cst);",
     "atomic_store_explicit(&reader->shared->asleep, 1, memory_order_release);"),
    ("ring", "wire/ring.c", "reader's look not sequentially consistent",
     "reader->armed = look(reader, memory_order_seq_cst) == 0 &&",
     "reader->armed = look(reader, memory_order_acquire) == 0 &&"),
    ("ring", "wire/ring.c", "sleep without a second look",
     """    reader->armed = look(reader, memory_order_seq_cst) == 0 &&
                    reader->tail == tail && reader->packets == packets;
""",
     """    (void)tail, (void)packets;
    reader->armed = true;
"""),
    ("ring", "wire/ring.c", "a sleep that nobody is told of",
     "    atomic_store_explicit(&reader->shared->asleep, 1, memory_order_seq_cst);\n",
     ""),
    ("ring", "wire/ring.c", "a writer that rings nobody",
     """    atomic_store_explicit(&writer->shared->asleep, 0, memory_order_relaxed);
    return true;""",
     """    atomic_store_explicit(&writer->shared->asleep, 0, memory_order_relaxed);
    return false;"""),
    ("ring", "wire/ring.c", "records taken without acquire",
     "int error = look(reader, memory_order_acquire);",
     "int error = look(reader, memory_order_relaxed);"),
    ("ring", "wire/ring.c", "published before the record is closed",
     """    close_record(writer, 0);
    if (writer->record == writer->published)
        return false;
    publish(writer);
""",
     """    writer->record += 32;
    publish(writer);
    writer->record -= 32;
    close_record(writer, 0);
"""),
    ("ring", "wire/ring.c", "written over what is not read",
     "    return size <= AUVI_RING_SIZE - (end - head);",
     "    return 1;"),
    ("ring", "wire/ring.c", "a restart over what is not read",
     """    if (atomic_load_explicit(&writer->shared->head, memory_order_acquire) !=
        writer->published)
        return;
""", ""),
    ("ring", "wire/ring.c", "released before it was looked at",
     """        reader->taken = (uint32_t)AUVI_RING_RECORD + size + (uint32_t)bulk;
        return 1;""",
     """        reader->taken = (uint32_t)AUVI_RING_RECORD + size + (uint32_t)bulk;
        auvi_ring_release(reader);
        return 1;"""),
]
