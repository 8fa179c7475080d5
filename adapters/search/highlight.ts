import type { CheckedHighlight } from "./validate.ts";

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** An excerpt whose parts are in turn as they were and found, with the marks around what was found. */
export function marked(parts: readonly string[], { open, close, escape: mode }: CheckedHighlight): string {
  const safe = (part: string) => (mode === "html" ? part.replace(/[&<>"']/g, (one) => ENTITIES[one] as string) : part);
  return parts.map((part, i) => (i % 2 ? open + safe(part) + close : safe(part))).join("");
}
