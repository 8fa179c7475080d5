/*
 * Names in folders. What some file system refuses is written as %XX: `< > : " | ? * %`, a dot or space at the end, the first letter of a device's name
 * (con, nul, com1 …). A name that becomes too long goes on in a folder below: a part that ends with a single % is followed by the rest. Case stays as it is given, so
 * paths that differ in case alone are one on a file system that ignores case.
 */

/** Most bytes of a part; file systems stop at 255. */
const MAX_PART = 240;
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const escaped = (sign: string) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

/** The parts of one segment of a path. */
export function encodeSegment(segment: string): string[] {
  let text = segment.replace(/[<>:"|?*%]/g, escaped).replace(/[. ]$/, escaped);
  if (DEVICE.test(text)) text = escaped(text) + text.slice(1);
  const parts: string[] = [];
  let part = "";
  for (const sign of text.match(/%[0-9A-F]{2}|./gsu) ?? []) {
    if (Buffer.byteLength(part) + Buffer.byteLength(sign) > MAX_PART) {
      parts.push(`${part}%`);
      part = "";
    }
    part += sign;
  }
  return [...parts, part];
}

/** The parts of a path, to be joined by the system's own separator. */
export const encodePath = (path: string): string[] => path.split("/").flatMap(encodeSegment);

/** What the names of one part were before they were encoded; whether the rest follows in a folder below. */
export function decodePart(part: string): { text: string; goesOn: boolean } {
  const goesOn = part.endsWith("%");
  const text = (goesOn ? part.slice(0, -1) : part).replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return { text, goesOn };
}
