/*
 * calls.js - calls of the host and commands: made, answered, cancelled.
 *
 * One entry for each call that waits. Whatever ends it takes it out first, so
 * that it ends once; what comes later is counted.
 */
(function (builtins, values, post) {
    'use strict';

    const {
        uncurry, PromiseNow, TypeErrorNow, StringNow, hasOwn, setTimer,
        clearTimer, now, getter, list, idMap, makeError, errorFrom,
    } = builtins;
    const {wireName, parts, encode, decode, readBlobs} = values;

    // ---- messages with blobs ----

    // As post(), of a value that encode() has just made. One with blobs leaves
    // when they are read, behind earlier ones of that kind; what is posted
    // meanwhile does not wait for it; due() then says whether it is still wanted.
    // True: it has left.
    function postEncoded(kind, id, name, payload, due, failed) {
        if (parts.blobs === null) {
            post(kind, id, name, payload);
            return true;
        }
        const {text, buffers, blobs} = parts;
        const entry = {next: null, ready: false, send() {
            if (!due())
                return;
            parts.text = text;
            parts.buffers = buffers;
            post(kind, id, name, payload);
        }};
        parts.text = '';
        parts.blobs = null;
        if (blobsLast === null)
            blobsFirst = entry;
        else
            blobsLast.next = entry;
        blobsLast = entry;
        readBlobs(blobs, buffers, () => settleBlobs(entry), (error) => {
            entry.send = () => failed(error);
            settleBlobs(entry);
        });
        return false;
    }
    let blobsFirst = null; // messages whose blobs are being read, oldest first
    let blobsLast = null;

    function settleBlobs(entry) {
        entry.ready = true;
        while (blobsFirst !== null && blobsFirst.ready) {
            const {send} = blobsFirst;
            blobsFirst = blobsFirst.next;
            if (blobsFirst === null)
                blobsLast = null;
            send();
        }
    }

    // ---- calls ----

    // id -> {resolve, reject, method, deadline, unhook, command, sent}
    const pending = idMap();
    const config = {__proto__: null, callTimeoutMs: 30000};
    let lastId = 0;
    let timer = 0;
    let timerAt = Infinity;
    let lateReplies = 0;

    function call(method, params, options) {
        return new PromiseNow((resolve, reject) =>
            begin(resolve, reject, method, params, options, false));
    }

    // A command is the method "invoke:<name>"; its errors are another matter.
    function invoke(command, args, options) {
        return new PromiseNow((resolve, reject) => {
            if (typeof command !== 'string' || command === '')
                throw new TypeErrorNow(
                    'auroraview: the command must be a non-empty string');
            begin(resolve, reject, `invoke:${command}`, args, options, true);
        });
    }

    function begin(resolve, reject, method, params, options, command) {
        const name = wireName(method, 'the method name');
        let timeout = config.callTimeoutMs;
        let signal;
        if (options !== undefined && options !== null) {
            if (typeof options !== 'object')
                throw new TypeErrorNow('auroraview: the options of call() must be an object');
            if (options.timeout !== undefined && options.timeout !== null)
                timeout = checkTimeout(options.timeout, 'timeout');
            signal = options.signal;
        }
        let unhook = null;
        const id = ++lastId;
        if (signal !== undefined && signal !== null) {
            unhook = hookAbort(signal, () => cancel(id, makeError('AbortError',
                `the call of ${method} was aborted`, -5)));
            if (unhook === null)
                throw makeError('AbortError', `the call of ${method} was aborted`, -5);
        }
        let payload;
        try {
            payload = encode(params);
        } catch (error) {
            if (unhook !== null)
                unhook();
            throw error;
        }
        const deadline = timeout > 0 ? now() + timeout : Infinity;
        const entry = {resolve, reject, method, deadline, unhook, command, sent: false};
        pending.set(id, entry);
        if (deadline < timerAt)
            armTimer(deadline);
        entry.sent = postEncoded('C', id, name, payload, () => {
            entry.sent = pending.get(id) !== undefined;
            return entry.sent;
        }, (error) => {
            if (settle(id) !== undefined)
                reject(error);
        });
    }

    function checkTimeout(value, what) {
        if (typeof value !== 'number' || !(value >= 0))
            throw new TypeErrorNow(`auroraview: ${what} must be milliseconds, 0 for no limit`);
        return value === Infinity ? 0 : value;
    }

    // null if it is aborted already, else a function that takes the hook off.
    const hookAbort = (function () {
        if (typeof AbortSignal === 'undefined')
            return () => { throw new TypeErrorNow('auroraview: no AbortSignal here'); };
        const aborted = getter(AbortSignal.prototype, 'aborted');
        const listen = uncurry(EventTarget.prototype.addEventListener);
        const unlisten = uncurry(EventTarget.prototype.removeEventListener);
        return function (signal, fn) {
            let is;
            try {
                is = aborted(signal);
            } catch (_) {
                throw new TypeErrorNow('auroraview: signal must be an AbortSignal');
            }
            if (is)
                return null;
            listen(signal, 'abort', fn);
            return () => unlisten(signal, 'abort', fn);
        };
    })();

    function settle(id) {
        const entry = pending.get(id);
        if (entry === undefined)
            return undefined;
        pending.delete(id);
        if (entry.unhook !== null)
            entry.unhook();
        return entry;
    }

    function cancel(id, error) {
        const entry = settle(id);
        if (entry === undefined)
            return;
        if (entry.sent)
            post('X', id, '', '');
        entry.reject(error);
    }

    // One timer for all calls: it fires for the earliest deadline, or for
    // nothing when that call was answered long ago.
    function armTimer(at) {
        if (timerAt !== Infinity)
            clearTimer(timer);
        timerAt = at;
        // Longer delays than 2^31 ms overflow; it would just be armed again.
        const delay = at - now();
        timer = setTimer(sweep, delay < 0x7fffffff ? delay : 0x7fffffff);
    }

    function sweep() {
        const at = now();
        let next = Infinity;
        timerAt = Infinity;
        const expired = list();
        pending.forEach((entry, id) => {
            if (entry.deadline <= at)
                expired[expired.length] = id;
            else if (entry.deadline < next)
                next = entry.deadline;
        });
        for (let i = 0; i < expired.length; i++)
            cancel(expired[i], makeError('Timeout',
                `no answer to ${pending.get(expired[i]).method} in time`, -4));
        if (next !== Infinity)
            armTimer(next);
    }

    function answer(id, types, payload, buffers, first, failed) {
        const entry = settle(id);
        if (entry === undefined) {
            lateReplies++;
            return;
        }
        let value;
        try {
            value = decode(payload, types, buffers, first);
        } catch (error) {
            entry.reject(makeError('ProtocolError',
                `the answer cannot be read: ${StringNow(error.message)}`, -17));
            return;
        }
        if (failed)
            entry.reject(entry.command ? commandError(value) : errorFrom(value));
        else
            entry.resolve(value);
    }

    // Those of commands say in `data` what they are: {code, message, details}.
    function commandError(reason) {
        const error = errorFrom(reason);
        if (error.name === 'MethodNotFound')
            return makeError('CommandError', 'no such command is registered',
                'COMMAND_NOT_FOUND');
        const data = error.data;
        if (error.name !== 'CommandError' || data === null || typeof data !== 'object' ||
            !hasOwn(data, 'code'))
            return error;
        return makeError('CommandError', error.message, data.code,
            hasOwn(data, 'details') ? data.details : undefined);
    }

    function rejectAll(reason) {
        const ids = list();
        pending.forEach((_, id) => { ids[ids.length] = id; });
        for (let i = 0; i < ids.length; i++)
            settle(ids[i]).reject(errorFrom(reason));
    }

    return {
        __proto__: null, call, invoke, checkTimeout, postEncoded, answer, rejectAll,
        config,
        stats: () => ({pendingCalls: pending.size(), lateReplies}),
    };
})
