// Events and outbox items as the rows a timeline shows.

import type { Event } from "../bindings/Event";
import type { RowView } from "../bindings/RowView";
import type { Item } from "./outbox";

export function rowOfEvent(event: Event, nameOf: (member: string) => string): RowView {
  const { change } = event;
  const frame = {
    seq: event.seq,
    at: event.at,
    by: event.by,
    byName: nameOf(event.by),
    delivery: { kind: "sent" } as const,
  };
  const key = `${event.room}/${event.seq}`;
  switch (change.kind) {
    case "posted":
      if (change.deleted) {
        return { ...frame, key: change.message, content: { kind: "unknown" } };
      }
      return { ...frame, key: change.message, content: { kind: "message", id: change.message, text: change.text } };
    case "created":
      return { ...frame, key, content: { kind: "created", name: change.name } };
    case "joined":
    case "left":
      return { ...frame, key, content: { kind: change.kind, who: nameOf(change.member) } };
    default:
      return { ...frame, key, content: { kind: "unknown" } };
  }
}

export function rowOfItem(item: Item, me: { id: string; name: string }): RowView {
  return {
    key: item.message,
    seq: null,
    at: item.at,
    by: me.id,
    byName: me.name,
    content: { kind: "message", id: item.message, text: item.text },
    delivery: item.failed ? { kind: "failed", ...item.failed } : { kind: "queued" },
  };
}
