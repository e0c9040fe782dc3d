/**
 * Plays the host in a normal browser.
 *
 * `window.auroraview` is then made by the very scripts that AuroraView itself puts into its
 * pages; only what is behind them is functions of yours. Inside AuroraView nothing is done.
 */
import { currentBridge, MOCK, type Bridge } from "../bridge.js";
import type {
  AnyContract,
  Calls,
  Channel,
  Channels,
  Commands,
  Contract,
  DetailArguments,
  EmitDetail,
  EmitName,
  EventDetail,
  EventName,
  StateKey,
  StateOf,
} from "../contract.js";
import { Host, type CallContext, type Handler } from "./host.js";
import { makeBridge, type Globals } from "./generated/page.js";
import { COPY_ALL } from "./wire.js";

export type { CallContext } from "./host.js";

type AnyFunction = (...args: any) => unknown;
/** A union of overloads takes any of their arguments, and gives any of their results. */
type MockHandler<F> = (
  params: F extends AnyFunction ? Parameters<F>[0] : never,
  context: CallContext,
) => F extends AnyFunction ? ReturnType<F> | Promise<Awaited<ReturnType<F>>> : never;

/** Functions for methods of the contract; a method that is missing is `MethodNotFound`. */
export type MockCalls<C extends Contract> = {
  [M in keyof Calls<C>]?: MockHandler<Calls<C>[M]>;
};

export interface MockOptions<C extends Contract> {
  calls?: MockCalls<C>;
  /** Functions for commands, which get the object of their arguments. */
  commands?: MockCalls<{ calls: Commands<C> }>;
  /** What the shared state holds at first; a key that is there already stays as it is. */
  state?: Partial<StateOf<C>>;
  /** Called with the host's end when the page opens a channel of that name. */
  channels?: {
    [N in keyof Channels<C>]?: Channels<C>[N] extends { receive: infer R; send: infer S }
      ? (channel: Channel<S, R>) => void
      : never;
  };
  /** Milliseconds until a handler is called; 0 by default. */
  latency?: number;
}

/** The host's side of the shared state. */
export interface MockState<C> {
  get<K extends StateKey<C>>(key: K): StateOf<C>[K] | undefined;
  set<K extends StateKey<C>>(key: K, value: StateOf<C>[K]): void;
  delete(key: StateKey<C>): boolean;
  keys(): string[];
  onChange(
    fn: (
      key: StateKey<C>,
      value: StateOf<C>[keyof StateOf<C>] | undefined,
      source: "python" | "javascript",
    ) => void,
  ): () => void;
}

export interface MockHost<C extends Contract = AnyContract> {
  readonly state: MockState<C>;
  /** Sends an event to the page, as the host would. */
  emit<E extends EventName<C>>(event: E, ...detail: DetailArguments<EventDetail<C, E>>): void;
  /** Hears an event of the page. */
  on<E extends EmitName<C>>(event: E, fn: (detail: EmitDetail<C, E>) => void): () => void;
  /** Takes `window.auroraview` away again. */
  uninstall(): void;
}

class Mock extends Host {
  constructor(
    private readonly bridge: () => Bridge | undefined,
    private readonly names: readonly string[],
  ) {
    super();
  }

  uninstall(): void {
    if (currentBridge() !== this.bridge()) return;
    for (const name of this.names) Reflect.deleteProperty(globalThis, name);
  }
}

/**
 * Puts `window.auroraview` there if it is absent; `undefined` inside AuroraView. Called again, as
 * by a hot reload, it replaces the handlers of the mock that is there.
 */
export function installMock<C extends Contract = AnyContract>(
  options: MockOptions<C> = {},
): MockHost<C> | undefined {
  const present = currentBridge() as (Bridge & { [MOCK]?: Mock }) | undefined;
  const mock = present === undefined ? makeMock() : present[MOCK];
  if (mock === undefined) return undefined;
  mock.handlers = { ...options.calls, ...named("invoke:", options.commands) } as Record<
    string,
    Handler
  >;
  mock.channels = (options.channels ?? {}) as typeof mock.channels;
  for (const [key, value] of Object.entries(options.state ?? {})) {
    if (mock.state.get(key) === undefined) mock.state.set(key, value);
  }
  mock.latency = options.latency ?? 0;
  return mock as unknown as MockHost<C>;
}

function named(prefix: string, functions: object = {}): object {
  return Object.fromEntries(Object.entries(functions).map(([name, fn]) => [prefix + name, fn]));
}

function makeMock(): Mock {
  const scope = new EventTarget() as EventTarget & { auroraview?: Bridge };
  const names = ["auroraview", "__AURORAVIEW_CONFIG__"] as const;
  const mock = new Mock(() => scope.auroraview, names);
  scope.addEventListener("auroraviewready", () => {
    if (currentBridge() !== scope.auroraview) return; // taken away meanwhile
    globalThis.dispatchEvent(new CustomEvent("auroraviewready", { detail: scope.auroraview }));
  });
  globalThis.addEventListener(
    "DOMContentLoaded",
    () => scope.dispatchEvent(new Event("DOMContentLoaded")),
    { once: true },
  );
  mock.connect(makeBridge(globalsFor(scope), mock.native, COPY_ALL));
  Object.defineProperty(scope.auroraview, MOCK, { value: mock });
  for (const name of names) {
    const made = Object.getOwnPropertyDescriptor(scope, name)!;
    Object.defineProperty(globalThis, name, { ...made, configurable: true });
  }
  return mock;
}

/**
 * What the page's scripts define for good goes to an object of the mock, which can take it away
 * again; and the documents of tests have plain properties where browsers have accessors.
 */
function globalsFor(scope: EventTarget): Globals {
  const signals = {
    get aborted(): boolean {
      if (!((this as unknown) instanceof AbortSignal)) throw new TypeError("not an AbortSignal");
      return (this as AbortSignal).aborted;
    },
  };
  const hidden = {
    get hidden(): boolean {
      return false;
    },
  };
  return {
    globalThis: scope,
    // Whether it can be seen is of no interest to a mock.
    document: { readyState: document.readyState, addEventListener() {} },
    Document: { prototype: hidden },
    AbortSignal: { prototype: signals },
    // Bound to the scope, the browser's own would refuse to run.
    setTimeout: (fn: () => void, ms: number) => setTimeout(fn, ms),
    clearTimeout: (timer: number) => clearTimeout(timer),
    queueMicrotask: (fn: () => void) => queueMicrotask(fn),
  };
}
