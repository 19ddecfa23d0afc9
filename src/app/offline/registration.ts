/** The page's end of the service worker: registered unless switched off, updated when the person says so. */

import { remember, remembered } from "../remember.ts";

const SWITCH = "webmoe-offline-use";

/**
 * The browser passes a new version over while the old one has anything in hand, and may not look again for minutes. Then
 * the page is opened anew, which leaves the old one idle, and asks at once.
 */
const TAKE_OVER_MS = 4000;
/** Of this tab: the person has asked for the new version. */
const TAKING_OVER = "webmoe-taking-over";

export interface OfflineEvents {
  /** A new version of the page waits; `takeOver` reloads into it. */
  onUpdate(takeOver: () => void): void;
}

/** A build has a web manifest; a development server has neither that nor a service worker. */
const isBuilt = document.querySelector('link[rel="manifest"]') !== null;
const isPossible = isBuilt && isSecureContext && "serviceWorker" in navigator;

export function createOfflineUse(events: OfflineEvents) {
  let isOn = isPossible && remembered(SWITCH) !== "off";
  let keepsEngine = false;

  function watch(registration: ServiceWorkerRegistration): void {
    function takeOver(waiting: ServiceWorker): void {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage("take-over");
    }
    const offer = (waiting: ServiceWorker): void =>
      events.onUpdate(() => {
        takeOver(waiting);
        setTimeout(() => {
          sessionStorage.setItem(TAKING_OVER, "");
          location.reload();
        }, TAKE_OVER_MS);
      });
    // Asked for once: a version that comes later is offered anew.
    const isAskedFor = sessionStorage.getItem(TAKING_OVER) !== null;
    sessionStorage.removeItem(TAKING_OVER);
    // Without a controller this is the first visit, and there is nothing to update.
    if (registration.waiting && navigator.serviceWorker.controller)
      (isAskedFor ? takeOver : offer)(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const next = registration.installing;
      next?.addEventListener("statechange", () => {
        if (next.state === "installed" && navigator.serviceWorker.controller) offer(next);
      });
    });
  }

  async function register(): Promise<void> {
    const script = new URL("service-worker.js", document.baseURI);
    // A page that cannot be kept is a page like any other: nothing to say.
    const registration = await navigator.serviceWorker
      .register(script, { updateViaCache: "none" })
      .catch(() => undefined);
    if (!registration || !isOn) return;
    watch(registration);
    if (keepsEngine) await keepEngine();
  }

  async function keepEngine(): Promise<void> {
    const { active } = await navigator.serviceWorker.ready;
    active?.postMessage("keep-engine");
  }

  async function remove(): Promise<void> {
    const registration = await navigator.serviceWorker.getRegistration(document.baseURI);
    await registration?.unregister();
    for (const name of await caches.keys())
      if (registration && name.endsWith(registration.scope)) await caches.delete(name);
  }

  if (isOn) void register();

  return {
    isPossible,
    isOn: (): boolean => isOn,
    /** Takes effect with the next visit where it changes how the page is served. */
    set(on: boolean): void {
      if (!isPossible || on === isOn) return;
      isOn = on;
      remember(SWITCH, on ? "on" : "off");
      void (on ? register() : remove());
    },
    /** A model was loaded: what computes it is kept too. */
    modelLoaded(): void {
      keepsEngine = true;
      if (isOn) void keepEngine();
    },
  };
}
