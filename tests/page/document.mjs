// The page's scripts in a fresh realm with a native function that the test plays.
// No browser: node's vm gives a global object and its own set of built-ins.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import vm from 'node:vm';

const folder = fileURLToPath(new URL('../../src/page/', import.meta.url));
const made = mkdtempSync(join(tmpdir(), 'auroraview-'));
execFileSync('python3', [join(folder, 'embed.py'),
    ...['builtins', 'values', 'calls', 'state', 'channel', 'bridge'].map((name) => join(folder, `${name}.js`)),
    join(made, 'joined.js')]);
const source = readFileSync(join(made, 'joined.js'), 'utf8');
rmSync(made, {recursive: true});
export const US = '\x1f';
export const RS = '\x1e';
export const LIMIT = 65536;

// The default deadline of a call must not keep the test running.
function patientTimer(fn, ms) {
    const timer = setTimeout(fn, ms);
    return ms > 1000 ? timer.unref() : timer;
}

class FakeDocument extends EventTarget {
    get hidden() {
        return false;
    }
}

// A document: {run(code) in the page, sent: records, deliver, tick, logs}.
export function open({granted = true, readyState = 'loading'} = {}) {
    const logs = [];
    const page = new EventTarget();
    const sandbox = vm.createContext({
        setTimeout: patientTimer, clearTimeout, performance, queueMicrotask, AbortSignal,
        AbortController, EventTarget, Event, CustomEvent, Blob, structuredClone,
        TextDecoder,
        console: {
            warn: (...a) => logs.push(['warn', ...a]),
            error: (...a) => logs.push(['error', ...a]),
            log: (...a) => logs.push(['log', ...a]),
        },
        Document: FakeDocument,
        document: Object.assign(new FakeDocument(), {readyState}),
        addEventListener: page.addEventListener.bind(page),
    });
    // The global is no EventTarget here: forward what is dispatched on it.
    const onGlobal = EventTarget.prototype.dispatchEvent;
    class Target extends EventTarget {}
    Target.prototype.addEventListener = EventTarget.prototype.addEventListener;
    Target.prototype.removeEventListener = EventTarget.prototype.removeEventListener;
    Target.prototype.dispatchEvent = function (event) {
        return onGlobal.call(this instanceof EventTarget ? this : page, event);
    };
    sandbox.EventTarget = Target;
    const doc = {
        logs, sent: [], calls: 0, back: undefined, sandbox, page, last: null,
        native(text, buffers) {
            if (buffers === undefined)
                return text === '?' ? '{"up":true}' : undefined;
            doc.calls++;
            doc.last = {text, buffers};
            let used = 0;
            for (const record of text.split(RS).slice(0, -1)) {
                const [kind, id, name, parts, payload] = record.split(US);
                const list = parts === '' ? [] : parts.split(';').map((part) => {
                    const [type, offset, length] = part.split(',').map(Number);
                    const buffer = buffers[used++];
                    return {type, offset, length, buffer,
                        bytes: [...new Uint8Array(buffer, offset, length)]};
                });
                doc.sent.push({kind, id: Number(id), name: decodeURIComponent(name),
                    parts: list, payload});
            }
            assert.equal(used, buffers.length);
            const back = doc.back;
            doc.back = undefined;
            return back;
        },
        run: (code) => vm.runInContext(code, sandbox),
        // As native code does: together, or else each by itself.
        take(records, buffers = [], value = undefined) {
            if (doc.deliver(joined(...records), buffers, value))
                return;
            let used = 0;
            for (const one of records) {
                const own = buffers.slice(used, used += (one[3] ?? '') && one[3].split(',').length);
                if (!doc.deliver(joined(one), own, value) && one[0] !== 'E')
                    doc.deliver(joined(['F', one[1], '', '', '{"name":"ProtocolError","code":-17}']),
                        [], value);
            }
        },
    };
    doc.shared = vm.runInContext('new Uint8Array(64)', sandbox);
    doc.deliver = vm.runInContext(source, sandbox)(doc.native, granted, LIMIT, doc.shared);
    return doc;
}

export const record = (kind, id, name = '', types = '', payload = '') =>
    `"${kind}",${'ESUA'.includes(kind) ? JSON.stringify(name) : id},` +
    `${types === '' ? 0 : `[${types}]`},${payload === '' ? 'null' : payload}`;
export const joined = (...records) => `[${records.map((r) => record(...r)).join(',')}]`;
export const tick = () => new Promise((resolve) => setImmediate(resolve));
export async function until(condition) {
    const deadline = Date.now() + 10000;
    while (!condition()) {
        assert.ok(Date.now() < deadline, `not in time: ${condition}`);
        await tick();
    }
}
export const plain = (value) => JSON.parse(JSON.stringify(value));

export async function rejection(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    assert.fail('did not reject');
}
