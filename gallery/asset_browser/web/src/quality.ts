// How finely the mesh is drawn, by what the machine can do. No DOM: tested with Node.

export interface Level {
  ratio: number; // drawn pixels per CSS pixel, a side
  every: number; // draw in every n-th animation frame
}

/** From a workstation's GPU (two by two samples per pixel) down to software rendering on two cores. */
export const LEVELS: readonly Level[] = [
  { ratio: 2, every: 1 },
  { ratio: 1.5, every: 1 },
  { ratio: 1, every: 1 },
  { ratio: 1, every: 2 },
  { ratio: 0.75, every: 2 },
  { ratio: 0.75, every: 3 },
  { ratio: 0.6, every: 4 },
];

const START = 2;
const SLOW = 54; // frames per second below which a level is too fine
const FAST = 58.5; // at or above this the next finer one is worth a try
const SLOW_AFTER = 0.7; // seconds
const FAST_AFTER = 1.5; // seconds
const RETRY_FIRST = 12; // seconds until a level that was too slow is tried again
const RETRY_LAST = 192; // each failure doubles the wait up to this

/**
 * Finds the finest level that keeps the page at full rate, and stays there. A level that was too
 * slow gets another try, ever more rarely: the machine may only have been busy with something else.
 */
export class Quality {
  private index = START;
  private retryAt = 0; // ms; no finer level before
  private wait = RETRY_FIRST;
  private since = -1;
  private frames = 0;

  get level(): Level {
    return LEVELS[this.index]!;
  }

  /** Another mesh: what was too slow may now be fast enough. */
  reset(): void {
    this.retryAt = 0;
    this.wait = RETRY_FIRST;
    this.restart();
  }

  /** A pause is not slowness. */
  restart(): void {
    this.since = -1;
  }

  /** Tells that a frame began at `now` (milliseconds); true if the level changed. */
  frame(now: number): boolean {
    if (this.since < 0) {
      this.since = now;
      this.frames = 0;
      return false;
    }
    this.frames++;
    const seconds = (now - this.since) / 1000;
    const rate = this.frames / seconds;
    if (seconds >= SLOW_AFTER && rate < SLOW) {
      this.since = -1;
      if (this.index === LEVELS.length - 1) return false;
      this.index++;
      this.retryAt = now + this.wait * 1000;
      this.wait = Math.min(this.wait * 2, RETRY_LAST);
      return true;
    }
    if (seconds >= FAST_AFTER) {
      this.since = -1;
      if (rate >= FAST && this.index > 0 && now >= this.retryAt) {
        this.index--;
        return true;
      }
    }
    return false;
  }
}
