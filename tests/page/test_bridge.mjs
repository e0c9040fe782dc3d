// bridge.js: calls, events, scripts. What plays the native side: document.mjs.
import {test} from 'node:test';
import assert from 'node:assert/strict';
import {open, record, joined, tick, until, plain, rejection} from './document.mjs';

test('a call is one record, its reply resolves the promise', async () => {
    const doc = open();
    const promise = doc.run('auroraview.call("sum", {a: 1, b: [2, 3]})');
    assert.equal(doc.calls, 0);
    await tick();
    assert.deepEqual(doc.sent, [{kind: 'C', id: 1, name: 'sum', parts: [],
        payload: '{"a":1,"b":[2,3]}'}]);
    doc.take([['R', 1, '', '', '{"c":6}']]);
    assert.deepEqual(plain(await promise), {c: 6});
});

test('records arrive as a string, as bytes, and in the shared bytes', async () => {
    const doc = open();
    const answers = doc.run('Promise.all(["a", "b", "c"].map((m) => auroraview.call(m)))');
    await tick();
    const utf8 = (id) => new TextEncoder().encode(joined(['R', id, '', '', '"ä𝄞\\u0000"']));
    doc.shared.fill(0x5b); // left from a longer text
    doc.shared.set(utf8(1));
    assert.ok(doc.deliver(utf8(1).length, [], undefined));
    assert.ok(doc.deliver(utf8(2), [], undefined));
    assert.ok(doc.deliver(new TextDecoder().decode(utf8(3)), [], undefined));
    assert.deepEqual(plain(await answers), ['ä𝄞\0', 'ä𝄞\0', 'ä𝄞\0']);
});

test('thousands of calls, answered in any order, some never', async () => {
    const doc = open();
    doc.run('globalThis.got = []; for (let i = 1; i <= 5000; i++)' +
        'auroraview.call("m", i).then((v) => got.push(v), (e) => got.push(-i))');
    await tick();
    const count = 5000;
    const wanted = [];
    for (let i = 0; i < count; i++) {
        const id = i * 1999 % count + 1; // each once, all over
        if (id % 10 === 0)
            continue;
        wanted.push(id);
        doc.take([['R', id, '', '', String(id)]]);
        if (id % 500 === 1)
            doc.take([['R', id, '', '', '0']]); // nobody waits for that any more
    }
    await tick();
    assert.deepEqual(plain(doc.sandbox.got), wanted);
    assert.equal(doc.run('auroraview.stats().pendingCalls'), count / 10);
    assert.equal(doc.run('auroraview.stats().lateReplies'), 10);
    doc.take([['L', 0, '', '', '{"name":"Closed"}']]);
    await tick();
    const rest = [];
    for (let id = 10; id <= count; id += 10)
        rest.push(-id);
    assert.deepEqual(plain(doc.sandbox.got).slice(wanted.length), rest);
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 0);
});

test('absent parameters and an empty answer', async () => {
    const doc = open();
    const promise = doc.run('auroraview.call("m")');
    await tick();
    assert.equal(doc.sent[0].payload, '');
    doc.take([['R', 1]]);
    assert.equal(await promise, null);
});

test('all calls of a turn leave in one native call', async () => {
    const doc = open();
    doc.run('for (let i = 0; i < 1000; i++) auroraview.call("m", i).catch(() => {})');
    await tick();
    assert.equal(doc.calls, 1);
    assert.equal(doc.sent.length, 1000);
    assert.equal(doc.sent[999].payload, '999');
});

test('an error reply becomes an Error of the page', async () => {
    const doc = open();
    const promise = doc.run('globalThis.p = auroraview.call("m")');
    await tick();
    doc.take([['F', 1, '', '', '{"name":"KeyError","message":"no x","code":-3,"data":{"k":1}}']]);
    const error = await rejection(promise);
    assert.equal(error.name, 'KeyError');
    assert.equal(error.message, 'no x');
    assert.equal(error.code, -3);
    assert.deepEqual(plain(error.data), {k: 1});
    assert.equal(await doc.run('p.catch((e) => e instanceof Error)'), true);
});

test('an answer that is no JSON rejects', async () => {
    const doc = open();
    const promise = doc.run('auroraview.call("m")');
    await tick();
    doc.take([['R', 1, '', '', '{oops']]);
    assert.equal((await rejection(promise)).name, 'ProtocolError');
});

test('answers for nobody are counted', () => {
    const doc = open();
    doc.take([['R', 77, '', '', '1']]);
    assert.equal(doc.run('auroraview.stats().lateReplies'), 1);
});

test('bad arguments reject with TypeError and send nothing', async () => {
    const doc = open();
    for (const code of ['call()', 'call("")', 'call(3)', 'call("m", null, 5)',
        'call("m", null, {timeout: -1})', 'call("m", null, {timeout: "1"})',
        'call("m", null, {timeout: NaN})', 'call("m", null, {signal: {}})',
        'call("m", 1n)']) {
        const error = await rejection(doc.run(`auroraview.${code}`));
        assert.equal(error.name, 'TypeError', code);
    }
    const circular = await rejection(doc.run(
        'const a = {}; a.a = a; auroraview.call("m", a)'));
    assert.equal(circular.name, 'TypeError');
    await tick();
    assert.equal(doc.sent.length, 0);
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 0);
});

test('a name over the limit rejects with TooLarge', async () => {
    const doc = open();
    assert.equal((await rejection(doc.run('auroraview.call("é".repeat(513))'))).name,
        'TooLarge');
    doc.run('auroraview.call("é".repeat(512)).catch(() => {})');
    await tick();
    assert.equal(doc.sent.length, 1);
});

test('a call times out, cancels, and rejects with Timeout', async () => {
    const doc = open();
    const error = await rejection(doc.run('auroraview.call("slow", null, {timeout: 10})'));
    assert.equal(error.name, 'Timeout');
    assert.equal(error.code, -4);
    await tick();
    assert.deepEqual(doc.sent.map((r) => [r.kind, r.id]), [['C', 1], ['X', 1]]);
});

test('a short deadline is kept beside long ones', async () => {
    const doc = open();
    doc.run('auroraview.call("long").catch(() => {})');
    assert.equal((await rejection(doc.run(
        'auroraview.call("short", null, {timeout: 5})'))).name, 'Timeout');
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 1);
    doc.take([['R', 1]]);
});

test('the default timeout comes from setConfig and __AURORAVIEW_CONFIG__', async () => {
    const doc = open();
    assert.equal(doc.run('auroraview.setConfig({callTimeoutMs: 5}).callTimeoutMs'), 5);
    assert.equal((await rejection(doc.run('auroraview.call("m")'))).name, 'Timeout');
    doc.run('var __AURORAVIEW_CONFIG__ = {callTimeoutMs: 7}');
    assert.equal(doc.run('__AURORAVIEW_CONFIG__.callTimeoutMs'), 7);
    assert.throws(() => doc.run('auroraview.setConfig({callTimeoutMs: "x"})'),
        {name: 'TypeError'});
    assert.throws(() => doc.run('auroraview.setConfig(null)'), {name: 'TypeError'});
});

test('an AbortSignal cancels', async () => {
    const doc = open();
    const promise = doc.run('globalThis.c = new AbortController();' +
        'auroraview.call("m", null, {signal: c.signal})');
    await tick();
    doc.run('c.abort()');
    const error = await rejection(promise);
    assert.equal(error.name, 'AbortError');
    await tick();
    assert.deepEqual(doc.sent.map((r) => r.kind), ['C', 'X']);
    doc.take([['R', 1, '', '', '1']]); // too late, harmless
    assert.equal((await rejection(doc.run(
        'auroraview.call("m", null, {signal: c.signal})'))).name, 'AbortError');
    await tick();
    assert.equal(doc.sent.length, 2);
});

test('a refused call rejects, refused events are counted with one warning', async () => {
    const doc = open();
    const promise = doc.run('auroraview.emit("e"); auroraview.call("m")');
    doc.back = joined(['F', 1, '', '', '{"name":"QueueFull","message":"full","code":-8}'],
        ['D', 3], ['D', 2]);
    assert.equal((await rejection(promise)).name, 'QueueFull');
    assert.equal(doc.run('auroraview.stats().droppedSentEvents'), 5);
    assert.equal(doc.logs.filter((l) => l[0] === 'warn').length, 1);
});

test('a lost link rejects everything that waits', async () => {
    const doc = open();
    const both = doc.run('[auroraview.call("a"), auroraview.call("b")]');
    await tick();
    doc.take([['L', 0, '', '', '{"name":"Closed","message":"gone","code":-6}']]);
    for (const promise of [both[0], both[1]])
        assert.equal((await rejection(promise)).code, -6);
});

test('send_event and emit', async () => {
    const doc = open();
    doc.run('auroraview.send_event("a", {x: 1}); auroraview.emit("b")');
    await tick();
    assert.deepEqual(doc.sent.map((r) => [r.kind, r.name, r.payload]),
        [['E', 'a', '{"x":1}'], ['E', 'b', '']]);
    assert.throws(() => doc.run('auroraview.emit("")'), {name: 'TypeError'});
    assert.throws(() => doc.run('auroraview.emit(undefined, 1)'), {name: 'TypeError'});
});

test('strange names arrive as they are; lone surrogates are replaced', async () => {
    const doc = open();
    const names = ['"quote\'', 'new\nline', 'nul\0l', '\u2028\u2029', '😀', '%41', 'a\x1eb\x1fc'];
    doc.sandbox.names = names;
    doc.run('for (const n of names) auroraview.emit(n)');
    doc.run('auroraview.emit("x\\ud800y\\udc00")');
    await tick();
    assert.deepEqual(doc.sent.map((r) => r.name), [...names, 'x\ufffdy\ufffd']);
    doc.run('globalThis.got = []; for (const n of names) auroraview.on(n, () => got.push(n))');
    doc.take(names.map((n) => ['E', 0, n, '', '1']));
    assert.deepEqual(plain(doc.sandbox.got), names);
    for (const text of ['"\n\0\u2028😀\x1e\x1f']) {
        doc.sandbox.text = text;
        doc.run('auroraview.emit("p", text); auroraview.emit("p", "\\ud800")');
    }
    await tick();
    assert.equal(JSON.parse(doc.sent.at(-2).payload), '"\n\0\u2028😀\x1e\x1f');
    assert.equal(doc.sent.at(-1).payload, '"\\ud800"');
});

test('on, off, once, unsubscribe', () => {
    const doc = open();
    doc.run('globalThis.got = []; globalThis.f = (d) => got.push(["f", d]);' +
        'auroraview.on("e", f); globalThis.un = auroraview.on("e", (d) => got.push(["g", d]));' +
        'auroraview.once("e", (d) => got.push(["o", d]))');
    doc.take([['E', 0, 'e', '', '1'], ['E', 0, 'e', '', '2']]);
    doc.run('un()');
    doc.take([['E', 0, 'e', '', '3']]);
    doc.run('auroraview.off("e", f)');
    doc.take([['E', 0, 'e', '', '4']]);
    assert.deepEqual(plain(doc.sandbox.got), [['f', 1], ['g', 1], ['o', 1], ['f', 2],
        ['g', 2], ['f', 3]]);
    assert.equal(doc.run('auroraview.stats().unheardEvents'), 1);
    assert.throws(() => doc.run('auroraview.on("e")'), {name: 'TypeError'});
    assert.throws(() => doc.run('auroraview.on("", f)'), {name: 'TypeError'});
});

test('listeners may remove each other, and throw', () => {
    const doc = open();
    doc.run('globalThis.got = []; let b;' +
        'auroraview.on("e", () => { got.push("a"); b(); throw new Error("no"); });' +
        'b = auroraview.on("e", () => got.push("b"));' +
        'auroraview.on("e", () => { got.push("c"); auroraview.on("e", () => got.push("d")); })');
    doc.take([['E', 0, 'e']]);
    assert.deepEqual(plain(doc.sandbox.got), ['a', 'c']);
    assert.equal(doc.logs.filter((l) => l[0] === 'error').length, 1);
    assert.equal(doc.run('auroraview.stats().listenerErrors'), 1);
});

test('events wait for their first listener, in order, bounded', async () => {
    const doc = open();
    for (let i = 0; i < 300; i++)
        doc.take([['E', 0, 'early', '', String(i)]]);
    doc.run('globalThis.got = []; auroraview.on("early", (d) => got.push(d))');
    assert.equal(doc.sandbox.got.length, 0);
    await tick();
    assert.deepEqual(plain(doc.sandbox.got), [...Array(256).keys()].map((i) => i + 44));
    assert.equal(doc.run('auroraview.stats().droppedKeptEvents'), 44);
    assert.equal(doc.logs.filter((l) => l[0] === 'warn').length, 1);
    doc.take([['E', 0, 'early', '', '"next"']]);
    assert.equal(doc.sandbox.got.at(-1), 'next');
});

test('once takes one kept event and leaves the rest', async () => {
    const doc = open();
    doc.take([['E', 0, 'e', '', '1'], ['E', 0, 'e', '', '2']]);
    doc.run('globalThis.got = []; auroraview.once("e", (d) => got.push(d))');
    await tick();
    assert.deepEqual(plain(doc.sandbox.got), [1]);
    doc.run('auroraview.on("e", (d) => got.push(d))');
    await tick();
    assert.deepEqual(plain(doc.sandbox.got), [1, 2]);
});

test('trigger is local; a wrapped trigger sees the events of the host', () => {
    const doc = open();
    doc.run('globalThis.got = []; auroraview.on("e", (d) => got.push(d)); auroraview.trigger("e", 1)');
    doc.run('const t = auroraview.trigger; auroraview.trigger = (n, d) => { got.push("w"); t(n, d); }');
    doc.take([['E', 0, 'e', '', '2']]);
    assert.deepEqual(plain(doc.sandbox.got), [1, 'w', 2]);
    assert.equal(doc.sent.length, 0);
});

test('api proxy and namespaces', async () => {
    const doc = open();
    doc.run('auroraview.api.open({a: 1}, {timeout: 0}).catch(() => {});' +
        'auroraview._registerApiMethods("scene", ["list"]); auroraview.scene.list(null, {timeout: 0});');
    await tick();
    assert.deepEqual(doc.sent.map((r) => [r.name, r.payload]),
        [['api.open', '{"a":1}'], ['scene.list', 'null']]);
    assert.equal(doc.run('auroraview.api.then'), undefined);
    assert.equal(doc.run('auroraview.api.f === auroraview.api.f'), true);
    assert.equal(doc.run('auroraview.isMethodBound("scene.list")'), true);
    assert.equal(doc.run('auroraview.isMethodBound("scene.x")'), false);
    assert.deepEqual(plain(doc.run('auroraview.getBoundMethods()')), ['scene.list']);
    assert.throws(() => doc.run('auroraview._registerApiMethods("call", ["x"])'), {name: 'TypeError'});
    assert.equal(await doc.run('Promise.resolve(auroraview.api).then((a) => a === auroraview.api)'), true);
});

test('readiness', async () => {
    const doc = open({readyState: 'complete'});
    let seen = 0;
    doc.page.addEventListener('auroraviewready', () => seen++);
    assert.equal(doc.run('auroraview.isReady() && auroraview._ready'), true);
    const ready = doc.run('auroraview.whenReady().then((a) => a === auroraview)');
    doc.take([['N', 0], ['Y', 0]]);
    assert.equal(await ready, true);
    await until(() => seen === 1);
    const loading = open();
    loading.page.addEventListener('DOMContentLoaded', () =>
        loading.page.addEventListener('auroraviewready', () => seen++));
    loading.page.dispatchEvent(new Event('DOMContentLoaded'));
    await until(() => seen === 2);
});

test('window.auroraview cannot be replaced', () => {
    const doc = open();
    doc.run('auroraview_ = auroraview; try { auroraview = 1 } catch {} delete globalThis.auroraview');
    assert.equal(doc.run('auroraview === auroraview_'), true);
    const d = doc.run('Object.getOwnPropertyDescriptor(globalThis, "auroraview")');
    assert.equal(d.writable || d.configurable, false);
});

test('binary values become parts, and come back as what they are', async () => {
    const doc = open();
    const cases = {
        'new Uint8Array([1, 2])': [1, [1, 2]],
        'new Int8Array([-1])': [2, [255]],
        'new Uint8ClampedArray([300])': [3, [255]],
        'new Uint16Array([258])': [4, [2, 1]],
        'new Int16Array([-2])': [5, [254, 255]],
        'new Uint32Array([1])': [6, [1, 0, 0, 0]],
        'new Int32Array([1])': [7, [1, 0, 0, 0]],
        'new Float32Array([1])': [8, [0, 0, 128, 63]],
        'new Float64Array([1])': [9, [0, 0, 0, 0, 0, 0, 240, 63]],
        'new BigUint64Array([1n])': [10, [1, 0, 0, 0, 0, 0, 0, 0]],
        'new BigInt64Array([1n])': [11, [1, 0, 0, 0, 0, 0, 0, 0]],
        'new Uint8Array([7, 8]).buffer': [0, [7, 8]],
        'new DataView(new Uint8Array([7, 8, 9]).buffer, 1)': [0, [8, 9]],
        'new Uint8Array([7, 8, 9, 10]).subarray(1, 3)': [1, [8, 9]],
        'new Uint8Array(0)': [1, []],
    };
    for (const [code, [type, bytes]] of Object.entries(cases)) {
        doc.sent.length = 0;
        const promise = doc.run(`auroraview.call("m", {deep: [{v: ${code}}], w: 1})`);
        assert.equal(doc.sent.length, 1, code); // at once: the page may reuse it
        assert.equal(doc.sent[0].payload, '{"deep":[{"v":{"$auv":0}}],"w":1}');
        assert.deepEqual([doc.sent[0].parts[0].type, doc.sent[0].parts[0].bytes],
            [type, bytes], code);
        const buffer = doc.run(`new Uint8Array(${JSON.stringify(bytes)}).buffer`);
        doc.take([['R', doc.sent[0].id, '', String(type), '{"v":[{"$auv":0}]}']], [buffer]);
        const back = (await promise).v[0];
        const name = doc.run(code.replace(/DataView.*/, 'ArrayBuffer(2)')
            .replace(/^/, 'Object.prototype.toString.call(') + ')');
        assert.equal(Object.prototype.toString.call(back), name, code);
        assert.deepEqual([...new Uint8Array(back.buffer ?? back)], bytes, code);
    }
});

test('large views are sent in place, small ones are copied', () => {
    const doc = open();
    doc.run('globalThis.big = new Uint8Array(70000); auroraview.emit("e", [big.subarray(1)])');
    assert.equal(doc.sent[0].parts[0].buffer, doc.run('big.buffer'));
    assert.equal(doc.sent[0].parts[0].offset, 1);
    doc.run('globalThis.small = new Uint8Array(9); auroraview.emit("e", small)');
    assert.notEqual(doc.sent[1].parts[0].buffer, doc.run('small.buffer'));
    assert.equal(doc.sent[1].payload, '{"$auv":0}');
});

test('several messages with parts in one burst keep theirs apart', async () => {
    const doc = open();
    const both = doc.run('[auroraview.call("a"), auroraview.call("b")]');
    await tick();
    const b = (...x) => doc.run(`new Uint8Array(${JSON.stringify(x)}).buffer`);
    doc.run('auroraview.on("e", (d) => { globalThis.ev = d; })');
    doc.take([['R', 1, '', '1,0', '[{"$auv":1},{"$auv":0}]'],
        ['R', 99, '', '1', '{"$auv":0}'], ['E', 0, 'e', '0', '{"$auv":0}'],
        ['R', 2, '', '1', '{"$auv":0}']],
        [b(1), b(2), b(9), b(3), b(4)]);
    const first = await both[0];
    assert.deepEqual([...new Uint8Array(first[0])], [2]);
    assert.deepEqual([...first[1]], [1]);
    assert.deepEqual([...await both[1]], [4]);
    assert.deepEqual([...new Uint8Array(doc.sandbox.ev)], [3]);
});

test('own "$auv" keys are escaped in messages with parts, and only there', async () => {
    const doc = open();
    doc.run('auroraview.emit("e", {$auv: 0})');
    await tick();
    assert.equal(doc.sent[0].payload, '{"$auv":0}');
    doc.run('auroraview.emit("e", [{$auv: 5, b: {$auv: new Uint8Array(1)}}, new Uint8Array(2)])');
    assert.equal(doc.sent[1].payload,
        '[{"$auv":["esc",{"$auv":5,"b":{"$auv":["esc",{"$auv":{"$auv":0}}]}}]},{"$auv":1}]');
    const promise = doc.run('auroraview.call("m")');
    await tick();
    doc.take([['R', 1, '', '1,1', doc.sent[1].payload]],
        [doc.run('new ArrayBuffer(1)'), doc.run('new ArrayBuffer(2)')]);
    const back = await promise;
    assert.equal(back[0].$auv, 5);
    assert.equal(back[0].b.$auv.length, 1);
    assert.equal(back[1].length, 2);
});

test('messages that name missing parts, or ill-sized ones', async () => {
    const doc = open();
    for (const [types, payload, size] of [['1', '{"$auv":1}', 1], ['9', '{"$auv":0}', 3],
        ['1', '{"$auv":"length"}', 1], ['1', '{"$auv":["x",{}]}', 1]]) {
        const promise = doc.run('auroraview.call("m")');
        await tick();
        doc.take([['R', doc.sent.at(-1).id, '', types, payload]],
            [doc.run(`new ArrayBuffer(${size})`)]);
        assert.equal((await rejection(promise)).name, 'ProtocolError');
    }
});

test('too many parts', async () => {
    const doc = open();
    assert.equal((await rejection(doc.run(
        'auroraview.call("m", Array.from({length: 65}, () => new Uint8Array(1)))'))).name, 'TooLarge');
    doc.run('auroraview.call("m", Array.from({length: 64}, () => new Uint8Array(1))).catch(() => {})');
    assert.equal(doc.sent[0].parts.length, 64);
});

test('toJSON is called once, and may return binary', async () => {
    const doc = open();
    doc.run('globalThis.n = 0; auroraview.emit("e", {a: {toJSON() { n++; return {x: 1}; }}, d: new Date(0)});');
    await tick();
    assert.equal(doc.sandbox.n, 1);
    assert.equal(doc.sent[0].payload, '{"a":{"x":1},"d":"1970-01-01T00:00:00.000Z"}');
    doc.run('auroraview.emit("e", {a: {toJSON() { return new Uint8Array([5]); }}, b: {$auv: 1}})');
    assert.equal(doc.sent[1].payload, '{"a":{"$auv":0},"b":{"$auv":["esc",{"$auv":1}]}}');
});

test('deep values', async () => {
    const doc = open();
    doc.run('let d = 1; for (let i = 0; i < 1000; i++) d = [d]; auroraview.emit("e", d)');
    await tick();
    assert.equal(doc.sent[0].payload.length, 2001);
});

test('scripts of the host: values, promises, binary, errors, cancel', async () => {
    for (const granted of [true, false]) {
        const doc = open({granted});
        const value = (code) => doc.run(code);
        doc.take([['V', 1]], [], value('({a: [1, "x"]})'));
        doc.take([['V', 2]], [], undefined);
        doc.take([['V', 3]], [], value('Promise.resolve(7)'));
        doc.take([['V', 4]], [], value('new Uint8Array([1, 2])'));
        doc.take([['V', 5]], [], value('const o = {}; o.o = o; o'));
        doc.take([['V', 6]], [], value('Promise.reject(new RangeError("r"))'));
        doc.take([['T', 7]], [], value('new TypeError("t")'));
        doc.take([['T', 8]], [], 'text');
        doc.take([['T', 9]], [], value('({get name() { throw 1 }})'));
        doc.take([['V', 10]], [], value('new Promise((r) => { globalThis.later = r })'));
        doc.take([['X', 10]]);
        doc.take([['V', 11]], [], value('({get then() { throw new Error("then") }})'));
        doc.run('later(1)');
        doc.take([['V', 12]], [], value('(() => {})'));
        await tick();
        const by = Object.fromEntries(doc.sent.map((r) => [r.id, r]));
        assert.equal(by[1].payload, '{"a":[1,"x"]}');
        assert.equal(by[2].payload, 'null');
        assert.equal(by[3].payload, '7');
        assert.equal(by[4].payload, '{"$auv":0}');
        assert.deepEqual(by[4].parts[0].bytes, [1, 2]);
        for (const id of [5, 6, 7, 8, 9, 11])
            assert.equal(by[id].kind, 'F');
        assert.equal(JSON.parse(by[6].payload).name, 'RangeError');
        assert.match(JSON.parse(by[7].payload).stack, /\w/);
        assert.equal(JSON.parse(by[8].payload).message, 'text');
        assert.equal(by[10], undefined);
        assert.equal(by[12].payload, 'null');
    }
});

test('a document without a grant has nothing', () => {
    const doc = open({granted: false});
    assert.equal(doc.run('typeof auroraview'), 'undefined');
    assert.equal(doc.run('"__AURORAVIEW_CONFIG__" in globalThis'), false);
});

// Everything a hostile script might do to what bridge.js relies on.
const POLLUTION = `
    globalThis.stolen = [];
    const steal = (what) => function () { stolen.push(what); throw new Error('polluted'); };
    for (const [object, names] of [
        [Map.prototype, ['get', 'set', 'has', 'delete', 'forEach', 'clear']],
        [String.prototype, ['indexOf', 'slice', 'charCodeAt', 'split', 'replace', 'at']],
        [Array.prototype, ['push', 'pop', 'slice', 'map', 'forEach', 'join', 'indexOf']],
        [Object, ['keys', 'defineProperty', 'getPrototypeOf', 'freeze', 'create']],
        [Object.prototype, ['hasOwnProperty', 'toString', 'valueOf']],
        [Function.prototype, ['call', 'apply', 'bind']],
        [Promise.prototype, ['then', 'catch', 'finally']],
        [JSON, ['stringify', 'parse']],
        [Reflect, ['apply', 'ownKeys']],
        [console, ['warn', 'error']],
        [TextDecoder.prototype, ['decode']], [Object.getPrototypeOf(Uint8Array.prototype), ['subarray', 'slice']],
        [ArrayBuffer, ['isView']], [Array, ['isArray', 'from', 'of']],
        [globalThis, ['encodeURIComponent', 'decodeURIComponent', 'queueMicrotask',
            'setTimeout', 'clearTimeout', 'Map', 'Error', 'TypeError', 'Promise',
            'Proxy', 'String', 'Number', 'Uint8Array', 'ArrayBuffer', 'Symbol']],
    ]) for (const name of names) object[name] = steal(name);
    Object.prototype.stream = true;
    `;

test('overwritten built-ins neither break nor see anything', async () => {
    const doc = open();
    const listener = [];
    doc.sandbox.heard = (d) => { listener[listener.length] = d; };
    doc.run('globalThis.U8 = Uint8Array; globalThis.results = {};' +
        'globalThis.watch = async (name, p) => { try { results[name] = await p; } catch (e) { results[name] = e; } };');
    doc.run(POLLUTION);
    doc.run('watch("a", auroraview.call("m", {x: [1, {y: 2}]})); auroraview.emit("e", "d");' +
        'watch("b", auroraview.call("bin", {v: new U8([4])})); auroraview.on("ev", heard);' +
        'watch("c", auroraview.call("fail")); watch("t", auroraview.call("late", 1, {timeout: 5}))');
    await tick();
    assert.deepEqual(doc.sent.slice(0, 5).map((r) => [r.kind, r.name, r.payload]),
        [['C', 'm', '{"x":[1,{"y":2}]}'], ['E', 'e', '"d"'], ['C', 'bin', '{"v":{"$auv":0}}'],
            ['C', 'fail', ''], ['C', 'late', '1']]);
    const bytes = new TextEncoder().encode(joined(['E', 0, 'ev', '', '{"z":1}']));
    doc.shared.set(bytes);
    assert.ok(doc.deliver(bytes.length, [], undefined));
    assert.ok(doc.deliver(bytes, [], undefined));
    const buffer = doc.run('new U8([6]).buffer');
    doc.take([['R', 1, '', '', '{"ok":true}'], ['R', 2, '', '1', '[{"$auv":0}]'],
        ['F', 3, '', '', '{"name":"N","message":"m"}'], ['E', 0, 'ev', '', '{"z":1}']], [buffer]);
    doc.take([['V', 9]], [], doc.run('({a: 1})'));
    await until(() => doc.sandbox.results.t && doc.sandbox.results.a && doc.sandbox.results.c);
    assert.equal(doc.sandbox.results.a.ok, true);
    assert.equal(doc.sandbox.results.b[0][0], 6);
    assert.equal(doc.sandbox.results.c.name, 'N');
    assert.equal(doc.sandbox.results.t.name, 'Timeout');
    assert.equal(listener[0].z, 1);
    assert.ok(doc.sent.some((r) => r.kind === 'X' && r.id === 4));
    assert.equal(doc.sent.find((r) => r.kind === 'R').payload, '{"a":1}');
    assert.deepEqual([...doc.sandbox.stolen], []);
});

test('accessors on prototypes neither break nor see anything', async () => {
    const doc = open();
    doc.run(`
        globalThis.stolen = '';
        globalThis.bytes = new Uint8Array([1]);
        globalThis.results = {};
        globalThis.watch = async (name, p) => { try { results[name] = await p; } catch (e) { results[name] = e; } };
        const define = Object.defineProperty;
        for (const proto of [Object.prototype, Array.prototype]) {
            for (const key of ['0', '1', '2', 'resolve', 'reject', 'deadline', 'unhook',
                'method', 'fn', 'once', 'on', 'name', 'detail', 'get', 'set',
                'type', 'buffer', 'offset', 'code', 'data', '$auv', 'timeout', 'signal'])
                define(proto, key, {configurable: true, get: undefined,
                    set() { stolen += key + ' '; }});
        }
        define(Error.prototype, 'code', {set() { stolen += 'Error.code '; }});
        String.prototype[Symbol.split] = () => { stolen += 'split '; };
        Array.prototype[Symbol.iterator] = () => { stolen += 'iterator '; };
    `);
    doc.run('watch("a", auroraview.call("m", [1, 2])); watch("b", auroraview.call("bin", [bytes]));' +
        'auroraview.on("e", (d) => { results.e = d; }); watch("f", auroraview.call("f"))');
    await tick();
    const buffers = [new ArrayBuffer(1)];
    doc.take([['R', 1, '', '', '[1]'], ['R', 2, '', '0', '[{"$auv":0}]'], ['E', 0, 'e', '', '5'],
        ['F', 3, '', '', '{"name":"N","message":"m","code":4}']], buffers);
    doc.take([['V', 9]], [], 3);
    await tick();
    assert.equal(doc.sandbox.results.a.length, 1);
    assert.equal(doc.sandbox.results.b[0], buffers[0]);
    assert.equal(doc.sandbox.results.e, 5);
    assert.equal(doc.sandbox.results.f.code, 4);
    assert.deepEqual(doc.sent.map((r) => r.kind), ['C', 'C', 'C', 'R']);
    assert.equal(doc.sandbox.stolen, '');
});

test('utils', async () => {
    const doc = open();
    doc.run('globalThis.n = 0; globalThis.o = auroraview.utils.once(() => ++n); o(); o()');
    assert.equal(doc.run('n'), 1);
    doc.run('globalThis.got = []; globalThis.d = auroraview.utils.debounce((x) => got.push(x), 5); d(1); d(2)');
    doc.run('globalThis.seen = []; globalThis.t = auroraview.utils.throttle((x) => seen.push(x), 5); t(1); t(2); t(3)');
    await until(() => doc.sandbox.got.length && doc.sandbox.seen.length === 2);
    assert.deepEqual(plain(doc.sandbox.got), [2]);
    assert.deepEqual(plain(doc.sandbox.seen), [1, 3]);
});
