/** Web Locks and BroadcastChannel of one site in memory, with tabs that can crash. */
import type { TabChannel, TabLinks } from "./links.ts";

export interface FakeTab {
  readonly links: TabLinks;
  /** Releases every lock of the tab and silences it. */
  crash(): void;
  /** While asleep the tab hears nothing, but keeps its locks. */
  asleep: boolean;
}

interface Request {
  readonly tab: FakeTab;
  readonly mode: LockMode;
  grant(): void;
}

interface Holder extends Pick<Request, "tab" | "mode"> {
  release(): void;
  steal(): void;
}

interface NamedLock {
  holders: Holder[];
  queue: Request[];
}

export function fakeSite() {
  const locks = new Map<string, NamedLock>();
  const channels = new Set<TabChannel & { readonly name: string; readonly tab: FakeTab }>();
  const crashed = new Set<FakeTab>();

  function lockOf(name: string): NamedLock {
    const lock = locks.get(name) ?? { holders: [], queue: [] };
    locks.set(name, lock);
    return lock;
  }

  function grantNext({ holders, queue }: NamedLock): void {
    for (;;) {
      const next = queue[0];
      if (!next) return;
      const free =
        holders.length === 0 || (next.mode === "shared" && holders.every(({ mode }) => mode === "shared"));
      if (!free) return;
      queue.shift();
      next.grant();
    }
  }

  function request(
    tab: FakeTab,
    name: string,
    { mode = "exclusive", ifAvailable = false, steal = false, signal }: LockOptions,
    callback: (lock: Lock | null) => unknown,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const lock = lockOf(name);
      const entry: Request = {
        tab,
        mode,
        grant() {
          const holder: Holder = {
            tab,
            mode,
            release() {
              lock.holders = lock.holders.filter((other) => other !== holder);
              grantNext(lock);
            },
            steal: () => reject(new DOMException("stolen", "AbortError")),
          };
          lock.holders.push(holder);
          queueMicrotask(() => {
            Promise.resolve(callback({ name, mode })).then(resolve, reject).finally(holder.release);
          });
        },
      };
      if (steal) {
        const robbed = lock.holders;
        lock.holders = [];
        for (const holder of robbed) holder.steal();
        entry.grant();
        return;
      }
      lock.queue.push(entry);
      grantNext(lock);
      if (!lock.queue.includes(entry)) return;
      if (ifAvailable) {
        lock.queue.pop();
        queueMicrotask(() => resolve(callback(null)));
      }
      signal?.addEventListener("abort", () => {
        if (!lock.queue.includes(entry)) return;
        lock.queue = lock.queue.filter((other) => other !== entry);
        reject(signal.reason);
      });
    });
  }

  function openTab(): FakeTab {
    const tab: FakeTab = {
      asleep: false,
      links: {
        locks: {
          request: ((name: string, options: LockOptions, callback: LockGrantedCallback<unknown>) =>
            request(
              tab,
              name,
              options,
              callback as (lock: Lock | null) => unknown,
            )) as LockManager["request"],
        },
        openChannel(name) {
          const channel = {
            name,
            tab,
            onmessage: null as TabChannel["onmessage"],
            postMessage(message: unknown) {
              if (crashed.has(tab)) return;
              const data = structuredClone(message);
              for (const other of channels)
                if (other !== channel && other.name === name && !other.tab.asleep)
                  setTimeout(() => {
                    if (channels.has(other))
                      (other.onmessage as ((event: { data: unknown }) => void) | null)?.({ data });
                  });
            },
            close: () => void channels.delete(channel),
          };
          channels.add(channel);
          return channel;
        },
      },
      crash() {
        crashed.add(tab);
        for (const channel of channels) if (channel.tab === tab) channels.delete(channel);
        for (const lock of locks.values()) {
          lock.queue = lock.queue.filter((other) => other.tab !== tab);
          for (const holder of lock.holders) if (holder.tab === tab) holder.release();
        }
      },
    };
    return tab;
  }
  return { openTab };
}
