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
}

/** The contract of those who have none: any name, any value. */
export interface AnyContract {
  calls: { [method: string]: (params?: any) => any };
  events: { [event: string]: any };
  emits: { [event: string]: any };
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

export type MethodName<C> = Names<Calls<C>>;
export type EventName<C> = Names<Events<C>>;
export type EmitName<C> = Names<Emits<C>>;

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
