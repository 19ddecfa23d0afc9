/**
 * Numbers as the page shows them. Units follow a no-break space, so that a figure never wraps away from its unit.
 */

const NBSP = "\u00a0";
const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Three significant digits, without an exponent. */
function threeDigits(value: number): string {
  if (value >= 99.95) return grouped.format(value);
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

/** Bytes in decimal units: `812 B`, `4.19 MB`, `23.9 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["kB", "MB", "GB", "TB"];
  if (bytes < 1000) return `${Math.round(bytes)}${NBSP}B`;
  let value = bytes / 1000;
  let unit = 0;
  // 999.5 is where rounding would print four digits.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${threeDigits(value)}${NBSP}${units[unit]}`;
}

/** Milliseconds below a second, else seconds. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)}${NBSP}ms`;
  return `${threeDigits(seconds)}${NBSP}s`;
}

/** A rate per second as a bare number, or a dash when nothing was measured. */
export function formatRate(perSecond: number): string {
  return Number.isFinite(perSecond) && perSecond > 0 ? threeDigits(perSecond) : "–";
}

/** Whole per cent, rounded down: 100 % is said of the whole only. A dash when there is nothing to share. */
export function formatShare(part: number, whole: number): string {
  if (!(whole > 0)) return "–";
  return `${Math.floor(Math.min(1, part / whole) * 100)}${NBSP}%`;
}

/** A count with thousands separators. */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** A count of parameters: `22.2 M`, `30.5 B`. */
export function formatParameters(count: number): string {
  if (count >= 999.5e6) return `${threeDigits(count / 1e9)}${NBSP}B`;
  if (count >= 1e6) return `${threeDigits(count / 1e6)}${NBSP}M`;
  return formatCount(count);
}
