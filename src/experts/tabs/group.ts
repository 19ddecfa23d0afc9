import { onAbort } from "../on-abort.ts";
import type { Urgency } from "../share.ts";
import { abortedError } from "../source/checks.ts";
import type { TabLinks } from "./links.ts";
import { holdLock, type Release } from "./locks.ts";

/**
 * How often the leader is looked for while something is asked of it. One that was looked for and has not answered by
 * the next time is asleep or stuck, and its place is taken. A tab that was busy itself sees its timer before the
 * answers that came meanwhile, so the first look counts for nothing.
 */
const ANSWER_MS = 5_000;

/** What a tab does for the group. */
export interface TabDuties {
  /** Fetches and stores parts for another tab; resolves to those now stored. The asker meets failures itself. */
  serve(keys: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<readonly string[]>;
  /** An urgency given to `serve` has changed. */
  urgencyChanged(): void;
  /** Another tab has stored parts. */
  onStored(keys: readonly string[]): void;
  /** This tab is about to lead: what the last leader stored may not have been told. Never rejects. */
  onLead(): Promise<void>;
}

/** The tabs that use one model: its leader fetches parts and writes them to the store, the others read it. */
export interface TabGroup {
  /** True if this tab may fetch: it leads, or is on its own. */
  readonly leads: boolean;
  /**
   * Has the leader fetch parts. Resolves when all are stored, when the leader could do no more, or when this tab has
   * come to lead: look into the store, and fetch what is missing. Rejects with `aborted` when the signal fires.
   */
  ask(keys: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<void>;
  /** Tells that an urgency given to `ask` has changed. */
  urgencyChanged(): void;
  /** Tells the others of parts that are in the store now. */
  announce(keys: readonly string[]): void;
  /** Leaves the group, and another tab leads; this one goes on alone. */
  leave(): void;
}

type Message =
  | { readonly type: "want"; readonly id: string; readonly keys: readonly string[]; readonly demand: boolean }
  | { readonly type: "drop"; readonly id: string }
  | { readonly type: "heard"; readonly id: string }
  | { readonly type: "done"; readonly id: string }
  | { readonly type: "stored"; readonly keys: readonly string[] }
  | { readonly type: "lead" };

/** Something this tab waits for. */
interface Ask {
  readonly keys: Set<string>;
  readonly urgency: Urgency;
  /** As the leader last knew it. */
  demand: boolean;
  /** The leader was looked for, and has not answered since. */
  unanswered: boolean;
  resolve(): void;
}

/** Something another tab waits for. */
interface Service {
  readonly urgency: Urgency;
  readonly controller: AbortController;
}

/** Nobody to share with. */
export const alone: TabGroup = {
  leads: true,
  ask: async () => undefined,
  urgencyChanged: () => undefined,
  announce: () => undefined,
  leave: () => undefined,
};

/**
 * Joins the tabs that use a model. The leader is who holds a lock, so it hands over by ending, whichever way; a
 * leader that does not answer has the lock stolen and follows when it wakes.
 */
export async function joinTabs(
  links: TabLinks | undefined,
  modelKey: string,
  duties: TabDuties,
  { answerMs = ANSWER_MS } = {},
): Promise<TabGroup> {
  if (!links) return alone;
  const name = `webmoe/lead/${modelKey}`;
  const tab = crypto.randomUUID();
  const channel = links.openChannel(name);
  const leaving = new AbortController();
  const asks = new Map<string, Ask>();
  const services = new Map<string, Service>();
  let asked = 0;
  let leads = false;
  let release: Release | undefined;
  let watch: ReturnType<typeof setInterval> | undefined;

  const post = (message: Message): void => {
    if (!leaving.signal.aborted) channel.postMessage(message);
  };

  function want(id: string, ask: Ask): void {
    ask.demand = ask.urgency.demand;
    post({ type: "want", id, keys: [...ask.keys], demand: ask.demand });
  }

  function settleAll(): void {
    for (const { resolve } of [...asks.values()]) resolve();
  }

  function leadBy(lock: Release | undefined): Promise<void> | undefined {
    if (!lock) return undefined;
    if (leaving.signal.aborted) {
      lock();
      return undefined;
    }
    release = lock;
    return duties.onLead().then(() => {
      // Stolen or left meanwhile.
      if (release !== lock) return;
      leads = true;
      post({ type: "lead" });
      settleAll();
    });
  }

  function onStolen(): void {
    leads = false;
    release = undefined;
    if (!leaving.signal.aborted) void follow();
  }

  const hold = (options: LockOptions): Promise<Release | undefined> =>
    holdLock(links, name, options, onStolen);

  async function follow(): Promise<void> {
    const { signal } = leaving;
    // Rejects when this tab leaves, or where locks are denied after all.
    await hold({ signal }).then(leadBy, leave);
  }

  /** Looks for the leader while there is something to ask it for. */
  function watchLeader(): void {
    if (asks.size === 0) {
      clearInterval(watch);
      watch = undefined;
      return;
    }
    watch ??= setInterval(() => {
      const silent = [...asks.values()].some(({ unanswered }) => unanswered);
      for (const [id, ask] of asks) {
        ask.unanswered = true;
        want(id, ask);
      }
      if (silent && !release) void hold({ steal: true }).then(leadBy, leave);
    }, answerMs);
  }

  function serve(id: string, keys: readonly string[], demand: boolean): void {
    post({ type: "heard", id });
    const running = services.get(id);
    if (running) {
      running.urgency.demand ||= demand;
      duties.urgencyChanged();
      return;
    }
    const service = { urgency: { demand }, controller: new AbortController() };
    services.set(id, service);
    duties
      .serve(keys, service.urgency, service.controller.signal)
      .then(
        (stored) => post({ type: "stored", keys: stored }),
        () => undefined,
      )
      .finally(() => {
        services.delete(id);
        post({ type: "done", id });
      });
  }

  function noteStored(keys: readonly string[]): void {
    duties.onStored(keys);
    for (const ask of [...asks.values()]) {
      for (const key of keys) ask.keys.delete(key);
      if (ask.keys.size === 0) ask.resolve();
    }
  }

  channel.onmessage = ({ data }: { data: Message }): void => {
    if (data.type === "want") {
      if (leads) serve(data.id, data.keys, data.demand);
    } else if (data.type === "drop") services.get(data.id)?.controller.abort();
    else if (data.type === "done") asks.get(data.id)?.resolve();
    else if (data.type === "stored") noteStored(data.keys);
    else if (data.type === "lead") for (const [id, ask] of asks) want(id, ask);
    else {
      const ask = asks.get(data.id);
      if (ask) ask.unanswered = false;
    }
  };

  function leave(): void {
    if (leaving.signal.aborted) return;
    leaving.abort();
    leads = true;
    for (const { controller } of services.values()) controller.abort();
    settleAll();
    channel.close();
    release?.();
    release = undefined;
  }

  try {
    const lock = await hold({ ifAvailable: true });
    if (lock) await leadBy(lock);
    else void follow();
  } catch {
    leave();
  }

  return {
    get leads() {
      return leads;
    },
    ask(keys, urgency, signal) {
      if (leads) return Promise.resolve();
      if (signal.aborted) return Promise.reject(abortedError());
      return new Promise((resolve, reject) => {
        const id = `${tab}/${asked++}`;
        const end = (action: () => void): void => {
          asks.delete(id);
          unlink();
          watchLeader();
          action();
        };
        const ask: Ask = {
          keys: new Set(keys),
          urgency,
          demand: false,
          unanswered: false,
          resolve: () => end(resolve),
        };
        const unlink = onAbort(signal, () =>
          end(() => {
            post({ type: "drop", id });
            reject(abortedError());
          }),
        );
        asks.set(id, ask);
        want(id, ask);
        watchLeader();
      });
    },
    urgencyChanged() {
      for (const [id, ask] of asks) if (ask.urgency.demand && !ask.demand) want(id, ask);
    },
    announce: (keys) => post({ type: "stored", keys }),
    leave,
  };
}
