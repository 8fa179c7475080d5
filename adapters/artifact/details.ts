import { canonical } from "../canonical.ts";
import { isPlain, type Metadata } from "../input.ts";
import type { Details } from "./backend.ts";

/** The text that lies beside a content. `etag` ties it to the content that it describes. */
export function detailsText({ size, sha256, contentType, run, metadata, modifiedAt, version }: Details): string {
  return canonical({ size, sha256, contentType, run, metadata, modifiedAt: modifiedAt.toISOString(), etag: version });
}

/** The details of such a text; undefined for one that is none of ours, or was cut short. */
export function detailsOf(text: string): Details | undefined {
  try {
    const { size, sha256, contentType, run, metadata, modifiedAt, etag } = JSON.parse(text) as Record<string, unknown>;
    const at = new Date(String(modifiedAt));
    if (typeof size !== "number" || typeof contentType !== "string" || typeof etag !== "string") return undefined;
    if (!isPlain(metadata) || Number.isNaN(at.getTime())) return undefined;
    return {
      size,
      sha256: typeof sha256 === "string" ? sha256 : null,
      contentType,
      run: typeof run === "string" ? run : null,
      metadata: metadata as Metadata,
      modifiedAt: at,
      version: etag,
    };
  } catch {
    return undefined;
  }
}
