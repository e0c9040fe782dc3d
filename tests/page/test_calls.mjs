// calls.js and values.js: commands, blobs, and what must not be sent. What plays
// the native side: document.mjs.
import {test} from 'node:test';
import assert from 'node:assert/strict';
import {mkdtempSync, openAsBlob, rmSync, utimesSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {open, tick, until, plain, rejection} from './document.mjs';

// ---- commands ----

test('invoke calls the method of a command', async () => {
    const doc = open();
    doc.run('auroraview.invoke("greet", {name: "Ann"}).then((v) => { globalThis.got = v; });' +
        'auroraview.invokeCommand("bare", undefined, {timeout: 0}).catch(() => {});');
    await tick();
    assert.deepEqual(doc.sent.map((r) => [r.kind, r.name, r.payload]),
        [['C', 'invoke:greet', '{"name":"Ann"}'], ['C', 'invoke:bare', '']]);
    doc.take([['R', 1, '', '', '"Hello"']]);
    await tick();
    assert.equal(doc.sandbox.got, 'Hello');
    for (const bad of ['""', '7', 'undefined'])
        assert.equal((await rejection(doc.run(`auroraview.invoke(${bad})`))).name, 'TypeError');
});

test('errors of commands have their code and details', async () => {
    const doc = open();
    const cases = [
        ['{"name":"CommandError","message":"m","data":{"code":"TYPE_ERROR","details":{"a":1}}}',
            ['CommandError', 'm', 'TYPE_ERROR', {a: 1}]],
        ['{"name":"CommandError","message":"m","data":{"code":"MINE"}}',
            ['CommandError', 'm', 'MINE', undefined]],
        ['{"name":"MethodNotFound","message":"x","code":-18}',
            ['CommandError', 'no such command is registered', 'COMMAND_NOT_FOUND', undefined]],
        ['{"name":"QueueFull","message":"q","code":-8}', ['QueueFull', 'q', -8, undefined]],
        ['{"name":"CommandError","message":"m","data":7}', ['CommandError', 'm', undefined, 7]],
    ];
    for (const [n, [payload, expected]] of cases.entries()) {
        const failed = rejection(doc.run('auroraview.invoke("c")'));
        doc.take([['F', n + 1, '', '', payload]]);
        const e = await failed;
        assert.deepEqual([e.name, e.message, e.code, e.data && plain(e.data)], expected);
    }
    // Of a plain call they stay as they are.
    const failed = rejection(doc.run('auroraview.call("c")'));
    doc.take([['F', cases.length + 1, '', '', cases[0][0]]]);
    assert.deepEqual(plain((await failed).data), {code: 'TYPE_ERROR', details: {a: 1}});
});

test('_boundMethods and allowRebind', () => {
    const doc = open();
    doc.run('auroraview._registerApiMethods("scene", ["list"]); globalThis.f = auroraview.scene.list');
    assert.deepEqual(plain(doc.run('auroraview._boundMethods')), {'scene.list': true});
    doc.run('auroraview._registerApiMethods("scene", ["list"])');
    assert.equal(doc.run('auroraview.scene.list === f'), true);
    doc.run('auroraview._registerApiMethods("scene", ["list"], {allowRebind: true})');
    assert.equal(doc.run('auroraview.scene.list === f'), false);
    assert.deepEqual(plain(doc.run('auroraview.getBoundMethods()')), ['scene.list']);
});

test('the host tells which methods there are', async () => {
    const doc = open();
    let told = 0;
    doc.page.addEventListener('auroraview-api-ready', (e) => {
        told += e.detail === doc.run('auroraview');
    });
    const list = JSON.stringify({'': ['ping'], tool: ['load', 'a "b"'], api: ['x'], on: ['y'], bad: 7});
    doc.take([['R', 0, '', '', list]]);
    assert.deepEqual(plain(doc.run('auroraview.getBoundMethods()')),
        ['ping', 'tool.load', 'tool.a "b"', 'api.x']);
    doc.run('auroraview.tool.load(1).catch(() => {}); auroraview.tool["a \\"b\\""]().catch(() => {})');
    await until(() => told === 1);
    assert.deepEqual(doc.sent.map((r) => r.name), ['tool.load', 'tool.a "b"']);
    assert.equal(doc.run('typeof auroraview.on'), 'function');
    assert.match(doc.logs[0][1], /"on" is taken/);
    doc.take([['R', 0, '', '', '{"tool":["load"],"more":["m"]}']]);
    assert.equal(doc.run('auroraview.isMethodBound("more.m") && auroraview.isMethodBound("tool.load")'), true);
    for (const odd of ['7', 'null', '[1]'])
        doc.take([['R', 0, '', '', odd]]);
    assert.equal(doc.run('auroraview.stats().lateReplies'), 0);
});

// ---- blobs ----

test('a Blob anywhere is sent with its bytes', async () => {
    const doc = open();
    doc.run('auroraview.call("m", {a: [new Blob(["xyz"]), new Uint8Array([7])]}).catch(() => {});' +
        'auroraview.emit("e", new Blob([]))');
    await until(() => doc.sent.length === 2);
    assert.equal(doc.sent[0].payload, '{"a":[{"$auv":0},{"$auv":1}]}');
    assert.deepEqual(doc.sent[0].parts.map((p) => [p.type, p.bytes]), [[0, [120, 121, 122]], [1, [7]]]);
    assert.deepEqual([doc.sent[1].kind, doc.sent[1].parts[0].length], ['E', 0]);
});

test('messages with blobs keep their order, others do not wait for them', async () => {
    const doc = open();
    // The first takes longer to read than the second.
    doc.run(`
        auroraview.emit("blob", new Blob(Array(1000).fill(new Uint8Array(1000))));
        auroraview.emit("plain", 1);
        auroraview.emit("blob", new Blob([])); auroraview.emit("plain", 2);`);
    await until(() => doc.sent.length === 4);
    assert.deepEqual(doc.sent.map((r) => [r.name, r.parts[0]?.length]),
        [['plain', undefined], ['plain', undefined], ['blob', 1e6], ['blob', 0]]);
});

test('beside a Blob the bytes of arrays are those of the call', async () => {
    const doc = open();
    doc.run('const big = new Uint8Array(100000).fill(1); const view = big.subarray(10, 80010);' +
        'auroraview.emit("e", [new Blob(["x"]), view, big.buffer]); big.fill(2);');
    await until(() => doc.sent.length === 1);
    const [, view, whole] = doc.sent[0].parts;
    assert.deepEqual([view.length, view.bytes.every((b) => b === 1)], [80000, true]);
    assert.deepEqual([whole.length, whole.bytes.every((b) => b === 1)], [100000, true]);
});

test('a call that ends before its Blob is read is never sent', async () => {
    const doc = open();
    const aborted = rejection(doc.run(`
        const c = new AbortController();
        const p = auroraview.call("m", new Blob(["x"]), {signal: c.signal}); c.abort(); p`));
    assert.equal((await aborted).name, 'AbortError');
    doc.run('auroraview.emit("after", new Blob(["y"]))');
    await until(() => doc.sent.length > 0);
    assert.deepEqual(doc.sent.map((r) => r.name), ['after']);
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 0);
});

test('a Blob that cannot be read rejects the call, or drops the event', async () => {
    const doc = open();
    const folder = mkdtempSync(join(tmpdir(), 'auroraview-'));
    const path = join(folder, 'file');
    writeFileSync(path, 'some text');
    doc.sandbox.file = await openAsBlob(path);
    writeFileSync(path, 'changed: its snapshot is no more');
    utimesSync(path, 1, 1);
    const failed = rejection(doc.run('auroraview.call("m", file)'));
    doc.run('auroraview.emit("e", [file, file]); auroraview.emit("next", new Blob(["x"]))');
    assert.equal((await failed).name, 'NotReadableError');
    await until(() => doc.sent.length === 1);
    rmSync(folder, {recursive: true});
    assert.equal(doc.sent[0].name, 'next');
    assert.match(doc.logs[0][1], /the event "e" was not sent/);
    assert.equal(doc.run('auroraview.stats().droppedSentEvents'), 1);
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 0);
});

test('a method of the page on a Blob is not asked', async () => {
    const doc = open();
    doc.run(`globalThis.broken = new Blob(["x"]);
        Object.defineProperty(broken, 'arrayBuffer', {value: () => { throw 1; }});
        auroraview.emit("own method", broken)`);
    await until(() => doc.sent.length === 1);
    assert.deepEqual(doc.sent[0].parts[0].bytes, [120]);
});

test('a script of the host may result in a Blob', async () => {
    const doc = open();
    doc.take([['V', 5]], [], doc.run('({b: new Blob(["x"])})'));
    await until(() => doc.sent.length === 1);
    assert.deepEqual([doc.sent[0].kind, doc.sent[0].id, doc.sent[0].parts[0].bytes], ['R', 5, [120]]);
    doc.take([['V', 6]], [], doc.run('new Blob(["x"])'));
    doc.take([['X', 6]]); // cancelled while it is read
    doc.take([['V', 7]], [], doc.run('new Blob(["x"])'));
    await until(() => doc.sent.length === 2);
    assert.equal(doc.sent[1].id, 7);
});

// ---- bad input: each has a row in docs/bridge.md ----

const JSON_RULES = [
    // In an object; alone; what arrives.
    ['undefined', '{"a":1}', ''],
    ['() => 1', '{"a":1}', ''],
    ['Symbol("s")', '{"a":1}', ''],
    ['NaN', '{"a":1,"v":null}', 'null'],
    ['-Infinity', '{"a":1,"v":null}', 'null'],
    ['-0', '{"a":1,"v":0}', '0'],
    ['new Date(0)', '{"a":1,"v":"1970-01-01T00:00:00.000Z"}', '"1970-01-01T00:00:00.000Z"'],
    ['new Date(NaN)', '{"a":1,"v":null}', 'null'],
    ['/x/', '{"a":1,"v":{}}', '{}'],
    ['new Error("e")', '{"a":1,"v":{}}', '{}'],
    ['new (class A { constructor() { this.b = 2; } get c() { return 3; } })', '{"a":1,"v":{"b":2}}', '{"b":2}'],
    ['new Proxy({b: 2}, {})', '{"a":1,"v":{"b":2}}', '{"b":2}'],
    ['[undefined, () => 1, Symbol.iterator, , NaN]', '{"a":1,"v":[null,null,null,null,null]}', '[null,null,null,null,null]'],
    ['Object("text")', '{"a":1,"v":"text"}', '"text"'],
];

test('values that JSON has its own rule for', async () => {
    const doc = open();
    for (const [value, inside, alone] of JSON_RULES) {
        doc.sent.length = 0;
        doc.run(`auroraview.emit("e", {a: 1, v: ${value}}); auroraview.emit("e", ${value}); `);
        await tick();
        assert.deepEqual(doc.sent.map((r) => r.payload), [inside, alone], value);
    }
});

const REFUSED = [
    ['10n', 'TypeError', /BigInt/],
    ['Object(10n)', 'TypeError', /BigInt/],
    ['(() => { const o = {}; o.self = [o]; return o; })()', 'TypeError', /circular|cyclic/i],
    ['new Map([[1, 2]])', 'TypeError', /a Map cannot be sent/],
    ['new Set([1])', 'TypeError', /a Set cannot be sent/],
    ['new WeakMap()', 'TypeError', /a WeakMap cannot be sent/],
    ['Promise.resolve(1)', 'TypeError', /a Promise cannot be sent; await it/],
    ['new SharedArrayBuffer(8)', 'TypeError', /a SharedArrayBuffer cannot be sent/],
    ['new Uint8Array(new SharedArrayBuffer(8))', 'TypeError', /a SharedArrayBuffer cannot be sent/],
    ['new DataView(new SharedArrayBuffer(8))', 'TypeError', /a SharedArrayBuffer cannot be sent/],
    ['detached(new ArrayBuffer(8))', 'TypeError', /a detached ArrayBuffer cannot be sent/],
    ['(() => { const v = new Float32Array(4); detached(v.buffer); return v; })()', 'TypeError', /Float32Array whose buffer is detached/],
    ['(() => { const v = new DataView(new ArrayBuffer(4)); detached(v.buffer); return v; })()', 'TypeError', /DataView whose buffer is detached/],
    ['shrunk((b) => new Uint8Array(b, 4, 4))', 'TypeError', /Uint8Array whose buffer is detached or has shrunk/],
    ['shrunk((b) => new DataView(b, 4, 4))', 'TypeError', /DataView whose buffer is detached or has shrunk/],
    ['({toJSON() { throw new RangeError("mine"); }})', 'RangeError', /mine/],
    ['({get a() { throw new RangeError("mine"); }})', 'RangeError', /mine/],
    ['(() => { let v = []; for (let i = 0; i < 1e6; i++) v = [v]; return v; })()', 'RangeError', /stack/i],
];

test('values that cannot be sent are refused, and nothing is', async () => {
    const doc = open();
    doc.run(`globalThis.detached = (b) => { structuredClone(b, {transfer: [b]}); return b; };
        globalThis.shrunk = (make) => { const b = new ArrayBuffer(8, {maxByteLength: 8});
            const v = make(b); b.resize(2); return v; };`);
    for (const [value, name, message] of REFUSED) {
        doc.run(`globalThis.value = ${value}`);
        for (const wrapped of ['value', '{deep: [value]}']) {
            const error = await rejection(doc.run(`auroraview.call("m", ${wrapped})`));
            assert.equal(error.name, name, value);
            assert.match(error.message, message, value);
            // An event throws the same, at once.
            assert.throws(() => doc.run(`auroraview.emit("e", ${wrapped})`), {name, message}, value);
        }
    }
    await tick();
    assert.equal(doc.sent.length, 0);
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 0);
});

test('empty and length-tracking views are fine', async () => {
    const doc = open();
    doc.run('const b = new ArrayBuffer(8, {maxByteLength: 8}); const v = new Uint8Array(b); b.resize(2);' +
        'auroraview.emit("e", [new ArrayBuffer(0), new Uint8Array(0), new DataView(new ArrayBuffer(0)), v])');
    await tick();
    assert.deepEqual(doc.sent[0].parts.map((p) => p.length), [0, 0, 0, 2]);
});

test('what only claims to be binary is JSON', async () => {
    const doc = open();
    for (const tag of ['ArrayBuffer', 'Blob', 'File']) {
        doc.sent.length = 0;
        doc.run(`auroraview.emit("e", {__proto__: {[Symbol.toStringTag]: "${tag}"}, a: 1})`);
        await tick();
        assert.deepEqual([doc.sent[0].payload, doc.sent[0].parts.length], ['{"a":1}', 0]);
    }
});

test('100,000 pending calls', async () => {
    const doc = open();
    doc.run(`globalThis.done = 0; globalThis.last = 0;
        for (let i = 1; i <= 100000; i++)
            auroraview.call("m", i).then((v) => { done++; last = v; }, () => {});`);
    await tick();
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 100000);
    assert.equal(doc.sent.length, 100000);
    // Half is answered, newest first; a few are asked for twice.
    for (let from = 100000; from > 50000; from -= 500)
        doc.take(Array.from({length: 500}, (_, n) => ['R', from - n, '', '', String(from - n)]));
    doc.take([['R', 100000, '', '', '1'], ['R', 50001, '', '', '1']]);
    await until(() => doc.sandbox.done === 50000);
    assert.equal(doc.sandbox.last, 50001);
    assert.equal(doc.run('auroraview.stats().lateReplies'), 2);
    doc.take([['L', 0, '', '', '{"name":"Closed","message":"lost","code":-6}']]);
    assert.equal(doc.run('auroraview.stats().pendingCalls'), 0);
});

test('100,000 calls time out together', async () => {
    const doc = open();
    doc.run(`globalThis.names = {};
        for (let i = 0; i < 100000; i++)
            auroraview.call("m", i, {timeout: 50 + i / 1e4}).catch((e) => { names[e.name] = (names[e.name] ?? 0) + 1; });`);
    await until(() => doc.sandbox.names.Timeout === 100000);
    assert.equal(doc.sent.filter((r) => r.kind === 'X').length, 100000);
});

test('an answer after the cancel is counted and changes nothing', async () => {
    const doc = open();
    const aborted = rejection(doc.run(
        'globalThis.c = new AbortController(); const p = auroraview.call("m", 1, {signal: c.signal}); c.abort(); p'));
    doc.take([['R', 1, '', '', '5']]);
    assert.equal((await aborted).name, 'AbortError');
    assert.equal(doc.run('auroraview.stats().lateReplies'), 1);
    doc.run('c.abort()');
    await tick();
    assert.deepEqual(doc.sent.map((r) => r.kind), ['C', 'X']);
});
