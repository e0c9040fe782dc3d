import { customRef, onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from "vue";
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
  isReady: Readonly<Ref<boolean>>;
}

export interface UseCall<C extends Contract, M extends MethodName<C>> {
  /** The latest result; kept while the next call runs, and when it fails. */
  data: Readonly<ShallowRef<Result<Calls<C>[M]> | undefined>>;
  /** Why the latest call failed; `undefined` while one runs and after a good one. */
  error: Readonly<ShallowRef<Error | undefined>>;
  loading: Readonly<Ref<boolean>>;
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
  /** Hears an event of the host as long as the component, or its effect scope, is there. */
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
   * A value of the shared state; setting it sets it for the host too (`undefined` takes it away),
   * as does what is changed inside the value.
   */
  useAuroraState<K extends StateKey<C>>(key: K): Ref<StateOf<C>[K] | undefined>;
  useAuroraState<K extends StateKey<C>>(
    key: K,
    otherwise: StateOf<C>[K],
  ): Ref<StateOf<C>[K], StateOf<C>[K] | undefined>;
}

/** The composables under a contract: `export const { useAuroraCall } = createHooks<Api>()`. */
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
  const isReady = ref(client.isReady());
  if (!isReady.value) {
    const end = new AbortController();
    onScopeDispose(() => end.abort());
    client.whenReady({ timeout: 0, signal: end.signal }).then(
      () => (isReady.value = true),
      () => {}, // the component has gone
    );
  }
  return { client, isReady };
}

export function useAuroraEvent(event: string, listener: (detail: any) => void): void {
  onScopeDispose(getAuroraView().on(event, listener));
}

export function useAuroraEvents(listeners: Listeners<AnyContract>): void {
  for (const [event, listener] of Object.entries(listeners)) {
    if (listener !== undefined) useAuroraEvent(event, listener);
  }
}

export function useAuroraCall(method: string): UseCall<AnyContract, string> {
  // Shallow: results may be large, and typed arrays do not like proxies.
  const data = shallowRef<any>();
  const error = shallowRef<Error | undefined>();
  const loading = ref(false);
  const calls = new LatestCall(getAuroraView().call, (change: Partial<CallState<any>>) => {
    if ("data" in change) data.value = change.data;
    if ("error" in change) error.value = change.error;
    if (change.loading !== undefined) loading.value = change.loading;
  });
  onScopeDispose(() => calls.cancel());
  return {
    data,
    error,
    loading,
    execute: (...args) => calls.execute(method, ...args),
    cancel: () => calls.cancel(),
  };
}

export function useAuroraInvoke(command: string): UseCall<AnyContract, string> {
  return useAuroraCall(`invoke:${command}`);
}

export function useAuroraState(key: string, otherwise?: unknown): Ref<any> {
  const client = getAuroraView();
  return customRef((track, trigger) => {
    onScopeDispose(watchState(client, key, trigger));
    return {
      get() {
        track();
        const value = readState(client, key);
        return value === undefined ? otherwise : value;
      },
      set: (value) => writeState(client, key, value),
    };
  });
}
