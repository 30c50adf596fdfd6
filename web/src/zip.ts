/** A zip archive of texts, stored as they are: CIF files are small. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ TABLE[(value ^ byte) & 0xff];
  return (value ^ 0xffffffff) >>> 0;
}

/** @param files Names and texts. */
export function zip(files: ReadonlyArray<readonly [string, string]>): Blob {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, text] of files) {
    const [title, content] = [encoder.encode(name), encoder.encode(text)];
    // UTF-8 names; 1 January 1980, so that the same files are the same archive.
    const common = [20, 0x0800, 0, 0, 0x21];
    const sizes = [crc(content), content.length, content.length];
    const head = record(0x04034b50, [...common], sizes, [title.length, 0]);
    parts.push(head, title, content);
    directory.push(
      record(0x02014b50, [20, ...common], sizes, [title.length, 0, 0, 0, 0], [0, offset]),
      title,
    );
    offset += head.length + title.length + content.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record(0x06054b50, [0, 0, files.length, files.length], [size, offset], [0]);
  return new Blob([...parts, ...directory, end] as BlobPart[], { type: "application/zip" });
}

/** Little-endian: a signature, then words of 16, 32, 16, 32 bits in turn. */
function record(signature: number, ...groups: number[][]): Uint8Array {
  const size = 4 + groups.reduce((sum, group, at) => sum + group.length * (at % 2 ? 4 : 2), 0);
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, signature, true);
  let place = 4;
  groups.forEach((group, at) => {
    for (const value of group) {
      if (at % 2) view.setUint32(place, value, true);
      else view.setUint16(place, value, true);
      place += at % 2 ? 4 : 2;
    }
  });
  return new Uint8Array(view.buffer);
}
