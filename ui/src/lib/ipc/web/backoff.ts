// How long to wait before the next try: doubling, bounded, and jittered so that a restarted host is not stormed.

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** Milliseconds before try number `attempt` (from 0); `random` lies in [0, 1). */
export function delay(attempt: number, random: number): number {
  const step = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(step * (0.5 + random / 2));
}
