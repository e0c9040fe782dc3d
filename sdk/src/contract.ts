/**
 * A contract: one interface that says what a host and its page have in common.
 *
 * `auroraview types` writes one from Python type hints; by hand it looks so:
 *
 * ```ts
 * interface Api {
 *   calls: {
 *     "mesh.load": (params: { path: string; lod?: number }) => Mesh;
 *     "scene.name": () => string;
 *   };
 *   events: { "scan.progress": { fraction: number } }; // host to page
 *   emits: { selected: { id: number } };               // page to host
 *   state: { camera: Camera };                         // shared
 *   channels: { frames: { receive: Frame; send: Ack } };
 *   commands: { save: (args: { path: string }) => void };
 * }
 * ```
 */
export interface Contract {
  /** What the page may call: a function of no argument, or of one. */
  calls?: object;
  /** Events of the host, by name: the type of their detail. */
  events?: object;
  /** Events of the page, by name: the type of their detail. */
  emits?: object;
  /** Values that host and page share, by name. */
  state?: object;
  /** Channels by name: `{ receive: …; send: … }`, as the page sees them. */
  channels?: object;
  /** Commands of the host: a function of no argument, or of an object of them. */
  commands?: object;
}

/** The contract of those who have none: any name, any value. */
export interface AnyContract {
  calls: { [method: string]: (params?: any) => any };
  events: { [event: string]: any };
  emits: { [event: string]: any };
  state: { [key: string]: any };
  channels: { [name: string]: { receive: any; send: any } };
  commands: { [command: string]: (args?: any) => any };
}

/** Milliseconds and an abort signal: of one call. */
export interface CallOptions {
  /** Milliseconds; 0 is no limit, 30,000 the default. Then: `Timeout`, and the host is told. */
  timeout?: number | undefined;
  /** Aborting rejects with `AbortError`, and tells the host to stop. */
  signal?: AbortSignal | undefined;
}

type Part<C, K extends keyof Contract> = C extends { [P in K]: infer T } ? T : {};
type Names<T> = keyof T & string;

export type Calls<C> = Part<C, "calls">;
export type Events<C> = Part<C, "events">;
export type Emits<C> = Part<C, "emits">;

export type StateOf<C> = Part<C, "state">;
export type Channels<C> = Part<C, "channels">;
export type Commands<C> = Part<C, "commands">;

export type MethodName<C> = Names<Calls<C>>;
export type EventName<C> = Names<Events<C>>;
export type EmitName<C> = Names<Emits<C>>;

export type StateKey<C> = Names<StateOf<C>>;
export type ChannelName<C> = Names<Channels<C>>;
export type CommandName<C> = Names<Commands<C>>;

export type EventDetail<C, E> = E extends keyof Events<C> ? Events<C>[E] : never;
export type EmitDetail<C, E> = E extends keyof Emits<C> ? Emits<C>[E] : never;

/** What a host's function gives, be it a promise or not. */
export type Result<F> = F extends (...args: any) => infer R ? Awaited<R> : never;

/** What follows the method's name: the argument as the function wants it, then options. */
export type Arguments<F> = F extends (...args: infer A) => unknown
  ? A extends []
    ? [params?: undefined, options?: CallOptions]
    : A extends [infer P]
      ? [params: P, options?: CallOptions]
      : A extends [(infer P)?]
        ? [params?: P, options?: CallOptions]
        : never
  : never;

/** The result of the overloads that take these arguments. */
export type ResultFor<F, A> = F extends (...args: any) => unknown
  ? A extends Arguments<F>
    ? Result<F>
    : never
  : never;

/** Overloads stand in a contract as a union of functions. */
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;
type OverloadedName<C> = {
  [M in MethodName<C>]: true extends IsUnion<Calls<C>[M]> ? M : never;
}[MethodName<C>];

interface CallOne<C> {
  <M extends Exclude<MethodName<C>, OverloadedName<C>>>(
    method: M,
    ...args: Arguments<Calls<C>[M]>
  ): Promise<Result<Calls<C>[M]>>;
}
interface CallOverloaded<C> {
  <M extends OverloadedName<C>, const A extends Arguments<Calls<C>[M]>>(
    method: M,
    ...args: A
  ): Promise<ResultFor<Calls<C>[M], A>>;
}
/** `invoke()` under a contract. */
export type Invoke<C> = Call<{ calls: Commands<C> }>;

interface CallAny {
  <T = any>(method: string, params?: unknown, options?: CallOptions): Promise<T>;
}

/** `call()` under a contract. */
export type Call<C> = string extends MethodName<C>
  ? CallAny
  : [OverloadedName<C>] extends [never]
    ? CallOne<C>
    : CallOne<C> & CallOverloaded<C>;

type Rest<C, N extends string> = {
  [M in MethodName<C> as M extends `${N}.${infer R}` ? R : never]: Calls<C>[M];
};
/** Every overload with options behind it, and with a promise for its result. */
type Asynchronous<F> = (
  F extends (...args: any) => unknown
    ? (one: (...args: Arguments<F>) => Promise<Result<F>>) => void
    : never
) extends (all: infer I) => void
  ? I
  : never;

/** The methods `<name>.*` as functions: `namespace("scene").name()`. */
export type Namespace<C, N extends string> = string extends MethodName<C>
  ? { [method: string]: (params?: unknown, options?: CallOptions) => Promise<any> }
  : { [R in keyof Rest<C, N>]: Asynchronous<Rest<C, N>[R]> };

/** The detail, which may be left out where the contract allows `undefined`. */
export type DetailArguments<D> = undefined extends D ? [detail?: D] : [detail: D];

/** Values shared with the host. Assigning and deleting, also inside a value, tells the host. */
export type State<S> = { -readonly [K in keyof S]?: S[K] } & StateMethods<S>;

export interface StateMethods<S> {
  /** `source`: who made the change. The value is `undefined` when the key is gone. */
  onChange(
    listener: (
      key: keyof S & string,
      value: S[keyof S] | undefined,
      source: "python" | "javascript",
    ) => void,
  ): () => void;
  offChange(listener?: (...args: any) => void): void;
  keys(): (keyof S & string)[];
  /** A copy. */
  toJSON(): Partial<S>;
}

/** A stream both ways, which cannot outrun its reader. */
export interface Channel<R, S> extends AsyncIterable<R> {
  readonly id: string;
  readonly isClosed: boolean;
  /** Why it has ended; `null` while it is open, and if it ended in order. */
  readonly error: Error | null;
  /** Resolves once there is room for the message. */
  send(data: S): Promise<void>;
  /** With a reason it is closed as failed. */
  close(reason?: unknown): void;
  /** The next message waits for what the listener returns, if that is a promise. */
  onMessage(listener: (message: R) => unknown): () => void;
  onClose(listener: (end: { by: string; error: Error | null }) => void): void;
}

export type ChannelOf<C, N> = N extends keyof Channels<C>
  ? Channels<C>[N] extends { receive: infer R; send: infer S }
    ? Channel<R, S>
    : never
  : never;
