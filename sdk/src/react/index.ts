import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { LatestCall, type CallState } from "../attempt.js";
import { getAuroraView, type AuroraViewClient } from "../client.js";
import type {
  AnyContract,
  Arguments,
  Calls,
  CommandName,
  Commands,
  Contract,
  EventDetail,
  EventName,
  MethodName,
  Result,
  StateKey,
  StateOf,
} from "../contract.js";
import { readState, watchState, writeState } from "../watch.js";

export interface AuroraViewState<C extends Contract> {
  client: AuroraViewClient<C>;
  /** Whether there is a host: inside AuroraView always. */
  isReady: boolean;
}

export interface UseCall<C extends Contract, M extends MethodName<C>>
  extends CallState<Result<Calls<C>[M]>> {
  /**
   * Calls the method; a call of this hook that still runs is aborted, as it is when the component
   * goes. What it rejects with is `error` too, so that it need not be caught.
   */
  execute(...args: Arguments<Calls<C>[M]>): Promise<Result<Calls<C>[M]>>;
  cancel(): void;
}

export type Listeners<C extends Contract> = {
  [E in EventName<C>]?: (detail: EventDetail<C, E>) => void;
};

export interface Hooks<C extends Contract> {
  /** The page's client. */
  useAuroraView(): AuroraViewState<C>;
  /** Hears an event of the host as long as the component is there. */
  useAuroraEvent<E extends EventName<C>>(
    event: E,
    listener: (detail: EventDetail<C, E>) => void,
  ): void;
  /** The same for several events. */
  useAuroraEvents(listeners: Listeners<C>): void;
  /** A method of the host, with the state of its latest call. */
  useAuroraCall<M extends MethodName<C>>(method: M): UseCall<C, M>;
  /** The same for a command of the host. */
  useAuroraInvoke<M extends CommandName<C>>(command: M): UseCall<{ calls: Commands<C> }, M>;
  /**
   * A value of the shared state, and a function that sets it (`undefined` takes it away). What is
   * changed inside the value is shared as well.
   */
  useAuroraState<K extends StateKey<C>>(
    key: K,
  ): [StateOf<C>[K] | undefined, (value: StateOf<C>[K] | undefined) => void];
  useAuroraState<K extends StateKey<C>>(
    key: K,
    otherwise: StateOf<C>[K],
  ): [StateOf<C>[K], (value: StateOf<C>[K] | undefined) => void];
}

/** The hooks under a contract: `export const { useAuroraCall } = createHooks<Api>()`. */
export function createHooks<C extends Contract = AnyContract>(): Hooks<C> {
  return {
    useAuroraView,
    useAuroraEvent,
    useAuroraEvents,
    useAuroraCall,
    useAuroraInvoke,
    useAuroraState,
  } as unknown as Hooks<C>;
}

export function useAuroraView(): AuroraViewState<AnyContract> {
  const client = getAuroraView();
  const [isReady, setReady] = useState(() => client.isReady());
  useEffect(() => {
    if (isReady) return undefined;
    const end = new AbortController();
    client.whenReady({ timeout: 0, signal: end.signal }).then(
      () => setReady(true),
      () => {}, // the component has gone
    );
    return () => end.abort();
  }, [client, isReady]);
  return { client, isReady };
}

/** Always the function of the latest render, so that effects need not depend on it. */
function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  useLayoutEffect(() => {
    ref.current = value;
  });
  return ref;
}

export function useAuroraEvent(event: string, listener: (detail: any) => void): void {
  const latest = useLatest(listener);
  useEffect(
    () => getAuroraView().on(event, (detail) => latest.current(detail)),
    [event, latest],
  );
}

export function useAuroraEvents(listeners: Listeners<AnyContract>): void {
  const latest = useLatest(listeners);
  // Names, not functions, decide whether to subscribe anew.
  const names = JSON.stringify(Object.keys(listeners).sort());
  useEffect(() => {
    const removers = (JSON.parse(names) as string[]).map((name) =>
      getAuroraView().on(name, (detail) => latest.current[name]?.(detail)),
    );
    return () => removers.forEach((remove) => remove());
  }, [names, latest]);
}

export function useAuroraCall(method: string): UseCall<AnyContract, string> {
  const [state, setState] = useState<CallState<any>>({
    data: undefined,
    error: undefined,
    loading: false,
  });
  const [calls] = useState(
    () =>
      new LatestCall(getAuroraView().call, (change) => setState((old) => ({ ...old, ...change }))),
  );
  // A call belongs to the method it was made for, and to its component.
  useEffect(() => () => calls.cancel(), [calls, method]);
  const execute = useCallback(
    (...args: Arguments<(params?: any) => any>) => calls.execute(method, ...args),
    [calls, method],
  );
  const cancel = useCallback(() => calls.cancel(), [calls]);
  return { ...state, execute, cancel };
}

export function useAuroraInvoke(command: string): UseCall<AnyContract, string> {
  return useAuroraCall(`invoke:${command}`);
}

export function useAuroraState(
  key: string,
  otherwise?: unknown,
): [any, (value: unknown) => void] {
  const client = getAuroraView();
  // A value that is changed inside stays the same object: changes are counted instead.
  const changes = useRef(0);
  const subscribe = useCallback(
    (changed: () => void) =>
      watchState(client, key, () => {
        changes.current++;
        changed();
      }),
    [client, key],
  );
  useSyncExternalStore(subscribe, () => changes.current);
  const set = useCallback((value: unknown) => writeState(client, key, value), [client, key]);
  const value = readState(client, key);
  return [value === undefined ? otherwise : value, set];
}
