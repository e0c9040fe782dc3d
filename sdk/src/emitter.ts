/** A small typed emitter, for the events of the page itself. */
export class EventEmitter<Events extends object = Record<string, any>> {
  private readonly listeners = new Map<keyof Events, Set<{ fn: (detail: any) => void }>>();

  /** Returns a function that removes the listener. The same one added twice runs twice. */
  on<E extends keyof Events>(event: E, fn: (detail: Events[E]) => void): () => void {
    let entries = this.listeners.get(event);
    if (entries === undefined) this.listeners.set(event, (entries = new Set()));
    const entry = { fn };
    entries.add(entry);
    return () => this.remove(event, (other) => other === entry);
  }

  once<E extends keyof Events>(event: E, fn: (detail: Events[E]) => void): () => void {
    const remove = this.on(event, (detail) => {
      remove();
      fn(detail);
    });
    return remove;
  }

  /** Removes all listeners of the event, or all that are `fn`. */
  off<E extends keyof Events>(event: E, fn?: (detail: Events[E]) => void): void {
    this.remove(event, (entry) => fn === undefined || entry.fn === fn);
  }

  /**
   * Calls the listeners in the order they were added; false if there are none. One that throws
   * is reported, and the others run. One added meanwhile waits for the next event.
   */
  emit<E extends keyof Events>(event: E, detail: Events[E]): boolean {
    const entries = this.listeners.get(event);
    if (entries === undefined) return false;
    for (const entry of [...entries]) {
      if (!entries.has(entry)) continue;
      try {
        entry.fn(detail);
      } catch (error) {
        console.error(`a listener of "${String(event)}" threw`, error);
      }
    }
    return true;
  }

  listenerCount(event: keyof Events): number {
    return this.listeners.get(event)?.size ?? 0;
  }

  private remove(event: keyof Events, matches: (entry: { fn: unknown }) => boolean): void {
    const entries = this.listeners.get(event);
    if (entries === undefined) return;
    for (const entry of [...entries]) if (matches(entry)) entries.delete(entry);
    if (entries.size === 0) this.listeners.delete(event);
  }
}
