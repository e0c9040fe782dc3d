import { currentBridge, makeError, type Bridge, type Config } from "./bridge.js";
import type {
  AnyContract,
  Call,
  CallOptions,
  Channel,
  ChannelName,
  ChannelOf,
  Contract,
  DetailArguments,
  EmitDetail,
  EmitName,
  EventDetail,
  EventName,
  Invoke,
  Namespace,
  State,
  StateOf,
} from "./contract.js";

export interface ReadyOptions {
  /** Milliseconds until it is given up; 0 is no limit. 30,000 by default. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The host, seen from its page. */
export interface AuroraViewClient<C extends Contract = AnyContract> {
  /**
   * Calls a method of the host. Rejects with the host's error, which has `name`, `message` and
   * perhaps `code` and `data`; with `Timeout`; with `AbortError`; and with `Unavailable` if this
   * page has no host.
   */
  readonly call: Call<C>;
  /** The methods `<name>.*` as functions of an object. */
  namespace<N extends string>(name: N): Namespace<C, N>;
  /** `namespace("api")`: what `bind_api(obj)` binds. */
  readonly api: Namespace<C, "api">;
  /** Runs a command of the host: `call()` for what `command()` registers there. */
  readonly invoke: Invoke<C>;
  /** Values shared with the host. Throws `Unavailable` if there is none. */
  readonly state: State<StateOf<C>>;
  /** The page's end of a channel; the same for the same name, until it ends. */
  channel<N extends ChannelName<C>>(name: N): ChannelOf<C, N>;
  /** Sends an event to the host. Throws `Unavailable` if there is none. */
  emit<E extends EmitName<C>>(event: E, ...detail: DetailArguments<EmitDetail<C, E>>): void;
  /**
   * Hears an event of the host; returns a function that ends it. Events that came before the
   * first listener of their name wait for it.
   */
  on<E extends EventName<C>>(event: E, listener: (detail: EventDetail<C, E>) => void): () => void;
  once<E extends EventName<C>>(event: E, listener: (detail: EventDetail<C, E>) => void): () => void;
  /** Removes the listeners that this client added to the event: all, or all that are `listener`. */
  off<E extends EventName<C>>(event: E, listener?: (detail: EventDetail<C, E>) => void): void;
  /** Whether there is a host now. Inside AuroraView: from the first script on. */
  isReady(): boolean;
  /** Resolves once there is a host; rejects with `Timeout` or `AbortError`. */
  whenReady(options?: ReadyOptions): Promise<AuroraViewClient<C>>;
  /** Changes settings of the page's bridge, and gives those in force. */
  setConfig(changes: Config): Config;
  /** `window.auroraview` itself. */
  getRawBridge(): Bridge | undefined;
}

interface Listener {
  event: string;
  fn: (detail: any) => void;
  once: boolean;
  /** Set while it is attached to a bridge. */
  remove: (() => void) | undefined;
}

/** Names that promises, JSON and consoles look up on any object. */
const NEVER_METHODS = new Set(["then", "toJSON", "constructor", "toString", "valueOf", "prototype"]);

class Client {
  private readonly listeners = new Set<Listener>();
  private readonly namespaces = new Map<string, object>();
  private waiting = false;

  constructor(private readonly given: Bridge | undefined) {}

  getRawBridge(): Bridge | undefined {
    return this.given ?? currentBridge();
  }

  private bridge(): Bridge {
    const bridge = this.getRawBridge();
    if (bridge === undefined) {
      throw makeError(
        "Unavailable",
        "this page has no host: it is not inside AuroraView, or its origin is not granted" +
          " (in a normal browser, @auroraview/sdk/mock plays the host)",
      );
    }
    return bridge;
  }

  readonly call = async (method: string, params?: unknown, options?: CallOptions): Promise<any> =>
    this.bridge().call(method, params, options);

  readonly invoke = (command: string, args?: unknown, options?: CallOptions): Promise<any> =>
    this.call(`invoke:${command}`, args, options);

  get state(): State<Record<string, any>> {
    return this.bridge().state;
  }

  channel(name: string): Channel<any, any> {
    return this.bridge().channel(name);
  }

  namespace(name: string): object {
    let made = this.namespaces.get(name);
    if (made === undefined) {
      const call = this.call;
      made = new Proxy(Object.create(null) as Record<string, unknown>, {
        get(target, key) {
          if (typeof key !== "string" || NEVER_METHODS.has(key)) return undefined;
          return (target[key] ??= (params?: unknown, options?: CallOptions) =>
            call(`${name}.${key}`, params, options));
        },
        set: () => false,
      });
      this.namespaces.set(name, made);
    }
    return made;
  }

  get api(): object {
    return this.namespace("api");
  }

  emit(event: string, detail?: unknown): void {
    this.bridge().emit(event, detail);
  }

  on(event: string, fn: (detail: any) => void): () => void {
    return this.listen({ event, fn, once: false, remove: undefined });
  }

  once(event: string, fn: (detail: any) => void): () => void {
    return this.listen({ event, fn, once: true, remove: undefined });
  }

  off(event: string, fn?: (detail: any) => void): void {
    for (const listener of [...this.listeners]) {
      if (listener.event === event && (fn === undefined || listener.fn === fn)) {
        this.unlisten(listener);
      }
    }
  }

  private listen(listener: Listener): () => void {
    const bridge = this.getRawBridge();
    if (bridge !== undefined) this.attach(bridge, listener);
    this.listeners.add(listener);
    if (bridge === undefined) this.awaitBridge();
    return () => this.unlisten(listener);
  }

  private attach(bridge: Bridge, listener: Listener): void {
    listener.remove = bridge.on(listener.event, (detail) => {
      if (listener.once) this.unlisten(listener);
      listener.fn(detail);
    });
  }

  private unlisten(listener: Listener): void {
    this.listeners.delete(listener);
    listener.remove?.();
    listener.remove = undefined;
  }

  /** Only outside AuroraView, until a mock is there: listeners wait for it. */
  private awaitBridge(): void {
    if (this.waiting) return;
    this.waiting = true;
    globalThis.addEventListener?.("auroraviewready", () => {
      const bridge = this.getRawBridge();
      if (bridge === undefined) return;
      for (const listener of this.listeners) {
        if (listener.remove === undefined) this.attach(bridge, listener);
      }
    });
  }

  isReady(): boolean {
    return this.getRawBridge()?.isReady() ?? false;
  }

  async whenReady(options: ReadyOptions = {}): Promise<this> {
    const { timeout = 30_000, signal } = options;
    await new Promise<void>((resolve, reject) => {
      const end = new AbortController();
      const finish = (error?: unknown): void => {
        end.abort();
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        this.getRawBridge()
          ?.whenReady()
          .then(() => finish(), finish);
      };
      const timer =
        timeout > 0 && timeout < Infinity
          ? setTimeout(() => finish(makeError("Timeout", "no host in time", -4)), timeout)
          : undefined;
      if (signal?.aborted) {
        finish(makeError("AbortError", "the wait for the host was aborted", -5));
        return;
      }
      signal?.addEventListener(
        "abort",
        () => finish(makeError("AbortError", "the wait for the host was aborted", -5)),
        { signal: end.signal },
      );
      globalThis.addEventListener?.("auroraviewready", look, { signal: end.signal });
      look();
    });
    return this;
  }

  setConfig(changes: Config): Config {
    return this.bridge().setConfig(changes);
  }
}

export interface ClientOptions {
  /** Another bridge than `window.auroraview`: of a test. */
  bridge?: Bridge | undefined;
}

/**
 * A client of its own, with its own listeners. The contract is for the compiler only: nothing is
 * checked when the page runs.
 */
export function createAuroraView<C extends Contract = AnyContract>(
  options: ClientOptions = {},
): AuroraViewClient<C> {
  return new Client(options.bridge) as unknown as AuroraViewClient<C>;
}

let shared: AuroraViewClient | undefined;

/** The client that all parts of a page share; the hooks use it. */
export function getAuroraView<C extends Contract = AnyContract>(): AuroraViewClient<C> {
  shared ??= createAuroraView();
  return shared as unknown as AuroraViewClient<C>;
}

