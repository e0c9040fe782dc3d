// The page's half of every row, the same file for every participant. A participant defines, before this runs,
//   window.peer = { echo(text) -> Promise<text>, blobIn(bytes) -> Promise<length>, blobOut() -> Promise<bytes>,
//                   report(text) }
// and, where its own way to carry values is better than text: echoJson(value) -> Promise<value>,
// echoBytes(bytes) -> Promise<bytes>; and giveJson(size) -> Promise<value>, giveBytes(size) -> Promise<bytes>;
// and for some rows noise(text), which the host only counts;
// and its host calls bench.<row>(…) and reads the report.
//
// The clock of a page is too coarse for single calls (1 ms on WebKit), so the host times them: in a sequence of
// awaited calls, the time between two entries into the handler is one whole round trip. `page_ms`, the whole loop by
// the page's own clock, is reported beside it so that a disagreement shows.
"use strict";

window.bench = (() => {
    const text = "0123456789".repeat(10);
    const blobSize = 1024 * 1024;
    const blob = new Uint8Array(blobSize);
    for (let i = 0; i < blobSize; i++) blob[i] = i * 7;

    let wanted = 0;
    let seen = 0;
    let frames = null;
    let clicks = null;
    let flooding = 0;

    const report = value => peer.report(JSON.stringify(value));

    // n + 1 calls bound n intervals.
    async function timed(n, step) {
        try {
            const start = performance.now();
            for (let i = 0; i <= n; i++) await step();
            report({ done: true, page_ms: performance.now() - start });
        } catch (error) {
            report({ error: String(error && error.message || error) });
        }
    }

    function checkBlob(bytes) {
        if (bytes.length !== blobSize || bytes[1] !== 7 || bytes[blobSize - 1] !== blob[blobSize - 1])
            throw new Error("blob differs");
    }

    // About `size` bytes of JSON: one small record, or as many of 1 KiB as it takes. As the hosts make it.
    function makeRecords(size) {
        const text = "x".repeat(Math.min(size, 1024) - 22);
        return Array.from({ length: Math.max(1, size >> 10) }, () => ({ id: 7, text }));
    }

    function checkRecords(records, size) {
        const last = records[records.length - 1];
        if (records.length !== Math.max(1, size >> 10) || last.text.length !== Math.min(size, 1024) - 22)
            throw new Error("records differ");
    }

    function checkBytes(bytes, size) {
        if (bytes.length !== size || bytes[size - 1] !== (size - 1) * 7 % 256) throw new Error("bytes differ");
    }

    const carriers = {
        async "echo.json"(size) {
            const sent = makeRecords(size);
            return async () => checkRecords(
                await (peer.echoJson ? peer.echoJson(sent) : JSON.parse(await peer.echo(JSON.stringify(sent)))), size);
        },
        async "echo.bytes"(size) {
            const sent = new Uint8Array(size);
            for (let i = 0; i < size; i++) sent[i] = i * 7;
            const asText = () => sent.toBase64 ? sent.toBase64() : b64(sent);
            return async () => checkBytes(
                await (peer.echoBytes ? peer.echoBytes(sent) : unb64(await peer.echo(asText()))), size);
        },
        async "give.json"(size) {
            return async () => checkRecords(await peer.giveJson(size), size);
        },
        async "give.bytes"(size) {
            return async () => checkBytes(await peer.giveBytes(size), size);
        },
    };

    // The engine's own part of a message as JSON, without any host: milliseconds each, by the page's clock.
    function jsonFloor(size, n) {
        const value = makeRecords(size);
        let seen = 0;
        const start = performance.now();
        for (let i = 0; i < n; i++) seen += JSON.parse(JSON.stringify(value)).length;
        report({ done: seen > 0, each: (performance.now() - start) / n });
    }

    return {
        blob,
        carry: async (how, size, n) => timed(n, await carriers[how](size)),
        jsonFloor,
        call: n => timed(n, async () => {
            if (await peer.echo(text) !== text) throw new Error("echo differs");
        }),
        inflight: (n, flight = 1000) => timed(n, () => {
            const calls = [];
            for (let i = 0; i < flight; i++) calls.push(peer.echo(text));
            return Promise.all(calls);
        }),
        inflight100: n => window.bench.inflight(n, 100),
        "binary.in": n => timed(n, async () => {
            if (await peer.blobIn(blob) !== blobSize) throw new Error("length differs");
        }),
        "binary.out": n => timed(n, async () => checkBlob(await peer.blobOut())),

        expect(n) {
            wanted = n;
            seen = 0;
        },
        event(detail) {
            if (detail.text.length !== 100) throw new Error("event differs");
            if (++seen === wanted) report({ done: true });
        },

        // One colour per frame, so that an observer of the screen can count frames too.
        animate() {
            frames = [];
            const step = () => {
                if (!frames) return;
                frames.push(Date.now());
                const n = frames.length;
                document.body.style.background = `rgb(${n * 8 & 255}, ${n >> 5 & 255}, 77)`;
                if (n === 10) report({ done: true });
                requestAnimationFrame(step);
            };
            requestAnimationFrame(step);
        },
        // Times are seconds since the epoch.
        frames(from, to) {
            const count = frames.filter(t => t >= from * 1000 && t <= to * 1000).length;
            frames = null;
            report({ done: true, fps: count / (to - from) });
        },

        // Real clicks, made by the runner; each ends when the answer of the host is in the document.
        click(n) {
            clicks = [];
            document.onclick = async () => {
                const start = performance.now();
                document.title = (await peer.echo(text)) + clicks.length;
                clicks.push(performance.now() - start);
                if (clicks.length === n) {
                    document.onclick = null;
                    report({ done: true, samples: clicks });
                }
            };
            peer.report(JSON.stringify({ armed: true }));
        },

        // One call after the other for so long.
        async stream(milliseconds) {
            try {
                const end = performance.now() + milliseconds;
                while (performance.now() < end) await peer.echo(text);
                report({ done: true });
            } catch (error) {
                report({ error: String(error && error.message || error) });
            }
        },

        // `each` messages to the host every 10 ms; 0 ends it.
        flood(each) {
            clearInterval(flooding);
            if (each > 0) flooding = setInterval(() => {
                for (let i = 0; i < each; i++) peer.noise(text);
            }, 10);
        },

        // Two frames: the first callback runs before the first paint, the second after it. A participant whose
        // bridge comes up later than the paint keeps the report until then; `at` is the time that counts.
        painted() {
            requestAnimationFrame(() => requestAnimationFrame(() => report({ painted: true, at: Date.now() })));
        },
    };
})();
