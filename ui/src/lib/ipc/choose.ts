// Which `Backend` this page has: the desktop's shell announces itself, everything else is a browser at a host.

import type { Backend } from "./backend";

export async function chooseBackend(): Promise<Backend> {
  if ("__TAURI_INTERNALS__" in window) {
    return (await import("./tauri")).desktop;
  }
  const { openBrowserBackend } = await import("./web");
  return openBrowserBackend(window);
}
