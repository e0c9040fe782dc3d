/*
 * channel.js - auroraview.channel(name): streams that cannot outrun their
 * reader.
 *
 * The page numbers its channels; the host joins one when it has an end of that
 * name, and says how many bytes may be under way (core/channel.c). Before that,
 * and without credit, what is sent waits here, in order and bounded.
 */
(function (builtins, values, post) {
    'use strict';

    const {
        PromiseNow, TypeErrorNow, StringNow, define, mapSize, soon, report,
        list, safeMap, uncurry, makeError, errorFrom, describe, stringify,
    } = builtins;
    const {wireName, parts, encode, decode, readParts} = values;

    const MAX_CHANNELS = 64; // AUV_CHANNEL_MAX
    const OVERHEAD = 64; // AUV_CHANNEL_OVERHEAD
    const MAX_WAITING = 1024; // sends without credit
    const MAX_WAITING_BYTES = 16 << 20;

    const asyncIterator = Symbol.asyncIterator;
    const bufferSlice = uncurry(ArrayBuffer.prototype.slice);

    const numbers = safeMap(); // number -> channel
    const names = safeMap(); // name -> channel
    let lastNumber = 0;
    let cost = 0; // of the next message of the host

    // First in, first out, without Array.prototype.
    function queue() {
        const items = safeMap();
        let first = 0;
        let next = 0;
        return {
            __proto__: null,
            size: () => mapSize(items),
            add(item) { items.set(next++, item); },
            peek: () => items.get(first),
            take() {
                const item = items.get(first);
                items.delete(first++);
                return item;
            },
        };
    }

    // ---- out ----

    function send(channel, data) {
        return new PromiseNow((resolve, reject) => {
            if (channel.ended)
                throw closedError(channel);
            const payload = encode(data);
            let bytes = OVERHEAD + payload.length;
            const marks = readParts(parts.text);
            for (let i = 2; i < marks.length; i += 3)
                bytes += marks[i];
            if (channel.window !== 0 && bytes > channel.window) {
                parts.text = '';
                throw tooLarge(channel, bytes);
            }
            if (channel.waiting.size() === 0 && channel.window !== 0 &&
                channel.used + bytes <= channel.window) {
                channel.used += bytes;
                post('M', channel.number, StringNow(bytes), payload);
                resolve(undefined);
                return;
            }
            if (channel.waiting.size() >= MAX_WAITING ||
                channel.waitingBytes + bytes > MAX_WAITING_BYTES) {
                parts.text = '';
                throw makeError('QueueFull',
                    `too much waits for the reader of channel "${channel.name}"`, -8);
            }
            channel.waitingBytes += bytes;
            channel.waiting.add({payload, bytes, resolve, reject, ...own(marks)});
        });
    }

    // The page may write to its buffers when send() returns.
    function own(marks) {
        const buffers = list();
        let text = '';
        for (let i = 0; i < parts.buffers.length && parts.text !== ''; i++) {
            const at = marks[3 * i + 1];
            const length = marks[3 * i + 2];
            buffers[i] = bufferSlice(parts.buffers[i], at, at + length);
            text += `${i === 0 ? '' : ';'}${marks[3 * i]},0,${length}`;
        }
        parts.text = '';
        parts.buffers = list();
        return {__proto__: null, text, buffers};
    }

    function sendWaiting(channel) {
        for (;;) {
            const item = channel.waiting.peek();
            if (item === undefined)
                return;
            const fits = item.bytes <= channel.window;
            if (fits && channel.used + item.bytes > channel.window)
                return;
            channel.waiting.take();
            channel.waitingBytes -= item.bytes;
            if (!fits) {
                item.reject(tooLarge(channel, item.bytes));
                continue;
            }
            channel.used += item.bytes;
            parts.text = item.text;
            parts.buffers = item.buffers;
            post('M', channel.number, StringNow(item.bytes), item.payload);
            item.resolve(undefined);
        }
    }

    function tooLarge(channel, bytes) {
        return makeError('TooLarge', `a message of ${bytes} bytes is more than the window of ` +
            `channel "${channel.name}"`, -9);
    }

    function closedError(channel) {
        return channel.error ?? makeError('Closed', `channel "${channel.name}" has ended`, -6);
    }

    // ---- in ----

    function consumed(channel, bytes) {
        channel.spent += bytes;
        if (!channel.ended &&
            (channel.received.size() === 0 || channel.spent >= channel.window / 4)) {
            parts.text = '';
            post('Q', channel.number, '', StringNow(channel.spent));
            channel.spent = 0;
        }
    }

    // Hand messages to whoever wants them, one after the other; behind the last
    // comes the end.
    function pump(channel) {
        while (!channel.busy && channel.received.size() > 0) {
            if (channel.listeners.length > 0) {
                handle(channel, channel.received.take());
            } else if (channel.readers.size() > 0) {
                const item = channel.received.take();
                channel.readers.take().resolve({value: item.message, done: false});
                consumed(channel, item.bytes);
            } else {
                break;
            }
        }
        if (!channel.ended || channel.busy)
            return;
        const unread = channel.received.size() > 0;
        if (unread && channel.wasRead)
            return;
        if (!unread)
            endReaders(channel);
        if (!channel.told) {
            channel.told = true;
            soon(() => tellClose(channel));
        }
    }

    // A listener that returns a promise holds the next message back.
    function handle(channel, item) {
        const now = channel.listeners;
        const promises = list();
        for (let i = 0; i < now.length; i++) {
            if (!now[i].on)
                continue;
            try {
                const fn = now[i].fn;
                const result = fn(item.message);
                if (result !== null && typeof result === 'object' &&
                    typeof result.then === 'function')
                    promises[promises.length] = result;
            } catch (error) {
                report(`auroraview: a listener of channel "${channel.name}" threw`, error);
            }
        }
        if (promises.length === 0) {
            consumed(channel, item.bytes);
            return;
        }
        channel.busy = true;
        settleAll(channel, promises, item.bytes);
    }

    async function settleAll(channel, promises, bytes) {
        for (let i = 0; i < promises.length; i++) {
            try {
                await promises[i];
            } catch (error) {
                report(`auroraview: a listener of channel "${channel.name}" threw`, error);
            }
        }
        channel.busy = false;
        consumed(channel, bytes);
        pump(channel);
    }

    function endReaders(channel) {
        while (channel.readers.size() > 0) {
            const reader = channel.readers.take();
            if (channel.error !== null && !channel.thrown) {
                channel.thrown = true;
                reader.reject(channel.error);
            } else {
                reader.resolve({value: undefined, done: true});
            }
        }
    }

    function tellClose(channel) {
        const reason = {by: channel.by, error: channel.error};
        const now = channel.closers;
        channel.closers = list();
        for (let i = 0; i < now.length; i++) {
            try {
                const fn = now[i];
                fn(reason);
            } catch (error) {
                report(`auroraview: a listener of channel "${channel.name}" threw`, error);
            }
        }
    }

    // ---- the end ----

    function end(channel, by, error) {
        if (channel.ended)
            return false;
        channel.ended = true;
        channel.by = by;
        channel.error = error;
        numbers.delete(channel.number);
        names.delete(channel.name);
        while (channel.waiting.size() > 0)
            channel.waiting.take().reject(closedError(channel));
        return true;
    }

    function close(channel, reason) {
        const failed = reason !== undefined && reason !== null;
        if (!end(channel, 'page', null))
            return;
        while (channel.received.size() > 0)
            channel.received.take();
        let payload = '';
        if (failed) {
            const {name, message} = describe(reason);
            payload = stringify({__proto__: null, name, message, code: 0});
        }
        parts.text = '';
        post('Z', channel.number, failed ? 'failed' : '', payload);
        pump(channel);
    }

    function fromHost(kind, number, types, payload, buffers, first) {
        const channel = numbers.get(number);
        if (channel === undefined)
            return; // has ended here
        switch (kind) {
        case 'O':
            channel.window = payload;
            sendWaiting(channel);
            break;
        case 'Q':
            channel.used -= payload;
            sendWaiting(channel);
            break;
        case 'Z':
            end(channel, 'host', payload === null ? null : errorFrom(payload));
            pump(channel);
            break;
        case 'B':
            fail(channel, 'a message of the host cannot be read');
            break;
        case 'M': {
            let message;
            try {
                message = decode(payload, types, buffers, first);
            } catch (error) {
                fail(channel, StringNow(error.message));
                return;
            }
            channel.received.add({__proto__: null, message, bytes: cost});
            pump(channel);
            break;
        }
        }
    }

    function fail(channel, text) {
        const error = makeError('ProtocolError', text, -17);
        close(channel, error);
        channel.error = error;
    }

    function linkLost(reason) {
        const all = list();
        numbers.forEach((channel) => { all[all.length] = channel; });
        for (let i = 0; i < all.length; i++) {
            end(all[i], 'link', errorFrom(reason));
            pump(all[i]);
        }
    }

    // ---- auroraview.channel() ----

    function listen(channel, fn) {
        if (typeof fn !== 'function')
            throw new TypeErrorNow('auroraview: the listener must be a function');
        const entry = {fn, on: true};
        const change = (add) => {
            const after = list();
            for (let i = 0; i < channel.listeners.length; i++) {
                if (channel.listeners[i] !== entry)
                    after[after.length] = channel.listeners[i];
            }
            if (add)
                after[after.length] = entry;
            channel.listeners = after;
        };
        change(true);
        channel.wasRead = true;
        if (channel.received.size() > 0)
            soon(() => pump(channel));
        return () => {
            entry.on = false;
            change(false);
        };
    }

    function onClose(channel, fn) {
        if (typeof fn !== 'function')
            throw new TypeErrorNow('auroraview: the listener must be a function');
        channel.closers[channel.closers.length] = fn;
        if (channel.told)
            soon(() => tellClose(channel));
    }

    function reader(channel) {
        return {
            next: () => new PromiseNow((resolve, reject) => {
                channel.wasRead = true;
                channel.readers.add({resolve, reject});
                pump(channel);
            }),
            return: (value) => new PromiseNow((resolve) => {
                close(channel);
                resolve({value, done: true});
            }),
            [asyncIterator]() {
                return this;
            },
        };
    }

    function open(name) {
        const wire = wireName(name, 'the channel name');
        const known = names.get(name);
        if (known !== undefined)
            return known.face;
        if (mapSize(numbers) >= MAX_CHANNELS)
            throw makeError('QueueFull', `this page has ${MAX_CHANNELS} channels`, -8);
        const channel = {
            __proto__: null, name, number: ++lastNumber, window: 0, used: 0,
            spent: 0, waiting: queue(), waitingBytes: 0, received: queue(),
            readers: queue(), listeners: list(), closers: list(), busy: false,
            wasRead: false, ended: false, told: false, thrown: false, by: '',
            error: null, face: null,
        };
        channel.face = {
            id: name,
            send: (data) => send(channel, data),
            close: (reason) => close(channel, reason),
            onMessage: (fn) => listen(channel, fn),
            onClose: (fn) => onClose(channel, fn),
            [asyncIterator]: () => reader(channel),
        };
        define(channel.face, 'isClosed', {__proto__: null, get: () => channel.ended,
            enumerable: true});
        define(channel.face, 'error', {__proto__: null, get: () => channel.error,
            enumerable: true});
        numbers.set(channel.number, channel);
        names.set(name, channel);
        parts.text = '';
        post('O', channel.number, wire, '');
        return channel.face;
    }

    return {
        __proto__: null, open, fromHost, linkLost,
        cost(bytes) { cost = bytes; },
    };
})
