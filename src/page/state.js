/*
 * state.js - auroraview.state: values shared with the host, by name.
 *
 * The host's store decides the order of all writes (core/state.c). Of each key
 * at most one write is under way, with a number; until the host says that it is
 * in, what it tells of the key is older and ignored. A write that meets one
 * under way waits as a mark, so that of many only the newest is sent.
 *
 * Values are plain data of ours: what the page assigns is copied, as the host
 * gets it. What it reads of them are proxies that notice every change inside,
 * and know of which key, and of which value of that key, they are a part.
 */
(function (builtins, values, post) {
    'use strict';

    const {
        parse, stringify, TypeErrorNow, ProxyNow, isArray, define, hasOwn,
        getPrototype, objectPrototype, mapSize, soon, report, list, safeMap,
        uncurry,
    } = builtins;
    const {wireName, parts, encode, decode, readParts} = values;

    const WeakMapNow = WeakMap;
    const weakGet = uncurry(WeakMapNow.prototype.get);
    const weakSet = uncurry(WeakMapNow.prototype.set);
    const reflectGet = Reflect.get;
    const reflectSet = Reflect.set;
    const reflectDelete = Reflect.deleteProperty;
    const reflectDefine = Reflect.defineProperty;
    const bufferSlice = uncurry(ArrayBuffer.prototype.slice);

    const entries = safeMap(); // key -> {value, has, sent, dirty}
    const rawOf = new WeakMapNow(); // proxy -> object
    const proxyOf = new WeakMapNow(); // object -> {proxy, key, root}
    const dirty = safeMap(); // keys to send at the end of this turn
    const changed = safeMap(); // key -> source, listeners are told of later
    let listeners = list();
    let lastNumber = 0;
    let acked = 0; // of the next record
    let flushing = false;
    let telling = false;
    let down = false; // the link has been lost
    let complete = false;
    let waiting = list(); // for that

    // ---- values ----

    // What the host would get; undefined if JSON has no form for it.
    function copy(value) {
        if (value === null || typeof value === 'boolean' || typeof value === 'string')
            return value;
        const text = encode(value);
        const marks = parts.text;
        const buffers = parts.buffers;
        parts.text = '';
        parts.buffers = list();
        if (text === '')
            return undefined;
        if (marks === '')
            return parse(text);
        const types = list();
        const owned = list();
        const numbers = readParts(marks);
        for (let i = 0; i < buffers.length; i++) {
            types[i] = numbers[3 * i];
            owned[i] = bufferSlice(buffers[i], numbers[3 * i + 1],
                numbers[3 * i + 1] + numbers[3 * i + 2]);
        }
        return decode(parse(text), types, owned, 0);
    }

    function isContainer(value) {
        if (value === null || typeof value !== 'object')
            return false;
        if (isArray(value))
            return true;
        const prototype = getPrototype(value);
        return prototype === objectPrototype || prototype === null;
    }

    // The same JSON. Without this a listener that sets what it has heard would
    // hear of it for ever. Binary values are not compared: they may be large.
    function equal(a, b) {
        if (a === b)
            return true;
        if (!isContainer(a) || !isContainer(b))
            return false;
        const text = encode(a);
        const same = parts.text === '' && text === stringify(b);
        parts.text = '';
        return same;
    }

    // Not inside of itself: that would be no JSON any more.
    function contains(value, target) {
        if (value === target)
            return true;
        for (const key in value) {
            if (hasOwn(value, key) && isContainer(value[key]) && contains(value[key], target))
                return true;
        }
        return false;
    }

    function wrap(value, key, root) {
        if (!isContainer(value))
            return value;
        const known = weakGet(proxyOf, value);
        if (known !== undefined && known.root === root)
            return known.proxy;
        const proxy = new ProxyNow(value, {
            __proto__: null,
            get: (target, name, self) => {
                const found = reflectGet(target, name, self);
                return hasOwn(target, name) ? wrap(found, key, root) : found;
            },
            set(target, name, given) {
                const value_ = take(given, target, root);
                if (value_ === undefined && !isArray(target))
                    return this.deleteProperty(target, name);
                // Own properties only: a setter, or "__proto__", must not run.
                if (hasOwn(target, name) && equal(target[name], value_ ?? null))
                    return true;
                if (!hasOwn(target, name)) {
                    reflectDefine(target, name, {__proto__: null,
                        value: value_ ?? null, writable: true, enumerable: true,
                        configurable: true});
                } else if (!reflectSet(target, name, value_ ?? null)) {
                    return false;
                }
                markInside(key, root);
                return true;
            },
            deleteProperty(target, name) {
                const done = reflectDelete(target, name);
                markInside(key, root);
                return done;
            },
            defineProperty(target, name, descriptor) {
                if (!hasOwn(descriptor, 'value'))
                    throw new TypeErrorNow('auroraview: the state holds plain values only');
                return this.set(target, name, descriptor.value);
            },
            setPrototypeOf: () => false,
            preventExtensions: () => false,
        });
        weakSet(rawOf, proxy, value);
        weakSet(proxyOf, value, {proxy, root});
        return proxy;
    }

    // A part of the same value that moves inside of it, as sort() does, stays
    // itself; everything else is copied.
    function take(given, target, root) {
        if (given !== null && typeof given === 'object') {
            const raw = weakGet(rawOf, given);
            if (raw !== undefined && weakGet(proxyOf, raw).root === root &&
                !contains(raw, target))
                return raw;
        }
        return copy(given);
    }

    // ---- writing ----

    function entryOf(key) {
        let entry = entries.get(key);
        if (entry === undefined) {
            entry = {__proto__: null, value: undefined, has: false, sent: 0, dirty: false};
            entries.set(key, entry);
        }
        return entry;
    }

    function mark(key, source) {
        changed.set(key, source);
        if (!telling) {
            telling = true;
            soon(tell);
        }
    }

    function markInside(key, root) {
        const entry = entries.get(key);
        if (entry !== undefined && entry.has && entry.value === root)
            write(key, entry);
        // else the host, or the page, has replaced that value: it is nobody's
    }

    function write(key, entry) {
        entry.dirty = true;
        dirty.set(key, true);
        mark(key, 'javascript');
        if (!flushing) {
            flushing = true;
            soon(flush);
        }
    }

    // Also called in front of any other record, so that the host has the state
    // as it was when that was made.
    function flush() {
        flushing = false;
        if (mapSize(dirty) === 0)
            return;
        const due = list();
        dirty.forEach((_, key) => { due[due.length] = key; });
        dirty.clear();
        for (let i = 0; i < due.length; i++)
            send(due[i], entries.get(due[i]));
    }

    function send(key, entry) {
        if (entry === undefined || !entry.dirty || entry.sent !== 0 || down)
            return; // the answer to the one under way, or the next link, sends it
        let payload = '';
        let name;
        parts.text = '';
        try {
            name = wireName(key, 'the key');
            if (entry.has)
                payload = encode(entry.value);
        } catch (error) {
            // It was fine when it was assigned; a toJSON() of the page lies.
            entry.dirty = false;
            report(`auroraview: state "${key}" cannot be sent`, error);
            return;
        }
        entry.dirty = false;
        entry.sent = ++lastNumber;
        post(entry.has ? 'S' : 'U', entry.sent, name, payload);
    }

    function assign(key, given) {
        wireName(key, 'the key');
        const value = copy(given);
        if (value === undefined)
            return remove(key);
        const entry = entryOf(key);
        if (entry.has && equal(entry.value, value))
            return true;
        entry.value = value;
        entry.has = true;
        write(key, entry);
        return true;
    }

    function remove(key) {
        const entry = entries.get(key);
        if (entry === undefined || !entry.has)
            return true;
        entry.value = undefined;
        entry.has = false;
        write(key, entry);
        return true;
    }

    // ---- from the host ----

    // The host's word counts unless a write of ours is newer.
    function settle(key) {
        const entry = entries.get(key);
        if (entry === undefined || (entry.sent === 0 && !entry.dirty))
            return true;
        if (entry.sent > acked)
            return false;
        entry.sent = 0;
        if (!entry.dirty)
            return true;
        send(key, entry);
        return false;
    }

    function forget(key, entry) {
        if (!entry.has && entry.sent === 0 && !entry.dirty)
            entries.delete(key);
    }

    function fromHost(kind, key, value) {
        if (kind === 'Y')
            return synced(acked);
        const ours = !settle(key);
        const entry = kind === 'S' ? entryOf(key) : entries.get(key);
        if (entry === undefined)
            return undefined;
        if (!ours && kind === 'S') {
            entry.value = value;
            entry.has = true;
            mark(key, 'python');
        } else if (!ours && kind === 'U' && entry.has) {
            entry.value = undefined;
            entry.has = false;
            mark(key, 'python');
        }
        forget(key, entry);
        return undefined;
    }

    // All that the host has is here, and writes up to that number that were not
    // answered are refused: it has no such key.
    function synced(number) {
        refuse((entry) => entry.sent <= number, number);
        if (down) {
            down = false;
            entries.forEach((entry, key) => send(key, entry));
        }
        finish();
    }

    function refuse(matches, number) {
        const refused = list();
        entries.forEach((entry, key) => {
            if (entry.sent !== 0 && matches(entry))
                refused[refused.length] = key;
        });
        for (let i = 0; i < refused.length; i++) {
            acked = number;
            fromHost('U', refused[i]);
        }
    }

    // Should there be another link, what was under way goes again, and what is
    // written until then.
    function linkLost() {
        down = true;
        entries.forEach((entry) => {
            if (entry.sent !== 0)
                entry.dirty = true;
            entry.sent = 0;
        });
        finish();
    }

    function finish() {
        if (complete)
            return;
        complete = true;
        for (let i = 0; i < waiting.length; i++)
            waiting[i]();
        waiting = list();
    }

    function whenComplete(fn) {
        if (complete)
            fn();
        else
            waiting[waiting.length] = fn;
    }

    // ---- listeners ----

    function read(key) {
        const entry = entries.get(key);
        return entry !== undefined && entry.has ? wrap(entry.value, key, entry.value) : undefined;
    }

    function tell() {
        telling = false;
        const due = list();
        changed.forEach((source, key) => { due[due.length] = list(key, source); });
        changed.clear();
        for (let i = 0; i < due.length; i++) {
            const key = due[i][0];
            const source = due[i][1];
            const now = listeners;
            for (let n = 0; n < now.length; n++) {
                if (!now[n].on)
                    continue;
                try {
                    const fn = now[n].fn;
                    fn(key, read(key), source);
                } catch (error) {
                    report(`auroraview: a listener of state "${key}" threw`, error);
                }
            }
        }
    }

    function onChange(fn) {
        if (typeof fn !== 'function')
            throw new TypeErrorNow('auroraview: the listener must be a function');
        const entry = {fn, on: true};
        const after = list();
        for (let i = 0; i < listeners.length; i++)
            after[i] = listeners[i];
        after[after.length] = entry;
        listeners = after;
        return () => drop((other) => other === entry);
    }

    function drop(matches) {
        const after = list();
        for (let i = 0; i < listeners.length; i++) {
            if (matches(listeners[i]))
                listeners[i].on = false;
            else
                after[after.length] = listeners[i];
        }
        listeners = after;
    }

    // ---- auroraview.state ----

    function keys() {
        const out = [];
        entries.forEach((entry, key) => {
            if (entry.has)
                define(out, out.length, {__proto__: null, value: key,
                    writable: true, enumerable: true, configurable: true});
        });
        return out;
    }

    function toJSON() {
        const out = {};
        entries.forEach((entry, key) => {
            if (entry.has)
                define(out, key, {__proto__: null, value: copy(entry.value),
                    writable: true, enumerable: true, configurable: true});
        });
        return out;
    }

    const methods = {
        __proto__: null, onChange, toJSON, keys,
        offChange: (fn) => drop((entry) => fn === undefined || entry.fn === fn),
    };

    const state = new ProxyNow({__proto__: null}, {
        __proto__: null,
        get(_, key) {
            if (typeof key !== 'string')
                return undefined;
            return methods[key] ?? read(key);
        },
        set(_, key, value) {
            if (typeof key !== 'string' || key in methods)
                throw new TypeErrorNow('auroraview: that key cannot be set');
            return assign(key, value);
        },
        has: (_, key) => typeof key === 'string' && (key in methods || read(key) !== undefined),
        deleteProperty: (_, key) => typeof key === 'string' && remove(key),
        ownKeys: keys,
        getOwnPropertyDescriptor(_, key) {
            const value = typeof key === 'string' ? read(key) : undefined;
            return value === undefined ? undefined
                : {__proto__: null, value, writable: true, enumerable: true, configurable: true};
        },
        defineProperty() {
            throw new TypeErrorNow('auroraview: assign to the state');
        },
        setPrototypeOf: () => false,
        preventExtensions: () => false,
    });

    return {
        __proto__: null, state, flush, fromHost, linkLost, whenComplete,
        // A write that could not leave this process.
        refused: (number) => refuse((entry) => entry.sent === number, number),
        acked(number) { acked = number; },
        isDirty: () => mapSize(dirty) > 0,
    };
})
