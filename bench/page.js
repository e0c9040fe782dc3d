// The page's half of every row, the same file for every participant. A participant defines, before this runs,
//   window.peer = { echo(text) -> Promise<text>, blobIn(bytes) -> Promise<length>, blobOut() -> Promise<bytes>,
//                   report(text) }
// and its host calls bench.<row>(…) and reads the report.
//
// The clock of a page is too coarse for single calls (1 ms on WebKit), so the host times them: in a sequence of
// awaited calls, the time between two entries into the handler is one whole round trip. `page_ms`, the whole loop by
// the page's own clock, is reported beside it so that a disagreement shows.
"use strict";

window.bench = (() => {
    const text = "0123456789".repeat(10);
    const flight = 1000;
    const blobSize = 1024 * 1024;
    const blob = new Uint8Array(blobSize);
    for (let i = 0; i < blobSize; i++) blob[i] = i * 7;

    let wanted = 0;
    let seen = 0;
    let frames = null;
    let clicks = null;

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

    return {
        blob,
        call: n => timed(n, async () => {
            if (await peer.echo(text) !== text) throw new Error("echo differs");
        }),
        inflight: n => timed(n, () => {
            const calls = [];
            for (let i = 0; i < flight; i++) calls.push(peer.echo(text));
            return Promise.all(calls);
        }),
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

        // Two frames: the first callback runs before the first paint, the second after it. A participant whose
        // bridge comes up later than the paint keeps the report until then; `at` is the time that counts.
        painted() {
            requestAnimationFrame(() => requestAnimationFrame(() => report({ painted: true, at: Date.now() })));
        },
    };
})();
