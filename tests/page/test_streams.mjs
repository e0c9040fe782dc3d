// state.js and channel.js. What plays the native side: document.mjs.
import {test} from 'node:test';
import assert from 'node:assert/strict';
import {open, tick, until, plain, rejection} from './document.mjs';

const state = (doc) => plain(doc.run('auroraview.state.toJSON()'));
const ofKind = (doc, ...kinds) => doc.sent.filter((r) => kinds.includes(r.kind));
const short = (records) => records.map((r) => [r.kind, r.id, r.name, r.payload]);

// ---- state ----

test('state: what the host sends is read, listened to and taken away', async () => {
    const doc = open();
    doc.run('globalThis.heard = []; auroraview.state.onChange((...a) => heard.push(a))');
    doc.take([['N', 0], ['S', 0, 'a', '', '{"x":[1,2]}'], ['N', 0], ['S', 0, 'n', '', '3'],
        ['N', 0], ['Y', 0]]);
    assert.deepEqual(plain(doc.run('[auroraview.state.a.x[1], auroraview.state.n]')), [2, 3]);
    assert.deepEqual(plain(doc.run('auroraview.state.keys()')), ['a', 'n']);
    assert.deepEqual(plain(doc.run('Object.keys(auroraview.state)')), ['a', 'n']);
    await tick();
    assert.deepEqual(plain(doc.run('heard')), [['a', {x: [1, 2]}, 'python'], ['n', 3, 'python']]);
    doc.take([['N', 0], ['U', 0, 'a']]);
    assert.equal(doc.run('"a" in auroraview.state'), false);
    assert.deepEqual(ofKind(doc, 'S', 'U'), []);
});

test('state: writes, nested writes and deletes go out once for each key and turn', async () => {
    const doc = open();
    doc.run(`
        const s = auroraview.state;
        s.k = {n: 1, list: [{v: 1}, {v: 2}], deep: {a: {b: {}}}};
        s.k.n = 2; s.k.list[1].v = 5; s.k.list.push({v: 3}); s.k.list.shift();
        s.k.deep.a.b.c = [1]; s.k.deep.a.b.c[0]++; delete s.k.n;
        s.gone = 1; delete s.gone;
    `);
    await tick();
    assert.deepEqual(short(ofKind(doc, 'S', 'U')), [
        ['S', 1, 'k', '{"list":[{"v":5},{"v":3}],"deep":{"a":{"b":{"c":[2]}}}}'],
        ['U', 2, 'gone', '']]);
});

test('state: it leaves in front of what the page does next', async () => {
    const doc = open();
    doc.run('auroraview.state.a = 1; auroraview.emit("x", {b: new Uint8Array([7])}); ' +
        'auroraview.state.a = 2; auroraview.call("m").catch(() => {})');
    await tick();
    assert.deepEqual(doc.sent.map((r) => r.kind), ['S', 'E', 'C']);
    assert.deepEqual(doc.sent[1].parts[0].bytes, [7]);
    doc.take([['N', 1], ['A', 0, 'a']]);
    await tick();
    assert.deepEqual(short(ofKind(doc, 'S')), [['S', 1, 'a', '1'], ['S', 2, 'a', '2']]);
});

test('state: what the page reads or assigned is a copy, and the value its own', async () => {
    const doc = open();
    const run = doc.run;
    run('globalThis.s = auroraview.state; globalThis.o = {n: 1}; s.a = o; o.n = 2');
    assert.equal(run('s.a.n'), 1);
    run('s.b = s.a; s.b.n = 9');
    assert.deepEqual(state(doc), {a: {n: 1}, b: {n: 9}});
    run('globalThis.old = s.a; s.a = {n: 5}; old.n = 77');
    assert.equal(run('s.a.n'), 5);
    run('s.list = [{v: 3}, {v: 1}, {v: 2}]; globalThis.third = s.list[2]; ' +
        's.list.sort((a, b) => a.v - b.v); third.v = 20');
    assert.deepEqual(state(doc).list, [{v: 1}, {v: 20}, {v: 3}]);
    assert.equal(run('s.list === s.list && s.list[0] === s.list[0]'), true);
    run('s.a.self = s.a');
    assert.deepEqual(state(doc).a, {n: 5, self: {n: 5}});
    assert.equal(run('JSON.stringify(s.a)'), '{"n":5,"self":{"n":5}}');
});

test('state: bad values, names and built-ins', async () => {
    const doc = open();
    const bad = (code) => assert.equal(doc.run(`try { ${code}; '' } catch (e) { e.name }`),
        'TypeError', code);
    bad('auroraview.state.a = 1n');
    bad('const c = {}; c.c = c; auroraview.state.a = c');
    bad('auroraview.state.onChange = 1');
    bad('auroraview.state[Symbol.iterator] = 1');
    bad('auroraview.state[""] = 1');
    bad('auroraview.state.onChange(1)');
    bad('Object.defineProperty(auroraview.state, "x", {get() {}})');
    assert.deepEqual(state(doc), {});
    doc.run(`const s = auroraview.state;
        s.a = {n: NaN, u: undefined, f() {}, d: new Date(0)}; s.u = undefined; s.f = () => {};
        s['__proto__'] = {polluted: true}; s.p = {}; s.p['__proto__'] = {polluted: true}`);
    assert.equal(doc.run('({}).polluted'), undefined);
    await tick();
    assert.deepEqual(short(ofKind(doc, 'S')), [
        ['S', 1, 'a', '{"n":null,"d":"1970-01-01T00:00:00.000Z"}'],
        ['S', 2, '__proto__', '{"polluted":true}'],
        ['S', 3, 'p', '{"__proto__":{"polluted":true}}']]);
    doc.run(`Map.prototype.get = WeakMap.prototype.get = () => { throw 1 };
        Array.prototype[Symbol.iterator] = function () { throw 1 };
        auroraview.state.q = [1]; auroraview.state.q.push(2)`);
    await tick();
    assert.equal(ofKind(doc, 'S').at(-1).payload, '[1,2]');
});

test('state: binary values travel as parts, both ways', async () => {
    const doc = open();
    doc.run('globalThis.bytes = new Uint16Array([1, 2, 3]); ' +
        'auroraview.state.a = {b: bytes.subarray(1)}; bytes[1] = 9');
    await tick();
    assert.equal(doc.sent[0].payload, '{"b":{"$auv":0}}');
    assert.deepEqual(doc.sent[0].parts.map((p) => [p.type, p.bytes]), [[4, [2, 0, 3, 0]]]);
    doc.take([['N', 0], ['S', 0, 'h', '1', '[{"$auv":0}]']], [new Uint8Array([5]).buffer]);
    assert.deepEqual([...doc.run('auroraview.state.h[0]')], [5]);
});

test('state: a listener that sets what it heard ends; one that throws or leaves too', async () => {
    const doc = open();
    doc.run(`globalThis.n = 0; const s = auroraview.state;
        s.onChange((key, value) => { n++; if (n > 50) throw Error('echo'); s.other = {a: 1};
            s.other.a = 1; });
        s.onChange(() => { throw Error('mine'); });
        const off = s.onChange(() => { n += 1000; }); off();
        s.a = 1`);
    await tick();
    assert.equal(doc.run('n'), 2);
    assert.equal(doc.logs.filter((l) => String(l).includes('mine')).length, 2);
});

test('state: an older value of the host does not undo a newer one of the page', async () => {
    const doc = open();
    doc.run('auroraview.state.a = "mine"');
    await tick();
    doc.take([['N', 0], ['S', 0, 'a', '', '"older"']]);
    assert.deepEqual(state(doc), {a: 'mine'});
    doc.run('auroraview.state.a = "mine 2"; auroraview.state.a = "mine 3"');
    await tick();
    assert.equal(ofKind(doc, 'S').length, 1, 'one write of a key under way');
    doc.take([['N', 1], ['S', 0, 'a', '', '"between"']]);
    assert.deepEqual(state(doc), {a: 'mine 3'});
    assert.deepEqual(short(ofKind(doc, 'S')).at(-1), ['S', 2, 'a', '"mine 3"']);
    doc.take([['N', 2], ['S', 0, 'a', '', '"newer"']]);
    assert.deepEqual(state(doc), {a: 'newer'});
});

test('state: a write that the host refuses is taken back', async () => {
    const doc = open();
    doc.run('auroraview.state.a = 1');
    await tick();
    doc.take([['N', 1], ['Y', 0]]);
    assert.deepEqual(state(doc), {});
});

test('state: a write that cannot be sent is taken back, one that the link lost goes again', async () => {
    const doc = open();
    doc.run('auroraview.state.a = 1; auroraview.state.b = 2');
    await tick();
    doc.take([['K', 1]]);
    assert.deepEqual(state(doc), {b: 2});
    doc.take([['L', 0, '', '', '{"name":"Closed"}']]);
    doc.run('auroraview.state.c = 3; auroraview.emit("x")');
    await tick();
    assert.equal(ofKind(doc, 'S').length, 2);
    assert.deepEqual(state(doc), {b: 2, c: 3});
    doc.take([['N', 0], ['S', 0, 'b', '', '"older"'], ['N', 0], ['Y', 0]]);
    await tick();
    assert.deepEqual(short(ofKind(doc, 'S')).slice(2), [['S', 3, 'b', '2'], ['S', 4, 'c', '3']]);
    doc.take([['N', 3], ['A', 0, 'b']]);
    assert.deepEqual(state(doc), {b: 2, c: 3});
});

test('state: whenReady() waits for the host\'s values, or for the end of the link', async () => {
    for (const last of [['Y', 0], ['L', 0, '', '', '{"name":"Closed"}']]) {
        const doc = open();
        doc.run('globalThis.was = []; ' +
            'auroraview.whenReady().then((a) => was.push(a.state.a ?? null))');
        await tick();
        assert.deepEqual(plain(doc.run('was')), []);
        doc.take([['N', 0], ['S', 0, 'a', '', '1'], ['N', 0], last]);
        await tick();
        assert.deepEqual(plain(doc.run('was')), [1]);
    }
});

// The host's store as core/state.c keeps it, with links that deliver late.
class Store {
    values = new Map();
    owed = new Map(); // key -> frames are made of what is here when it is sent
    acked = new Map();

    write(key, value) {
        this.values.set(key, value);
        this.owed.set(key, false);
    }

    fromPage({kind, id, name, payload}) {
        this.values.set(name, kind === 'S' ? payload : undefined);
        this.acked.set(name, id);
        this.owed.set(name, true);
    }

    take() {
        const out = [];
        for (const [key, own] of this.owed) {
            const value = this.values.get(key);
            out.push([['N', this.acked.get(key) ?? 0],
                own ? ['A', 0, key] : value === undefined ? ['U', 0, key]
                    : ['S', 0, key, '', value]]);
        }
        this.owed.clear();
        return out;
    }
}

test('state: random writers on both sides end with the same values', async () => {
    let seed = 1;
    const random = (n) => {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        return (seed >>> 8) % n;
    };
    for (let round = 0; round < 60; round++) {
        const doc = open();
        const store = new Store();
        const down = []; // on their way to the page
        let up = 0; // of doc.sent, that have arrived
        for (let step = 0; step < 120; step++) {
            const key = `k${random(3)}`;
            switch (random(6)) {
            case 0:
                store.write(key, random(4) ? `${1000 + step}` : undefined);
                break;
            case 1:
            case 2:
                doc.run(random(4) ? `auroraview.state.${key} = ${step}`
                    : `delete auroraview.state.${key}`);
                await tick();
                break;
            case 3:
                if (up < doc.sent.length)
                    store.fromPage(doc.sent[up++]);
                break;
            case 4:
                down.push(...store.take());
                break;
            case 5:
                if (down.length > 0)
                    doc.take(down.shift());
                break;
            }
        }
        for (let quiet = 0; quiet < 10; quiet++) {
            while (up < doc.sent.length)
                store.fromPage(doc.sent[up++]);
            down.push(...store.take());
            while (down.length > 0)
                doc.take(down.shift());
            await tick();
        }
        const host = {};
        for (const [key, value] of store.values) {
            if (value !== undefined)
                host[key] = JSON.parse(value);
        }
        assert.deepEqual(state(doc), host, `round ${round}`);
    }
});

// ---- channels ----

function join(doc, name, window = 1000) {
    doc.run(`globalThis.c = auroraview.channel("${name}"); globalThis.got = [];
        globalThis.ends = []; c.onClose((r) => ends.push(r))`);
    const number = doc.channels = (doc.channels ?? 0) + 1;
    return {accept: () => doc.take([['O', number, '', '', `${window}`]])};
}

test('channel: what is sent before the host joins waits, in order', async () => {
    const doc = open();
    const {accept} = join(doc, 'mesh');
    doc.run('c.send({a: 1}); globalThis.b = new Uint8Array([1, 2]); c.send([b]); b[0] = 9');
    await tick();
    assert.deepEqual(doc.sent.map((r) => [r.kind, r.name]), [['O', 'mesh']]);
    accept();
    await tick();
    assert.deepEqual(ofKind(doc, 'M').map((r) => [r.id, r.name, r.payload]),
        [[1, '71', '{"a":1}'], [1, '78', '[{"$auv":0}]']]);
    assert.deepEqual(ofKind(doc, 'M')[1].parts[0].bytes, [1, 2]);
    assert.equal(doc.run('auroraview.channel("mesh") === c'), true);
    assert.deepEqual(plain(doc.run('[c.id, c.isClosed, c.error]')), ['mesh', false, null]);
});

test('channel: a send without credit is held, and the next in order', async () => {
    const doc = open();
    join(doc, 'x', 200).accept();
    doc.run('globalThis.done = []; for (let i = 0; i < 5; i++) ' +
        'c.send("0123456789").then(() => done.push(i))');
    await tick();
    assert.equal(ofKind(doc, 'M').length, 2); // 76 each
    assert.deepEqual(plain(doc.run('done')), [0, 1]);
    doc.take([['Q', 1, '', '', '76']]);
    await tick();
    assert.deepEqual(plain(doc.run('done')), [0, 1, 2]);
    doc.take([['Q', 1, '', '', '152']]);
    await tick();
    assert.deepEqual(plain(doc.run('done')), [0, 1, 2, 3, 4]);
    assert.equal((await rejection(doc.run('c.send("x".repeat(200))'))).name, 'TooLarge');
    const many = doc.run('Promise.all(Array.from({length: 1030}, () => c.send(1)))');
    assert.equal((await rejection(many)).name, 'QueueFull');
});

test('channel: credit goes back when the reader has used it up', async () => {
    const doc = open();
    join(doc, 'x', 1000).accept();
    doc.take([['N', 70], ['M', 1, '', '', '1'], ['N', 70], ['M', 1, '', '', '2']]);
    await tick();
    assert.deepEqual(ofKind(doc, 'Q'), []);
    doc.run('c.onMessage((m) => got.push(m))');
    await tick();
    assert.deepEqual(plain(doc.run('got')), [1, 2]);
    assert.deepEqual(short(ofKind(doc, 'Q')), [['Q', 1, '', '140']]);
});

test('channel: a listener that returns a promise holds the next message back', async () => {
    const doc = open();
    join(doc, 'x', 1000).accept();
    doc.run('globalThis.go = []; c.onMessage((m) => { got.push(m); ' +
        'return new Promise((resolve, reject) => go.push(m % 2 ? resolve : reject)); })');
    doc.take([1, 2, 3].flatMap((n) => [['N', 300], ['M', 1, '', '', `${n}`]]));
    await tick();
    assert.deepEqual(plain(doc.run('got')), [1]);
    assert.deepEqual(ofKind(doc, 'Q'), []);
    doc.run('go[0]()');
    await until(() => doc.run('got.length') === 2);
    doc.run('go[1](Error("mine"))');
    await until(() => doc.run('got.length') === 3);
    assert.deepEqual(short(ofKind(doc, 'Q')), [['Q', 1, '', '300'], ['Q', 1, '', '300']]);
    assert.match(String(doc.logs.at(-1)), /mine/);
});

test('channel: for await reads, ends with the channel, and a break closes it', async () => {
    const doc = open();
    join(doc, 'x').accept();
    doc.run('(async () => { for await (const m of c) got.push(m); got.push("end"); })()');
    doc.take([['N', 70], ['M', 1, '', '1', '{"$auv":0}'], ['N', 70], ['M', 1, '', '', '2'],
        ['Z', 1]], [new Uint8Array([7]).buffer]);
    await until(() => doc.run('got.length') === 3);
    assert.deepEqual(plain(doc.run('got.slice(1)')), [2, 'end']);
    assert.deepEqual(plain(doc.run('ends')), [{by: 'host', error: null}]);

    join(doc, 'y').accept();
    doc.run('(async () => { for await (const m of c) break; got.push("left"); })()');
    doc.take([['N', 70], ['M', 2, '', '', '1'], ['N', 70], ['M', 2, '', '', '2']]);
    await until(() => doc.run('got.length') === 1);
    assert.deepEqual(short(ofKind(doc, 'Z')), [['Z', 2, '', '']]);
    assert.equal(doc.run('c.isClosed'), true);
});

test('channel: each end is heard once, behind the messages, with its reason', async () => {
    const doc = open();
    join(doc, 'x').accept();
    doc.run('c.onMessage((m) => got.push(m))');
    doc.take([['N', 70], ['M', 1, '', '', '1'],
        ['Z', 1, '', '', '{"name":"Broken","message":"why","code":-3}']]);
    doc.run('c.close()');
    doc.take([['Z', 1]]);
    await tick();
    assert.deepEqual(plain(doc.run('got')), [1]);
    assert.deepEqual(plain(doc.run('ends.map((r) => [r.by, r.error.name, r.error.code])')),
        [['host', 'Broken', -3]]);
    assert.equal((await rejection(doc.run('c.send(1)'))).name, 'Broken');
    assert.deepEqual(ofKind(doc, 'Z'), []);

    join(doc, 'y', 100).accept();
    const held = doc.run('c.send(1); c.send("x".repeat(30))');
    doc.run('c.close(RangeError("mine"))');
    doc.take([['Z', 2], ['N', 70], ['M', 2, '', '', '1']]);
    assert.equal((await rejection(held)).name, 'Closed');
    assert.deepEqual(plain(doc.run('ends')), [{by: 'page', error: null}]);
    assert.deepEqual(short(ofKind(doc, 'Z')), [['Z', 2, 'failed',
        '{"name":"RangeError","message":"mine","code":0}']]);

    join(doc, 'z');
    const reading = doc.run('c[Symbol.asyncIterator]().next()');
    doc.take([['L', 0, '', '', '{"name":"Closed","message":"lost","code":-6}']]);
    assert.equal((await rejection(reading)).message, 'lost');
    assert.deepEqual(plain(doc.run('ends.map((r) => r.by)')), ['link']);
    assert.equal(doc.run('auroraview.channel("z") === c'), false);
});

test('channel: what cannot be read ends it; bad arguments and too many are refused', async () => {
    const doc = open();
    join(doc, 'x').accept();
    doc.take([['B', 1]]);
    await tick();
    assert.equal(doc.run('c.error.name'), 'ProtocolError');
    assert.equal(ofKind(doc, 'Z')[0].name, 'failed');
    for (const code of ['auroraview.channel("")', 'auroraview.channel(1)', 'c.onMessage(1)',
        'c.onClose()'])
        assert.equal(doc.run(`try { ${code}; '' } catch (e) { e.name }`), 'TypeError', code);
    join(doc, 'y').accept();
    assert.equal((await rejection(doc.run('c.send(1n)'))).name, 'TypeError');
    assert.equal(doc.run('try { for (let i = 0; i < 64; i++) auroraview.channel("n" + i); "" } ' +
        'catch (e) { e.name }'), 'QueueFull');
});
