// Does the host own the key it claims? A browser trusts its page's origin already; this catches a host that was
// replaced behind the same address. Where the browser has no WebCrypto (plain http beyond loopback), it can't be checked.

import type { Welcome } from "../bindings/Welcome";
import { fromBase64Url, toHex } from "./bytes";

export type Verdict = "proven" | "unchecked" | "refuted";

const CONTEXT = new TextEncoder().encode("hearth.v1 host proof\0");

export async function judge(welcome: Welcome, nonce: Uint8Array, subtle: SubtleCrypto | undefined): Promise<Verdict> {
  if (!subtle) {
    return "unchecked";
  }
  try {
    const spki = fromBase64Url(welcome.public_key);
    const id = toHex(new Uint8Array(await subtle.digest("SHA-256", spki)));
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const key = await subtle.importKey("spki", spki, algorithm, false, ["verify"]);
    const message = new Uint8Array([...CONTEXT, ...nonce]);
    const proof = fromBase64Url(welcome.proof);
    const signed = await subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, proof, message);
    return signed && id === welcome.host.id ? "proven" : "refuted";
  } catch {
    return "refuted";
  }
}
