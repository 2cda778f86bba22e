// The questions of a returning client, asked until they are answered whole.

import type { Cursor } from "../bindings/Cursor";
import type { Member } from "../bindings/Member";
import type { Room } from "../bindings/Room";
import type { RoomSync } from "../bindings/RoomSync";
import { SYNC_ROOMS } from "./frames";
import type { Link } from "./link";

/** Every member of the host, page by page. */
export async function askMembers(link: Link): Promise<Member[]> {
  const members: Member[] = [];
  for (let more = true; more; ) {
    const after = members.at(-1)?.id;
    const page = await link.ask({ type: "members", ...(after ? { after } : {}) }, "members");
    members.push(...page.members);
    more = page.more && page.members.length > 0;
  }
  return members;
}

/** The public rooms one is not in, page by page. */
export async function askDirectory(link: Link): Promise<Room[]> {
  const rooms: Room[] = [];
  for (let more = true; more; ) {
    const after = rooms.at(-1)?.id;
    const page = await link.ask({ type: "directory", ...(after ? { after } : {}) }, "rooms");
    rooms.push(...page.rooms);
    more = (page.more ?? false) && page.rooms.length > 0;
  }
  return rooms;
}

/** What the rooms have to say since the cursors. Without any cursor it is asked once all the same. */
export async function askNews(link: Link, cursors: readonly Cursor[]): Promise<RoomSync[]> {
  const news: RoomSync[] = [];
  for (let from = 0; from < Math.max(1, cursors.length); from += SYNC_ROOMS) {
    const part = cursors.slice(from, from + SYNC_ROOMS);
    news.push(...(await link.ask({ type: "sync", cursors: part }, "synced")).rooms);
  }
  return news;
}
