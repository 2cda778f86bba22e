// An invite's secret as the links and the picture that carry it to somebody.

import { encode } from "uqr";

import type { InviteLinkView } from "../bindings/InviteLinkView";
import type { QrView } from "../bindings/QrView";

export function linksOf(
  page: Pick<Location, "protocol" | "hostname" | "port" | "origin">,
  host: string,
  token: string,
): InviteLinkView {
  const port = page.port || (page.protocol === "https:" ? "443" : "80");
  const app = `hearth://join/${host}?a=${page.hostname}:${port}&t=${token}`;
  return { app, web: `${page.origin}/join/${host}#t=${token}`, qr: pictureOf(app) };
}

/** The text as one SVG path, one unit a module, without a margin. */
export function pictureOf(text: string): QrView {
  const { size, data } = encode(text, { ecc: "M", border: 0 });
  const path = data.flatMap((line, y) => line.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return { size, path };
}
