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
        typedOffset, typedBytes, typedName, typedSet, dataViewBuffer,
        dataViewOffset, dataViewBytes, bufferBytes, list, safeMap,
        makeError,
    } = builtins;

    const MAX_PARTS = 64; // AUV_MAX_PARTS
    const MAX_NAME = 1024; // AUV_MAX_NAME, bytes

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

    const parts = {__proto__: null, text: '', buffers: list()};

    function encode(value) {
        parts.text = '';
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
            if (isView(value) || isTagged(value))
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

    function isTagged(value) {
        const tag = value[toStringTag];
        return tag === 'ArrayBuffer' || tag === 'SharedArrayBuffer' ||
            tag === 'Blob' || tag === 'File';
    }

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
        const found = list();
        let text = '';
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
                found[n] = part.buffer;
                text += `${n === 0 ? '' : ';'}${part.type},${part.offset},${part.length}`;
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
        parts.text = text;
        parts.buffers = found;
        return out;
    }

    // {type, buffer, offset, length} of a binary value, else null.
    function partOf(value) {
        if (isView(value)) {
            const name = typedName(value);
            if (name === undefined)
                return part(0, dataViewBuffer(value), dataViewOffset(value),
                    dataViewBytes(value));
            const type = viewType[name];
            if (type === undefined)
                throw new TypeErrorNow(`auroraview: ${name} cannot be sent`);
            return part(type, typedBuffer(value), typedOffset(value),
                typedBytes(value));
        }
        const prototype = getPrototype(value);
        if (prototype === objectPrototype || prototype === null || !isTagged(value))
            return null;
        const tag = value[toStringTag];
        if (tag === 'Blob' || tag === 'File')
            throw new TypeErrorNow(
                `auroraview: a ${tag} cannot be sent; send await blob.arrayBuffer()`);
        if (tag === 'SharedArrayBuffer')
            return part(0, value, 0, value.byteLength);
        let length;
        try {
            length = bufferBytes(value);
        } catch (_) {
            return null; // only says that it is one
        }
        return part(0, value, 0, length);
    }

    function part(type, buffer, offset, length) {
        // Reading the bytes from native code pins a buffer: it could no longer
        // be transferred to a worker. So small ones go by copy; shared ones
        // have no other way.
        if (length < inlineLimit || buffer[toStringTag] === 'SharedArrayBuffer') {
            const copy = new Uint8ArrayNow(length);
            if (length > 0)
                typedSet(copy, new Uint8ArrayNow(buffer, offset, length));
            return {type, buffer: typedBuffer(copy), offset: 0, length};
        }
        return {type, buffer, offset, length};
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

    return {__proto__: null, wireName, plainText, parts, encode, decode, readParts};
})
