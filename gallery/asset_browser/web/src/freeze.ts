// "Freeze Qt for 5 s": blocks the application's main thread and shows that the page goes on.

import { host } from "./bridge.js";
import { byId, one } from "./dom.js";
import type { Meters } from "./meters.js";
import { formatCount } from "./stats.js";
import type { Viewer } from "./viewer.js";

export const FREEZE_SECONDS = 5;
const REPORT_SECONDS = 15; // how long the result stays

export interface FreezeReport {
  seconds: number;
  frames: number;
  fps: number;
  longestGap: number; // ms between two frames
  meshFrames: number;
  keys: number;
  scrolled: number; // CSS pixels
}

export class Freeze {
  private readonly banner = byId("banner");
  private readonly title = one(this.banner, "strong");
  private readonly detail = one(this.banner, "p span");
  private readonly bar = one(this.banner, "i");
  private readonly button = byId<HTMLButtonElement>("freeze");
  private running = false;
  private started = 0;
  private lastFrame = 0;
  private lastScroll = 0;
  private meshStart = 0;
  private hideTimer = 0;
  private report: FreezeReport = emptyReport();

  constructor(
    private readonly meters: Meters,
    private readonly viewer: Viewer,
    private readonly scroller: HTMLElement,
  ) {
    this.button.addEventListener("click", () => void this.run());
    one(this.banner, "button").addEventListener("click", () => (this.banner.hidden = true));
    document.addEventListener("input", () => this.running && this.report.keys++, true);
    scroller.addEventListener(
      "scroll",
      () => {
        if (this.running) this.report.scrolled += Math.abs(scroller.scrollTop - this.lastScroll);
        this.lastScroll = scroller.scrollTop;
      },
      { passive: true },
    );
  }

  frame(now: number): void {
    if (!this.running) return;
    this.report.frames++;
    if (this.lastFrame) this.report.longestGap = Math.max(this.report.longestGap, now - this.lastFrame);
    this.lastFrame = now;
    const seconds = (performance.now() - this.started) / 1000;
    this.title.textContent = `Qt thread is blocked: ${seconds.toFixed(1)} s`;
    this.detail.textContent = `This panel goes on at ${this.meters.fps} fps. Type, scroll, turn the mesh.`;
    this.bar.style.transform = `scaleX(${Math.min(seconds / FREEZE_SECONDS, 1)})`;
  }

  private async run(): Promise<void> {
    if (this.running) return;
    clearTimeout(this.hideTimer);
    this.running = true;
    this.button.disabled = true;
    this.report = emptyReport();
    this.lastFrame = 0;
    this.lastScroll = this.scroller.scrollTop;
    this.meshStart = this.viewer.frames;
    this.started = performance.now();
    this.meters.hostBlocked = true;
    this.banner.className = "blocked";
    this.banner.hidden = false;
    delete this.banner.dataset.report;
    try {
      const seconds = await host.freeze(FREEZE_SECONDS);
      this.finish(seconds);
    } catch (error) {
      this.banner.className = "failed";
      this.title.textContent = "The host did not answer";
      this.detail.textContent = String((error as Error).message);
    } finally {
      this.running = false;
      this.button.disabled = false;
      this.meters.hostBlocked = false;
    }
  }

  private finish(seconds: number): void {
    const elapsed = (performance.now() - this.started) / 1000;
    const report = this.report;
    report.seconds = seconds;
    report.fps = report.frames / elapsed;
    report.meshFrames = this.viewer.frames - this.meshStart;
    report.scrolled = Math.round(report.scrolled);
    this.banner.className = "done";
    this.banner.dataset.report = JSON.stringify(report);
    this.title.textContent = `Qt was blocked for ${seconds.toFixed(1)} s`;
    const parts = [
      `${formatCount(report.frames)} frames here (${report.fps.toFixed(0)}/s)`,
      `longest gap ${report.longestGap.toFixed(0)} ms`,
    ];
    if (report.keys) parts.push(`${report.keys} keys`);
    if (report.scrolled) parts.push(`${formatCount(report.scrolled)} px scrolled`);
    this.detail.textContent = parts.join(" · ");
    this.hideTimer = window.setTimeout(() => (this.banner.hidden = true), REPORT_SECONDS * 1000);
  }
}

function emptyReport(): FreezeReport {
  return { seconds: 0, frames: 0, fps: 0, longestGap: 0, meshFrames: 0, keys: 0, scrolled: 0 };
}
