// What the hooks of React and Vue share: one call at a time, the latest one counts.
import type { CallOptions } from "./contract.js";

export interface CallState<R> {
  /** The latest result; kept while the next call runs, and when it fails. */
  data: R | undefined;
  /** Why the latest call failed; `undefined` while one runs and after a good one. */
  error: Error | undefined;
  loading: boolean;
}

type CallAny = (method: string, params?: unknown, options?: CallOptions) => Promise<any>;

export class LatestCall {
  private running: AbortController | undefined;

  constructor(
    private readonly call: CallAny,
    private readonly change: (state: Partial<CallState<any>>) => void,
  ) {}

  /** Starts a call; the one before, if it still runs, is aborted. */
  execute(method: string, params?: unknown, options: CallOptions = {}): Promise<any> {
    const controller = new AbortController();
    this.running?.abort();
    this.running = controller;
    const promise = this.run(controller, method, params, options);
    // The hook's `error` tells of a failure: who does not await the promise has handled it.
    promise.catch(() => {});
    return promise;
  }

  /** Aborts the call that runs, if one does. */
  cancel(): void {
    const running = this.running;
    this.running = undefined;
    if (running !== undefined) {
      running.abort();
      this.change({ loading: false });
    }
  }

  private async run(
    controller: AbortController,
    method: string,
    params: unknown,
    { signal, ...options }: CallOptions,
  ): Promise<unknown> {
    const abort = (): void => controller.abort();
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    this.change({ loading: true, error: undefined });
    try {
      const data: unknown = await this.call(method, params, {
        ...options,
        signal: controller.signal,
      });
      this.end(controller, { data, error: undefined });
      return data;
    } catch (error) {
      this.end(controller, { error: error as Error });
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  private end(controller: AbortController, state: Partial<CallState<any>>): void {
    // A later call, or nobody any more, owns the state.
    if (this.running !== controller) return;
    this.running = undefined;
    this.change({ ...state, loading: false });
  }
}
