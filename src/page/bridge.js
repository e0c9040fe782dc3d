/*
 * bridge.js - window.auroraview, inside the page. Contract: docs/bridge.md.
 *
 * Evaluates to bridge(native, granted, inlineLimit, shared), called once per
 * top document before any script of the page; it returns deliver(text, buffers,
 * value). The text is a string, a Uint8Array of UTF-8, or, as a number, the
 * length of the UTF-8 that native has put into the Uint8Array `shared`. Only
 * window.auroraview becomes reachable for the page: `native` and `deliver` stay
 * in this closure.
 *
 * Every built-in used after start-up comes from builtins.js, for the page may
 * overwrite them. embed.py joins the files into that one function.
 *
 * To the host go records in one string, with their buffers beside it:
 *
 *     kind US id US name US parts US payload RS
 *
 * JSON.stringify never writes RS or US, and names are percent-encoded. `parts`
 * is "type,offset,length;…", one entry for each buffer of the record. Kinds: C
 * call, X cancel, E event, R result, F failed result, J uncaught error.
 *
 * From it comes one JSON array, four elements for each record, so that a single
 * JSON.parse reads them all:
 *
 *     [kind, id or name, types, payload, …]
 *
 * `types` is an array with one entry for each buffer of the record, or 0. Kinds:
 * R reply (to 0: what is bound), F failed reply, E event, V value of a script, T what it threw, X
 * cancel of a script, D events that native dropped, L the link is lost. Native
 * lets no payload through that could end, or run on into, another element. What
 * is still no JSON makes deliver() return false; then it comes again, each
 * record by itself.
 */
(function (builtins, values, makeCalls, native, granted, shared) {
    'use strict';

    const {
        stringify, parse, slice, PromiseNow, TypeErrorNow, StringNow, ProxyNow,
        isArray, define, freeze, ownKeys, hasOwn, apply, mapSize, soon, setTimer,
        clearTimer, now, warn, report, checkpoint, getter, list, safeMap,
        describe, decodeBytes,
    } = builtins;
    const {wireName, plainText, parts, encode, decode} = values;

    const MAX_KEPT = 256; // events kept for listeners to come
    // Characters in one turn before they leave: the host can begin with them
    // while the page makes more, and the text stays in the processor's cache.
    const FLUSH_AT = 16 << 10;

    // ---- records out: one native call per turn ----

    let out = '';
    let outBuffers = list();
    let flushing = false; // a microtask will

    function post(kind, id, name, payload) {
        out += `${kind}\x1f${id}\x1f${name}\x1f${parts.text}\x1f${payload}\x1e`;
        if (parts.text !== '') {
            for (let i = 0; i < parts.buffers.length; i++)
                outBuffers[outBuffers.length] = parts.buffers[i];
            parts.text = '';
            parts.buffers = list();
            // At once: the page may write to its buffers when we return.
            flush();
        } else if (out.length > FLUSH_AT) {
            flush();
        } else if (!flushing) {
            flushing = true;
            soon(flushLater);
        }
    }

    function flushLater() {
        flushing = false;
        flush();
    }

    function flush() {
        if (out === '')
            return;
        const text = out;
        const buffers = outBuffers;
        out = '';
        if (buffers.length > 0)
            outBuffers = list();
        const back = native(text, buffers);
        if (back !== undefined)
            take(back, none, undefined);
    }
    const none = list();

    const calls = makeCalls(builtins, values, post);
    const {call, invoke, checkTimeout, postEncoded} = calls;

    // ---- events ----

    const listeners = safeMap(); // name -> list of {fn, once, on}, never changed
    const heard = safeMap(); // names that have, or had, a listener
    const replaying = safeMap(); // names whose kept events leave in a microtask
    const kept = safeMap(); // number -> {name, detail}, oldest first
    let keptNext = 0;
    let keptOldest = 0;
    let droppedIn = 0; // kept events that made room
    let droppedOut = 0; // events to the host that found the queue full
    let unheard = 0; // events for a name whose listeners have gone
    let listenerErrors = 0;

    function addListener(event, fn, once) {
        if (typeof event !== 'string' || event === '')
            throw new TypeErrorNow('auroraview: the event name must be a non-empty string');
        if (typeof fn !== 'function')
            throw new TypeErrorNow('auroraview: the listener must be a function');
        const entry = {fn, once, on: true};
        const before = listeners.get(event);
        const after = list();
        if (before !== undefined) {
            for (let i = 0; i < before.length; i++)
                after[i] = before[i];
        }
        after[after.length] = entry;
        listeners.set(event, after);
        if (!heard.has(event)) {
            heard.set(event, true);
            if (mapSize(kept) > 0) {
                replaying.set(event, true);
                soon(() => replay(event));
            }
        }
        return () => removeListeners(event, (other) => other === entry);
    }

    function removeListeners(event, matches) {
        const before = listeners.get(event);
        if (before === undefined)
            return;
        const after = list();
        for (let i = 0; i < before.length; i++) {
            if (matches(before[i]))
                before[i].on = false;
            else
                after[after.length] = before[i];
        }
        if (after.length > 0)
            listeners.set(event, after);
        else
            listeners.delete(event);
    }

    function dispatch(event, detail) {
        const now_ = listeners.get(event);
        if (now_ === undefined)
            return false;
        for (let i = 0; i < now_.length; i++) {
            const entry = now_[i];
            if (!entry.on)
                continue;
            if (entry.once)
                removeListeners(event, (other) => other === entry);
            try {
                const fn = entry.fn;
                fn(detail);
            } catch (error) {
                listenerErrors++;
                report(`auroraview: a listener of "${event}" threw`, error);
            }
        }
        return true;
    }

    function keep(name, detail) {
        if (mapSize(kept) >= MAX_KEPT) {
            while (!kept.has(keptOldest))
                keptOldest++;
            kept.delete(keptOldest);
            if (droppedIn++ === 0)
                warn(`auroraview: over ${MAX_KEPT} events wait for a listener; ` +
                    'the oldest are dropped');
        }
        kept.set(keptNext++, {name, detail});
    }

    function replay(event) {
        replaying.delete(event);
        const due = list();
        kept.forEach((entry, number) => {
            if (entry.name === event)
                due[due.length] = number;
        });
        for (let i = 0; i < due.length; i++) {
            if (!listeners.has(event)) {
                // Gone again, or it wanted only one: the next may have the rest.
                heard.delete(event);
                return;
            }
            const detail = kept.get(due[i]).detail;
            kept.delete(due[i]);
            dispatch(event, detail);
        }
    }

    function eventFromHost(event, detail) {
        // Scripts written for other versions wrap trigger() to see every event.
        if (granted && api.trigger !== trigger && typeof api.trigger === 'function') {
            try {
                api.trigger(event, detail);
            } catch (error) {
                listenerErrors++;
                report(`auroraview: trigger("${event}") threw`, error);
            }
        } else if (replaying.has(event) || !heard.has(event)) {
            keep(event, detail);
        } else if (!dispatch(event, detail)) {
            unheard++;
        }
    }

    function sendEvent(event, detail) {
        const name = wireName(event, 'the event name');
        const payload = encode(detail);
        postEncoded('E', 0, name, payload, () => true, (error) => {
            droppedOut++;
            report(`auroraview: the event "${event}" was not sent`, error);
        });
    }

    function trigger(event, detail) {
        dispatch(event, detail);
    }

    // ---- scripts of the host ----

    const evals = safeMap(); // ids whose result is awaited

    async function finishLater(id, promise) {
        let value;
        try {
            value = await promise;
        } catch (error) {
            failEval(id, error);
            return;
        }
        finishEval(id, value);
    }

    function startEval(id, value) {
        evals.set(id, true);
        let later = false;
        try {
            later = value !== null && typeof value === 'object' &&
                typeof value.then === 'function';
        } catch (error) {
            failEval(id, error);
            return;
        }
        if (later)
            finishLater(id, value);
        else
            finishEval(id, value);
    }

    function finishEval(id, value) {
        if (!evals.has(id))
            return; // cancelled
        let payload;
        try {
            payload = encode(value);
        } catch (error) {
            failEval(id, error);
            return;
        }
        if (postEncoded('R', id, '', payload === '' ? 'null' : payload,
            () => evals.delete(id), (error) => failEval(id, error)))
            evals.delete(id);
    }

    function failEval(id, error) {
        if (!evals.delete(id))
            return;
        parts.text = '';
        const reason = describe(error);
        let payload;
        try {
            payload = stringify(reason);
        } catch (_) {
            delete reason.data; // it is no JSON
            payload = stringify(reason);
        }
        post('F', id, '', payload);
    }

    // ---- records in ----

    function take(text, buffers, value) {
        let records;
        try {
            records = parse(text);
        } catch (_) {
            return false;
        }
        let used = 0;
        let answered = false;
        // The array is fresh and all of these are its own: nothing is looked up
        // on a prototype.
        for (let i = 0; i < records.length; i += 4) {
            const kind = records[i];
            const key = records[i + 1];
            const types = records[i + 2];
            const payload = records[i + 3];
            const first = used;
            if (types !== 0)
                used += types.length;
            switch (kind) {
            case 'R':
            case 'F':
                if (key === 0) {
                    takeMethods(payload);
                    break;
                }
                calls.answer(key, types, payload, buffers, first, kind === 'F');
                answered = true;
                break;
            case 'E': {
                let detail;
                try {
                    detail = decode(payload, types, buffers, first);
                } catch (error) {
                    report('auroraview: an event of the host cannot be read', error);
                    break;
                }
                // What awaits an answer that came before the event must see it
                // before the event's listeners do.
                if (answered)
                    checkpoint();
                answered = false;
                eventFromHost(key, detail);
                break;
            }
            case 'V':
                startEval(key, value);
                break;
            case 'T':
                evals.set(key, true);
                failEval(key, value);
                break;
            case 'X':
                evals.delete(key);
                break;
            case 'D':
                if (droppedOut === 0)
                    warn('auroraview: the host does not read; events were dropped');
                droppedOut += key;
                break;
            case 'L':
                calls.rejectAll(payload);
                break;
            }
        }
        return true;
    }

    function deliver(text, buffers, value) {
        if (typeof text !== 'string')
            text = typeof text === 'number' ? decodeBytes(shared, text) : decodeBytes(text);
        if (!take(text, buffers, value))
            return false;
        flush();
        checkpoint();
        return true;
    }

    let takeMethods = () => {};

    if (!granted)
        return deliver;

    // ---- window.auroraview ----

    const CustomEventNow = CustomEvent;
    const dispatchDom = EventTarget.prototype.dispatchEvent.bind(globalThis);
    const namespaces = safeMap(); // name -> {target, proxy}
    const bound = safeMap(); // full method name -> true

    function methodOf(full) {
        return (params, options) => call(full, params, options);
    }

    function makeNamespace(name) {
        const made = {__proto__: null};
        // A promise may resolve with it, and JSON and consoles look at it:
        // these names must not become calls.
        const never = {__proto__: null, then: true, toJSON: true,
            constructor: true, toString: true, valueOf: true, prototype: true,
            ['__proto__']: true};
        const proxy = new ProxyNow(made, {
            __proto__: null,
            get(target, key) {
                if (typeof key !== 'string' || (key in never && !(key in target)))
                    return undefined;
                return target[key] ??= methodOf(`${name}.${key}`);
            },
            set() {
                return false;
            },
        });
        return {__proto__: null, target: made, proxy};
    }

    function registerApiMethods(namespace, methods, options) {
        if (typeof namespace !== 'string' || namespace === '')
            throw new TypeErrorNow('auroraview: the namespace must be a non-empty string');
        if (!isArray(methods))
            throw new TypeErrorNow('auroraview: methods must be an array of names');
        const rebind = options !== undefined && options !== null &&
            typeof options === 'object' &&
            options.allowRebind === true;
        if (!namespaces.has(namespace)) {
            if (hasOwn(api, namespace))
                throw new TypeErrorNow(`auroraview.${namespace} is taken`);
            const made = makeNamespace(namespace);
            namespaces.set(namespace, made);
            define(api, namespace, {__proto__: null, value: made.proxy, enumerable: true,
                configurable: false, writable: false});
        }
        const {target} = namespaces.get(namespace);
        for (let i = 0; i < methods.length; i++) {
            const method = StringNow(methods[i]);
            bound.set(`${namespace}.${method}`, true);
            if (rebind)
                delete target[method];
        }
    }

    // The host's list: {namespace: [method, …]}, "" for those without one.
    takeMethods = (list_) => {
        if (list_ === null || typeof list_ !== 'object')
            return;
        const names = ownKeys(list_);
        for (let i = 0; i < names.length; i++) {
            const methods = list_[names[i]];
            if (!isArray(methods))
                continue;
            if (names[i] === '') {
                for (let n = 0; n < methods.length; n++)
                    bound.set(StringNow(methods[n]), true);
            } else if (namespaces.has(names[i]) || !hasOwn(api, names[i])) {
                registerApiMethods(names[i], methods);
            } else {
                warn(`auroraview: the host's "${names[i]}" is taken; ` +
                    `use call("${names[i]}.…")`);
            }
        }
        // Its own task: a listener runs when all of this packet has been read.
        setTimer(() => dispatchDom(new CustomEventNow('auroraview-api-ready',
            {__proto__: null, detail: api})), 0);
    };

    function boundMethods() {
        const out_ = {__proto__: null};
        bound.forEach((_, name) => { out_[name] = true; });
        return freeze(out_);
    }

    function setConfig(changes) {
        if (changes === null || typeof changes !== 'object')
            throw new TypeErrorNow('auroraview: setConfig() takes an object');
        if (changes.callTimeoutMs !== undefined)
            calls.config.callTimeoutMs =
                checkTimeout(changes.callTimeoutMs, 'callTimeoutMs');
        return currentConfig();
    }

    function currentConfig() {
        return freeze({callTimeoutMs: calls.config.callTimeoutMs});
    }

    function debounce(fn, ms) {
        let waiting = 0;
        return function (...args) {
            clearTimer(waiting);
            waiting = setTimer(() => apply(fn, this, args), ms);
        };
    }

    // At once, then at most every `ms`; the last call of a burst is not lost.
    function throttle(fn, ms) {
        let next = -Infinity;
        let waiting = 0;
        let last;
        return function (...args) {
            const at = now();
            last = () => apply(fn, this, args);
            if (waiting !== 0)
                return;
            if (at >= next) {
                next = at + ms;
                last();
                return;
            }
            waiting = setTimer(() => {
                waiting = 0;
                next = now() + ms;
                last();
            }, next - at);
        };
    }

    function onlyOnce(fn) {
        let done = false;
        let result;
        return function (...args) {
            if (!done) {
                done = true;
                result = apply(fn, this, args);
            }
            return result;
        };
    }

    function stats() {
        return {
            ...calls.stats(),
            keptEvents: mapSize(kept),
            droppedKeptEvents: droppedIn,
            droppedSentEvents: droppedOut,
            unheardEvents: unheard,
            listenerErrors,
            link: parse(native('?')),
        };
    }

    const api = {
        call,
        invoke,
        invokeCommand: invoke,
        send_event: sendEvent,
        emit: sendEvent,
        on: (event, fn) => addListener(event, fn, false),
        once: (event, fn) => addListener(event, fn, true),
        off(event, fn) {
            removeListeners(event, (entry) => fn === undefined || entry.fn === fn);
        },
        trigger,
        whenReady: () => new PromiseNow((resolve) => resolve(api)),
        isReady: () => true,
        _ready: true,
        setConfig,
        _registerApiMethods: registerApiMethods,
        isMethodBound: (name) => bound.has(name),
        getBoundMethods() {
            const out_ = [];
            bound.forEach((_, name) => {
                define(out_, out_.length, {__proto__: null, value: name,
                    writable: true, enumerable: true, configurable: true});
            });
            return out_;
        },
        get _boundMethods() {
            return boundMethods();
        },
        utils: freeze({debounce, throttle, once: onlyOnce}),
        onDebounced: (event, fn, ms) => addListener(event, debounce(fn, ms), false),
        onThrottled: (event, fn, ms) => addListener(event, throttle(fn, ms), false),
        stats,
    };
    registerApiMethods('api', []);

    define(globalThis, 'auroraview', {__proto__: null, value: api,
        enumerable: true, writable: false, configurable: false});
    define(globalThis, '__AURORAVIEW_CONFIG__', {__proto__: null,
        get: currentConfig, set: setConfig, enumerable: false, configurable: true});

    // Native code spins for answers only while somebody looks at the page.
    const page = document;
    const isHidden = getter(Document.prototype, 'hidden');
    const tellHidden = () => native(isHidden(page) ? 'h' : 'v');
    page.addEventListener('visibilitychange', tellHidden);
    tellHidden();

    // What nobody caught goes to the host's log: its developer has no console.
    // The page may lie here, as anywhere; it can only mislead its own developer.
    function tellError(message, source, line) {
        try {
            post('J', line >>> 0, plainText(slice(StringNow(source), 0, 256)),
                plainText(slice(StringNow(message), 0, 4096)));
        } catch (_) {
            // Something without a text was thrown.
        }
    }
    globalThis.addEventListener('error', (event) => {
        if (event.message) // not a resource that failed to load
            tellError(event.message, event.filename, event.lineno);
    });
    globalThis.addEventListener('unhandledrejection', (event) => {
        const {name, message} = describe(event.reason);
        tellError(`Unhandled rejection: ${name}: ${message}`, '', 0);
    });

    // A task after DOMContentLoaded, so that listeners added in a handler of
    // that event are in time.
    const announce = () => setTimer(() => dispatchDom(new CustomEventNow(
        'auroraviewready', {__proto__: null, detail: api})), 0);
    if (document.readyState === 'loading')
        globalThis.addEventListener('DOMContentLoaded', announce, {once: true});
    else
        announce();

    return deliver;
})
