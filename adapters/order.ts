/** Order by code points, which is that of UTF-8 bytes; JavaScript's own puts surrogates before U+E000 to U+FFFF. */
export function byCodePoint(one: string, other: string): number {
  const least = Math.min(one.length, other.length);
  for (let i = 0; i < least; i++) {
    const a = one.charCodeAt(i);
    const b = other.charCodeAt(i);
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

const rank = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit);
