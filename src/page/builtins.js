/*
 * builtins.js - what the page could overwrite later, taken before it can.
 *
 * The page may replace any built-in and put accessors on any prototype. So the
 * other files use only what is listed here: functions as they were, methods
 * with their receiver as first argument, and arrays and maps that have no
 * prototype to look anything up on.
 */
(function () {
    'use strict';

    const uncurry = Function.prototype.bind.bind(Function.prototype.call);
    const stringify = JSON.stringify;
    const parse = JSON.parse;
    const PromiseNow = Promise;
    const ErrorNow = Error;
    const TypeErrorNow = TypeError;
    const StringNow = String;
    const MapNow = Map;
    const ProxyNow = Proxy;
    const ArrayBufferNow = ArrayBuffer;
    const Uint8ArrayNow = Uint8Array;
    const isArray = Array.isArray;
    const isView = ArrayBuffer.isView;
    const define = Object.defineProperty;
    const freeze = Object.freeze;
    const getPrototype = Object.getPrototypeOf;
    const setPrototype = Object.setPrototypeOf;
    const ownKeys = Object.keys;
    const hasOwn = uncurry(Object.prototype.hasOwnProperty);
    const objectPrototype = Object.prototype;
    const slice = uncurry(String.prototype.slice);
    const charCode = uncurry(String.prototype.charCodeAt);
    const encodeText = encodeURIComponent;
    const apply = Reflect.apply;
    const toStringTag = Symbol.toStringTag;
    const mapMethods = MapNow.prototype;
    const mapGet = mapMethods.get;
    const mapSet = mapMethods.set;
    const mapHas = mapMethods.has;
    const mapDelete = mapMethods.delete;
    const mapForEach = mapMethods.forEach;
    const mapClear = mapMethods.clear;
    const mapSize = getter(mapMethods, 'size');
    const typedArray = getPrototype(Uint8ArrayNow.prototype);
    const typedBuffer = getter(typedArray, 'buffer');
    const typedOffset = getter(typedArray, 'byteOffset');
    const typedBytes = getter(typedArray, 'byteLength');
    const typedName = getter(typedArray, toStringTag);
    const typedSet = uncurry(typedArray.set);
    const typedKeys = uncurry(typedArray.keys); // throws for a lost buffer
    const dataViewBuffer = getter(DataView.prototype, 'buffer');
    const dataViewOffset = getter(DataView.prototype, 'byteOffset');
    const dataViewBytes = getter(DataView.prototype, 'byteLength');
    const bufferBytes = getter(ArrayBufferNow.prototype, 'byteLength');
    const decodeText = uncurry(TextDecoder.prototype.decode);
    const decoder = new TextDecoder('utf-8', {__proto__: null, ignoreBOM: true});
    const blobSize = getter(Blob.prototype, 'size');
    const blobBytes = uncurry(Blob.prototype.arrayBuffer);
    const then = uncurry(PromiseNow.prototype.then);
    const soon = queueMicrotask.bind(globalThis);
    const setTimer = setTimeout.bind(globalThis);
    const clearTimer = clearTimeout.bind(globalThis);
    const now = performance.now.bind(performance);
    const warn = console.warn.bind(console);
    const report = console.error.bind(console);

    // Run the microtasks that are due. WebKit does so when a listener of a DOM
    // event returns and no other script is on the stack; after a call from
    // native code it would only do so a timer later.
    const checkpoint = (function () {
        const target = new EventTarget();
        const event = new Event('checkpoint');
        target.addEventListener('checkpoint', () => {});
        return EventTarget.prototype.dispatchEvent.bind(target, event);
    })();

    function getter(prototype, name) {
        return uncurry(Object.getOwnPropertyDescriptor(prototype, name).get);
    }

    function list(...items) {
        return setPrototype(items, null);
    }

    function safeMap() {
        const map = setPrototype(new MapNow(), null);
        map.get = mapGet;
        map.set = mapSet;
        map.has = mapHas;
        map.delete = mapDelete;
        map.forEach = mapForEach;
        map.clear = mapClear;
        return map;
    }

    // A map of ids that are counted up from 1, most of which go soon: the last
    // 1024 in arrays, where they cost a tenth, and what these have overtaken in a
    // map.
    function idMap() {
        const mask = 1023;
        const ids = list(); // 0: free
        const entries = list();
        const older = safeMap();
        let size = 0;
        let last = 0;
        for (let i = 0; i <= mask; i++) {
            ids[i] = 0;
            entries[i] = undefined;
        }
        return {
            __proto__: null,
            get: (id) => ids[id & mask] === id ? entries[id & mask] : older.get(id),
            set(id, entry) {
                const at = id & mask;
                if (ids[at] !== 0)
                    older.set(ids[at], entries[at]);
                ids[at] = last = id;
                entries[at] = entry;
                size++;
            },
            delete(id) {
                const at = id & mask;
                if (ids[at] === id) {
                    ids[at] = 0;
                    entries[at] = undefined;
                } else if (!older.delete(id)) {
                    return false;
                }
                size--;
                return true;
            },
            forEach(fn) {
                older.forEach(fn);
                for (let i = last + 1; i <= last + 1 + mask; i++) {
                    if (ids[i & mask] !== 0)
                        fn(entries[i & mask], ids[i & mask]);
                }
            },
            size: () => size,
        };
    }

    // The first `length` bytes of a Uint8Array, or all of them; they are UTF-8.
    function decodeBytes(bytes, length = typedBytes(bytes)) {
        return decodeText(decoder, new Uint8ArrayNow(typedBuffer(bytes),
            typedOffset(bytes), length));
    }

    // ---- errors ----

    function makeError(name, message, code, data) {
        const error = new ErrorNow(message);
        hide(error, 'name', name);
        if (code !== undefined)
            hide(error, 'code', code);
        if (data !== undefined)
            hide(error, 'data', data);
        return error;
    }

    function hide(object, name, value) {
        define(object, name, {
            __proto__: null, value, writable: true, configurable: true,
            enumerable: false,
        });
    }

    function errorFrom(reason) {
        if (reason === null || typeof reason !== 'object')
            return makeError('Error', StringNow(reason));
        return makeError(
            hasOwn(reason, 'name') ? StringNow(reason.name) : 'Error',
            hasOwn(reason, 'message') ? StringNow(reason.message) : '',
            hasOwn(reason, 'code') ? reason.code : undefined,
            hasOwn(reason, 'data') ? reason.data : undefined);
    }

    // A script may throw anything, also objects whose accessors throw.
    function describe(thrown) {
        const out = {__proto__: null, name: 'Error', message: '', stack: ''};
        try {
            if (thrown !== null && typeof thrown === 'object') {
                out.name = StringNow(thrown.name ?? 'Error');
                out.message = StringNow(thrown.message ?? '');
                out.stack = StringNow(thrown.stack ?? '');
                if (typeof thrown.code === 'number' || typeof thrown.code === 'string')
                    out.code = thrown.code;
                if (thrown.data !== undefined)
                    out.data = thrown.data;
            } else {
                out.message = StringNow(thrown);
            }
        } catch (_) {
            out.message = out.message || 'the script threw an unreadable value';
        }
        return out;
    }

    return {
        __proto__: null,
        uncurry, stringify, parse, PromiseNow, TypeErrorNow, StringNow,
        ProxyNow, Uint8ArrayNow, isArray, isView, define, freeze,
        getPrototype, ownKeys, hasOwn, objectPrototype, slice, charCode,
        encodeText, apply, toStringTag, mapSize, typedBuffer,
        typedOffset, typedBytes, typedName, typedSet, typedKeys, dataViewBuffer,
        dataViewOffset, dataViewBytes, bufferBytes, blobSize, blobBytes, then, soon, setTimer,
        clearTimer, now, warn, report, checkpoint, getter, list, safeMap,
        idMap, makeError, errorFrom, describe, decodeBytes,
    };
})
