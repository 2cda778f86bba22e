// Times as the window's language writes them.

import { spoken } from "../i18n/language.svelte";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${spoken.current}/${name}`;
  const known = formats.get(key) ?? new Intl.DateTimeFormat(spoken.current, options);
  formats.set(key, known);
  return known;
}

export function clock(at: number): string {
  return format("clock", { hour: "numeric", minute: "2-digit" }).format(at);
}

export function moment(at: number): string {
  return format("moment", { dateStyle: "full", timeStyle: "short" }).format(at);
}

export function date(at: number): string {
  return format("date", { dateStyle: "medium" }).format(at);
}

/** "Today", "Yesterday", else the date. */
export function day(at: number, now: number = Date.now()): string {
  const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
  if (days === 0 || days === -1) {
    const relative = new Intl.RelativeTimeFormat(spoken.current, { numeric: "auto" }).format(days, "day");
    return relative.charAt(0).toLocaleUpperCase(spoken.current) + relative.slice(1);
  }
  const thisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const options = {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...(thisYear ? {} : { year: "numeric" as const }),
  } as const;
  return format(thisYear ? "day" : "day-year", options).format(at);
}

function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}
