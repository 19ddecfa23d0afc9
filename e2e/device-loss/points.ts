/** The call with which a device goes, counted from when the point is set: the n-th submission, or write to a buffer. */
export interface Point {
  readonly call: "submit" | "write";
  readonly count: number;
  /** Only writes to buffers whose label begins so. */
  readonly label?: string;
}

/** Carries points to the worker, which repeats each to say that it is set. */
export const CHANNEL = "device-loss";
