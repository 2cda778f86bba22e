// How much of a text is over what one message holds (the protocol's TEXT_BYTES), in bytes of UTF-8.

const TEXT_BYTES = 16 * 1024;
const encoder = new TextEncoder();

export function overflow(text: string): number {
  // No sign takes more than three bytes per UTF-16 unit, so short texts need no counting.
  if (text.length * 3 <= TEXT_BYTES) {
    return 0;
  }
  return Math.max(0, encoder.encode(text.trim()).length - TEXT_BYTES);
}
