/*
 * values.js - names and values, to the wire and from it.
 *
 * JSON text with the binary values beside it as parts: where one belongs stands
 * {"$auv": N}. Only in a message that has parts, objects of the page with an
 * own "$auv" become {"$auv": ["esc", object]}; a message without parts is
 * plain JSON and is never walked on arrival.
 */
(function (builtins, inlineLimit) {
    'use strict';

    const {
        stringify, TypeErrorNow, Uint8ArrayNow, isArray, isView,
        getPrototype, ownKeys, hasOwn, objectPrototype, slice, charCode,
        encodeText, toStringTag, mapSize, typedBuffer,
        typedOffset, typedBytes, typedName, typedSet, typedKeys, dataViewBuffer,
        dataViewOffset, dataViewBytes, bufferBytes, blobSize, blobBytes, then,
        list, safeMap, makeError,
    } = builtins;

    const MAX_PARTS = 64; // AUV_MAX_PARTS
    const MAX_NAME = 1024; // AUV_MAX_NAME, bytes
    const MAX_PART = 2 ** 30; // AUV_MAX_PAYLOAD, bytes

    // Wire numbers: auv_part_type in message.h.
    const viewType = {
        __proto__: null, Uint8Array: 1, Int8Array: 2, Uint8ClampedArray: 3,
        Uint16Array: 4, Int16Array: 5, Uint32Array: 6, Int32Array: 7,
        Float32Array: 8, Float64Array: 9, BigUint64Array: 10, BigInt64Array: 11,
    };
    const viewMaker = list(
        null, Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array,
        Uint32Array, Int32Array, Float32Array, Float64Array, BigUint64Array,
        BigInt64Array);

    // ---- names ----

    const names = safeMap(); // name -> percent-encoded

    function wireName(name, what) {
        let encoded = typeof name === 'string' ? names.get(name) : undefined;
        if (encoded !== undefined)
            return encoded;
        if (typeof name !== 'string' || name === '')
            throw new TypeErrorNow(`auroraview: ${what} must be a non-empty string`);
        const clean = wellFormed(name);
        encoded = encodeText(clean);
        let bytes = 0;
        for (let i = 0; i < encoded.length; i++, bytes++) {
            if (charCode(encoded, i) === 0x25)
                i += 2;
        }
        if (bytes > MAX_NAME)
            throw makeError('TooLarge', `${what} is longer than ${MAX_NAME} bytes`, -9);
        if (mapSize(names) >= 512)
            names.clear();
        names.set(name, encoded);
        return encoded;
    }

    // Text with every lone surrogate replaced: UTF-8 has no form for them.
    function wellFormed(text) {
        let out = '';
        let from = 0;
        for (let i = 0; i < text.length; i++) {
            const unit = charCode(text, i);
            if (unit < 0xd800 || unit > 0xdfff)
                continue;
            const next = i + 1 < text.length ? charCode(text, i + 1) : 0;
            if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) {
                i++;
                continue;
            }
            out += slice(text, from, i) + '\ufffd';
            from = i + 1;
        }
        return from === 0 ? text : out + slice(text, from);
    }

    // ---- values to the wire ----

    // Of the message that encode() has made last; `blobs`, if not null, are
    // those of its buffers that are not read yet: {at, blob, size}.
    const parts = {__proto__: null, text: '', buffers: list(), blobs: null};

    function encode(value) {
        parts.text = '';
        parts.blobs = null;
        if (value !== null && typeof value === 'object') {
            let binary;
            try {
                binary = mayHoldBinary(value);
            } catch (_) {
                // Too deep or circular: the slow way says which.
                binary = true;
            }
            if (binary)
                return encodeBinary(value);
        }
        return stringify(value) ?? '';
    }

    // Whether a plain walk finds something that JSON.stringify alone could get
    // wrong. Objects with toJSON() count: only calling it would tell.
    function mayHoldBinary(value) {
        if (isArray(value)) {
            for (let i = 0; i < value.length; i++) {
                const item = value[i];
                if (item !== null && typeof item === 'object' && mayHoldBinary(item))
                    return true;
            }
            return false;
        }
        const prototype = getPrototype(value);
        if (prototype !== objectPrototype && prototype !== null) {
            if (isView(value) || value[toStringTag] in special)
                return true;
        }
        if (typeof value.toJSON === 'function')
            return true;
        const keys = ownKeys(value);
        for (let i = 0; i < keys.length; i++) {
            const item = value[keys[i]];
            if (item !== null && typeof item === 'object' && mayHoldBinary(item))
                return true;
        }
        return false;
    }

    // By tag: what is binary, and what JSON would turn into {} without a word.
    const special = {
        __proto__: null, ArrayBuffer: true, Blob: true, File: true,
        SharedArrayBuffer: 'send a copy, new Uint8Array(it).slice()',
        Promise: 'await it first', Map: 'send [...it]', Set: 'send [...it]',
        WeakMap: 'it cannot be read', WeakSet: 'it cannot be read',
        ImageData: 'send its data', ImageBitmap: 'draw it and send the bytes',
        ReadableStream: 'send its chunks',
    };

    function encodeBinary(value) {
        let text = encodeWith(value, false);
        // Rare (a toJSON() hid the binary): now it is known that escapes are due.
        if (text === null)
            text = encodeWith(value, true);
        return text ?? '';
    }

    // With `escape` unknown at first: objects that own "$auv" need the escape
    // only in messages with parts. null: run again with escape.
    function encodeWith(value, escape) {
        const found = list(); // what partOf() gives
        let unescaped = false;
        let escaped = null; // Map of the arrays that carry an escaped object

        const out = stringify(value, function (key, item) {
            if (item === null || typeof item !== 'object')
                return item;
            const part = partOf(item);
            if (part !== null) {
                const n = found.length;
                if (n >= MAX_PARTS)
                    throw makeError('TooLarge',
                        `a message carries at most ${MAX_PARTS} binary parts`, -9);
                found[n] = part;
                return {__proto__: null, $auv: n};
            }
            if (isArray(item) || !hasOwn(item, '$auv'))
                return item;
            if (!escape) {
                unescaped = true;
                return item;
            }
            if (escaped !== null && escaped.has(this))
                return item;
            const carrier = list('esc', item);
            escaped ??= safeMap();
            escaped.set(carrier, true);
            return {__proto__: null, $auv: carrier};
        });
        if (unescaped && found.length > 0)
            return null;
        setParts(found);
        return out;
    }

    function setParts(found) {
        let text = '';
        const buffers = list();
        let blobs = null;
        for (let i = 0; i < found.length; i++) {
            if (found[i].blob !== null) {
                blobs ??= list();
                blobs[blobs.length] = {at: i, blob: found[i].blob, size: found[i].length};
            }
        }
        for (let i = 0; i < found.length; i++) {
            const {type, length} = found[i];
            let {buffer, offset} = found[i];
            if (blobs !== null && buffer !== null) {
                // The message leaves later, and the page may write to it now.
                buffer = copyOf(buffer, offset, length);
                offset = 0;
            }
            text += `${i === 0 ? '' : ';'}${type},${offset},${length}`;
            buffers[i] = buffer;
        }
        parts.text = text;
        parts.buffers = buffers;
        parts.blobs = blobs;
    }

    const cannot = (what, instead) => new TypeErrorNow(
        `auroraview: ${what} cannot be sent${instead ? `; ${instead}` : ''}`);

    // {type, buffer, offset, length, blob} of a binary value, else null. Of a
    // blob the buffer is still missing.
    function partOf(value) {
        if (isView(value))
            return partOfView(value);
        const prototype = getPrototype(value);
        if (prototype === objectPrototype || prototype === null)
            return null;
        const tag = value[toStringTag];
        const known = special[tag];
        if (known === undefined)
            return null;
        if (known !== true)
            throw cannot(`a ${tag}`, known);
        let length;
        if (tag === 'ArrayBuffer') {
            try {
                length = bufferBytes(value);
            } catch (_) {
                return null; // only says that it is one
            }
            if (length === 0)
                checkAttached(value);
            return part(0, value, 0, length);
        }
        try {
            length = blobSize(value);
        } catch (_) {
            return null;
        }
        if (length > MAX_PART)
            throw makeError('TooLarge', `a ${tag} of ${length} bytes is over the limit`, -9);
        return {type: 0, buffer: null, offset: 0, length, blob: value};
    }

    function partOfView(value) {
        const name = typedName(value);
        if (name === undefined) {
            let length;
            try {
                length = dataViewBytes(value);
            } catch (_) {
                throw cannot('a DataView whose buffer is detached or has shrunk');
            }
            return part(0, dataViewBuffer(value), dataViewOffset(value), length);
        }
        const type = viewType[name];
        if (type === undefined)
            throw cannot(`a ${name}`);
        const length = typedBytes(value);
        if (length === 0) {
            try {
                typedKeys(value);
            } catch (_) {
                throw cannot(`a ${name} whose buffer is detached or has shrunk`);
            }
        }
        return part(type, typedBuffer(value), typedOffset(value), length);
    }

    // A detached buffer says that it has 0 bytes.
    function checkAttached(buffer) {
        try {
            new Uint8ArrayNow(buffer);
        } catch (_) {
            throw cannot('a detached ArrayBuffer');
        }
    }

    function part(type, buffer, offset, length) {
        if (buffer[toStringTag] === 'SharedArrayBuffer')
            throw cannot('a SharedArrayBuffer', special.SharedArrayBuffer);
        // Reading the bytes from native code pins a buffer: it could no longer
        // be transferred to a worker. So small ones go by copy.
        if (length < inlineLimit)
            return {type, buffer: copyOf(buffer, offset, length), offset: 0, length, blob: null};
        return {type, buffer, offset, length, blob: null};
    }

    function copyOf(buffer, offset, length) {
        const copy = new Uint8ArrayNow(length);
        if (length > 0)
            typedSet(copy, new Uint8ArrayNow(buffer, offset, length));
        return typedBuffer(copy);
    }

    // Read the blobs into the buffers, then call done() or failed(error), once.
    function readBlobs(blobs, buffers, done, failed) {
        let left = blobs.length;
        const fail = (error) => {
            if (left > 0)
                failed(error);
            left = 0;
        };
        for (let i = 0; i < blobs.length; i++) {
            const {at, blob, size} = blobs[i];
            then(blobBytes(blob), (buffer) => {
                if (bufferBytes(buffer) !== size) {
                    fail(cannot('a Blob that has changed'));
                    return;
                }
                buffers[at] = buffer;
                if (--left === 0)
                    done();
            }, fail);
        }
    }

    // ---- values from the wire ----

    function decode(value, types, buffers, first) {
        if (types === 0)
            return value;
        const made = list();
        for (let i = 0; i < types.length; i++) {
            const Maker = viewMaker[types[i]];
            const buffer = buffers[first + i];
            made[i] = Maker === null ? buffer : new Maker(buffer);
        }
        return revive(value, made);
    }

    function revive(value, made) {
        if (value === null || typeof value !== 'object')
            return value;
        if (isArray(value)) {
            for (let i = 0; i < value.length; i++)
                value[i] = revive(value[i], made);
            return value;
        }
        if (hasOwn(value, '$auv')) {
            const mark = value.$auv;
            if (typeof mark === 'number' && hasOwn(made, mark))
                return made[mark];
            if (isArray(mark) && mark.length === 2 && mark[0] === 'esc')
                return reviveFields(mark[1], made);
            throw makeError('ProtocolError', 'a message names a part that it lacks', -17);
        }
        return reviveFields(value, made);
    }

    function reviveFields(object, made) {
        const keys = ownKeys(object);
        for (let i = 0; i < keys.length; i++)
            object[keys[i]] = revive(object[keys[i]], made);
        return object;
    }

    // Any text as a field of a record.
    function plainText(text) {
        return encodeText(wellFormed(text));
    }

    // "type,offset,length;…" as a flat list of numbers.
    function readParts(text) {
        const numbers = list();
        let value = 0;
        for (let i = 0; i < text.length; i++) {
            const unit = charCode(text, i);
            if (unit >= 0x30 && unit <= 0x39) {
                value = value * 10 + unit - 0x30;
            } else {
                numbers[numbers.length] = value;
                value = 0;
            }
        }
        if (text !== '')
            numbers[numbers.length] = value;
        return numbers;
    }

    return {__proto__: null, wireName, plainText, parts, encode, decode, readBlobs, readParts};
})
