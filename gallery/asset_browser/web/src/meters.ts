// The corner that shows what a call to Python costs, and how smoothly the page runs.

import { host } from "./bridge.js";
import { byId } from "./dom.js";
import { formatMilliseconds, FrameCounter, Recent } from "./stats.js";

const PING_EVERY = 200; // ms between the end of one measurement and the start of the next
const CALLS = 4; // in a row, for three round trips

export class Meters {
  /** True while the host cannot answer; such a call says nothing about the link. */
  hostBlocked = false;
  fps = 0;
  private readonly latencies = new Recent(60);
  private readonly counter = new FrameCounter();
  private readonly latency = byId("latency");
  private readonly rate = byId("fps");
  private shown = 0;

  start(): void {
    void this.measure();
  }

  frame(now: number): void {
    this.fps = this.counter.frame(now);
    if (now - this.shown < 250) return; // a flickering number cannot be read
    this.shown = now;
    this.rate.textContent = String(this.fps);
    this.rate.classList.toggle("bad", this.fps < 40);
    this.latency.textContent = this.hostBlocked ? "blocked" : formatMilliseconds(this.latencies.median);
    this.latency.classList.toggle("bad", this.hostBlocked);
  }

  private async measure(): Promise<void> {
    for (;;) {
      let blocked = this.hostBlocked;
      try {
        // The page's clock is rounded to 1 ms, so the host's is used: it answers with its time, and
        // from one answer to the next lies one round trip.
        const times: number[] = [];
        for (let i = 0; i < CALLS; i++) times.push(await host.ping());
        blocked ||= this.hostBlocked;
        if (!blocked) for (let i = 1; i < CALLS; i++) this.latencies.push(times[i]! - times[i - 1]!);
      } catch {
        // Timed out or the host is gone; the next one shows whether it came back.
      }
      // The first second fills the window, so that the median means something at once.
      const pause = this.latencies.count < 60 ? 15 : PING_EVERY;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
